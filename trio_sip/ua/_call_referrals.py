"""Being sent elsewhere from within a call, and sending others: REFER, RFC 3515 and RFC 5589."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import NameAddr, Replaces, Response
from trio_sip.session import Ended
from trio_sip.stack import Reminder
from trio_sip.subscription import ReferProgress

from ._call_changes import CallChanges
from ._call_core import Headers
from ._call_sdp import handed_on
from ._referral import Referral, ReferTarget, follow_referral, refer_headers, refer_to
from ._referral_follower import ReferralFollower

if TYPE_CHECKING:
    from ._call import Call
    from ._call_service import Calls
    from ._referral_incoming import IncomingReferral

__all__ = ["CallReferrals"]

_HELD = 4
"""REFERs that may wait until somebody asks for them."""

_PATIENCE = 2.0
"""Seconds for which they do."""


class CallReferrals(CallChanges):
    """The part of a call that sends the other side elsewhere, and is sent elsewhere by it."""

    __slots__ = ("_held", "_patience", "_referrals", "_referred", "replaced_by")

    replaced_by: Call | None
    """The call that has taken the place of this one (RFC 3891), which ended it."""

    def __init__(self, calls: Calls, grace: float) -> None:
        super().__init__(calls, grace)
        self.replaced_by = None
        self._referrals: deque[IncomingReferral] | None = None
        self._referred: list[IncomingReferral] | None = None
        self._held: list[IncomingReferral] | None = None
        self._patience: Reminder | None = None

    # -- sending them elsewhere

    def refer(
        self,
        target: ReferTarget,
        *,
        replaces: Replaces | Call | None = None,
        referred_by: NameAddr | str | None = None,
        follow: bool = True,
        headers: Headers = (),
        grace: float = 4.0,
    ) -> AbstractAsyncContextManager[Referral]:
        """Ask the other side to call *target*, and follow how that goes: REFER, RFC 3515.

        ``async with call.refer("sip:carol@example.com") as referral:``, and in there
        ``async for progress in referral: …``.  Entering waits for the 202.  Leaving ends the
        subscription that came with it, unless it is over; the call goes on, for nothing is said
        of it.  A call that ends takes the block with it, and not what it has asked for.

        Args:
          target: where to; its ``method`` parameter names another request than INVITE.
          replaces: the dialog at *target* that the new call is to take the place of: another call
            of ours with *target*, or a Replaces header as *target* is to see it (RFC 3891).
          referred_by: who sends them; we do, if left out (RFC 3892).
          follow: whether to be told how it goes; ``False`` asks for no subscription (RFC 4488).
          headers: more of them for the REFER.
          grace: seconds for ending the subscription when the block is left.

        Raises:
          RequestRejected: they would not.
          RequestTimedOut, TransportFailed: no answer came.
          CallEnded: the call is over, or ended meanwhile.
          LocalProtocolError: there is no dialog yet, or something in the arguments cannot be.

        Cancellation: nobody is told how it goes any more; it may go on nevertheless.
        """
        self._check_alive("refer")
        dialog = self.dialog
        if dialog is None:
            raise LocalProtocolError("refer needs a call that has been answered")
        if isinstance(replaces, CallReferrals):
            replaces = replaces._dialog_to_replace().id.replaced_by()
        said = refer_headers(
            refer_to(target, replaces),
            self._calls.referrer(referred_by),
            follow=follow,
            headers=tuple(headers),
        )
        follower = ReferralFollower(
            self.stack, self._calls.contact(dialog.next_hop), self._leg.credentials
        )

        async def send() -> Response:
            return await self._send_refer(follower, said)

        return follow_referral(follower, dialog, send, grace)

    async def _send_refer(
        self, follower: ReferralFollower, headers: list[tuple[str, object]]
    ) -> Response:
        exchange = self.session.send_request("REFER", self.stack.now(), headers=headers)
        follower.refer = exchange
        response = (await self._answer_to(exchange, b"")).response
        follower.take_response(response)
        return response

    async def transfer(
        self, target: ReferTarget, *, replaces: Replaces | Call | None = None
    ) -> ReferProgress | None:
        """Send the other side to *target* and wait for how that ends: a blind transfer.

        The call is still there afterwards, whatever has come of it: hang up if it has worked.
        If they hang up first, its block goes on until the outcome is known.

        Arguments and errors as `refer`; returns and raises as `Referral.outcome`, too.
        """
        with self._keeping_open():
            async with self.refer(target, replaces=replaces) as referral:
                return await referral.outcome()

    async def transfer_to(self, other: Call) -> ReferProgress | None:
        """Connect the other side of this call with that of *other*: an attended transfer.

        RFC 5589 section 7: they are asked to call where *other* leads, in its place.  If that
        works, the new call ends *other*; this one is still there, to be hung up.  The blocks of
        both go on until the outcome is known.

        Returns and raises as `transfer`.
        """
        target = other._dialog_to_replace().remote_target
        with other._keeping_open():
            return await self.transfer(target, replaces=other)

    def _dialog_to_replace(self) -> Dialog:
        self._check_alive("transfer")
        dialog = self.dialog
        if dialog is None:
            # RFC 3891 section 3: whoever rings has not begun the dialog, and answers 481.
            raise LocalProtocolError("a call that has not been answered cannot be replaced")
        return dialog

    async def connect(self, other: Call) -> None:
        """Let the other sides of two calls send their media to each other, and not to us.

        For those who understand no REFER, and for a switch whose user has transferred one call
        to the other: each gets a re-INVITE with what the other said last about its media
        (RFC 3725).  Both calls stay ours, and whatever changes later is ours to pass on.

        Raises:
          LocalProtocolError: one of them has no media, or they do not match.
          RequestRejected: one side would not; if it was that of *other*, this one knows already.
          RequestTimedOut, TransportFailed, CallEnded: as for `reinvite`.
        """
        answer = await self.reinvite(handed_on(other.remote_sdp, self._local))
        await other.reinvite(handed_on(answer.sdp, other._local))

    # -- being sent elsewhere

    def referrals(self) -> AsyncIterator[IncomingReferral]:
        """``async for referral in call.referrals()``: where the other side wants us to go.

        From now on, each REFER within the call waits for your word, instead of going to the
        handler of `UserAgent.serve_referrals`.  Where there is no such handler, one that comes
        before this is asked for waits for two seconds, and is refused then.  What runs in the
        call's block or handler ends with the call, so a call that is to outlive this one has to
        live elsewhere.
        """
        if self._referrals is None:
            self._referrals = deque(self._take_held())
        return self._read(self._referrals)

    @property
    def reads_referrals(self) -> bool:
        """Whether somebody has asked for `referrals`."""
        return self._referrals is not None

    def receive_referral(self, referral: IncomingReferral) -> None:
        """From `TakesReferrals`, if somebody reads them."""
        assert self._referrals is not None, "asked before"
        self._owe(referral)
        self._referrals.append(referral)
        self._notify()

    def hold_referral(self, referral: IncomingReferral) -> bool:
        """From `TakesReferrals`, if nobody reads them yet: whether it may wait for who does."""
        if self.ended is not None or (self._held is not None and len(self._held) >= _HELD):
            return False
        if self._held is None:
            self._held = []
        self._held.append(referral)
        self._owe(referral)
        # Each waits for its own two seconds at least, the first of several for a little longer.
        self._refuses_held.set(self.stack.now() + _PATIENCE)
        return True

    def _owe(self, referral: IncomingReferral) -> None:
        if self._referred is None:
            self._referred = []
        self._referred.append(referral)

    @property
    def _refuses_held(self) -> Reminder:
        if self._patience is None:
            self._patience = self.stack.create_reminder(self._refuse_held)
        return self._patience

    def _refuse_held(self) -> None:
        for referral in self._take_held():
            # RFC 3515 section 2.4.2: nobody here may send us elsewhere.
            if not referral.request.is_answered:
                referral.finish(603)

    def _take_held(self) -> list[IncomingReferral]:
        held, self._held = self._held, None
        patience, self._patience = self._patience, None
        if patience is not None:
            patience.forget()
        return held or []

    def _session_ended(self, event: Ended) -> None:
        super()._session_ended(event)
        self._take_held()
        referred, self._referred = self._referred, None
        for referral in referred or ():
            if not referral.request.is_answered:
                referral.finish(603)
