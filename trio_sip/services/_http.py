"""HTTP beside SIP, for those who watch: is it healthy, and what has it done?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import h11
import trio

from trio_sip._errors import NoRoute, TransportFailed
from trio_sip.stack import Service, Stack, StackState
from trio_sip.transport import Address, Connection, ConnectionListener, Network, SocketNetwork

from ._metrics import metrics_text

__all__ = ["HttpService"]

_MAX_CONNECTIONS = 64
_SECONDS = 10.0
"""For one request and its answer, and for the next one to come."""

_HEAD_BYTES = 16 << 10
_RETRY_SECONDS = 0.1
_METHODS = (b"GET", b"HEAD")
_PLAIN = "text/plain; charset=utf-8"
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

_Answer = tuple[int, str, str]


class HttpService(Service):
    """Answers ``GET /healthz`` and ``GET /metrics`` over HTTP/1.1.

    ``/healthz`` is 200 while requests are taken, and 503 while the stack ends.  ``/metrics`` has
    `Stack.statistics`, and those of services that have any, as Prometheus reads them.  It tells
    whoever asks and encrypts nothing, so let it listen where only the right ones can ask.

    Example::

        open_stack("udp://0.0.0.0:5060", services=[HttpService("127.0.0.1", 9100)])

    Args:
      host: an address or a name of this machine.
      port: 0 lets the system choose; `listening` tells what it chose.
      network: the sockets of the operating system, or a simulated network.
    """

    name = "http"

    def __init__(self, host: str, port: int, *, network: Network | None = None) -> None:
        self._where = Address(host, port)
        self._network = network or SocketNetwork()
        self._listener: ConnectionListener | None = None
        self._connections = 0

    @property
    def listening(self) -> Address | None:
        """Where it listens, with the real port; ``None`` before it does."""
        return None if self._listener is None else self._listener.local

    async def setup(self, stack: Stack) -> None:
        """Bind.

        Raises:
          TransportFailed: the address cannot be had; it says which.
        """
        host, port = self._where
        try:
            local = (await self._network.resolve(host, port, "TCP"))[0]
            self._listener = self._network.bind_connections(local)
        except (OSError, NoRoute) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise TransportFailed(f"cannot listen on http://{self._where}: {reason}") from error

    async def teardown(self) -> None:
        """Close the socket."""
        if self._listener is not None:
            self._listener.close()

    async def run(self, stack: Stack) -> None:
        """Answer, for as long as the service is registered."""
        assert self._listener is not None, "setup() has bound it"
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    pipe = await self._listener.accept()
                except OSError:
                    # No file descriptor is left, perhaps; without a pause this would spin.
                    await trio.sleep(_RETRY_SECONDS)
                    continue
                if self._connections >= _MAX_CONNECTIONS:
                    pipe.close()
                    continue
                self._connections += 1
                nursery.start_soon(self._serve, pipe, stack, name=f"http {pipe.remote}")

    async def _serve(self, pipe: Connection, stack: Stack) -> None:
        try:
            # Who breaks a connection, or HTTP, harms nobody else.
            with contextlib.suppress(OSError, h11.RemoteProtocolError):
                await _Conversation(pipe, lambda path: _answer(path, stack)).run()
        finally:
            self._connections -= 1
            pipe.close()


def _answer(path: str, stack: Stack) -> _Answer:
    """Status, type and text for a path."""
    match path:
        case "/healthz":
            if stack.state is StackState.RUNNING:
                return 200, _PLAIN, "ok\n"
            return 503, _PLAIN, f"{stack.state.value}\n"
        case "/metrics":
            return 200, _PROMETHEUS, metrics_text(stack)
    return 404, _PLAIN, "there are /healthz and /metrics\n"


class _Conversation:
    """One connection: requests come one after the other, and are answered in turn."""

    def __init__(self, pipe: Connection, answer: Callable[[str], _Answer]) -> None:
        self._pipe = pipe
        self._answer = answer
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)

    async def run(self) -> None:
        """Answer until one side has had enough."""
        while True:
            with trio.move_on_after(_SECONDS) as patience:
                try:
                    request = await self._next_request()
                    if request is None:
                        return
                    await self._respond(request)
                except h11.RemoteProtocolError as error:
                    if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                        await self._send(error.error_status_hint, _PLAIN, "this is not HTTP\n")
                    return
            if patience.cancelled_caught or self._http.our_state is not h11.DONE:
                return
            self._http.start_next_cycle()

    async def _next_request(self) -> h11.Request | None:
        """The next one, its body read and thrown away; ``None`` at the end."""
        request: h11.Request | None = None
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._pipe.receive_some())
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.EndOfMessage):
                return request
            elif isinstance(event, h11.ConnectionClosed) or event is h11.PAUSED:
                return None

    async def _respond(self, request: h11.Request) -> None:
        if request.method not in _METHODS:
            await self._send(405, _PLAIN, "GET or HEAD\n", allow="GET, HEAD")
            return
        path = request.target.partition(b"?")[0].decode("ascii", "replace")
        await self._send(*self._answer(path), head=request.method == b"HEAD")

    async def _send(
        self, status: int, content_type: str, text: str, *, allow: str = "", head: bool = False
    ) -> None:
        body = text.encode()
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        if allow:
            headers.append(("Allow", allow))
        data = self._http.send(h11.Response(status_code=status, headers=headers)) or b""
        if not head:
            data += self._http.send(h11.Data(data=body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        while data:
            data = data[self._pipe.send_some_nowait(data) :]
            if data:
                await self._pipe.wait_writable()
