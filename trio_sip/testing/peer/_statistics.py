"""What a peer has said and heard, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Request, Response, parse_message_untrusted
from trio_sip.testing._histogram import Histogram
from trio_sip.testing.recordings import Fate, Wire
from trio_sip.transport import Address

__all__ = ["PeerStatistics", "count_wires"]

# They are there though nothing was measured: an assertion about it fails, and not with KeyError.
_STAGES = ("100", "18x", "200", "BYE")


@attrs.frozen(kw_only=True, eq=False)
class PeerStatistics:
    """What a `SipPeer` has done so far."""

    sent: Mapping[str, int]
    """By label, ``INVITE`` or ``200 (INVITE)``; without copies."""

    received: Mapping[str, int]
    """The same for what came."""

    retransmissions_sent: int
    """Copies of what it had sent before."""

    retransmissions_received: int
    """Copies of what had come before."""

    lost: int
    """Messages that it lost on purpose, in either direction."""

    automatically_answered: int
    """Requests that `SipPeer.answer_automatically` has answered."""

    unexpected: int
    """Messages that were out of place, and those that nobody has expected until now."""

    response_times: Mapping[str, Histogram]
    """Seconds from a request of the peer to its response.

    ``"100"``, ``"18x"`` and ``"200"`` are the first of these that answer an INVITE, and a method is
    any final response to it: ``response_times["BYE"]``.
    """


def count_wires(
    wires: Iterable[Wire],
    local: Iterable[str | Address],
    *,
    automatically_answered: int = 0,
    unexpected: int = 0,
) -> PeerStatistics:
    """Count what was seen by the peer with these addresses."""
    ours = set(local)
    sent: Counter[str] = Counter()
    received: Counter[str] = Counter()
    copies = [0, 0]
    lost = 0
    seen: set[tuple[bytes, Address, Address]] = set()
    times = _ResponseTimes()
    for wire in wires:
        is_sent = wire.source in ours
        lost += wire.fate is Fate.LOST
        known = (wire.data, wire.source, wire.destination)
        if is_sent or wire.fate is not Fate.LOST:
            if known in seen:
                copies[is_sent] += 1
                continue
            seen.add(known)
            (sent if is_sent else received)[wire.label.text] += 1
            times.add(wire, is_sent=is_sent)
    return PeerStatistics(
        sent=MappingProxyType(dict(sent)),
        received=MappingProxyType(dict(received)),
        retransmissions_sent=copies[True],
        retransmissions_received=copies[False],
        lost=lost,
        automatically_answered=automatically_answered,
        unexpected=unexpected,
        response_times=MappingProxyType(times.stages),
    )


class _ResponseTimes:
    """From each request to the first response of each stage."""

    def __init__(self) -> None:
        self.stages: dict[str, Histogram] = {stage: Histogram() for stage in _STAGES}
        self._begun: dict[tuple[str, str], float] = {}
        self._measured: set[tuple[tuple[str, str], str]] = set()

    def add(self, wire: Wire, *, is_sent: bool) -> None:
        try:
            message = parse_message_untrusted(wire.data)
            key = (
                message.via.branch or f"{message.call_id} {message.cseq.number}",
                message.cseq.method,
            )
        except (KeyError, RemoteProtocolError):
            return
        if isinstance(message, Request):
            if is_sent:
                self._begun.setdefault(key, wire.time)
        elif not is_sent and key in self._begun:
            for stage in _stages(message, key[1]):
                if (key, stage) not in self._measured:
                    self._measured.add((key, stage))
                    elapsed = wire.time - self._begun[key]
                    self.stages.setdefault(stage, Histogram()).add(elapsed)


def _stages(response: Response, method: str) -> list[str]:
    status = response.status
    stages = [method] if status >= 200 else []
    if method == "INVITE":
        if status == 100:
            stages.append("100")
        elif 180 <= status < 190:
            stages.append("18x")
        elif 200 <= status < 300:
            stages.append("200")
    return stages
