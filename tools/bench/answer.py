"""A server that answers every call, as a program of a user of the package would: the callee.

``python -m tools.bench.answer``: 180, 200 with an answer to the offer, and then a task for each
call until the caller hangs up.  Says where it listens in the words of ``trio-sip serve``.
"""

from __future__ import annotations

import gc

import trio

import trio_sip

__all__ = ["answer_call"]

_MOST = 1 << 30


async def answer_call(call: trio_sip.IncomingCall) -> None:
    """Ring, answer, and talk until they hang up."""
    await call.ring()
    offer = call.offer
    await call.answer(None if offer is None else offer.answer(port=4000))
    await trio.sleep_forever()


async def main() -> None:
    """Serve until killed."""
    async with trio_sip.open_user_agent(
        "sip:bob@127.0.0.1", listen="udp://127.0.0.1:0", call_limit=_MOST
    ) as bob:
        # As ``trio-sip serve`` does, and for its reasons.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)
        for one in bob.stack.listening:
            print(f"listening on {one}")
        print("ready", flush=True)
        await bob.serve_calls(answer_call)


if __name__ == "__main__":
    trio.run(main)
