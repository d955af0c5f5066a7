"""One dialog, seen from one of its ends."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import NamedTuple

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    RECORD_ROUTE,
    Fault,
    Message,
    NameAddr,
    Request,
    Response,
    Uri,
    create_request,
)

__all__ = ["Dialog", "DialogId", "DialogState"]

# RFC 3261 section 12.2, RFC 3311, RFC 6665: only these move the remote target.
_TARGET_REFRESH = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})


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
            route_set=tuple(request.headers[RECORD_ROUTE]),
            remote_sequence=request.cseq.number,
            state=state,
        )

    @classmethod
    def as_uac(cls, request: Request, response: Response) -> Dialog:
        """The dialog that *response* to our *request* makes.  RFC 3261 section 12.1.2.

        Raises:
          RemoteProtocolError: the response has no Contact.
        """
        return cls(
            id=DialogId(request.call_id, request.from_.tag or "", response.to.tag or ""),
            local=request.from_,
            remote=response.to,
            remote_target=_target(response),
            # "taken from the response, reversed": we stand at the other end of the same road.
            route_set=tuple(reversed(response.headers[RECORD_ROUTE])),
            local_sequence=request.cseq.number,
            state=DialogState.EARLY if response.is_provisional else DialogState.CONFIRMED,
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

    def next_sequence(self) -> int:
        """The CSeq number of the next request of ours: also that of one sent again after a 401."""
        self.local_sequence += 1
        return self.local_sequence

    @property
    def next_hop(self) -> Uri:
        """Where a request of ours goes first."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    def _way(self) -> tuple[Uri, tuple[NameAddr, ...]]:
        if not self.route_set or "lr" in self.route_set[0].uri.params:
            return self.remote_target, self.route_set
        # A strict router of RFC 2543 wants itself in the Request-URI, and the target at the end.
        return (
            self.route_set[0].uri.without_headers(),
            (*self.route_set[1:], NameAddr(self.remote_target)),
        )

    def receive_request(self, request: Request) -> Fault | None:
        """Take note of a request of theirs; the answer it is owed if it comes out of order.

        RFC 3261 section 12.2.2.
        """
        number = request.cseq.number
        if request.method != "ACK":
            if self.remote_sequence is not None and number <= self.remote_sequence:
                return Fault(500, "CSeq out of order")
            self.remote_sequence = number
        self._refresh_target(request, request.method)
        return None

    def receive_response(self, response: Response) -> None:
        """Take note of a response to a request of ours: a 2xx may move the target."""
        if response.is_success:
            self._refresh_target(response, response.cseq.method)
            if self.state is DialogState.EARLY and response.cseq.method == "INVITE":
                # RFC 3261 section 13.2.2.4: the route set is computed anew from the 2xx.
                self.route_set = tuple(reversed(response.headers[RECORD_ROUTE]))
                self.state = DialogState.CONFIRMED

    def _refresh_target(self, message: Message, method: str) -> None:
        contact = message.contact if method in _TARGET_REFRESH else None
        if contact is not None:
            self.remote_target = contact.uri


def _target(message: Message) -> Uri:
    contact = message.contact
    if contact is None:
        raise RemoteProtocolError("Missing Contact header")
    return contact.uri
