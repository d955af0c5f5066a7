"""``trio-sip decode``: a message in words, and what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import (
    CONTENT_TYPE,
    Body,
    Fault,
    Request,
    Response,
    check_request,
    check_response,
    parse_message_untrusted,
    redacted,
)

from ._errors import ExitStatus
from ._text import printable, without_password
from ._words import words_for

__all__ = ["decode"]

_SHOWN_LINES = 60


def decode(file: Annotated[str, Parameter(allow_leading_hyphen=True)], /) -> int:
    """Show a SIP message in words.

    Parameters
    ----------
    file
        A file with one message as it went over the wire; - for standard input.
    """
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    status, lines = explain(data)
    print("\n".join(lines))
    return status


def explain(data: bytes) -> tuple[ExitStatus, list[str]]:
    """Whether all is well with *data*, and the lines that explain it, safe to show."""
    status, lines = _explain(data)
    return status, [printable(without_password(line)) for line in lines]


def _explain(data: bytes) -> tuple[ExitStatus, list[str]]:
    notes = []
    if b"\r" not in data and b"\n" in data:
        # An editor has been here.
        data = data.replace(b"\n", b"\r\n")
        notes.append("note: lines end with LF alone; read as if it were CRLF")
    try:
        message = parse_message_untrusted(data)
    except RemoteProtocolError as error:
        owed = f"{error.status_hint}, if it can be answered at all"
        return ExitStatus.FAILED, [*notes, f"fault: not a SIP message: {error}", f"  owed: {owed}"]
    faults = list(_faults(message))
    lines = [_summary(message), *_parties(message), ""]
    lines += [*_headers(message), "", *_body(message), *notes]
    if not faults:
        return ExitStatus.OK, [*lines, "no faults"]
    return ExitStatus.FAILED, [*lines, *faults]


def _summary(message: Request | Response) -> str:
    if isinstance(message, Request):
        return f"request {message.method} for {message.target}"
    _, _, method = message.headers.get("CSeq", "").strip().partition(" ")
    kind = "provisional" if message.is_provisional else "final"
    to = f" to {method.strip()}" if method else ""
    return f"{kind} response {message.status} {message.reason}".rstrip() + to


def _parties(message: Request | Response) -> Iterator[str]:
    for label, name in (("from", "From"), ("to", "To"), ("call", "Call-ID")):
        yield f"  {label:5} {message.headers.get(name, '(not said)')}"


def _headers(message: Request | Response) -> Iterator[str]:
    # The text comes from `redacted`, the words from what really stands there.
    shown = redacted(message).split("\n")[1:]
    for line, (name, value) in zip(shown, message.headers, strict=False):
        yield line
        words = words_for(name, value)
        if words:
            yield f"    {words}"


def _body(message: Request | Response) -> Iterator[str]:
    if not message.body:
        return
    try:
        parts = message.parts
    except RemoteProtocolError:
        parts = ()
    yield f"body: {len(message.body)} bytes of {message.headers.get('Content-Type', 'no type')}"
    if parts:
        yield from _parts(parts, "  ")
    else:
        lines = redacted(message).rstrip("\n").split("\n")[len(message.headers) + 2 :]
        yield from (f"  {line}" for line in lines[:_SHOWN_LINES])
        if len(lines) > _SHOWN_LINES:
            yield f"  … and {len(lines) - _SHOWN_LINES} more lines"
    yield ""


def _parts(parts: tuple[Body, ...], indent: str) -> Iterator[str]:
    for number, part in enumerate(parts, 1):
        kind = part.headers.get("Content-Type", "text/plain (not said)")
        said = "".join(
            f", {name} {part.headers[name]}"
            for name in ("Content-ID", "Content-Disposition")
            if name in part.headers
        )
        yield f"{indent}part {number}: {len(part.content)} bytes of {kind}{said}"
        yield from _parts(part.parts, indent + "  ")


def _faults(message: Request | Response) -> Iterator[str]:
    """What is wrong with it, and what it is owed for that."""
    if isinstance(message, Response):
        fault = check_response(message)
        if fault is not None:
            yield f"fault: {fault.reason}"
            yield "  owed: nothing, a faulty response is dropped"
        return
    fault = check_request(message) or _registrar_fault(message) or _body_fault(message)
    if fault is not None:
        yield f"fault: {fault.reason}"
        yield f"  owed: {_owed(message, fault)}"


def _registrar_fault(message: Request) -> Fault | None:
    try:
        if message.method == "REGISTER":
            _ = message.contacts
    except RemoteProtocolError as error:
        return Fault(error.status_hint, "Bad Contact header")
    return None


def _body_fault(message: Request) -> Fault | None:
    try:
        if CONTENT_TYPE in message.headers:
            _ = message.parts
    except RemoteProtocolError as error:
        return Fault(error.status_hint, f"Bad body: {error}")
    return None


def _owed(request: Request, fault: Fault) -> str:
    if request.method == "ACK":
        return "nothing, an ACK is never answered"
    try:
        _ = request.via
    except (KeyError, RemoteProtocolError):
        return "nothing, without a usable Via there is nobody to answer"
    return f"{fault.status} {fault.reason}"
