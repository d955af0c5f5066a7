"""Session timers over half an hour: RFC 4028, whoever refreshes and however."""

from __future__ import annotations

from itertools import pairwise

import pytest
import trio

from trio_sip.message import Refresher
from trio_sip.session import SessionSettings, Side
from trio_sip.testing import MemoryNetwork

from .calls import BOB, OFFER, alice_and_bob, answer_and_wait

HALF_AN_HOUR = 1800.0
UPDATING = SessionSettings().allow
REINVITING = tuple(method for method in UPDATING if method != "UPDATE")


def refreshes(network: MemoryNetwork, method: str) -> list[tuple[str, float]]:
    """Who has sent requests of that *method*, and when, after the first INVITE."""
    names = network.names()
    began = network.wires[0].time
    sent = [wire for wire in network.wires[1:] if wire.label.text == method]
    return [(names[wire.source.host], round(wire.time - began, 2)) for wire in sent]


@pytest.mark.parametrize("seconds", [90, 1800])
@pytest.mark.parametrize(("method", "allow"), [("UPDATE", UPDATING), ("INVITE", REINVITING)])
@pytest.mark.parametrize(
    ("refresher", "name", "since"), [(Refresher.UAC, "alice", 1.04), (Refresher.UAS, "bob", 1.02)]
)
async def test_a_call_of_half_an_hour_is_refreshed_by_who_is_to_do_it(
    refresher: Refresher,
    name: str,
    since: float,
    method: str,
    allow: tuple[str, ...],
    seconds: int,
    sip_network: MemoryNetwork,
) -> None:
    settings = SessionSettings(session_expires=seconds, refresher=refresher, allow=allow)
    async with alice_and_bob(sip_network, answer_and_wait, call_settings=settings) as (alice, _):
        began = trio.current_time()
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep_until(began + HALF_AN_HOUR)
            interval = call.interval

        assert Side.LOCAL is call.ended_by
        assert interval is not None
        assert seconds == interval.seconds
        found = refreshes(sip_network, method)
        # Each comes half an interval after the answer to the one before it.
        assert [name] * len(found) == [who for who, _ in found]
        assert int((HALF_AN_HOUR - since) // (seconds / 2 + 0.04)) == len(found)
        assert since + seconds / 2 == pytest.approx(found[0][1], abs=0.05)
        gaps = [later - earlier for (_, earlier), (_, later) in pairwise(found)]
        assert gaps == pytest.approx([seconds / 2 + 0.04] * len(gaps), abs=0.05)
