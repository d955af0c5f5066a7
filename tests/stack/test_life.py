"""How a stack starts, and how it ends."""

from __future__ import annotations

import pytest
import trio

from trio_sip._errors import LocalProtocolError, TransportFailed
from trio_sip.message import Response
from trio_sip.stack import IncomingRequest, Service, Stack, StackState, open_stack
from trio_sip.testing import MakeSipPeer, MemoryNetwork

from .scene import (
    BOB,
    UDP_BOB,
    Application,
    Peer,
    accept,
    request,
    run_until_it_ends,
    scene,
)


class Diary(Service):
    """Writes down what happens to it, and fails where it is told to."""

    def __init__(self, name: str, lines: list[str], *, fails: str = "", priority: int = 64) -> None:
        self.name = name
        self.lines = lines
        self.fails = fails
        self.priority = priority

    def note(self, what: str) -> None:
        self.lines.append(f"{what} {self.name}")
        if what == self.fails:
            raise ZeroDivisionError(f"{what} failed")

    async def setup(self, stack: Stack) -> None:
        assert stack.state is StackState.STARTING
        await trio.lowlevel.checkpoint()
        self.note("setup")

    async def teardown(self) -> None:
        await trio.lowlevel.checkpoint()
        self.note("teardown")


async def test_services_are_set_up_in_the_order_given_and_torn_down_in_reverse(
    sip_network: MemoryNetwork,
) -> None:
    lines: list[str] = []
    services = [Diary("1", lines, priority=90), Diary("2", lines, priority=70)]

    async with scene(sip_network, *services):
        assert ["setup 1", "setup 2"] == lines
    assert ["teardown 2", "teardown 1"] == lines[2:]


async def test_a_service_that_cannot_be_set_up_undoes_the_steps_before_it(
    sip_network: MemoryNetwork,
) -> None:
    lines: list[str] = []
    bob = sip_network.host("bob")
    with pytest.raises(ZeroDivisionError, match="setup failed") as caught:
        async with open_stack(
            "udp://0.0.0.0:5060",
            services=[
                Diary("1", lines),
                Diary("2", lines),
                Diary("3", lines, fails="setup"),
                Diary("4", lines),
            ],
            network=bob,
        ):
            raise AssertionError("the block is not entered")

    assert ["while service '3' was set up"] == caught.value.__notes__
    assert ["setup 1", "setup 2", "setup 3", "teardown 2", "teardown 1"] == lines
    assert 0 == bob.open_sockets


async def test_a_second_service_of_a_name_stops_the_start_before_it_is_set_up(
    sip_network: MemoryNetwork,
) -> None:
    lines: list[str] = []
    with pytest.raises(LocalProtocolError, match="service named 'twin'"):
        async with scene(sip_network, Diary("twin", lines), Diary("twin", lines)):
            pass

    assert ["setup twin", "teardown twin"] == lines


async def test_an_address_that_is_taken_stops_the_start_and_is_named(
    sip_network: MemoryNetwork,
) -> None:
    lines: list[str] = []
    sip_network.host("alice")
    bob = sip_network.host("bob")
    taken = bob.bind_datagrams(BOB)
    with pytest.raises(TransportFailed, match=r"udp://192\.0\.2\.2:5060"):
        async with open_stack(
            "tcp://192.0.2.2:5060",
            UDP_BOB,
            services=[Diary("1", lines)],
            network=bob,
        ):
            pass

    assert ([], 1) == (lines, bob.open_sockets)
    taken.close()


@pytest.mark.parametrize("text", ["bob", "sctp://192.0.2.2", "udp://:5060", "udp://1.2.3.4:x"])
async def test_what_is_no_address_to_listen_on_is_refused(text: str) -> None:
    with pytest.raises(LocalProtocolError, match="cannot listen on"):
        async with open_stack(text):
            pass


async def test_nothing_is_read_before_everything_is_there(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    class Slow(Application):
        async def setup(self, stack: Stack) -> None:
            await trio.sleep(5)

    slow = Slow()
    async with trio.open_nursery() as nursery:
        alice = make_sip_peer("alice")
        began = trio.current_time()

        @nursery.start_soon
        async def send_early() -> None:
            await trio.sleep(1)
            await alice.send_raw(request(), BOB)

        async with open_stack(UDP_BOB, services=[slow], network=sip_network.host("bob")):
            assert began + 5 == trio.current_time()
            assert [] == slow.seen
            # It has waited in the socket, and is handled whole.
            await alice.expect(200)


async def test_a_start_that_takes_too_long_can_be_cancelled(sip_network: MemoryNetwork) -> None:
    class Stuck(Service):
        async def setup(self, stack: Stack) -> None:
            await trio.sleep_forever()

    lines: list[str] = []
    with trio.move_on_after(3) as scope:
        async with open_stack(
            services=[Diary("1", lines), Stuck()], network=sip_network.host("bob")
        ):
            pass

    assert scope.cancelled_caught
    assert ["setup 1", "teardown 1"] == lines
    assert 0 == sip_network.open_sockets


async def test_a_teardown_that_raises_keeps_no_other_from_being_torn_down(
    sip_network: MemoryNetwork,
) -> None:
    lines: list[str] = []
    with pytest.raises(ZeroDivisionError, match="teardown failed") as caught:
        async with scene(sip_network, Diary("1", lines), Diary("2", lines, fails="teardown")):
            pass

    assert ["teardown 2", "teardown 1"] == lines[2:]
    assert ["while service '2' was torn down"] == caught.value.__notes__


async def test_a_teardown_that_never_ends_is_given_up(sip_network: MemoryNetwork) -> None:
    class Stuck(Service):
        async def teardown(self) -> None:
            await trio.sleep_forever()

    async with open_stack(services=[Stuck()], network=sip_network.host("bob")):
        began = trio.current_time()

    assert began + 4 == trio.current_time()


async def test_without_an_address_a_port_for_sending_is_opened(sip_network: MemoryNetwork) -> None:
    async with open_stack(network=sip_network.host("bob")) as stack:
        (listen,) = stack.listening
        assert ("udp", "0.0.0.0") == (listen.scheme, listen.host)
        assert 0 != listen.port


# -- the end


async def test_cancelling_reaches_the_block_first_over_sockets_that_still_work(
    sip_network: MemoryNetwork,
) -> None:
    goodbye: list[Response] = []
    async with scene(sip_network, Application()) as here:
        with trio.move_on_after(1):
            async with open_stack(network=here.network.host("carol")) as carol:
                try:
                    await trio.sleep_forever()
                finally:
                    with trio.move_on_after(4, shield=True):
                        goodbye.append(await carol.send_request("MESSAGE", "sip:192.0.2.2"))

        assert [200] == [response.status for response in goodbye]
        assert 1 == here.stack.statistics().requests_received


async def test_what_has_begun_may_finish_within_the_grace(sip_network: MemoryNetwork) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        await trio.sleep(3)
        incoming.respond(200)

    async with scene(sip_network, Application(slowly)) as here:
        here.alice.send(request("MESSAGE"))
        await trio.sleep(0.1)

    assert b"SIP/2.0 200" in here.network.wires[-1].data


@pytest.mark.sip(seeds=8)
async def test_what_takes_longer_than_the_grace_is_cancelled_and_answered_503(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async def forever(incoming: IncomingRequest) -> None:
        await trio.sleep_forever()

    alice = make_sip_peer("alice")
    async with open_stack(
        UDP_BOB, services=[Application(forever)], network=sip_network.host("bob"), grace=2.5
    ):
        await alice.send_raw(request("MESSAGE"), BOB)
        await trio.sleep(0.1)
        began = trio.current_time()

    assert began + 2.5 == trio.current_time()
    await alice.expect(503)


async def test_while_a_stack_drains_new_requests_are_refused(sip_network: MemoryNetwork) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        await trio.sleep(3)
        incoming.respond(200)

    statuses: list[int] = []

    async def ask_late(alice: Peer, network: MemoryNetwork) -> None:
        await trio.sleep(1)
        statuses.extend(await alice.answers(request("MESSAGE", branch="2", call_id="c2")))

    application = Application(slowly)
    async with trio.open_nursery() as nursery, scene(sip_network, application) as here:
        here.alice.send(request("MESSAGE"))
        await trio.sleep(0.1)
        nursery.start_soon(ask_late, here.alice, here.network)

    assert (1, []) == (len(application.seen), statuses)


async def test_a_closed_stack_sends_and_registers_nothing(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        pass

    assert StackState.CLOSED is here.stack.state
    with pytest.raises(trio.ClosedResourceError):
        await here.stack.send_request("OPTIONS", "sip:192.0.2.1")
    with pytest.raises(trio.ClosedResourceError):
        here.stack.register_service(Service())
    with pytest.raises(trio.ClosedResourceError):
        here.stack.create_work()


async def test_who_still_waits_for_an_answer_when_the_stack_closes_is_told(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with trio.open_nursery() as nursery:
        alice = make_sip_peer("alice")
        async with open_stack(UDP_BOB, network=sip_network.host("bob")) as stack:

            @nursery.start_soon
            async def ask() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await stack.send_request("OPTIONS", "sip:192.0.2.1")

            await alice.expect("OPTIONS")


# -- errors


async def test_one_error_of_the_block_leaves_as_itself(sip_network: MemoryNetwork) -> None:
    with pytest.raises(KeyError) as caught:
        async with open_stack(network=sip_network.host("bob")):
            raise KeyError("mine")

    assert caught.value.__context__ is None


async def test_one_error_leaves_nested_stacks_and_nurseries_as_itself(
    sip_network: MemoryNetwork,
) -> None:
    async def fail() -> None:
        await trio.sleep(1)
        raise KeyError("mine")

    async def nested(network: MemoryNetwork) -> None:
        async with (
            open_stack(network=network.host("bob")),
            open_stack(network=network.host("alice")),
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(fail)
            await trio.sleep_forever()

    with pytest.raises(KeyError):
        await nested(sip_network)


async def test_two_errors_leave_as_the_group_they_are(sip_network: MemoryNetwork) -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def twice(network: MemoryNetwork) -> None:
        async with open_stack(network=network.host("bob")), trio.open_nursery() as nursery:
            nursery.start_soon(fail, KeyError())
            nursery.start_soon(fail, ValueError())

    with pytest.raises(ExceptionGroup) as caught:
        await twice(sip_network)

    only_key, rest = caught.value.split(KeyError)
    assert only_key is not None
    assert rest is not None


async def test_in_strict_mode_a_bug_in_a_handler_ends_the_stack_bare(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async def fail(incoming: IncomingRequest) -> None:
        raise ZeroDivisionError("a bug")

    alice = make_sip_peer("alice")
    bob = open_stack(
        UDP_BOB, services=[Application(fail)], network=sip_network.host("bob"), strict=True
    )
    with pytest.raises(ZeroDivisionError, match="a bug"):
        await run_until_it_ends(alice, bob)

    await alice.expect(500)


@pytest.mark.sip(seeds=8)
async def test_a_bug_ends_a_strict_stack_alone_though_others_are_cancelled_with_it(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async def fail_late(incoming: IncomingRequest) -> None:
        await trio.sleep(3 if incoming.method == "MESSAGE" else 60)
        raise ZeroDivisionError("a bug")

    alice = make_sip_peer("alice")
    bob = open_stack(
        UDP_BOB, services=[Application(fail_late)], network=sip_network.host("bob"), strict=True
    )
    for number in range(5):
        await alice.send_raw(request(branch=str(number), call_id=f"c{number}"), BOB)
    await alice.send_raw(request("MESSAGE", branch="m", call_id="m"), BOB)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        await run_until_it_ends(alice, bob)


async def test_a_contained_bug_leaves_everything_else_alone(sip_network: MemoryNetwork) -> None:
    async def fail_for_messages(incoming: IncomingRequest) -> None:
        if incoming.method == "MESSAGE":
            raise ZeroDivisionError("a bug")
        await accept(incoming)

    async with scene(sip_network, Application(fail_for_messages), strict=False) as here:
        assert [500] == await here.alice.answers(request("MESSAGE"))
        assert [200] == await here.alice.answers(request(branch="2", cseq=2))
        assert [500] == await here.alice.answers(request("MESSAGE", branch="3", cseq=3))
        assert 2 == here.stack.statistics().handler_errors


async def test_what_a_peer_did_is_no_bug_even_in_strict_mode(sip_network: MemoryNetwork) -> None:
    async def ask_nobody(incoming: IncomingRequest) -> None:
        await incoming.stack.send_request("OPTIONS", "sip:192.0.2.77")
        incoming.respond(200)

    async with scene(sip_network, Application(ask_nobody)) as here:
        here.alice.send(request("MESSAGE"))

        assert 504 == (await here.alice.response()).status
        assert 0 == here.stack.statistics().handler_errors


async def test_keyboard_interrupt_passes_even_where_bugs_are_contained(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async def interrupt(incoming: IncomingRequest) -> None:
        raise KeyboardInterrupt

    alice = make_sip_peer("alice")
    bob = open_stack(UDP_BOB, services=[Application(interrupt)], network=sip_network.host("bob"))
    with pytest.raises(KeyboardInterrupt):
        await run_until_it_ends(alice, bob)


async def test_who_leaves_when_the_stack_closes_disturbs_nobody_else(
    sip_network: MemoryNetwork,
) -> None:
    class Leaver:
        closed = 0

        def receive_closing(self) -> None:
            Leaver.closed += 1
            clients.end(self)  # type: ignore[arg-type]  # of an owner, only this is asked

    async with scene(sip_network) as here:
        clients = here.stack._parts.clients
        for _ in range(3):
            clients._waiting.add(Leaver())  # type: ignore[arg-type]  # as above

    assert 3 == Leaver.closed
