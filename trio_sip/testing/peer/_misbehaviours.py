"""A library of rudeness: what broken, careless and hostile programs do to messages, by name.

Each alters octets that are ready to be sent, so that any message can be spoiled, whoever made
it.  They are data: read the table at the end.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import attrs

from trio_sip._errors import LocalProtocolError
from trio_sip.testing.recordings import Label

__all__ = ["MISBEHAVIOURS", "Ending", "Misbehaviour", "Outgoing", "Rude", "misbehave"]


class Ending(enum.Enum):
    """What becomes of the connection once octets are sent."""

    CLOSED = "closed"
    ALERT = "alert"
    """Over TLS, a fatal one; other connections are closed."""


@attrs.frozen
class Outgoing:
    """Octets that will be sent."""

    data: bytes = attrs.field(repr=False)
    delay: float = 0.0
    """Seconds from now."""

    lost: bool = False
    """They are noted, and never arrive."""

    ending: Ending | None = None
    """What it does to the connection then; nothing over UDP."""


@attrs.frozen(kw_only=True)
class Misbehaviour:
    """One way of being rude."""

    name: str
    says: str
    """What the other side sees, in a sentence."""

    alter: Callable[[Outgoing], list[Outgoing]] = attrs.field(repr=False)
    """What is sent instead of one message."""

    requests: bool = True
    """It applies to requests."""

    responses: bool = True
    methods: frozenset[str] = frozenset()
    """Of requests, or of the CSeq of responses; empty for all."""

    @classmethod
    def replacing(cls, old: bytes, new: bytes) -> Misbehaviour:
        """One of your own, for a single message: it has *new* where it should have *old*."""
        return cls(
            name=f"{new!r} for {old!r}",
            says=f"has {new!r} instead of {old!r}",
            alter=_octets(lambda data: data.replace(old, new)),
        )

    def fits(self, data: bytes) -> bool:
        """Whether it has something to spoil in this message."""
        label = Label.of(data)
        kind = self.requests if label.status is None else self.responses
        return kind and bool(label.method) and (not self.methods or label.method in self.methods)


Rude = Iterable[str | Misbehaviour]
"""Misbehaviours, by name or by value."""


def misbehave(data: bytes, rude: Rude, *, lost: bool = False) -> list[Outgoing]:
    """What is sent instead of *data*, by all of these one after the other."""
    outgoing = [Outgoing(data, lost=lost)]
    for one in (rude,) if isinstance(rude, str) else rude:
        how = _named(one) if isinstance(one, str) else one
        outgoing = [
            new for old in outgoing for new in (how.alter(old) if how.fits(old.data) else [old])
        ]
    return outgoing


def _named(name: str) -> Misbehaviour:
    try:
        return MISBEHAVIOURS[name]
    except KeyError:
        known = ", ".join(sorted(MISBEHAVIOURS))
        raise LocalProtocolError(f"no misbehaviour {name!r}; there are: {known}") from None


# -- ways of altering


def _octets(change: Callable[[bytes], bytes]) -> Callable[[Outgoing], list[Outgoing]]:
    return lambda one: [attrs.evolve(one, data=change(one.data))]


def _header(name: bytes, change: Callable[[bytes], bytes]) -> Callable[[Outgoing], list[Outgoing]]:
    """Alter the first line of that header."""
    line = re.compile(rb"(?im)^(" + name + rb"[ \t]*:[ \t]*)([^\r\n]*)")
    return _octets(lambda data: line.sub(lambda m: m[1] + change(m[2]), data, count=1))


def _without(*names: bytes) -> Callable[[Outgoing], list[Outgoing]]:
    line = re.compile(rb"(?im)^(?:" + b"|".join(names) + rb")[ \t]*:[^\r\n]*\r\n")
    return _octets(lambda data: line.sub(b"", data))


def _tag(value: bytes) -> bytes:
    return re.sub(rb"(;[ \t]*tag=)[^;\s]+", rb"\1nobody", value)


def _swap_tags(data: bytes) -> bytes:
    tags = {
        name: re.search(rb"(?im)^" + name + rb"[ \t]*:[^\r\n]*?;tag=([^;\s]+)", data)
        for name in (b"From", b"To")
    }
    source, target = tags[b"From"], tags[b"To"]
    if source is None or target is None:
        return data
    (a1, a2), (b1, b2) = sorted([source.span(1), target.span(1)])
    return data[:a1] + data[b1:b2] + data[a2:b1] + data[a1:a2] + data[b2:]


def _number(value: bytes, change: int) -> bytes:
    return re.sub(rb"\d+", lambda match: b"%d" % max(0, int(match[0]) + change), value, count=1)


def _length(change: int) -> Callable[[Outgoing], list[Outgoing]]:
    return _header(rb"Content-Length", lambda value: _number(value, change))


def _corrupt(data: bytes) -> bytes:
    # In the middle of the first header's value: past its name, before its end.
    place = data.find(b":", data.find(b"\r\n")) + 5
    return data[:place] + bytes([data[place] ^ 0x80]) + data[place + 1 :]


def _duplicate_header(data: bytes) -> bytes:
    return re.sub(rb"(?im)^(Call-ID[^\r\n]*\r\n)", rb"\1Call-ID: another\r\n", data, count=1)


def _huge(data: bytes) -> bytes:
    head, _, rest = data.partition(b"\r\n")
    return head + b"\r\nSubject: " + b"x" * 70_000 + b"\r\n" + rest


def _start(old: bytes, new: bytes) -> Callable[[Outgoing], list[Outgoing]]:
    return _octets(lambda data: data.replace(old, new, 1))


def _again(one: Outgoing) -> list[Outgoing]:
    return [one, attrs.evolve(one, delay=one.delay + 0.001)]


def _later(seconds: float) -> Callable[[Outgoing], list[Outgoing]]:
    return lambda one: [attrs.evolve(one, delay=one.delay + seconds)]


def _never(one: Outgoing) -> list[Outgoing]:
    return [attrs.evolve(one, lost=True)]


def _half(one: Outgoing) -> list[Outgoing]:
    return [attrs.evolve(one, data=one.data[: len(one.data) // 2], ending=Ending.CLOSED)]


def _alert(one: Outgoing) -> list[Outgoing]:
    return [attrs.evolve(one, ending=Ending.ALERT)]


def _bare_lines(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


_ALL: tuple[Misbehaviour, ...] = (
    # -- what it leaves out
    Misbehaviour(
        name="no ACK", says="never acknowledges", responses=False, methods=frozenset({"ACK"}),
        alter=_never,
    ),
    Misbehaviour(
        name="no BYE", says="hangs up without a word", responses=False,
        methods=frozenset({"BYE"}), alter=_never,
    ),
    Misbehaviour(name="no Contact", says="has no Contact", alter=_without(rb"Contact", rb"m")),
    Misbehaviour(
        name="no Content-Length", says="leaves Content-Length out",
        alter=_without(rb"Content-Length", rb"l"),
    ),
    Misbehaviour(
        name="no Max-Forwards", says="counts no hops", responses=False,
        alter=_without(rb"Max-Forwards"),
    ),
    Misbehaviour(
        name="no To tag", says="answers without a tag, as in RFC 2543", requests=False,
        alter=_header(rb"To", lambda value: re.sub(rb";[ \t]*tag=[^;\s]+", b"", value)),
    ),
    Misbehaviour(
        name="no Record-Route", says="loses the Record-Route of the request", requests=False,
        alter=_without(rb"Record-Route"),
    ),
    Misbehaviour(
        name="no Route", says="forgets the route set of its dialog", responses=False,
        alter=_without(rb"Route"),
    ),
    Misbehaviour(
        name="no branch", says="sends the Via of RFC 2543", responses=False,
        alter=_header(rb"Via", lambda value: re.sub(rb";branch=[^;,\s]+", b"", value)),
    ),
    # -- what it gets wrong
    Misbehaviour(
        name="wrong CSeq", says="has a CSeq number that is too high",
        alter=_header(rb"CSeq", lambda value: _number(value, 7)),
    ),
    Misbehaviour(
        name="old CSeq", says="has a CSeq number that was used before", responses=False,
        alter=_header(rb"CSeq", lambda value: _number(value, -1_000_000)),
    ),
    Misbehaviour(
        name="wrong CSeq method", says="has another method in CSeq",
        alter=_header(rb"CSeq", lambda value: value.split()[0] + b" NOTHING"),
    ),
    Misbehaviour(
        name="wrong To tag", says="calls the other side by another tag",
        alter=_header(rb"To", _tag),
    ),
    Misbehaviour(
        name="wrong From tag", says="calls itself by another tag", alter=_header(rb"From", _tag)
    ),
    Misbehaviour(
        name="swapped tags", says="has the tags of From and To the wrong way round",
        alter=_octets(_swap_tags),
    ),
    Misbehaviour(
        name="wrong Call-ID", says="names another call",
        alter=_header(rb"Call-ID", lambda value: b"x" + value),
    ),
    Misbehaviour(
        name="wrong branch", says="names another transaction",
        alter=_header(
            rb"Via", lambda value: re.sub(rb"(;branch=z9hG4bK)", rb"\1x", value, count=1)
        ),
    ),
    Misbehaviour(
        name="long Content-Length", says="promises 10 octets more than it sends",
        alter=_length(10),
    ),
    Misbehaviour(
        name="short Content-Length", says="sends 10 octets more than it promises",
        alter=_length(-10),
    ),
    Misbehaviour(
        name="unroutable Contact", says="wants to be reached at 10.255.255.1",
        alter=_header(
            rb"Contact", lambda value: re.sub(rb"@[^;>\s]+", b"@10.255.255.1", value, count=1)
        ),
    ),
    Misbehaviour(
        name="lower case method", says="thinks that methods have no case", responses=False,
        alter=_octets(lambda data: data[: data.find(b" ")].lower() + data[data.find(b" ") :]),
    ),
    Misbehaviour(
        name="other version", says="speaks SIP/3.0",
        alter=_octets(
            lambda data: data.replace(b"SIP/2.0", b"SIP/3.0", 1)
            if data.startswith(b"SIP/")
            else data.replace(b" SIP/2.0\r\n", b" SIP/3.0\r\n", 1)
        ),
    ),
    # -- what it breaks
    Misbehaviour(name="bare LF", says="ends its lines with LF alone", alter=_octets(_bare_lines)),
    Misbehaviour(name="corrupt octet", says="has one bit turned", alter=_octets(_corrupt)),
    Misbehaviour(
        name="truncated", says="ends in the middle",
        alter=_octets(lambda data: data[: len(data) * 2 // 3]),
    ),
    Misbehaviour(
        name="two Call-IDs", says="has two Call-IDs", alter=_octets(_duplicate_header)
    ),
    Misbehaviour(name="huge", says="has a header of 70,000 octets", alter=_octets(_huge)),
    Misbehaviour(
        name="no colon", says="has a header line without a colon",
        alter=_start(b"\r\n", b"\r\nWhat is this\r\n"),
    ),
    # -- when it comes
    Misbehaviour(name="duplicate", says="comes twice", alter=_again),
    Misbehaviour(name="late", says="comes 5 seconds late", alter=_later(5.0)),
    Misbehaviour(name="too late", says="comes after 40 seconds, when all is over", alter=_later(40.0)),
    Misbehaviour(name="lost", says="never comes", alter=_never),
    # -- what it does to the connection
    Misbehaviour(
        name="closed in the middle", says="closes the connection in the middle of it", alter=_half
    ),
    Misbehaviour(
        name="TLS alert", says="breaks the connection behind it with a fatal alert", alter=_alert
    ),
)  # fmt: skip

MISBEHAVIOURS: Mapping[str, Misbehaviour] = MappingProxyType({one.name: one for one in _ALL})
"""All of them by name."""
