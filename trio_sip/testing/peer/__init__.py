"""The other side of a conversation, by script: polite, peculiar or rude."""

from ._aka import AKA, AkaMacFailure, AkaSecret
from ._answers import aka_credentials
from ._call import PeerCall, SentRequest
from ._failures import MissingMessage, ScriptFailed, UnexpectedMessage
from ._message_pattern import MessagePattern
from ._messages import PeerMessage, PeerRequest, PeerResponse
from ._misbehaviours import MISBEHAVIOURS, Ending, Misbehaviour, Outgoing
from ._peer import SipPeer
from ._profiles import PROFILES, PeerProfile
from ._sockets import PeerPath
from ._statistics import PeerStatistics, count_wires
from ._thread import PeerThread, ThreadCall, ThreadMessage, open_peer_thread

__all__ = [
    "AKA",
    "MISBEHAVIOURS",
    "PROFILES",
    "AkaMacFailure",
    "AkaSecret",
    "Ending",
    "MessagePattern",
    "Misbehaviour",
    "MissingMessage",
    "Outgoing",
    "PeerCall",
    "PeerMessage",
    "PeerPath",
    "PeerProfile",
    "PeerRequest",
    "PeerResponse",
    "PeerStatistics",
    "PeerThread",
    "ScriptFailed",
    "SentRequest",
    "SipPeer",
    "ThreadCall",
    "ThreadMessage",
    "UnexpectedMessage",
    "aka_credentials",
    "count_wires",
    "open_peer_thread",
]
