"""Services: what looks at messages, in which order, and what it may do."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
import trio

from trio_sip._errors import LocalProtocolError, RequestTimedOut
from trio_sip.message import Request, Response, create_response
from trio_sip.stack import IncomingRequest, Service, ServicePriority, Stack, Supplement
from trio_sip.stack._registry import ServiceRegistry
from trio_sip.testing import MemoryNetwork
from trio_sip.transaction import State, Transaction
from trio_sip.transport import Flow

from .realms import Realm
from .scene import Application, Knows, Peer, Scene, request, scene


class Passer(Service):
    """Notes that a request went by."""

    def __init__(self, name: str, seen: list[str], priority: int = 64) -> None:
        self.name = name
        self.seen = seen
        self.priority = priority

    async def on_request(self, request: IncomingRequest) -> bool:
        self.seen.append(self.name)
        return False


async def test_a_request_passes_the_services_by_priority_then_by_registration(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[str] = []
    services = [
        Passer("late", seen, 70),
        Passer("first of 64", seen),
        Passer("second of 64", seen),
        Passer("early", seen, 1),
        Application(priority=100),
    ]
    async with scene(sip_network, *services) as here:
        await here.alice.ask(request())

    assert ["early", "first of 64", "second of 64", "late"] == seen


async def test_the_stages_are_services_of_the_same_list(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here:
        assert [
            (13, "identify"),
            (32, "dialogs"),
            (62, "authenticate"),
            (64, "application"),
        ] == [(one.priority, one.name) for one in here.stack.services]
    assert (8, 13, 32, 62, 63, 64) == tuple(ServicePriority)


async def test_a_service_sees_what_the_stages_before_it_have_found_out(
    sip_network: MemoryNetwork,
) -> None:
    found: list[str] = []

    class Looks(Passer):
        async def on_request(self, request: IncomingRequest) -> bool:
            found.append(f"{self.name}: {request.endpoint.name}")
            return False

    services = [Looks("10", found, 10), Looks("14", found, 14), Looks("63", found, 63)]
    async with scene(sip_network, *services, Application()) as here:
        here.stack.register_endpoint_identifier(Knows("alice"))
        here.stack.register_authenticator(Realm())
        await here.alice.ask(request())

    assert ["10: anonymous", "14: alice"] == found, "and a challenge ends the way"


async def test_who_takes_a_request_ends_its_way(sip_network: MemoryNetwork) -> None:
    seen: list[str] = []
    async with scene(sip_network, Application(priority=63), Passer("behind", seen)) as here:
        await here.alice.ask(request())

    assert [] == seen


async def test_a_service_registered_while_running_sees_the_next_message(
    sip_network: MemoryNetwork,
) -> None:
    application = Application()
    async with scene(sip_network) as here:
        assert [501] == await here.alice.answers(request("REGISTER"))
        here.stack.register_service(application)
        assert [200] == await here.alice.answers(request(branch="2", cseq=2))
        here.stack.unregister_service(application)
        assert [405] == await here.alice.answers(request(branch="3", cseq=3))


async def test_a_message_inside_a_service_that_is_unregistered_stays_with_it(
    sip_network: MemoryNetwork,
) -> None:
    async def slowly(incoming: IncomingRequest) -> None:
        await trio.sleep(1)
        incoming.respond(202)

    application = Application(slowly)
    async with scene(sip_network, application) as here:
        here.alice.send(request("MESSAGE"))
        await trio.sleep(0.5)
        here.stack.unregister_service(application)

        assert 202 == (await here.alice.response()).status


async def test_a_service_is_registered_as_long_as_the_block_of_its_handle(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        with here.stack.register_service(Application()):
            assert [200] == await here.alice.answers(request())
        assert [405] == await here.alice.answers(request(branch="2", cseq=2))


async def test_a_handle_unregisters_once_and_what_is_gone_already_stays_gone(
    sip_network: MemoryNetwork,
) -> None:
    one, two = Application(name="one"), Application(name="two")
    async with scene(sip_network) as here:
        handles = here.stack.register_service(one), here.stack.register_service(two)
        here.stack.unregister_service(one)
        for handle in handles * 2:
            handle.unregister()

        assert [405] == await here.alice.answers(request())


async def test_a_name_is_taken_once(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application(name="one")) as here:
        with pytest.raises(ValueError, match="named 'one'"):
            here.stack.register_service(Application(name="one"))
        with pytest.raises(LocalProtocolError, match="named 'one'"):
            await here.stack.add_service(Application(name="one"))


async def test_a_service_without_a_name_gets_that_of_its_class(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Service()) as here:
        assert "Service" in [one.name for one in here.stack.services]


async def test_an_unknown_service_cannot_be_unregistered(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        with pytest.raises(LookupError):
            here.stack.unregister_service(Service())


async def test_a_service_has_a_task_that_lives_as_long_as_it_is_registered(
    sip_network: MemoryNetwork,
) -> None:
    class Clockwork(Service):
        ticks = 0
        ended = False

        async def run(self, stack: Stack) -> None:
            try:
                while True:
                    await trio.sleep(1)
                    self.ticks += 1
            finally:
                self.ended = True

    one, two = Clockwork(), Clockwork()
    one.name, two.name = "one", "two"
    async with scene(sip_network, one, two) as here:
        await trio.sleep(2.5)
        here.stack.unregister_service(one)
        await trio.sleep(2)
        assert (2, True) == (one.ticks, one.ended)
        assert (4, False) == (two.ticks, two.ended)
    assert two.ended


class Crashes(Service):
    name = "crashes"

    async def run(self, stack: Stack) -> None:
        await trio.sleep(1)
        raise ZeroDivisionError("a bug")


async def test_the_crash_of_a_service_is_contained(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Crashes(), Application(), strict=False) as here:
        await trio.sleep(2)

        assert [200] == await here.alice.answers(request())
        assert 1 == here.stack.statistics().handler_errors


async def test_the_crash_of_a_service_ends_a_strict_stack(sip_network: MemoryNetwork) -> None:
    with pytest.raises(ZeroDivisionError):
        async with scene(sip_network, Crashes()):
            await trio.sleep_forever()


class Observer(Service):
    """Overrides every hook that sees messages go by."""

    name = "observer"

    def __init__(self, fails: bool = False) -> None:
        self.seen: list[str] = []
        self.fails = fails

    def note(self, what: str) -> None:
        self.seen.append(what)
        if self.fails:
            raise ZeroDivisionError("a bug")

    def on_response(self, response: Response, request: Request) -> None:
        self.note(f"response {response.status} {request.method}")

    def on_send_request(self, request: Request) -> None:
        request.add_header("X-Trace", "1")
        self.note(f"send {request.method}")

    def on_send_response(self, response: Response, request: IncomingRequest) -> None:
        response.add_header("X-Trace", "2")
        self.note(f"send {response.status} {request.method}")

    def on_flow_closed(self, flow: Flow) -> None:
        self.note(f"closed {flow.transport}")


async def exercise(
    network: MemoryNetwork, observer: Observer, strict: bool
) -> tuple[str, str, int]:
    async with scene(network, observer, Application(), strict=strict) as here:
        answer = await here.alice.ask(request())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(here.stack.send_request, "MESSAGE", "sip:192.0.2.1")
            incoming = await here.alice.request()
            here.alice.send(
                bytes(incoming)
                .replace(b"MESSAGE sip:192.0.2.1 SIP/2.0", b"SIP/2.0 202 Accepted")
                .replace(b"Max-Forwards: 70\r\n", b"")
            )
        stream = await here.connect()
        stream.close()
        await trio.sleep(1)
        errors = here.stack.statistics().handler_errors
        return answer["X-Trace"], incoming["X-Trace"], errors


async def test_a_service_sees_and_adds_to_everything(sip_network: MemoryNetwork) -> None:
    observer = Observer()

    assert ("2", "1", 0) == await exercise(sip_network, observer, strict=True)
    assert [
        "send 200 OPTIONS",
        "send MESSAGE",
        "response 202 MESSAGE",
        "closed TCP",
    ] == observer.seen


async def test_hooks_that_raise_harm_neither_the_message_nor_the_listener(
    sip_network: MemoryNetwork,
) -> None:
    assert ("2", "1", 4) == await exercise(sip_network, Observer(fails=True), strict=False)


async def test_a_hook_that_raises_ends_a_strict_stack(sip_network: MemoryNetwork) -> None:
    with pytest.raises(ZeroDivisionError):
        await exercise(sip_network, Observer(fails=True), strict=True)


class Takes(Service):
    """Takes what comes for requests of ours, and follows their transactions."""

    name = "takes"

    def __init__(self, *statuses: int) -> None:
        self.statuses = statuses
        self.states: list[str] = []

    def on_response(self, response: Response, request: Request) -> bool:
        return response.status in self.statuses

    def on_transaction_state(self, transaction: Transaction, state: State) -> None:
        self.states.append(f"{transaction.method} {state.value}")


async def invite_and_answer(here: Scene, seen: list[int], *statuses: int) -> None:
    async with (
        here.stack.open_request("INVITE", "sip:192.0.2.1") as outgoing,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_answer, here.alice, statuses)
        with contextlib.suppress(RequestTimedOut):
            while not seen or seen[-1] < 200:
                seen.append((await outgoing.receive()).status)
            return
        seen.append(408)


async def _answer(alice: Peer, statuses: tuple[int, ...]) -> None:
    invite = await alice.request()
    for status in statuses:
        alice.send(bytes(create_response(invite, status, to_tag="a")))
        await trio.sleep(0.1)


async def test_a_provisional_response_that_a_service_takes_is_not_seen_by_its_sender(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[int] = []
    observer = Observer()
    async with scene(sip_network, Takes(180), observer) as here:
        await invite_and_answer(here, seen, 180, 183, 486)

    assert [183, 486] == seen
    assert ["send INVITE", "response 183 INVITE", "response 486 INVITE"] == observer.seen


async def test_a_final_response_that_a_service_takes_leaves_its_sender_without_an_answer(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[int] = []
    async with scene(sip_network, Takes(486)) as here:
        began = trio.current_time()
        await invite_and_answer(here, seen, 180, 486)

        assert [180, 408] == seen
        assert trio.current_time() - began < 1, "and is told so at once"


async def test_a_service_follows_transactions_as_long_as_it_is_registered(
    sip_network: MemoryNetwork,
) -> None:
    follows = Takes()
    async with scene(sip_network, Application()) as here:
        await here.alice.ask(request(branch="1"))
        here.stack.register_service(follows)
        await here.alice.ask(request("MESSAGE", branch="2", cseq=2))
        await trio.sleep(60)
        here.stack.unregister_service(follows)
        await here.alice.ask(request(branch="3", cseq=3))

    assert [
        "MESSAGE Trying",
        "MESSAGE Completed",
        "OPTIONS Terminated",
        "MESSAGE Terminated",
    ] == follows.states


# -- supplements


class Brand(Supplement):
    """Looks at MESSAGE and nothing else."""

    name = "brand"
    supplements = frozenset({"MESSAGE", "SUB"})

    def __init__(self, refuse: bool = False) -> None:
        self.seen: list[str] = []
        self.refuse = refuse

    async def incoming_request(self, request: IncomingRequest) -> Response | None:
        self.seen.append(f"in {request.method}")
        return request.create_response(403) if self.refuse else None

    def incoming_response(self, response: Response, request: Request) -> None:
        self.seen.append(f"in {response.status}")

    def outgoing_request(self, request: Request) -> None:
        self.seen.append(f"out {request.method}")

    def outgoing_response(self, response: Response, request: IncomingRequest) -> None:
        self.seen.append(f"out {response.status}")


async def test_a_supplement_looks_at_its_methods_only(sip_network: MemoryNetwork) -> None:
    brand = Brand()
    async with scene(sip_network, brand, Application()) as here:
        await here.alice.ask(request("MESSAGE"))
        await here.alice.ask(request(branch="2", cseq=2))
        await here.alice.ask(
            request(
                "SUBSCRIBE",
                branch="3",
                cseq=3,
                headers=["Contact: <sip:a@192.0.2.1>", "Event: presence"],
            )
        )
        with trio.move_on_after(1):
            await here.stack.send_request("MESSAGE", "sip:192.0.2.1")
    assert ["in MESSAGE", "out 200", "out MESSAGE"] == brand.seen


async def test_a_supplement_that_returns_a_response_refuses_the_request(
    sip_network: MemoryNetwork,
) -> None:
    application = Application()
    async with scene(sip_network, Brand(refuse=True), application) as here:
        assert [403] == await here.alice.answers(request("MESSAGE"))
        assert [] == application.seen


async def test_who_answers_and_passes_on_leaves_nothing_to_refuse(
    sip_network: MemoryNetwork,
) -> None:
    class Hasty(Application):
        async def on_request(self, request: IncomingRequest) -> bool:
            request.respond(202)
            return False

    async with scene(sip_network, Hasty()) as here:
        assert [202] == await here.alice.answers(request())


async def test_services_and_supplements_that_override_nothing_change_nothing(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Supplement(), Service(), Application()) as here:
        assert [200] == await here.alice.answers(request())
        with pytest.raises(RequestTimedOut):
            await here.stack.send_request("OPTIONS", "sip:192.0.2.1")


async def test_a_supplement_for_all_methods_names_none(sip_network: MemoryNetwork) -> None:
    class Everything(Brand):
        supplements = frozenset()

    everything = Everything()
    async with scene(sip_network, everything, Application()) as here:
        await here.alice.ask(request())

    assert ["in OPTIONS", "out 200"] == everything.seen


def test_a_service_needs_nothing_private() -> None:
    """All that a service needs can be imported from public packages."""
    code = (
        "from trio_sip.stack import *; from trio_sip.message import *;"
        "from trio_sip.transport import Flow; Service, Supplement, IncomingRequest, Endpoint"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Asked(Service):
    """Counts how often anybody asks one of its kind for its place."""

    times = 0

    @property
    def priority(self) -> int:  # type: ignore[override]  # to be counted
        Asked.times += 1
        return 64


def test_a_user_costs_no_more_to_add_because_there_are_others() -> None:
    registry = ServiceRegistry()
    users = [Asked() for _ in range(100)]
    Asked.times = 0
    for number, user in enumerate(users):
        user.name = f"user {number}"
        registry.add(user)
    for user in users:
        registry.remove(user)

    assert 100 == Asked.times


def test_what_a_message_is_shown_to_follows_who_comes_and_goes() -> None:
    registry = ServiceRegistry()
    first: Service = Passer("first", [])
    second: Service = Passer("second", [])
    early: Service = Passer("early", [], 1)
    application: Service = Application()
    for service in (first, second, early, application):
        registry.add(service)
    assert [early, first, second, application] == list(registry.for_requests)
    assert [early, first, second, application] == list(registry)
    methods = registry.methods
    assert application.methods <= methods

    registry.remove(first)
    registry.remove(application)

    assert [early, second] == list(registry.for_requests)
    assert methods - application.methods == registry.methods
    assert () == registry.for_responses
    with pytest.raises(LookupError):
        registry.remove(first)
