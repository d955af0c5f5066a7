"""The names that ``trio_sip.testing`` gives."""

from __future__ import annotations

from ._failures import MissingMessage, ScriptFailed, UnexpectedMessage
from ._host import MemoryHost
from ._ladder import ladder
from ._link import Link
from ._message_pattern import MessagePattern
from ._misbehaviours import MISBEHAVIOURS, Misbehaviour, Outgoing
from ._nat import NatBox, NatKind
from ._network import MemoryNetwork
from ._peer import SipPeer
from ._peer_call import PeerCall, SentRequest
from ._peer_messages import PeerMessage, PeerRequest, PeerResponse
from ._peer_sockets import PeerPath
from ._profiles import PROFILES, PeerProfile
from ._rules import Pattern, every, first
from ._scheduling import deterministic_scheduling
from ._streams import MemoryConnection, StreamReset
from ._wire import Cause, Fate, Label, Wire

__all__ = [
    "MISBEHAVIOURS",
    "PROFILES",
    "Cause",
    "Fate",
    "Label",
    "Link",
    "MemoryConnection",
    "MemoryHost",
    "MemoryNetwork",
    "MessagePattern",
    "Misbehaviour",
    "MissingMessage",
    "NatBox",
    "NatKind",
    "Outgoing",
    "Pattern",
    "PeerCall",
    "PeerMessage",
    "PeerPath",
    "PeerProfile",
    "PeerRequest",
    "PeerResponse",
    "ScriptFailed",
    "SentRequest",
    "SipPeer",
    "StreamReset",
    "UnexpectedMessage",
    "Wire",
    "deterministic_scheduling",
    "every",
    "first",
    "ladder",
]
