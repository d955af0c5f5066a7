"""What a caller that gives up sends to a peer that behaves oddly then."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.session import Side
from trio_sip.ua import UserAgent

from .calls import BOB, OFFER, labels
from .test_call_peers import alice_and_peer, answer


async def give_up(alice: UserAgent) -> None:
    credentials = OutboundCredential(PlainSecret("alice", "wonderland"), realm="r")
    async with alice.call(BOB, OFFER, credentials=credentials, grace=1) as call:
        await trio.sleep(1)
    assert Side.LOCAL is call.ended_by


async def test_who_answers_nothing_gets_one_cancel_and_its_copies(
    autojump_clock: MockClock,
) -> None:
    async with alice_and_peer() as (alice, peer, network), trio.open_nursery() as nursery:
        nursery.start_soon(give_up, alice)
        peer.send(answer(await peer.request(), 180))
        await trio.sleep(130)

        times = [wire.time for wire in network.wires if wire.label.text == "CANCEL"]
        assert 11 == len(times)
        assert times[-1] - times[0] < 32


async def test_a_challenge_to_an_invite_that_was_cancelled_is_not_answered(
    autojump_clock: MockClock,
) -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    async with alice_and_peer() as (alice, peer, network), trio.open_nursery() as nursery:
        nursery.start_soon(give_up, alice)
        invite = await peer.request()
        peer.send(answer(invite, 180))
        cancel = await peer.request()
        peer.send(answer(cancel, 200))
        peer.send(answer(invite, 407, "b", challenge))
        await trio.sleep(10)

        assert "CANCEL" == cancel.method
        assert 1 == labels(network).count("INVITE")
