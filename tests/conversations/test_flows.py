"""RFC 3665, section 3: the flows as they are drawn, and the messages as they are written there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from trio_sip.message import RECORD_ROUTE, ROUTE, parse_message_untrusted
from trio_sip.testing import Label, MemoryNetwork

from .flows import FLOWS
from .golden import golden

EXAMPLES = Path(__file__).parent.parent / "data" / "rfc3665"

_ROUTED: dict[str, Any] = {"routes": 1}
_TAGGED: dict[str, Any] = {"to_tag": True}
_FIRST_OF_BOB: dict[str, Any] = {"cseq": 1}

# Any: the values of fields.
_DIFFERENCES: dict[str, dict[str, Any]] = {
    # The RFC's ACKs for 407 have no Route.  RFC 3261 section 17.1.1.3: "If the INVITE request whose
    # response is being acknowledged had Route header fields, those header fields MUST appear in
    # the ACK."
    "3.2-F3": _ROUTED,
    "3.3-F3": _ROUTED,
    "3.3-F10": _ROUTED,
    "3.4-F10": _ROUTED,
    # Nor has the third INVITE a Route, which goes the same way as the second; and when its ACK is
    # forwarded it has a Contact, which it did not have when it was sent.
    "3.3-F11": _ROUTED,
    "3.3-F20": {"contact": False},
    # The second proxy is known by the domain of the Request-URI there, and here by a Route.
    "3.4-F8": _ROUTED,
    "3.4-F11": _ROUTED,
    # Bob may count his requests from wherever he likes.
    "3.7-F9": _FIRST_OF_BOB,
    # Max-Forwards has no place in a response.
    "3.7-F10": {**_FIRST_OF_BOB, "max_forwards": None},
    "3.7-F11": _FIRST_OF_BOB,
    # RFC 3261 section 8.2.6.2: the UAS "MUST add a tag"; 9.2 wants the same as in other responses.
    "3.8-F10": _TAGGED,
    "3.8-F12": _TAGGED,
    "3.8-F14": _TAGGED,
}
"""Where the RFC's own messages are not what RFC 3261 says, or not all there is to say."""


@attrs.frozen(kw_only=True)
class Essentials:
    """What makes a message the one of a figure."""

    what: str
    cseq: int
    vias: int
    routes: int
    record_routes: int
    max_forwards: int | None
    to_tag: bool
    contact: bool
    session_description: bool

    @classmethod
    def of(cls, data: bytes) -> Essentials:
        message = parse_message_untrusted(data)
        return cls(
            what=Label.of(data).text,
            cseq=message.cseq.number,
            vias=len(message.vias),
            routes=len(message.headers[ROUTE]),
            record_routes=len(message.headers[RECORD_ROUTE]),
            max_forwards=message.max_forwards,
            to_tag=message.to.tag is not None,
            contact="Contact" in message.headers,
            session_description=bool(message.body),
        )


def examples(flow: str) -> list[tuple[str, Essentials]]:
    """The RFC's messages of a flow, in their order."""
    section = ".".join(flow.split("_")[1:3])
    paths = sorted(
        EXAMPLES.glob(f"{section}-F*.sip"), key=lambda path: int(path.stem.split("F")[1])
    )
    return [
        (
            path.stem,
            attrs.evolve(Essentials.of(path.read_bytes()), **_DIFFERENCES.get(path.stem, {})),
        )
        for path in paths
    ]


@pytest.mark.parametrize("name", FLOWS)
async def test_a_flow_goes_as_its_ladder_says(name: str, sip_network: MemoryNetwork) -> None:
    await FLOWS[name](sip_network)

    assert golden(name) == sip_network.ladder()


@pytest.mark.parametrize("name", FLOWS)
async def test_a_flow_has_the_messages_that_the_rfc_writes_down(
    name: str, sip_network: MemoryNetwork
) -> None:
    await FLOWS[name](sip_network)
    sent = [Essentials.of(wire.data) for wire in sip_network.wires]
    missing: list[tuple[str, Essentials]] = []
    for example, wanted in examples(name):
        if wanted in sent:
            sent.remove(wanted)
        else:
            missing.append((example, wanted))

    assert [] == missing


@pytest.mark.sip(seeds=30, loss=0.3, jitter=0.03)
@pytest.mark.parametrize("name", FLOWS)
async def test_a_flow_comes_through_where_a_third_is_lost_and_leaves_nothing(
    name: str, sip_network: MemoryNetwork
) -> None:
    await FLOWS[name](sip_network)
