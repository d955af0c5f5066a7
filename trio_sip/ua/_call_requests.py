"""What comes within a call besides what makes it: INFO, texts, questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from trio_sip.message import Request
from trio_sip.stack import IncomingRequest

if TYPE_CHECKING:
    from ._call import Call

__all__ = ["DTMF", "Info", "answer_by_default", "dtmf_body", "read_digit"]

DTMF = "application/dtmf-relay"
_DIGITS = frozenset("0123456789*#ABCD")
_BY_NUMBER = {str(number): digit for number, digit in enumerate("0123456789*#ABCD")}
_FLASH = frozenset({"16", "!", "FLASH", "HF"})


@attrs.frozen(kw_only=True)
class Info:
    """What came in an INFO: RFC 6086."""

    content_type: str | None
    """Of the body, as it was written; ``None`` without one."""

    body: bytes

    package: str | None
    """The Info Package, if it belongs to one."""

    request: Request = attrs.field(repr=False)


def dtmf_body(digit: str, milliseconds: int) -> bytes:
    """A key as ``application/dtmf-relay`` has it."""
    return f"Signal={digit}\r\nDuration={milliseconds}\r\n".encode()


def read_digit(request: Request) -> str | None:
    """The key that an INFO says was pressed: one of ``0``-``9 * # A B C D !``, or ``None``.

    ``application/dtmf-relay`` names it (some by its number in RFC 4733), and
    ``application/dtmf`` is nothing but it.
    """
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    text = request.body.decode("latin-1")
    if kind == "application/dtmf":
        return _digit(text)
    if kind != DTMF:
        return None
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name.strip().lower() == "signal":
            return _digit(value)
    return None


def _digit(text: str) -> str | None:
    key = text.strip().upper()
    if key in _DIGITS:
        return key
    if key in _FLASH:
        return "!"
    return _BY_NUMBER.get(key)


def answer_by_default(call: Call, request: IncomingRequest) -> None:
    """Answer a request that no handler is there for."""
    match request.method:
        case "INFO":
            _answer_info(call, request)
        case "MESSAGE":
            _answer_text(call, request)
        case "OPTIONS":
            # RFC 3261 section 11.2
            stack = call.stack
            request.respond(
                200,
                headers=[
                    ("Allow", ", ".join(call.allow)),
                    ("Accept", "application/sdp"),
                    ("Supported", ", ".join(stack.supported)),
                ],
            )
        case "NOTIFY":
            # RFC 6665 section 4.1.3: we have subscribed to nothing.
            request.respond(481, "Subscription Does Not Exist")
        case "SUBSCRIBE":
            request.respond(489)
        case "REFER":
            call.take_referral(request)
        case _:
            request.respond(405, headers=[("Allow", ", ".join(call.allow))])


def _answer_info(call: Call, request: IncomingRequest) -> None:
    message = request.message
    package = message.headers.get("Info-Package")
    if package is not None and package.partition(";")[0].strip() not in call.info_packages:
        # RFC 6086 section 4.2.2
        known = ", ".join(call.info_packages)
        request.respond(469, "Bad Info Package", headers=[("Recv-Info", known)] if known else ())
        return
    digit = read_digit(message)
    if digit is not None:
        call.receive_digit(digit)
    else:
        content_type = message.headers.get("Content-Type")
        call.receive_info(
            Info(content_type=content_type, body=message.body, package=package, request=message)
        )
    request.respond(200)


def _answer_text(call: Call, request: IncomingRequest) -> None:
    if call.receive_text(request.message):
        request.respond(200)
    else:
        # Nobody reads them, so it would be a lie to say that they had arrived.
        allowed = ", ".join(method for method in call.allow if method != "MESSAGE")
        request.respond(405, headers=[("Allow", allowed)])
