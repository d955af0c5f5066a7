"""Commands between scenarios: third-party call control, as SIPp has it.

Two scenarios of one program hand them to each other; two programs use SIPp's TCP connection, on
which a command ends with the character Escape.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.transport import Address, Connection, ConnectionListener, Network

__all__ = ["Twin", "join_twins", "open_twin"]

_END = b"\x1b"
_LARGEST = 65536

Result = TypeVar("Result")


class Twin(Protocol):
    """The other scenario, or the others."""

    async def send(self, text: str, name: str) -> None:
        """Send a command to the scenario of that name, or to the only one if it is ""."""

    async def receive(self) -> str:
        """The next command."""


_Inbox = tuple[trio.MemorySendChannel[str], trio.MemoryReceiveChannel[str]]


class _MemoryTwin:
    def __init__(self, name: str, inboxes: Mapping[str, _Inbox]) -> None:
        self._name = name
        self._inboxes = inboxes

    async def send(self, text: str, name: str) -> None:
        await trio.lowlevel.checkpoint()
        others = [one for one in self._inboxes if one != self._name]
        inbox = self._inboxes[name or (others[0] if len(others) == 1 else "")]
        inbox[0].send_nowait(text)

    async def receive(self) -> str:
        return await self._inboxes[self._name][1].receive()


async def join_twins(
    runs: Mapping[str, Callable[[Twin], Awaitable[Result]]],
) -> dict[str, Result]:
    """Run some functions at once, each with what connects it with the others."""
    inboxes = {name: trio.open_memory_channel[str](math.inf) for name in runs}
    results: dict[str, Result] = {}

    async def run(name: str) -> None:
        results[name] = await runs[name](_MemoryTwin(name, inboxes))

    async with trio.open_nursery() as nursery:
        for name in runs:
            nursery.start_soon(run, name, name=f"scenario {name}")
    return results


class _SocketTwin:
    """The other scenario is another program's, SIPp's for example."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._listener: ConnectionListener | None = None
        self._connection: Connection | None = None
        self._is_connected = trio.Event()
        self._commands = trio.open_memory_channel[str](math.inf)

    async def open(self, network: Network, address: Address, *, connects: bool) -> None:
        """Connect to that address, or listen at it.

        Raises:
          OSError: nobody listens there, or it cannot be bound.
        """
        if connects:
            self._adopt(await network.connect(address))
        else:
            self._listener = network.bind_connections(address)
            self._nursery.start_soon(self._accept, self._listener, name="twin listener")

    async def send(self, text: str, name: str) -> None:
        """Send a command, when somebody is there."""
        if name:
            raise LocalProtocolError(f"no name for the other scenario: {name!r}")
        await self._is_connected.wait()
        connection = self._connection
        if connection is None:
            raise trio.BrokenResourceError
        rest = text.encode("utf-8", "surrogateescape") + _END
        while rest:
            await connection.wait_writable()
            rest = rest[connection.send_some_nowait(rest) :]

    async def receive(self) -> str:
        """The next command."""
        return await self._commands[1].receive()

    def close(self) -> None:
        """Close what is open."""
        if self._listener is not None:
            self._listener.close()
        if self._connection is not None:
            self._connection.close()

    async def _accept(self, listener: ConnectionListener) -> None:
        while True:
            try:
                connection = await listener.accept()
            except trio.ClosedResourceError:
                return
            except OSError:
                continue
            if self._connection is not None:
                self._connection.close()
            self._adopt(connection)

    def _adopt(self, connection: Connection) -> None:
        self._connection = connection
        self._is_connected.set()
        self._nursery.start_soon(self._read, connection, name="twin connection")

    async def _read(self, connection: Connection) -> None:
        waiting = b""
        try:
            while data := await connection.receive_some():
                *commands, waiting = (waiting + data).split(_END)
                for command in commands:
                    self._commands[0].send_nowait(command.decode("utf-8", "surrogateescape"))
                if len(waiting) > _LARGEST:
                    break
        except (OSError, trio.ClosedResourceError):
            # What breaks is found out by whoever sends, or waits.
            pass
        if self._connection is connection:
            self._connection = None
        connection.close()


@asynccontextmanager
async def open_twin(
    network: Network, twin: Twin | Address | None, *, connects: bool
) -> AsyncIterator[Twin | None]:
    """Who gets the commands: *twin* itself, unless it is an address.

    Raises:
      OSError: nobody listens there, or it cannot be bound.
    """
    if not isinstance(twin, Address):
        yield twin
        return
    async with trio.open_nursery() as nursery:
        opened = _SocketTwin(nursery)
        try:
            await opened.open(network, twin, connects=connects)
            yield opened
        finally:
            opened.close()
        nursery.cancel_scope.cancel()
