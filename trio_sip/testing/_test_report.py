"""What pytest shows of a conversation: in reports and in files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from trio_sip.transport import Address

from ._wire import Wire

__all__ = ["Conversation", "sections", "write_files"]

_UNFIT = re.compile(r"[^A-Za-z0-9_.\-]+")


class Conversation(Protocol):
    """Something that was said, whoever has noted it."""

    seed: int

    def wires(self) -> Sequence[Wire]: ...
    def names(self) -> dict[str | Address, str]: ...
    def ladder(self) -> str: ...


def sections(
    said: Conversation, error: BaseException | None, *, trace: bool
) -> list[tuple[str, str]]:
    """Title and text of what a report shows."""
    drawing = said.ladder()
    return [("SIP ladder", f"{drawing}\n(--sip-seed={said.seed})")] if drawing else []


def write_files(said: Conversation, name: str, *, pcap: str | None, svg: str | None) -> None:
    """Write a file of each kind that is wanted, named after the test."""
