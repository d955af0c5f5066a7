"""A server that answers every call, as a program of a user of the package would: the callee.

``python -m tools.bench.answer``: 180, 200, and then a task for each call until the caller hangs
up.  What it answers to the offer is always the same, as it is with the peers; with ``--negotiate``
it is made from the offer.  Says where it listens in the words of ``trio-sip serve``.
"""

from __future__ import annotations

import gc
import sys

import trio

import trio_sip

__all__ = ["answer_alike", "negotiate"]

_MOST = 1 << 30
_SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


async def answer_alike(call: trio_sip.IncomingCall) -> None:
    """Ring, answer, and talk until they hang up."""
    await call.ring()
    await call.answer(_SDP)
    await trio.sleep_forever()


async def negotiate(call: trio_sip.IncomingCall) -> None:
    """The same with an answer that takes the codecs that are offered."""
    await call.ring()
    offer = call.offer
    await call.answer(_SDP if offer is None else offer.answer(port=4000))
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
        await bob.serve_calls(negotiate if "--negotiate" in sys.argv else answer_alike)


if __name__ == "__main__":
    trio.run(main)
