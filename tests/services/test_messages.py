"""MESSAGE out of dialogs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio

from trio_sip.message import Response
from trio_sip.services import MessageService
from trio_sip.stack import IncomingRequest
from trio_sip.testing import MemoryNetwork

from .conversation import credential, open_client, open_guarded_server, open_server


class Inbox:
    """A handler that keeps what it gets."""

    def __init__(self, answer: int | None = None) -> None:
        self.bodies: list[bytes] = []
        self._answer = answer

    async def receive(self, message: IncomingRequest) -> None:
        self.bodies.append(message.message.body)
        if self._answer is not None:
            message.respond(self._answer)


async def send(
    network: MemoryNetwork,
    service: MessageService,
    body: bytes | None = b"Hello",
    content_type: str | None = "text/plain",
    headers: Sequence[tuple[str, object]] = (),
) -> Response:
    async with open_server(network, service), open_client(network) as client:
        return await client.send_request(
            "MESSAGE", "sip:server", body, content_type=content_type, headers=headers
        )


async def test_a_message_is_handed_over_and_answered(sip_network: MemoryNetwork) -> None:
    inbox = Inbox()

    response = await send(sip_network, MessageService(inbox.receive))

    assert 200 == response.status
    assert [b"Hello"] == inbox.bodies


async def test_the_handler_may_answer_by_itself(sip_network: MemoryNetwork) -> None:
    inbox = Inbox(202)

    response = await send(sip_network, MessageService(inbox.receive))

    assert 202 == response.status
    assert [b"Hello"] == inbox.bodies


async def test_the_handler_may_answer_later(sip_network: MemoryNetwork) -> None:
    async with trio.open_nursery() as nursery:

        async def answer_later(message: IncomingRequest) -> None:
            await trio.sleep(1)
            message.respond(404)

        async def put_off(message: IncomingRequest) -> None:
            message.defer()
            nursery.start_soon(answer_later, message)

        async with (
            open_server(sip_network, MessageService(put_off)),
            open_client(sip_network) as client,
        ):
            response = await client.send_request("MESSAGE", "sip:server", "Hello")

    assert 404 == response.status


@pytest.mark.parametrize(
    ("body_types", "given", "status"),
    [
        (["text/plain"], "TEXT/Plain;charset=utf-8", 200),
        (["text/*"], "text/html", 200),
        (["*/*"], "application/x-unheard-of", 200),
        (["text/plain"], "text/html", 415),
        (["text/plain"], "multipart/mixed;boundary=x", 415),
    ],
)
async def test_a_body_of_a_type_that_is_not_taken_is_refused(
    body_types: list[str], given: str, status: int, sip_network: MemoryNetwork
) -> None:
    inbox = Inbox()

    response = await send(
        sip_network, MessageService(inbox.receive, body_types=body_types), b"Hello", given
    )

    assert status == response.status
    assert (1 if status == 200 else 0) == len(inbox.bodies)
    if status == 415:
        assert "text/plain" == response.headers["Accept"]


@pytest.mark.parametrize(("encoding", "status"), [("gzip", 415), ("Identity", 200)])
async def test_an_encoding_that_is_not_understood_is_refused(
    encoding: str, status: int, sip_network: MemoryNetwork
) -> None:
    inbox = Inbox()

    response = await send(
        sip_network, MessageService(inbox.receive), None, headers=[("Content-Encoding", encoding)]
    )

    assert status == response.status
    if status == 415:
        assert "identity" == response.headers["Accept-Encoding"]
        assert [] == inbox.bodies


async def test_a_message_may_be_empty(sip_network: MemoryNetwork) -> None:
    inbox = Inbox()

    response = await send(sip_network, MessageService(inbox.receive), None)

    assert 200 == response.status
    assert [b""] == inbox.bodies


async def test_other_methods_are_other_services_business(sip_network: MemoryNetwork) -> None:
    async with (
        open_server(sip_network, MessageService(Inbox().receive)),
        open_client(sip_network) as client,
    ):
        response = await client.send_request("INFO", "sip:server")

    assert 405 == response.status


@pytest.mark.sip(seeds=30, loss=0.3, jitter=0.05, duplication=0.1)
async def test_a_message_arrives_once_over_a_terrible_network(sip_network: MemoryNetwork) -> None:
    inbox = Inbox()
    async with (
        open_guarded_server(sip_network, MessageService(inbox.receive)),
        open_client(sip_network) as client,
    ):
        response = await client.send_request(
            "MESSAGE",
            "sip:server",
            "Hello",
            from_="sip:alice@server",
            credentials=credential("alice"),
        )

    assert 200 == response.status
    assert [b"Hello"] == inbox.bodies
