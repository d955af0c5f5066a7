"""One INVITE, many phones: RFC 3261 sections 12.1, 13.2.2.4 and 19.3, RFC 5407 appendix E."""

from __future__ import annotations

import random
from typing import TypeVar

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import DialogState
from trio_sip.message import RACK, Request, Response, create_request, create_response
from trio_sip.session import (
    Answered,
    DescriptionRole,
    DialogBegun,
    Effect,
    Ended,
    ExchangeEnded,
    Forget,
    How,
    ModifyReceived,
    OutgoingSession,
    Progressed,
    Rejected,
    SendAck,
    SendCancel,
    SendRequest,
    SendResponse,
    SessionSettings,
    SessionState,
    Side,
    Terminated,
    UsageEnded,
    create_goodbye,
)

from .pair import ANSWER, OFFER, SDP, invite

E = TypeVar("E", bound=Effect)
QUIET = SessionSettings(session_expires=None)


class Caller:
    """A calling session, and every effect it had."""

    def __init__(self, body: bytes = OFFER) -> None:
        self.session = OutgoingSession(
            invite(body=body), 0.0, dice=random.Random(1), settings=QUIET
        )
        self.session.invite.headers.insert_first("Via", "SIP/2.0/UDP a.example;branch=z9hG4bK1")
        self.seen: list[Effect] = []

    def take(self, kind: type[E]) -> list[E]:
        """The new effects of one kind."""
        effects = self.session.effects()
        self.seen += effects
        return [effect for effect in effects if isinstance(effect, kind)]

    def all(self, kind: type[E]) -> list[E]:
        self.take(kind)
        return [effect for effect in self.seen if isinstance(effect, kind)]

    def hear(self, tag: str, status: int, now: float, body: bytes = b"", rseq: int = 0) -> Response:
        """A phone says something."""
        response = create_response(self.session.invite, status, to_tag=tag)
        response.headers.add("Contact", f"<sip:{tag}@192.0.2.9>")
        response.headers.add("Allow", "INVITE, UPDATE")
        if rseq:
            response.headers.add("Require", "100rel")
            response.headers.add("RSeq", rseq)
        if body:
            response.add_body(body, SDP)
        self.session.receive_response(response, now)
        return response

    def requests(self) -> list[tuple[str, str | None]]:
        """The new requests, and for whom."""
        return [(sent.request.method, sent.request.to.tag) for sent in self.take(SendRequest)]


def test_each_phone_that_rings_has_an_early_dialog() -> None:
    caller = Caller()
    for tag in ("x", "y", "x", "z"):
        caller.hear(tag, 180, 1.0)

    begun = [effect.dialog.id.remote_tag for effect in caller.all(DialogBegun)]
    assert ["x", "y", "z"] == begun
    assert {DialogState.EARLY} == {dialog.state for dialog in caller.session.dialogs}
    told = [told.dialog.id.remote_tag for told in caller.all(Progressed) if told.dialog is not None]
    assert ["x", "y", "x", "z"] == told
    assert caller.session.dialog is None


def test_a_100_makes_no_dialog() -> None:
    caller = Caller()
    caller.hear("x", 100, 1.0)

    assert [None] == [told.dialog for told in caller.all(Progressed)]
    assert () == caller.session.dialogs


def test_the_first_2xx_wins_and_the_others_are_acknowledged_and_ended() -> None:
    caller = Caller()
    for tag in ("x", "y", "z"):
        caller.hear(tag, 180, 1.0)
    caller.take(SendRequest)
    caller.hear("y", 200, 2.0, ANSWER)
    won = caller.session.dialog
    first = [ack.request.to.tag for ack in caller.take(SendAck)]
    caller.hear("x", 200, 2.1, ANSWER)
    effects = caller.session.effects()
    caller.hear("new", 200, 2.2, ANSWER)
    late = caller.session.effects()

    assert won is not None
    assert ("y", ["y"]) == (won.id.remote_tag, first)
    for tag, seen in (("x", effects), ("new", late)):
        acks = [one.request.to.tag for one in seen if isinstance(one, SendAck)]
        byes = [one.request for one in seen if isinstance(one, SendRequest)]
        assert [tag] == acks
        assert [("BYE", tag)] == [(bye.method, bye.to.tag) for bye in byes]
        assert f"sip:{tag}@192.0.2.9" == byes[0].target
    assert 1 == len(caller.all(Answered))
    assert SessionState.CONFIRMED is caller.session.state
    assert {"y", "z"} == {dialog.id.remote_tag for dialog in caller.session.dialogs}


def test_copies_of_every_2xx_are_acknowledged_again() -> None:
    caller = Caller()
    for tag in ("x", "y", "x", "y", "y"):
        caller.hear(tag, 200, 1.0, ANSWER)

    acks = [ack.request.to.tag for ack in caller.all(SendAck)]
    assert ["x", "y", "x", "y", "y"] == acks
    assert [("INVITE", None), ("BYE", "y")] == [
        (sent.request.method, sent.request.to.tag) for sent in caller.all(SendRequest)
    ]


def test_early_dialogs_that_lose_are_dropped_after_64_t1() -> None:
    caller = Caller()
    for tag in ("x", "y", "z"):
        caller.hear(tag, 180, 1.0)
    caller.hear("y", 200, 2.0, ANSWER)
    caller.take(UsageEnded)
    assert 34.0 == caller.session.next_deadline()
    caller.session.handle_timeout(34.0)

    dropped = {effect.dialog.id.remote_tag for effect in caller.take(UsageEnded)}
    assert {"x", "z"} == dropped
    assert ["y"] == [dialog.id.remote_tag for dialog in caller.session.dialogs]
    assert [] == caller.all(Forget)


def test_each_phone_has_its_own_early_media() -> None:
    caller = Caller()
    for tag in ("x", "y"):
        caller.hear(tag, 183, 1.0, b"v=0 " + tag.encode())

    told = [told.description for told in caller.all(Progressed)]
    assert [b"v=0 x", b"v=0 y"] == [one.body for one in told if one is not None]
    assert {DescriptionRole.PREVIEW} == {one.role for one in told if one is not None}


def test_each_prack_goes_to_its_own_phone() -> None:
    caller = Caller()
    caller.take(SendRequest)
    for tag, rseq in (("x", 7), ("y", 7), ("x", 8), ("y", 9), ("x", 8)):
        caller.hear(tag, 183, 1.0, ANSWER, rseq)

    pracks = [sent.request for sent in caller.take(SendRequest)]
    seen = [(prack.to.tag, prack.headers[RACK].rseq, prack.cseq.number) for prack in pracks]
    # "y" has skipped 8, and the second 8 of "x" is a copy.
    assert [("x", 7, 2), ("y", 7, 2), ("x", 8, 3)] == seen
    assert [f"sip:{tag}@192.0.2.9" for tag, _, _ in seen] == [prack.target for prack in pracks]
    assert 3 == len(caller.all(Progressed))


def test_an_update_changes_one_early_dialog_and_no_other() -> None:
    caller = Caller()
    for tag in ("x", "y"):
        caller.hear(tag, 183, 1.0, ANSWER, rseq=7)
    x, y = caller.session.dialogs
    caller.session.send_update(1.0, dialog=y, body=OFFER)

    assert ("UPDATE", "y") == caller.requests()[-1]
    assert (True, False) == (caller.session.may_offer(x), caller.session.may_offer(y))
    assert (None, Side.REMOTE) == (caller.session.owed_by(x), caller.session.owed_by(y))


def test_the_only_early_dialog_need_not_be_named_and_one_of_several_must_be() -> None:
    caller = Caller()
    caller.hear("x", 183, 1.0, ANSWER, rseq=7)
    caller.session.send_update(1.0, body=OFFER)

    assert ("UPDATE", "x") == caller.requests()[-1]
    caller.hear("y", 183, 1.0, ANSWER, rseq=7)
    with pytest.raises(LocalProtocolError, match="no such dialog"):
        caller.session.send_update(1.0, body=OFFER)


def test_what_is_delayed_in_an_early_dialog_goes_with_it() -> None:
    caller = Caller()
    for tag in ("x", "y"):
        caller.hear(tag, 180, 1.0)
    x, _ = caller.session.dialogs
    caller.take(SendRequest)
    exchange = caller.session.send_update(1.0, dialog=x, body=OFFER)
    caller.session.end_early_dialog(x, 1.5)
    caller.hear("y", 200, 2.0, ANSWER)

    assert [("BYE", "x")] == caller.requests()
    assert [(exchange, None)] == [(one.exchange, one.status) for one in caller.all(ExchangeEnded)]


def test_one_phone_may_be_told_to_stop() -> None:
    caller = Caller()
    for tag in ("x", "y"):
        caller.hear(tag, 180, 1.0)
    x, y = caller.session.dialogs
    caller.take(SendRequest)
    caller.session.end_early_dialog(x, 1.5, headers=[("Reason", "SIP;cause=480")])

    assert [("BYE", "x")] == caller.requests()
    assert (y,) == caller.session.dialogs
    assert SessionState.PROCEEDING is caller.session.state
    with pytest.raises(LocalProtocolError, match="no early dialog"):
        caller.session.end_early_dialog(x, 1.5)
    caller.hear("y", 200, 2.0, ANSWER)
    with pytest.raises(LocalProtocolError, match="no early dialog"):
        caller.session.end_early_dialog(y, 2.0)


def test_a_phone_that_was_told_to_stop_and_answers_is_told_again_with_a_higher_number() -> None:
    caller = Caller()
    caller.hear("x", 180, 1.0)
    caller.session.end_early_dialog(caller.session.dialogs[0], 1.5)
    caller.hear("x", 200, 2.0, ANSWER)
    byes = [one.request for one in caller.take(SendRequest) if one.request.method == "BYE"]

    assert [2, 3] == [bye.cseq.number for bye in byes]


def test_a_phone_that_says_bye_while_it_rings_is_taken_at_its_word() -> None:
    caller = Caller()
    for tag in ("x", "y"):
        caller.hear(tag, 180, 1.0)
    caller.session.receive_request(from_phone("x", "BYE"), 1.5)

    assert [200] == [sent.response.status for sent in caller.take(SendResponse)]
    assert ["y"] == [dialog.id.remote_tag for dialog in caller.session.dialogs]
    assert SessionState.PROCEEDING is caller.session.state


def test_a_phone_that_has_lost_may_say_bye_first() -> None:
    caller = Caller()
    for tag in ("x", "y"):
        caller.hear(tag, 180, 1.0)
    caller.hear("y", 200, 2.0, ANSWER)
    caller.session.receive_request(from_phone("x", "BYE"), 2.5)

    assert [200] == [sent.response.status for sent in caller.take(SendResponse)]
    assert SessionState.CONFIRMED is caller.session.state


def test_a_phone_that_is_not_known_is_answered_481() -> None:
    caller = Caller()
    caller.hear("x", 180, 1.0)
    caller.session.receive_request(from_phone("nobody", "BYE"), 1.5)
    caller.session.receive_request(from_phone("nobody", "ACK"), 1.5)

    assert [481] == [sent.response.status for sent in caller.take(SendResponse)]


def test_a_phone_may_offer_in_its_early_dialog() -> None:
    caller = Caller()
    caller.hear("x", 183, 1.0, ANSWER, rseq=1)
    update = from_phone("x", "UPDATE")
    update.add_body(OFFER, SDP)
    caller.session.receive_request(update, 1.5)
    caller.session.send_response(update, 200, 1.5, body=ANSWER)

    assert [update] == [one.request for one in caller.all(ModifyReceived)]
    assert [200] == [one.response.status for one in caller.all(SendResponse)]


def test_cancelling_while_many_ring_ends_them_all() -> None:
    caller = Caller()
    for tag in ("x", "y"):
        caller.hear(tag, 180, 1.0)
    caller.session.hang_up(2.0)
    cancels = len(caller.take(SendCancel))
    caller.hear("x", 487, 2.5)

    assert 1 == cancels
    ended = [effect.dialog.id.remote_tag for effect in caller.all(UsageEnded)]
    assert ["x", "y"] == ended
    assert 1 == len(caller.all(Terminated)) == len(caller.all(Forget))


def test_every_phone_that_answers_a_cancelled_call_is_ended() -> None:
    caller = Caller()
    caller.hear("x", 180, 1.0)
    caller.session.hang_up(2.0, headers=[("Reason", "SIP;cause=487")])
    caller.take(SendRequest)
    for tag in ("x", "y"):
        caller.hear(tag, 200, 2.5, ANSWER)

    assert ["x", "y"] == [ack.request.to.tag for ack in caller.all(SendAck)]
    byes = [sent.request for sent in caller.all(SendRequest) if sent.request.method == "BYE"]
    assert ["x", "y"] == [bye.to.tag for bye in byes]
    assert "SIP;cause=487" == byes[0]["Reason"]
    assert 1 == len(caller.all(Ended))
    assert How.CANCEL is caller.all(Ended)[0].how
    assert [] == caller.all(Answered)


def test_the_dialog_of_a_prack_that_is_unknown_to_its_phone_is_over() -> None:
    caller = Caller()
    caller.hear("x", 183, 1.0, ANSWER, rseq=1)
    prack = caller.take(SendRequest)[-1].request
    caller.session.receive_response(create_response(prack, 481), 1.5)

    assert () == caller.session.dialogs
    assert SessionState.PROCEEDING is caller.session.state
    caller.hear("x", 486, 2.0)
    assert 486 == caller.all(Rejected)[0].status


def test_a_2xx_after_everything_is_forgotten_gets_ack_and_bye_all_the_same() -> None:
    response = create_response(invite(), 200, to_tag="late")
    response.headers.add("Contact", "<sip:late@192.0.2.9>")
    response.headers.add("Record-Route", "<sip:p.example;lr>")
    ack, bye = create_goodbye(response)

    assert [("ACK", 1, "late"), ("BYE", 2, "late")] == [
        (one.method, one.cseq.number, one.to.tag) for one in (ack, bye)
    ]
    assert "sip:late@192.0.2.9" == ack.target == bye.target
    assert ["<sip:p.example;lr>"] == ack.headers.get_all("Route")
    without = create_response(invite(), 200, to_tag="late")
    assert "sip:bob@b.example" == create_goodbye(without)[1].target


def from_phone(tag: str, method: str) -> Request:
    return create_request(
        method,
        "sip:alice@192.0.2.1",
        from_=f"<sip:bob@b.example>;tag={tag}",
        to="<sip:alice@a.example>;tag=a",
        call_id="c1",
        cseq=1,
        contact=f"<sip:{tag}@192.0.2.9>",
    )


def test_the_answer_to_a_prack_belongs_to_its_own_phone() -> None:
    """The phones number their requests alike."""
    caller = Caller()
    for tag in ("x", "y"):
        caller.hear(tag, 183, 1.0, ANSWER, rseq=7)
    pracks = [one.request for one in caller.take(SendRequest) if one.request.method == "PRACK"]
    caller.session.receive_response(create_response(pracks[1], 481), 1.5)

    assert [2, 2] == [prack.cseq.number for prack in pracks]
    assert ["x"] == [dialog.id.remote_tag for dialog in caller.session.dialogs]
    caller.session.receive_failure(pracks[0], 408, 33.0)
    assert () == caller.session.dialogs


def test_there_are_as_many_early_dialogs_as_phones_but_not_as_many_as_somebody_likes() -> None:
    caller = Caller()
    for number in range(1000):
        caller.hear(f"phone{number}", 180, 1.0)
    caller.hear("phone1", 183, 1.0, ANSWER)
    heard = caller.all(Progressed)
    caller.hear("phone999", 200, 2.0, ANSWER)

    assert 1001 == len(heard)
    assert 65 == len([one for one in heard if one.dialog is not None])
    assert 65 == len(caller.session.dialogs)
    assert SessionState.CONFIRMED is caller.session.state
