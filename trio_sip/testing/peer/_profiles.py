"""How kinds of telephones speak: not wrong, only each in its way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from trio_sip.message import COMPACT_FORMS

from ._misbehaviours import Misbehaviour

__all__ = ["PROFILES", "PeerProfile"]

_METHODS = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, MESSAGE"
_SHORT = {name.lower(): letter for letter, name in COMPACT_FORMS.items()}
_NAME = re.compile(r"(?m)^([A-Za-z-]+):")


@attrs.frozen(kw_only=True)
class PeerProfile:
    """What a peer says of itself in each message, and how it spells."""

    name: str = "plain"
    user_agent: str | None = None
    allow: str = _METHODS
    supported: str = ""
    rport: bool = True
    """Its Via asks for RFC 3581."""

    contact_host: str | None = None
    """What its Contact and Via say instead of its address, as behind a NAT."""

    compact: bool = False
    """It spells header names with one letter."""

    provisional: int = 180
    """How it rings; a 183 has the session description of its 200."""

    reliable: bool = False
    """It rings until it is heard (RFC 3262), where the caller knows that."""

    rude: tuple[str | Misbehaviour, ...] = ()
    """What it does to every message."""

    def spell(self, data: bytes) -> bytes:
        """A message of the peer as this kind of telephone writes it."""
        if not self.compact:
            return data
        head, blank, body = data.partition(b"\r\n\r\n")
        text = head.decode("utf-8", "surrogateescape")
        text = _NAME.sub(lambda match: _SHORT.get(match[1].lower(), match[1]) + ":", text)
        return text.encode("utf-8", "surrogateescape") + blank + body


_ALL = (
    PeerProfile(),
    PeerProfile(name="no rport", rport=False),
    PeerProfile(
        name="RFC 2543", rport=False, user_agent="Phone/1999",
        allow="INVITE, ACK, BYE, CANCEL, OPTIONS",
        rude=("no branch", "no To tag", "no Max-Forwards"),
    ),
    PeerProfile(
        name="no UPDATE", allow=_METHODS.replace(" UPDATE,", "").replace(" PRACK,", "")
    ),
    PeerProfile(name="early media", supported="100rel, timer", provisional=183, reliable=True),
    PeerProfile(name="behind a NAT", contact_host="10.0.0.5"),
    PeerProfile(name="behind an old NAT", contact_host="10.0.0.5", rport=False),
    PeerProfile(name="compact", compact=True),
    PeerProfile(
        name="desk phone", user_agent="Cisco-CP8841/12.5.1",
        allow="ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO",
        supported="replaces,join,sdp-anat,norefersub,resource-priority,extended-refer",
    ),
)  # fmt: skip

PROFILES: Mapping[str, PeerProfile] = MappingProxyType({one.name: one for one in _ALL})
"""All of them by name."""
