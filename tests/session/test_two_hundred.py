"""The 2xx until its ACK, and the ACK for each 2xx: RFC 3261 sections 13.2.2.4 and 13.3.1.4."""

from __future__ import annotations

from trio_sip.session import (
    Ended,
    Forget,
    How,
    RepeatResponse,
    SendAck,
    SessionState,
    Side,
    Terminated,
)

from .pair import ANSWER, OFFER, Pair

REPEATED = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_a_2xx_is_repeated_until_64_t1_and_then_comes_the_bye() -> None:
    pair = Pair(lose=["a ACK"] * 20)
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.run(33)

    assert REPEATED == [round(time - 0.1, 3) for time in pair.times("b 200 INVITE")]
    assert [32.1] == pair.times("b BYE") == pair.bob.times(Ended)
    assert (Side.LOCAL, How.NO_ACK) == (pair.bob.last(Ended).by, pair.bob.last(Ended).how)
    assert (Side.REMOTE, How.BYE) == (pair.alice.last(Ended).by, pair.alice.last(Ended).how)
    pair.finish()


def test_a_2xx_is_repeated_until_the_ack_comes() -> None:
    pair = Pair(lose=["a ACK", "a ACK"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.run(30)

    assert [0.1, 0.6, 1.6] == pair.times("b 200 INVITE")
    assert [0.11, 0.61, 1.61] == pair.times("a ACK")
    assert SessionState.CONFIRMED is pair.bob.session.state


def test_each_copy_of_a_2xx_is_answered_by_the_same_ack() -> None:
    pair = Pair(lose=["a ACK", "a ACK"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.run(5)
    acks = pair.alice.tell(SendAck)

    assert 3 == len(acks)
    assert 1 == len({bytes(ack.request) for ack in acks})
    assert 2 == len(pair.bob.tell(RepeatResponse))


def test_copies_are_answered_for_64_t1_and_no_longer() -> None:
    pair = Pair()
    pair.connect()
    copy = pair.bob.session, pair.bob.flow
    pair.hang_up(pair.alice)
    pair.run(20)
    alice = pair.alice.session

    assert copy
    assert SessionState.TERMINATED is alice.state
    assert [0.22] == pair.alice.times(Terminated)
    pair.run(20)
    assert [32.11] == pair.alice.times(Forget)


def test_the_2xx_of_a_reinvite_is_repeated_and_ends_the_call_without_an_ack() -> None:
    pair = Pair()
    pair.connect()
    pair.lose = ["a ACK"] * 20
    pair.clear()
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    pair.answer(pair.bob, pair.bob.session._pending[0], body=ANSWER)
    pair.run(33)

    assert REPEATED == [round(time - 0.3, 3) for time in pair.times("b 200 INVITE")]
    assert [32.3] == pair.times("b BYE")
    assert How.NO_ACK is pair.bob.last(Ended).how
    pair.finish()


def test_the_2xx_goes_on_after_a_bye_until_the_ack_comes() -> None:
    """RFC 5407 section 3.1.3: a caller that waits for the 2xx has no timer."""
    pair = Pair(lose=["b 200 INVITE"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    alice = pair.alice.outgoing
    pair.run(0.05)
    alice.end_early_dialog(alice.dialogs[0], pair.now)
    pair.flush()
    pair.run(0.2)
    between = pair.bob.session.state
    pair.run(2)

    assert SessionState.MORTAL is between
    assert [0.1, 0.6] == pair.times("b 200 INVITE")
    # Alice has ended that dialog: she acknowledges the 2xx, and says so again.
    assert [0.61] == pair.times("a ACK")
    assert [0.15, 0.61] == pair.times("a BYE")
    assert (Side.LOCAL, How.BYE) == (pair.alice.last(Ended).by, pair.alice.last(Ended).how)
    pair.finish()
