"""The floor of every server: datagrams come in and go out again, and nothing is done to them.

The socket is drained each time trio says it is readable.  One await for each datagram would cost
four times as much, and a blocking socket is hardly cheaper.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import time
from collections.abc import Callable

import trio

from ._plan import LoadReport, Plan

__all__ = ["ECHO_ON_THE_SCALE", "load_echo", "serve_echo"]

ECHO_ON_THE_SCALE = 5.1
"""CPU microseconds that an echo cost on the reference machine."""

_SIZE = 500
_UDP_SEGMENT = 103  # Linux's; the socket module has no name for it yet.


async def serve_echo(sock: socket.socket) -> None:
    """Echo whatever arrives; never returns."""
    receive, send = sock.recvfrom, sock.sendto
    while True:
        await trio.lowlevel.wait_readable(sock)
        with contextlib.suppress(BlockingIOError):
            while True:
                data, sender = receive(65535)
                send(data, sender)


def load_echo(
    sock: socket.socket, plan: Plan, progress: Callable[[float, int], None]
) -> LoadReport:
    """Keep a window of datagrams under way, as *plan* says.

    Were datagrams sent and waited for one by one, as SIP is, both sides would mostly be
    measured waking each other up.
    """
    clock = time.perf_counter
    sock.setsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT, _SIZE)
    echoes = _Echoes(sock, plan.window)
    echoes.bounce(clock() + plan.warm)
    begin = now = clock()
    cpu = time.process_time()
    echoes.done = echoes.lost = 0
    progress(0.0, 0)
    while now < begin + plan.seconds and echoes.done < plan.total:
        echoes.bounce(min(now + plan.every, begin + plan.seconds))
        now = clock()
        progress(now - begin, echoes.done)
    return LoadReport(
        seconds=now - begin,
        done=echoes.done,
        retransmissions=0,
        failures=echoes.lost,
        unexpected=0,
        refusals={},
        # Nobody asks a floor how long it took.
        p50=0.0,
        p99=0.0,
        longest=0.0,
        longest_gap=0.0,
        loader_cpu=time.process_time() - cpu,
    )


class _Echoes:
    """A window of datagrams that go back and forth."""

    def __init__(self, sock: socket.socket, window: int) -> None:
        self._sock = sock
        self._window = window
        self._burst = os.urandom(_SIZE * window)
        sock.send(self._burst)
        self.done = 0
        self.lost = 0

    def bounce(self, until: float) -> None:
        """Send as many again as have come back, then sleep for less than a window lasts."""
        now = last = time.perf_counter()
        while now < until:
            arrived = self._drain()
            now = time.perf_counter()
            if arrived:
                self.done += arrived
                last = now
                self._sock.send(self._burst[: arrived * _SIZE])
            elif now > last + 0.5:
                self.lost += self._window
                last = now
                self._sock.send(self._burst)
            time.sleep(50e-6)

    def _drain(self) -> int:
        receive, flag = self._sock.recv_into, socket.MSG_DONTWAIT
        # The kernel throws the rest of each datagram away.
        beginning = bytearray(1)
        arrived = 0
        with contextlib.suppress(BlockingIOError):
            while arrived < self._window:
                receive(beginning, 1, flag)
                arrived += 1
        return arrived


def main() -> None:
    """Serve, and say where in the words of ``trio-sip serve``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        host, port = sock.getsockname()
        print(f"listening on udp://{host}:{port}\nready", flush=True)
        gc.freeze()
        trio.run(serve_echo, sock)


if __name__ == "__main__":
    main()
