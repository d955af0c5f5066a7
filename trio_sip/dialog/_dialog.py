"""One dialog, seen from one of its ends."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    CSEQ,
    RECORD_ROUTE,
    Fault,
    Message,
    NameAddr,
    Replaces,
    Request,
    Response,
    TargetDialog,
    Uri,
    create_request,
)
from trio_sip.transaction import Flow

from ._reach import leads_nowhere

__all__ = ["TARGET_REFRESH", "Dialog", "DialogId", "DialogState"]

# RFC 3261 section 12.2, RFC 3311, RFC 6665: only these move the remote target.
TARGET_REFRESH = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})


class DialogState(enum.Enum):
    """How far a dialog has come."""

    EARLY = "early"
    """A provisional response made it."""

    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class DialogId(NamedTuple):
    """What names a dialog at this end.  The other end has the tags the other way round."""

    call_id: str
    local_tag: str
    remote_tag: str
    """Empty for a peer of RFC 2543, which sends none."""

    @classmethod
    def of_request(cls, request: Request) -> DialogId | None:
        """The dialog an incoming request claims to be in; ``None`` without a To tag."""
        local_tag = request.to.tag
        if local_tag is None:
            return None
        return cls(request.call_id, local_tag, request.from_.tag or "")

    @classmethod
    def of_response(cls, response: Response) -> DialogId | None:
        """The dialog that a response to a request of ours belongs to; ``None`` without a To tag."""
        remote_tag = response.to.tag
        if remote_tag is None:
            return None
        return cls(response.call_id, response.from_.tag or "", remote_tag)

    @classmethod
    def of_replaces(cls, replaces: Replaces) -> DialogId:
        """The dialog that an INVITE wants to replace, as its receiver has it.

        RFC 3891 section 3: the to-tag is compared with the local tag, the from-tag with the
        remote one.
        """
        return cls(replaces.call_id, replaces.to_tag, _no_zero(replaces.from_tag))

    @classmethod
    def of_target_dialog(cls, target: TargetDialog) -> DialogId:
        """The dialog that makes a request welcome, as its receiver has it.

        RFC 4538 section 4: the header speaks from its sender's side.
        """
        return cls(target.call_id, target.remote_tag, target.local_tag)

    def replaced_by(self, *, early_only: bool = False) -> Replaces:
        """The Replaces header by which a third party takes our peer's call over.

        RFC 3891 section 3: its tags are as the peer, who will receive it, has them.
        """
        return Replaces(self.call_id, self.remote_tag or "0", self.local_tag, early_only)


@attrs.define(eq=False, kw_only=True)
class Dialog:
    """The state that RFC 3261 section 12 keeps for a dialog.

    It makes the requests we send in it and judges those we receive.  It sends nothing itself.
    """

    id: DialogId
    local: NameAddr = attrs.field(repr=False)
    """Our From in what we send, tag included."""

    remote: NameAddr = attrs.field(repr=False)
    remote_target: Uri = attrs.field(repr=False)
    """Their Contact: the Request-URI of what we send."""

    route_set: tuple[NameAddr, ...] = attrs.field(default=(), repr=False)
    local_sequence: int = 0
    remote_sequence: int | None = None
    """The highest CSeq number seen; ``None`` before the first request of theirs."""

    state: DialogState = DialogState.CONFIRMED

    secure: bool = False
    """RFC 3261 section 12.1: begun over TLS with a sips URI, so it goes on that way."""

    flow: Flow | None = attrs.field(default=None, repr=False)
    """By which the far end was heard last, if it spoke itself and no proxy for it.  Requests go
    there when the remote target leads nowhere; ``None`` if nobody has taken note."""

    usages: tuple[object, ...] = attrs.field(default=(), repr=False)
    """What lives in it: an INVITE session, subscriptions (RFC 5057 section 3)."""

    @classmethod
    def as_uas(
        cls, request: Request, local_tag: str, state: DialogState = DialogState.CONFIRMED
    ) -> Dialog:
        """The dialog that answering *request* with *local_tag* makes.

        RFC 3261 section 12.1.1.

        Raises:
          RemoteProtocolError: the request has no Contact to send to.
        """
        return cls(
            id=DialogId(request.call_id, local_tag, request.from_.tag or ""),
            local=request.to.with_tag(local_tag),
            remote=request.from_,
            remote_target=_target(request),
            route_set=_routes(request),
            remote_sequence=request.cseq.number,
            state=state,
            secure=_is_secure(request),
        )

    @classmethod
    def as_uac(cls, request: Request, response: Response) -> Dialog:
        """The dialog that *response* to our *request* makes.  RFC 3261 section 12.1.2.

        Many provisional responses have no Contact, and some 2xx.  Then the target stays where
        the request went, because a 2xx that nobody acknowledges helps nobody.  For the same
        reason a Record-Route that cannot be read counts as none.
        """
        return cls(
            id=DialogId(request.call_id, request.from_.tag or "", response.to.tag or ""),
            local=request.from_,
            remote=response.to,
            remote_target=_contact(response) or request.uri,
            # "taken from the response, reversed": we stand at the other end of the same road.
            route_set=_readable_routes(response)[::-1],
            local_sequence=request.cseq.number,
            state=DialogState.EARLY if response.is_provisional else DialogState.CONFIRMED,
            secure=_is_secure(request),
        )

    def create_request(
        self,
        method: str,
        *,
        contact: NameAddr | str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
    ) -> Request:
        """The next request of ours.  RFC 3261 section 12.2.1.1.

        Its Via is left to whoever sends it.

        Raises:
          LocalProtocolError: the dialog is over, or the method cannot be sent this way.
        """
        if self.state is DialogState.TERMINATED:
            raise LocalProtocolError("the dialog is over")
        if method in ("ACK", "CANCEL"):
            raise LocalProtocolError(f"{method} belongs to the INVITE it is about")
        number = self.next_sequence()
        target, route = self._way()
        return create_request(
            method,
            target,
            from_=self.local,
            to=self.remote,
            call_id=self.id.call_id,
            cseq=number,
            contact=contact,
            route=route,
            headers=headers,
            body=body,
        )

    def create_ack(
        self, invite: Request, *, headers: Iterable[tuple[str, object]] = (), body: bytes = b""
    ) -> Request:
        """The ACK of a 2xx to *invite*, which was sent in this dialog or began it.

        RFC 3261 section 13.2.2.4: "The sequence number of the CSeq header field MUST be the same
        as the INVITE being acknowledged", and the credentials are those of the INVITE.  Its Via
        is left to whoever sends it.
        """
        target, route = self._way()
        credentials = [
            (name, value)
            for name in ("Authorization", "Proxy-Authorization")
            for value in invite.headers.get_all(name)
        ]
        return create_request(
            "ACK",
            target,
            from_=self.local,
            to=self.remote,
            call_id=self.id.call_id,
            cseq=invite.headers[CSEQ].number,
            route=route,
            headers=[*credentials, *headers],
            body=body,
        )

    def begin_usage(self, usage: object) -> None:
        """*usage* lives in it from now on."""
        self.usages = (*self.usages, usage)

    def end_usage(self, usage: object) -> bool:
        """*usage* is over; true if it was the last one, and the dialog with it.

        RFC 5057 section 4: a dialog lives as long as one of its usages.
        """
        self.usages = tuple(other for other in self.usages if other is not usage)
        if not self.usages:
            self.state = DialogState.TERMINATED
        return not self.usages

    def next_sequence(self) -> int:
        """The CSeq number of the next request of ours: also that of one sent again after a 401."""
        self.local_sequence += 1
        return self.local_sequence

    @property
    def next_hop(self) -> Uri:
        """Where a request of ours goes first."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    def leads_nowhere(self, source: str) -> bool:
        """Whether the next hop cannot be reached, as the far end is heard from *source*: a NAT.

        See `trio_sip.dialog.leads_nowhere`.  A proxy that has put itself on the way knows better.
        """
        return not self.route_set and leads_nowhere(self.remote_target, source)

    def _way(self) -> tuple[Uri, tuple[NameAddr, ...]]:
        if not self.route_set or "lr" in self.route_set[0].uri.params:
            return self.remote_target, self.route_set
        # A strict router of RFC 2543 wants itself in the Request-URI, and the target at the end.
        return (
            self.route_set[0].uri.without_headers(),
            (*self.route_set[1:], NameAddr(self.remote_target)),
        )

    def receive_request(self, request: Request) -> Fault | None:
        """Take note of a request of theirs; the answer it is owed if something is wrong with it.

        RFC 3261 section 12.2.2: its number is out of order, or where they are cannot be read.
        """
        number = request.cseq.number
        if request.method != "ACK":
            if self.remote_sequence is not None and number <= self.remote_sequence:
                return Fault(500, "CSeq out of order")
            self.remote_sequence = number
        try:
            self._refresh_target(request, request.method)
        except RemoteProtocolError as error:
            return Fault(error.status_hint, "Bad Contact header")
        return None

    def receive_response(self, response: Response) -> None:
        """Take note of a response to a request of ours: a 2xx may move the target.

        Raises:
          RemoteProtocolError: it has a Contact that cannot be read; nothing has changed.
        """
        if response.is_success and self.state is not DialogState.TERMINATED:
            self._refresh_target(response, response.cseq.method)
            if self.state is DialogState.EARLY and response.cseq.method == "INVITE":
                # RFC 3261 section 13.2.2.4: the route set is computed anew from the 2xx.
                self.route_set = _readable_routes(response)[::-1]
                self.state = DialogState.CONFIRMED

    def _refresh_target(self, message: Message, method: str) -> None:
        contact = message.contact if method in TARGET_REFRESH else None
        if contact is not None:
            self.remote_target = contact.uri


def _routes(message: Message) -> tuple[NameAddr, ...]:
    # Most messages have none, and looking is cheaper than reading.
    if "Record-Route" not in message.headers:
        return ()
    return tuple(message.headers[RECORD_ROUTE])


def _readable_routes(response: Response) -> tuple[NameAddr, ...]:
    try:
        return _routes(response)
    except RemoteProtocolError:
        return ()


def _target(request: Request) -> Uri:
    contact = request.contact
    if contact is None:
        raise RemoteProtocolError("Missing Contact header")
    return contact.uri


def _contact(message: Message) -> Uri | None:
    """Where *message* says its sender is; a Contact that cannot be read moves no target."""
    try:
        contact = message.contact
    except RemoteProtocolError:
        return None
    return None if contact is None else contact.uri


def _is_secure(request: Request) -> bool:
    return request.target[:5].lower() == "sips:"


def _no_zero(tag: str) -> str:
    # RFC 3891 section 3: "0" stands for the tag that a peer of RFC 2543 does not have.
    return "" if tag == "0" else tag
