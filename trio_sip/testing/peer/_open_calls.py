"""Which calls of a peer nobody has ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from trio_sip.testing.recordings import Fate, Wire

from ._call import PeerCall

__all__ = ["open_calls"]

# What a peer says may be no legal message, so it is not read as one.
_CALL_ID = re.compile(
    rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
_ANSWERS_INVITE = re.compile(
    rb"\ASIP/2\.0 2.*^cseq[ \t]*:[ \t]*\d+[ \t]+INVITE", re.IGNORECASE | re.MULTILINE | re.DOTALL
)


def open_calls(calls: Iterable[PeerCall], wires: Iterable[Wire]) -> list[PeerCall]:
    """Those that a 2xx to an INVITE and an ACK have made, and that nobody's BYE has ended.

    A BYE ends a call for its sender at once, and for its receiver, whatever the answer is and
    whether there is one: RFC 3261 section 15.1.
    """
    left = {call.dialog.id: call for call in calls}
    if not left:
        return []
    wires = list(wires)
    answered = (one for one in wires if _ANSWERS_INVITE.match(one.data))
    standing = _call_ids(answered) - _call_ids(_sent(b"BYE ", wires))
    left = {key: call for key, call in left.items() if key.call_id.encode() in standing}
    if not left:
        return []
    acknowledged = list(_sent(b"ACK ", wires))
    return [call for call in left.values() if any(_confirms(one, call) for one in acknowledged)]


def _sent(method: bytes, wires: Iterable[Wire]) -> Iterator[Wire]:
    return (one for one in wires if one.data[: len(method)].upper() == method)


def _call_ids(wires: Iterable[Wire]) -> set[bytes]:
    found = (_CALL_ID.search(one.data) for one in wires)
    return {one.group(1) for one in found if one is not None}


def _confirms(ack: Wire, call: PeerCall) -> bool:
    # The ACK of an earlier refusal has another tag of the callee.
    return ack.fate is not Fate.LOST and all(one.encode() in ack.data for one in call.dialog.id)
