"""Requests that meet: RFC 3261 sections 14.1 and 14.2, RFC 3311 section 5.2."""

from __future__ import annotations

import random

import pytest

from trio_sip.message import RETRY_AFTER, Request, create_response
from trio_sip.session import (
    Ended,
    ExchangeEnded,
    ExchangeState,
    ModifyReceived,
    SendResponse,
    SessionState,
)

from .pair import ANSWER, OFFER, End, Pair


def answer_all(pair: Pair, seconds: float) -> None:
    """Let time pass, with users that answer whatever waits for them."""
    for _ in range(round(seconds / 0.05)):
        pair.run(0.05)
        for end in (pair.alice, pair.bob):
            if end.call is not None:
                for request in tuple(end.session._pending):
                    if request.to.tag is not None:
                        pair.answer(end, request, body=ANSWER)


def crossing(method: str = "INVITE") -> Pair:
    """Both ask at the same moment."""
    pair = Pair()
    pair.connect()
    pair.clear()
    for end in (pair.alice, pair.bob):
        if method == "INVITE":
            end.session.send_reinvite(pair.now, body=OFFER)
        else:
            end.session.send_update(pair.now, body=OFFER)
    pair.flush()
    return pair


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_requests_that_meet_are_both_refused_and_both_sent_again(method: str) -> None:
    pair = crossing(method)
    pair.run(0.05)
    waiting = [end.session.delayed[0].state for end in (pair.alice, pair.bob)]
    answer_all(pair, 6)

    assert 1 == len(pair.times(f"a 491 {method}")) == len(pair.times(f"b 491 {method}"))
    assert [ExchangeState.WAITING] * 2 == waiting
    for end in (pair.alice, pair.bob):
        assert [200] == [told.status for told in end.tell(ExchangeEnded)]
        assert () == end.session.delayed


@pytest.mark.parametrize("seed", range(20))
def test_who_has_begun_the_call_waits_longer(seed: int) -> None:
    pair = crossing()
    pair.alice.session._dice = random.Random(seed)
    pair.bob.session._dice = random.Random(seed + 100)
    answer_all(pair, 6)

    refused = pair.times("a 491 INVITE")[0] + 0.01
    again_a = pair.times("a INVITE")[1] - refused
    again_b = pair.times("b INVITE")[1] - refused
    assert 2.1 <= round(again_a, 3) <= 4.0
    assert 0 <= round(again_b, 3) <= 2.0
    for wait in (again_a, again_b):
        assert 0 == pytest.approx(round(wait * 1000) % 10)


def test_a_pause_lasts_to_its_very_limits() -> None:
    class Last:
        def randrange(self, stop: int, /) -> int:
            return stop - 1

    pair = crossing()
    pair.alice.session._dice = pair.bob.session._dice = Last()
    answer_all(pair, 6)

    assert [4.0] == [round(t - 0.22, 2) for t in pair.times("a INVITE")[1:]]
    assert [2.0] == [round(t - 0.22, 2) for t in pair.times("b INVITE")[1:]]


def test_nothing_of_ours_goes_while_we_wait() -> None:
    pair = crossing()
    pair.run(0.05)
    update = pair.alice.session.send_update(pair.now, body=OFFER)
    pair.flush()

    assert not pair.alice.session.may_offer()
    assert ["INVITE", "UPDATE"] == [one.method for one in pair.alice.session.delayed]
    assert ExchangeState.DELAYED is update.state
    answer_all(pair, 6)
    assert [200, 200] == [told.status for told in pair.alice.tell(ExchangeEnded)]


def test_what_waits_may_be_withdrawn() -> None:
    pair = crossing()
    pair.run(0.05)
    session = pair.alice.session
    session.withdraw(session.delayed[0], pair.now)
    pair.flush()
    answer_all(pair, 6)

    assert [None] == [told.status for told in pair.alice.tell(ExchangeEnded)]
    assert 1 == len(pair.times("a INVITE"))


def test_leaving_does_not_wait() -> None:
    pair = crossing()
    pair.run(0.05)
    pair.hang_up(pair.alice)
    pair.run(0.05)

    assert ["a BYE", "b 200 BYE"] == pair.flow()[-2:]
    pair.finish()


def test_a_second_invite_before_the_first_is_answered_is_refused_with_500() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)
    seen = set()
    for _ in range(30):
        seen.add(refused(pair, pair.bob, "INVITE"))

    assert seen <= set(range(11))
    assert 5 < len(seen)
    assert 1 == len(pair.bob.tell(ModifyReceived))


def test_an_update_before_the_last_is_answered_is_refused_with_500() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_update(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)

    assert 0 <= refused(pair, pair.bob, "UPDATE") <= 10


def refused(pair: Pair, end: End, method: str) -> int:
    """The Retry-After of the 500 that another *method* gets."""
    dialog = pair.alice.session.dialog
    assert dialog is not None
    request = dialog.create_request(method, contact="<sip:alice@192.0.2.1>")
    request.add_body(OFFER, "application/sdp")
    end.session.receive_request(request, pair.now)
    response = end.session.effects()[-1]
    assert isinstance(response, SendResponse)
    assert 500 == response.response.status
    return response.response.headers[RETRY_AFTER].seconds


def test_a_500_with_retry_after_is_tried_again_after_it() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    pair.answer(pair.bob, pair.bob.session._pending[0], 500, headers=[("Retry-After", 7)])
    answer_all(pair, 9)

    assert [0.2, pytest.approx(7.31)] == pair.times("a INVITE")[1:]
    assert [200] == [told.status for told in pair.alice.tell(ExchangeEnded)]


@pytest.mark.parametrize("headers", [[], [("Retry-After", "3600")], [("Retry-After", "soon")]])
def test_any_other_500_is_final(headers: list[tuple[str, str]]) -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    pair.answer(pair.bob, pair.bob.session._pending[0], 500, headers=headers)
    pair.run(0.1)

    assert [500] == [told.status for told in pair.alice.tell(ExchangeEnded)]
    assert SessionState.CONFIRMED is pair.alice.session.state


def test_somebody_who_always_says_491_is_believed_in_the_end() -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.alice.session.send_update(pair.now, body=OFFER)
    for _ in range(60):
        session = pair.alice.session
        session.effects()
        if exchange.state is ExchangeState.SENT:
            assert exchange.request is not None
            session.receive_response(create_response(exchange.request, 491), pair.now)
        if exchange.state is ExchangeState.DONE:
            break
        pair.now = session.next_deadline()
        session.handle_timeout(pair.now)

    assert 10 == exchange.attempts
    assert ExchangeState.DONE is exchange.state


def test_a_request_of_theirs_is_taken_while_we_wait() -> None:
    pair = crossing()
    pair.run(0.05)
    pair.alice.session.withdraw(pair.alice.session.delayed[0], pair.now)
    pair.flush()
    answer_all(pair, 3)

    assert [200] == [told.status for told in pair.bob.tell(ExchangeEnded)]
    assert [] == pair.alice.tell(Ended)
    assert isinstance(pair.alice.last(ModifyReceived).request, Request)
