"""What comes back to requests of ours, and what becomes of the session by it."""

from __future__ import annotations

from trio_sip._errors import RemoteProtocolError
from trio_sip.dialog import ends_session
from trio_sip.message import RETRY_AFTER, Request, Response

from ._core import Given
from ._effects import Description, ExchangeEnded, How, Progressed, Refreshed, Side
from ._exchange import Exchange, ExchangeState, Purpose
from ._glare import OnLane, glare_pause
from ._leg import Leg
from ._offer_answer import OnDescription, is_offer, key_of
from ._reliable import is_reliable
from ._sending import MODIFYING, Sending
from ._settings import Pracks, Reliable
from ._tables import On

__all__ = ["Hearing"]

_MOST_ATTEMPTS = 10
"""How often a request that meets theirs is sent before its sender hears of it."""


class Hearing(Sending):
    """The part that is answered."""

    _owns_call_id = False

    # -- responses to what was sent

    def _receive_provisional(
        self, response: Response, leg: Leg, exchange: Exchange | None
    ) -> Progressed | None:
        """A 101-199 to an INVITE of ours; ``None`` if it says nothing new."""
        if is_reliable(response) is None or self.settings.reliable is Reliable.NEVER:
            description = leg.offer.receive(OnDescription.RECV_PREVIEW, key_of(response), response)
            return Progressed(response, leg.dialog, description, False, exchange)
        if not leg.take_reliable(response):
            return None
        description = leg.offer.receive(OnDescription.RECV_IN_RESPONSE, key_of(response), response)
        owed = self.settings.pracks is Pracks.BY_USER or is_offer(description)
        if owed:
            self._pracks_owed += ((response, leg),)
        else:
            self._send_prack(response, leg, self._exchange("PRACK", leg, purpose=Purpose.PRACK))
        return Progressed(response, leg.dialog, description, owed, exchange)

    def _receive_final(
        self, exchange: Exchange, status: int, response: Response | None, now: float
    ) -> None:
        """A final response, or none at all, to something that was sent."""
        self._exchanges = tuple(one for one in self._exchanges if one is not exchange)
        leg = self._find_leg(exchange.dialog)
        if exchange.purpose is Purpose.GOODBYE:
            exchange.state = ExchangeState.DONE
            self._take(On.BYE_ANSWERED, Given(), now)
            return
        if leg is None:
            exchange.state = ExchangeState.DONE
            self._tell(exchange, status, response, None)
            return
        self._follow(exchange, leg)
        if response is not None and exchange.method in MODIFYING:
            self._note_response(leg, response)
        if status >= 300 and self._goes_again(exchange, leg, status, response, now):
            self._advance(now)
            return
        exchange.state = ExchangeState.DONE
        description = self._settle(exchange, leg, status, response, now)
        self._tell(exchange, status, response, description)
        if ends_session(status, exchange.method):
            self._dialog_failed(leg, status, response, now)
        elif status >= 300 and exchange.method in MODIFYING:
            self._refresh_otherwise(exchange, now)
        self._advance(now)

    def _settle(
        self, exchange: Exchange, leg: Leg, status: int, response: Response | None, now: float
    ) -> Description | None:
        """What a final response does to the offer and to the INVITE in progress."""
        request = exchange.request
        assert request is not None, "it was sent"
        key = key_of(request)
        description = None
        if response is not None and response.is_success:
            on = OnDescription.RECV_IN_RESPONSE
            description = leg.offer.receive(on, key, response)
            if exchange.method in MODIFYING and self._is_confirmed(leg) and self.ended is None:
                self._agree(self._timer.receive_2xx(response, now))
        if not is_offer(description):
            leg.offer.take(OnDescription.LAPSE, key)
        if exchange.method == "INVITE":
            self._settle_invite(request, leg, status, is_offer(description), now)
        return description

    def _settle_invite(
        self, request: Request, leg: Leg, status: int, offered: bool, now: float
    ) -> None:
        if status >= 300:
            self._lane.take(OnLane.RECV_3XX_6XX, now)
        elif offered and self.ended is None:
            self._lane.take(OnLane.RECV_2XX_OFFER, now)
            self._ack_owed = request, leg
        else:
            # RFC 5407 section 3.2.3: also when the BYE is out, or it would be repeated.
            self._lane.take(OnLane.RECV_2XX, now)
            self._send_ack(request, leg, Given(), now)

    def _tell(
        self,
        exchange: Exchange,
        status: int,
        response: Response | None,
        description: Description | None,
    ) -> None:
        refreshed = exchange.purpose is Purpose.REFRESH and description is not None
        if exchange.purpose is Purpose.USER or refreshed:
            self._effects.append(ExchangeEnded(exchange, status, response, description))

    def _goes_again(
        self,
        exchange: Exchange,
        leg: Leg,
        status: int,
        response: Response | None,
        now: float,
    ) -> bool:
        """Whether a refused INVITE or UPDATE is sent again, and see to it."""
        if exchange.method not in MODIFYING or response is None or self.ended is not None:
            return False
        pause = self._time_to_wait(exchange, status, response)
        if pause is None:
            return False
        assert exchange.request is not None, "it was sent"
        leg.offer.take(OnDescription.LAPSE, key_of(exchange.request))
        exchange.attempts += 1
        exchange.state = ExchangeState.WAITING
        self._queue = (exchange, *self._queue)
        if exchange.method == "INVITE":
            self._lane.take(OnLane.RECV_3XX_6XX, now)
        if pause > 0:
            self._wait(pause, now)
        return True

    def _time_to_wait(self, exchange: Exchange, status: int, response: Response) -> float | None:
        if exchange.attempts >= _MOST_ATTEMPTS:
            return None
        if status == 491:
            return glare_pause(self._dice, owner=self._owns_call_id)
        if status == 422:
            return 0 if self._timer.receive_422(response) else None
        # RFC 3261 section 14.2 and RFC 3311 section 5.2: it came upon another of ours.
        return _retry_after(response) if status == 500 else None

    def _follow(self, exchange: Exchange, leg: Leg) -> None:
        """A request may have been sent again below, with credentials and another number."""
        assert exchange.request is not None, "it was sent"
        number = exchange.request.cseq.number
        if number != exchange.number:
            leg.offer.follow((exchange.method, exchange.number), (exchange.method, number))
            exchange.number = number

    # -- what becomes of the session

    def _dialog_failed(self, leg: Leg, status: int, response: Response | None, now: float) -> None:
        """RFC 3261 section 12.2.1.2: 481 and 408 end the dialog."""
        if leg is not self._leg:
            self._drop(leg.dialog.id.remote_tag)
            return
        gone = status == 481
        given = Given(
            by=Side.REMOTE if gone else Side.LOCAL,
            how=How.FAILED,
            status=status,
            response=response,
        )
        self._take(On.GONE if gone else On.UNREACHABLE, given, now)

    def _agree(self, changed: bool) -> None:
        if changed:
            self._effects.append(Refreshed(self._timer.interval))

    def _add_timer(self, leg: Leg, request: Request, response: Response, now: float) -> None:
        if self._is_confirmed(leg) and self.ended is None:
            pairs, changed = self._timer.answer(request, now)
            for name, value in pairs:
                response.headers.add(name, value)
            self._agree(changed)

    def _refresh(self, now: float) -> None:
        """RFC 4028 section 7.4: by UPDATE if they know it, else by an INVITE with the same offer."""
        if any(one.method in MODIFYING for one in (*self._queue, *self._exchanges)):
            # What is on its way refreshes as well.
            return
        self._push_refresh("UPDATE" if self.peer_allows("UPDATE") else "INVITE", now)

    def _refresh_otherwise(self, failed: Exchange, now: float) -> None:
        """What should have refreshed the session did not: is there another way?"""
        if not self._timer.is_refreshing or self.ended is not None:
            return
        if failed.purpose is not Purpose.REFRESH:
            self._refresh(now)
        elif failed.method == "UPDATE":
            self._push_refresh("INVITE", now)

    def _push_refresh(self, method: str, now: float) -> None:
        leg = self._leg
        assert leg is not None, "agreed in a 2xx"
        if method == "UPDATE":
            exchange = self._exchange("UPDATE", leg, purpose=Purpose.REFRESH)
        else:
            body, content_type = leg.local or (b"", "")
            exchange = self._exchange(
                "INVITE", leg, (), body, content_type, purpose=Purpose.REFRESH
            )
        self._push(exchange, now)


def _retry_after(response: Response) -> float | None:
    try:
        value = response.headers.get(RETRY_AFTER)
    except RemoteProtocolError:
        return None
    return None if value is None or value.seconds > 10 else float(value.seconds)
