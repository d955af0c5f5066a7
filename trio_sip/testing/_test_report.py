"""What pytest shows of a conversation: in reports and in files."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from trio_sip.transport import Address

from .findings import explain
from .recordings import Wire, ladder, svg_ladder, trace, write_pcapng

__all__ = ["Conversation", "drawing", "findings", "messages", "write_files"]

_UNFIT = re.compile(r"[^A-Za-z0-9_.\-]+")
_LONGEST_NAME = 150
_WIDTH = 100
_SECTION = re.compile(r"\[[^\[\]]*\]$")


class Conversation(Protocol):
    """Something that was said, whoever has noted it."""

    seed: int

    def wires(self) -> Sequence[Wire]:
        """Everything, in order."""

    def names(self) -> dict[str | Address, str]:
        """What to call addresses."""

    def notes(self) -> Mapping[Wire, str]:
        """What to say beside single arrows."""


def drawing(said: Conversation) -> str:
    """The conversation drawn, retransmissions folded, and the seed to see it again."""
    picture = ladder(said.wires(), said.names(), fold=True, notes=said.notes())
    return f"{picture}again with --sip-seed={said.seed}\n" if picture else ""


def findings(said: Conversation) -> str:
    """What may explain it, in words; empty if nothing is remarkable."""
    return "\n".join(_paragraph(str(one)) for one in explain(said.wires(), said.names()))


def _paragraph(sentence: str) -> str:
    # The section stays in one piece, to be searched for.
    bound = _SECTION.sub(lambda found: found[0].replace(" ", "\0"), sentence)
    return textwrap.fill(
        bound,
        _WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    ).replace("\0", " ")


def messages(said: Conversation) -> str:
    """Every message, without secrets."""
    return trace(said.wires(), said.names())


def write_files(said: Conversation, name: str, *, pcap: str | None, svg: str | None) -> None:
    """Write a file of each kind that is wanted, named after the test."""
    plain = _UNFIT.sub("-", name)[-_LONGEST_NAME:].strip("-")
    if pcap is not None:
        write_pcapng(_made(pcap) / f"{plain}.pcapng", said.wires(), said.names())
    if svg is not None:
        text = svg_ladder(said.wires(), said.names(), notes=said.notes())
        (_made(svg) / f"{plain}.svg").write_text(text, encoding="utf-8")


def _made(folder: str) -> Path:
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    return path
