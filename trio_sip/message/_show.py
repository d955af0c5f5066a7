"""Messages for people: whole but without secrets, and what differs between two of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ._message import Message
from ._names import UNLISTED, canonical_name

__all__ = ["diff_messages", "redacted"]

# Repetitions before an "@" that may not come are bounded, or each "sip:" would cost a search.
_URI_PASSWORD = re.compile(r"(sips?:[^\s:@<>\"]{1,200}):[^\s@<>\"]{1,200}@", re.IGNORECASE)
# Lines of SDP: SRTP keys (RFC 4568), the old k= line, ICE passwords.
_BODY_SECRET = re.compile(
    r"(a=crypto:.{0,80}?inline:|k=|a=key-mgmt:|a=ice-pwd:).++", re.IGNORECASE | re.DOTALL
)
# What a terminal or a log would take for the end of a line, and other control characters.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029]")


_NOT_IN_A_NAME = re.compile(r"[^a-z\-]")


def redacted(message: Message) -> str:
    """The whole message as text for logs and reports, without its secrets.

    Cut out are credentials and challenges, passwords in URIs, and keys in SDP.  Control
    characters and octets that are no text are written as escapes, so that a header is one line
    of the log whatever stands in it.
    """
    return "\n".join(_safe(line) for line in _lines(message))


def diff_messages(a: Message, b: Message) -> str:
    """Where two messages differ, line by line, without their secrets; empty if nowhere.

    Lines of *a* alone begin with ``-``, those of *b* alone with ``+``.  Header names are
    compared as names, so a compact form is no difference.
    """
    old, new = list(_lines(a)), list(_lines(b))
    if old == new:
        return ""
    shown = []
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new, False).get_opcodes():
        if tag == "equal":
            shown += [f"  {_safe(line)}" for line in old[i1:i2]]
        else:
            shown += [f"- {_safe(line)}" for line in old[i1:i2]]
            shown += [f"+ {_safe(line)}" for line in new[j1:j2]]
    return "\n".join(shown)


def _lines(message: Message) -> Iterator[str]:
    yield message._start_line()
    for name, value in message.headers:
        yield f"{canonical_name(name)}: {value}"
    yield ""
    yield from message.body.decode("utf-8", "surrogateescape").replace("\r\n", "\n").split("\n")


def _safe(line: str) -> str:
    name, colon, value = line.partition(":")
    # Spelled wrongly they are no such headers, and secret all the same.
    if colon and _NOT_IN_A_NAME.sub("", name.lower()) in UNLISTED:
        line = f"{name}:{_scheme_only(value)}"
    elif secret := _BODY_SECRET.match(line):
        line = f"{secret[1]}…"
    line = _URI_PASSWORD.sub(r"\1:…@", line)
    line = _UNPRINTABLE.sub(lambda match: f"\\x{ord(match[0]):02x}", line)
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _scheme_only(value: str) -> str:
    return f" {value.strip(' ').partition(' ')[0]} …"
