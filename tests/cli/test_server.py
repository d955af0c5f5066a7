"""The server behind ``serve``, within this process."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from trio_sip._errors import AuthenticationRejected
from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.cli._config import ServeConfig
from trio_sip.cli._printer import Printer
from trio_sip.cli._serve import serve
from trio_sip.cli._server import open_server
from trio_sip.stack import Stack, open_stack
from trio_sip.transport import Listen


@pytest.fixture
def calm_afterwards() -> Iterator[None]:
    """The garbage collector as it was."""
    thresholds = gc.get_threshold()
    gc.unfreeze()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


async def test_the_collector_looks_at_few_objects_at_a_time_once_it_serves(
    calm_afterwards: None, capfd: pytest.CaptureFixture[str]
) -> None:
    statuses = []

    async def run() -> None:
        statuses.append(await serve(listen=("udp://127.0.0.1:0",)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        with trio.fail_after(10):
            while gc.get_freeze_count() == 0:
                await trio.lowlevel.checkpoint()
        assert (5_000, 3, 1_000_000) == gc.get_threshold()
        os.kill(os.getpid(), signal.SIGTERM)

    assert [0] == statuses
    assert "ready\n" == capfd.readouterr().out.partition("\n")[2]


@pytest.mark.parametrize(
    ("sender", "password", "target", "status"),
    [
        ("alice", "wonderland", "", 200),
        ("alice", "wonderland", "alice@", 404),
        ("alice", "looking-glass", "", 401),
        ("nobody", "wonderland", "", 401),
    ],
)
async def test_a_text_is_shown_if_it_is_for_the_server_and_from_a_user(
    sender: str, password: str, target: str, status: int, tmp_path: Path
) -> None:
    send, receive = trio.open_memory_channel[str](10)
    config = ServeConfig(
        listen=(Listen("udp", "127.0.0.1", 0),),
        users={"alice": PlainSecret("alice", "wonderland")},
        database=str(tmp_path / "x.db"),
    )
    async with (
        open_server(config, Printer(send)) as server,
        open_stack("udp://127.0.0.1:0", grace=0) as phone,
    ):
        credential = OutboundCredential(PlainSecret(sender, password), realm="trio-sip")
        try:
            response = await phone.send_request(
                "MESSAGE",
                f"sip:{target}127.0.0.1:{server.listening[0].port}",
                "hello\x1b[2J",
                from_=f"<sip:{sender}@example.com>",
                credentials=credential,
            )
            found = response.status
        except AuthenticationRejected as error:
            found = error.status
    send.close()

    assert status == found
    shown = [line async for line in receive]
    assert ([r"message from alice: hello\x1b[2J"] if status == 200 else []) == shown


async def test_a_user_is_told_who_else_is_a_user() -> None:
    send, receive = trio.open_memory_channel[str](10)
    config = ServeConfig(
        listen=(Listen("udp", "127.0.0.1", 0),), users={"alice": PlainSecret("alice", "x")}
    )
    statuses = []
    with send, receive:
        async with (
            open_server(config, Printer(send)) as server,
            open_stack("udp://127.0.0.1:0", grace=0) as phone,
        ):
            for name in ("alice", "bob"):
                response = await phone.send_request(
                    "OPTIONS",
                    f"sip:{name}@127.0.0.1:{server.listening[0].port}",
                    from_="<sip:alice@example.com>",
                    credentials=OutboundCredential(PlainSecret("alice", "x"), realm="trio-sip"),
                )
                statuses.append(response.status)

    assert [200, 404] == statuses


@pytest.mark.parametrize("username", ["alice", "alice@b.example"])
async def test_a_user_of_one_domain_may_leave_the_domain_out_of_the_credentials(
    username: str,
) -> None:
    send, _ = trio.open_memory_channel[str](10)
    config = ServeConfig(
        listen=(Listen("udp", "127.0.0.1", 0),),
        domains=("a.example", "b.example", "127.0.0.1"),
        users={
            "alice@a.example": PlainSecret("alice@a.example", "wonderland"),
            "alice@b.example": PlainSecret("alice@b.example", "looking-glass"),
        },
    )

    async def register(phone: Stack, password: str) -> int:
        response = await phone.send_request(
            "REGISTER",
            f"sip:127.0.0.1:{server.listening[0].port}",
            from_="<sip:alice@b.example>",
            to="<sip:alice@b.example>",
            credentials=OutboundCredential(PlainSecret(username, password), realm="a.example"),
        )
        return response.status

    async with (
        open_server(config, Printer(send)) as server,
        open_stack("udp://127.0.0.1:0", grace=0) as phone,
    ):
        assert 200 == await register(phone, "looking-glass")
        with pytest.raises(AuthenticationRejected):
            await register(phone, "wonderland")
