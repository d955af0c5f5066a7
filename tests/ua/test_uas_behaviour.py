"""What RFC 3261 demands of whoever answers, seen from outside: datagrams in, datagrams out.

A user agent takes every call: 180, and 200 a moment later.  Alice, beside it, writes by hand.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.stack.scene import Peer, request, without
from trio_sip.message import NameAddr, Response, Uri
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import Address
from trio_sip.ua import IncomingCall, UserAgent, open_user_agent

SDP = (
    b"v=0\r\no=alice 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
CONTACT = "Contact: <sip:alice@192.0.2.1>"
DESCRIBED = (CONTACT, "Content-Type: application/sdp")
BESIDE = Address("192.0.2.1", 40000)
"""A port of Alice's other than the one that her Via names."""


def invite(
    headers: Iterable[str] = (),
    *,
    uri: str = "sip:bob@192.0.2.2",
    via: str = "SIP/2.0/UDP 192.0.2.1:5060",
    branch: str = "1",
    call_id: str = "c1",
) -> bytes:
    """An INVITE with an offer."""
    return request(
        "INVITE",
        uri=uri,
        via=via,
        branch=branch,
        call_id=call_id,
        headers=[*DESCRIBED, *headers],
        body=SDP,
    )


def target_of(response: Response) -> Uri:
    """Its one Contact."""
    (contact,) = response.contacts
    assert isinstance(contact, NameAddr)
    return contact.uri


def within(method: str, response: Response, cseq: int, branch: str, call_id: str = "c1") -> bytes:
    """A request in the dialog that a 200 has made."""
    return request(
        method,
        uri=str(target_of(response)),
        branch=branch,
        to_tag=response.to.tag,
        call_id=call_id,
        cseq=cseq,
    )


def ack(response: Response, call_id: str = "c1") -> bytes:
    return within("ACK", response, 1, "ack", call_id)


@attrs.define(eq=False, kw_only=True)
class Scene:
    """Bob answers at 192.0.2.2, and Alice is at 192.0.2.1."""

    network: MemoryNetwork
    bob: UserAgent
    alice: Peer
    calls: list[IncomingCall]
    """Those that his handler was given."""

    async def answered(self, data: bytes) -> Response:
        """The 200 to this INVITE; what comes before it must be provisional."""
        self.alice.send(data)
        while True:
            response = await self.alice.response()
            if response.status >= 200:
                assert 200 == response.status
                return response

    async def statuses(self, data: bytes, wait: float = 0.4) -> list[int]:
        """What comes of it, but for 100."""
        answers = await self.alice.answers(data, wait)
        return [status for status in answers if status > 100]

    async def refused(self, data: bytes) -> Response:
        """The response, which must be the only one."""
        response = await self.alice.ask(data)
        assert [] == await self.alice.statuses(0.3)
        return response


@asynccontextmanager
async def open_scene() -> AsyncIterator[Scene]:
    calls: list[IncomingCall] = []

    async def take(call: IncomingCall) -> None:
        calls.append(call)
        await call.ring()
        await trio.sleep(0.1)
        offer = call.offer
        await call.answer(SDP if offer is None else offer.answer(5000))
        await trio.sleep_forever()

    with trio.fail_after(3600):
        async with MemoryNetwork.open() as network:
            alice = Peer(network.host("alice"))
            async with (
                open_user_agent(
                    "sip:bob@192.0.2.2",
                    listen="udp://192.0.2.2:5060",
                    network=network.host("bob"),
                    strict=True,
                ) as bob,
                trio.open_nursery() as nursery,
            ):
                await nursery.start(bob.serve_calls, take)
                yield Scene(network=network, bob=bob, alice=alice, calls=calls)
                nursery.cancel_scope.cancel()
            alice.close()


# -- what a response has (RFC 3261 sections 8.2.6, 12.1.1 and 18.2)


async def test_both_vias_come_back_in_their_order(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        data = invite(["Via: SIP/2.0/UDP phone.example.com:5070;branch=z9hG4bKphone"])
        response = await scene.answered(data)

        hosts = [via.host for via in response.vias]
        assert ["192.0.2.1", "phone.example.com"] == hosts
        assert ["z9hG4bK1", "z9hG4bKphone"] == [via.branch for via in response.vias]


async def test_record_route_comes_back_in_all_responses_that_make_a_dialog(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        routes = ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr;x=1>"]
        scene.alice.send(invite([f"Record-Route: {route}" for route in routes]))
        ringing, answer = await scene.alice.response(), await scene.alice.response()

        assert (180, 200) == (ringing.status, answer.status)
        assert routes == ringing.headers.get_all("Record-Route")
        assert routes == answer.headers.get_all("Record-Route")


async def test_to_has_the_same_tag_in_180_and_200(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        scene.alice.send(invite())
        ringing, answer = await scene.alice.response(), await scene.alice.response()

        assert ringing.to.tag
        assert ringing.to.tag == answer.to.tag


async def test_the_200_has_a_contact_where_the_bye_is_taken(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        answer = await scene.answered(invite())

        target = target_of(answer)
        assert ("192.0.2.2", 5060) == (target.host, target.port or 5060)


# -- the 200 and its ACK (RFC 3261 section 13.3.1.4)


async def test_the_200_comes_four_times_in_four_seconds_without_an_ack(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        assert [180, 200, 200, 200, 200] == await scene.statuses(invite(), 3.9)


async def test_an_invite_that_comes_twice_is_one_call(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        scene.alice.send(invite())
        ringing = await scene.alice.response()
        again = await scene.alice.ask(invite())
        answer = await scene.alice.response()

        assert (180, 180, 200) == (ringing.status, again.status, answer.status)
        assert 1 == len({ringing.to.tag, again.to.tag, answer.to.tag})
        assert 1 == len(scene.calls)


async def test_an_invite_that_comes_again_after_the_200_gets_no_other_answer(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        answer = await scene.answered(invite())
        scene.alice.send(invite())
        again = await scene.alice.response()

        assert (200, answer.to.tag) == (again.status, again.to.tag)
        assert 1 == len(scene.calls)


async def test_an_ack_stops_the_200(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        answer = await scene.answered(invite())

        assert [] == await scene.statuses(ack(answer), 10)


# -- the end of a call (RFC 3261 sections 9.2, 12.2.2 and 15.1.2)


async def test_a_bye_is_answered_and_ends_the_call(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        answer = await scene.answered(invite())
        scene.alice.send(ack(answer))

        assert [200] == await scene.statuses(within("BYE", answer, 2, "bye"))
        assert scene.calls[0].ended is not None


async def test_a_second_bye_finds_no_call(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        answer = await scene.answered(invite())
        scene.alice.send(ack(answer))
        await scene.statuses(within("BYE", answer, 2, "bye"))

        assert [481] == await scene.statuses(within("BYE", answer, 3, "another"))


@pytest.mark.parametrize("method", ["BYE", "CANCEL", "UPDATE", "PRACK", "INFO"])
async def test_a_request_in_a_call_that_never_was_finds_no_call(
    method: str, autojump_clock: MockClock
) -> None:
    async with open_scene() as scene:
        data = request(method, to_tag="nobody", call_id="nowhere", headers=[CONTACT])

        assert 481 == (await scene.refused(data)).status


async def test_a_cancel_of_nothing_finds_no_transaction(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        assert 481 == (await scene.refused(request("CANCEL", call_id="nowhere"))).status


# -- what is refused (RFC 3261 section 8.2)


async def test_a_method_that_nobody_knows_is_refused(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        response = await scene.refused(request("FROBNICATE"))

        assert response.status in (405, 501)
        assert "INVITE" in (response.headers.get("Allow") or "")


async def test_an_extension_that_nobody_knows_is_refused_by_name(
    autojump_clock: MockClock,
) -> None:
    async with open_scene() as scene:
        response = await scene.refused(invite(["Require: 100rel, teleport"]))

        assert (420, "teleport") == (response.status, response.headers.get("Unsupported"))
        assert [] == scene.calls


async def test_another_version_of_sip_is_refused_or_dropped(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        data = invite().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1)

        assert await scene.statuses(data, 1) in ([505], [])
        assert [] == scene.calls


async def test_a_body_that_ends_too_early_is_not_answered_200(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        assert await scene.statuses(invite()[:-20], 1) in ([400], [])
        assert [] == scene.calls


async def test_an_invite_without_cseq_is_not_answered_200(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        assert await scene.statuses(without(invite(), "CSeq"), 1) in ([400], [])
        assert [] == scene.calls


async def test_a_scheme_that_nobody_knows_is_refused(autojump_clock: MockClock) -> None:
    async with open_scene() as scene:
        response = await scene.refused(invite(uri="nobodyKnowsThisScheme:totallyopaquecontent"))

        assert 416 == response.status
        assert [] == scene.calls


# -- where responses go (RFC 3581 section 4)


@pytest.mark.parametrize("filled", [False, True], ids=["goes there", "is filled in"])
async def test_rport_is_where_the_request_came_from(
    filled: bool, autojump_clock: MockClock
) -> None:
    async with open_scene() as scene:
        beside = Peer(scene.network.host("alice"), BESIDE)
        response = await beside.ask(invite(via="SIP/2.0/UDP 192.0.2.1:5060;rport"))
        beside.close()

        assert 180 == response.status
        if filled:
            assert (40000, "192.0.2.1") == (response.via.rport, response.via.received)


# -- other ways to say the same (RFC 3261 section 7.3)


async def test_compact_names_are_understood(autojump_clock: MockClock) -> None:
    data = invite()
    for name, compact in (
        (b"Via", b"v"), (b"From", b"f"), (b"To", b"t"), (b"Call-ID", b"i"), (b"Contact", b"m"),
        (b"Content-Type", b"c"), (b"Content-Length", b"l"),
    ):  # fmt: skip
        data = data.replace(b"\r\n%b:" % name, b"\r\n%b:" % compact, 1)
    async with open_scene() as scene:
        assert "c1" == (await scene.answered(data)).call_id


async def test_folded_lines_are_understood(autojump_clock: MockClock) -> None:
    data = invite(["Subject: long"]).replace(
        b"Subject: long", b"Subject: long\r\n  and\r\n\tfolded"
    )
    data = data.replace(b"From: ", b"From:\r\n ", 1)
    async with open_scene() as scene:
        assert "c1" == (await scene.answered(data)).call_id


async def test_two_vias_on_a_line_are_understood(autojump_clock: MockClock) -> None:
    via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtop, SIP/2.0/UDP phone.example.com"
    async with open_scene() as scene:
        response = await scene.answered(invite(via=via))

        assert ["z9hG4bKtop", "z9hG4bK1"] == [via.branch for via in response.vias]


# -- and it stays alive


GARBAGE = (
    b"",
    b"\0",
    b"\r\n\r\n",
    b"hello",
    bytes(range(256)) * 4,
    b"INVITE\r\n\r\n",
    b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\n\r\n",
    b"SIP/2.0 200 OK\r\n\r\n",
    b"SIP/2.0 999999 OK\r\nVia: x\r\nCSeq: -1 \xff\r\n\r\n",
    invite()[:120],
    invite().replace(b"CSeq: 1 INVITE", b"CSeq: 99999999999 INVITE"),
    invite().replace(b"From: <", b'From: "<'),
    invite().replace(b"Content-Length: ", b"Content-Length: -"),
    b"\xff\xfe" + invite(),
)


async def test_it_answers_after_garbage_and_complains_of_nothing(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_scene() as scene:
        for data in GARBAGE:
            scene.alice.send(data)
        await scene.alice.statuses(1)
        calls = len(scene.calls)
        answer = await scene.answered(invite(branch="after", call_id="after"))
        await scene.statuses(ack(answer, "after"))

        assert (0, 1) == (calls, len(scene.calls))
        assert 0 == scene.bob.stack.statistics().handler_errors
        assert [] == [one for one in caplog.records if one.levelno >= logging.ERROR]
