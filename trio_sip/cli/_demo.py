"""``trio-sip demo``: a server and a telephone talk to each other, and you see what they say."""

from __future__ import annotations

import trio
from rich.console import Console
from rich.text import Text

from trio_sip.auth import OutboundAuthenticator, OutboundCredential, PlainSecret
from trio_sip.message import NameAddr, Response
from trio_sip.stack import Stack, open_stack
from trio_sip.testing import Wire, ladder
from trio_sip.transport import Address, Listen

from ._client import answer_line, check_answer, deadline
from ._config import ServeConfig
from ._errors import ExitStatus
from ._printer import Printer
from ._recording import Record, RecordingNetwork
from ._server import open_server

__all__ = ["demo"]

_LOOPBACK = "127.0.0.1"
_ANY_PORT = Listen("udp", _LOOPBACK, 0)
_PASSWORD = "wonderland"  # noqa: S105  (of a server that lives for a moment, on loopback)
_TEXT = "Hello from trio-sip!"
_PATIENCE = 10.0


async def demo() -> int:
    """Run a server and a telephone on this machine and draw what went over the wire."""
    show = _Show()
    send, receive = trio.open_memory_channel[str](1)
    config = ServeConfig(
        listen=(_ANY_PORT,),
        domains=("example.com", _LOOPBACK),
        users={"alice": PlainSecret("alice", _PASSWORD)},
    )
    network = RecordingNetwork()
    with deadline(_PATIENCE, "demo"):
        async with (
            open_server(config, Printer(send)) as server,
            open_stack(_ANY_PORT, network=network) as phone,
        ):
            show.introduce(server, phone)
            await _Phone(phone, server.listening[0]).use(show)
            show.step("the server got", await receive.receive())
            names: dict[str | Address, str]
            names = {_address(server): "server", _address(phone): "alice"}
    show.draw(network.record, names)
    return ExitStatus.OK


def _address(stack: Stack) -> Address:
    return Address(stack.listening[0].host, stack.listening[0].port)


class _Phone:
    """What alice does."""

    def __init__(self, stack: Stack, server: Listen) -> None:
        self._stack = stack
        self._server = f"sip:{server.host}:{server.port}"
        self._here = f"<sip:alice@{stack.listening[0].host}:{stack.listening[0].port}>"
        # It remembers the nonce, so only the first request is challenged.
        self._credentials = OutboundAuthenticator(
            [OutboundCredential(PlainSecret("alice", _PASSWORD), realm="example.com")]
        )

    async def use(self, show: _Show) -> None:
        """Register, ping, send a text."""
        aor = NameAddr("sip:alice@example.com")
        response = await self._stack.send_request(
            "REGISTER",
            self._server,
            from_=aor,
            to=aor,
            headers=[("Contact", self._here), ("Expires", 3600)],
            credentials=self._credentials,
        )
        show.answer("register with digest", response)
        show.answer("ping", await self._stack.send_request("OPTIONS", self._server, from_=aor))
        response = await self._stack.send_request(
            "MESSAGE", self._server, _TEXT, from_=aor, credentials=self._credentials
        )
        show.answer("send a text", response)


class _Show:
    """What is printed: in colour on a terminal, plain anywhere else."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def introduce(self, server: Stack, phone: Stack) -> None:
        """Who takes part."""
        self._print("A registrar and a telephone, on real sockets of this machine", "bold")
        self._print("")
        self.step("server", str(server.listening[0]))
        self.step("alice", str(phone.listening[0]))
        self._print("")

    def answer(self, what: str, response: Response) -> None:
        """One request and its final answer.  CommandFailed unless that is a 2xx."""
        check_answer(what, response)
        self.step(what, answer_line(response), "green")

    def step(self, what: str, result: str, style: str = "") -> None:
        """One line with two columns."""
        self._console.print(Text.assemble((f"  {what:22}", "dim"), (result, style)))

    def draw(self, record: Record, names: dict[str | Address, str]) -> None:
        """What went over the wire."""
        self._print("")
        drawn = ladder(record.wires, names).splitlines()
        for line, wire in zip(drawn, [None, *record.wires], strict=True):
            self._print(line, "bold" if wire is None else _style(wire))
        size = sum(len(wire.data) for wire in record.wires)
        self._print("")
        self._print(f"{len(record.wires)} datagrams, {size:,} bytes.  Next: trio-sip serve --help")

    def _print(self, line: str, style: str = "") -> None:
        # Text, not markup: a "[" in it is a "[".
        self._console.print(Text(line, style))


def _style(wire: Wire) -> str:
    status = wire.label.status
    if status is None:
        return "cyan"
    return "green" if 200 <= status < 300 else "yellow"
