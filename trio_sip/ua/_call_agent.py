"""What a user agent does with calls."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from trio_sip.message import NameAddr, Uri
from trio_sip.stack import Credentials

from ._account import Account, parse_address
from ._call_fork import Fork
from ._call_outgoing import OutgoingCall
from ._call_sdp import Sdp
from ._call_service import CallHandler, Calls

__all__ = ["CallingAgent"]


class CallingAgent:
    """The part of `UserAgent` that makes and takes calls."""

    account: Account
    """Its address, route and credentials."""

    calls: Calls
    """The service that takes and makes its calls."""

    def call(
        self,
        target: Uri | str,
        offer: Sdp | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        credentials: Credentials | None = None,
        redirections: int = 0,
        grace: float = 4.0,
    ) -> OutgoingCall:
        """Call somebody: ``async with ua.call("sip:bob@example.com", offer) as call: …``.

        The block is the call.  Entering it sends the INVITE, and leaving it, for whatever reason,
        sends CANCEL or BYE, or nothing if the call is over; when the other side hangs up, the
        block is cancelled and left quietly, and ``call.ended_by`` and ``call.reason`` tell why.

        Args:
          offer: our session description; without one they are asked for theirs.
          headers: more of them for the INVITE.
          from_: who calls, if it is not this user; challenges are answered in its name still.
          to: whom we call, if it is not who is at *target*.
          credentials: what answers challenges, instead of the user's own.
          redirections: how many 3xx responses to follow.
          grace: seconds in which the goodbye may be answered when the block is left.

        Raises:
          LocalProtocolError: *target* is no URI.  What entering and waiting raise is said at
            `OutgoingCall.start` and `OutgoingCall.answered`; what nobody has waited for leaves
            the block.
        """
        return OutgoingCall(
            self.calls,
            self.account.target(target),
            offer,
            headers=headers,
            from_=None if from_ is None else parse_address(from_, None),
            to=None if to is None else parse_address(to, None),
            credentials=credentials,
            redirections=redirections,
            grace=grace,
        )

    def fork(
        self,
        targets: Iterable[Uri | str],
        offer: Sdp | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        grace: float = 4.0,
    ) -> Fork:
        """Call several targets at once; whoever answers first has the call.

        ``async with ua.fork(targets, offer) as call: …`` waits for the first answer when it is
        entered, and is then the block of that call.  The others are told that it was completed
        elsewhere.  Arguments as `call`; errors as `Fork.__aenter__`.
        """
        headers = tuple(headers)
        return Fork([self.call(one, offer, headers=headers, grace=grace) for one in targets])

    async def start_call(
        self,
        nursery: trio.Nursery,
        target: Uri | str,
        offer: Sdp | None = None,
        *,
        headers: Iterable[tuple[str, object]] = (),
        from_: NameAddr | str | None = None,
        to: NameAddr | str | None = None,
        credentials: Credentials | None = None,
        redirections: int = 0,
        grace: float = 4.0,
    ) -> OutgoingCall:
        """The same without a block: the call lives in *nursery*, until `OutgoingCall.aclose`.

        What becomes of it, `OutgoingCall.answered` tells; an error of its own tasks leaves by
        the nursery.  Arguments and errors as `call`.
        """
        call = self.call(
            target,
            offer,
            headers=headers,
            from_=from_,
            to=to,
            credentials=credentials,
            redirections=redirections,
            grace=grace,
        )
        await nursery.start(call._live, name=f"call {target}")
        return call

    async def serve_calls(
        self,
        handler: CallHandler,
        *,
        grace: float = 4.0,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run *handler* for each call that comes, in a task of its own, until cancelled.

        When the handler returns, the call is ended: with BYE, or 480 if it was not answered.
        When the caller hangs up or gives up, the handler is cancelled.  An error in it that is
        not about the other side is answered 500 (or ends the call), is logged and counted, and
        harms nobody else; in a strict stack it leaves this function.

        Args:
          handler: called with the `IncomingCall`.
          grace: seconds in which the goodbye may be answered when a handler has ended.

        Raises:
          LocalProtocolError: the calls to this user are being served already.

        Cancellation: all calls are ended, and their goodbyes said, before it returns.
        """
        async with self.calls.serving(handler, grace):
            task_status.started()
            await trio.sleep_forever()

    async def drain(self) -> None:
        """Refuse new calls with 503 from now on, and wait until those that came have ended.

        Cancellation: new calls are refused still.
        """
        await self.calls.drain()
