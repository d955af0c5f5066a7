"""What goes wrong in one call never hurts another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio

from trio_sip._errors import SipError
from trio_sip.message import Request
from trio_sip.session import Side
from trio_sip.stack import IncomingRequest
from trio_sip.testing import MakeSipPeer, MemoryNetwork, MessagePattern
from trio_sip.ua import CallSupplement, IncomingCall, OutgoingCall, UserAgent

from .calls import BOB, OFFER, alice_and_bob

Trouble = Callable[[IncomingCall], Awaitable[None]]


async def stay(call: IncomingCall) -> None:
    await call.answer(OFFER)
    await trio.sleep_forever()


@asynccontextmanager
async def a_quiet_call(alice: UserAgent) -> AsyncIterator[OutgoingCall]:
    """A call to Bob that has nothing to do with what happens meanwhile, and is there afterwards."""
    async with alice.call(f"{BOB};quiet", OFFER) as call:
        await call.answered()
        yield call
        await call.info("still there?")
        await call.hold()
        assert call.ended is None
    assert Side.LOCAL is call.ended_by


async def raise_before_it_rings(call: IncomingCall) -> None:
    raise ZeroDivisionError


async def raise_while_it_rings(call: IncomingCall) -> None:
    await call.ring()
    await trio.sleep(1)
    raise ZeroDivisionError


async def raise_in_the_call(call: IncomingCall) -> None:
    await call.answer(OFFER)
    await trio.sleep(0.5)
    raise ZeroDivisionError


async def raise_a_group(call: IncomingCall) -> None:
    await call.answer(OFFER)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raise_before_it_rings, call)
        nursery.start_soon(raise_before_it_rings, call)


async def raise_in_a_task(call: IncomingCall) -> None:
    await call.answer(OFFER)
    call.start_soon(raise_before_it_rings, call)
    await trio.sleep_forever()


async def raise_in_the_handler_of_a_request(call: IncomingCall) -> None:
    async def fail(request: IncomingRequest) -> None:
        raise ZeroDivisionError

    call.set_handler("INFO", fail)
    await stay(call)


async def raise_as_it_is_cancelled(call: IncomingCall) -> None:
    await call.answer(OFFER)
    try:
        await trio.sleep_forever()
    finally:
        raise ZeroDivisionError


TROUBLES = [
    raise_before_it_rings,
    raise_while_it_rings,
    raise_in_the_call,
    raise_a_group,
    raise_in_a_task,
    raise_in_the_handler_of_a_request,
    raise_as_it_is_cancelled,
]


async def have_trouble(alice: UserAgent) -> None:
    with suppress(SipError):
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            await trio.sleep(1)
            await call.info("?")


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_an_error_in_one_call_leaves_the_others_alone(
    trouble: Trouble, sip_network: MemoryNetwork
) -> None:
    async def handle(call: IncomingCall) -> None:
        await (stay(call) if "quiet" in call.target.params else trouble(call))

    async with alice_and_bob(sip_network, handle, strict=False) as (alice, bob):
        async with a_quiet_call(alice):
            await have_trouble(alice)
            await trio.sleep(5)

        assert 1 == bob.stack.statistics().handler_errors
        assert 0 == alice.stack.statistics().handler_errors


@pytest.mark.parametrize("strict", [True, False])
async def test_an_error_in_the_block_of_one_call_leaves_the_others_alone(
    strict: bool, sip_network: MemoryNetwork
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    async def call_and_fail(alice: UserAgent) -> None:
        async with alice.call(BOB, OFFER) as call:
            await call.answered()
            call.start_soon(fail)
            await trio.sleep_forever()

    async with alice_and_bob(sip_network, stay, strict=strict) as (alice, bob), a_quiet_call(alice):
        with pytest.raises(ZeroDivisionError):
            await call_and_fail(alice)
        await trio.sleep(5)

        assert (0, 0) == (
            alice.stack.statistics().handler_errors,
            bob.stack.statistics().handler_errors,
        )


@pytest.mark.parametrize("strict", [True, False])
async def test_what_the_other_side_does_to_one_handler_leaves_the_other_calls_alone(
    strict: bool, sip_network: MemoryNetwork
) -> None:
    """It refuses, hangs up, sends what cannot be read: a strict stack takes none of it amiss."""

    async def ask_in_vain(call: IncomingCall) -> None:
        await call.answer(OFFER)
        await call.send_request("REFER")

    async def handle(call: IncomingCall) -> None:
        await (stay(call) if "quiet" in call.target.params else ask_in_vain(call))

    async with (
        alice_and_bob(sip_network, handle, strict=strict) as (alice, bob),
        a_quiet_call(alice),
    ):
        with suppress(SipError):
            async with alice.call(BOB, OFFER) as call:
                await trio.sleep_forever()
        with suppress(SipError):
            async with alice.call(BOB, b"v=nonsense\r\n") as call:
                await call.answered()
                await trio.sleep(1)
        await trio.sleep(5)

        assert 0 == bob.stack.statistics().handler_errors


class Clumsy(CallSupplement):
    """Falls over whatever passes."""

    def on_call(self, call: object) -> int | None:
        return None

    def on_request(self, call: object, request: Request) -> None:
        raise ZeroDivisionError

    def on_end(self, call: object) -> None:
        raise ZeroDivisionError


async def test_a_supplement_that_fails_leaves_the_calls_alone(sip_network: MemoryNetwork) -> None:
    async with alice_and_bob(sip_network, stay, strict=False) as (alice, bob):
        bob.calls.supplements = (Clumsy(),)
        async with a_quiet_call(alice):
            await trio.sleep(1)

        await trio.sleep(1)
        assert bob.stack.statistics().handler_errors >= 3


def rubbish(call: OutgoingCall) -> list[bytes]:
    """Messages of Alice's within *call*, none of which she would send."""
    dialog = call.dialog
    assert dialog is not None
    number = 100

    # One of a kind that would be taken is not here: a re-INVITE that nobody acknowledges ends its call.
    def within(
        method: str,
        *headers: str,
        body: bytes = b"",
        cseq: str | None = None,
        tag: str | None = None,
    ) -> bytes:
        nonlocal number
        number += 1
        lines = [
            f"{method} sip:bob@192.0.2.2 SIP/2.0",
            f"Via: SIP/2.0/UDP 192.0.2.1:5999;branch=z9hG4bK{number}",
            "Max-Forwards: 70",
            f"From: <sip:alice@192.0.2.1>;tag={dialog.id.local_tag}",
            f"To: <sip:bob@192.0.2.2>;tag={dialog.id.remote_tag if tag is None else tag}",
            f"Call-ID: {dialog.id.call_id}",
            f"CSeq: {f'{number} {method}' if cseq is None else cseq}",
            "Contact: <sip:alice@192.0.2.1>",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    sdp = "Content-Type: application/sdp"
    update = within("UPDATE", sdp, body=bytes(OFFER))
    return [
        b"",
        b"\x00\xff" * 50,
        b"SIP/2.0\r\n\r\n",
        within("BYE")[:60],
        within("BYE", tag="somebody-else"),
        within("BYE", cseq="1 BYE"),
        within("BYE", cseq="nonsense"),
        within("CANCEL"),
        within("ACK", sdp, body=b"nonsense"),
        within("PRACK"),
        within("PRACK", "RAck: 1 1 INVITE"),
        within("PRACK", "RAck: nonsense"),
        within("INVITE", sdp, body=b"v=nonsense"),
        within("ACK"),
        within("INVITE", sdp, "Session-Expires: nonsense", "Min-SE: -1", body=b"v=0"),
        within("INVITE", "Require: nonsense"),
        within("UPDATE", sdp, body=b"\xff\xfe"),
        within("UPDATE", "Session-Expires: 1"),
        update.replace(b"m=audio", b"m=audio 1 RTP/AVP 0\r\nm="),
        within("INFO", "Info-Package: nonsense"),
        within("INFO", "Content-Type: application/dtmf-relay", body=b"Signal="),
        within("REFER"),
        within("REFER", "Refer-To: nonsense"),
        within("NOTIFY"),
        within("SUBSCRIBE", "Event: nonsense"),
        within("NONSENSE"),
        within("INFO", cseq="4294967299 INFO"),
        update.replace(b"UPDATE sip:bob@192.0.2.2 SIP/2.0", b"SIP/2.0 200 OK"),
        update.replace(b"UPDATE sip:bob@192.0.2.2 SIP/2.0", b"SIP/2.0 999 ?"),
    ]


@pytest.mark.parametrize("strict", [True, False])
async def test_rubbish_in_one_call_ends_neither_it_nor_any_other(
    strict: bool, sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with alice_and_bob(sip_network, stay, strict=strict) as (alice, bob):
        peer = make_sip_peer("alice", port=5999)
        peer.ignore(MessagePattern())
        async with a_quiet_call(alice):
            async with alice.call(BOB, OFFER) as call:
                await call.answered()
                for message in rubbish(call):
                    await peer.send_raw(message, BOB)
                    await trio.sleep(0.1)
                await trio.sleep(40)

            assert Side.LOCAL is call.ended_by
            assert 0 == bob.stack.statistics().handler_errors
