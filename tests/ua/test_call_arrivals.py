"""What comes within a call is read in loops, which may be left and begun again."""

from __future__ import annotations

import trio

from trio_sip.testing import MemoryNetwork
from trio_sip.ua import IncomingCall

from .calls import BOB, OFFER, alice_and_bob


async def test_a_loop_over_what_comes_may_be_left_early_and_taken_up_again(
    sip_network: MemoryNetwork,
) -> None:
    keys: list[str] = []
    statuses: list[int] = []

    async def listen(call: IncomingCall) -> None:
        for status in (180, 182, 183):
            await call.progress(status)
        await call.answer(OFFER)
        async for key in call.dtmf():
            keys.append(key)
            break
        keys.extend([key async for key in call.dtmf()])

    async with alice_and_bob(sip_network, listen) as (alice, _), alice.call(BOB, OFFER) as call:
        async for progress in call.progress():
            statuses.append(progress.status)
            break
        statuses.extend([progress.status async for progress in call.progress()])
        await call.answered()
        await trio.sleep(1)
        await call.send_dtmf("123")

    assert [180, 182, 183] == statuses
    assert ["1", "2", "3"] == keys
