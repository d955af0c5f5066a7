"""Calls as they usually go, and their ends: RFC 3261 sections 9, 13 and 15."""

from __future__ import annotations

import random

import pytest

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.dialog import DialogState
from trio_sip.message import Reason, Request, Response, create_request
from trio_sip.session import (
    Acknowledged,
    Answered,
    DescriptionRole,
    Ended,
    ExchangeEnded,
    How,
    IncomingSession,
    OutgoingSession,
    Progressed,
    Rejected,
    RequestReceived,
    SendCancel,
    SessionState,
    Side,
    Terminated,
    Withdrawn,
)

from .pair import ANSWER, OFFER, Pair, invite


def ended(pair: Pair) -> tuple[tuple[Side, How], tuple[Side, How]]:
    """How each end says that it ended."""
    alice, bob = pair.alice.last(Ended), pair.bob.last(Ended)
    return (alice.by, alice.how), (bob.by, bob.how)


def test_a_call_rings_is_answered_and_acknowledged() -> None:
    pair = Pair()
    pair.connect()

    assert ["a INVITE", "b 180 INVITE", "b 200 INVITE", "a ACK"] == pair.flow()
    assert SessionState.CONFIRMED is pair.alice.session.state
    assert SessionState.CONFIRMED is pair.bob.session.state
    assert [180] == [told.response.status for told in pair.alice.tell(Progressed)]
    answered = pair.alice.last(Answered).description
    assert answered is not None
    assert (DescriptionRole.ANSWER, ANSWER) == (answered.role, answered.body)
    offered = pair.bob.incoming.description
    assert offered is not None
    assert (DescriptionRole.OFFER, OFFER) == (offered.role, offered.body)
    assert pair.bob.last(Acknowledged).description is None


def test_the_messages_of_a_call_say_who_and_where() -> None:
    pair = Pair()
    pair.connect()
    first, final = pair.alice.session.invite, pair.alice.last(Answered).response

    assert "timer" in first["Supported"]
    assert "UPDATE" in first["Allow"]
    assert "<sip:b@192.0.2.2>" == final["Contact"]
    assert "b" == final.to.tag
    assert pair.alice.session.peer_allows("UPDATE")
    assert not pair.alice.session.peer_allows("PUBLISH")
    dialog = pair.alice.session.dialog
    assert dialog is not None
    assert DialogState.CONFIRMED is dialog.state
    assert (dialog,) == pair.alice.session.dialogs


@pytest.mark.parametrize("caller_hangs_up", [True, False])
def test_either_end_hangs_up(caller_hangs_up: bool) -> None:
    pair = Pair()
    pair.connect()
    leaver, other = (pair.alice, pair.bob) if caller_hangs_up else (pair.bob, pair.alice)
    pair.clear()
    pair.hang_up(leaver, headers=[("Reason", 'Q.850;cause=16;text="bye"')])
    pair.run()

    assert [f"{leaver.name} BYE", f"{other.name} 200 BYE"] == pair.flow()
    assert (Side.LOCAL, How.BYE) == (leaver.last(Ended).by, leaver.last(Ended).how)
    end = other.last(Ended)
    assert (Side.REMOTE, How.BYE, 16) == (end.by, end.how, end.reasons[0].cause)
    assert isinstance(end.message, Request)
    assert [1, 1] == [len(side.tell(Terminated)) for side in (leaver, other)]
    pair.finish()


@pytest.mark.parametrize("status", [302, 486, 603])
def test_a_callee_refuses(status: int) -> None:
    pair = Pair()
    pair.ring()
    pair.respond(status)
    pair.run()

    assert status == pair.alice.last(Rejected).status
    assert ((Side.REMOTE, How.REJECTED), (Side.LOCAL, How.REJECTED)) == ended(pair)
    assert status == pair.alice.last(Ended).status == pair.bob.last(Ended).status
    pair.finish()


def test_a_callee_that_leaves_refuses() -> None:
    pair = Pair()
    pair.ring()
    pair.hang_up(pair.bob, status=600, reason="Away", headers=[("Reason", "SIP;cause=600")])
    pair.run()

    response = pair.alice.last(Rejected).response
    assert response is not None
    assert (600, "Away", "SIP;cause=600") == (response.status, response.reason, response["Reason"])
    assert (Reason.parse("SIP;cause=600"),) == pair.alice.last(Ended).reasons
    pair.finish()


def test_nobody_answers_the_invite() -> None:
    pair = Pair(lose=["a INVITE"] * 7)
    pair.run(33)

    assert [32.0] == pair.alice.times(Rejected)
    assert 408 == pair.alice.last(Rejected).status
    assert (Side.LOCAL, How.REJECTED) == (pair.alice.last(Ended).by, pair.alice.last(Ended).how)
    pair.finish()


def test_a_cancel_goes_after_a_provisional_response() -> None:
    pair = Pair()
    pair.ring()
    pair.run()
    pair.clear()
    pair.hang_up(pair.alice, headers=[("Reason", "SIP;cause=200")])
    pair.run()

    flow = ["a CANCEL", "b 200 CANCEL", "b 487 INVITE", "a ACK"]
    assert flow == pair.flow()
    assert ((Side.LOCAL, How.CANCEL), (Side.REMOTE, How.CANCEL)) == ended(pair)
    assert (200,) == tuple(reason.cause for reason in pair.bob.last(Ended).reasons)
    assert 487 == pair.bob.last(Ended).status
    pair.finish()


def test_a_cancel_waits_for_a_provisional_response() -> None:
    pair = Pair()
    pair.hang_up(pair.alice, headers=[("Reason", "SIP;cause=200")])
    early = pair.flow()
    pair.ring()
    pair.run()

    assert ["a INVITE"] == early
    assert [0.11] == pair.times("a CANCEL")
    assert [0.0] == pair.alice.times(Ended)
    assert [200] == [reason.cause for reason in pair.bob.last(Ended).reasons]
    pair.finish()


def test_a_call_that_was_never_heard_of_ends_by_itself_when_cancelled() -> None:
    pair = Pair(lose=["a INVITE"] * 7)
    pair.hang_up(pair.alice)
    pair.run(33)

    assert [] == pair.times("a CANCEL")
    assert [] == pair.alice.tell(Rejected)
    assert [32.0] == pair.alice.times(Terminated)
    pair.finish()


def test_a_caller_does_not_wait_for_ever_for_the_487() -> None:
    pair = Pair(lose=["b 487 INVITE"] * 40)
    pair.ring()
    pair.run()
    pair.hang_up(pair.alice)
    pair.run(33)

    assert [32.6] == pair.alice.times(Terminated)
    # RFC 3261 section 17.1.1.2: the transaction in Proceeding has no timer of its own.
    assert 1 == len(pair.alice.layer)


def test_a_callee_says_bye_only_after_the_ack() -> None:
    pair = Pair(lose=["a ACK"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.hang_up(pair.bob, headers=[("Reason", "SIP;cause=480")])
    waiting = pair.bob.session
    delayed = [exchange.method for exchange in waiting.delayed]
    pair.run(1)

    assert ["BYE"] == delayed
    assert () == waiting.delayed
    assert [0.1] == pair.bob.times(Ended)
    # The first ACK is lost, so the 200 comes again after 0.5 s.
    assert [0.62] == pair.times("b BYE")
    assert [480] == [reason.cause for reason in pair.alice.last(Ended).reasons]
    pair.finish()


def test_a_callee_says_bye_when_the_ack_never_comes() -> None:
    pair = Pair(lose=["a ACK"] * 20)
    pair.ring()
    pair.respond(200, body=ANSWER)
    pair.hang_up(pair.bob)
    pair.run(40)

    assert [32.1] == pair.times("b BYE")
    pair.finish()


def test_an_early_bye_ends_the_call_before_it_is_answered() -> None:
    pair = Pair()
    pair.ring()
    pair.run()
    alice = pair.alice.outgoing
    pair.clear()
    alice.end_early_dialog(alice.dialogs[0], pair.now)
    pair.flush()
    pair.run()

    assert ["a BYE", "b 200 BYE", "b 487 INVITE", "a ACK"] == pair.flow()
    assert ((Side.REMOTE, How.REJECTED), (Side.REMOTE, How.BYE)) == ended(pair)
    pair.finish()


def test_hanging_up_twice_is_hanging_up_once() -> None:
    for prepare in (Pair.ring, Pair.connect):
        pair = Pair()
        prepare(pair)
        pair.run()
        sessions = pair.alice.session, pair.bob.session
        for _ in range(3):
            pair.hang_up(pair.alice)
            if pair.bob.call is not None:
                pair.hang_up(pair.bob)
        pair.run()
        for session in sessions:
            session.hang_up(pair.now)

        assert SessionState.TERMINATED is sessions[0].state is sessions[1].state
        assert 1 == len(pair.alice.tell(Ended)) == len(pair.bob.tell(Ended))
        pair.finish()


def test_481_ends_the_session_without_a_bye() -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.alice.session.send_request("INFO", pair.now)
    pair.flush()
    pair.run(0.1)
    pair.bob.reply(pair.bob.last(RequestReceived).request, 481)
    pair.run()

    told, end = pair.alice.last(ExchangeEnded), pair.alice.last(Ended)
    assert (exchange, 481) == (told.exchange, told.status)
    assert (Side.REMOTE, How.FAILED, 481) == (end.by, end.how, end.status)
    assert [] == pair.times("a BYE")
    assert not pair.alice.dialogs


def test_no_answer_ends_the_session_with_a_bye() -> None:
    pair = Pair(lose=["a INFO"] * 11)
    pair.connect()
    pair.alice.session.send_request("INFO", pair.now)
    pair.flush()
    pair.run(33)

    end = pair.alice.last(Ended)
    assert 408 == pair.alice.last(ExchangeEnded).status
    assert (Side.LOCAL, How.FAILED, 408) == (end.by, end.how, end.status)
    assert [32.2] == pair.times("a BYE")
    pair.finish()


def test_a_transport_that_fails_ends_the_request_alone() -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.alice.session.send_request("INFO", pair.now)
    assert exchange.request is not None
    pair.alice.session.receive_failure(exchange.request, 503, pair.now)
    pair.flush()

    assert 503 == pair.alice.last(ExchangeEnded).status
    assert SessionState.CONFIRMED is pair.alice.session.state


@pytest.mark.parametrize("status", [200, 404, 480, 486, 500, 503, 603])
def test_other_statuses_end_nothing(status: int) -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_request("INFO", pair.now, body=b"x", content_type="text/plain")
    pair.flush()
    pair.run(0.1)
    pair.bob.reply(pair.bob.last(RequestReceived).request, status)
    pair.run()

    assert status == pair.alice.last(ExchangeEnded).status
    assert SessionState.CONFIRMED is pair.alice.session.state


@pytest.mark.parametrize("method", ["INFO", "MESSAGE", "OPTIONS", "NOTIFY", "REFER", "JUMP"])
def test_other_requests_are_handed_through(method: str) -> None:
    pair = Pair()
    pair.connect()
    for sender, receiver in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
        sender.session.send_request(method, pair.now, body=b"x", content_type="text/plain")
        pair.flush()
        pair.run(0.05)
        request = receiver.last(RequestReceived).request
        receiver.reply(request, 200)
        pair.run(0.05)

        assert (method, b"x") == (request.method, request.body)
        assert ("Contact" in request) == (method in ("REFER", "NOTIFY"))
        assert 200 == sender.last(ExchangeEnded).status


@pytest.mark.parametrize("method", ["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE"])
def test_the_sessions_own_methods_are_not_sent_past_it(method: str) -> None:
    pair = Pair()
    pair.connect()
    with pytest.raises(LocalProtocolError, match="the session's own"):
        pair.alice.session.send_request(method, pair.now)


def test_nothing_is_sent_in_a_call_that_is_over() -> None:
    pair = Pair()
    pair.connect()
    session = pair.alice.session
    pair.hang_up(pair.alice)
    sends = (
        lambda: session.send_request("INFO", pair.now),
        lambda: session.send_reinvite(pair.now),
        lambda: session.send_update(pair.now),
        lambda: session.send_ack(pair.now, body=ANSWER),
    )
    for send in sends:
        with pytest.raises(LocalProtocolError):
            send()
    assert [] == session.effects()


def test_nothing_is_sent_in_a_call_without_a_dialog() -> None:
    session = Pair().alice.session
    for send in (session.send_reinvite, session.send_update):
        with pytest.raises(LocalProtocolError, match="no such dialog"):
            send(0.0)


def test_what_waits_for_an_answer_when_the_call_ends_is_told() -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.alice.session.send_request("INFO", pair.now)
    pair.hang_up(pair.alice)

    told = pair.alice.last(ExchangeEnded)
    assert (exchange, None) == (told.exchange, told.status)
    pair.run(100)
    assert 1 == len(pair.alice.tell(ExchangeEnded))


def test_a_reinvite_that_waits_for_the_user_is_answered_when_the_call_ends() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    pair.clear()
    pair.hang_up(pair.bob)
    pair.run()

    assert ["b 487 INVITE", "b BYE", "a ACK", "a 200 BYE"] == sorted(
        pair.flow(), key=["b 487 INVITE", "b BYE", "a ACK", "a 200 BYE"].index
    )
    assert "INVITE" == pair.bob.last(Withdrawn).request.method
    pair.finish()


def test_credentials_of_the_invite_go_with_its_ack() -> None:
    pair = Pair()
    pair.alice.credentials = True
    pair.run(0.1)
    pair.respond(401)
    pair.run(0.1)
    pair.respond(200, body=ANSWER)
    pair.run(0.1)

    flow = ["a INVITE", "b 401 INVITE", "a ACK", "a INVITE", "b 200 INVITE", "a ACK"]
    assert flow == pair.flow()
    ack = pair.bob.last(Acknowledged).request
    assert ('Digest username="a"', 2) == (ack["Authorization"], ack.cseq.number)
    pair.hang_up(pair.alice)
    pair.finish()


def test_a_cancel_waits_anew_for_an_invite_that_was_sent_again() -> None:
    pair = Pair()
    pair.alice.credentials = True
    pair.ring()
    pair.run(0.1)
    pair.respond(401)
    pair.run(0.015)
    dialogs = pair.alice.session.dialogs
    pair.hang_up(pair.alice)
    pair.run(0.1)

    assert () == dialogs
    assert [] == pair.times("a CANCEL")
    pair.respond(180)
    pair.run(0.1)
    assert 1 == len(pair.times("a CANCEL"))
    pair.finish()


def test_an_invite_within_a_dialog_begins_no_call() -> None:
    bad = invite()
    bad.headers.set("To", "<sip:bob@b.example>;tag=b")
    for wrong in (
        bad,
        create_request("INVITE", "sip:b@b", from_="<sip:a@a>", to="<sip:b@b>", call_id="c", cseq=1),
    ):
        with pytest.raises(LocalProtocolError, match="From tag"):
            OutgoingSession(wrong, 0.0, dice=random.Random(0))


def test_a_call_without_a_contact_cannot_be_taken() -> None:
    bad = invite()
    bad.headers.remove("Contact")
    with pytest.raises(RemoteProtocolError, match="Missing Contact"):
        IncomingSession(bad, 0.0, local_tag="b", contact="<sip:b@b>", dice=random.Random(0))


def test_a_cancel_is_made_from_the_invite_as_it_was_sent() -> None:
    pair = Pair()
    pair.ring()
    pair.run()
    pair.hang_up(pair.alice, headers=[("Reason", "SIP;cause=487")])
    cancel = pair.alice.last(SendCancel).create_request()

    assert pair.alice.session.invite["Via"] == cancel["Via"]
    assert "SIP;cause=487" == cancel["Reason"]


def test_a_response_to_nothing_is_nothing() -> None:
    pair = Pair()
    pair.connect()
    session = pair.alice.session
    response = Response(200, headers=pair.alice.last(Answered).response.headers.copy())
    response.headers.set("CSeq", "77 INFO")
    session.receive_response(response, pair.now)

    assert [] == session.effects()


@pytest.mark.parametrize("reliable", [False, True])
def test_a_phone_that_rings_says_so_every_minute(reliable: bool) -> None:
    pair = Pair()
    pair.ring(reliable=reliable)
    pair.run(200)

    again = [round(time - 0.1) for time in pair.times("b 180 INVITE")]
    assert [0, 60, 120, 180] == again
    pair.respond(200, body=ANSWER)
    pair.run(100)
    assert 4 == len(pair.times("b 180 INVITE"))


def test_a_phone_that_has_said_nothing_asks_for_time_every_minute() -> None:
    pair = Pair()
    pair.run(200)

    assert ["b 100 INVITE"] == [label for label in pair.flow() if label.startswith("b")][:1]
    assert [60, 120, 180] == [round(time) for time in pair.times("b 183 INVITE")]
