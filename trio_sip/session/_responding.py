"""What the user answers to requests of theirs, and what becomes of those that are left."""

from __future__ import annotations

from collections.abc import Iterable

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import DialogState
from trio_sip.message import Request, Response

from ._bodies import Found, description_in, is_description
from ._core import Given
from ._effects import (
    How,
    SendResponse,
    Withdrawn,
)
from ._glare import OnLane
from ._hearing import Hearing
from ._leg import Leg
from ._offer_answer import (
    Agreement,
    Key,
    OnDescription,
)
from ._reliable import Provisionals, chosen_reliability, requires
from ._tables import On
from ._two_hundred import TWO_HUNDRED, Repetition

__all__ = ["Responding"]


class Responding(Hearing):
    """The part that answers."""

    _pending: tuple[Request, ...]
    """Requests of theirs that wait for the user."""
    _held: tuple[Request, Response, Found | None] | None
    """A 2xx that waits for a PRACK."""
    _provisionals: Provisionals | None
    _rung: int | None
    """The status of the last provisional response to the first INVITE, 100 aside."""

    # -- what the user answers

    def send_response(
        self,
        request: Request,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
        reliable: bool | None = None,
    ) -> Response:
        """Answer an INVITE, an UPDATE or a PRACK that waits for it.

        A 2xx to an INVITE waits until a session description before it has been heard.  RFC 3261
        section 13.3, RFC 3262 section 3.

        Args:
          request: the object that was received.
          body: the answer if they offered, the offer if they did not; what is no session
            description may have any *content_type*.
          reliable: for 101-199: ``None`` is reliably if they require it, or support it and there
            is a body.

        Returns:
          The response as it is sent, now or later.

        Raises:
          LocalProtocolError: it does not wait for an answer, or not for this one: the answer to
            an offer is missing, an offer has no place in it, or they do not support 100rel.
        """
        leg = self._leg_of(request)
        if leg is None or not any(one is request for one in self._pending):
            raise LocalProtocolError(f"{request.method} waits for no answer")
        headers = tuple(headers)
        response = self._create_response(
            request,
            status,
            reason=reason,
            headers=headers,
            body=body,
            content_type=content_type,
        )
        found = None
        if body:
            plain = not headers and is_description(content_type)
            found = (body, content_type) if plain else description_in(response)
        if request.method != "INVITE":
            self._answer(leg, request, response, found, now)
        elif status >= 300:
            self._refuse_invite(leg, request, response, now)
        elif status >= 200:
            self._accept_invite(leg, request, response, found, now)
        else:
            self._progress_invite(leg, request, response, found, reliable, now)
        self._advance(now)
        return response

    def _answer(
        self, leg: Leg, request: Request, response: Response, found: Found | None, now: float
    ) -> None:
        if response.is_provisional:
            raise LocalProtocolError(f"no provisional response to {request.method}")
        key: Key = request.method, request.cseq.number
        if response.is_success and found is None:
            raise LocalProtocolError("the answer to their offer is missing")
        self._settle_pending(request)
        if response.is_success:
            leg.send(OnDescription.SEND_IN_RESPONSE, key, found)
            if request.method == "UPDATE":
                self._add_timer(leg, request, response, now)
        leg.offer.take(OnDescription.LAPSE, key)
        self._effects.append(SendResponse(request, response))

    def _progress_invite(
        self,
        leg: Leg,
        request: Request,
        response: Response,
        found: Found | None,
        reliable: bool | None,
        now: float,
    ) -> None:
        described = found is not None
        reliably = response.status > 100 and chosen_reliability(
            self.settings.reliable, request, described, reliable
        )
        on = OnDescription.SEND_IN_RESPONSE if reliably else OnDescription.SEND_PREVIEW
        if described and not leg.offer.allows(on):
            raise LocalProtocolError("a session description has no place in this response")
        if request is self.invite:
            self._take(On.SEND_1XX, Given(), now)
            self._rung = response.status if response.status > 100 else self._rung
        leg.send(on, ("INVITE", request.cseq.number), found)
        if not reliably:
            self._effects.append(SendResponse(request, response))
            return
        headers = response.headers
        if not requires(response, "100rel"):
            headers.add("Require", "100rel")
        if self._provisionals is None:
            self._provisionals = Provisionals(self.settings.timers, self._dice)
        if self._provisionals.send(request, response, described, now) is not None:
            self._effects.append(SendResponse(request, response))

    def _accept_invite(
        self, leg: Leg, request: Request, response: Response, found: Found | None, now: float
    ) -> None:
        key: Key = "INVITE", request.cseq.number
        owing = leg.offer.state is Agreement.OWING and leg.offer.carrier == key
        if owing and found is None:
            raise LocalProtocolError("the answer to their offer is missing")
        self._settle_pending(request)
        self._held = request, response, found
        waits = self._provisionals is not None and self._provisionals.holds_back(request)
        if request is self.invite:
            self._take(On.SEND_2XX_EARLY if waits else On.SEND_2XX, Given(), now)
        elif not waits:
            self._release(now)

    def _release(self, now: float) -> None:
        """Send the 2xx, and repeat it until the ACK comes."""
        assert self._held is not None, "it was given"
        (request, response, found), self._held = self._held, None
        leg = self._leg_of(request)
        assert leg is not None, "the dialog of a call that is being answered"
        key: Key = "INVITE", request.cseq.number
        leg.dialog.state = DialogState.CONFIRMED
        if not leg.send(OnDescription.SEND_IN_RESPONSE, key, found):
            leg.offer.take(OnDescription.LAPSE, key)
        if self._provisionals is not None:
            self._provisionals.receive_final(now)
        self._lane.take(OnLane.SEND_2XX, now)
        self._add_timer(leg, request, response, now)
        repetition = Repetition(TWO_HUNDRED, request, response, self.settings.timers, now)
        self._repetitions = (*self._repetitions, repetition)
        self._effects.append(SendResponse(request, response))

    def _refuse_invite(self, leg: Leg, request: Request, response: Response, now: float) -> None:
        self._settle_pending(request)
        leg.offer.take(OnDescription.LAPSE, ("INVITE", request.cseq.number))
        if self._provisionals is not None:
            self._provisionals.receive_final(now)
        self._lane.take(OnLane.SEND_3XX_6XX, now)
        if request is self.invite:
            given = Given(response=response, how=How.REJECTED, status=response.status)
            self._take(On.SEND_3XX_6XX, given, now)
        else:
            self._effects.append(SendResponse(request, response))

    def _settle_pending(self, request: Request) -> None:
        self._pending = tuple(one for one in self._pending if one is not request)

    def _refuse_pending(self, request: Request, status: int, now: float) -> None:
        """Answer a request that the user need not answer any more."""
        leg = self._leg_of(request)
        self._settle_pending(request)
        if leg is not None:
            leg.offer.take(OnDescription.LAPSE, (request.method, request.cseq.number))
        if request.method == "INVITE":
            self._lane.take(OnLane.SEND_3XX_6XX, now)
        self._respond(request, status)
        self._effects.append(Withdrawn(request))

    def _abandon_pending(self, now: float) -> None:
        """RFC 3261 section 15.1.2: "MUST still respond to any pending requests", by 487."""
        for request in self._pending:
            if request is not self.invite:
                self._refuse_pending(request, 487, now)
        if self._held is not None and self._held[0] is not self.invite:
            (request, _, _), self._held = self._held, None
            self._refuse_pending(request, 487, now)
