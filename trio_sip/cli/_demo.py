"""``trio-sip demo``: a server and two telephones talk to each other, and you see what they say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio
from rich.console import Console
from rich.text import Text

from trio_sip.auth import OutboundAuthenticator, OutboundCredential, PlainSecret
from trio_sip.stack import Stack
from trio_sip.testing import ladder
from trio_sip.transport import Address, Listen
from trio_sip.ua import IncomingCall, UserAgent, open_user_agent

from ._client import answer_line, deadline, explaining
from ._config import ServeConfig
from ._errors import ExitStatus
from ._printer import Printer
from ._recording import Record, RecordingNetwork
from ._rows import style_of
from ._server import open_server
from ._silence import silent_answer, silent_offer

__all__ = ["demo"]

_LOOPBACK = "127.0.0.1"
_ANY_PORT = Listen("udp", _LOOPBACK, 0)
_PASSWORD = "wonderland"  # noqa: S105  (of a server that lives for a moment, on loopback)
_TEXT = "Hello from trio-sip!"
_PATIENCE = 10.0


async def demo() -> int:
    """Run a server and two telephones on this machine and draw what went over the wire."""
    show = _Show()
    send, receive = trio.open_memory_channel[str](1)
    config = ServeConfig(
        listen=(_ANY_PORT,),
        domains=("example.com", _LOOPBACK),
        users={"alice": PlainSecret("alice", _PASSWORD)},
    )
    record = Record()
    with deadline(_PATIENCE, "demo"), explaining("demo"):
        async with (
            open_server(config, Printer(send)) as server,
            _open_bob() as bob,
            open_user_agent(
                "sip:alice@example.com",
                # It remembers the nonce, so only the first request is challenged.
                credentials=OutboundAuthenticator(
                    [OutboundCredential(PlainSecret("alice", _PASSWORD), realm="example.com")]
                ),
                listen=_ANY_PORT,
                network=RecordingNetwork(record),
            ) as alice,
        ):
            names = {"server": server, "alice": alice.stack, "bob": bob.stack}
            show.introduce(names)
            await _use(alice, server, bob, receive, show)
    show.draw(record, {_address(stack): name for name, stack in names.items()})
    return ExitStatus.OK


def _address(stack: Stack) -> Address:
    return Address(stack.listening[0].host, stack.listening[0].port)


@asynccontextmanager
async def _open_bob() -> AsyncIterator[UserAgent]:
    """Bob, who answers whenever somebody calls."""
    async with (
        open_user_agent("sip:bob@127.0.0.1", listen=_ANY_PORT) as bob,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(bob.serve_calls, _answer)
        yield bob
        nursery.cancel_scope.cancel()


async def _answer(call: IncomingCall) -> None:
    await call.ring()
    await call.answer(None if call.offer is None else silent_answer(call.offer))
    await trio.sleep_forever()


async def _use(
    alice: UserAgent,
    server: Stack,
    bob: UserAgent,
    inbox: trio.MemoryReceiveChannel[str],
    show: _Show,
) -> None:
    """What alice does: register, ping, send a text, call bob, and go."""
    home = f"sip:{_address(server)}"
    async with alice.register(registrar=home) as registration:
        contact = registration.contact
        show.step("register with digest", "" if contact is None else str(contact.uri), "green")
        show.step("ping", answer_line(await alice.options(home)), "green")
        show.step("send a text", answer_line(await alice.message(home, _TEXT)), "green")
        show.step("the server got", await inbox.receive())
        async with alice.call(f"sip:bob@{_address(bob.stack)}", silent_offer()) as call:
            show.step("call bob", answer_line((await call.answered()).response), "green")


class _Show:
    """What is printed: in colour on a terminal, plain anywhere else."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def introduce(self, names: dict[str, Stack]) -> None:
        """Who takes part."""
        self._print("A registrar and two telephones, on real sockets of this machine", "bold")
        self._print("")
        for name, stack in names.items():
            self.step(name, str(stack.listening[0]))
        self._print("")

    def step(self, what: str, result: str, style: str = "") -> None:
        """One line with two columns."""
        self._console.print(Text.assemble((f"  {what:22}", "dim"), (result, style)))

    def draw(self, record: Record, names: Mapping[str | Address, str]) -> None:
        """What went over the wire."""
        self._print("")
        drawn = ladder(record.wires, names).splitlines()
        for line, wire in zip(drawn, [None, *record.wires], strict=True):
            self._print(line, "bold" if wire is None else style_of(wire))
        size = sum(len(wire.data) for wire in record.wires)
        self._print("")
        self._print(f"{len(record.wires)} datagrams, {size:,} bytes.  Next: trio-sip serve --help")

    def _print(self, line: str, style: str = "") -> None:
        # Text, not markup: a "[" in it is a "[".
        self._console.print(Text(line, style))
