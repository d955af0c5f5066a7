"""From bytes to a message: the one door for what comes from the network.

The parser refuses only what cannot be framed: no start-line, no SIP.  Whatever can be framed
comes out as a message; if it is wrong, it carries the `Fault` that says how to answer it.
Whether its fields make sense is `check_request`'s business.
"""

from __future__ import annotations

import re

from trio_sip._errors import RemoteProtocolError

from ._core_fields import content_length
from ._grammar import TOKEN
from ._headers import NONE_REPEATED, Headers, joined_folds, noted, unfolded
from ._limits import DEFAULT_LIMITS, Limits
from ._message import Fault, Request, Response
from ._names import KEYS, header_key

__all__ = ["parse_head", "parse_message_untrusted"]

_VERSION = re.compile(r"SIP/[0-9]+\.[0-9]+", re.IGNORECASE)
_STATUS_LINE = re.compile(r"SIP/([0-9]+\.[0-9]+) ([0-9]{3})(?: (.*))?", re.IGNORECASE | re.DOTALL)
# A NUL may stand in a quoted-pair and nowhere else (RFC 4475 section 3.1.1.2).
_BARE_NUL = re.compile(r"(?<!\\)\0")


def parse_message_untrusted(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Parse one message that fills *data*, a datagram for example.

    Line breaks before the start-line are skipped, bytes behind the body that Content-Length
    announces are ignored (RFC 3261 section 18.3), and without Content-Length the body is all
    that is left.

    Raises:
      RemoteProtocolError: it is not SIP, or too large.  Nothing else is ever raised.
    """
    if len(data) > limits.message_bytes:
        raise RemoteProtocolError("message too large", 513)
    end = data.find(b"\r\n\r\n")
    while end == 0 or (end > 0 and data[:2] == b"\r\n"):
        # RFC 3261 section 7.5: "implementations … SHOULD ignore any CRLF appearing before"
        data = data.lstrip(b"\r\n")
        end = data.find(b"\r\n\r\n")
    if end < 0:
        # The end of the datagram is the end of the head as well.
        data = data.lstrip(b"\r\n") if data[:2] == b"\r\n" else data
        data, end = data.rstrip(b"\r\n"), len(data)
        message = parse_head(data, limits)
        body = b""
    else:
        message = parse_head(data[:end], limits)
        body = data[end + 4 :]
    length = message.headers._indexed().get("content-length")
    if length is None:
        message._body = body
    elif length == "0":
        message._body = b""
    else:
        _cut_body(message, length, body)
    return message


def _cut_body(message: Request | Response, text: str, body: bytes) -> None:
    message._body = body
    try:
        length = content_length(text)
    except RemoteProtocolError:
        message.fault = message.fault or Fault(400, "Bad Content-Length")
        return
    if length > len(body):
        message.fault = message.fault or Fault(400, "Content-Length beyond the datagram")
    else:
        message._body = body[:length]


def parse_head(head: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Parse start-line and headers, without the empty line behind them.

    Raises:
      RemoteProtocolError: the first line is not a SIP start-line, or the head is too large.
    """
    if len(head) > limits.head_bytes:
        raise RemoteProtocolError("head too large", 513)
    text = head.decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    fault: Fault | None = None
    breaks = 2 * (len(lines) - 1)
    if text.count("\r") + text.count("\n") != breaks:
        lines, fault = _without_lone_breaks(lines), Fault(400, "CR or LF inside a line")
    if "\0" in text and _BARE_NUL.search(text):
        lines, fault = [line.replace("\0", " ") for line in lines], Fault(400, "NUL in a header")
    message = _parse_start_line(lines[0], limits)
    if fault is not None:
        message.fault = fault
    del lines[0]
    if len(lines) > limits.header_count:
        message.fault = message.fault or Fault(513, "Too Many Header Fields")
    headers = _plain_headers(lines)
    message.headers = _careful_headers(joined_folds(lines), message) if headers is None else headers
    return message


def _plain_headers(lines: list[str]) -> Headers | None:
    """Headers of lines as they usually are; ``None`` if one is folded or no header."""
    first: dict[str, str] = {}
    repeated = NONE_REPEATED
    known = KEYS.get
    for line in lines:
        name, colon, value = line.partition(": ")
        key = known(name)
        if key is None or not colon:
            # An unusual name, or no space behind the colon.  A folded line begins with white
            # space, which no header name does.
            name, colon, value = line.partition(":")
            key = header_key(name)
            if key is None or not colon or name[:1] in " \t":
                return None
        if key in first:
            repeated = noted(first, repeated, key, value.strip(" \t"))
        else:
            first[key] = value.strip(" \t")
    return Headers._of(lines, first, repeated)


def _careful_headers(lines: list[str], message: Request | Response) -> Headers:
    """The same for folded lines, and for lines that are no headers, which is a fault."""
    first: dict[str, str] = {}
    repeated = NONE_REPEATED
    for line in lines:
        name, colon, value = unfolded(line).partition(":")
        key = header_key(name)
        if key is None or not colon:
            message.fault = message.fault or Fault(400, "Bad Header Line")
        else:
            repeated = noted(first, repeated, key, value.strip(" \t"))
    return Headers._of(lines, first, repeated)


def _parse_start_line(line: str, limits: Limits) -> Request | Response:
    method, _, rest = line.partition(" ")
    target, _, version = rest.partition(" ")
    if version == "SIP/2.0" and target and TOKEN.fullmatch(method):
        return _request(line, method, target, _target_fault(target, limits))
    if line[:4].upper() == "SIP/":
        return _parse_status_line(line)
    return _parse_odd_request_line(line, limits)


def _target_fault(target: str, limits: Limits) -> Fault | None:
    return Fault(414, "Request-URI Too Long") if len(target) > limits.uri_bytes else None


def _parse_odd_request_line(line: str, limits: Limits) -> Request:
    """A request line that is not three words with single spaces between, or of another version."""
    stripped = line.rstrip(" \t")
    before, _, version = stripped.rpartition(" ")
    method, _, target = before.partition(" ")
    if not _VERSION.fullmatch(version) or not TOKEN.fullmatch(method) or not target:
        raise RemoteProtocolError(f"not a SIP start-line: {line[:60]!r}")
    if version.upper() != "SIP/2.0":
        fault: Fault | None = Fault(505, "Version Not Supported")
    elif stripped != line or " " in target or "\t" in target:
        # RFC 4475 section 3.1.2.8 to 3.1.2.10
        fault = Fault(400, "Bad Request-Line")
    else:
        fault = _target_fault(target, limits)
    return _request(line, method, target, fault)


def _request(line: str, method: str, target: str, fault: Fault | None) -> Request:
    request = Request.__new__(Request)
    request._method = method
    request._target = target
    request._uri = None
    request._start = line
    request.fault = fault
    request.received_via = None
    request.received_port = None
    return request


def _parse_status_line(line: str) -> Response:
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise RemoteProtocolError(f"not a SIP status line: {line[:60]!r}")
    version, status, reason = match.groups()
    code = int(status)
    if not 100 <= code <= 699:
        raise RemoteProtocolError(f"no such status code: {status}")
    response = Response.__new__(Response)
    response._status = code
    response._reason = reason or ""
    response._start = line
    response.fault = None if version == "2.0" else Fault(505, "Version Not Supported")
    return response


def _without_lone_breaks(lines: list[str]) -> list[str]:
    # They must never become line breaks in what is sent or logged about this message.
    return [line.replace("\r", " ").replace("\n", " ") for line in lines]
