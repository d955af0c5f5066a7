"""What a caller that gives up sends to a peer that behaves oddly then."""

from __future__ import annotations

import trio

from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.session import Side
from trio_sip.testing import MakeSipPeer, MemoryNetwork
from trio_sip.ua import UserAgent

from .calls import BOB, OFFER, alice_and_peer, labels


async def give_up(alice: UserAgent) -> None:
    credentials = OutboundCredential(PlainSecret("alice", "wonderland"), realm="r")
    async with alice.call(BOB, OFFER, credentials=credentials, grace=1) as call:
        await trio.sleep(1)
    assert Side.LOCAL is call.ended_by


async def test_who_answers_nothing_gets_one_cancel_and_its_copies(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):
        nursery.start_soon(give_up, alice)
        invite = await bob.expect("INVITE")
        await invite.respond(180)
        cancel = await bob.expect("CANCEL")
        await trio.sleep(130)

        assert 10 == len(cancel.retransmissions)
        assert cancel.retransmissions[-1] < 32


async def test_a_challenge_to_an_invite_that_was_cancelled_is_not_answered(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    challenge = ("Proxy-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, bob, nursery):
        nursery.start_soon(give_up, alice)
        invite = await bob.expect("INVITE")
        await invite.respond(180)
        cancel = await bob.expect("CANCEL")
        await cancel.respond(200)
        await invite.respond(407, headers=[challenge])
        await bob.expect("ACK")
        await bob.expect_nothing(within=10)

    assert 1 == labels(sip_network).count("INVITE")
