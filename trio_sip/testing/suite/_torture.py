"""The messages of RFC 4475 and RFC 5118, and what each is owed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import attrs

from trio_sip.transport import Address

__all__ = ["Case", "cases", "come_from"]

_DATA = Path(__file__).parent / "data"
_TOP_VIA = re.compile(
    rb"(?im)^(?P<name>via|v)(?P<colon>[ \t]*:(?:[ \t]|\r\n[ \t])*)"
    rb"SIP\s*/\s*2\.0\s*/\s*\w+\s+(?P<host>\[[^\]]*\]|[^\s;,:]+)(?:\s*:\s*\d+)?"
)


@attrs.frozen(kw_only=True)
class Case:
    """One message and what is expected of it."""

    rfc: int
    file: str
    """Below ``data``."""
    section: str
    kind: str
    verdict: str | int
    says: str
    """What the RFC says about it, in short."""
    values: Mapping[str, object] = attrs.field(factory=dict)

    @property
    def data(self) -> bytes:
        return (_DATA / self.file).read_bytes()

    @property
    def name(self) -> str:
        return self.file.partition("/")[2]


def cases() -> list[Case]:
    """All of them, in the order of the RFCs."""
    table = tomllib.loads((_DATA / "torture.toml").read_text(encoding="utf-8"))
    return [Case(**case) for case in table["message"]]


def come_from(data: bytes, here: Address, transport: str) -> bytes:
    """The message as if *here* had sent it, so that its answers come there.

    Only the top Via is changed, and only where it can be read.
    """
    written = f"SIP/2.0/{transport} {here}".encode()
    return _TOP_VIA.sub(lambda match: match["name"] + match["colon"] + written, data, count=1)
