"""How a WebSocket begins: RFC 6455 section 4, with the subprotocol of RFC 7118 section 4.1."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NoReturn

import h11
import trio

from ._address import Address, default_port, numeric_host
from ._limits import TransportLimits
from ._network import Connection
from ._websocket import WebSocketFraming, check_wsproto

if TYPE_CHECKING:
    import wsproto

__all__ = ["accept_web_socket", "open_web_socket"]

_SUBPROTOCOL = "sip"
_MAX_HEAD = 16384
_LONGEST_REFUSAL = 65536


async def accept_web_socket(pipe: Connection, limits: TransportLimits) -> WebSocketFraming:
    """Take the client's request.  What is none is answered with an HTTP status.

    Raises:
      OSError: it was refused.
    """
    http = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEAD)
    request, rest = await _read_request(pipe, http, limits)
    connection, refusal = _judge(request, limits)
    if refusal:
        await _refuse(pipe, refusal, limits)
    import wsproto.events  # noqa: PLC0415

    accepted = wsproto.events.AcceptConnection(subprotocol=_SUBPROTOCOL)
    await _send(pipe, connection.send(accepted))
    return WebSocketFraming(connection, limits.message, rest)


async def _read_request(
    pipe: Connection, http: h11.Connection, limits: TransportLimits
) -> tuple[h11.Request, bytes]:
    request: h11.Request | None = None
    while True:
        try:
            event = http.next_event()
        except h11.RemoteProtocolError as error:
            await _refuse(pipe, _status_line(error.error_status_hint), limits)
        if event is h11.NEED_DATA:
            data = await pipe.receive_some()
            if not data:
                raise _not_one("it hung up during the WebSocket handshake")
            http.receive_data(data)
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            return request, http.trailing_data[0]
        else:
            # A body; or an end where there should have been a beginning.
            await _refuse(pipe, _status_line(400), limits)


def _judge(request: h11.Request, limits: TransportLimits) -> tuple[wsproto.WSConnection, bytes]:
    """A connection that can be accepted; or the octets of a refusal, which are not empty."""
    import wsproto  # noqa: PLC0415
    import wsproto.events  # noqa: PLC0415
    import wsproto.utilities  # noqa: PLC0415

    connection = wsproto.WSConnection(wsproto.ConnectionType.SERVER)
    if request.method != b"GET":
        return connection, _status_line(405)
    try:
        connection.initiate_upgrade_connection(list(request.headers), request.target)
        asked = next(connection.events())
    except wsproto.utilities.RemoteProtocolError as error:
        hint = error.event_hint
        assert isinstance(hint, wsproto.events.RejectConnection)
        return connection, connection.send(hint)
    except (h11.ProtocolError, UnicodeError):
        return connection, _status_line(400)
    assert isinstance(asked, wsproto.events.Request)
    origins = [
        value.decode("latin-1").lower() for name, value in request.headers if name == b"origin"
    ]
    if limits.web_origins is not None and not limits.web_origins.issuperset(origins):
        return connection, connection.send(wsproto.events.RejectConnection(status_code=403))
    if _SUBPROTOCOL not in asked.subprotocols:
        return connection, connection.send(wsproto.events.RejectConnection(status_code=400))
    return connection, b""


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} \r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


async def _refuse(pipe: Connection, answer: bytes, limits: TransportLimits) -> NoReturn:
    """Say no, and let it arrive: closing at once, with unread input, would destroy it."""
    await _send(pipe, answer)
    pipe.send_eof()
    unread = 0
    with trio.move_on_after(limits.linger_seconds):
        while (data := await pipe.receive_some()) and unread < _LONGEST_REFUSAL:
            unread += len(data)
    raise _not_one("it asked for something else than a WebSocket for SIP")


async def open_web_socket(
    pipe: Connection, name: str, limits: TransportLimits, *, secure: bool
) -> WebSocketFraming:
    """Ask a server for one.

    Raises:
      OSError: it will not.
    """
    try:
        check_wsproto()
    except ValueError as error:
        raise _not_one(str(error)) from None
    import wsproto  # noqa: PLC0415
    import wsproto.events  # noqa: PLC0415
    import wsproto.utilities  # noqa: PLC0415

    connection = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
    host = _shown_host(name, pipe.remote.port, "WSS" if secure else "WS")
    asked = wsproto.events.Request(host=host, target="/", subprotocols=[_SUBPROTOCOL])
    try:
        request = connection.send(asked)
    except (UnicodeError, h11.LocalProtocolError):
        raise _not_one(f"{name!r} is no name for HTTP") from None
    await _send(pipe, request)
    while True:
        data = await pipe.receive_some()
        if not data:
            raise _not_one("it hung up during the WebSocket handshake")
        try:
            connection.receive_data(data)
            answer = next(connection.events(), None)
        except (wsproto.utilities.RemoteProtocolError, UnicodeError) as error:
            raise _not_one(f"no WebSocket: {error}") from None
        if isinstance(answer, wsproto.events.AcceptConnection):
            if answer.subprotocol != _SUBPROTOCOL:
                raise _not_one("its WebSocket is not for SIP")
            return WebSocketFraming(connection, limits.message)
        if isinstance(answer, wsproto.events.RejectConnection):
            raise _not_one(f"no WebSocket: HTTP status {answer.status_code}")


def _shown_host(name: str, port: int, transport: str) -> str:
    literal = numeric_host(name)
    shown = str(Address(literal or name, port))
    return shown if port != default_port(transport) else shown.rpartition(":")[0]


def _not_one(why: str) -> OSError:
    return OSError(errno.EPROTO, why)


async def _send(pipe: Connection, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        sent = pipe.send_some_nowait(rest)
        rest = rest[sent:]
        if not sent:
            await pipe.wait_writable()
