"""A receiver that keeps what it gets, and messages to give to it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncIterator

import trio

from trio_sip._errors import RemoteProtocolError, TransportFailed
from trio_sip.message import Request, Response, create_response
from trio_sip.transport import (
    Flow,
    Listen,
    Network,
    TlsSettings,
    TransportLayer,
    TransportLimits,
)


class Recorder:
    """Keeps everything; answers requests with 200 once it has a layer."""

    def __init__(self) -> None:
        self.layer: TransportLayer | None = None
        self.messages: list[tuple[Request | Response, Flow]] = []
        self.garbage: list[tuple[RemoteProtocolError, bytes, Flow]] = []
        self.closed: list[tuple[Flow, Exception | None]] = []
        self._send, self._events = trio.open_memory_channel[str](math.inf)

    def receive_message(self, message: Request | Response, flow: Flow) -> None:
        self.messages.append((message, flow))
        self._send.send_nowait("message")
        if self.layer is not None and isinstance(message, Request):
            with contextlib.suppress(TransportFailed):
                self.layer.send_nowait(bytes(create_response(message, 200, to_tag="t")), flow)

    def receive_garbage(self, error: RemoteProtocolError, data: bytes, flow: Flow) -> None:
        self.garbage.append((error, data, flow))
        self._send.send_nowait("garbage")
        if self.layer is not None and flow.reliable:
            self.layer.send_nowait(b"SIP/2.0 400 Bad Request\r\n\r\n", flow)

    def flow_closed(self, flow: Flow, error: Exception | None) -> None:
        self.closed.append((flow, error))
        self._send.send_nowait("closed")

    async def event(self, kind: str) -> None:
        """Wait for the next thing, which must be of that kind."""
        with trio.fail_after(5):
            assert kind == await self._events.receive()


@contextlib.asynccontextmanager
async def open_layer(
    network: Network,
    *listens: str,
    limits: TransportLimits | None = None,
    answering: bool = True,
    force_rport: bool = False,
    tls: TlsSettings | None = None,
) -> AsyncIterator[tuple[TransportLayer, Recorder, tuple[Listen, ...]]]:
    """A layer that serves inside the block."""
    recorder = Recorder()
    layer = TransportLayer(network, recorder, limits, force_rport=force_rport, tls=tls)
    if answering:
        recorder.layer = layer
    bound = await layer.bind(*map(Listen.parse, listens))
    async with trio.open_nursery() as nursery:
        await nursery.start(layer.serve)
        yield layer, recorder, bound
        await layer.aclose()
        nursery.cancel_scope.cancel()


def options(
    via: str = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport", number: int = 1, body: str = ""
) -> bytes:
    """A request."""
    return (
        "OPTIONS sip:bob@example.com SIP/2.0\r\n"
        f"Via: {via}\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:alice@example.com>;tag=a\r\n"
        "To: <sip:bob@example.com>\r\n"
        f"Call-ID: call-{number}\r\n"
        f"CSeq: {number} OPTIONS\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()
