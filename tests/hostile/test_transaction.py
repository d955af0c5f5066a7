"""N: copies, strays and races, through a whole stack."""

from __future__ import annotations

import contextlib

import pytest
import trio

from tests.stack.scene import BOB, Application, Peer, invite, request
from trio_sip._errors import RequestTimedOut
from trio_sip.services import OptionsService
from trio_sip.stack import IncomingRequest, open_stack
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address

from .house import open_house


async def ring(incoming: IncomingRequest) -> None:
    incoming.respond(180)
    await trio.sleep(20)
    incoming.respond(486)


def ack(branch: str = "1", to_tag: str = "x", call_id: str = "c1") -> bytes:
    return request("ACK", branch=branch, to_tag=to_tag, call_id=call_id)


async def test_n01_copies_get_identical_bytes_and_one_handler(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        answers = [await house.exchange(request("INFO")) for _ in range(5)]
        assert 1 == len({bytes(one) for several in answers for one in several})
        assert (5, 1) == (len(answers), len(house.application.seen))


async def test_n02_copies_of_an_invite_get_the_last_provisional(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network, handle=ring) as house:
        answers = [one for _ in range(3) for one in await house.exchange(invite())]
        assert [180, 180, 180] == [one.status for one in answers]
        assert (1, 1) == (len({one.to.tag for one in answers}), len(house.application.seen))
        await trio.sleep(20)
        house.alice.send(ack())


async def refuse(incoming: IncomingRequest) -> None:
    incoming.respond(486)


async def test_n03_a_refusal_is_repeated_until_the_ack_comes_or_32_seconds_have_passed(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network, handle=refuse) as house:
        begun = trio.current_time()
        await house.exchange(invite(), 40)
        times = [round(wire.time - begun, 1) for wire in house.network.wires if wire.source == BOB]
        assert [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5] == times
        await house.exchange(invite(branch="2", call_id="c2"), 1)
        house.alice.send(ack("2", call_id="c2"))
        assert [] == await house.exchange(ack("2", call_id="c2"), 40)


async def test_n05_an_ack_of_nothing_is_dropped_and_counted(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        for branch in ("1", "1", "2"):
            assert [] == await house.exchange(ack(branch))
        assert 3 == house.stack.statistics().transactions.stray_acks


async def test_n06_the_same_branch_of_another_sender_is_another_request(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        assert 200 == await house.status(request("INFO"))
        other = request("INFO", via="SIP/2.0/UDP 192.0.2.1:5062", call_id="c2")
        assert 200 == await house.status(other)
        assert 2 == len(house.application.seen)


@pytest.mark.parametrize("branch", [b";branch=", b";branch=1", b"", b";branch=z9hG4bK"])
async def test_n07_without_a_proper_branch_requests_are_told_apart_all_the_same(
    branch: bytes, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        for call_id in ("one", "two", "one"):
            data = request("INFO", call_id=call_id).replace(b";branch=z9hG4bK1", branch)
            (answer,) = await house.exchange(data)
            assert (200, call_id) == (answer.status, answer.call_id)
        assert 2 == len(house.application.seen)


async def test_n08_a_cancel_of_something_else_changes_nothing(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network, handle=ring) as house:
        assert [180] == await house.statuses(invite())
        assert [481] == await house.statuses(request("CANCEL", branch="other"))
        other = request("CANCEL", via="SIP/2.0/UDP 192.0.2.1:5099")
        assert [481] == await house.statuses(other)
        assert 1 == house.stack.statistics().unanswered
        assert [200, 487] == await house.statuses(request("CANCEL"))
        house.alice.send(ack())


async def test_n09_a_late_copy_of_an_invite_is_no_second_call(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        (answer,) = await house.exchange(invite())
        house.alice.send(ack("ack", to_tag=str(answer.to.tag)))
        await trio.sleep(20)
        assert [] == await house.exchange(invite())
        assert 1 == len(house.application.seen)


async def test_n10_a_cancel_after_the_200_leaves_the_call_up(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        assert [200] == await house.statuses(invite())
        assert [200] == await house.statuses(request("CANCEL"))


async def test_n11_a_request_by_two_ways_gets_482(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        assert [200] == await house.statuses(request("INFO"))
        assert [482] == await house.statuses(request("INFO", branch="2"))


async def test_n12_a_silent_handler_is_spoken_for_after_200_ms(sip_network: MemoryNetwork) -> None:
    async def think(incoming: IncomingRequest) -> None:
        await trio.sleep(1)
        incoming.respond(486)

    async with open_house(sip_network, handle=think) as house:
        begun = trio.current_time()
        house.alice.send(invite())
        message = await house.alice.receive()
        assert b"SIP/2.0 100 " == bytes(message)[:12]
        assert pytest.approx(0.24) == trio.current_time() - begun
        await house.exchange(ack(), 2)


async def test_n13_a_handler_that_raises_makes_one_500_and_one_traceback(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async def fail(incoming: IncomingRequest) -> None:
        raise ZeroDivisionError("a bug")

    async with open_house(sip_network, handle=fail, strict=False, handler_errors=1) as house:
        assert [500] == await house.statuses(request("INFO"))
        assert [500] == await house.statuses(request("INFO"))
        (record,) = caplog.records
        assert record.exc_info is not None


@pytest.mark.parametrize(
    "loss",
    [
        pytest.param(
            loss,
            marks=pytest.mark.sip(seed=5, loss=loss, duplication=0.2, reordering=0.3, jitter=0.2),
        )
        for loss in (0.1, 0.3, 0.5)
    ],
)
async def test_n14_requests_survive_loss_duplication_and_disorder(
    loss: float, sip_network: MemoryNetwork
) -> None:
    calls: list[str] = []
    answered = 0

    async def count(incoming: IncomingRequest) -> None:
        calls.append(incoming.message.call_id)
        incoming.respond(200)

    async with (
        open_stack(
            "udp://192.0.2.2:5060",
            services=[OptionsService(), Application(count)],
            network=sip_network.host("bob", "192.0.2.2"),
            strict=True,
        ) as bob,
        open_stack(
            "udp://192.0.2.1:5060", network=sip_network.host("alice", "192.0.2.1"), strict=True
        ) as alice,
    ):
        for _ in range(20):
            with contextlib.suppress(RequestTimedOut):
                response = await alice.send_request("INFO", "sip:192.0.2.2")
                answered += response.status == 200
        # Eleven tries: with half of all datagrams lost, one in 24 requests gets no answer.
        assert answered == 20 if loss < 0.5 else answered >= 17
        assert answered <= len(calls) == len(set(calls))
        await trio.sleep(40)
        for stack in (alice, bob):
            one = stack.statistics()
            assert (0, 0) == (one.transactions.clients, one.transactions.servers)
            assert (0, 0) == (one.works.open, one.unanswered)


async def test_n14_a_delay_of_five_seconds_is_only_a_delay(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        far = Peer(house.network.host("far", "192.0.2.90"), Address("192.0.2.90", 5060))
        house.network.link("far", "bob", latency=5)
        data = request("INFO", via="SIP/2.0/UDP 192.0.2.90")
        for wait in (0.5, 1, 2, 4, 4):
            far.send(data)
            await trio.sleep(wait)
        assert [200] * 5 == await far.statuses(30)
        far.close()
        assert 1 == len(house.application.seen)
