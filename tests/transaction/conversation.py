"""What the tests of transactions say to a layer, and how they let time pass for it."""

from __future__ import annotations

import math
from typing import TypeVar

import attrs

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request, Response, create_response, parse_message_untrusted
from trio_sip.transaction import (
    ClientTransaction,
    Effect,
    Machine,
    On,
    ServerTransaction,
    Transaction,
    TransactionLayer,
    Verdict,
)

E = TypeVar("E")


@attrs.frozen
class FakeFlow:
    """A flow with nothing behind it."""

    name: str = "udp"
    reliable: bool = False


UDP = FakeFlow()
TCP = FakeFlow("tcp", reliable=True)


def request(
    method: str = "OPTIONS",
    *,
    branch: str | None = "z9hG4bKnashds8",
    sent_by: str = "pc33.atlanta.example",
    transport: str = "UDP",
    target: str = "sip:bob@biloxi.example",
    to_tag: str | None = None,
    from_tag: str | None = "1928301774",
    call_id: str = "a84b4c76e66710@pc33",
    cseq: int = 314159,
) -> Request:
    """A request from the wire, as everything in it is given."""
    via = f"SIP/2.0/{transport} {sent_by}" + ("" if branch is None else f";branch={branch}")
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: {via}",
        "Max-Forwards: 70",
        "From: <sip:alice@atlanta.example>" + ("" if from_tag is None else f";tag={from_tag}"),
        "To: <sip:bob@biloxi.example>" + ("" if to_tag is None else f";tag={to_tag}"),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        "Content-Length: 0",
    ]
    message = parse_message_untrusted("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def invite(**given: object) -> Request:
    return request("INVITE", **given)  # type: ignore[arg-type]  # passed on as they are


def ack(**given: object) -> Request:
    return request("ACK", **given)  # type: ignore[arg-type]  # passed on as they are


def cancel(**given: object) -> Request:
    return request("CANCEL", **given)  # type: ignore[arg-type]  # passed on as they are


def response(to: Request, status: int, *, to_tag: str = "a6c85cf") -> Response:
    """A response to *to*, as its server would send it."""
    message = parse_message_untrusted(wire(to, status, to_tag=to_tag))
    assert isinstance(message, Response)
    return message


def wire(to: Request, status: int, *, to_tag: str = "a6c85cf") -> bytes:
    return bytes(create_response(to, status, to_tag=None if status == 100 else to_tag))


def received(
    layer: TransactionLayer, message: Request, now: float = 0.0, flow: FakeFlow = UDP
) -> ServerTransaction:
    """A server transaction for *message*, which is new."""
    assert Verdict.NEW is layer.receive_request(message, flow, now)
    return layer.open_server(message, flow, now)


def play(layer: TransactionLayer, until: float = math.inf) -> list[tuple[float, Effect]]:
    """Let time pass, waking the layer whenever it asks for it; what it wanted, and when."""
    played: list[tuple[float, Effect]] = [(0.0, effect) for effect in layer.effects()]
    while (now := layer.next_deadline()) <= until and now < math.inf:
        layer.handle_timeout(now)
        played += [(now, effect) for effect in layer.effects()]
    return played


def times_of(kind: type[Effect], played: list[tuple[float, Effect]]) -> list[float]:
    return [time for time, effect in played if isinstance(effect, kind)]


def only(kind: type[E], effects: list[Effect]) -> list[E]:
    return [effect for effect in effects if isinstance(effect, kind)]


STATUS = {
    On.RECV_1XX: 180,
    On.RECV_2XX: 200,
    On.RECV_3XX_6XX: 486,
    On.SEND_100: 100,
    On.SEND_1XX: 180,
    On.SEND_2XX: 200,
    On.SEND_3XX_6XX: 486,
    On.SEND_408: 408,
}


ROOM = 10_000
"""Bytes that the layer of a `Subject` keeps."""


@attrs.define
class Subject:
    """One transaction, to which the inputs of its machine can be given by name."""

    layer: TransactionLayer
    request: Request
    transaction: Transaction
    now: float = 0.0

    @classmethod
    def of(cls, machine: Machine, flow: FakeFlow = UDP) -> Subject:
        message = invite() if machine.name.startswith("INVITE") else request()
        layer = TransactionLayer(kept_bytes=ROOM)
        if "client" in machine.name:
            subject = cls(layer, message, layer.send_request(message, flow, 0.0))
        else:
            subject = cls(layer, message, received(layer, message, flow=flow))
        assert machine is subject.transaction.machine
        layer.effects()
        return subject

    def take(self, on: On) -> list[Effect]:
        """Give it *on*; a timer is waited for, and whatever runs out before it runs out, too."""
        if on in STATUS:
            self._status(on)
        elif on is On.RECV_REQUEST:
            self.layer.receive_request(self.request, UDP, self.now)
        elif on is On.RECV_ACK:
            self.layer.receive_request(ack(), UDP, self.now)
        elif on is On.TRANSPORT_ERROR:
            self.layer.send_failed(self.transaction, OSError("no route"), self.now)
        elif on is On.FORGET:
            self.layer.forget(self.transaction, self.now)
        elif on is On.NO_ROOM:
            return self._fill_up()
        else:
            due = next(timer.due for timer in self.transaction.timers if timer.on is on)
            while self.now < due:
                self.now = self.layer.next_deadline()
                self.layer.effects()
                self.layer.handle_timeout(self.now)
        return self.layer.effects()

    def _status(self, on: On) -> None:
        status = STATUS[on]
        if isinstance(self.transaction, ClientTransaction):
            self.layer.receive_response(response(self.request, status), UDP, self.now)
        elif isinstance(self.transaction, ServerTransaction):
            data = wire(self.request, status)
            self.layer.send_response(self.transaction, data, status, self.now)

    def _fill_up(self) -> list[Effect]:
        """Let somebody be answered with more than there is room for: what is kept has to go."""
        large = request(branch="z9hG4bKlarge", call_id="large")
        other = received(self.layer, large, self.now)
        self.layer.send_response(other, bytes(ROOM + 1), 200, self.now)
        return [one for one in self.layer.effects() if getattr(one, "transaction", 0) is not other]

    def maybe_take(self, on: On) -> list[Effect]:
        """`take`, for inputs that the state may forbid and timers that may not run."""
        try:
            return self.take(on)
        except (LocalProtocolError, StopIteration):
            return self.layer.effects()
