"""A proxy for conversations: as much of one as RFC 3665 draws.

It forwards what comes, says 100 and 407, and does what is between neighbours: it repeats INVITE,
CANCEL and refusals until they are heard, and acknowledges refusals.  It does not know retransmissions
from new messages; what it forwards once it forwards again in the same way.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Self

import attrs
import trio

from trio_sip.message import (
    ROUTE,
    Request,
    Response,
    Uri,
    Via,
    create_ack,
    create_cancel,
    create_response,
    parse_message_untrusted,
)
from trio_sip.testing import MemoryHost, MemoryNetwork
from trio_sip.transport import Address

__all__ = ["Proxy"]

_PORT = 5060
_INTERVALS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)

_Heard = tuple[str, str | None]
"""Of which method, and for which branch."""


@attrs.frozen
class Onward:
    """A request as it was forwarded, and where to."""

    request: Request
    hop: Uri


class Proxy:
    """What stands between the ends of a conversation."""

    def __init__(
        self,
        host: MemoryHost,
        nursery: trio.Nursery,
        *,
        ways: Mapping[str, tuple[str, ...]],
        realm: str | None,
        domain: str | None,
        record_route: bool,
        edit: Callable[[bytes], bytes] | None,
    ) -> None:
        self.address = Address(host.addresses[0], _PORT)
        self.uri = f"sip:{self.address.host};lr"
        self._socket = host.bind_datagrams(self.address)
        self._nursery = nursery
        self._ways = ways
        self._realm = realm
        self._names = {self.address.host, domain}
        self._record_route = record_route
        self._edit = edit
        self._forwarded: dict[str | None, list[Onward]] = {}
        """What became of each INVITE, by the branch that it came with."""

        self._refused: set[str | None] = set()
        self._heard: set[_Heard] = set()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        network: MemoryNetwork,
        name: str,
        *,
        ways: Mapping[str, tuple[str, ...]],
        realm: str | None = None,
        domain: str | None = None,
        record_route: bool = True,
        edit: Callable[[bytes], bytes] | None = None,
    ) -> AsyncIterator[Self]:
        """A proxy on the host of that name.

        Args:
          ways: for the host of a Request-URI, where requests go: what has a user part becomes the
            Request-URI, and what has none is the next proxy.
          realm: of the credentials that an INVITE must have.
          domain: its other name in a Route.
          record_route: stay in the dialog.
          edit: changes session descriptions as they pass.
        """
        async with trio.open_nursery() as nursery:
            proxy = cls(
                network.host(name),
                nursery,
                ways=ways,
                realm=realm,
                domain=domain,
                record_route=record_route,
                edit=edit,
            )
            nursery.start_soon(proxy._serve)
            try:
                yield proxy
            finally:
                nursery.cancel_scope.cancel()
                proxy._socket.close()

    async def _serve(self) -> None:
        while True:
            try:
                data, _ = self._socket.receive_nowait()
            except BlockingIOError:
                await self._socket.wait_readable()
                continue
            message = parse_message_untrusted(data)
            if isinstance(message, Response):
                self._take_response(message)
            elif message.method == "INVITE":
                self._take_invite(message)
            elif message.method == "CANCEL":
                self._take_cancel(message)
            elif message.method == "ACK" and message.via.branch in self._refused:
                self._heard.add(("ACK", message.via.branch))
            else:
                for way in self._ways_of(message):
                    self._forward(message, way)

    # -- to neighbours

    def _send(self, message: Request | Response, host: str, port: int | None) -> None:
        self._socket.send_nowait(bytes(message), self.address, Address(host, port or _PORT))

    async def _insist(
        self,
        message: Request | Response,
        hop: Uri | Via,
        heard: _Heard,
        give_up: Callable[[], None] | None = None,
    ) -> None:
        for interval in _INTERVALS:
            await trio.sleep(interval)
            if heard in self._heard:
                return
            self._send(message, hop.host, hop.port)
        await trio.sleep(_INTERVALS[0])
        if heard not in self._heard and give_up is not None:
            give_up()

    def _respond(self, request: Request, status: int, *headers: tuple[str, str]) -> None:
        tag = None if status == 100 else f"proxy{self.address.host[-1]}"
        response = create_response(request, status, to_tag=tag)
        for name, value in headers:
            response.headers.add(name, value)
        self._answer(response, request.via.branch)

    def _answer(self, response: Response, branch: str | None) -> None:
        via = response.via
        self._send(response, via.host, via.port)
        if response.status >= 300 and response.cseq.method == "INVITE":
            self._refused.add(branch)
            self._nursery.start_soon(self._insist, response, via, ("ACK", branch))

    # -- downstream

    def _take_invite(self, invite: Request) -> None:
        branch = invite.via.branch
        begins = invite.to.tag is None
        if branch in self._refused:
            return
        if begins and self._realm is not None:
            realm = f'realm="{self._realm}"'
            if not any(realm in one for one in invite.headers.get_all("Proxy-Authorization")):
                challenge = f'Digest {realm}, nonce="n{self.address.host[-1]}", qop="auth"'
                self._respond(invite, 407, ("Proxy-Authenticate", challenge))
                return
        if begins:
            self._respond(invite, 100)
        again = branch in self._forwarded
        self._forwarded[branch] = [self._forward(invite, way) for way in self._ways_of(invite)]
        if not again:
            for onward in self._forwarded[branch]:
                heard = ("INVITE", onward.request.via.branch)
                self._nursery.start_soon(
                    self._insist,
                    onward.request,
                    onward.hop,
                    heard,
                    lambda: self._respond(invite, 480),
                )

    def _take_cancel(self, cancel: Request) -> None:
        self._respond(cancel, 200)
        for onward in self._forwarded.get(cancel.via.branch, ()):
            forwarded = create_cancel(onward.request)
            heard = ("CANCEL", forwarded.via.branch)
            self._send(forwarded, onward.hop.host, onward.hop.port)
            self._nursery.start_soon(self._insist, forwarded, onward.hop, heard)

    def _ways_of(self, request: Request) -> tuple[str, ...]:
        if len(request.headers[ROUTE]) > 1:
            return (request.target,)
        return self._ways.get(request.uri.host, (request.target,))

    def _forward(self, request: Request, way: str) -> Onward:
        """RFC 3261 section 16.6, and section 16.11 for the branch."""
        uri = Uri.parse(way)
        target = request.target if uri.user is None else way
        onward = Request(request.method, target, request.headers.copy(), request.body)
        headers = onward.headers
        routes = request.headers[ROUTE]
        if routes and routes[0].uri.host in self._names:
            routes = routes[1:]
            headers.remove("Route")
            for route in routes:
                headers.add("Route", route)
        headers.set("Max-Forwards", (request.max_forwards or 70) - 1)
        number = zlib.crc32(f"{request.via.branch} {way}".encode())
        via = Via("UDP", self.address.host, _PORT, {"branch": f"z9hG4bK{number:x}"})
        headers.insert_first("Via", via)
        if self._record_route and request.method == "INVITE" and request.to.tag is None:
            headers.insert_first("Record-Route", f"<{self.uri}>")
        self._rewrite(onward)
        hop = routes[0].uri if routes else uri
        self._send(onward, hop.host, hop.port)
        return Onward(onward, hop)

    def _rewrite(self, message: Request | Response) -> None:
        if self._edit is not None and message.body:
            message.body = self._edit(message.body)
            message.headers.set("Content-Length", len(message.body))

    # -- upstream

    def _take_response(self, response: Response) -> None:
        """RFC 3261 section 16.7; its ACK for refusals is section 17.1.1.3."""
        branch, method = response.via.branch, response.cseq.method
        self._heard.add((method, branch))
        vias = response.headers.get_all("Via")[1:]
        if response.status == 100 or not vias:
            return
        if method == "INVITE" and response.status >= 300:
            for onwards in self._forwarded.values():
                for onward in onwards:
                    if onward.request.via.branch == branch:
                        ack = create_ack(onward.request, response)
                        self._send(ack, onward.hop.host, onward.hop.port)
        response.headers.remove("Via")
        for via in vias:
            response.headers.add("Via", via)
        self._rewrite(response)
        upstream = response.via.branch
        if upstream not in self._refused:
            self._answer(response, upstream)
