"""Calls over a wire that loses three messages of ten, thirty seeds each."""

from __future__ import annotations

import pytest

from trio_sip.session import Ended, SessionSettings, SessionState

from .pair import ANSWER, OFFER, Pair
from .test_glare import answer_all

seeds = pytest.mark.parametrize("seed", range(30))
SETTINGS = SessionSettings(session_expires=90)


def finish(pair: Pair) -> None:
    """Whatever was lost, in the end neither holds a dialog."""
    for end in (pair.alice, pair.bob):
        if end.call is not None:
            pair.hang_up(end)
    pair.run(100)

    assert pair.alice.call is None is pair.bob.call
    assert {} == pair.alice.dialogs == pair.bob.dialogs
    assert len(pair.alice.tell(Ended)) <= 1


def ringing(seed: int, **given: object) -> Pair:
    """Bob's phone rings, sooner or later."""
    pair = Pair(loss=0.3, seed=seed, **given)  # type: ignore[arg-type]  # passed on as they are
    while pair.bob.call is None and pair.now < 32:
        pair.run(0.1)
    return pair


def answering(pair: Pair) -> None:
    bob = pair.bob.call
    if bob is not None and bob.ended is None:
        pair.respond(200, body=ANSWER)


@seeds
def test_a_call_comes_about(seed: int) -> None:
    pair = ringing(seed)
    pair.respond(180, reliable=True)
    answering(pair)
    pair.run(35)

    assert SessionState.CONFIRMED is pair.alice.session.state
    assert SessionState.CONFIRMED is pair.bob.session.state
    finish(pair)


@seeds
def test_the_callee_hangs_up_at_once(seed: int) -> None:
    pair = ringing(seed)
    answering(pair)
    if pair.bob.call is not None:
        pair.hang_up(pair.bob)
    pair.run(40)
    finish(pair)


@seeds
def test_the_caller_hangs_up_while_it_is_answered(seed: int) -> None:
    pair = ringing(seed)
    pair.respond(180)
    pair.run(seed / 50)
    answering(pair)
    pair.hang_up(pair.alice)
    pair.run(40)
    finish(pair)


@seeds
def test_the_caller_hangs_up_at_once(seed: int) -> None:
    pair = Pair(loss=0.3, seed=seed)
    pair.run(seed / 20)
    pair.hang_up(pair.alice)
    pair.run(70)
    finish(pair)


@seeds
def test_the_offer_comes_late_and_both_change_their_minds(seed: int) -> None:
    pair = ringing(seed, body=b"", alice=SETTINGS, bob=SETTINGS)
    pair.respond(200, body=OFFER)
    while pair.alice.session.state is not SessionState.ANSWERED and pair.now < 32:
        pair.run(0.1)
    pair.alice.session.send_ack(pair.now, body=ANSWER)
    for end in (pair.alice, pair.bob):
        end.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    answer_all(pair, 15)
    finish(pair)


@seeds
def test_a_session_timer_keeps_a_call(seed: int) -> None:
    pair = ringing(seed, alice=SETTINGS, bob=SETTINGS)
    answering(pair)
    pair.run(30)
    if pair.alice.call is not None and pair.alice.call.ended is None:
        pair.loss = 0.1
        pair.run(600)
        for end in (pair.alice, pair.bob):
            assert end.call is not None
            assert end.call.refresh is not None
    pair.loss = 0.3
    finish(pair)
