"""What a transaction leaves behind: nothing."""

from __future__ import annotations

import gc
import math

import pytest

from trio_sip.message import Message
from trio_sip.transaction import Transaction, TransactionLayer

from .conversation import TCP, UDP, FakeFlow, play, received, request, response, wire


def living(kind: type[object]) -> int:
    return sum(isinstance(thing, kind) for thing in gc.get_objects())


def held(layer: TransactionLayer) -> list[object]:
    index = layer._index
    return [
        *index.clients, *index.servers, *index.merged, *index._connections,
        *layer._deadlines._queues, *layer.effects(),
    ]  # fmt: skip


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_two_thousand_transactions_later_nothing_is_held(flow: FakeFlow) -> None:
    layer = TransactionLayer()
    gc.collect()
    transactions, messages = living(Transaction), living(Message)
    now = 0.0
    for number in range(500):
        now += 0.01
        for method in ("INVITE", "OPTIONS"):
            message = request(method, branch=f"z9hG4bK{number}", call_id=f"call-{number}")
            transaction = received(layer, message, now, flow)
            status = 200 if number % 2 else 404
            layer.send_response(transaction, wire(message, status), status, now)
            layer.send_request(message, flow, now)
            if number % 3:
                layer.receive_response(response(message, status), flow, now)
        layer.effects()
    del message, transaction
    play(layer)
    gc.collect()

    assert 0 == len(layer)
    assert [] == held(layer)
    assert math.inf == layer.next_deadline()
    assert (transactions, messages) == (living(Transaction), living(Message))


def test_a_kept_transaction_holds_the_bytes_of_its_answer_and_no_message() -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := request())
    data = wire(message, 200)
    layer.send_response(transaction, data, 200, 0.0)

    assert data is transaction.data
    assert transaction.request is None
    assert layer._judged is None


def test_what_ends_leaves_no_cycle_for_the_garbage_collector() -> None:
    layer = TransactionLayer()
    before = living(Transaction)
    gc.disable()
    try:
        layer.send_request(request(), UDP, 0.0)
        layer.flow_failed(UDP, OSError("closed"), 0.1)
        layer.effects()
        after = living(Transaction)
    finally:
        gc.enable()

    assert before == after
