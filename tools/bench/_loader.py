"""A closed-loop UDP loader: keeps a window of exchanges outstanding, and counts what comes of it.

It must be clearly faster than what it loads, and therefore uses nothing but a socket: one system
call sends, one receives, and no message is parsed beyond its status and its key.
"""

from __future__ import annotations

import array
import collections
import socket
import struct
import time
from collections.abc import Callable

from ._plan import LoadReport, Plan
from ._scenarios import Outstanding, Scenario

__all__ = ["Loader", "open_socket"]

_MARK = b"z9hG4bK"
_KEY = 16
_SUCCESS = ord("2")
_LONGEST_WAIT = 32.0
_clock = time.perf_counter


def open_socket(remote: tuple[str, int]) -> socket.socket:
    """A socket connected to *remote*, with large buffers, whose recv gives up after 20 ms."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("127.0.0.1", 0))
    sock.connect(remote)
    # Blocking with a limit in the kernel: a timeout of Python's would poll before each recv.
    sock.setblocking(True)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 20_000))
    return sock


class Loader:
    """One run over one socket.  *progress* is told the time and the count at each mark."""

    def __init__(
        self,
        sock: socket.socket,
        scenario: Scenario,
        plan: Plan,
        progress: Callable[[float, int], None] = lambda seconds, done: None,
    ) -> None:
        self._sock = sock
        self._scenario = scenario
        self._plan = plan
        self._progress = progress
        self._pending: dict[bytes, Outstanding] = {}
        self._begin = self._last = _clock()
        self._forget_counts()

    def _forget_counts(self) -> None:
        self._done = self._retransmissions = self._failures = self._unexpected = 0
        self._refusals: collections.Counter[str] = collections.Counter()
        self._latencies = array.array("d")
        self._longest_gap = 0.0
        self._cpu = time.process_time()

    def run(self) -> LoadReport:
        """Load until the plan is fulfilled.  ConnectionRefusedError: the server has died."""
        plan = self._plan
        for _ in range(plan.window):
            self._send(self._scenario.start(), _clock())
        self._begin = self._last = _clock()
        self._loop(until=self._begin + plan.warm, at_least=plan.warm_total)
        self._forget_counts()
        self._begin = now = _clock()
        self._progress(0.0, 0)
        end = now + plan.seconds
        while now < end and self._done < plan.total:
            self._loop(until=min(now + plan.every, end), at_most=plan.total)
            now = _clock()
            self._progress(now - self._begin, self._done)
        return self._report(now)

    def _loop(self, until: float, at_least: int = 0, at_most: int = 1 << 62) -> None:
        """Answer what arrives until the time has come and enough is done."""
        receive, take = self._sock.recv, self._pending.pop
        now = sweep_at = _clock()
        last = self._last
        while (now < until or self._done < at_least) and self._done < at_most:
            try:
                data = receive(4096)
            except BlockingIOError:
                now = _clock()
            else:
                now = _clock()
                self._longest_gap = max(self._longest_gap, now - last)
                last = now
                begin = data.find(_MARK) + 7
                request = take(data[begin : begin + _KEY], None)
                if request is None or data[:8] != b"SIP/2.0 ":
                    self._unexpected += 1
                elif data[8] == _SUCCESS and request.ends:
                    self._finish(request, now)
                else:
                    self._go_on(request, data, now)
            if now >= sweep_at:
                sweep_at = now + 0.05
                self._resend(now, last)
        self._last = last

    def _finish(self, request: Outstanding, now: float) -> None:
        self._done += 1
        self._latencies.append(now - request.started)
        self._send(self._scenario.start(), now)

    def _send(self, request: Outstanding, now: float, started: float | None = None) -> None:
        request.started = now if started is None else started
        request.interval = self._plan.resend_after
        request.resend_at = now + request.interval
        self._pending[request.key] = request
        self._sock.send(request.message)

    def _go_on(self, request: Outstanding, response: bytes, now: float) -> None:
        if response[8:9] == b"1":
            self._pending[request.key] = request
            if not request.ends:
                # An INVITE is not sent again once it is known to have arrived.
                request.resend_at = now + _LONGEST_WAIT
            return
        follow = self._scenario.follow(request, response)
        if follow is not None:
            if follow.ahead:
                self._sock.send(follow.ahead)
            if follow.message:
                self._send(follow, now, request.started)
                return
            if response[8] == _SUCCESS:
                self._finish(request, now)
                return
        self._failures += 1
        self._refusals[response[8:11].decode("ascii", "replace")] += 1
        self._send(self._scenario.start(), now)

    def _resend(self, now: float, last: float) -> None:
        if now - last > _LONGEST_WAIT:
            raise TimeoutError(f"nothing arrived for {_LONGEST_WAIT:.0f} s")
        for request in [one for one in self._pending.values() if one.resend_at <= now]:
            if now - request.started > _LONGEST_WAIT:
                del self._pending[request.key]
                self._failures += 1
                self._refusals["no answer"] += 1
                self._send(self._scenario.start(), now)
                continue
            self._retransmissions += 1
            request.interval = min(request.interval * 2, 4.0)
            request.resend_at = now + request.interval
            self._sock.send(request.message)

    def _report(self, now: float) -> LoadReport:
        latencies = sorted(self._latencies) or [0.0]
        return LoadReport(
            seconds=now - self._begin,
            done=self._done,
            retransmissions=self._retransmissions,
            failures=self._failures,
            unexpected=self._unexpected,
            refusals=dict(self._refusals),
            p50=latencies[len(latencies) // 2],
            p99=latencies[len(latencies) * 99 // 100],
            longest=latencies[-1],
            longest_gap=self._longest_gap,
            loader_cpu=time.process_time() - self._cpu,
        )
