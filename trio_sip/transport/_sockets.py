"""The real network: non-blocking sockets of the operating system.

They are plain `socket.socket` objects and not trio's, because most receives and sends of a busy
server succeed at once: they cost a system call, and the event loop is asked only when there is
nothing to do.
"""

from __future__ import annotations

import errno
import functools
import os
import socket
import struct
import sys
from collections.abc import Hashable, Sequence
from typing import Any

import attrs
import trio

from trio_sip._errors import NoRoute

from ._address import Address, default_port, numeric_host
from ._dns import DnsRecords
from ._network import Connection, ConnectionListener, DatagramSocket, Undelivered
from ._resolver import NaptrRecord, Query, SrvRecord

__all__ = ["SocketNetwork"]

_ON_LINUX = sys.platform == "linux"
# linux/in.h and linux/in6.h; Python's socket module lacks these.
_IP_PKTINFO = 8
_IP_RECVERR = 11
_IPV6_RECVERR = 25
_SO_RCVBUFFORCE = 33
_ANCILLARY_SPACE = 128
_MAX_DATAGRAM = 65535
_CHUNK = 16384
"""What is done with so many octets holds everybody else up: a flood of the smallest WebSocket
frames takes two microseconds an octet."""
_BACKLOG = 1024
_DEFAULT_PORT = 5060

# ICMP's "fragmentation needed" comes the same way and is no reason to give a peer up: the kernel
# fragments the next datagram by itself.
_NOT_FATAL = {errno.EMSGSIZE}

# in_pktinfo: interface index, local address, destination address.
_PKTINFO4 = struct.Struct("=I4s4s")
_PKTINFO6 = struct.Struct("=16sI")

# (host, port, …) as the socket module gives it, and the packed local address.
_Path = tuple[tuple[str, int], bytes]


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _address(name: tuple[Any, ...]) -> Address:  # Any: as untyped as in the socket module
    host, port = str(name[0]), int(name[1])
    if len(name) == 4 and name[3] and "%" not in host:
        # A link-local address means nothing without its interface.
        host = f"{host}%{name[3]}"
    return Address(host, port)


class _Bound:
    """What every socket of ours has."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.local = _address(sock.getsockname())

    def _check_open(self) -> None:
        if self._socket.fileno() < 0:
            raise trio.ClosedResourceError("this socket was closed")

    async def wait_readable(self) -> None:
        self._check_open()
        await trio.lowlevel.wait_readable(self._socket)

    async def wait_writable(self) -> None:
        self._check_open()
        await trio.lowlevel.wait_writable(self._socket)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


class _PlainDatagrams(_Bound):
    """A UDP socket bound to one address: the fast one."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        # The bound C function, so that a datagram costs no Python call at all.
        self.receive_nowait = functools.partial(sock.recvfrom, _MAX_DATAGRAM)

    def path_ends(self, path: Hashable) -> tuple[Address, Address]:
        assert isinstance(path, tuple)
        return self.local, _address(path)

    def send_nowait(self, data: bytes, local: Address, remote: Address) -> None:
        try:
            self._socket.sendto(data, remote)
        except BlockingIOError:
            raise
        except OSError:
            # Perhaps the ICMP error of an earlier datagram, to whomever, which is reported once
            # (`take_undelivered` tells its story).  An error of this one comes again.
            self._socket.sendto(data, remote)

    def take_undelivered(self) -> list[Undelivered]:
        found: list[Undelivered] = []
        while _ON_LINUX:
            try:
                _, ancillary, _, name = self._socket.recvmsg(
                    0, 512, socket.MSG_ERRQUEUE | socket.MSG_DONTWAIT
                )
            except OSError:
                break
            for _level, kind, data in ancillary:
                if kind in {_IP_RECVERR, _IPV6_RECVERR}:
                    # sock_extended_err begins with the errno.
                    number = struct.unpack_from("=I", data)[0]
                    if number not in _NOT_FATAL and name:
                        error = OSError(number, os.strerror(number))
                        remote = _address(name)
                        found.append(Undelivered(self._sender(remote), remote, error))
        return found

    def _sender(self, remote: Address) -> Address:
        return self.local


class _WildcardDatagrams(_PlainDatagrams):
    """A UDP socket bound to all addresses, which answers from the one that was asked."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._ipv6 = sock.family == socket.AF_INET6
        self._packet_infos: dict[str, list[tuple[int, int, bytes]]] = {}
        self.receive_nowait = self._receive_nowait  # type: ignore[assignment]
        if self._ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def _receive_nowait(self) -> tuple[bytes, _Path]:
        data, ancillary, _, name = self._socket.recvmsg(_MAX_DATAGRAM, _ANCILLARY_SPACE)
        return data, (name, self._packed_local(ancillary))

    def _packed_local(self, ancillary: Sequence[tuple[int, int, bytes]]) -> bytes:
        wanted = socket.IPV6_PKTINFO if self._ipv6 else _IP_PKTINFO
        for _level, kind, data in ancillary:
            if kind == wanted:
                return data[:16] if self._ipv6 else data[4:8]
        return b""

    def _local(self, packed: bytes) -> Address:
        if not packed or not any(packed):
            return self.local
        return Address(socket.inet_ntop(self._socket.family, packed), self.local.port)

    def path_ends(self, path: Hashable) -> tuple[Address, Address]:
        assert isinstance(path, tuple)
        name, packed = path
        return self._local(packed), _address(name)

    def _sender(self, remote: Address) -> Address:
        # The kernel does not say which address the lost datagram left from; most likely it was
        # the one that the next would leave from.
        try:
            return Address(_source_host(remote), self.local.port)
        except OSError:
            return self.local

    def send_nowait(self, data: bytes, local: Address, remote: Address) -> None:
        info = self._packet_infos.get(local.host)
        if info is None:
            info = self._packet_infos[local.host] = self._packet_info(local)
        try:
            self._socket.sendmsg((data,), info, 0, remote)
        except BlockingIOError:
            raise
        except OSError:
            self._socket.sendmsg((data,), info, 0, remote)

    def _packet_info(self, local: Address) -> list[tuple[int, int, bytes]]:
        if local.is_wildcard:
            return []
        packed = socket.inet_pton(self._socket.family, local.host.partition("%")[0])
        if self._ipv6:
            return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO6.pack(packed, 0))]
        return [(socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO4.pack(0, packed, bytes(4)))]


class _SocketConnection(_Bound):
    """A connected TCP socket."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.remote = _address(sock.getpeername())
        # A message goes out in one piece; waiting to join it with the next one gains nothing.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def receive_some(self) -> bytes:
        while True:
            await self.wait_readable()
            try:
                return self._socket.recv(_CHUNK)
            except BlockingIOError:
                continue

    def send_some_nowait(self, data: bytes | memoryview) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def send_eof(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)


class _SocketListener(_Bound):
    """A listening TCP socket."""

    async def accept(self) -> Connection:
        while True:
            await self.wait_readable()
            try:
                accepted, _ = self._socket.accept()
            except BlockingIOError:
                continue
            return _adopt(accepted)


def _adopt(sock: socket.socket) -> _SocketConnection:
    try:
        sock.setblocking(False)
        return _SocketConnection(sock)
    except BaseException:
        # It may be gone already: getpeername says so.
        sock.close()
        raise


@attrs.frozen
class SocketNetwork:
    """The network of this machine."""

    receive_buffer: int = 4 << 20
    """Asked of the kernel for every UDP socket, in bytes.

    A pause of the process (a garbage collection, a neighbour on the same core) outlasts the
    default buffer at a few thousand datagrams a second.
    """

    nameservers: Sequence[Address] = ()
    """Asked for NAPTR and SRV records instead of those of the system."""

    _dns: DnsRecords = attrs.field(init=False, repr=False, eq=False)

    @_dns.default
    def _make_dns(self) -> DnsRecords:
        return DnsRecords(self.nameservers)

    def bind_datagrams(self, local: Address) -> DatagramSocket:
        """Open a UDP socket."""
        sock = socket.socket(_family(local.host), socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            self._enlarge(sock)
            _report_undelivered(sock)
            _bind(sock, local)
            return (_WildcardDatagrams if _ON_LINUX and local.is_wildcard else _PlainDatagrams)(
                sock
            )
        except BaseException:
            sock.close()
            raise

    def _enlarge(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        if _ON_LINUX:
            try:
                sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, self.receive_buffer)
            except PermissionError:
                # The kernel's limit stands, for want of CAP_NET_ADMIN.
                return

    def bind_connections(self, local: Address) -> ConnectionListener:
        """Listen on TCP."""
        sock = socket.socket(_family(local.host), socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bind(sock, local)
            sock.listen(_BACKLOG)
            return _SocketListener(sock)
        except BaseException:
            sock.close()
            raise

    async def connect(self, remote: Address) -> Connection:
        """Open a TCP connection."""
        sock = socket.socket(_family(remote.host), socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            number = sock.connect_ex(remote)
            if number == errno.EINPROGRESS:
                await trio.lowlevel.wait_writable(sock)
                number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            else:
                await trio.lowlevel.checkpoint()
            if number:
                raise OSError(number, os.strerror(number))
        except BaseException:
            sock.close()
            raise
        return _adopt(sock)

    def source_host(self, remote: Address) -> str:
        """The address that packets to *remote* leave from."""
        return _source_host(remote)

    async def resolve(self, host: str, port: int | None, transport: str) -> Sequence[Address]:
        """Look a name up with the system's resolver; an address needs no thread."""
        port = default_port(transport) if port is None else port
        if (literal := numeric_host(host)) is not None:
            await trio.lowlevel.checkpoint()
            return [Address(literal, port)]
        kind = socket.SOCK_DGRAM if transport.upper() == "UDP" else socket.SOCK_STREAM
        try:
            found = await trio.socket.getaddrinfo(host, port, type=kind)
        except (OSError, UnicodeError) as error:
            raise NoRoute(f"cannot resolve {host!r}: {error}") from error
        return list(dict.fromkeys(_address(item[4]) for item in found))

    async def records(self, query: Query) -> Sequence[NaptrRecord | SrvRecord]:
        """Ask the domain name system; it takes the extra ``dns``, and nobody knows without it."""
        return await self._dns.records(query)


def _source_host(remote: Address) -> str:
    # Connecting a UDP socket sends nothing; it asks the routing table.
    with socket.socket(_family(remote.host), socket.SOCK_DGRAM) as probe:
        probe.connect((remote.host, remote.port or _DEFAULT_PORT))
        return _address(probe.getsockname()).host


def _bind(sock: socket.socket, local: Address) -> None:
    if sock.family == socket.AF_INET6:
        # One socket per family: an IPv4 peer is never shown as ::ffff:192.0.2.1.
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(local)


def _report_undelivered(sock: socket.socket) -> None:
    if not _ON_LINUX:
        return
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
