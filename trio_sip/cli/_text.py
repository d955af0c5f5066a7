"""Text that came from somewhere else, made safe for a terminal."""

from __future__ import annotations

import re

__all__ = ["one_line", "printable", "without_password"]

# Bounded, or every "sip:" of a long text would cost a search to its end.
_URI_PASSWORD = re.compile(r"(sips?:[^\s:@<>\"]{1,200}):[^\s@<>\"]{1,2000}@", re.IGNORECASE)


def printable(text: str) -> str:
    r"""The text with whatever moves a cursor, rings a bell or reverses a line as ``\x1b``."""
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def one_line(text: str) -> str:
    """The text as one line for a terminal; line breaks become blanks."""
    return printable(" ".join(text.split()))


def without_password(text: str) -> str:
    """The text with the passwords of its SIP URIs cut out."""
    return _URI_PASSWORD.sub(r"\1:…@", text)
