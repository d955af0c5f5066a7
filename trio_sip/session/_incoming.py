"""The callee's end of an INVITE session: RFC 3261 sections 9.2, 13.3 and 15.1.2."""

from __future__ import annotations

from typing import ClassVar

from trio_sip.dialog import Dialog, DialogState
from trio_sip.message import NameAddr, Request

from ._core import Actions, Given, Pairs
from ._effects import Acknowledged, Description, How, SendResponse, Side
from ._glare import Dice, Lane
from ._offer_answer import OnDescription
from ._reliable import requires, supports
from ._session import InviteSession
from ._settings import Reliable, SessionSettings
from ._tables import CALLEE, Do, On

__all__ = ["IncomingSession"]

_DEFAULT = SessionSettings()

_PROGRESS = 183
"""Said by itself when nothing else was: 100 does not keep a proxy from giving up."""


class IncomingSession(InviteSession):
    """A call that came.

    Args:
      invite: the INVITE, without a To tag.
      now: seconds.
      local_tag: the tag of this end.
      contact: where this end can be reached, for Contact.
      dice: where random numbers come from.

    Raises:
      RemoteProtocolError: no dialog can be made of it; it is to be answered with `status_hint`.
    """

    def __init__(
        self,
        invite: Request,
        now: float,
        *,
        local_tag: str,
        contact: NameAddr | str,
        dice: Dice,
        settings: SessionSettings = _DEFAULT,
    ) -> None:
        dialog = Dialog.as_uas(invite, local_tag, DialogState.EARLY)
        super().__init__(
            invite,
            CALLEE,
            Lane.THEIRS,
            now,
            contact=str(contact),
            settings=settings,
            dice=dice,
        )
        self._leg = leg = self._begin(dialog)
        self._pending = (invite,)
        self._note(invite)
        key = "INVITE", invite.cseq.number
        self.description: Description | None = leg.offer.receive(
            OnDescription.RECV_OFFER, key, invite
        )
        """Their offer, if the INVITE has one."""
        if self.description is None:
            leg.offer.take(OnDescription.RECV_NONE, key)
        refusal = self._refusal(invite)
        if refusal is not None:
            self._refuse(Given(how=How.REJECTED, status=refusal[0], headers=refusal[1]), now)

    def _refusal(self, invite: Request) -> tuple[int, Pairs] | None:
        """What the INVITE is answered without asking anybody."""
        reliable = self.settings.reliable
        least = self._timer.too_small(invite)
        if reliable is Reliable.NEVER and requires(invite, "100rel"):
            return 420, (("Unsupported", "100rel"),)
        if reliable is Reliable.REQUIRED and not supports(invite, "100rel"):
            return 421, (("Require", "100rel"),)
        pairs = self._body_refusal(invite)
        if pairs is not None:
            return 415, pairs
        return None if least is None else (422, (("Min-SE", least),))

    def _refuse(self, given: Given, now: float) -> None:
        assert given.status is not None, "a refusal has a status"
        self.send_response(
            self.invite, given.status, now, reason=given.reason, headers=given.headers
        )

    def _local_tag(self, request: Request) -> str | None:
        assert self._leg is not None, "made with the session"
        return self._leg.dialog.id.local_tag

    def _how_to_leave(self) -> How:
        unanswered = self._main.allows(On.RECV_CANCEL)
        return How.REJECTED if unanswered else How.BYE

    # -- actions of the main table

    def _send_given(self, given: Given, now: float) -> None:
        if given.response is None:
            self._release(now)
        else:
            self._effects.append(SendResponse(self.invite, given.response))

    def _hold(self, given: Given, now: float) -> None:
        """The 2xx is held where it was given."""

    def _send_held(self, given: Given, now: float) -> None:
        self._release(now)

    def _acknowledge(self, given: Given, now: float) -> None:
        assert given.request is not None, "an ACK came"
        self._effects.append(Acknowledged(given.request, given.description))

    def _extend(self, given: Given, now: float) -> None:
        self.send_response(self.invite, self._rung or _PROGRESS, now)

    def _send_refusal(self, given: Given, now: float) -> None:
        """The INVITE is refused for a reason that is not the user's answer to it."""
        self._held = None
        self._settle_pending(self.invite)
        if self._provisionals is not None:
            self._provisionals.receive_final(now)
        # An early UPDATE or PRACK that failed ends the call, too, but its status says nothing.
        failed = given.how is How.FAILED
        status = 500 if failed or given.status is None else given.status
        headers = given.headers if given.by is Side.LOCAL else ()
        self._respond(self.invite, status, headers, given.reason)

    _actions: ClassVar[Actions] = {
        **InviteSession._actions,
        Do.RESPOND: _send_given,
        Do.HOLD: _hold,
        Do.RELEASE: _send_held,
        Do.REFUSE: _send_refusal,
        Do.EXTEND: _extend,
        Do.ACKNOWLEDGE: _acknowledge,
    }
