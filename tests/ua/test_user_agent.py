"""A user agent on a network in memory: what it sends, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_sip._errors import (
    AuthenticationRejected,
    LocalProtocolError,
    RequestRejected,
    RequestTimedOut,
)
from trio_sip.auth import PlainSecret
from trio_sip.message import NameAddr
from trio_sip.services import DigestAuthenticator, IdentifyByUser, OptionsService
from trio_sip.stack import Endpoint, IncomingRequest, Service, Stack, open_stack
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import AnswersFor, IncomingCall, UserAgent, open_user_agent


class Inbox(Service):
    """Takes every request and answers it as told."""

    name = "inbox"
    methods = frozenset({"MESSAGE", "OPTIONS", "INFO"})

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests: list[IncomingRequest] = []

    async def on_request(self, request: IncomingRequest) -> bool:
        self.requests.append(request)
        request.respond(self.status)
        return True

    @property
    def last(self) -> IncomingRequest:
        return self.requests[-1]


@asynccontextmanager
async def server(network: MemoryNetwork, *services: Service) -> AsyncIterator[Stack]:
    network.alias("example.com", "server")
    async with open_stack(
        "udp://0.0.0.0:5060",
        "tcp://0.0.0.0:5060",
        network=network.host("server"),
        services=services,
        strict=True,
    ) as stack:
        yield stack


async def test_a_text_says_who_sent_it_and_has_no_contact(sip_network: MemoryNetwork) -> None:
    inbox = Inbox()
    async with (
        server(sip_network, inbox),
        open_user_agent(
            "sip:alice@example.com", display_name="Alice", network=sip_network.host("alice")
        ) as alice,
    ):
        response = await alice.message("sip:bob@example.com", "Hello")

    assert 200 == response.status
    assert b"Hello" == inbox.last.message.body
    assert "text/plain" in inbox.last.message["Content-Type"]
    assert '"Alice" <sip:alice@example.com>' == str(
        NameAddr(inbox.last.message.from_.uri, inbox.last.message.from_.display_name)
    )
    # RFC 3428 section 4
    assert "Contact" not in inbox.last.message


@pytest.mark.parametrize(
    ("target", "contact"),
    [
        ("sip:example.com", "<sip:alice@192.0.2.1:49153>"),
        ("sip:example.com;transport=tcp", "<sip:alice@192.0.2.1:5070;transport=tcp>"),
    ],
)
async def test_the_contact_is_that_of_the_transport_that_sends(
    target: str, contact: str, sip_network: MemoryNetwork
) -> None:
    inbox = Inbox()
    async with (
        open_user_agent(
            "sip:alice@example.com",
            listen=["udp://0.0.0.0:0", "tcp://0.0.0.0:5070"],
            network=sip_network.host("alice"),
            strict=True,
        ) as alice,
        server(sip_network, inbox),
    ):
        await alice.options(target)

    assert contact == inbox.last.message["Contact"]


async def test_requests_take_the_outbound_proxy_and_then_the_service_route(
    sip_network: MemoryNetwork,
) -> None:
    inbox = Inbox()
    async with (
        server(sip_network, inbox),
        open_user_agent(
            "sip:alice@elsewhere.example",
            outbound_proxy="sip:server",
            network=sip_network.host("alice"),
        ) as alice,
    ):
        alice.service_route = (NameAddr.parse("<sip:home.example;lr>"),)
        await alice.options("sip:bob@nowhere.example")

    assert "sip:bob@nowhere.example" == inbox.last.message.target
    assert ["<sip:server;lr>", "<sip:home.example;lr>"] == inbox.last.message.headers.get_all(
        "Route"
    )


@pytest.mark.parametrize("status", [301, 404, 503, 603])
async def test_what_is_no_success_is_an_error_with_its_response(
    status: int, sip_network: MemoryNetwork
) -> None:
    async with (
        server(sip_network, Inbox(status)),
        open_user_agent("sip:alice@example.com", network=sip_network.host("alice")) as alice,
    ):
        with pytest.raises(RequestRejected) as caught:
            await alice.options("sip:example.com")

    assert status == caught.value.status
    assert not isinstance(caught.value, AuthenticationRejected)


@asynccontextmanager
async def guarded(network: MemoryNetwork, inbox: Inbox) -> AsyncIterator[None]:
    async with server(network, inbox) as stack:
        stack.register_endpoint_identifier(IdentifyByUser({"alice": Endpoint(name="alice")}))
        secrets = {"alice": PlainSecret("alice", "wonderland")}
        stack.register_authenticator(DigestAuthenticator("example.com", secrets))
        yield


async def test_a_challenge_is_answered_with_the_password(sip_network: MemoryNetwork) -> None:
    inbox = Inbox()
    async with (
        guarded(sip_network, inbox),
        open_user_agent(
            "sip:alice@example.com", password="wonderland", network=sip_network.host("alice")
        ) as alice,
    ):
        await alice.message("sip:bob@example.com", "Hello")

    assert "alice" == inbox.last.endpoint.name


@pytest.mark.parametrize("password", [None, "wrong"])
async def test_a_challenge_that_is_not_answered_is_an_authentication_error(
    password: str | None, sip_network: MemoryNetwork
) -> None:
    async with (
        guarded(sip_network, Inbox()),
        open_user_agent(
            "sip:alice@example.com", password=password, network=sip_network.host("alice")
        ) as alice,
    ):
        with pytest.raises(AuthenticationRejected) as caught:
            await alice.message("sip:bob@example.com", "Hello")

    assert 401 == caught.value.status


async def test_a_password_does_not_go_where_it_does_not_belong(sip_network: MemoryNetwork) -> None:
    async with (
        guarded(sip_network, Inbox()),
        open_user_agent(
            "sip:alice@other.example", password="wonderland", network=sip_network.host("alice")
        ) as alice,
    ):
        with pytest.raises(AuthenticationRejected):
            await alice.message("sip:bob@example.com", "Hello")

    assert all(b"response=" not in wire.data for wire in sip_network.wires)


async def test_nobody_there_is_a_timeout(sip_network: MemoryNetwork) -> None:
    async with open_user_agent("sip:alice@example.com", network=sip_network.host("alice")) as alice:
        with pytest.raises(RequestTimedOut):
            await alice.options("sip:192.0.2.99")

        assert 32 == pytest.approx(trio.current_time())


@asynccontextmanager
async def pair(network: MemoryNetwork) -> AsyncIterator[tuple[UserAgent, UserAgent]]:
    async with (
        open_user_agent(
            "sip:bob@bob",
            listen="udp://0.0.0.0:5060",
            network=network.host("bob"),
            answers_for=AnswersFor.ITSELF,
            strict=True,
        ) as bob,
        open_user_agent("sip:alice@alice", network=network.host("alice"), strict=True) as alice,
    ):
        yield alice, bob


async def test_options_to_the_user_and_to_the_machine_are_answered_and_others_not(
    sip_network: MemoryNetwork,
) -> None:
    async with pair(sip_network) as (alice, bob):
        user = await alice.options(bob.uri)
        machine = await alice.options("sip:bob")
        with pytest.raises(RequestRejected) as caught:
            await alice.options("sip:eve@bob")

    assert all({"INVITE", "OPTIONS"} <= set(one["Allow"].split(", ")) for one in (user, machine))
    assert 404 == caught.value.status


async def test_what_comes_to_a_stack_of_its_own_is_for_the_user_agent_whoever_is_asked_for(
    sip_network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    asked: list[str] = []

    async def take(request: IncomingRequest) -> None:
        asked.append(str(request.uri))

    async def answer(call: IncomingCall) -> None:
        asked.append(str(call.target))
        await call.answer()

    async with (
        open_user_agent(
            "sip:switch@bob",
            listen="udp://0.0.0.0:5060",
            network=sip_network.host("bob"),
            strict=True,
        ) as switch,
        open_user_agent("sip:alice@alice", network=sip_network.host("alice"), strict=True) as alice,
    ):
        await nursery.start(switch.serve_messages, take)
        await nursery.start(switch.serve_calls, answer)
        await alice.message("sip:service@bob", "one")
        async with alice.call("sip:+4930123@bob") as call:
            await call.answered()

    assert ["sip:service@bob", "sip:+4930123@bob"] == asked


async def test_texts_are_served_while_that_runs(
    sip_network: MemoryNetwork, nursery: trio.Nursery
) -> None:
    texts: list[bytes] = []

    async def take(request: IncomingRequest) -> None:
        texts.append(request.message.body)

    async with pair(sip_network) as (alice, bob):
        async with trio.open_nursery() as serving:
            await serving.start(bob.serve_messages, take)
            await alice.message(bob.uri, "one")
            with pytest.raises(RequestRejected) as elsewhere:
                await alice.message("sip:eve@bob", "two")
            with pytest.raises(RequestRejected) as html:
                await alice.message(bob.uri, "three", content_type="text/html")
            with pytest.raises(LocalProtocolError):
                await bob.serve_messages(take)
            serving.cancel_scope.cancel()
        with pytest.raises(RequestRejected) as nobody:
            await alice.message(bob.uri, "four")

    assert [b"one"] == texts
    assert (404, 415, 405) == (elsewhere.value.status, html.value.status, nobody.value.status)


async def test_user_agents_may_share_a_stack(sip_network: MemoryNetwork) -> None:
    texts: dict[str, list[bytes]] = {"bob": [], "carol": []}

    async def serve(user: UserAgent, task_status: trio.TaskStatus[None]) -> None:
        async def take(request: IncomingRequest) -> None:
            texts[user.uri.user or ""].append(request.message.body)

        await user.serve_messages(take, task_status=task_status)

    async with (
        server(sip_network, OptionsService()) as stack,
        open_user_agent("sip:bob@example.com", stack=stack) as bob,
        open_user_agent("sip:carol@example.com", stack=stack) as carol,
        open_user_agent("sip:alice@alice", network=sip_network.host("alice"), strict=True) as alice,
        trio.open_nursery() as nursery,
    ):
        for user in (bob, carol):
            await nursery.start(serve, user)
        await alice.message(carol.uri, "to carol")
        await alice.message(bob.uri, "to bob")
        services = stack.services
        nursery.cancel_scope.cancel()

    assert {"bob": [b"to bob"], "carol": [b"to carol"]} == texts
    assert len(services) > len(stack.services)


async def test_the_stack_of_others_is_left_as_it_was(sip_network: MemoryNetwork) -> None:
    async with server(sip_network) as stack:
        before = stack.services
        async with open_user_agent("sip:bob@example.com", stack=stack):
            during = stack.services

        assert before == stack.services
        assert len(before) + 3 == len(during)


async def test_an_error_of_the_block_leaves_it_bare(sip_network: MemoryNetwork) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_user_agent("sip:alice@alice", network=sip_network.host("alice")):
            raise ZeroDivisionError

    assert 0 == sip_network.open_sockets
