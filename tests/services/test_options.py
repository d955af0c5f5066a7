"""OPTIONS to the server, and to its users."""

from __future__ import annotations

import pytest

from trio_sip.message import Response
from trio_sip.services import (
    MemoryLocation,
    MessageService,
    OptionsService,
    Registrar,
    UserOptionsService,
)
from trio_sip.stack import IncomingRequest, Service, Stack
from trio_sip.testing import MemoryNetwork

from .conversation import (
    ENDPOINTS,
    Recorder,
    credential,
    open_client,
    open_guarded_server,
    open_server,
    register,
)


class Late(Service):
    methods = frozenset({"INFO"})
    extensions = frozenset({"timer"})


async def ask(client: Stack, target: str = "sip:server", *, user: str = "") -> Response:
    return await client.send_request(
        "OPTIONS",
        target,
        from_=f"sip:{user}@server" if user else None,
        credentials=credential(user) if user else None,
    )


async def ignore(message: IncomingRequest) -> None:
    pass


async def test_the_server_itself_answers_without_credentials_what_it_can_do(
    sip_network: MemoryNetwork,
) -> None:
    services = (
        OptionsService(),
        Registrar(MemoryLocation()),
        MessageService(ignore, body_types=["text/plain", "text/html"]),
    )
    async with open_guarded_server(sip_network, *services), open_client(sip_network) as client:
        response = await ask(client)

    assert 200 == response.status
    assert "MESSAGE, OPTIONS, REGISTER" == response.headers["Allow"]
    assert "text/html, text/plain" == response.headers["Accept"]
    assert "path" == response.headers["Supported"]


async def test_what_comes_and_goes_shows_in_the_next_answer(sip_network: MemoryNetwork) -> None:
    async with (
        open_server(sip_network, OptionsService()) as server,
        open_client(sip_network) as client,
    ):
        before = await ask(client)
        with server.registered(Late()):
            between, again = await ask(client), await ask(client)
        after = await ask(client)

    for response in (between, again):
        assert "INFO, OPTIONS" == response.headers["Allow"]
        assert "timer" == response.headers["Supported"]
    for response in (before, after):
        assert "OPTIONS" == response.headers["Allow"]
        assert "Supported" not in response.headers
        assert "Accept" not in response.headers


async def test_other_methods_are_other_services_business(sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    async with (
        open_server(sip_network, OptionsService(), UserOptionsService(()), recorder),
        open_client(sip_network) as client,
    ):
        response = await client.send_request("INFO", "sip:server")

    assert 200 == response.status
    assert ["INFO"] == [request.method for request in recorder.requests]


async def test_users_are_not_told_about_without_credentials(sip_network: MemoryNetwork) -> None:
    async with (
        open_guarded_server(sip_network, OptionsService(), UserOptionsService(ENDPOINTS)),
        open_client(sip_network) as client,
    ):
        statuses = [(await ask(client, f"sip:{user}@server")).status for user in ("bob", "carol")]

    assert [401, 401] == statuses


@pytest.mark.parametrize(
    ("target", "status"),
    [("sip:bob@server", 200), ("sip:carol@server", 404), ("sip:dave@server", 200)],
)
async def test_users_are_there_or_not_found(
    target: str, status: int, sip_network: MemoryNetwork
) -> None:
    users = {*ENDPOINTS, "dave@server"}
    async with (
        open_guarded_server(sip_network, OptionsService(), UserOptionsService(users)),
        open_client(sip_network) as client,
    ):
        response = await ask(client, target, user="alice")

    assert status == response.status
    assert (status == 200) == ("Allow" in response.headers)


async def test_without_knowing_any_users_nobody_is_found(sip_network: MemoryNetwork) -> None:
    async with open_server(sip_network, OptionsService()), open_client(sip_network) as client:
        response = await ask(client, "sip:bob@server")

    assert 404 == response.status


async def test_a_registrar_knows_who_is_there(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with (
        open_server(sip_network, registrar, UserOptionsService(registrar)),
        open_client(sip_network) as client,
    ):
        before = await ask(client, "sip:alice@server")
        await register(client, "<sip:alice@192.0.2.2>")
        after = await ask(client, "sip:alice@server;transport=udp")

    assert [404, 200] == [before.status, after.status]


@pytest.mark.sip(seeds=30, loss=0.3, jitter=0.05, duplication=0.1)
async def test_options_are_answered_over_a_terrible_network(sip_network: MemoryNetwork) -> None:
    async with (
        open_guarded_server(sip_network, OptionsService(), UserOptionsService(ENDPOINTS)) as server,
        open_client(sip_network) as client,
    ):
        itself = await ask(client)
        user = await ask(client, "sip:bob@server", user="alice")

        assert [200, 200] == [itself.status, user.status]
        assert 0 == server.statistics().unanswered
