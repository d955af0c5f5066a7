"""Reliable provisional responses from both sides: RFC 3262."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.message import RACK, RSEQ, Request
from trio_sip.session import (
    Acknowledged,
    Answered,
    DescriptionRole,
    Ended,
    ExchangeEnded,
    How,
    PrackReceived,
    Pracks,
    Progressed,
    Rejected,
    Reliable,
    SessionSettings,
    SessionState,
    Side,
)

from .pair import ANSWER, OFFER, End, Pair

QUIET = SessionSettings(session_expires=None)
BY_USER = SessionSettings(session_expires=None, pracks=Pracks.BY_USER)
NEVER = SessionSettings(session_expires=None, reliable=Reliable.NEVER)
REQUIRED = SessionSettings(session_expires=None, reliable=Reliable.REQUIRED)


def roles(end: End) -> list[DescriptionRole | None]:
    """What the descriptions were that came, in order; ``None`` for none."""
    kinds = (Progressed, Answered, PrackReceived, Acknowledged, ExchangeEnded)
    found = [effect.description for _, effect in end.told if isinstance(effect, kinds)]
    return [None if one is None else one.role for one in found]


def test_a_reliable_183_carries_the_answer_and_is_acknowledged() -> None:
    pair = Pair()
    pair.ring(183, body=ANSWER)
    pair.run(0.1)
    pair.respond(200)
    pair.run(0.1)

    flow = ["a INVITE", "b 183 INVITE", "a PRACK", "b 200 PRACK", "b 200 INVITE", "a ACK"]
    assert flow == pair.flow()
    assert [DescriptionRole.ANSWER, None] == roles(pair.alice)
    assert "100rel" == pair.alice.last(Progressed).response["Require"]
    prack = pair.bob.last(PrackReceived).request
    rack, rseq = prack.headers[RACK], pair.alice.last(Progressed).response.headers[RSEQ]
    assert (rseq, 1, "INVITE") == (rack.rseq, rack.cseq, rack.method)
    assert SessionState.CONFIRMED is pair.bob.session.state


def test_a_180_without_description_is_not_reliable_unless_it_is_wanted() -> None:
    for given, pracks in (({}, 0), ({"reliable": True}, 1), ({"reliable": False}, 0)):
        pair = Pair()
        pair.ring(**given)
        pair.run(0.1)

        assert pracks == len(pair.times("a PRACK"))


def test_a_reliable_response_is_repeated_at_doubling_intervals_until_504() -> None:
    pair = Pair(lose=["a PRACK"] * 40)
    pair.ring(reliable=True)
    pair.run(33)

    times = [round(time - 0.1, 3) for time in pair.times("b 180 INVITE")]
    assert [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5] == times
    assert [32.1] == pair.times("b 504 INVITE") == pair.bob.times(Ended)
    assert (Side.LOCAL, How.NO_PRACK) == (pair.bob.last(Ended).by, pair.bob.last(Ended).how)
    assert 504 == pair.alice.last(Rejected).status


def test_copies_of_a_reliable_response_do_not_show() -> None:
    pair = Pair(lose=["a PRACK"])
    pair.ring(reliable=True)
    pair.run(3)

    assert [0.1, 0.6] == pair.times("b 180 INVITE")
    # The PRACK is repeated by its own transaction.
    assert [0.11, 0.61] == pair.times("a PRACK")
    assert 1 == len(pair.alice.tell(Progressed))


def test_reliable_responses_go_one_at_a_time_in_order() -> None:
    pair = Pair(lose=["a PRACK"])
    pair.ring(180, reliable=True)
    pair.respond(183, reliable=True)
    pair.respond(182, reliable=True)
    pair.run(3)

    assert [0.62] == pair.times("b 183 INVITE")
    assert [0.64] == pair.times("b 182 INVITE")
    told = pair.alice.tell(Progressed)
    assert [180, 183, 182] == [one.response.status for one in told]
    first = told[0].response.headers[RSEQ]
    assert [first, first + 1, first + 2] == [one.response.headers[RSEQ] for one in told]


def test_a_response_whose_predecessor_is_missing_is_not_looked_at() -> None:
    pair = Pair()
    pair.ring(180, reliable=True)
    pair.run(0.1)
    response = pair.alice.last(Progressed).response
    told = len(pair.alice.tell(Progressed))
    response.headers.set("RSeq", response.headers[RSEQ] + 2)
    pair.alice.session.receive_response(response, pair.now)
    pair.flush()

    assert told == len(pair.alice.tell(Progressed))
    assert 1 == len(pair.times("a PRACK"))


def test_a_2xx_waits_for_the_prack_of_a_description() -> None:
    pair = Pair(lose=["a PRACK"])
    pair.ring(183, body=ANSWER)
    pair.respond(200)
    before = pair.bob.session.state
    pair.run(2)

    assert SessionState.ACCEPTING is before
    assert [0.62] == pair.times("b 200 INVITE")
    assert SessionState.CONFIRMED is pair.bob.session.state


def test_a_2xx_does_not_wait_for_the_prack_of_a_ring() -> None:
    pair = Pair(lose=["a PRACK"])
    pair.ring(180, reliable=True)
    pair.respond(200, body=ANSWER)
    pair.run(2)

    assert [0.1] == pair.times("b 200 INVITE") == pair.times("b 180 INVITE")
    # "MUST be prepared to process PRACK requests for those outstanding responses".
    assert 1 == len(pair.times("b 200 PRACK"))


@pytest.mark.parametrize("leaves", ["a", "b"])
def test_a_2xx_that_waits_is_overtaken_by_the_end(leaves: str) -> None:
    pair = Pair(lose=["a PRACK"] * 40)
    pair.ring(183, body=ANSWER)
    pair.respond(200)
    pair.run(0.2)
    pair.hang_up(pair.alice if leaves == "a" else pair.bob)
    pair.run(5)

    assert [] == pair.times("b 200 INVITE")
    assert 1 == len(pair.times("b 487 INVITE" if leaves == "a" else "b 480 INVITE"))
    assert 1 == len(pair.bob.tell(Ended))


def test_an_offer_in_a_reliable_response_is_answered_in_the_prack() -> None:
    pair = Pair(body=b"")
    pair.ring(183, body=OFFER)
    pair.run(0.1)
    progress = pair.alice.last(Progressed)
    session = pair.alice.session
    assert progress.prack_owed
    assert (Side.LOCAL, Side.REMOTE) == (
        session.owed_by(progress.dialog),
        pair.bob.session.owed_by(),
    )
    with pytest.raises(LocalProtocolError, match="carry the answer"):
        session.send_prack(progress.response, pair.now)
    exchange = session.send_prack(progress.response, pair.now, body=ANSWER)
    pair.flush()
    pair.run(0.1)
    with pytest.raises(LocalProtocolError, match="no PRACK is owed"):
        session.send_prack(progress.response, pair.now, body=ANSWER)

    assert [DescriptionRole.OFFER, None] == roles(pair.alice)
    assert [DescriptionRole.ANSWER] == roles(pair.bob)
    assert exchange is pair.alice.last(ExchangeEnded).exchange
    assert pair.alice.session.owed_by(progress.dialog) is None
    pair.respond(200)
    pair.run(0.1)
    assert SessionState.CONFIRMED is pair.alice.session.state


def test_a_prack_may_carry_an_offer_which_its_2xx_answers() -> None:
    pair = Pair(alice=BY_USER)
    pair.ring(183, body=ANSWER)
    pair.run(0.1)
    progress = pair.alice.last(Progressed)
    pair.alice.session.send_prack(progress.response, pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    prack = pair.bob.last(PrackReceived)
    with pytest.raises(LocalProtocolError, match="answer to their offer is missing"):
        pair.answer(pair.bob, prack.request, 200)
    with pytest.raises(LocalProtocolError, match="no provisional"):
        pair.answer(pair.bob, prack.request, 183)
    pair.answer(pair.bob, prack.request, 200, body=ANSWER)
    pair.run(0.1)

    assert [DescriptionRole.OFFER] == roles(pair.bob)
    assert [DescriptionRole.ANSWER, DescriptionRole.ANSWER] == roles(pair.alice)


def test_a_prack_for_nothing_is_answered_481() -> None:
    pair = Pair(alice=BY_USER)
    pair.ring(180, reliable=True)
    pair.run(0.1)
    progress = pair.alice.last(Progressed)
    right = progress.response.headers[RSEQ]
    for rack, status in ((f"{right + 1} 1 INVITE", 481), (f"{right} 9 INVITE", 481), (None, 400)):
        dialog = pair.alice.session.dialogs[0]
        headers = [] if rack is None else [("RAck", rack)]
        pair.alice._send(dialog.create_request("PRACK", headers=headers), pair.now)
        pair.flush()
        pair.run(0.1)

        assert 1 <= len(pair.times(f"b {status} PRACK"))


def test_nothing_is_reliable_for_a_peer_that_does_not_know_it() -> None:
    pair = Pair(alice=NEVER)
    pair.ring(183, body=ANSWER)
    with pytest.raises(LocalProtocolError, match="does not support 100rel"):
        pair.respond(183, reliable=True)
    pair.run(0.1)

    assert [] == pair.times("a PRACK")
    assert [DescriptionRole.PREVIEW] == roles(pair.alice)
    assert "100rel" not in pair.alice.session.invite["Supported"]


def test_everything_is_reliable_for_a_peer_that_requires_it() -> None:
    pair = Pair(alice=REQUIRED)
    pair.ring(180)
    with pytest.raises(LocalProtocolError, match="is required"):
        pair.respond(181, reliable=False)
    pair.run(0.1)

    assert "100rel" == pair.alice.session.invite["Require"]
    assert 1 == len(pair.times("a PRACK"))


@pytest.mark.parametrize(
    ("alice", "bob", "status", "header"),
    [(REQUIRED, NEVER, 420, "Unsupported"), (NEVER, REQUIRED, 421, "Require")],
)
def test_ends_that_do_not_fit_have_no_call(
    alice: SessionSettings, bob: SessionSettings, status: int, header: str
) -> None:
    pair = Pair(alice=alice, bob=bob)
    pair.run(0.1)

    response = pair.alice.last(Rejected).response
    assert response is not None
    assert (status, "100rel") == (response.status, response[header])
    pair.finish()


def test_a_reinvite_has_reliable_responses_too() -> None:
    pair = Pair()
    pair.connect()
    pair.clear()
    pair.bob.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    request = pair.alice.session._pending[0]
    pair.answer(pair.alice, request, 183, body=ANSWER)
    pair.answer(pair.alice, request, 200)
    pair.run(0.1)

    flow = ["b INVITE", "a 183 INVITE", "b PRACK", "a 200 PRACK", "a 200 INVITE", "b ACK"]
    assert flow == pair.flow()
    assert isinstance(request, Request)
    assert pair.bob.last(Progressed).exchange is pair.bob.last(ExchangeEnded).exchange


def test_a_reinvite_whose_prack_never_comes_is_refused_and_the_call_goes_on() -> None:
    pair = Pair(alice=BY_USER)
    pair.connect()
    exchange = pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    pair.answer(pair.bob, pair.bob.session._pending[0], 183, body=ANSWER)
    pair.run(33)

    assert [32.3] == pair.times("b 504 INVITE")
    assert (exchange, 504) == (
        pair.alice.last(ExchangeEnded).exchange,
        pair.alice.last(ExchangeEnded).status,
    )
    assert [] == pair.bob.tell(Ended)


def test_a_prack_without_the_answer_ends_the_offer() -> None:
    pair = Pair(body=b"")
    pair.ring(183, body=OFFER)
    pair.run(0.1)
    dialog = pair.alice.session.dialogs[0]
    rseq = pair.alice.last(Progressed).response.headers[RSEQ]
    pair.alice._send(
        dialog.create_request("PRACK", headers=[("RAck", f"{rseq} 1 INVITE")]), pair.now
    )
    pair.flush()
    pair.run(0.1)

    assert [None] == roles(pair.bob)
    assert pair.bob.session.owed_by() is None


def test_the_prack_of_a_ring_does_not_end_their_offer() -> None:
    pair = Pair()
    pair.ring(180, reliable=True)
    pair.run(0.1)

    assert Side.LOCAL is pair.bob.session.owed_by()
    pair.respond(200, body=ANSWER)
    pair.run(0.1)
    assert SessionState.CONFIRMED is pair.bob.session.state
