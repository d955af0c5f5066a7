"""What every network must do, as a check for your own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import trio
import trio.testing

from trio_sip.transport import Address, Connection, DatagramSocket, Network

__all__ = ["check_network"]

_PATIENCE = 10.0
_LONG = 100_000


async def check_network(network: Network, host: str = "127.0.0.1") -> None:
    """Check what `trio_sip.transport.Network` promises: sockets, streams, addresses.

    Args:
      host: an address of this very host on it.

    Raises:
      AssertionError: it says which promise was broken.
    """
    for check in (_ports, _datagrams, _closing, _streams, _refusal, _names):
        with trio.move_on_after(_PATIENCE) as patience:
            await check(network, host)
        what = (check.__doc__ or "").rstrip(".")
        assert not patience.cancelled_caught, f"{what}: nothing happened for {_PATIENCE:g} s"


async def _ports(network: Network, host: str) -> None:
    """Ports are chosen, and taken once."""
    for bind in (network.bind_datagrams, network.bind_connections):
        one, other = bind(Address(host, 0)), bind(Address(host, 0))
        try:
            assert one.local.port, "port 0 lets the network choose"
            assert one.local != other.local, "and choose each time another one"
            try:
                bind(one.local).close()
            except OSError:
                pass
            else:
                raise AssertionError("a port that is taken is an OSError")
        finally:
            one.close()
            other.close()
        bind(one.local).close()
    await trio.lowlevel.checkpoint()


async def _receive(socket: DatagramSocket) -> tuple[bytes, Address, Address]:
    while True:
        await socket.wait_readable()
        try:
            data, path = socket.receive_nowait()
        except BlockingIOError:
            continue
        return data, *socket.path_ends(path)


async def _datagrams(network: Network, host: str) -> None:
    """Datagrams arrive whole, from where they were sent, and are answered."""
    one, other = (network.bind_datagrams(Address(host, 0)) for _ in range(2))
    try:
        try:
            one.receive_nowait()
        except BlockingIOError:
            pass
        else:
            raise AssertionError("where nothing is, receive_nowait raises BlockingIOError")
        for data in (b"x", b"y" * 1300):
            one.send_nowait(data, one.local, other.local)
            found = await _receive(other)
            assert found == (data, other.local, one.local), "a datagram and its path"
            other.send_nowait(data, found[1], found[2])
            assert await _receive(one) == (data, one.local, other.local), "and the way back"
    finally:
        one.close()
        other.close()


async def _closing(network: Network, host: str) -> None:
    """Who waits on what is closed is told."""
    socket = network.bind_datagrams(Address(host, 0))
    listener = network.bind_connections(Address(host, 0))
    # Any: whatever they would have received.
    waits: tuple[Callable[[], Awaitable[Any]], ...] = (socket.wait_readable, listener.accept)
    told: list[bool] = []

    async def wait(function: Callable[[], Awaitable[Any]]) -> None:
        try:
            await function()
        except trio.ClosedResourceError:
            told.append(True)

    async with trio.open_nursery() as nursery:
        for one in waits:
            nursery.start_soon(wait, one)
        await trio.testing.wait_all_tasks_blocked()
        socket.close()
        listener.close()
    assert told == [True, True], "who waits gets ClosedResourceError"
    socket.close()
    listener.close()


async def _streams(network: Network, host: str) -> None:
    """Streams carry octets both ways, wait when they are full, and end."""
    listener = network.bind_connections(Address(host, 0))
    ends: list[Connection] = []

    async def accept() -> None:
        ends.append(await listener.accept())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept)
        ends.append(await network.connect(listener.local))
    near, far = sorted(ends, key=lambda end: end.local == listener.local)
    try:
        assert (near.local, near.remote) == (far.remote, far.local), "both ends name the same pair"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, near, b"a" * _LONG)
            assert await _read_all(far) == b"a" * _LONG, "all octets arrive, and then the end"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, far, b"b" * 10)
            assert await _read_all(near) == b"b" * 10, "the other direction is still open"
    finally:
        near.close()
        far.close()
        listener.close()


async def _send(connection: Connection, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[connection.send_some_nowait(rest) :]
        await connection.wait_writable()
    connection.send_eof()


async def _read_all(connection: Connection) -> bytes:
    data = b""
    while piece := await connection.receive_some():
        data += piece
    return data


async def _refusal(network: Network, host: str) -> None:
    """Where nobody listens, a connection is an OSError."""
    listener = network.bind_connections(Address(host, 0))
    listener.close()
    try:
        connection = await network.connect(listener.local)
    except OSError:
        return
    connection.close()
    raise AssertionError("a connection to nobody is an OSError")


async def _names(network: Network, host: str) -> None:
    """Addresses resolve to themselves."""
    found = await network.resolve(host, 5070, "UDP")
    assert [Address(host, 5070)] == list(found), "an address resolves to itself"
    found = await network.resolve(host, None, "UDP")
    assert [Address(host, 5060)] == list(found), "and without a port to 5060"
    assert host == network.source_host(Address(host, 5060)), "packets to us leave from us"
