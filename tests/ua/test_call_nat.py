"""Calls with phones behind a NAT, and no proxy in between."""

from __future__ import annotations

import pytest
import trio

from trio_sip.message import Body
from trio_sip.session import Ended, How, Side
from trio_sip.stack import StackSettings
from trio_sip.testing import MakeSipPeer, MemoryNetwork, PeerCall, SipPeer
from trio_sip.transport import Address
from trio_sip.ua import IncomingCall, IncomingSubscription, UserAgent

from .calls import OFFER, agent, nothing_is_left

PROXY = "sip:192.0.2.1:5060;lr"
BOB = "sip:bob@192.0.2.2"
HOUR = 3600.0


def phone_behind_nat(network: MemoryNetwork, make_peer: MakeSipPeer) -> SipPeer:
    """A phone that believes to be at 10.0.0.1."""
    network.nat("phone", lifetime=100)
    phone = make_peer("phone")
    assert "10.0.0.1" == phone.address.host
    return phone


async def hang_up_after_a_second(call: IncomingCall) -> None:
    assert call.offer is not None
    await call.answer(call.offer.answer(5000))
    await trio.sleep(1)


async def quiet(*agents: UserAgent) -> None:
    """Wait until all that is remembered for copies is forgotten, and see that it is."""
    await trio.sleep(130)
    nothing_is_left(*agents)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_the_bye_goes_where_the_invite_of_a_hidden_phone_came_from(
    transport: str, sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    phone = phone_behind_nat(sip_network, make_sip_peer)
    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, hang_up_after_a_second)
        call = await phone.invite(f"{BOB};transport={transport}")
        bye = await call.expect_bye()
        await quiet(bob)

        # It is still named as it calls itself: it would not know itself by another name.
        assert "10.0.0.1" == bye.message.uri.host
        nursery.cancel_scope.cancel()


async def ask_the_way(phone: SipPeer) -> None:
    """Open the NAT towards Bob."""
    await (await phone.request("OPTIONS", BOB)).final()


async def test_ack_and_bye_go_where_a_hidden_phone_answered_from(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    box = sip_network.nat("phone", lifetime=100)
    phone = make_sip_peer("phone")
    calls: list[PeerCall] = []

    async def answer() -> None:
        calls.append(await phone.answer())
        await calls[0].expect_bye()

    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await ask_the_way(phone)
        ((_, public),) = box.mappings(trio.current_time())
        nursery.start_soon(answer)
        async with bob.call(f"sip:phone@{public}", OFFER) as call:
            await call.answered()
            await trio.sleep(1)
        await quiet(bob)

        assert 1 == len(calls)


async def test_a_hidden_phone_is_followed_when_its_nat_gives_it_another_port(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    box = sip_network.nat("phone", lifetime=100)
    phone = make_sip_peer("phone")

    async def hang_up_later(call: IncomingCall) -> None:
        assert call.offer is not None
        await call.answer(call.offer.answer(5000))
        await trio.sleep(60)

    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, hang_up_later)
        call = await phone.invite(BOB)
        box.forget()
        await (await call.send("INFO")).expect(range(200, 700))
        await trio.sleep(40)
        # A keep-alive by a request that says nothing of its Contact.
        await (await call.send("INFO")).expect(range(200, 700))
        await call.expect_bye()
        await quiet(bob)
        nursery.cancel_scope.cancel()


# The BYE goes astray, and the phone's call stands for ever.
@pytest.mark.sip(leaks=False)
async def test_the_letter_of_the_rfc_can_be_had(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    phone = phone_behind_nat(sip_network, make_sip_peer)
    settings = StackSettings(answers_by_flow=False)
    async with (
        agent(sip_network, "bob", settings=settings) as bob,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(bob.serve_calls, hang_up_after_a_second)
        call = await phone.invite(BOB)
        await call.expect_nothing(within=20)
        nursery.cancel_scope.cancel()

    assert Address("10.0.0.1", 5060) in {wire.destination for wire in sip_network.wires}


async def test_a_proxy_that_stays_on_the_way_is_asked(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    proxy = make_sip_peer("proxy")
    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_calls, hang_up_after_a_second)
        sent = await proxy.request(
            "INVITE",
            BOB,
            headers=[("Contact", "<sip:phone@10.0.0.1>"), ("Record-Route", f"<{PROXY}>")],
            body=proxy.sdp,
        )
        call = proxy.call_of(await sent.final())
        # It plays the phone, too, which has nobody else on its way to Bob.
        call.dialog.route_set = ()
        await proxy.send(call.dialog.create_ack(sent.request))
        bye = await call.expect_bye()
        await quiet(bob)

        assert [f"<{PROXY}>"] == bye.message.headers.get_all("Route")
        nursery.cancel_scope.cancel()


@pytest.mark.sip(seeds=30, loss=0.3)
@pytest.mark.parametrize("hidden", ["alice", "bob"])
async def test_a_call_with_somebody_hidden_gets_through_whatever_is_lost(
    hidden: str, sip_network: MemoryNetwork
) -> None:
    box = sip_network.nat(hidden, lifetime=300)
    ended: list[Ended | None] = []

    async def take(call: IncomingCall) -> None:
        try:
            assert call.offer is not None
            await call.answer(call.offer.answer(5000))
            await trio.sleep(15 if hidden == "alice" else HOUR)
        finally:
            ended.append(call.ended)

    async with (
        agent(sip_network, "alice") as alice,
        agent(sip_network, "bob") as bob,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(bob.serve_calls, take)
        target = BOB
        if hidden == "bob":
            await bob.options(f"sip:alice@{sip_network.host('alice').addresses[0]}")
            ((_, public),) = box.mappings(trio.current_time())
            target = f"sip:bob@{public}"
        async with alice.call(target, OFFER) as call:
            await call.answered()
            await trio.sleep(HOUR if hidden == "alice" else 15)
        ended.append(call.ended)
        await quiet(alice, bob)
        nursery.cancel_scope.cancel()

    # Whoever is hidden has heard the other one say goodbye.
    told = ended[-1] if hidden == "alice" else ended[0]
    assert told is not None
    assert (Side.REMOTE, How.BYE) == (told.by, told.how)


async def test_a_hidden_watcher_is_notified(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    phone = phone_behind_nat(sip_network, make_sip_peer)

    async def watch(subscription: IncomingSubscription) -> None:
        subscription.accept(Body("open"))
        await trio.sleep_forever()

    async with agent(sip_network, "bob") as bob, trio.open_nursery() as nursery:
        await nursery.start(bob.serve_subscriptions, "door", watch)
        await phone.request("SUBSCRIBE", BOB, headers=[("Event", "door"), ("Expires", "60")])
        await phone.expect(200)
        notify = await phone.expect("NOTIFY")
        await notify.respond(200)
        await phone.expect("NOTIFY", within=70)
        nursery.cancel_scope.cancel()
