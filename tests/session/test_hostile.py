"""What the other end may send: nothing of it raises, and nothing ends a call without a reason."""

from __future__ import annotations

import random

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Response, create_response
from trio_sip.session import (
    Ended,
    ExchangeEnded,
    OutgoingSession,
    Rejected,
    SendResponse,
    SessionSettings,
    SessionState,
)

from .pair import ANSWER, OFFER, Pair, invite
from .test_forks import Caller, from_phone

RUBBISH = ["", ",", ";;", "\u2028", "0", "-1", "99999999999999999999", "a b c", "<sip:bad"]
HEADERS = [
    "Allow", "Supported", "Require", "RSeq", "RAck", "Session-Expires", "Min-SE", "Reason",
    "Retry-After", "Contact", "Content-Type", "Record-Route", "Content-Disposition",
]  # fmt: skip


@pytest.mark.parametrize("name", HEADERS)
def test_rubbish_in_a_response_is_as_good_as_nothing(name: str) -> None:
    for text in RUBBISH:
        caller = Caller()
        for status in (183, 422, 491, 200, 500):
            response = create_response(caller.session.invite, status, to_tag="x")
            response.headers.add("Require", "100rel")
            response.body = b"x"
            response.headers.set(name, text)
            caller.session.receive_response(response, 1.0)
            caller.session.effects()

        assert caller.session.peer_allows("INVITE") is False
        assert SessionState.TERMINATED is caller.session.state


@pytest.mark.parametrize("name", HEADERS)
def test_rubbish_in_a_request_is_as_good_as_nothing(name: str) -> None:
    for text in RUBBISH:
        caller = Caller()
        caller.hear("x", 200, 1.0, ANSWER)
        for method in ("UPDATE", "PRACK", "INVITE", "ACK", "BYE"):
            request = from_phone("x", method)
            request.body = b"x"
            request.headers.set(name, text)
            caller.session.receive_request(request, 2.0)

        assert SessionState.TERMINATED is caller.session.state
        assert 4 == len(caller.take(SendResponse))


def test_a_refusal_of_a_reinvite_with_rubbish_is_a_refusal() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)
    pair.answer(pair.bob, pair.bob.session._pending[0], 422, headers=[("Min-SE", "soon")])
    pair.run(0.05)

    assert 422 == pair.alice.last(ExchangeEnded).status
    assert [] == pair.alice.tell(Ended)


def test_a_2xx_whose_contact_cannot_be_read_is_acknowledged() -> None:
    caller = Caller()
    caller.hear("x", 180, 1.0)
    response = create_response(caller.session.invite, 200, to_tag="x")
    response.headers.add("Contact", "<sip:bad")
    caller.session.receive_response(response, 2.0)

    assert SessionState.CONFIRMED is caller.session.state
    assert "sip:x@192.0.2.9" == str(caller.session.dialogs[0].remote_target)


def test_responses_to_an_invite_of_long_ago_are_nothing() -> None:
    caller = Caller()
    old = create_response(caller.session.invite, 200, to_tag="x")
    old.headers.set("CSeq", "77 INVITE")
    caller.session.receive_response(old, 1.0)
    caller.session.receive_failure(from_phone("x", "INFO"), 408, 1.0)

    assert SessionState.CALLING is caller.session.state


def test_an_invite_that_was_sent_again_unannounced_is_noticed() -> None:
    caller = Caller()
    caller.hear("x", 183, 1.0, ANSWER)
    caller.session.invite.headers.set("CSeq", "2 INVITE")
    caller.hear("x", 200, 2.0, ANSWER)

    assert SessionState.CONFIRMED is caller.session.state
    assert caller.session.owed_by() is None


def test_a_provisional_response_after_the_answer_is_nothing() -> None:
    caller = Caller()
    caller.hear("x", 200, 1.0, ANSWER)
    caller.session.effects()
    caller.hear("y", 180, 2.0)
    caller.hear("x", 180, 2.0)

    assert [] == caller.session.effects()


def test_a_hang_up_that_refuses_nothing_is_refused() -> None:
    caller = Caller()
    for status in (200, 100, 700):
        with pytest.raises(LocalProtocolError, match="refuses nothing"):
            caller.session.hang_up(1.0, status=status)


def test_what_the_invite_says_itself_is_left_alone() -> None:
    first = invite(headers=[("Supported", "x"), ("Allow", "INVITE"), ("Session-Expires", "900")])
    OutgoingSession(first, 0.0, dice=random.Random(1), settings=SessionSettings())

    assert ("x", "INVITE", "900") == (
        first["Supported"],
        first["Allow"],
        first["Session-Expires"],
    )


def test_what_a_response_says_itself_is_left_alone() -> None:
    pair = Pair()
    pair.run(0.1)
    headers = [("Contact", "<sip:x@y>"), ("Allow", "BYE"), ("Supported", "z")]
    response = pair.bob.session.send_response(
        pair.bob.session.invite, 200, pair.now, headers=headers, body=ANSWER
    )
    partly = pair.bob.session._create_response(
        pair.bob.session.invite, 200, headers=(("Server", "s"),)
    )

    assert isinstance(response, Response)
    assert [["<sip:x@y>"], ["BYE"], ["z"]] == [
        response.headers.get_all(name) for name in ("Contact", "Allow", "Supported")
    ]
    assert "<sip:b@192.0.2.2>" == partly["Contact"]


def test_a_2xx_of_a_reinvite_that_waits_for_its_prack_is_overtaken_by_the_end() -> None:
    pair = Pair()
    pair.connect()
    pair.lose = ["b PRACK"] * 20
    pair.bob.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)
    request = pair.alice.session._pending[0]
    pair.answer(pair.alice, request, 183, body=ANSWER)
    pair.answer(pair.alice, request, 200)
    pair.run(0.05)
    pair.hang_up(pair.alice)
    pair.run(0.1)

    assert 1 == len(pair.times("a 487 INVITE"))
    assert [] == pair.times("a 200 INVITE")
    pair.run(100)
    assert not pair.alice.dialogs
    assert [] == pair.alice.tell(Rejected)
