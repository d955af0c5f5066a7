"""What a rule finds, and what a rule is."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator

import attrs

from trio_sip.testing.recordings import Wire

from ._story import Event, Story

__all__ = ["Finding", "FindingKind", "Rule", "Said", "seconds", "times"]


class FindingKind(enum.Enum):
    """How bad it is."""

    FAULT = "fault"
    """Somebody did what the RFC forbids, or cannot be reached."""

    NETWORK = "network"
    """The network did it."""

    NOTE = "note"
    """Nobody's fault, but it explains what happened."""


@attrs.frozen(kw_only=True)
class Finding:
    """Something that explains what happened, in words."""

    rule: str
    """The name of the rule that found it: ``no-ack``."""

    kind: FindingKind
    sentence: str
    """One line for people; nothing secret is in it."""

    wires: tuple[Wire, ...]
    """What it is about: at least one of the records, the first one first."""

    section: str
    """``RFC 3261 section 13.3.1.4``: what was not obeyed, or what explains it."""

    def __str__(self) -> str:
        return f"{self.sentence} [{self.section}]" if self.section else self.sentence


Said = tuple[str, Iterable[Event]]
"""A sentence, and the messages it is about."""


@attrs.frozen
class Rule:
    """One thing that may be the matter."""

    name: str
    kind: FindingKind
    section: str
    find: Callable[[Story], Iterator[Said]]

    def findings(self, story: Story) -> Iterator[Finding]:
        """What it finds in a story."""
        for sentence, events in self.find(story):
            yield Finding(
                rule=self.name,
                kind=self.kind,
                sentence=_one_line(sentence),
                wires=tuple(dict.fromkeys(event.wire for event in events)),
                section=self.section,
            )


def _one_line(sentence: str) -> str:
    # It quotes what strangers have sent.
    return "".join(one if one.isprintable() else "?" for one in sentence)


def seconds(time: float) -> str:
    """``0.52 s``."""
    return f"{time:.3f}".rstrip("0").rstrip(".") + " s"


def times(count: int) -> str:
    """``once``, ``twice``, ``7 times``."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
