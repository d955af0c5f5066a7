"""Inputs that are as bad as they can be for their size, and the work they cause."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from trio_sip._errors import RemoteProtocolError

__all__ = ["CHARACTERS", "PIECES", "message_with", "seconds"]

CHARACTERS = (
    " ", "\t", '"', "\\", ",", ";", "<", ">", "=", ":", "@", "%", "?", "&", "[", "]", "(", ")",
    "/", ".", "*", "0", "a", "-", "\0", "\x85", "é",
)  # fmt: skip
"""Repeated 60,000 times, each of them must be cheap for every pattern."""

PIECES = (
    '"a', '\\"', '"\\', "<a", ";a=", ';a="', ",<", '"",', "a,", ";;", "a ", " a", "%41", "%4",
    "sip:", "sip:a:", "sip:a@", "<sip:a@b>,", "<sip:a@b>;", "a:b@", ";a=b,", "[::", "[:", "::::",
    "()", "(a", "\\(", "1 ", "1.", ". ", "a/", "/a", "=a", "?a=b&", "-.", "SIP/2.0/UDP h,",
    "SIP / 2.0 / UDP ", "a b\t", '" "', "inline:", "a=crypto:", "\r\n ", " \r\n ", "\r\n\t",
)  # fmt: skip


def message_with(name: str, value: str) -> bytes:
    """A request that is fine but for one header."""
    lines = {
        "Via": "SIP/2.0/UDP h;branch=z9hG4bK1",
        "From": "<sip:a@b>;tag=1",
        "To": "<sip:c@d>",
        "Call-ID": "x",
        "CSeq": "1 OPTIONS",
        "Content-Length": "0",
    }
    lines[name] = value
    head = "".join(f"{key}: {text}\r\n" for key, text in lines.items())
    return f"OPTIONS sip:c@d SIP/2.0\r\n{head}\r\n".encode("utf-8", "surrogateescape")


def seconds(work: Callable[[], object], rounds: int = 3, enough: float = 0.0) -> float:
    """The CPU time of the best of some rounds, the first that is quick enough being the last.

    The other side's faults are part of the work.
    """
    best = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        with contextlib.suppress(RemoteProtocolError):
            work()
        best = min(best, time.process_time() - begun)
        if best < enough:
            break
    return best
