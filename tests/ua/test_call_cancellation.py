"""Calls that are cancelled at any moment, on either side: soon nobody has anything left of them."""

from __future__ import annotations

import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from trio_sip._errors import SipError
from trio_sip.testing import MemoryNetwork
from trio_sip.ua import IncomingCall

from .calls import BOB, HOUR, OFFER, alice_and_bob

_MOMENTS = st.one_of(st.floats(0, 0.2), st.floats(0.9, 1.3), st.floats(1.9, 2.3), st.floats(0, 12))


def run(seed: int, loss: float, caller: float, callee: float) -> None:
    """A call whose caller is cancelled at one moment and whose handler at another."""

    async def handle(call: IncomingCall) -> None:
        with trio.move_on_after(callee):
            await call.ring()
            await trio.sleep(1)
            await call.answer(OFFER)
            await trio.sleep(1)
            await call.hold()
            await trio.sleep_forever()

    async def talk() -> None:
        with trio.fail_after(HOUR):
            async with (
                MemoryNetwork.open(seed=seed, loss=loss, jitter=0.03) as network,
                alice_and_bob(handle, network=network) as (alice, _, _net),
            ):
                try:
                    with trio.move_on_after(caller):
                        async with alice.call(BOB, OFFER) as call:
                            await call.answered()
                            await trio.sleep(1)
                            await call.send_dtmf("1")
                            await call.reinvite(OFFER)
                            await trio.sleep_forever()
                except SipError:
                    # The other one was faster, or the network has lost too much.
                    pass

    trio.run(talk, clock=MockClock(autojump_threshold=0))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**16),
    loss=st.sampled_from([0.0, 0.3]),
    caller=_MOMENTS,
    callee=_MOMENTS,
)
@example(seed=0, loss=0.0, caller=0.0, callee=60.0)
@example(seed=0, loss=0.0, caller=0.03, callee=60.0)
@example(seed=0, loss=0.0, caller=1.03, callee=60.0)
@example(seed=0, loss=0.0, caller=60.0, callee=1.04)
def test_a_call_that_is_cancelled_anywhere_leaves_nothing_on_either_side(
    seed: int, loss: float, caller: float, callee: float
) -> None:
    run(seed, loss, caller, callee)
