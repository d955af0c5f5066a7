"""Who owes whom a session description: RFC 3261 sections 13 and 14, RFC 3311, RFC 6337."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Body, Request, create_request
from trio_sip.session import (
    Acknowledged,
    Answered,
    DescriptionRole,
    Ended,
    ExchangeEnded,
    ExchangeState,
    How,
    ModifyReceived,
    Progressed,
    SessionSettings,
    SessionState,
    Side,
    description_in,
)

from .pair import ANSWER, OFFER, SDP, End, Pair

QUIET = SessionSettings(session_expires=None)
NO_UPDATE = SessionSettings(session_expires=None, allow=("INVITE", "ACK", "BYE", "CANCEL"))


def role(found: object) -> DescriptionRole | None:
    description = getattr(found, "description", None)
    return None if description is None else description.role


def asked(end: End) -> Request:
    """The last request that waits for its user."""
    return end.last(ModifyReceived).request


def test_an_offer_in_the_2xx_is_answered_in_the_ack() -> None:
    pair = Pair(body=b"")
    pair.ring()
    pair.respond(200, body=OFFER)
    pair.run(0.1)
    alice, bob = pair.alice.session, pair.bob.session
    before = alice.state, alice.owed_by(), bob.owed_by()
    with pytest.raises(LocalProtocolError, match="carry the answer"):
        alice.send_ack(pair.now)
    alice.send_ack(pair.now, body=ANSWER)
    pair.flush()
    pair.run(0.1)

    assert (SessionState.ANSWERED, Side.LOCAL, Side.REMOTE) == before
    assert DescriptionRole.OFFER is role(pair.alice.last(Answered))
    assert DescriptionRole.ANSWER is role(pair.bob.last(Acknowledged))
    assert (SessionState.CONFIRMED, None, None) == (alice.state, alice.owed_by(), bob.owed_by())
    with pytest.raises(LocalProtocolError, match="no ACK is owed"):
        alice.send_ack(pair.now, body=ANSWER)


def test_the_ack_with_the_answer_is_repeated_with_the_answer() -> None:
    pair = Pair(body=b"", lose=["a ACK"])
    pair.ring()
    pair.respond(200, body=OFFER)
    pair.run(0.1)
    pair.alice.session.send_ack(pair.now, body=ANSWER)
    pair.flush()
    pair.run(1)

    assert DescriptionRole.ANSWER is role(pair.bob.last(Acknowledged))


def test_copies_of_a_2xx_wait_for_the_user_as_well() -> None:
    pair = Pair(body=b"")
    pair.ring()
    pair.respond(200, body=OFFER)
    pair.run(4)

    assert [] == pair.times("a ACK")
    assert 1 == len(pair.alice.tell(Answered))


def test_a_user_that_never_answers_ends_the_call() -> None:
    pair = Pair(body=b"")
    pair.ring()
    pair.respond(200, body=OFFER)
    pair.run(33)

    assert 1 == len(pair.alice.tell(Ended)) == len(pair.bob.tell(Ended))
    pair.finish()


def test_leaving_while_the_answer_is_owed_sends_ack_and_bye() -> None:
    pair = Pair(body=b"")
    pair.ring()
    pair.respond(200, body=OFFER)
    pair.run(0.1)
    pair.hang_up(pair.alice)
    pair.run(0.1)

    assert ["a ACK", "a BYE", "b 200 BYE"] == pair.flow()[-3:]
    assert (Side.LOCAL, How.BYE) == (pair.alice.last(Ended).by, pair.alice.last(Ended).how)
    pair.finish()


def test_a_bye_while_the_answer_is_owed_is_answered_and_the_2xx_acknowledged() -> None:
    pair = Pair(body=b"")
    pair.ring()
    pair.respond(200, body=OFFER)
    pair.run(0.1)
    pair.hang_up(pair.bob)
    dialog = pair.bob.session.dialog
    assert dialog is not None
    pair.bob._send(dialog.create_request("BYE"), pair.now)
    pair.flush()
    pair.run(0.1)

    assert SessionState.TERMINATED is pair.alice.session.state
    assert {"a ACK", "a 200 BYE"} <= set(pair.flow())
    pair.run(200)
    assert pair.is_over()


def test_an_answer_must_not_be_missing_in_the_2xx() -> None:
    pair = Pair()
    pair.ring()
    with pytest.raises(LocalProtocolError, match="answer to their offer is missing"):
        pair.respond(200)
    assert SessionState.PROCEEDING is pair.bob.session.state
    pair.respond(200, body=ANSWER)
    with pytest.raises(LocalProtocolError, match="waits for no answer"):
        pair.respond(200, body=ANSWER)
    with pytest.raises(LocalProtocolError, match="waits for no answer"):
        pair.respond(183)


def test_an_offer_has_no_place_in_an_unreliable_response() -> None:
    pair = Pair(body=b"", alice=SessionSettings(session_expires=None, reliable=QUIET.reliable))
    pair.run(0.1)
    with pytest.raises(LocalProtocolError, match="has no place"):
        pair.respond(183, body=OFFER, reliable=False)
    assert Side.LOCAL is pair.bob.session.owed_by()


def test_a_call_without_any_description_is_a_call() -> None:
    pair = Pair(body=b"")
    pair.ring()
    pair.respond(200)
    pair.run(0.1)

    assert SessionState.CONFIRMED is pair.alice.session.state is pair.bob.session.state
    assert pair.alice.session.owed_by() is None is pair.bob.session.owed_by()
    assert pair.alice.session.may_offer()
    pair.hang_up(pair.bob)
    pair.finish()


def test_a_body_that_is_no_session_description_is_none() -> None:
    request = create_request(
        "INFO", "sip:b@b", from_="<sip:a@a>;tag=1", to="<sip:b@b>", call_id="c", cseq=1
    )
    found = [description_in(request)]
    request.add_body(b"Signal=1", "application/dtmf-relay")
    found.append(description_in(request))
    request.add_multipart_body([Body("hello"), Body(OFFER, SDP)])
    found.append(description_in(request))
    request.add_multipart_body([Body("hello")])
    found.append(description_in(request))
    request.add_body(OFFER, "application/sdp;charset=utf-8")
    found.append(description_in(request))
    request.headers.remove("Content-Type")
    found.append(description_in(request))
    request.headers.add("Content-Type", "rubbish")
    found.append(description_in(request))
    request.headers.set("Content-Type", "multipart/mixed")
    found.append(description_in(request))

    assert [None, None, (OFFER, SDP), None, (OFFER, "application/sdp;charset=utf-8")] == found[:5]
    assert [None, None, None] == found[5:]


def test_early_media_may_come_before_the_answer() -> None:
    pair = Pair(alice=SessionSettings(session_expires=None))
    pair.ring(183, body=b"v=0 early\r\n", reliable=False)
    pair.run(0.1)
    dialog = pair.alice.session.dialogs[0]
    early = pair.alice.session.may_offer(dialog), pair.alice.session.owed_by(dialog)
    pair.respond(180, reliable=False)
    pair.respond(183, body=ANSWER, reliable=False)
    pair.respond(200, body=ANSWER)
    pair.run(0.1)

    told = [role(one) for one in pair.alice.tell(Progressed)]
    assert [DescriptionRole.PREVIEW, None, DescriptionRole.PREVIEW] == told
    assert (False, Side.REMOTE) == early
    assert DescriptionRole.ANSWER is role(pair.alice.last(Answered))


def test_a_reinvite_is_answered_by_the_user() -> None:
    for sender, receiver in (("alice", "bob"), ("bob", "alice")):
        pair = Pair()
        pair.connect()
        one, other = getattr(pair, sender), getattr(pair, receiver)
        exchange = one.session.send_reinvite(pair.now, body=OFFER)
        pair.flush()
        sent = exchange.state, one.session.may_offer(), one.session.owed_by()
        pair.run(0.05)
        assert DescriptionRole.OFFER is role(other.last(ModifyReceived))
        pair.answer(other, asked(other), body=ANSWER)
        pair.run(0.05)

        assert (ExchangeState.SENT, False, Side.REMOTE) == sent
        told = one.last(ExchangeEnded)
        assert (exchange, 200) == (told.exchange, told.status)
        assert DescriptionRole.ANSWER is role(told)
        assert ExchangeState.DONE is exchange.state
        assert exchange.request is not None
        assert exchange.request.cseq.number == other.last(Acknowledged).request.cseq.number
        assert one.session.may_offer()
        assert other.session.may_offer()


def test_a_reinvite_without_offer_asks_for_one() -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.alice.session.send_reinvite(pair.now)
    pair.flush()
    pair.run(0.05)
    modify = pair.bob.last(ModifyReceived)
    pair.answer(pair.bob, modify.request, body=OFFER)
    pair.run(0.05)
    told = pair.alice.last(ExchangeEnded)
    pair.alice.session.send_ack(pair.now, body=ANSWER)
    pair.flush()
    pair.run(0.05)

    assert modify.description is None
    assert (exchange, DescriptionRole.OFFER) == (told.exchange, role(told))
    assert DescriptionRole.ANSWER is role(pair.bob.last(Acknowledged))
    assert pair.alice.session.may_offer()
    assert pair.bob.session.may_offer()


def test_leaving_while_the_answer_of_a_reinvite_is_owed() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now)
    pair.flush()
    pair.run(0.05)
    pair.answer(pair.bob, asked(pair.bob), body=OFFER)
    pair.run(0.05)
    pair.hang_up(pair.alice)
    pair.run(0.05)

    assert ["a ACK", "a BYE", "b 200 BYE"] == pair.flow()[-3:]
    pair.finish()


@pytest.mark.parametrize("status", [488, 500, 603])
def test_a_reinvite_that_is_refused_leaves_everything_as_it_was(status: int) -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)
    pair.answer(pair.bob, asked(pair.bob), status)
    pair.run(0.05)

    told = pair.alice.last(ExchangeEnded)
    assert (exchange, status) == (told.exchange, told.status)
    assert SessionState.CONFIRMED is pair.alice.session.state is pair.bob.session.state
    assert pair.alice.session.may_offer()
    assert pair.bob.session.may_offer()


def test_a_reinvite_waits_until_the_call_is_confirmed() -> None:
    pair = Pair(body=b"")
    pair.ring()
    pair.respond(200, body=OFFER)
    exchange = pair.bob.session.send_reinvite(pair.now, body=OFFER)
    pair.run(0.05)
    waiting = pair.bob.session.delayed, exchange.state, exchange.request
    pair.alice.session.send_ack(pair.now, body=ANSWER)
    pair.flush()
    pair.run(0.05)

    assert ((exchange,), ExchangeState.DELAYED, None) == waiting
    assert () == pair.bob.session.delayed
    assert 1 == len(pair.times("b INVITE"))


def test_requests_go_one_after_the_other_and_may_be_withdrawn() -> None:
    pair = Pair()
    pair.connect()
    session = pair.alice.session
    exchanges = [session.send_reinvite(pair.now, body=OFFER) for _ in range(3)]
    pair.flush()
    before = session.delayed
    session.withdraw(exchanges[1], pair.now)
    pair.flush()
    withdrawn = pair.alice.last(ExchangeEnded)
    for _ in range(2):
        pair.run(0.05)
        pair.answer(pair.bob, asked(pair.bob), body=ANSWER)
    pair.run(0.05)
    session.withdraw(exchanges[0], pair.now)

    assert (exchanges[1], exchanges[2]) == before
    assert (exchanges[1], None) == (withdrawn.exchange, withdrawn.status)
    assert ExchangeState.WITHDRAWN is exchanges[1].state
    assert [200, 200] == [told.status for told in pair.alice.tell(ExchangeEnded)[1:]]


def test_a_reinvite_may_be_cancelled() -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.3)
    pair.alice.session.withdraw(exchange, pair.now)
    pair.flush()
    pair.run(0.1)

    told = pair.alice.last(ExchangeEnded)
    assert (exchange, 487) == (told.exchange, told.status)
    assert SessionState.CONFIRMED is pair.alice.session.state is pair.bob.session.state
    assert pair.bob.session.may_offer()


def test_a_reinvite_is_cancelled_only_after_a_provisional_response() -> None:
    pair = Pair()
    pair.connect()
    session = pair.alice.session
    exchange = session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    session.withdraw(exchange, pair.now)
    session.withdraw(exchange, pair.now)
    pair.run(0.15)
    early = exchange.state, pair.times("a CANCEL")
    pair.run(0.2)

    assert (ExchangeState.CANCELLING, []) == early
    # Bob's transaction says 100 after 200 ms.
    assert [0.42] == pair.times("a CANCEL")
    assert 487 == pair.alice.last(ExchangeEnded).status
    assert ExchangeState.DONE is exchange.state


def test_a_reinvite_that_is_answered_is_not_cancelled() -> None:
    pair = Pair()
    pair.connect()
    session = pair.alice.session
    exchange = session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    pair.answer(pair.bob, asked(pair.bob), body=ANSWER)
    session.withdraw(exchange, pair.now)
    pair.run(0.1)
    session.withdraw(exchange, pair.now)
    info = session.send_request("INFO", pair.now)
    session.withdraw(info, pair.now)
    pair.flush()

    assert [] == pair.times("a CANCEL")
    assert 200 == pair.alice.last(ExchangeEnded).status


def test_an_update_in_a_call_is_answered_by_the_user() -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.bob.session.send_update(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)
    pair.answer(pair.alice, asked(pair.alice), body=ANSWER)
    pair.run(0.05)

    assert "UPDATE" == asked(pair.alice).method
    told = pair.bob.last(ExchangeEnded)
    assert (exchange, 200, DescriptionRole.ANSWER) == (told.exchange, told.status, role(told))
    assert pair.alice.session.may_offer()


def test_an_update_without_offer_is_answered_by_the_session() -> None:
    pair = Pair()
    pair.connect()
    exchange = pair.bob.session.send_update(pair.now)
    pair.flush()
    pair.run(0.05)

    assert 200 == pair.bob.last(ExchangeEnded).status
    assert exchange is pair.bob.last(ExchangeEnded).exchange
    assert [] == pair.alice.tell(ModifyReceived)


def test_an_update_changes_early_media() -> None:
    pair = Pair()
    pair.ring(183, body=ANSWER)
    pair.run(0.1)
    dialog = pair.alice.session.dialogs[0]
    may = pair.alice.session.may_offer(dialog), pair.bob.session.may_offer()
    pair.alice.session.send_update(pair.now, dialog=dialog, body=OFFER)
    pair.flush()
    pair.run(0.05)
    pair.answer(pair.bob, asked(pair.bob), body=ANSWER)
    pair.run(0.05)
    assert 200 == pair.alice.last(ExchangeEnded).status
    pair.bob.session.send_update(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)
    pair.answer(pair.alice, asked(pair.alice), body=ANSWER)
    pair.run(0.05)
    assert 200 == pair.bob.last(ExchangeEnded).status
    pair.respond(200)
    pair.run(0.05)

    assert (True, True) == may
    assert SessionState.CONFIRMED is pair.alice.session.state is pair.bob.session.state


def test_an_update_waits_until_an_offer_may_be_made() -> None:
    pair = Pair()
    pair.ring(180, reliable=True)
    pair.run(0.1)
    session = pair.alice.session
    dialog = session.dialogs[0]
    exchange = session.send_update(pair.now, dialog=dialog, body=OFFER)
    pair.flush()
    waiting = session.may_offer(dialog), session.delayed
    pair.respond(200, body=ANSWER)
    pair.run(0.1)

    assert (False, (exchange,)) == waiting
    assert ExchangeState.SENT is exchange.state
    assert ["a ACK", "a UPDATE"] == pair.flow()[-2:]


def test_an_answer_to_an_update_does_not_come_with_the_2xx_of_the_invite() -> None:
    pair = Pair()
    pair.ring(183, body=ANSWER)
    pair.run(0.1)
    dialog = pair.alice.session.dialogs[0]
    pair.alice.session.send_update(pair.now, dialog=dialog, body=OFFER)
    pair.respond(200, body=ANSWER)
    pair.run(0.1)
    answered, owed = pair.alice.last(Answered), pair.alice.session.owed_by()
    pair.answer(pair.bob, asked(pair.bob), body=ANSWER)
    pair.run(0.1)

    assert answered.description is None
    assert Side.REMOTE is owed
    assert DescriptionRole.ANSWER is role(pair.alice.last(ExchangeEnded))


def test_an_update_needs_a_peer_that_allows_it() -> None:
    pair = Pair(bob=NO_UPDATE)
    pair.connect()
    with pytest.raises(LocalProtocolError, match="does not allow UPDATE"):
        pair.alice.session.send_update(pair.now)


def test_there_is_nothing_to_ask_about_a_dialog_of_another_call() -> None:
    pair, other = Pair(), Pair()
    pair.connect()
    other.connect()

    assert not pair.alice.session.may_offer(other.alice.session.dialog)
    assert pair.alice.session.owed_by(other.alice.session.dialog) is None


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_an_answer_is_known_by_its_request_even_after_a_challenge(method: str) -> None:
    pair = Pair()
    pair.connect()
    pair.alice.credentials = True
    session = pair.alice.session
    if method == "INVITE":
        session.send_reinvite(pair.now, body=OFFER)
    else:
        session.send_update(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.05)
    pair.answer(pair.bob, asked(pair.bob), 401)
    pair.run(0.05)
    pair.answer(pair.bob, asked(pair.bob), body=ANSWER)
    pair.run(0.05)

    told = pair.alice.last(ExchangeEnded)
    assert (200, DescriptionRole.ANSWER) == (told.status, role(told))
    assert pair.alice.session.may_offer()
    if method == "INVITE":
        ack = pair.bob.last(Acknowledged).request
        assert (3, 'Digest username="a"') == (ack.cseq.number, ack["Authorization"])


def test_a_bye_while_the_answer_of_a_reinvite_is_owed_acknowledges_its_2xx() -> None:
    pair = Pair()
    pair.connect()
    pair.alice.session.send_reinvite(pair.now)
    pair.flush()
    pair.run(0.05)
    pair.answer(pair.bob, asked(pair.bob), body=OFFER)
    pair.run(0.05)
    pair.clear()
    pair.hang_up(pair.bob)
    pair.run(0.05)

    assert ["a 200 BYE", "a ACK", "b BYE"] == sorted(pair.flow())
    pair.finish()


def test_an_update_of_a_callee_waits_until_it_is_heard() -> None:
    pair = Pair(lose=["a PRACK"])
    pair.ring(183, body=ANSWER)
    pair.run(0.05)
    session = pair.bob.session
    exchange = session.send_update(pair.now, body=OFFER)
    pair.flush()
    waiting = session.may_offer(), session.delayed
    pair.run(1)

    assert (False, (exchange,)) == waiting
    assert 0.62 == pair.times("b UPDATE")[0]


def test_an_update_of_a_callee_without_an_offer_goes_as_soon_as_it_rings() -> None:
    pair = Pair()
    pair.run(0.02)
    session = pair.bob.session
    exchange = session.send_update(pair.now)
    pair.flush()
    waiting = session.delayed
    pair.ring()
    rung = pair.now
    pair.run(1)

    assert (exchange,) == waiting
    assert [round(rung, 3)] == pair.times("b UPDATE")
    assert ExchangeState.DONE is exchange.state


def test_an_update_of_a_caller_goes_to_the_one_phone_that_rings() -> None:
    pair = Pair()
    pair.ring()
    pair.run(0.05)
    exchange = pair.alice.session.send_update(pair.now)
    pair.flush()
    pair.run(1)

    assert ExchangeState.DONE is exchange.state


def test_an_update_of_a_callee_without_reliable_responses_waits_for_the_ack() -> None:
    pair = Pair(lose=["a ACK"])
    pair.ring()
    pair.respond(200, body=ANSWER)
    session = pair.bob.session
    session.send_update(pair.now, body=OFFER)
    session.send_update(pair.now)
    pair.flush()
    waiting = len(session.delayed)
    pair.run(1)

    assert 2 == waiting
    assert 0.62 == pair.times("b UPDATE")[0]
