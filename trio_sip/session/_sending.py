"""Requests of ours within the session: sent, delayed, sent again, and answered."""

from __future__ import annotations

from collections.abc import Iterable

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import RSEQ, RAck, Request, Response

from ._bodies import description_in
from ._core import Core, Given
from ._effects import (
    ExchangeEnded,
    SendCancel,
    SendRequest,
    Side,
)
from ._exchange import Exchange, ExchangeState, Purpose
from ._glare import OnLane
from ._leg import Leg
from ._offer_answer import Agreement, OnDescription, key_of
from ._tables import On

__all__ = ["MODIFYING", "Sending"]

_NOT_YOURS = frozenset({"INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE"})
# RFC 3261 section 8.1.1.8 and RFC 3311, 3515, 6665: these say where we are.
_WITH_CONTACT = frozenset({"INVITE", "UPDATE", "REFER", "SUBSCRIBE", "NOTIFY"})
MODIFYING = frozenset({"INVITE", "UPDATE"})


class Sending(Core):
    """The part that asks."""

    _ack_owed: tuple[Request, Leg] | None
    _pracks_owed: tuple[tuple[Response, Leg], ...]

    # -- what anybody may ask

    @property
    def delayed(self) -> tuple[Exchange, ...]:
        """The requests that cannot go now, in the order in which they will."""
        return self._queue

    def may_offer(self, dialog: Dialog | None = None) -> bool:
        """Whether an offer could go out at this moment, in an UPDATE or a re-INVITE.

        Args:
          dialog: an early one; the call's if left out.
        """
        leg = self._find_leg(dialog)
        if leg is None or leg.offer.state is not Agreement.QUIET:
            return False
        if self._pause is not None:
            return False
        by_update = self.peer_allows("UPDATE") and self._update_may_go()
        return by_update or (self._main.allows(On.SEND_REINVITE) and self._lane.allows(OnLane.SEND))

    def owed_by(self, dialog: Dialog | None = None) -> Side | None:
        """Who has to send a session description next; ``None`` if nobody has.

        Args:
          dialog: an early one; the call's if left out.
        """
        leg = self._find_leg(dialog)
        return None if leg is None else leg.offer.owed_by

    def _find_leg(self, dialog: Dialog | None) -> Leg | None:
        if dialog is None:
            # A caller has none until the first 2xx; while one phone rings, it is that one's.
            alone = self._leg is None and len(self._legs) == 1
            return next(iter(self._legs.values())) if alone else self._leg
        leg = self._legs.get(dialog.id.remote_tag)
        return leg if leg is not None and leg.dialog is dialog else None

    def _needed_leg(self, dialog: Dialog | None) -> Leg:
        leg = self._find_leg(dialog)
        if leg is None or not self._main.allows(On.SEND_REQUEST):
            raise LocalProtocolError(
                "there is no such dialog" if self.ended is None else "the call is over"
            )
        return leg

    # -- what the user sends

    def send_reinvite(
        self,
        now: float,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Exchange:
        """Ask for another session description, or for theirs if there is no *body*.

        It is delayed while another INVITE is in progress, and until the call is confirmed.  An
        answer of 491 is dealt with.  RFC 3261 section 14.

        Raises:
          LocalProtocolError: the call is over, or has no dialog yet.
        """
        leg = self._needed_leg(None)
        exchange = self._exchange("INVITE", leg, headers, body, content_type)
        return self._push(exchange, now)

    def send_update(
        self,
        now: float,
        *,
        dialog: Dialog | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Exchange:
        """Ask for another session description without an INVITE.  RFC 3311.

        It is delayed until an offer may be made (see `may_offer`).

        Raises:
          LocalProtocolError: there is no such dialog, the other end does not allow UPDATE, or the
            call is over.
        """
        leg = self._needed_leg(dialog)
        if not self.peer_allows("UPDATE"):
            raise LocalProtocolError("the other end does not allow UPDATE")
        exchange = self._exchange("UPDATE", leg, headers, body, content_type)
        return self._push(exchange, now)

    def send_request(
        self,
        method: str,
        now: float,
        *,
        dialog: Dialog | None = None,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Exchange:
        """Send an INFO, a MESSAGE, an OPTIONS, a REFER, …; it goes at once.

        Raises:
          LocalProtocolError: the method is the session's own, there is no such dialog, or the
            call is over.
        """
        if method in _NOT_YOURS:
            raise LocalProtocolError(f"{method} is the session's own")
        leg = self._needed_leg(dialog)
        exchange = self._exchange(method, leg, headers, body, content_type)
        self._go(exchange, leg, now)
        return exchange

    def send_ack(
        self,
        now: float,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> None:
        """Answer the offer that came in a 2xx.  RFC 3261 section 13.2.2.4.

        Raises:
          LocalProtocolError: no 2xx with an offer is waiting, or there is no answer in *body*.
        """
        if self._ack_owed is None:
            raise LocalProtocolError("no ACK is owed")
        if not body:
            raise LocalProtocolError("the ACK has to carry the answer")
        given = Given(headers=tuple(headers), body=body, content_type=content_type)
        if not self._take(On.SEND_ACK, given, now):
            self._pay_ack(given, now)
        self._advance(now)

    def send_prack(
        self,
        response: Response,
        now: float,
        *,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Exchange:
        """Acknowledge a provisional response for which `Progressed.prack_owed` was true.

        Args:
          body: the answer, if the response has an offer; else an offer, or nothing.

        Raises:
          LocalProtocolError: none is owed for *response*, or the answer is missing.
        """
        leg = next((leg for owed, leg in self._pracks_owed if owed is response), None)
        if leg is None or self._find_leg(leg.dialog) is None or self.ended is not None:
            raise LocalProtocolError("no PRACK is owed for this response")
        if leg.offer.state is Agreement.OWING and not body:
            raise LocalProtocolError("the PRACK has to carry the answer")
        if body and leg.offer.owed_by is Side.REMOTE:
            raise LocalProtocolError("an offer is waiting for its answer")
        self._pracks_owed = tuple(one for one in self._pracks_owed if one[0] is not response)
        exchange = self._exchange("PRACK", leg, headers, body, content_type)
        self._send_prack(response, leg, exchange)
        return exchange

    def withdraw(self, exchange: Exchange, now: float) -> None:
        """Give up on a request: it leaves the queue, or is cancelled if it is a re-INVITE.

        One that is answered, or that cannot be cancelled, is left alone.
        """
        if exchange in self._queue:
            self._queue = tuple(one for one in self._queue if one is not exchange)
            self._withdraw(exchange)
        elif exchange.method != "INVITE" or exchange not in self._exchanges:
            return
        elif exchange.state is ExchangeState.PROCEEDING:
            self._cancel(exchange)
        elif exchange.state is ExchangeState.SENT:
            exchange.state = ExchangeState.CANCELLING

    def _cancel(self, exchange: Exchange) -> None:
        assert exchange.request is not None, "it was sent"
        exchange.state = ExchangeState.CANCELLED
        self._effects.append(SendCancel(exchange.request))

    # -- the queue

    def _exchange(
        self,
        method: str,
        leg: Leg,
        headers: Iterable[tuple[str, object]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        purpose: Purpose = Purpose.USER,
    ) -> Exchange:
        return Exchange(
            method=method,
            dialog=leg.dialog,
            headers=tuple(headers),
            body=body,
            content_type=content_type,
            purpose=purpose,
        )

    def _push(self, exchange: Exchange, now: float) -> Exchange:
        self._queue += (exchange,)
        self._advance(now)
        return exchange

    def _advance(self, now: float) -> None:
        """Send what may go, as long as it may, in order."""
        while self._queue and self._pause is None and self._may_go(self._queue[0]):
            exchange, *rest = self._queue
            self._queue = tuple(rest)
            leg = self._find_leg(exchange.dialog)
            if leg is None:
                self._withdraw(exchange)
            else:
                self._go(exchange, leg, now)

    def _may_go(self, exchange: Exchange) -> bool:
        leg = self._find_leg(exchange.dialog)
        if leg is None:
            return True
        if exchange.method == "INVITE":
            return (
                self._main.allows(On.SEND_REINVITE)
                and self._lane.allows(OnLane.SEND)
                and leg.offer.allows(OnDescription.SEND_OFFER)
            )
        if exchange.method == "UPDATE":
            may_offer = not exchange.body or leg.offer.allows(OnDescription.SEND_OFFER)
            return may_offer and self._update_may_go()
        # The BYE waits for the main table.
        return False

    def _update_may_go(self) -> bool:
        return self._main.allows(On.SEND_UPDATE)

    def _go(self, exchange: Exchange, leg: Leg, now: float) -> Request:
        method = exchange.method
        headers: list[tuple[str, object]] = []
        if method in MODIFYING and self._is_confirmed(leg):
            headers = self._timer.request_headers(first=False)
        contact = self._contact if method in _WITH_CONTACT else None
        request = exchange.create_request(contact, headers)
        if method in MODIFYING:
            named = {name.lower() for name, _ in exchange.headers}
            self._introduce(request.headers, named | {"contact"})
            key, found = key_of(request), description_in(request)
            if not leg.send(OnDescription.SEND_OFFER, key, found) and method == "INVITE":
                leg.offer.take(OnDescription.SEND_NONE, key)
        if method == "INVITE":
            self._lane.take(OnLane.SEND, now)
        self._exchanges += (exchange,)
        self._effects.append(SendRequest(request, leg.dialog))
        return request

    def _withdraw(self, exchange: Exchange) -> None:
        exchange.state = ExchangeState.WITHDRAWN
        if exchange.purpose is Purpose.USER:
            self._effects.append(ExchangeEnded(exchange, None))

    def _abandon_exchanges(self) -> None:
        """The session has ended: nobody waits for anything but its goodbye."""
        goodbyes = tuple(one for one in self._queue if one.purpose is Purpose.GOODBYE)
        for exchange in self._queue:
            if exchange.purpose is not Purpose.GOODBYE:
                self._withdraw(exchange)
        self._queue = goodbyes
        for exchange in self._exchanges:
            if exchange.purpose is Purpose.USER:
                self._effects.append(ExchangeEnded(exchange, None))
            if exchange.purpose is not Purpose.GOODBYE:
                exchange.purpose = Purpose.NOBODY

    # -- BYE

    def _delay_bye(self, given: Given) -> None:
        assert self._leg is not None, "only an answered call waits with its BYE"
        headers = given.headers
        bye = self._exchange("BYE", self._leg, headers, purpose=Purpose.GOODBYE)
        self._queue = (bye, *self._queue)

    def _send_bye(self, given: Given, now: float) -> None:
        leg = self._leg
        assert leg is not None, "only an answered call ends with a BYE"
        if self._ack_owed is not None:
            self._pay_ack(Given(), now)
        if self._queue and self._queue[0].purpose is Purpose.GOODBYE:
            bye, self._queue = self._queue[0], self._queue[1:]
        else:
            bye = self._exchange("BYE", leg, given.headers, purpose=Purpose.GOODBYE)
        self._go(bye, leg, now)

    def _send_unwanted_bye(
        self, leg: Leg, headers: Iterable[tuple[str, object]], now: float
    ) -> None:
        self._go(self._exchange("BYE", leg, headers, purpose=Purpose.NOBODY), leg, now)

    # -- ACK and PRACK

    def _pay_ack(self, given: Given, now: float) -> None:
        """Send the ACK that is owed, with the answer if there is one."""
        assert self._ack_owed is not None, "asked before"
        (invite, leg), self._ack_owed = self._ack_owed, None
        key = key_of(invite)
        self._send_ack(invite, leg, given, now)
        if given.body:
            leg.local = given.body, given.content_type or ""
            leg.offer.take(OnDescription.SEND_IN_RESPONSE, key)
        else:
            leg.offer.take(OnDescription.LAPSE, key)
        self._lane.take(OnLane.SEND_ACK, now)

    def _send_prack(self, response: Response, leg: Leg, exchange: Exchange) -> None:
        cseq = response.cseq
        rack = RAck(response.headers[RSEQ], cseq.number, cseq.method)
        request = exchange.create_request(None, [("RAck", rack)])
        if exchange.body:
            key, found = key_of(response), description_in(request)
            if leg.offer.state is Agreement.OWING and leg.offer.carrier == key:
                leg.send(OnDescription.SEND_IN_RESPONSE, key, found)
            else:
                leg.send(OnDescription.SEND_OFFER, key_of(request), found)
        self._exchanges += (exchange,)
        self._effects.append(SendRequest(request, leg.dialog))
