"""What the probes share: a stack of our own, a target, credentials, a deadline, an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

import attrs
import trio
from cyclopts import Parameter

from trio_sip._errors import LocalProtocolError, RemoteProtocolError, SipError
from trio_sip.message import Response, Uri
from trio_sip.stack import Stack, open_stack
from trio_sip.transport import Address, Listen, Network, TlsSettings

from ._errors import CommandFailed, UsageError
from ._recording import Record, RecordingNetwork
from ._text import printable

__all__ = [
    "JsonOption",
    "Probe",
    "WaitOption",
    "answer_line",
    "check_answer",
    "deadline",
    "everywhere",
    "explaining",
    "open_probe",
    "parse_target",
]

WaitOption = Annotated[float, Parameter(name="--wait", help="Seconds to wait for an answer.")]
JsonOption = Annotated[bool, Parameter(name="--json", help="One JSON object for each answer.")]


def parse_target(text: str, what: str = "URI") -> Uri:
    """A SIP URI; the scheme may be left out: ``192.0.2.1``, ``alice@example.com``."""
    # "localhost:5060" has a colon too, but no scheme that anybody knows.
    known = text.partition(":")[0].lower() in {"sip", "sips", "tel", "urn", "http", "https"}
    try:
        uri = Uri.parse(text if known else f"sip:{text}")
    except RemoteProtocolError as error:
        raise UsageError(f"{what} {text!r}: {error}") from None
    if not uri.is_sip:
        raise UsageError(f"{what} {text!r}: want a SIP URI, for example sip:alice@example.com")
    return uri


@contextmanager
def deadline(seconds: float, what: str) -> Iterator[None]:
    """CommandFailed when the block takes longer."""
    if not seconds > 0:
        raise UsageError(f"--wait: want more than 0 seconds, not {seconds:g}")
    try:
        with trio.fail_after(seconds):
            yield
    except trio.TooSlowError:
        raise CommandFailed(f"{what}: no answer within {seconds:g} s") from None


@contextmanager
def explaining(what: str) -> Iterator[None]:
    """CommandFailed, with *what* in front, for whatever SIP has against it."""
    try:
        yield
    except LocalProtocolError:
        raise
    except SipError as error:
        raise CommandFailed(f"{what}: {error}") from None


@attrs.frozen
class Probe:
    """A stack for a few requests, with a record of what went over its sockets."""

    stack: Stack
    record: Record

    def last_answer(self, since: int) -> tuple[str, float]:
        """Who was heard last, and how many seconds after the record numbered *since*."""
        heard = self.record.last_received
        if heard is None:
            return "nobody", 0.0
        seconds = heard.time - self.record.wires[since].time
        return f"{heard.transport.lower()}://{heard.source}", seconds


@asynccontextmanager
async def open_probe(tls: TlsSettings | None = None) -> AsyncIterator[Probe]:
    """A stack that can reach whatever this machine can, on ports the system chooses."""
    record = Record()
    network = RecordingNetwork(record)
    async with open_stack(*everywhere(network), network=network, grace=0, tls=tls) as stack:
        yield Probe(stack, record)


def everywhere(network: Network) -> Iterator[Listen]:
    """A UDP port that the system chooses, of IPv4 and of IPv6, as far as there are any."""
    for host in ("0.0.0.0", "::"):  # noqa: S104
        try:
            network.bind_datagrams(Address(host, 0)).close()
        except OSError:
            # A machine without this family.
            continue
        yield Listen("udp", host, 0)


def answer_line(response: Response) -> str:
    """``200 OK``, safe to print."""
    return printable(f"{response.status} {response.reason}".rstrip())


def check_answer(what: str, response: Response, hint: str = "") -> None:
    """CommandFailed unless it is a 2xx; *hint* says what may help."""
    if not response.is_success:
        note = f" ({hint})" if hint else ""
        raise CommandFailed(f"{what}: {response.status} {response.reason}{note}")
