"""One stream connection: messages in, bytes out, and the rules for giving it up.

One task reads.  Sending writes to the socket at once; only when the socket is full is the rest
queued, and a task started that lives until the queue is empty.
"""

from __future__ import annotations

import contextlib
import enum
import math
from collections import deque
from collections.abc import Callable

import trio

from trio_sip._errors import RemoteProtocolError, TransportFailed
from trio_sip.message import Request, Response, StreamEvent

from ._budget import PartialBudget
from ._flow import Flow
from ._handshakes import Carrier
from ._limits import TransportLimits
from ._statistics import Counters

__all__ = ["MessageConnection", "Phase"]


class Phase(enum.Enum):
    """How far a connection's life has got."""

    OPEN = "open"
    ENDING = "ending"
    """What came cannot be followed: the last answers go out, nothing more is read."""

    ANSWERING = "answering"
    """The other side says no more, but it listens: the answers that it is owed go out."""

    CLOSED = "closed"


class MessageConnection:
    """A stream that carries SIP messages."""

    def __init__(
        self,
        carrier: Carrier,
        flow: Flow,
        limits: TransportLimits,
        counters: Counters,
        nursery: trio.Nursery,
        budget: PartialBudget,
    ) -> None:
        self.flow = flow
        self.phase = Phase.OPEN
        self.error: Exception | None = None
        """Why it was closed; ``None`` after an ordinary end."""

        self.holds = 0
        """Users that want it kept although it is idle."""

        self.sent_by: tuple[str, int] | None = None
        """Who the Via of the last request says has sent it: by that name the other side is known
        once this is broken.  ``None`` while no request has come."""

        self.arrivals = 0
        """How often something has come: whoever says anything is alive."""

        self.pongs = 0
        """How often a ping of ours was answered."""

        self.unsent: list[bytes] = []
        """What was still queued when the network broke it, the message it broke in included."""

        self.identity = carrier.identity
        """Who is at the other end, if that was proved."""

        self.accepted = False
        """Whether the other side has opened it."""

        self.names: set[str] = set()
        """Names that lead to nobody but the one at the other end (RFC 7118 section 5)."""

        self._pipe = carrier.pipe
        self._witness = carrier.witness
        self._limits = limits
        self._counters = counters
        self._nursery = nursery
        self._budget = budget
        self._stream = carrier.framing
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._begun = 0
        """How much of the first message in the queue has gone."""

        self._used = trio.current_time()
        self._began: float | None = None
        self._watch = trio.CancelScope()
        self._owed = 0
        self._done = trio.Event()

    # -- reading

    async def serve(
        self,
        deliver: Callable[[Request | Response, MessageConnection], None],
        refuse: Callable[[RemoteProtocolError, bytes, Flow], None],
    ) -> None:
        """Read until the stream ends, breaks, or outstays its welcome."""
        try:
            while self.phase is not Phase.CLOSED:
                with trio.CancelScope(deadline=self._deadline()) as self._watch:
                    await self._read(deliver, refuse)
                    return
                self._judge_silence()
        except trio.ClosedResourceError:
            return  # Closed by a sender that found it full or broken: self.error says which.
        except OSError as error:
            self._counters.connections_broken += 1
            self.close(error)
        finally:
            self.close(None)

    async def _read(
        self,
        deliver: Callable[[Request | Response, MessageConnection], None],
        refuse: Callable[[RemoteProtocolError, bytes, Flow], None],
    ) -> None:
        # Something may have come right behind the handshake.
        data = b""
        while True:
            try:
                self._take_messages(data, deliver)
            except RemoteProtocolError as error:
                self._counters.unparsable += 1
                self.phase = Phase.ENDING
                refuse(error, self._stream.refused, self.flow)
                await self._linger()
                return
            if self._stream.ended:
                return
            data = await self._pipe.receive_some()
            if not data:
                break
            self.arrivals += 1
        if self._stream.partial:
            self._counters.partial_messages += 1
        await self._answer_what_is_owed()

    def _take_messages(
        self, data: bytes, deliver: Callable[[Request | Response, MessageConnection], None]
    ) -> None:
        stream = self._stream
        stream.receive_data(data)
        alive = progress = False
        while (event := stream.next_event()) is not StreamEvent.NEED_DATA:
            alive = True
            # A WebSocket's pong may come in the middle of a message, which is no older for it.
            progress = progress or event is not StreamEvent.PONG
            if event is StreamEvent.PONG:
                self.pongs += 1
            elif isinstance(event, StreamEvent):
                self._answer_ping()
            else:
                if self._witness is not None:
                    self._witness.received_message(bytes(event))
                if isinstance(event, Request) and event.method != "ACK":
                    self._owed += 1
                deliver(event, self)
            if self.phase is not Phase.OPEN:
                return
        # Who pings is not idle, but a message that has begun is to go on.
        alive = self._reply() or alive
        self._note_progress(alive, progress)
        self._budget.note(self, stream.buffered)

    def _reply(self) -> bool:
        """Send what the framing wants sent by itself; whether there was something."""
        replies = self._stream.take_replies()
        if replies:
            with contextlib.suppress(TransportFailed):  # The reader finds out next.
                self._write(replies)
        return bool(replies)

    def _answer_ping(self) -> None:
        # RFC 5626 section 3.5.1
        self._counters.keepalives += 1
        try:
            self.send_nowait(b"\r\n")
        except TransportFailed:
            return  # It is closed now, which the reader finds out next.

    def _note_progress(self, alive: bool, progress: bool) -> None:
        now = trio.current_time()
        if alive:
            self._used = now
        if not self._stream.partial:
            # The deadline is left too early on purpose: moving it costs more than a look at the
            # clock when it passes.
            self._began = None
        elif progress or self._began is None:
            self._began = now
            self._watch.deadline = self._deadline()

    async def _answer_what_is_owed(self) -> None:
        """Wait for the answers to what came before the end, but not for long.

        Whoever asks one thing and says no more may still read.  Nothing tells it from one that
        has left, so an answer that takes longer goes back by a connection of its own.
        """
        if self.phase is Phase.OPEN and (self._owed > 0 or self._queue):
            self.phase = Phase.ANSWERING
            self._watch.deadline = trio.current_time() + self._limits.linger_seconds
            await self._done.wait()

    async def _linger(self) -> None:
        """Let the last answers arrive.

        Closing a socket with unread input resets the connection, and a reset destroys what the
        other side has not read yet; so wait for its end, but not for long.  Requests that came
        before what cannot be followed may be answered meanwhile.
        """
        self._watch.deadline = trio.current_time() + self._limits.linger_seconds
        self._finish_if_flushed()
        while await self._pipe.receive_some():
            pass

    # -- time

    def _deadline(self) -> float:
        idle = math.inf if self.holds else self._used + self._limits.idle_seconds
        if self._began is None:
            return idle
        # A message on its way is not idleness; it has its own limit.
        return self._began + self._limits.message_seconds

    def _judge_silence(self) -> None:
        if self.phase is not Phase.OPEN:
            self.close(None)
        elif trio.current_time() >= self._deadline():
            if self._began is not None:
                self._counters.slow_messages += 1
                self.close(TransportFailed(f"{self.flow}: a message took too long to arrive"))
            else:
                self._counters.connections_idle += 1
                self.close(None)

    def hold(self, change: int) -> None:
        """Count one more or one fewer user that wants it kept."""
        self.holds += change
        self._used = trio.current_time()
        if self.phase is Phase.OPEN:
            self._watch.deadline = self._deadline()

    # -- writing

    def ping(self) -> None:
        """Ask whether the other side is there.  Raises as `send_nowait`."""
        if self.phase is Phase.CLOSED:
            raise TransportFailed(f"{self.flow}: the connection is closed")
        self._used = trio.current_time()
        self._write(self._stream.ping())

    def send_nowait(self, data: bytes) -> None:
        """Send *data*, after what is queued already.

        Raises:
          TransportFailed: the connection is closed, broken, or its reader is too slow.
        """
        if self.phase is Phase.CLOSED:
            raise TransportFailed(f"{self.flow}: the connection is closed")
        self._used = trio.current_time()
        if data.startswith(b"SIP/2.0 ") and not data.startswith(b"SIP/2.0 1"):
            self._owed -= 1
        if self._witness is not None:
            self._witness.sent_message(data)
        self._write(self._stream.frame(data))
        self._finish_if_answered()

    def _write(self, data: bytes) -> None:
        if self._queue:
            self._enqueue(data)
            return
        try:
            sent = self._pipe.send_some_nowait(data)
        except OSError as error:
            self._counters.connections_broken += 1
            self.close(error)
            raise TransportFailed(f"{self.flow}: {error.strerror or error}") from error
        if sent < len(data):
            self._begun = sent
            self._enqueue(data)
            self._nursery.start_soon(self._write_queue, name=f"write {self.flow}")

    def _enqueue(self, data: bytes) -> None:
        if self._queued - self._begun + len(data) > self._limits.send_queue_bytes:
            self._counters.queue_overflows += 1
            error = TransportFailed(f"{self.flow}: the other side reads too slowly")
            self.close(error)
            raise error
        self._queue.append(data)
        self._queued += len(data)

    async def _write_queue(self) -> None:
        try:
            while self._queue:
                await self._pipe.wait_writable()
                first = self._queue[0]
                self._begun += self._pipe.send_some_nowait(memoryview(first)[self._begun :])
                if self._begun == len(first):
                    self._queue.popleft()
                    self._queued -= len(first)
                    self._begun = 0
        except trio.ClosedResourceError:
            return
        except OSError as error:
            self._counters.connections_broken += 1
            self.close(error)
            return
        self._finish_if_flushed()
        self._finish_if_answered()

    def _finish_if_answered(self) -> None:
        if self.phase is Phase.ANSWERING and self._owed <= 0 and not self._queue:
            self._done.set()

    def _finish_if_flushed(self) -> None:
        if self.phase is Phase.ENDING and not self._queue and self.sent_by is None:
            try:
                self._say_goodbye()
                self._pipe.send_eof()
            except OSError as error:
                self.close(error)

    def _say_goodbye(self) -> None:
        goodbye = self._stream.goodbye()
        if goodbye and not self._queue:
            self._pipe.send_some_nowait(goodbye)

    @property
    def is_broken(self) -> bool:
        """The network ended it, and neither side wanted that."""
        return isinstance(self.error, OSError)

    def close(self, error: Exception | None) -> None:
        """Close it at once.  Only the first reason counts."""
        if self.phase is not Phase.CLOSED:
            self.phase = Phase.CLOSED
            self.error = error
            if self.is_broken:
                self.unsent = list(self._queue)
            with contextlib.suppress(OSError, trio.ClosedResourceError):
                self._say_goodbye()
            self._queue.clear()
            self._budget.note(self, 0)
            self._pipe.close()
            self._done.set()
