"""The caller's end of an INVITE session: RFC 3261 sections 9.1, 13.2 and 15.1.1."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import CSEQ, CSeq, Request, Response

from ._bodies import description_in
from ._core import Actions, Given
from ._effects import Answered, How, Progressed, Rejected, SendCancel, SendRequest, Side
from ._glare import Dice, Lane, OnLane
from ._leg import Leg
from ._offer_answer import OnDescription, is_offer, key_of
from ._session import InviteSession
from ._settings import Reliable, SessionSettings
from ._tables import CALLER, Do, On

__all__ = ["OutgoingSession"]

_DEFAULT = SessionSettings()

_MOST_EARLY_DIALOGS = 64
"""So many phones may ring at once; what further ones say is told without a dialog."""


class OutgoingSession(InviteSession):
    """A call that is made.

    Each phone that rings has an early dialog of its own.  The first 2xx makes the call; every
    other one is acknowledged and ended at once (RFC 3261 section 13.2.2.4).

    Args:
      invite: the INVITE without Via: From with a tag, To without, Contact, and the offer if there
        is one.  What the session supports is added to it.
      now: seconds.
      dice: where random numbers come from.
    """

    _owns_call_id = True

    def __init__(
        self,
        invite: Request,
        now: float,
        *,
        dice: Dice,
        settings: SessionSettings = _DEFAULT,
    ) -> None:
        if invite.from_.tag is None or invite.to.tag is not None:
            raise LocalProtocolError("an INVITE that begins a call has a From tag and no To tag")
        contact = invite.headers.get("Contact")
        super().__init__(
            invite, CALLER, Lane.OURS, now, contact=contact, settings=settings, dice=dice
        )
        self._goodbye: Given = Given()
        self._ended_tags: dict[str, int] = {}
        self._number = invite.cseq.number
        self._introduce(invite.headers, {name.lower() for name, _ in invite.headers})
        if settings.reliable is Reliable.REQUIRED:
            invite.headers.add("Require", "100rel")
        self._ask_for_timer(invite)
        self._effects.append(SendRequest(invite, None))

    def _ask_for_timer(self, invite: Request) -> None:
        for name, value in self._timer.request_headers(first=True):
            if name not in invite:
                invite.headers.add(name, value)

    # -- from below

    def _receive_other(self, response: Response, now: float) -> None:
        cseq = response.cseq
        if cseq.method != "INVITE" or cseq.number != self.invite.cseq.number:
            return
        if cseq.number != self._number:
            # It was sent again below, and nobody has said so.
            self.replace_request(self.invite, self.invite, now)
        if response.is_provisional:
            self._receive_1xx(response, now)
        elif response.is_success:
            self._receive_2xx(response, now)
        else:
            self._receive_refusal(response, now)

    def _receive_1xx(self, response: Response, now: float) -> None:
        if not self._main.allows(On.RECV_1XX):
            return
        progress: Progressed | None = Progressed(response, None, None, False)
        if response.status > 100 and self.ended is None and self._may_have_dialog(response):
            self._note(response)
            progress = self._receive_provisional(response, self._leg_for(response), None)
        if progress is not None:
            given = Given(response=response, progress=progress)
            self._take(On.RECV_1XX, given, now)

    def _may_have_dialog(self, response: Response) -> bool:
        """Whether a provisional response has an early dialog, or may begin one."""
        tag = response.to.tag
        return tag is not None and (tag in self._legs or len(self._legs) < _MOST_EARLY_DIALOGS)

    def _receive_2xx(self, response: Response, now: float) -> None:
        tag = response.to.tag or ""
        if self._leg is not None:
            # The winner's ACK is still owed if there is none to repeat.
            if tag != self._leg.dialog.id.remote_tag:
                self._turn_down(response, now)
            return
        if not self._main.allows(On.RECV_2XX):
            return
        leg = self._leg = self._leg_for(response)
        if tag in self._ended_tags:
            # Whether our BYE has ended the dialog or was refused, its number has been used.
            leg.dialog.local_sequence = self._ended_tags[tag]
        self._note_response(leg, response)
        key = key_of(self.invite)
        description = leg.offer.receive(OnDescription.RECV_IN_RESPONSE, key, response)
        self._ack_owed = self.invite, leg
        offered = is_offer(description)
        if not offered:
            leg.offer.take(OnDescription.LAPSE, key)
        self._lane.take(OnLane.RECV_2XX_OFFER, now)
        given = Given(response=response, leg=leg, description=description)
        unwanted = tag in self._ended_tags and self._take(On.RECV_2XX_ENDED, given, now)
        if not unwanted:
            self._take(On.RECV_2XX_OFFER if offered else On.RECV_2XX, given, now)
        if self.ended is None:
            self._agree(self._timer.receive_2xx(response, now))
        self._advance(now)

    def _turn_down(self, response: Response, now: float) -> None:
        """Somebody else took the call first: ACK and BYE for this one."""
        leg = self._leg_for(response)
        self._note_response(leg, response)
        self._send_ack(self.invite, leg, Given(), now)
        self._send_unwanted_bye(leg, (), now)
        self._drop(leg.dialog.id.remote_tag)

    def _receive_refusal(self, response: Response, now: float) -> None:
        status = response.status
        if status == 422 and self._main.allows(On.RECV_422) and self._timer.receive_422(response):
            self._take(On.RECV_422, Given(), now)
            return
        given = Given(by=Side.REMOTE, how=How.REJECTED, status=status, response=response)
        self._take(On.RECV_3XX_6XX, given, now)

    def receive_failure(self, request: Request, status: int, now: float) -> None:
        """See `InviteSession.receive_failure`; for the INVITE this is the end."""
        if request.method == "INVITE" and request.cseq.number == self.invite.cseq.number:
            given = Given(how=How.REJECTED, status=status)
            self._take(On.NO_RESPONSE, given, now)
        else:
            super().receive_failure(request, status, now)

    def replace_request(self, request: Request, again: Request, now: float) -> None:
        """See `InviteSession.replace_request`."""
        if request is not self.invite:
            super().replace_request(request, again, now)
            return
        self._replace_invite(again)
        self._number = again.cseq.number
        if self._leg is None:
            # What rang for the INVITE that was refused rings no more.
            self._drop_early()
            self._take(On.RESENT, Given(), now)

    def _drop_early(self) -> None:
        for tag in tuple(self._legs):
            self._drop(tag)

    # -- early dialogs

    def _leg_for(self, response: Response) -> Leg:
        """The early dialog that *response* belongs to, made if it is the first of it."""
        leg = self._legs.get(response.to.tag or "")
        if leg is None:
            leg = self._begin(Dialog.as_uac(self.invite, response))
            key = key_of(self.invite)
            offered = description_in(self.invite)
            leg.local = offered
            on = OnDescription.SEND_NONE if offered is None else OnDescription.SEND_OFFER
            leg.offer.take(on, key)
        return leg

    def end_early_dialog(
        self, dialog: Dialog, now: float, *, headers: Iterable[tuple[str, object]] = ()
    ) -> None:
        """Let one phone stop ringing with a BYE; the call goes on.  RFC 3261 section 15.

        Raises:
          LocalProtocolError: it is no early dialog of this call.
        """
        leg = self._find_leg(dialog)
        if leg is None or leg is self._leg or self.ended is not None:
            raise LocalProtocolError("no early dialog of this call")
        self._send_unwanted_bye(leg, headers, now)
        self._ended_tags[dialog.id.remote_tag] = dialog.local_sequence
        self._drop(dialog.id.remote_tag)

    # -- actions of the main table

    def _how_to_leave(self) -> How:
        return How.CANCEL if self._leg is None else How.BYE

    def _progress(self, given: Given, now: float) -> None:
        assert given.progress is not None, "a provisional response came"
        self._effects.append(given.progress)

    def _accept(self, given: Given, now: float) -> None:
        assert given.response is not None, "a 2xx came"
        assert given.leg is not None, "and made a dialog"
        self._effects.append(Answered(given.response, given.leg.dialog, given.description))

    def _reject(self, given: Given, now: float) -> None:
        assert given.status is not None, "a final response came, or none"
        self._effects.append(Rejected(given.status, given.response))

    def _send_cancel(self, given: Given, now: float) -> None:
        self._effects.append(SendCancel(self.invite, self._goodbye.headers))

    def hang_up(
        self,
        now: float,
        *,
        status: int = 480,
        reason: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
    ) -> None:
        """See `InviteSession.hang_up`."""
        if self.ended is None:
            # The CANCEL may have to wait, and a BYE may follow it.
            self._goodbye = Given(headers=tuple(headers))
        super().hang_up(now, status=status, reason=reason, headers=self._goodbye.headers)

    def _send_bye(self, given: Given, now: float) -> None:
        super()._send_bye(given if given.headers else self._goodbye, now)

    def _send_invite_again(self, given: Given, now: float) -> None:
        """RFC 4028 section 7.3: the same call with a longer session interval."""
        self._drop_early()
        before = self.invite
        again = Request("INVITE", before.target, before.headers.copy(), before.body)
        again.headers.remove("Via")
        number = before.headers[CSEQ].number + 1
        again.headers.set("CSeq", CSeq(number, "INVITE"))
        for name, value in self._timer.request_headers(first=True):
            again.headers.set(name, value)
        self._replace_invite(again)
        self._number = number
        self._effects.append(SendRequest(again, None))

    _actions: ClassVar[Actions] = {
        **InviteSession._actions,
        Do.PROGRESS: _progress,
        Do.ACCEPT: _accept,
        Do.REJECT: _reject,
        Do.SEND_ACK: lambda self, given, now: self._pay_ack(given, now),
        Do.SEND_CANCEL: _send_cancel,
        Do.SEND_INVITE: _send_invite_again,
        Do.SEND_BYE: _send_bye,
    }
