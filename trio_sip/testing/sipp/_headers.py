"""Headers of messages that need not be well-formed: text, as SIPp sees it."""

from __future__ import annotations

import re

__all__ = ["branch_of", "call_id_of", "cseq_method_of", "header_lines", "values_of"]

_BRANCH = re.compile(r";\s*branch\s*=\s*([^;,\s]+)", re.IGNORECASE)
_SHORT_FORMS = {"via": "v", "from": "f", "to": "t", "call-id": "i", "contact": "m",
                "content-length": "l", "content-type": "c", "subject": "s", "supported": "k"}  # fmt: skip


def header_lines(text: str, name: str) -> list[str]:
    """The lines of a header, name included, each on one line; compact forms as well."""
    head = text.partition("\r\n\r\n")[0]
    lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    names = {name.lower(), _SHORT_FORMS.get(name.lower(), name.lower())}
    return [line for line in lines if line.partition(":")[0].strip().lower() in names]


def values_of(text: str, name: str) -> list[str]:
    """What stands behind the colons of a header."""
    return [line.partition(":")[2].strip() for line in header_lines(text, name)]


def branch_of(text: str) -> str:
    """The branch of the topmost Via; empty where there is none."""
    for via in values_of(text, "Via")[:1]:
        if (found := _BRANCH.search(via.partition(",")[0])) is not None:
            return found[1]
    return ""


def cseq_method_of(text: str) -> str:
    """What a response answers; empty where there is no CSeq."""
    words = [word for value in values_of(text, "CSeq")[:1] for word in value.split()]
    return words[-1] if words else ""


def call_id_of(text: str) -> str:
    """Which call a message or a command belongs to.

    What stands before ``///`` is for the other side, and no part of what SIPp goes by.
    """
    values = values_of(text, "Call-ID")
    return values[0].rpartition("///")[2] if values else ""
