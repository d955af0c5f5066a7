"""Subscriptions of and to peers that are written by hand."""

from __future__ import annotations

import trio

from trio_sip.message import Body
from trio_sip.testing import MemoryNetwork, PeerCall, SipPeer
from trio_sip.ua import IncomingSubscription

from .calls import BOB, agent


async def watch(subscription: IncomingSubscription) -> None:
    subscription.accept(Body("open"))
    await trio.sleep_forever()


async def test_an_ack_in_a_subscription_of_theirs_says_nothing(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_subscriptions, "door", watch)
        headers = [("Event", "door"), ("Expires", "60")]
        sent = await sip_peer.request("SUBSCRIBE", BOB, headers=headers)
        accepted = await sent.expect(200)
        notify = await sip_peer.expect("NOTIFY")
        await notify.respond(200)
        call: PeerCall = sip_peer.call_of(accepted)
        await sip_peer.send(call.dialog.create_ack(sent.request))
        refused = await (await call.send("INFO")).final()
        await call.send("SUBSCRIBE", headers=[("Event", "door"), ("Expires", "0")])
        await sip_peer.expect(200)
        last = await call.expect("NOTIFY")
        await last.respond(200)
        nursery.cancel_scope.cancel()

    assert 405 == refused.status


async def test_an_ack_in_a_subscription_of_ours_says_nothing(
    sip_network: MemoryNetwork, sip_peer: SipPeer
) -> None:
    async def serve() -> None:
        subscribe = await sip_peer.expect("SUBSCRIBE")
        accepted = await subscribe.respond(200, headers=[("Expires", 60)])
        call = PeerCall(sip_peer, sip_peer.voice.dialog_of(subscribe.message, accepted))
        await sip_peer.send(call.dialog.create_ack(subscribe.message))
        await trio.sleep(0.1)
        about = [("Event", "door"), ("Subscription-State", "active;expires=60")]
        await (await call.send("NOTIFY", headers=about, body="open")).expect(200)
        last = await call.expect("SUBSCRIBE")
        await last.respond(200, headers=[("Expires", 0)])
        about = [("Event", "door"), ("Subscription-State", "terminated")]
        await (await call.send("NOTIFY", headers=about)).expect(200)

    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        async with bob.subscribe(sip_peer.uri, "door") as subscription:
            notification = await anext(subscription)
        assert b"open" == notification.request.body
