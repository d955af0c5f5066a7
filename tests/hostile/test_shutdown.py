"""S: stopping, being stopped, and being used after the end."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest
import trio

from tests.cli.program import open_serve
from tests.stack.scene import BOB, TCP_BOB, UDP_BOB, Application, Peer, invite, request
from trio_sip._errors import TransportFailed
from trio_sip.services import OptionsService
from trio_sip.stack import IncomingRequest, StackState, open_stack
from trio_sip.testing import MemoryNetwork

from .house import open_house
from .telephone import Telephone


async def slowly(incoming: IncomingRequest) -> None:
    await trio.sleep(2)
    incoming.respond(200)


async def test_s03_cancelling_a_stack_at_work_leaves_no_task_and_no_socket(
    sip_network: MemoryNetwork,
) -> None:
    alice = Peer(sip_network.host("alice"))
    before = trio.lowlevel.current_statistics().tasks_living
    with trio.move_on_after(1) as scope:
        async with open_stack(
            UDP_BOB,
            TCP_BOB,
            services=[Application(slowly)],
            network=sip_network.host("bob"),
            strict=True,
            grace=0,
        ):
            for number in range(50):
                alice.send(request("INFO", branch=f"{number}", call_id=f"{number}"))
            stream = await sip_network.host("alice").connect(BOB)
            await trio.sleep_forever()
    assert scope.cancelled_caught
    # Whoever waited is told.
    assert {503} == set(await alice.statuses(10))
    stream.close()
    alice.close()
    assert before == trio.lowlevel.current_statistics().tasks_living
    assert 0 == sip_network.open_sockets


async def test_s04_what_has_begun_is_finished_and_what_is_new_refused(
    sip_network: MemoryNetwork,
) -> None:
    alice = Peer(sip_network.host("alice"))

    async def late() -> None:
        await trio.sleep(0.2)
        assert StackState.DRAINING is stack.state
        # The copy of what was answered gets the same bytes; something new is refused.
        stream = await sip_network.host("alice").connect(BOB)
        await stream.send_all(invite(branch="new", call_id="new", via="SIP/2.0/TCP x"))
        assert (await stream.receive_some()).startswith(b"SIP/2.0 503 ")
        stream.close()
        alice.send(request("INFO", branch="done", call_id="done"))

    async with trio.open_nursery() as nursery:
        async with open_stack(
            UDP_BOB,
            TCP_BOB,
            services=[Application(slowly)],
            network=sip_network.host("bob"),
            strict=True,
        ) as stack:
            await alice.ask(request("INFO", branch="done", call_id="done"))
            for number in range(10):
                alice.send(request("INFO", branch=f"{number}", call_id=f"{number}"))
            await trio.sleep(0.5)
            nursery.start_soon(late)
        statuses = await alice.statuses(5)
    assert [200] * 11 == statuses
    assert alice.raw[0] in alice.raw[1:]
    assert stack.state is StackState.CLOSED
    alice.close()


async def test_s06_a_connection_that_breaks_fails_what_was_sent_on_it_and_nothing_else(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        broken: list[type[Exception]] = []
        answered: list[int] = []
        for name in ("frail", "sound"):
            house.network.alias(f"{name}.example.com", name)

        async def ask(name: str) -> None:
            try:
                answer = await house.stack.send_request(
                    "INFO", f"sip:{name}.example.com;transport=tcp"
                )
                answered.append(answer.status)
            except TransportFailed as error:
                broken.append(type(error))

        async with (
            open_stack(
                "tcp://0.0.0.0:5060",
                services=[Application(slowly)],
                network=house.network.host("frail"),
                grace=0,
            ),
            open_stack(
                "tcp://0.0.0.0:5060",
                services=[Application(slowly)],
                network=house.network.host("sound"),
                grace=0,
            ),
        ):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask, "frail")
                nursery.start_soon(ask, "sound")
                await trio.sleep(1)
                assert 1 == house.network.reset_streams("bob", "frail")
            assert ([TransportFailed], [200]) == (broken, answered)


async def test_s08_closing_twice_is_once_and_after_that_nothing_goes(
    sip_network: MemoryNetwork,
) -> None:
    async with open_stack(UDP_BOB, network=sip_network.host("bob", "192.0.2.2")) as stack:
        work = stack.create_work("mine")
        await stack.destroy_work(work)
        await stack.destroy_work(work)
    await stack._parts.transport.aclose()
    for use in (
        lambda: stack.create_work("other"),
        lambda: stack.register_service(OptionsService()),
        lambda: stack.open_request("OPTIONS", "sip:192.0.2.1"),
    ):
        with pytest.raises(trio.ClosedResourceError):
            use()
    with pytest.raises(trio.ClosedResourceError):
        await stack.send_request("OPTIONS", "sip:192.0.2.1")
    assert 0 == stack.statistics().unanswered
    assert 0 == sip_network.open_sockets


def test_s09_an_interrupt_in_a_handler_leaves_the_run_and_frees_the_port() -> None:
    async def interrupt(incoming: IncomingRequest) -> None:
        raise KeyboardInterrupt

    ports = []

    async def serve() -> None:
        async with open_stack("udp://127.0.0.1:0", services=[Application(interrupt)]) as stack:
            ports.append(stack.listening[0].port)
            with trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                await client.sendto(request(), ("127.0.0.1", ports[0]))
                await trio.sleep(20)

    with pytest.raises(KeyboardInterrupt):
        trio.run(serve)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", ports[0]))


def test_a_server_that_is_told_to_stop_under_load_keeps_what_it_has_promised(
    tmp_path: Path,
) -> None:
    users = [f"u{number}" for number in range(60)]
    arguments = ["--listen", "udp://127.0.0.1:0", "--database", str(tmp_path / "x.db")]
    for user in users:
        arguments += ["--user", f"{user}:x"]
    with open_serve(*arguments) as serving, Telephone(serving.address) as telephone:
        telephone.learn_nonce(users[0])
        for user in users:
            telephone.send_register(user, "x")
        while len(telephone.registered) < 10:
            telephone.receive()
        serving.process.send_signal(signal.SIGTERM)
        # Load goes on while it stops.
        until = time.monotonic() + 10
        while serving.process.poll() is None and time.monotonic() < until:
            telephone.send_options()
            telephone.receive_all(0.01)
        telephone.receive_all(0.01)
        assert 0 == serving.process.wait(10)
        assert serving.process.stderr is not None
        assert "" == serving.process.stderr.read()
        host, _, port = serving.address.rpartition(":")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind((host, int(port)))
    assert len(telephone.registered) >= 10
    with open_serve(*arguments) as serving, Telephone(serving.address) as again:
        again.learn_nonce(users[0])
        assert telephone.registered <= {user for user in users if again.is_registered(user, "x")}
