"""Requests of theirs within the session: judged, and handed to the user or answered at once."""

from __future__ import annotations

from trio_sip.message import RAck, Request

from ._bodies import description_in, is_understood
from ._core import Given, Pairs
from ._effects import (
    Acknowledged,
    Description,
    How,
    ModifyReceived,
    PrackReceived,
    RequestReceived,
    SendResponse,
    Side,
)
from ._exchange import Exchange
from ._glare import DoLane, OnLane, overlap_pause
from ._leg import Leg
from ._offer_answer import (
    Agreement,
    Key,
    OnDescription,
    is_offer,
    key_of,
)
from ._reliable import Heard, rack_of
from ._responding import Responding
from ._tables import On, SessionState
from ._two_hundred import OnRepeat

__all__ = ["Answering"]


class Answering(Responding):
    """The part that takes requests."""

    def _update_may_go(self) -> bool:
        """Whether the other end knows the dialog.

        RFC 3311 section 5.1: a callee has to wait for the PRACK of a reliable provisional
        response.  Without any, it waits for the ACK.
        """
        provisionals = self._provisionals
        heard = provisionals is not None and provisionals.is_heard
        return super()._update_may_go() or (heard and self._main.allows(On.SEND_REQUEST))

    def _may_go(self, exchange: Exchange) -> bool:
        # RFC 3311 section 5.1 restrains offers; an UPDATE without one is free to go as soon as
        # there is a dialog.
        early = self._rung is not None and self.state is SessionState.PROCEEDING
        if early and exchange.method == "UPDATE" and not exchange.body:
            return True
        return super()._may_go(exchange)

    # -- what comes

    def receive_request(self, request: Request, now: float) -> None:
        """A request within one of its dialogs came, an ACK or any other but CANCEL.

        `Dialog.receive_request` must have found it in order.
        """
        leg = self._leg_of(request)
        method = request.method
        if leg is None:
            if method != "ACK":
                self._refuse_unknown(request)
        elif method == "ACK":
            self._receive_ack(leg, request, now)
        elif method == "BYE":
            self._receive_bye(leg, request, now)
        elif not self._main.allows(On.RECV_REQUEST):
            # RFC 5407 sections 3.2.2 and 3.3.3: the session is over but for its goodbyes.
            self._refuse_unknown(request)
        elif method == "INVITE":
            self._receive_invite(leg, request, now)
        elif method == "UPDATE":
            self._receive_update(leg, request, now)
        elif method == "PRACK":
            self._receive_prack(leg, request, now)
        else:
            self._effects.append(RequestReceived(request))

    def receive_cancel(self, cancel: Request, now: float) -> None:
        """A CANCEL came that matches an INVITE of theirs; it was answered 200 already.

        RFC 3261 section 9.2: it "has no effect" on an INVITE that was answered finally.
        """
        number = cancel.cseq.number
        invite = next(
            (one for one in self._pending if one.method == "INVITE" and one.cseq.number == number),
            None,
        )
        if invite is not None and invite is not self.invite:
            self._refuse_pending(invite, 487, now)
            self._advance(now)
        elif number == self.invite.cseq.number:
            given = Given(by=Side.REMOTE, how=How.CANCEL, request=cancel, status=487)
            self._take(On.RECV_CANCEL, given, now)

    def _refuse_unknown(self, request: Request) -> None:
        self._respond(request, 481)

    def _receive_ack(self, leg: Leg, request: Request, now: float) -> None:
        number = request.cseq.number
        repetition = next(
            (one for one in self._repetitions if one.request.cseq.number == number), None
        )
        if repetition is None:
            return
        self._repetitions = tuple(one for one in self._repetitions if one is not repetition)
        repetition.running.take(OnRepeat.HEARD, now)
        key: Key = "INVITE", number
        description = leg.offer.receive(OnDescription.RECV_IN_RESPONSE, key, request)
        leg.offer.take(OnDescription.LAPSE, key)
        if not self._repetitions:
            self._lane.take(OnLane.RECV_ACK, now)
        if repetition.request is self.invite:
            self._take(On.RECV_ACK, Given(request=request, description=description), now)
        elif self.ended is None:
            self._effects.append(Acknowledged(request, description))
        self._advance(now)

    def _receive_bye(self, leg: Leg, request: Request, now: float) -> None:
        given = Given(by=Side.REMOTE, how=How.BYE, request=request, leg=leg, status=487)
        ours = self._leg is None or leg is self._leg
        if not ours or not self._take(On.RECV_BYE, given, now):
            self._respond(request, 200)
        if leg is not self._leg:
            self._drop(leg.dialog.id.remote_tag)

    def _receive_invite(self, leg: Leg, request: Request, now: float) -> None:
        self._note(request)
        step = self._lane.peek(OnLane.RECV)
        assert step is not None, "the table has one in every state"
        offered = description_in(request) is not None
        refusal = {DoLane.REFUSE_491: 491, DoLane.REFUSE_500: 500}.get(step.actions[0])
        # RFC 5407 section 3.1.5: an answer is missing, theirs or ours.
        refusal = refusal or leg.offer.refusal()
        if self._refuse_modify(request, refusal):
            return
        self._lane.take(OnLane.RECV, now)
        self._pending += (request,)
        key: Key = "INVITE", request.cseq.number
        description = None
        if offered:
            description = leg.offer.receive(OnDescription.RECV_OFFER, key, request)
        else:
            leg.offer.take(OnDescription.RECV_NONE, key)
        self._effects.append(ModifyReceived(request, description))

    def _receive_update(self, leg: Leg, request: Request, now: float) -> None:
        self._note(request)
        offered = description_in(request) is not None
        if self._refuse_modify(request, leg.offer.refusal() if offered else None):
            return
        if offered:
            key: Key = "UPDATE", request.cseq.number
            description = leg.offer.receive(OnDescription.RECV_OFFER, key, request)
            self._pending += (request,)
            self._effects.append(ModifyReceived(request, description))
            return
        # It refreshes the session or moves the target, and nobody has to think about it.
        response = self._create_response(request, 200)
        self._add_timer(leg, request, response, now)
        self._effects.append(SendResponse(request, response))

    def _refuse_modify(self, request: Request, refusal: int | None) -> bool:
        """Whether an INVITE or UPDATE of theirs was refused without asking the user."""
        pairs = self._body_refusal(request)
        if pairs is not None:
            self._respond(request, 415, pairs)
            return True
        least = self._timer.too_small(request)
        if refusal is not None:
            pairs = ()
            if refusal == 500:
                pairs = (("Retry-After", overlap_pause(self._dice)),)
            self._respond(request, refusal, pairs)
        elif least is not None:
            self._respond(request, 422, (("Min-SE", least),))
        return refusal is not None or least is not None

    def _body_refusal(self, request: Request) -> Pairs | None:
        """The headers of the 415 that a body is owed which nobody here understands.

        RFC 3261 section 8.2.3.
        """
        accepted = self.settings.accept
        if is_understood(request, accepted):
            return None
        return ("Accept", ", ".join(accepted)), ("Accept-Encoding", "identity")

    def _receive_prack(self, leg: Leg, request: Request, now: float) -> None:
        rack = rack_of(request)
        provisionals = self._provisionals
        if rack is None:
            self._respond(request, 400, reason="Bad RAck header")
            return
        heard = None if provisionals is None else provisionals.receive_prack(rack, now)
        if heard is None:
            # RFC 3262 section 3: "If the PRACK does not match … the UAS MUST respond … 481".
            self._refuse_unknown(request)
            return
        description = self._description_in_prack(leg, request, rack, heard)
        if is_offer(description):
            self._pending += (request,)
        else:
            self._respond(request, 200)
        self._effects.append(PrackReceived(request, description))
        self._after_prack(now)

    def _description_in_prack(
        self, leg: Leg, request: Request, rack: RAck, heard: Heard
    ) -> Description | None:
        """The answer to our offer in the response that was heard, or an offer of theirs."""
        key: Key = "INVITE", rack.cseq
        if leg.offer.owed_by is Side.REMOTE and leg.offer.carrier == key:
            description = leg.offer.receive(OnDescription.RECV_IN_RESPONSE, key, request)
            if heard is Heard.DESCRIBED:
                leg.offer.take(OnDescription.LAPSE, key)
            return description
        if leg.offer.state is not Agreement.QUIET:
            return None
        return leg.offer.receive(OnDescription.RECV_OFFER, key_of(request), request)

    def _after_prack(self, now: float) -> None:
        """What waited for a PRACK may go: the next provisional response, or the 2xx."""
        provisionals = self._provisionals
        assert provisionals is not None, "a PRACK came for one"
        following = provisionals.next(now)
        if following is not None:
            self._effects.append(SendResponse(*following))
        held = self._held
        if held is not None and not provisionals.holds_back(held[0]):
            if held[0] is self.invite:
                self._take(On.PRACKED, Given(), now)
            else:
                self._release(now)
        self._advance(now)
