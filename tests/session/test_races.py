"""The races of RFC 5407, section by section."""

from __future__ import annotations

from trio_sip.session import (
    Answered,
    Ended,
    ExchangeEnded,
    How,
    ModifyReceived,
    Rejected,
    SessionState,
    Side,
    Withdrawn,
)

from .pair import ANSWER, OFFER, Pair
from .test_glare import answer_all, crossing


def test_2_the_states_of_a_session_and_its_end() -> None:
    """Preparative, early, moratorium, established, mortal, terminated."""
    pair = Pair()
    seen = [pair.alice.session.state]
    pair.ring()
    pair.run(0.05)
    seen.append(pair.alice.session.state)
    pair.respond(200, body=ANSWER)
    seen.append(pair.bob.session.state)
    pair.run(0.05)
    seen += [pair.alice.session.state, pair.bob.session.state]
    bob = pair.bob.session
    pair.hang_up(pair.alice)
    seen.append(pair.alice.session.state)
    pair.run(0.05)
    seen += [pair.alice.session.state, bob.state]

    assert [
        SessionState.CALLING,
        SessionState.PROCEEDING,
        SessionState.ANSWERED,
        SessionState.CONFIRMED,
        SessionState.CONFIRMED,
        SessionState.CLOSING,
        SessionState.TERMINATED,
        SessionState.TERMINATED,
    ] == seen
    pair.finish()


def test_3_1_1_a_copy_of_the_invite_comes_after_the_2xx() -> None:
    pair = Pair(lose=["b 180 INVITE", "b 200 INVITE"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.run(3)

    # Alice has heard nothing, so she repeats her INVITE, and Bob his 200.
    assert [0.0, 0.5] == pair.times("a INVITE")
    assert [0.1, 0.6] == pair.times("b 200 INVITE")
    assert 1 == len(pair.alice.tell(Answered))
    assert SessionState.CONFIRMED is pair.alice.session.state is pair.bob.session.state
    pair.hang_up(pair.bob)
    pair.finish()


def test_3_1_2_a_cancel_meets_the_2xx() -> None:
    pair = Pair()
    pair.ring()
    pair.run(0.5)
    pair.clear()
    pair.respond(200, body=ANSWER)
    pair.hang_up(pair.alice)
    pair.run(0.1)

    assert ["b 200 INVITE", "a CANCEL", "a ACK", "a BYE"] == pair.flow()[:4]
    assert {"b 200 CANCEL", "b 200 BYE"} == set(pair.flow()[4:])
    assert [] == pair.alice.tell(Answered)
    assert (Side.LOCAL, How.CANCEL) == (pair.alice.last(Ended).by, pair.alice.last(Ended).how)
    assert (Side.REMOTE, How.BYE) == (pair.bob.last(Ended).by, pair.bob.last(Ended).how)
    pair.finish()


def test_3_1_3_an_early_bye_meets_the_2xx() -> None:
    pair = Pair()
    pair.ring()
    pair.run(0.5)
    pair.clear()
    alice = pair.alice.outgoing
    pair.respond(200, body=ANSWER)
    alice.end_early_dialog(alice.dialogs[0], pair.now)
    pair.flush()
    pair.run(1)

    assert ["b 200 INVITE", "a BYE"] == pair.flow()[:2]
    assert 1 == len(pair.times("a ACK"))
    assert [] == pair.alice.tell(Answered)
    assert (Side.REMOTE, How.BYE) == (pair.bob.last(Ended).by, pair.bob.last(Ended).how)
    pair.finish()


def test_3_1_4_a_reinvite_comes_before_the_ack_and_everything_is_agreed() -> None:
    pair = Pair(lose=["a ACK"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.run(0.05)
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)
    before = pair.bob.session.state
    pair.answer(pair.bob, pair.bob.last(ModifyReceived).request, body=ANSWER)
    pair.run(3)

    assert SessionState.ANSWERED is before
    assert 200 == pair.alice.last(ExchangeEnded).status
    # The first 200 comes again, because its ACK was lost, and is acknowledged.
    assert 3 == len(pair.times("b 200 INVITE")) == len(pair.times("a ACK"))
    assert SessionState.CONFIRMED is pair.bob.session.state
    assert pair.bob.session.may_offer()
    pair.hang_up(pair.bob)
    pair.finish()


def test_3_1_5_a_reinvite_comes_before_the_ack_and_the_answer_is_missing() -> None:
    pair = Pair(body=b"", lose=["a ACK"])
    pair.ring()
    pair.respond(200, body=OFFER)
    pair.run(0.05)
    pair.alice.session.send_ack(pair.now, body=ANSWER)
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)

    assert 1 == len(pair.times("b 491 INVITE"))
    answer_all(pair, 6)
    assert [200] == [told.status for told in pair.alice.tell(ExchangeEnded)]
    assert SessionState.CONFIRMED is pair.bob.session.state


def test_3_1_6_a_bye_comes_before_the_ack() -> None:
    pair = Pair(lose=["a ACK"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.run(0.05)
    bob = pair.bob.session
    pair.hang_up(pair.alice)
    pair.run(0.1)
    state = bob.state
    pair.run(2)

    assert SessionState.MORTAL is state
    assert ["a BYE", "b 200 BYE", "b 200 INVITE", "a ACK"] == pair.flow()[-4:]
    assert (Side.REMOTE, How.BYE) == (pair.bob.last(Ended).by, pair.bob.last(Ended).how)
    pair.finish()


def test_3_2_1_the_byes_meet() -> None:
    pair = Pair()
    pair.connect()
    pair.clear()
    pair.hang_up(pair.alice)
    pair.hang_up(pair.bob)
    pair.run(0.1)

    assert ["a BYE", "b BYE", "b 200 BYE", "a 200 BYE"] == pair.flow()
    for end in (pair.alice, pair.bob):
        assert (Side.LOCAL, How.BYE) == (end.last(Ended).by, end.last(Ended).how)
    pair.finish()


def test_3_2_2_a_reinvite_meets_the_bye() -> None:
    pair = Pair()
    pair.connect()
    pair.clear()
    pair.hang_up(pair.alice)
    exchange = pair.bob.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)

    assert ["a BYE", "b INVITE"] == pair.flow()[:2]
    assert 1 == len(pair.times("a 481 INVITE")) == len(pair.times("b 200 BYE"))
    told = pair.bob.last(ExchangeEnded)
    assert (exchange, None) == (told.exchange, told.status)
    pair.finish()


def test_3_2_3_the_2xx_of_a_reinvite_meets_the_bye() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    pair.clear()
    pair.answer(pair.bob, pair.bob.last(ModifyReceived).request, body=ANSWER)
    pair.hang_up(pair.alice)
    pair.run(0.1)

    assert ["b 200 INVITE", "a BYE", "a ACK", "b 200 BYE"] == pair.flow()
    assert [None] == [told.status for told in pair.alice.tell(ExchangeEnded)]
    pair.finish()


def test_3_2_4_the_ack_comes_after_the_bye_of_its_own_sender() -> None:
    pair = Pair(lose=["a ACK"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.run(0.05)
    bob = pair.bob.session
    pair.hang_up(pair.alice)
    pair.run(2)

    assert SessionState.TERMINATED is bob.state
    assert [0.1, 0.6] == pair.times("b 200 INVITE")
    assert [0.11, 0.61] == pair.times("a ACK")
    pair.finish()


def test_3_3_1_the_reinvites_meet() -> None:
    pair = crossing()
    answer_all(pair, 6)

    assert [200] == [told.status for told in pair.alice.tell(ExchangeEnded)]
    assert [200] == [told.status for told in pair.bob.tell(ExchangeEnded)]
    assert 1 == len(pair.times("a 491 INVITE")) == len(pair.times("b 491 INVITE"))


def test_3_3_2_an_update_and_a_reinvite_meet() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_update(pair.now, body=OFFER)
    pair.bob.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)

    assert 1 == len(pair.times("a 491 INVITE")) == len(pair.times("b 491 UPDATE"))
    answer_all(pair, 6)
    assert [200] == [told.status for told in pair.alice.tell(ExchangeEnded)]
    assert [200] == [told.status for told in pair.bob.tell(ExchangeEnded)]


def test_3_3_3_a_refer_meets_the_bye() -> None:
    pair = Pair()
    pair.connect()
    pair.clear()
    pair.hang_up(pair.bob)
    pair.alice.session.send_request(
        "REFER", pair.now, headers=[("Refer-To", "<sip:carol@c.example>")]
    )
    pair.flush()
    pair.run(0.1)

    assert 1 == len(pair.times("b 481 REFER")) == len(pair.times("a 200 BYE"))
    assert [None] == [told.status for told in pair.alice.tell(ExchangeEnded)]
    pair.finish()


def test_a_a_bye_in_an_early_dialog() -> None:
    pair = Pair()
    pair.ring()
    pair.run(0.1)
    alice = pair.alice.outgoing
    pair.clear()
    alice.end_early_dialog(alice.dialogs[0], pair.now)
    pair.flush()
    pair.run(0.1)

    assert ["a BYE", "b 200 BYE", "b 487 INVITE", "a ACK"] == pair.flow()
    assert 487 == pair.alice.last(Rejected).status
    pair.finish()


def test_b_a_bye_overlaps_a_reinvite() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    pair.clear()
    pair.hang_up(pair.alice)
    pair.run(0.1)

    assert ["a BYE", "b 200 BYE", "b 487 INVITE", "a ACK"] == pair.flow()
    assert "INVITE" == pair.bob.last(Withdrawn).request.method
    pair.finish()


def test_c_a_cancel_meets_a_refusal() -> None:
    pair = Pair()
    pair.ring()
    pair.run(0.5)
    pair.clear()
    pair.respond(486)
    pair.hang_up(pair.alice)
    pair.run(0.1)

    assert ["b 486 INVITE", "a CANCEL", "a ACK", "b 200 CANCEL"] == pair.flow()
    assert How.CANCEL is pair.alice.last(Ended).how
    assert How.REJECTED is pair.bob.last(Ended).how
    assert [] == pair.alice.tell(Rejected)
    pair.finish()
