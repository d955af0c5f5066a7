"""The messages that a peer makes: correct ones, to begin with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trio_sip.dialog import Dialog
from trio_sip.message import (
    CSeq,
    NameAddr,
    Request,
    Response,
    Uri,
    Via,
    create_request,
    create_response,
    fill_via,
)
from trio_sip.stack import Tokens
from trio_sip.transport import Address

from ._profiles import PeerProfile
from ._sockets import PeerPath

__all__ = ["WITH_CONTACT", "PeerVoice", "session_description"]

WITH_CONTACT = frozenset({"INVITE", "SUBSCRIBE", "NOTIFY", "UPDATE", "REFER", "REGISTER"})
_MAKES_DIALOG = frozenset({"INVITE", "SUBSCRIBE", "UPDATE", "REFER", "NOTIFY"})
_WITH_ALLOW = frozenset({"INVITE", "OPTIONS", "UPDATE", "REGISTER"})


def session_description(address: Address, port: int = 40_000) -> bytes:
    """An SDP with one audio stream of PCMA and telephone events."""
    family = "IP6" if address.is_ipv6 else "IP4"
    lines = [
        "v=0",
        f"o=- 1 1 IN {family} {address.host}",
        "s=-",
        f"c=IN {family} {address.host}",
        "t=0 0",
        f"m=audio {port} RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=sendrecv",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


class PeerVoice:
    """Names, tags and numbers, and what is made of them."""

    def __init__(
        self,
        name: str,
        address: Address,
        profile: PeerProfile,
        tokens: Tokens,
        addresses: Mapping[str, Address],
    ) -> None:
        self.tokens = tokens
        self._addresses = addresses
        self._name = name
        self._address = address
        self._profile = profile
        self._tags: dict[tuple[str, str | None], str] = {}

    @property
    def _shown(self) -> Address:
        host = self._profile.contact_host
        return self._address if host is None else Address(host, self._address.port)

    @property
    def contact(self) -> NameAddr:
        """Where the peer says it is."""
        return NameAddr(f"sip:{self._name}@{self._shown}")

    def contact_at(self, path: PeerPath, *, secure: bool = False) -> NameAddr:
        """Where the peer says it is to who is at the other end of *path*.

        Over UDP and TCP that is `contact`.  Who only connects is at its end of the connection, or
        nowhere at all if that is a WebSocket (RFC 7118 section 5).
        """
        transport = path.transport
        if "UDP" in self._addresses and transport in ("UDP", "TCP"):
            return self.contact
        scheme = "sips" if secure else "sip"
        return NameAddr(f"{scheme}:{self._name}@{self._place(path)}{self._word(path, secure)}")

    def _word(self, path: PeerPath, secure: bool) -> str:
        transport = path.transport
        if transport == "UDP" or (secure and transport == "TLS"):
            return ""
        if transport == "WSS" and (secure or transport not in self._addresses):
            # RFC 7118 section 5.2 has no other word.
            transport = "WS"
        return f";transport={transport.lower()}"

    def _place(self, path: PeerPath) -> str:
        if self._profile.contact_host is not None:
            return str(self._shown)
        if path.transport in self._addresses:
            return str(self._addresses[path.transport])
        return f"{self._name}.invalid" if path.transport in ("WS", "WSS") else str(path.local)

    def via_of(self, path: PeerPath) -> Via:
        """A Via with a new branch."""
        via = self.via(path.transport)
        if path.transport in ("UDP", "TCP"):
            return via
        place = self._place(path)
        host, _, port = place.rpartition(":") if ":" in place else (place, "", "")
        return Via(via.transport, host, int(port) if port else None, via.params)

    def adjust_contact(self, request: Request, path: PeerPath) -> None:
        """Let a Contact that is ours lead back by the transport of *path*."""
        if request.headers.get_all("Contact") == [str(self.contact)]:
            secure = request.uri.scheme == "sips"
            request.headers.set("Contact", self.contact_at(path, secure=secure))

    def via(self, transport: str) -> Via:
        """A Via with a new branch, for UDP and TCP."""
        params: dict[str, str | None] = {"branch": self.tokens.branch()}
        if self._profile.rport:
            params["rport"] = None
        host, _, port = str(self._shown).rpartition(":")
        return Via(transport.upper(), host, int(port), params)

    def create_request(
        self,
        method: str,
        target: Uri | str,
        *,
        from_: NameAddr | str | None,
        to: NameAddr | str | None,
        call_id: str | None,
        cseq: int | None,
        contact: NameAddr | str | None,
        headers: Iterable[tuple[str, object]],
        body: bytes | str,
        content_type: str,
    ) -> Request:
        """A request outside of dialogs, still without a Via."""
        source = NameAddr.parse(from_ or f"<sip:{self._name}@{self._shown}>")
        if contact is None and method in WITH_CONTACT:
            contact = self.contact
        more = list(headers)
        given = {name.lower() for name, _ in more}
        request = create_request(
            method,
            target,
            from_=source if source.tag else source.with_tag(self.tokens.tag()),
            to=to or NameAddr(Uri.parse(target).without_headers()),
            call_id=call_id or self.tokens.call_id(),
            cseq=1 if cseq is None else cseq,
            contact=None if "contact" in given else contact,
            headers=[*more, *((n, v) for n, v in self._about(method) if n.lower() not in given)],
        )
        if body:
            request.add_body(body, content_type)
        return request

    def _about(self, method: str) -> list[tuple[str, str]]:
        profile = self._profile
        lines = []
        if method in _WITH_ALLOW:
            lines.append(("Allow", profile.allow))
            if profile.supported:
                lines.append(("Supported", profile.supported))
        if profile.user_agent:
            lines.append(("User-Agent", profile.user_agent))
        return lines

    def again(self, request: Request) -> Request:
        """The same as a new transaction."""
        again = Request(request.method, request.target, request.headers.copy(), request.body)
        again.headers.set("CSeq", CSeq(request.cseq.number + 1, request.method))
        first = again.via
        params = {**first.params, "branch": self.tokens.branch()}
        again.headers.remove("Via")
        again.headers.insert_first("Via", Via(first.transport, first.host, first.port, params))
        return again

    def create_response(
        self,
        request: Request,
        path: PeerPath,
        status: int,
        reason: str | None,
        *,
        headers: Iterable[tuple[str, object]],
        body: bytes | str,
        content_type: str,
    ) -> Response:
        """An answer with our tag and, where it belongs, our Contact."""
        if request.via_text is not None:
            request.received_via, _ = fill_via(request.via_text, path.remote.host, path.remote.port)
        tag = self.tag_for(request) if status > 100 else None
        response = create_response(request, status, reason, to_tag=tag)
        if 100 < status < 300 and request.method in _MAKES_DIALOG:
            secure = request.uri.scheme == "sips"
            response.add_header("Contact", self.contact_at(path, secure=secure))
        if status // 100 == 2:
            for name, value in self._about(request.method):
                response.add_header(name, value)
        for name, content in headers:
            response.headers.remove(name)
            response.add_header(name, content)
        if body:
            response.add_body(body, content_type)
        return response

    def tag_for(self, request: Request) -> str:
        """Our tag towards who sent that: always the same one within a call."""
        if request.to.tag:
            return request.to.tag
        key = (request.call_id, request.from_.tag)
        if key not in self._tags:
            self._tags[key] = self.tokens.tag()
        return self._tags[key]

    def dialog_of(self, request: Request, response: Response) -> Dialog:
        """The dialog that our *response* has made."""
        return Dialog.as_uas(request, response.to.tag or "")

    def create_ack(
        self,
        request: Request,
        response: Response,
        *,
        headers: Iterable[tuple[str, object]],
        body: bytes | str,
        content_type: str,
    ) -> Request:
        """The ACK of a 2xx, still without a Via.  RFC 3261 section 13.2.2.4."""
        dialog = Dialog.as_uac(request, response)
        ack = create_request(
            "ACK",
            dialog.remote_target,
            from_=dialog.local,
            to=dialog.remote,
            call_id=request.call_id,
            cseq=request.cseq.number,
            route=dialog.route_set,
            headers=headers,
        )
        if body:
            ack.add_body(body, content_type)
        return ack
