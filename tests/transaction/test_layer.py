"""The transaction layer: what clients, servers and their users see of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request, parse_message_untrusted
from trio_sip.transaction import (
    AckReceived,
    Failed,
    ResponseReceived,
    Send,
    ServerTransaction,
    State,
    StateChanged,
    StrayResponse,
    Terminated,
    TimedOut,
    TransactionLayer,
    Verdict,
)

from .conversation import (
    TCP,
    UDP,
    FakeFlow,
    ack,
    cancel,
    invite,
    only,
    play,
    received,
    request,
    response,
    times_of,
    wire,
)


def answered(
    layer: TransactionLayer, message: Request, status: int, now: float = 0.0
) -> ServerTransaction:
    transaction = received(layer, message, now)
    layer.send_response(transaction, wire(message, status), status, now)
    layer.effects()
    return transaction


# -- server side


def test_a_request_that_comes_five_times_is_new_once_and_gets_the_same_bytes_each_time() -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := request())
    layer.send_response(transaction, data := wire(message, 200), 200, 0.0)
    for now in (0.5, 1.5, 3.5, 7.5):
        assert Verdict.ABSORBED is layer.receive_request(request(), UDP, now)

    assert [Send(data, UDP, transaction)] * 5 == layer.effects()
    assert 4 == layer.statistics().absorbed


def test_a_copy_that_comes_before_the_answer_is_absorbed_in_silence() -> None:
    layer = TransactionLayer()
    received(layer, request())

    assert Verdict.ABSORBED is layer.receive_request(request(), UDP, 0.5)
    assert [] == layer.effects()
    assert 1 == layer.statistics().absorbed


def test_an_invite_copy_while_ringing_gets_the_last_provisional_again() -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := invite())
    layer.send_response(transaction, wire(message, 180), 180, 0.0)
    layer.send_response(transaction, last := wire(message, 183), 183, 0.1)
    layer.effects()

    assert Verdict.ABSORBED is layer.receive_request(invite(), UDP, 0.5)
    assert [Send(last, UDP, transaction)] == layer.effects()


def test_an_invite_is_answered_with_100_after_200_ms_of_silence() -> None:
    layer = TransactionLayer()
    received(layer, invite())

    played = play(layer, until=60.0)

    assert [0.2] == times_of(Send, played)
    assert played[0][1].data.startswith(b"SIP/2.0 100 Trying\r\n")  # type: ignore[union-attr]


def test_no_100_is_sent_once_the_user_has_said_something() -> None:
    layer = TransactionLayer()
    answered(layer, invite(), 180)

    assert [] == play(layer, until=60.0)


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_another_request_is_answered_with_100_when_timer_e_has_grown_to_t2(flow: FakeFlow) -> None:
    layer = TransactionLayer()
    received(layer, request(), flow=flow)

    played = play(layer, until=60.0)

    assert [3.5] == times_of(Send, played)
    assert played[0][1].data.startswith(b"SIP/2.0 100 Trying\r\n")  # type: ignore[union-attr]


@pytest.mark.parametrize("status", [180, 183, 199, 408])
def test_rfc_4320_forbids_408_and_provisional_responses_to_other_requests(status: int) -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := request())

    with pytest.raises(LocalProtocolError, match=str(status)):
        layer.send_response(transaction, wire(message, status), status, 0.0)
    assert [] == layer.effects()
    assert State.TRYING is transaction.state


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
@pytest.mark.parametrize(("first", "second"), [(200, 486), (486, 200), (486, 486), (404, 180)])
def test_a_second_final_response_is_refused(method: str, first: int, second: int) -> None:
    layer = TransactionLayer()
    transaction = answered(layer, message := request(method), first)

    with pytest.raises(LocalProtocolError, match=method):
        layer.send_response(transaction, wire(message, second), second, 0.1)
    assert [] == layer.effects()


@pytest.mark.parametrize("status", [-1, 0, 99, 700, 1000])
def test_a_status_that_does_not_exist_is_refused(status: int) -> None:
    layer = TransactionLayer()
    transaction = received(layer, request())

    with pytest.raises(LocalProtocolError):
        layer.send_response(transaction, b"", status, 0.0)


def test_the_2xx_to_an_invite_may_be_sent_again_and_is_not_repeated_by_the_transaction() -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := invite())
    for now in (0.0, 0.5, 1.5):
        layer.send_response(transaction, wire(message, 200), 200, now)

    played = play(layer)

    assert 3 == len(times_of(Send, played))
    assert [32.0] == times_of(Terminated, played)
    assert [] == times_of(TimedOut, played)


def test_the_ack_of_a_rejection_is_absorbed_and_stops_its_repetition() -> None:
    layer = TransactionLayer()
    answered(layer, invite(), 486)

    assert Verdict.ABSORBED is layer.receive_request(ack(to_tag="a6c85cf"), UDP, 0.7)
    assert Verdict.ABSORBED is layer.receive_request(ack(to_tag="a6c85cf"), UDP, 0.8)
    assert [5.7] == times_of(Terminated, played := play(layer))
    assert [] == times_of(Send, played)


def test_the_ack_of_a_2xx_has_its_own_branch_and_belongs_to_the_dialog() -> None:
    layer = TransactionLayer()
    answered(layer, invite(), 200)

    verdict = layer.receive_request(ack(branch="z9hG4bKother", to_tag="a6c85cf"), UDP, 0.1)

    assert Verdict.STRAY_ACK is verdict
    assert 1 == layer.statistics().stray_acks
    assert [] == layer.effects()


def test_an_ack_of_a_2xx_with_the_branch_of_its_invite_goes_up() -> None:
    layer = TransactionLayer()
    transaction = answered(layer, invite(), 200)

    message = ack()

    assert Verdict.ABSORBED is layer.receive_request(message, UDP, 0.1)
    assert [AckReceived(transaction, message)] == layer.effects()


def test_an_ack_before_any_final_response_is_dropped_and_counted() -> None:
    layer = TransactionLayer()
    transaction = answered(layer, invite(), 180)

    assert Verdict.ABSORBED is layer.receive_request(ack(), UDP, 0.1)
    assert State.PROCEEDING is transaction.state
    assert 1 == layer.statistics().stray_acks


def test_an_ack_that_matches_nothing_is_a_stray() -> None:
    layer = TransactionLayer()

    assert Verdict.STRAY_ACK is layer.receive_request(ack(), UDP, 0.0)
    assert 0 == len(layer)


def test_an_ack_opens_no_transaction() -> None:
    with pytest.raises(LocalProtocolError, match="ACK"):
        TransactionLayer().open_server(ack(), UDP, 0.0)


def test_a_late_invite_copy_after_200_and_ack_starts_no_second_call() -> None:
    layer = TransactionLayer()
    answered(layer, invite(), 200)
    layer.receive_request(ack(branch="z9hG4bKother"), UDP, 0.1)

    assert Verdict.ABSORBED is layer.receive_request(invite(), UDP, 31.9)
    assert [] == layer.effects()
    play(layer)
    assert Verdict.NEW is layer.receive_request(invite(), UDP, 33.0)


def test_the_same_branch_from_another_sender_is_another_transaction() -> None:
    layer = TransactionLayer()
    one = received(layer, request(call_id="1"))
    other = received(layer, request(call_id="2", sent_by="pc34.atlanta.example"))

    assert one is not other
    assert 2 == len(layer)


@pytest.mark.parametrize("branch", [None, "z9hG4bK"])
def test_requests_without_a_proper_branch_never_share_a_transaction(branch: str | None) -> None:
    layer = TransactionLayer()
    for number in range(5):
        received(layer, request(branch=branch, call_id=f"call-{number}"))

    assert 5 == len(layer)
    assert Verdict.ABSORBED is layer.receive_request(
        request(branch=branch, call_id="call-3"), UDP, 0.1
    )


def test_a_cancel_matches_its_invite_and_is_answered_in_a_transaction_of_its_own() -> None:
    layer = TransactionLayer()
    transaction = answered(layer, invite(), 180)

    message = cancel()

    assert Verdict.CANCEL is layer.receive_request(message, UDP, 1.0)
    assert transaction is layer.cancelled(message)
    own = layer.open_server(message, UDP, 1.0)
    layer.send_response(own, data := wire(message, 200), 200, 1.0)
    assert Verdict.ABSORBED is layer.receive_request(cancel(), UDP, 1.5)
    assert [Send(data, UDP, own)] * 2 == layer.effects()
    assert State.PROCEEDING is transaction.state


@pytest.mark.parametrize("status", [200, 486])
def test_a_cancel_matches_an_invite_that_was_answered_already(status: int) -> None:
    layer = TransactionLayer()
    answered(layer, invite(), status)

    assert Verdict.CANCEL is layer.receive_request(cancel(), UDP, 1.0)


def test_a_cancel_with_another_branch_is_a_stray_and_the_invite_goes_on() -> None:
    layer = TransactionLayer()
    transaction = answered(layer, invite(), 180)
    message = cancel(branch="z9hG4bKother")

    assert Verdict.STRAY_CANCEL is layer.receive_request(message, UDP, 1.0)
    assert layer.cancelled(message) is None
    assert State.PROCEEDING is transaction.state
    assert 1 == layer.statistics().stray_cancels


def test_a_request_that_comes_by_two_ways_is_merged_while_the_first_is_there() -> None:
    layer = TransactionLayer()
    first = received(layer, invite())
    again = invite(branch="z9hG4bKother", sent_by="proxy.example")

    assert Verdict.MERGED is layer.receive_request(again, UDP, 0.1)
    second = layer.open_server(again, UDP, 0.1)
    layer.send_response(second, wire(again, 482), 482, 0.1)
    layer.receive_request(ack(branch="z9hG4bKother", sent_by="proxy.example"), UDP, 0.2)
    play(layer)
    assert 1 == layer.statistics().merged
    assert State.TERMINATED is second.state
    third = invite(branch="z9hG4bKthird")
    assert Verdict.MERGED is layer.receive_request(third, UDP, 50.0)
    layer.send_response(first, b"", 200, 50.0)
    play(layer)
    assert Verdict.NEW is layer.receive_request(third, UDP, 99.0)


@pytest.mark.parametrize("flow", [UDP, TCP])
@pytest.mark.parametrize("status", [401, 407])
def test_a_request_that_was_challenged_may_come_again_with_the_same_cseq(
    flow: FakeFlow, status: int
) -> None:
    layer = TransactionLayer()
    message = request()
    assert Verdict.NEW is layer.receive_request(message, flow, 0.0)
    transaction = layer.open_server(message, flow, 0.0)
    layer.send_response(transaction, wire(message, status), status, 0.1)
    again = request(branch="z9hG4bKagain")

    assert Verdict.NEW is layer.receive_request(again, flow, 0.2)
    layer.open_server(again, flow, 0.2)
    play(layer)
    assert 0 == layer.statistics().merged


def test_a_request_has_one_server_transaction() -> None:
    layer = TransactionLayer()
    received(layer, message := request())

    with pytest.raises(LocalProtocolError):
        layer.open_server(message, UDP, 0.0)


def test_a_transaction_opened_later_than_the_next_verdict_has_its_own_key() -> None:
    layer = TransactionLayer()
    one, other = request(branch="z9hG4bK1", cseq=1), request(branch="z9hG4bK2", cseq=2)
    layer.receive_request(one, UDP, 0.0)
    layer.receive_request(other, UDP, 0.0)

    layer.open_server(one, UDP, 0.0)
    layer.open_server(other, UDP, 0.0)

    assert Verdict.ABSORBED is layer.receive_request(one, UDP, 0.1)
    assert Verdict.ABSORBED is layer.receive_request(other, UDP, 0.1)


# -- client side


def test_every_response_goes_up_until_the_final_one_and_its_copies_do_not() -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(message := request(), UDP, 0.0)
    responses = [response(message, status) for status in (100, 100, 200, 200, 100)]
    for answer in responses:
        layer.receive_response(answer, UDP, 0.1)

    seen = only(ResponseReceived, layer.effects())

    assert [ResponseReceived(transaction, answer) for answer in responses[:3]] == seen
    assert 2 == layer.statistics().absorbed


def test_each_2xx_to_an_invite_goes_up_and_none_is_acknowledged_here() -> None:
    layer = TransactionLayer()
    layer.send_request(message := invite(), UDP, 0.0)
    layer.effects()
    for to_tag in ("one", "two", "one"):
        layer.receive_response(response(message, 200, to_tag=to_tag), UDP, 0.1)

    seen = layer.effects()

    assert [ResponseReceived] * 3 == [type(effect) for effect in seen]


def test_a_rejected_invite_is_acknowledged_once_for_each_copy_of_the_rejection() -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(message := invite(), UDP, 0.0)
    layer.effects()
    for now in (0.1, 0.6, 1.6):
        layer.receive_response(response(message, 486, to_tag="busy"), UDP, now)

    effects = layer.effects()
    acks = only(Send, effects)
    sent = parse_message_untrusted(acks[0].data)

    assert [Send, ResponseReceived, Send, Send] == [type(effect) for effect in effects]
    assert isinstance(sent, Request)
    assert ("ACK", "busy", message.via.branch) == (sent.method, sent.to.tag, sent.via.branch)
    assert (314159, "ACK") == (sent.cseq.number, sent.cseq.method)
    assert [acks[0]] * 3 == acks
    assert transaction.request is None


def test_the_200_to_a_cancel_does_not_answer_the_invite() -> None:
    layer = TransactionLayer()
    layer.send_request(message := invite(), UDP, 0.0)
    layer.receive_response(response(message, 180), UDP, 0.1)
    own = layer.send_request(cancelling := cancel(), UDP, 0.2)
    layer.effects()

    layer.receive_response(answer := response(cancelling, 200), UDP, 0.3)

    assert [ResponseReceived(own, answer)] == layer.effects()


def test_a_response_that_nobody_waits_for_is_a_stray() -> None:
    layer = TransactionLayer()
    answer = response(invite(), 200)

    layer.receive_response(answer, UDP, 0.0)

    assert [StrayResponse(answer, UDP)] == layer.effects()
    assert 1 == layer.statistics().stray_responses


@pytest.mark.parametrize("asked", [request, invite])
@pytest.mark.parametrize("name", ["Call-ID", "From", "CSeq"])
def test_a_response_that_does_not_repeat_what_it_must_is_a_stray(
    asked: Callable[[], Request], name: str
) -> None:
    layer = TransactionLayer()
    layer.send_request(message := asked(), UDP, 0.0)
    layer.effects()
    foreign = {
        "Call-ID": "foreign",
        "From": "<sip:a@b>;tag=foreign",
        "CSeq": f"77 {message.method}",
    }
    answer = response(message, 200)
    answer.headers.set(name, foreign[name])

    layer.receive_response(answer, UDP, 0.1)
    layer.receive_response(right := response(message, 404), UDP, 0.2)

    stray, *others = layer.effects()
    assert StrayResponse(answer, UDP) == stray
    assert [right] == [one.response for one in others if isinstance(one, ResponseReceived)]


def test_a_response_after_the_timeout_is_a_stray() -> None:
    layer = TransactionLayer()
    layer.send_request(message := request(), UDP, 0.0)
    play(layer)

    layer.receive_response(response(message, 200), UDP, 33.0)

    assert [StrayResponse] == [type(effect) for effect in layer.effects()]


def test_a_response_that_the_state_has_no_use_for_is_dropped_and_counted() -> None:
    layer = TransactionLayer()
    layer.send_request(message := invite(), UDP, 0.0)
    layer.receive_response(response(message, 486), UDP, 0.1)
    layer.effects()

    layer.receive_response(response(message, 180), UDP, 0.2)

    assert [] == layer.effects()
    assert 1 == layer.statistics().stray_responses


def test_retransmissions_are_counted_for_each_client_transaction() -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(invite(), UDP, 0.0)
    play(layer, until=4.0)

    assert 3 == transaction.retransmissions
    assert 3 == layer.statistics().retransmitted


@pytest.mark.parametrize("branch", [None, "z9hG4bK", "old"])
def test_a_request_of_ours_needs_a_branch_of_rfc_3261(branch: str | None) -> None:
    layer = TransactionLayer()

    with pytest.raises(LocalProtocolError, match="branch"):
        layer.send_request(request(branch=branch), UDP, 0.0)
    assert [] == layer.effects()


def test_a_branch_in_use_is_refused() -> None:
    layer = TransactionLayer()
    layer.send_request(request(), UDP, 0.0)

    with pytest.raises(LocalProtocolError, match="z9hG4bKnashds8"):
        layer.send_request(request(), UDP, 0.0)


def test_an_ack_is_no_request_to_wait_for() -> None:
    with pytest.raises(LocalProtocolError, match="ACK"):
        TransactionLayer().send_request(ack(), UDP, 0.0)


# -- failures and users that go away


def test_a_client_that_cannot_send_fails_once_and_is_over() -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(request(), UDP, 0.0)
    layer.effects()
    error = OSError("unreachable")

    layer.send_failed(transaction, error, 0.1)
    layer.send_failed(transaction, error, 0.2)

    assert [Failed(transaction, error), Terminated(transaction)] == layer.effects()
    assert 1 == layer.statistics().failed


def test_a_server_that_cannot_send_fails_once_and_goes_on_absorbing() -> None:
    layer = TransactionLayer()
    transaction = answered(layer, invite(), 486)
    for now in (0.1, 0.6):
        layer.send_failed(transaction, OSError("unreachable"), now)

    assert [Failed] == [type(effect) for effect in layer.effects()]
    assert Verdict.ABSORBED is layer.receive_request(invite(), UDP, 0.7)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_handler_may_answer_although_its_connection_broke(method: str) -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := request(method), flow=TCP)
    layer.flow_failed(TCP, OSError("reset"), 0.1)
    layer.effects()

    layer.send_response(transaction, wire(message, 404), 404, 0.2)
    play(layer)

    assert 0 == len(layer)


def test_a_broken_connection_fails_all_that_use_it_and_nobody_else() -> None:
    layer = TransactionLayer()
    other = FakeFlow("other", reliable=True)
    waiting = layer.send_request(request(branch="z9hG4bK1"), TCP, 0.0)
    ringing = layer.send_request(message := invite(branch="z9hG4bK2"), TCP, 0.0)
    layer.receive_response(response(message, 180), TCP, 0.1)
    serving = received(layer, request(branch="z9hG4bK3"), flow=TCP)
    layer.send_request(request(branch="z9hG4bK4"), other, 0.0)
    layer.send_request(request(branch="z9hG4bK5"), UDP, 0.0)
    layer.effects()

    layer.flow_failed(TCP, OSError("reset"), 1.0)
    layer.flow_failed(TCP, OSError("reset"), 1.0)

    failed = [effect.transaction for effect in only(Failed, layer.effects())]
    assert [waiting, ringing, serving] == failed
    assert 3 == len(layer)


def test_a_datagram_flow_can_fail_too() -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(request(), UDP, 0.0)
    layer.effects()

    layer.flow_failed(FakeFlow("another"), OSError("closed"), 0.1)
    assert [] == layer.effects()
    layer.flow_failed(UDP, OSError("closed"), 0.1)

    assert [transaction] == [effect.transaction for effect in only(Failed, layer.effects())]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_forgotten_client_absorbs_its_responses_quietly(method: str) -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(message := request(method), UDP, 0.0)
    layer.effects()

    layer.forget(transaction, 0.1)
    layer.receive_response(response(message, 100), UDP, 0.2)
    layer.receive_response(response(message, 487), UDP, 0.3)

    assert {Send, Terminated} >= {type(effect) for _, effect in play(layer)}
    assert 0 == len(layer)


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_forgotten_client_that_nobody_answers_ends_quietly(method: str) -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(message := request(method), UDP, 0.0)
    layer.receive_response(response(message, 100), UDP, 0.1)
    layer.effects()

    layer.forget(transaction, 8.0)
    layer.forget(transaction, 9.0)

    assert {Send, Terminated} >= {type(effect) for _, effect in play(layer)}
    assert 0 == len(layer)
    layer.forget(transaction, 99.0)
    assert [] == layer.effects()


def test_a_forgotten_ringing_invite_is_given_up_after_64_t1() -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(message := invite(), UDP, 0.0)
    layer.receive_response(response(message, 180), UDP, 0.1)

    layer.forget(transaction, 8.0)

    assert [40.0] == times_of(Terminated, play(layer))


def test_a_2xx_to_a_forgotten_invite_is_a_stray_because_somebody_took_the_call() -> None:
    layer = TransactionLayer()
    transaction = layer.send_request(message := invite(), UDP, 0.0)
    layer.effects()
    layer.forget(transaction, 0.1)

    layer.receive_response(answer := response(message, 200), UDP, 0.2)
    layer.receive_response(answer, UDP, 0.7)

    assert [StrayResponse(answer, UDP, transaction)] * 2 == layer.effects()


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_forgotten_server_that_owes_an_answer_is_over_at_once(method: str) -> None:
    layer = TransactionLayer()
    transaction = received(layer, request(method))

    layer.forget(transaction, 0.1)

    assert [Terminated(transaction)] == layer.effects()
    assert [] == play(layer)


def test_a_forgotten_server_that_has_answered_still_absorbs_copies() -> None:
    layer = TransactionLayer()
    transaction = answered(layer, request(), 200)

    layer.forget(transaction, 0.1)

    assert Verdict.ABSORBED is layer.receive_request(request(), UDP, 0.5)
    assert [32.0] == times_of(Terminated, play(layer))


def test_changes_of_state_are_told_to_who_wants_to_know_from_the_first_to_the_last() -> None:
    layer = TransactionLayer()
    layer.tells_states = True
    transaction = received(layer, message := request(), 0.0)
    changes = [one.state for one in layer.effects() if isinstance(one, StateChanged)]
    layer.send_response(transaction, wire(message, 200), 200, 1.0)
    layer.receive_request(request(), UDP, 2.0)
    layer.handle_timeout(33.0)
    changes += [one.state for one in layer.effects() if isinstance(one, StateChanged)]

    assert [State.TRYING, State.COMPLETED, State.TERMINATED] == changes


def test_changes_of_state_are_told_to_nobody_who_does_not_ask() -> None:
    layer = TransactionLayer()
    transaction = received(layer, message := request(), 0.0)
    layer.send_response(transaction, wire(message, 200), 200, 1.0)

    assert [Send] == [type(one) for one in layer.effects()]


def test_statistics_start_at_nothing_and_count_what_is_there() -> None:
    layer = TransactionLayer()
    assert {0} == set(attrs.asdict(layer.statistics()).values())
    layer.send_request(request(), UDP, 0.0)
    received(layer, request())

    assert (1, 1, 2) == (layer.statistics().clients, layer.statistics().servers, len(layer))
    assert 0.5 == layer.next_deadline()
    assert math.inf == TransactionLayer().next_deadline()


# -- what is kept


def answer_many(layer: TransactionLayer, count: int, size: int) -> list[ServerTransaction]:
    """So many requests, one each second, answered with so many bytes."""
    transactions = []
    for number in range(count):
        message = request(branch=f"z9hG4bK{number}", call_id=f"call-{number}")
        transactions.append(received(layer, message, number))
        layer.send_response(transactions[-1], bytes(size), 200, number)
    return transactions


def test_the_bytes_of_answers_are_bounded_and_the_oldest_give_way() -> None:
    layer = TransactionLayer(kept_bytes=1000)
    transactions = answer_many(layer, 11, 100)
    old, new = transactions[:4], transactions[4:]

    assert {State.TERMINATED} == {one.state for one in old}
    assert {State.COMPLETED} == {one.state for one in new}
    assert (700, 4) == (layer.statistics().kept_bytes, layer.statistics().given_up)
    # A quarter is free now, so that the next ones cost nobody anything.
    assert 4 == len(only(Terminated, layer.effects()))
    again = request(branch="z9hG4bK0", call_id="call-0")
    assert Verdict.NEW is layer.receive_request(again, UDP, 11)


def test_what_waits_for_its_answer_is_not_given_up() -> None:
    layer = TransactionLayer(kept_bytes=1000)
    waiting = received(layer, invite())
    layer.send_response(waiting, bytes(900), 180, 0.0)
    answer_many(layer, 11, 100)

    assert State.PROCEEDING is waiting.state
    assert 4 == layer.statistics().given_up


def test_what_is_over_is_no_longer_counted() -> None:
    layer = TransactionLayer()
    answer_many(layer, 5, 100)
    refused = received(layer, message := invite())
    layer.send_response(refused, wire(message, 486), 486, 5.0)
    layer.receive_request(ack(), UDP, 5.1)

    assert 500 == layer.statistics().kept_bytes
    play(layer)
    assert 0 == layer.statistics().kept_bytes


def test_an_answer_that_alone_is_too_large_is_sent_and_not_kept() -> None:
    layer = TransactionLayer(kept_bytes=1000)
    (transaction,) = answer_many(layer, 1, 1001)

    assert State.TERMINATED is transaction.state
    assert [bytes(1001)] == [one.data for one in only(Send, layer.effects())]
