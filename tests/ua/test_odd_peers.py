"""Calls with phones that do what is allowed and unusual, or not allowed and usual."""

from __future__ import annotations

import pytest
import trio

from trio_sip.message import parse_message_untrusted
from trio_sip.sdp import SessionDescription
from trio_sip.session import Side
from trio_sip.testing import MakeSipPeer, MemoryNetwork
from trio_sip.ua import IncomingCall

from .calls import OFFER, alice_and_peer, answer_and_wait


async def test_an_offer_in_a_multipart_is_the_offer(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, phone, nursery):
        await nursery.start(alice.serve_calls, answer_and_wait)
        request = phone.create_request("INVITE", alice.uri)
        part = b"--x\r\nContent-Type: %s\r\n\r\n%s\r\n"
        body = part % (b"text/plain", b"hello") + part % (b"application/sdp", phone.sdp)
        request.add_body(body + b"--x--\r\n", "multipart/mixed;boundary=x")
        answered = await (await phone.send(request)).final()
        await answered.ack()
        await phone.call_of(answered).bye()

        assert 200 == answered.status
        assert b"m=audio 5000 " in answered.body


async def test_a_description_before_the_200_is_the_answer_if_the_200_has_none(
    sip_network: MemoryNetwork,
    make_sip_peer: MakeSipPeer,
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, phone, nursery):
        heard: list[object] = []

        async def call_bob() -> None:
            async with alice.call(phone.uri, OFFER) as call:
                answer = await call.answered()
                heard.extend([answer.sdp, call.remote_sdp])
                await trio.sleep_forever()

        nursery.start_soon(call_bob)
        invite = await phone.expect("INVITE")
        await invite.respond(183, body=phone.sdp)
        await invite.respond(200)
        await phone.expect("ACK")
        await phone.call_of(invite).bye()

        assert 2 == len(heard)
        assert [phone.sdp, phone.sdp] == [bytes(one) for one in heard]  # type: ignore[call-overload]  # values


async def test_a_bridge_passes_on_an_answer_that_came_before_the_200(
    sip_network: MemoryNetwork,
    make_sip_peer: MakeSipPeer,
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, phone, nursery):

        async def bridge(leg_a: IncomingCall) -> None:
            async with alice.call(phone.uri, leg_a.offer) as leg_b:
                async for progress in leg_b.progress():
                    await leg_a.progress(progress.status, sdp=progress.sdp)
                answer = await leg_b.answered()
                await leg_a.answer(sdp=answer.sdp)
                await trio.sleep_forever()

        await nursery.start(alice.serve_calls, bridge)
        caller = await phone.request("INVITE", alice.uri, body=phone.sdp)
        invite = await phone.expect("INVITE")
        await invite.respond(183, body=phone.sdp)
        await caller.expect(183)
        await invite.respond(200)
        await phone.expect("ACK")
        answered = await caller.final()
        await answered.ack()
        call = phone.call_of(answered)
        await trio.sleep(1)
        await call.bye()
        bye = await phone.expect("BYE")
        await bye.respond(200)

        assert phone.sdp.splitlines()[-1] in answered.body


async def test_a_route_that_cannot_be_read_harms_nobody(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, phone, nursery):
        ended_by: list[Side | None] = []

        async def call_bob() -> None:
            async with alice.call(phone.uri, OFFER) as call:
                await call.answered()
                await trio.sleep_forever()
            ended_by.append(call.ended_by)

        nursery.start_soon(call_bob)
        invite = await phone.expect("INVITE")
        await invite.respond(180, headers=[("Record-Route", "<sip:a@b;lr>x>")])
        await invite.respond(200, body=phone.sdp, headers=[("Record-Route", "<<<")])
        await phone.expect("ACK")
        await phone.call_of(invite).bye()
        await trio.sleep(1)

        assert [Side.REMOTE] == ended_by
        assert "ended by remote" == f"ended by {ended_by[0]}"


async def test_an_update_whose_contact_cannot_be_read_is_refused(
    sip_network: MemoryNetwork,
    make_sip_peer: MakeSipPeer,
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, phone, nursery):
        await nursery.start(alice.serve_calls, answer_and_wait)
        call = await phone.invite(alice.uri)
        update = call.create_request("UPDATE")
        update.headers.set("Contact", "<sip:bad")
        refused = await (await phone.send(update)).final()
        await call.bye()

        assert (400, "Bad Contact header") == (refused.status, refused.message.reason)
        assert 0 == alice.stack.statistics().handler_errors


@pytest.mark.parametrize("profile", ["RFC 2543", "compact", "early media"])
async def test_phones_of_many_kinds_call_and_are_called(
    profile: str, sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer, profile=profile) as (
        alice,
        phone,
        nursery,
    ):
        await nursery.start(alice.serve_calls, answer_and_wait)

        async def call_bob() -> None:
            async with alice.call(phone.uri, OFFER) as call:
                await call.answered()
                await call.hold()

        nursery.start_soon(call_bob)
        call = await phone.answer(ring=1)
        held = await call.expect("INVITE")
        await held.respond(200, body=phone.sdp)
        await call.expect("ACK")
        await call.expect_bye()
        back = await phone.invite(alice.uri)
        again = await (await back.send("INVITE", body=phone.sdp)).final()
        await again.ack()
        await back.bye()

        assert b"a=sendonly" in held.body
        assert 200 == again.status


def origins(*bodies: bytes) -> list[tuple[int, int]]:
    found = [SessionDescription.parse(body).origin for body in bodies]
    return [(origin.session_id, origin.version) for origin in found]


async def test_an_offer_that_met_theirs_has_the_version_after_what_was_said_meanwhile(
    sip_network: MemoryNetwork,
    make_sip_peer: MakeSipPeer,
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, phone, nursery):

        async def hold_bob() -> None:
            async with alice.call(phone.uri, OFFER) as call:
                await call.answered()
                await call.hold()
                await trio.sleep_forever()

        nursery.start_soon(hold_bob)
        call = await phone.answer()
        first = await call.expect("INVITE")
        await first.respond(491)
        held = phone.sdp.replace(b"a=sendrecv", b"a=sendonly")
        theirs = await (await call.send("INVITE", body=held)).final()
        await theirs.ack()
        second = await call.expect("INVITE")
        await second.respond(200, body=phone.sdp)
        await call.expect("ACK")
        await call.bye()

        said = origins(bytes(OFFER), first.body, theirs.body, second.body)
        assert [(1, 1), (1, 2), (1, 2), (1, 3)] == said
        assert b"a=sendonly" in second.body


async def test_the_origin_stays_whatever_is_offered_in_a_call(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, phone, nursery):
        other = SessionDescription.audio(7000, "192.0.2.1", session_id=77)

        async def change() -> None:
            async with alice.call(phone.uri, OFFER) as call:
                await call.answered()
                await call.reinvite(other)
                await call.update(other)
                await call.reinvite(bytes(other))

        nursery.start_soon(change)
        call = await phone.answer()
        bodies = []
        for method in ("INVITE", "UPDATE", "INVITE"):
            request = await call.expect(method)
            bodies.append(request.body)
            await request.respond(200, body=phone.sdp)
            if method == "INVITE":
                await call.expect("ACK")
        await call.expect_bye()

        assert [(1, 2), (1, 2), (77, 1)] == origins(*bodies)


async def test_early_media_and_answer_are_one_description(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer) as (alice, phone, nursery):

        async def answer_twice(call: IncomingCall) -> None:
            assert call.offer is not None
            await call.progress(183, call.offer.answer(5000), reliable=False)
            await call.answer(call.offer.answer(5002))
            await trio.sleep_forever()

        await nursery.start(alice.serve_calls, answer_twice)
        sent = await phone.request("INVITE", alice.uri, body=phone.sdp)
        early = await sent.expect(183)
        answered = await sent.final()
        await answered.ack()
        await phone.call_of(answered).bye()

        before, after = origins(early.body, answered.body)
        assert (before[0], before[1] + 1) == after


@pytest.mark.sip(seeds=30, loss=0.3, deadline=86400)
async def test_a_phone_with_early_media_rings_until_it_is_heard(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer, profile="early media") as (
        alice,
        phone,
        nursery,
    ):
        phone.patience = 64
        heard: list[object] = []

        async def call_phone() -> None:
            async with alice.call(phone.uri, OFFER) as call:
                heard.extend([(one.status, bytes(one.sdp or b"")) async for one in call.progress()])
                answer = await call.answered()
                heard.append(answer.response.body)
                await trio.sleep_forever()

        nursery.start_soon(call_phone)
        call = await phone.answer(ring=3)
        await call.bye()

        assert [(183, phone.sdp), b""] == heard
        said = [parse_message_untrusted(one.data) for one in phone.wires if one.label.status == 183]
        heard_of = [one for one in phone.wires if one.label.method == "PRACK"]
        assert {("100rel", "1")} == {(one.headers["Require"], one.headers["RSeq"]) for one in said}
        assert all(
            b"\r\nRAck: 1 1 INVITE\r\n" in one.data for one in heard_of if not one.label.status
        )


async def test_a_reliable_answer_is_repeated_until_the_prack_comes(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_peer(sip_network, make_sip_peer, profile="early media") as (
        alice,
        phone,
        nursery,
    ):
        phone.lose("PRACK", count=5)

        async def call_phone() -> None:
            async with alice.call(phone.uri, OFFER) as call:
                await call.answered()
                await trio.sleep_forever()

        nursery.start_soon(call_phone)
        call = await phone.answer(ring=100)
        await call.bye()

        rings = [one.time for one in phone.wires if one.label.status == 183]
        pracks = [one.time for one in phone.wires if one.label.text == "PRACK"]
        # RFC 3262 section 3: after T1, and then twice as long each time.
        due = [0, 0.5, 1.5, 3.5, 7.5, 15.5]
        last = next(time for time in pracks[5:])
        assert [one for one in due if one < last - rings[0]] == pytest.approx(
            [time - rings[0] for time in rings]
        )
        assert 6 <= len(pracks)


async def test_a_phone_with_early_media_rings_once_for_who_knows_no_prack(
    make_sip_peer: MakeSipPeer,
) -> None:
    phone, old = make_sip_peer("phone", profile="early media"), make_sip_peer("old")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(phone.answer)
        sent = await old.request("INVITE", phone.uri, body=old.sdp)
        ringing = await sent.expect(183)
        answer = await sent.expect(200)
        await answer.ack()

    assert "Require" not in ringing
    assert [phone.sdp, phone.sdp] == [ringing.body, answer.body]
    await trio.sleep(40)
    assert [] == ringing.copies
