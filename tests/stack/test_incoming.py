"""Requests that come in: copies, cancellation, order, answers, and what else may happen to them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import ClassVar

import pytest
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import Request, Response
from trio_sip.stack import AnswerState, IncomingRequest, StackSettings, Tokens
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address, Flow

from .scene import ALICE, BOB, Application, Peer, accept, invite, request, scene


async def test_copies_are_absorbed_and_answered_with_the_same_bytes(
    sip_network: MemoryNetwork,
) -> None:
    application = Application()
    async with scene(sip_network, application) as here:
        for _ in range(5):
            await here.alice.ask(request())

        assert 1 == len(application.seen)
        assert 1 == len(set(here.alice.raw))
        assert 4 == here.stack.statistics().transactions.absorbed


async def test_copies_of_what_is_still_being_handled_are_absorbed_in_silence(
    sip_network: MemoryNetwork,
) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        await trio.sleep(2)
        incoming.respond(200)

    application = Application(slowly)
    async with scene(sip_network, application) as here:
        for _ in range(3):
            here.alice.send(request())
            await trio.sleep(0.5)

        assert [200] == await here.alice.statuses(10)
        assert 1 == len(application.seen)


async def test_an_invite_that_takes_long_gets_100_after_200_milliseconds(
    sip_network: MemoryNetwork,
) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        await trio.sleep(2)
        incoming.respond(486)

    async with scene(sip_network, Application(slowly)) as here:
        began = trio.current_time()
        here.alice.send(invite())
        trying = await here.alice.receive()

        assert isinstance(trying, Response)
        assert (100, None) == (trying.status, trying.to.tag)
        assert began + 0.24 == pytest.approx(trio.current_time())


async def test_a_stateless_answer_leaves_nothing_and_is_the_same_for_each_copy(
    sip_network: MemoryNetwork,
) -> None:
    async def refuse(incoming: IncomingRequest) -> None:
        incoming.respond_stateless(403, headers=[("X-Why", "so")], body=b"no", content_type="a/b")

    application = Application(refuse)
    async with scene(sip_network, application) as here:
        for _ in range(3):
            answer = await here.alice.ask(request())
            assert 0 == here.stack.statistics().transactions.servers

        assert (403, "so", b"no", "a/b") == (
            answer.status,
            answer["X-Why"],
            answer.body,
            answer["Content-Type"],
        )
        assert 1 == len(set(here.alice.raw)), "the To tag included"
        assert 3 == len(application.seen)
        assert 0 == here.stack.statistics().unanswered


async def test_a_stateless_answer_to_an_invite_is_not_repeated(sip_network: MemoryNetwork) -> None:
    async def refuse(incoming: IncomingRequest) -> None:
        incoming.respond_stateless(486)

    async with scene(sip_network, Application(refuse)) as here:
        assert [486] == await here.alice.answers(invite(), wait=60)


async def test_what_cannot_be_said_without_state_is_an_error(sip_network: MemoryNetwork) -> None:
    refused: list[str] = []

    async def try_all(incoming: IncomingRequest) -> None:
        for status in (180, 200, 200):
            try:
                incoming.respond_stateless(status)
            except LocalProtocolError as error:
                refused.append(str(error))

    async with scene(sip_network, Application(try_all)) as here:
        assert [200] == await here.alice.answers(invite())
    assert ["a 180 cannot be sent without a transaction", True] == [
        refused[0],
        refused[1].endswith("has been answered already"),
    ]


@pytest.mark.parametrize("answer", [IncomingRequest.respond, IncomingRequest.respond_stateless])
async def test_an_answer_that_no_datagram_holds_becomes_a_500(
    answer: Callable[..., object], sip_network: MemoryNetwork
) -> None:
    async def answer_at_length(incoming: IncomingRequest) -> None:
        answer(incoming, 200, body=b"x" * 65507)

    async with scene(sip_network, Application(answer_at_length)) as here:
        assert [500] == await here.alice.answers(request())
        statistics = here.stack.statistics()
        assert (1, 0, 0) == (
            statistics.oversized_responses,
            statistics.sends_failed,
            statistics.unanswered,
        )
        stream = await here.connect()
        assert 200 == (await stream.ask(request(branch="2", call_id="2"))).status
        stream.close()


async def test_a_provisional_answer_that_no_datagram_holds_is_an_error_of_who_made_it(
    sip_network: MemoryNetwork,
) -> None:
    async def ring_at_length(incoming: IncomingRequest) -> None:
        with pytest.raises(LocalProtocolError, match="does not fit a datagram"):
            incoming.respond(183, body=b"x" * 65507)
        incoming.respond(486)

    async with scene(sip_network, Application(ring_at_length)) as here:
        assert 486 == (await here.alice.ask(invite())).status
        here.alice.send(request("ACK"))


async def test_answers_go_where_the_request_came_from(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        behind_nat = Peer(here.network.host("alice"), Address("192.0.2.1", 40000))
        behind_nat.send(request(via="SIP/2.0/UDP 10.0.0.1:5060;rport"))
        answer = await behind_nat.response()
        behind_nat.close()

        assert ("192.0.2.1", 40000) == (answer.via.received, answer.via.rport)


async def test_who_forgets_to_ask_for_rport_is_answered_where_it_is_if_that_is_the_setting(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application(), settings=StackSettings(force_rport=True)) as here:
        behind_nat = Peer(here.network.host("alice"), Address("192.0.2.1", 40000))
        behind_nat.send(request(via="SIP/2.0/UDP 10.0.0.1:5060"))
        answer = await behind_nat.response()
        behind_nat.close()

        assert ("192.0.2.1", 40000) == (answer.via.received, answer.via.rport)


async def test_a_handler_rings_and_then_refuses(sip_network: MemoryNetwork) -> None:
    tags: set[str | None] = set()

    async def ring(incoming: IncomingRequest) -> None:
        incoming.respond(180)
        await trio.sleep(1)
        incoming.respond(183, "Soon", headers=[("X-Soon", 1)], body=b"v=0", content_type="a/b")
        response = incoming.create_response(486)
        incoming.send_response(response)

    async with scene(sip_network, Application(ring)) as here:
        here.alice.send(invite())
        ringing, soon, busy = [await here.alice.response() for _ in range(3)]
        tags = {ringing.to.tag, soon.to.tag, busy.to.tag}
        here.alice.send(request("ACK", to_tag=busy.to.tag))
        assert [] == await here.alice.statuses(60), "the ACK ended it"

    assert [180, 183, 486] == [ringing.status, soon.status, busy.status]
    assert ("Soon", "1", b"v=0", "a/b") == (
        soon.reason,
        soon["X-Soon"],
        soon.body,
        soon["Content-Type"],
    )
    assert len(tags) == 1
    assert None not in tags


async def test_a_refused_invite_is_repeated_until_the_ack_or_for_32_seconds(
    sip_network: MemoryNetwork,
) -> None:
    async def refuse(incoming: IncomingRequest) -> None:
        incoming.respond(486)

    async with scene(sip_network, Application(refuse)) as here:
        statuses = await here.alice.answers(invite(), 60)

        # Timer G: at 0, .5, 1.5, 3.5, 7.5, 11.5 … 31.5 seconds.
        assert [486] * 11 == statuses
        assert 0 == here.stack.statistics().transactions.servers


async def test_there_is_one_final_answer(sip_network: MemoryNetwork) -> None:
    async def twice(incoming: IncomingRequest) -> None:
        states = [incoming.state]
        incoming.respond(200)
        states.append(incoming.state)
        assert [AnswerState.UNANSWERED, AnswerState.ANSWERED] == states
        with pytest.raises(LocalProtocolError, match="answered already"):
            incoming.respond(486)
        with pytest.raises(ValueError, match="answered already"):
            incoming.respond(100)

    async with scene(sip_network, Application(twice)) as here:
        assert [200] == await here.alice.answers(request())


@pytest.mark.parametrize("status", [180, 183, 408, 42, 700])
async def test_what_a_method_does_not_allow_is_refused_and_can_be_made_good(
    status: int, sip_network: MemoryNetwork
) -> None:
    async def wrongly(incoming: IncomingRequest) -> None:
        with pytest.raises(LocalProtocolError):
            incoming.respond(status)
        incoming.respond(200)

    async with scene(sip_network, Application(wrongly)) as here:
        assert [200] == await here.alice.answers(request())


async def test_an_answer_cannot_be_broken_by_what_it_holds(sip_network: MemoryNetwork) -> None:
    async def wrongly(incoming: IncomingRequest) -> None:
        for reason, headers in (("a\r\nb", []), ("OK", [("X-Evil", "a\r\nb")])):
            with pytest.raises(LocalProtocolError):
                incoming.respond(200, reason, headers=headers)
        incoming.respond(200)

    async with scene(sip_network, Application(wrongly)) as here:
        assert [200] == await here.alice.answers(request())


async def test_a_deferred_request_is_answered_later_by_somebody_else(
    sip_network: MemoryNetwork,
) -> None:
    deferred: list[IncomingRequest] = []

    async def defer(incoming: IncomingRequest) -> None:
        incoming.defer()
        deferred.append(incoming)

    async with scene(sip_network, Application(defer)) as here:
        here.alice.send(request())
        await trio.sleep(1)
        (incoming,) = deferred
        assert AnswerState.DEFERRED is incoming.state
        assert 1 == here.stack.statistics().unanswered
        incoming.respond(202)

        assert 202 == (await here.alice.response()).status
        assert 0 == here.stack.statistics().unanswered


async def test_what_is_known_of_a_request(sip_network: MemoryNetwork) -> None:
    async def look(incoming: IncomingRequest) -> None:
        assert incoming.source == ALICE
        assert "sip:bob@192.0.2.2" == str(incoming.uri)
        assert "OPTIONS" == incoming.method == incoming.message.method
        assert incoming.dialog is None
        assert incoming.work is not None
        assert incoming.stack.settings == StackSettings()
        assert incoming.to_tag == incoming.to_tag
        assert "<IncomingRequest OPTIONS from 192.0.2.1:5060 unanswered>" == repr(incoming)
        incoming.respond(200)

    async with scene(sip_network, Application(look)) as here:
        assert [200] == await here.alice.answers(request())
        assert isinstance(here.stack.tokens, Tokens)


# -- CANCEL


async def test_a_cancel_ends_the_handler_and_the_invite_gets_487(
    sip_network: MemoryNetwork,
) -> None:
    ended: list[float] = []

    async def ring(incoming: IncomingRequest) -> None:
        incoming.respond(180)
        try:
            await trio.sleep_forever()
        finally:
            ended.append(trio.current_time())

    async with scene(sip_network, Application(ring)) as here:
        ringing = await here.alice.ask(invite())
        await trio.sleep(3)
        here.alice.send(request("CANCEL"))
        cancelled = await here.alice.response()
        terminated = await here.alice.response()
        here.alice.send(request("ACK", to_tag=terminated.to.tag))
        await trio.sleep(1)

        assert [(200, "CANCEL"), (487, "INVITE")] == [
            (answer.status, answer.cseq.method) for answer in (cancelled, terminated)
        ]
        assert ringing.to.tag == cancelled.to.tag == terminated.to.tag
        assert 1 == len(ended)
        assert 0 == here.stack.statistics().unanswered
        assert 0 == here.stack.statistics().handler_errors


async def test_a_cancel_that_overtakes_the_handler_keeps_it_from_running(
    sip_network: MemoryNetwork,
) -> None:
    methods: list[str] = []

    async def slowly(incoming: IncomingRequest) -> None:
        methods.append(incoming.method)
        await trio.sleep(2)
        incoming.respond(200)

    async with scene(sip_network, Application(slowly)) as here:
        here.alice.send(request("OPTIONS"))
        here.alice.send(invite(branch="2", cseq=2))
        await trio.sleep(0.1)
        here.alice.send(request("CANCEL", branch="2", cseq=2))

        assert [200, 487] == [(await here.alice.response()).status for _ in range(2)]
        here.alice.send(request("ACK", branch="2", cseq=2, to_tag="b1"))
        assert [200] == await here.alice.statuses(20)
    assert ["OPTIONS"] == methods


class Later(Application):
    """Promises to answer, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__(self._defer)

    async def _defer(self, incoming: IncomingRequest) -> None:
        incoming.defer()


async def test_a_deferred_request_that_nobody_answers_ends_in_silence_after_64_t1(
    sip_network: MemoryNetwork,
) -> None:
    later = Later()
    async with scene(sip_network, later) as here:
        here.alice.send(request())
        assert [100] == await here.alice.statuses(31)
        assert 1 == here.stack.statistics().unanswered
        await trio.sleep(2)

        statistics = here.stack.statistics()
        assert (0, 1, 0) == (
            statistics.unanswered,
            statistics.never_answered,
            statistics.transactions.servers,
        )
        with pytest.raises(LocalProtocolError, match="abandoned already"):
            later.seen[0].respond(200)
        assert [] == await here.alice.statuses(60), "RFC 4320: no final response at all"


async def test_a_deferred_invite_that_nobody_answers_gets_408_after_three_minutes_of_silence(
    sip_network: MemoryNetwork,
) -> None:
    later = Later()
    async with scene(sip_network, later) as here:
        here.alice.send(invite())
        await trio.sleep(100)
        later.seen[0].respond(180)
        assert [100, 180] == await here.alice.statuses(179)

        assert 408 == (await here.alice.response()).status
        assert (0, 1) == (
            here.stack.statistics().unanswered,
            here.stack.statistics().never_answered,
        )


async def test_what_was_deferred_and_answered_is_waited_for_no_longer(
    sip_network: MemoryNetwork,
) -> None:
    later = Later()
    async with scene(sip_network, later) as here:
        here.alice.send(request(branch="1"))
        here.alice.send(request(branch="2", call_id="2"))
        here.alice.send(request(branch="3", call_id="3"))
        await trio.sleep(1)
        first, second, _ = later.seen
        first.respond(200)
        second.respond_stateless(200)
        await trio.sleep(60)

        assert 1 == here.stack.statistics().never_answered


async def test_who_defers_and_then_fails_late_is_owed_no_answer(sip_network: MemoryNetwork) -> None:
    async def fail_late(incoming: IncomingRequest) -> None:
        incoming.defer()
        await trio.sleep(40)
        raise ZeroDivisionError("a bug")

    async with scene(sip_network, Application(fail_late), strict=False) as here:
        here.alice.send(request())
        assert [100] == await here.alice.statuses(50)
        assert 1 == here.stack.statistics().handler_errors


async def test_a_cancel_of_a_deferred_invite_answers_it(sip_network: MemoryNetwork) -> None:
    deferred: list[IncomingRequest] = []

    async def defer(incoming: IncomingRequest) -> None:
        incoming.defer()
        deferred.append(incoming)

    async with scene(sip_network, Application(defer)) as here:
        here.alice.send(invite())
        await trio.sleep(0.1)
        here.alice.send(request("CANCEL"))

        assert [200, 487] == [(await here.alice.response()).status for _ in range(2)]
        with pytest.raises(LocalProtocolError, match="answered already"):
            deferred[0].respond(200)


async def test_an_ack_with_the_branch_of_its_invite_reaches_the_dialog(
    sip_network: MemoryNetwork,
) -> None:
    class Session:
        seen: ClassVar[list[str]] = []

        async def receive_request(self, request: IncomingRequest) -> None:
            self.seen.append(request.method)
            with pytest.raises(LocalProtocolError, match="ACK is not answered"):
                request.respond(200)

    async def answer(incoming: IncomingRequest) -> None:
        incoming.stack.add_dialog(Dialog.as_uas(incoming.message, incoming.to_tag), Session())
        incoming.respond(200)

    async with scene(sip_network, Application(answer)) as here:
        ok = await here.alice.ask(invite())
        here.alice.send(request("ACK", to_tag=ok.to.tag))
        await trio.sleep(1)

    assert ["ACK"] == Session.seen


async def test_an_answer_that_cannot_be_sent_is_counted(sip_network: MemoryNetwork) -> None:
    async def say_too_much(incoming: IncomingRequest) -> None:
        incoming.respond(200, body=bytes(70_000))

    async with scene(sip_network, Application(say_too_much)) as here:
        bob = here.network.host("bob").datagrams_at(BOB)
        assert bob is not None
        bob.fail(OSError(errno.EPERM, "Operation not permitted"))
        assert [] == await here.alice.answers(request("WARP"))
        # Even a 500 with so much to repeat, and the address it came from, is too large.
        via = "SIP/2.0/UDP 192.0.2.1:5060;rport;padding="
        short = len(request(branch="2", via=via))
        long = request(branch="2", via=via + "x" * (65507 - short))
        assert [] == await here.alice.answers(long)

        statistics = here.stack.statistics()
        assert (1, 2) == (statistics.sends_failed, statistics.transport.sends_failed)
        assert 0 == statistics.unanswered


async def test_a_flow_is_held_and_released(sip_network: MemoryNetwork) -> None:
    flows: list[Flow] = []

    async def hold(incoming: IncomingRequest) -> None:
        flows.append(incoming.flow)
        incoming.stack.hold_flow(incoming.flow)
        incoming.respond(200)

    async with scene(sip_network, Application(hold)) as here:
        stream = await here.connect()
        await stream.ask(request(via="SIP/2.0/TCP 192.0.2.1:5060"))
        await trio.sleep(1000)
        assert 1 == here.stack.statistics().transport.connections
        here.stack.release_flow(*flows)
        await trio.sleep(1000)
        assert 0 == here.stack.statistics().transport.connections
        stream.close()


async def test_a_cancel_after_the_answer_changes_nothing(sip_network: MemoryNetwork) -> None:
    async def refuse(incoming: IncomingRequest) -> None:
        incoming.respond(486)

    async with scene(sip_network, Application(refuse)) as here:
        busy = await here.alice.ask(invite())
        here.alice.send(request("ACK", to_tag=busy.to.tag))

        assert [200] == await here.alice.answers(request("CANCEL"))


async def test_copies_of_a_cancel_are_absorbed(sip_network: MemoryNetwork) -> None:
    async def ring(incoming: IncomingRequest) -> None:
        await trio.sleep_forever()

    async with scene(sip_network, Application(ring)) as here:
        here.alice.send(invite())
        await trio.sleep(0.1)
        here.alice.send(request("CANCEL"))
        here.alice.send(request("CANCEL"))

        assert [200, 487, 200] == await here.alice.statuses(0.4)


async def test_a_cleanup_that_fails_after_a_cancel_is_an_error_of_its_own(
    sip_network: MemoryNetwork,
) -> None:
    async def ring(incoming: IncomingRequest) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ZeroDivisionError("a bug")

    async with scene(sip_network, Application(ring), strict=False) as here:
        here.alice.send(invite())
        await trio.sleep(0.1)
        here.alice.send(request("CANCEL"))

        assert [200, 487] == await here.alice.statuses(0.4)
        assert 1 == here.stack.statistics().handler_errors


# -- order


async def test_what_has_one_call_id_and_from_tag_is_handled_in_order(
    sip_network: MemoryNetwork,
) -> None:
    events: list[str] = []

    async def slowly(incoming: IncomingRequest) -> None:
        name = incoming.message["X-Name"]
        events.append(f"begin {name}")
        await trio.sleep(1)
        events.append(f"end {name}")
        incoming.respond(200)

    async with scene(sip_network, Application(slowly)) as here:
        for number, call_id in enumerate(["c1", "c1", "c2", "c1"]):
            name = f"{call_id}-{number}"
            here.alice.send(
                request(branch=name, cseq=number + 1, call_id=call_id, headers=[f"X-Name: {name}"])
            )
        await here.alice.statuses(5)

    of_c1 = [event for event in events if "c1" in event]
    assert [f"{what} c1-{n}" for n in (0, 1, 3) for what in ("begin", "end")] == of_c1
    assert events.index("begin c2-2") < events.index("end c1-0"), "others need not wait"


async def test_another_from_tag_is_another_work(sip_network: MemoryNetwork) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        await trio.sleep(1)
        incoming.respond(200)

    async with scene(sip_network, Application(slowly)) as here:
        began = trio.current_time()
        for tag in "xyz":
            here.alice.send(request(branch=tag, from_tag=tag))
        for _ in range(3):
            await here.alice.response()

        assert began + 1.1 > trio.current_time()


async def test_too_much_for_one_conversation_is_refused(sip_network: MemoryNetwork) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        await trio.sleep(1)
        incoming.respond(200)

    settings = StackSettings(high_water=3)
    async with scene(sip_network, Application(slowly), settings=settings) as here:
        for number in range(8):
            here.alice.send(request(branch=str(number), cseq=number + 1))

        # All come at once: three wait, and then new ones are forgotten until there is room.
        assert [200] * 3 == await here.alice.statuses(10)
        assert 5 == here.stack.statistics().overload_dropped


# -- TCP


async def test_requests_and_answers_share_a_connection(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        stream = await here.connect()
        for number in range(3):
            via = "SIP/2.0/TCP 192.0.2.1:5060"
            answer = await stream.ask(request(branch=str(number), cseq=number + 1, via=via))
            assert 200 == answer.status
        stream.close()
        await trio.sleep(1)

        assert 1 == here.stack.statistics().transport.connections_accepted
        assert 0 == here.stack.statistics().transport.connections


async def test_what_cannot_be_framed_is_answered_once_and_closes_the_stream(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application()) as here:
        stream = await here.connect()
        bad = request(via="SIP/2.0/TCP 192.0.2.1:5060").replace(
            b"Content-Length: 0", b"Content-Length: x"
        )
        stream.send(bad + request(branch="2"))

        answer = await stream.receive()
        assert isinstance(answer, Response)
        assert 400 == answer.status
        assert await stream.receive() is None
        stream.close()


async def test_a_handler_whose_caller_has_hung_up_finishes(sip_network: MemoryNetwork) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        await trio.sleep(2)
        await accept(incoming)

    async with scene(sip_network, Application(slowly)) as here:
        stream = await here.connect()
        stream.send(request(via="SIP/2.0/TCP 192.0.2.1:5060"))
        await trio.sleep(0.1)
        stream.close()
        await trio.sleep(5)

        assert 0 == here.stack.statistics().unanswered
        assert 0 == here.stack.statistics().handler_errors


# -- looking at it


async def test_statistics_and_snapshot_say_what_there_is(sip_network: MemoryNetwork) -> None:
    async def wait(incoming: IncomingRequest) -> None:
        if incoming.method == "MESSAGE":
            await trio.sleep(3)
        incoming.respond(200)

    async with scene(sip_network, Application(wait)) as here:
        await here.alice.ask(request())
        here.alice.send(request("MESSAGE", branch="2", cseq=2))
        here.alice.send(b"nonsense")
        here.alice.send(request("WARP", branch="3", cseq=3))
        here.alice.send(request().replace(b"OPTIONS sip:bob@192.0.2.2 SIP/2.0", b"SIP/2.0 200 OK"))
        here.alice.send(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKa\r\n\r\n")
        await trio.sleep(0.5)
        statistics = here.stack.statistics()
        snapshot = here.stack.snapshot()

    assert (3, 2, 1, 1, 1, 1, 1) == (
        statistics.requests_received,
        statistics.responses_received,
        statistics.garbage,
        statistics.faulty_requests,
        statistics.faulty_responses,
        statistics.stray_responses,
        statistics.unanswered,
    )
    assert (2, 0, 0) == (
        statistics.transactions.servers,
        statistics.transactions.clients,
        statistics.dialogs,
    )
    assert (1, 1) == (statistics.works.busy, statistics.works.open)
    assert ("udp://192.0.2.2:5060", "tcp://192.0.2.2:5060") == snapshot.listening
    assert ("13 identify", "32 dialogs", "62 authenticate", "64 application") == snapshot.services
    assert ((), None, ()) == (snapshot.identifiers, snapshot.authenticator, snapshot.dialogs)
    assert 1 == len(snapshot.works)
    assert snapshot.statistics == statistics


async def test_the_stack_says_what_it_listens_on_and_supports(sip_network: MemoryNetwork) -> None:
    application = Application()
    application.extensions = frozenset({"path", "gruu"})
    async with scene(sip_network, application) as here:
        assert [BOB.port] * 2 == [listen.port for listen in here.stack.listening]
        assert ("gruu", "path") == here.stack.supported
        assert "INFO, INVITE, MESSAGE, OPTIONS, PUBLISH" == here.stack.allow


async def test_a_server_header_is_added_if_it_is_wanted(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application(), settings=StackSettings(server="bob/1")) as here:
        assert "bob/1" == (await here.alice.ask(request()))["Server"]
    async with scene(sip_network, Application()) as here:
        assert "Server" not in (await here.alice.ask(request())).headers


async def test_a_bug_that_one_message_finds_in_the_listener_ends_nothing_else(
    sip_network: MemoryNetwork,
) -> None:
    class Broken:
        def receive_cancel(self, request: IncomingRequest, cancel: Request) -> None:
            raise ZeroDivisionError("a bug")

    async def defer(incoming: IncomingRequest) -> None:
        incoming.defer(Broken())

    async with scene(sip_network, Application(defer), strict=False) as here:
        here.alice.send(invite())
        await trio.sleep(0.1)
        here.alice.send(request("CANCEL"))

        assert 200 in await here.alice.statuses(1)
        assert 1 == here.stack.statistics().handler_errors
        assert 481 == (await here.alice.ask(request("BYE", branch="next"))).status
