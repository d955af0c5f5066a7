"""Session descriptions, and who owes whom one: RFC 8866, RFC 3264, RFC 6337, RFC 6141.

One line makes an offer, one makes an answer, and a machine knows what holds::

    offer = SessionDescription.audio(4000, "192.0.2.1", codecs=(PCMU, PCMA, TELEPHONE_EVENT))
    answer = SessionDescription.parse(received).answer(4000, "192.0.2.2")

    machine = OfferAnswer()
    body = bytes(machine.send_offer(offer))
    machine.receive_answer(SessionDescription.parse(received))
    machine.streams[0].codec

Nothing here waits, reads a clock or rolls dice; session ids are arguments.
"""

from __future__ import annotations

from ._codec import (
    COMFORT_NOISE,
    DEFAULT_CODECS,
    G722,
    G729,
    GSM,
    L16,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Codec,
)
from ._description import SessionDescription, create_answer
from ._direction import Direction
from ._fields import OPEN_HOST, Bandwidth, Connection, Origin, Rtcp
from ._media import Media
from ._offer_answer import Agreement, Fault, FaultKind, OfferAnswer, OfferAnswerState, Stream

__all__ = [
    "COMFORT_NOISE",
    "DEFAULT_CODECS",
    "G722",
    "G729",
    "GSM",
    "L16",
    "OPEN_HOST",
    "OPUS",
    "PCMA",
    "PCMU",
    "TELEPHONE_EVENT",
    "Agreement",
    "Bandwidth",
    "Codec",
    "Connection",
    "Direction",
    "Fault",
    "FaultKind",
    "Media",
    "OfferAnswer",
    "OfferAnswerState",
    "Origin",
    "Rtcp",
    "SessionDescription",
    "Stream",
    "create_answer",
]
