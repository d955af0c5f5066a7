"""What RFC 3261 demands of whoever answers, seen from outside: messages in, messages out."""

from __future__ import annotations

import pytest
import trio

from trio_sip.message import NameAddr, Request, Response, Via

from ._target import Target


def written(request: Request, *changes: tuple[bytes, bytes]) -> bytes:
    """Its octets, with the first of each of these replaced; all of them must be there."""
    data = bytes(request)
    for old, new in changes:
        assert old in data
        data = data.replace(old, new, 1)
    return data


def contact_of(response: Response) -> NameAddr:
    """Its one Contact."""
    (contact,) = response.contacts
    assert isinstance(contact, NameAddr)
    return contact


async def statuses_of(target: Target, request: Request, data: bytes, within: float) -> list[int]:
    """What comes of octets that stand for *request* and are not quite it."""
    await target.send_octets(data)
    found = [
        one.message.status
        for one in await target.settle(within)
        if isinstance(one.message, Response)
        and one.message.headers.get("Call-ID") == request.call_id
    ]
    return [status for status in found if status > 100]


# -- what a response has


async def test_both_vias_come_back_in_their_order(target: Target) -> None:
    """RFC 3261 section 8.2.6.2: the Via of the response equals that of the request."""
    request = target.create_invite()
    request.headers.add("Via", "SIP/2.0/UDP phone.example.com:5070;branch=z9hG4bKphone")
    call = await target.answered(request)

    assert [via.branch for via in request.vias] == [
        via.branch for via in call.response.message.vias
    ]
    assert "phone.example.com" == call.response.message.vias[1].host


async def test_record_route_comes_back_in_all_responses_that_make_a_dialog(
    target: Target,
) -> None:
    """RFC 3261 section 12.1.1: "MUST copy all Record-Route header field values"."""
    here = target.peer.address
    routes = [f"<sip:{here};lr;x=2>", f"<sip:{here};lr;x=1>"]
    request = target.create_invite(headers=[("Record-Route", one) for one in routes])
    call = await target.answered(request)
    given = [one for one in call.provisional if one.message.to.tag and one.status == 180]

    assert routes == call.response.message.headers.get_all("Record-Route")
    assert all(routes == one.message.headers.get_all("Record-Route") for one in given)


async def test_to_has_the_same_tag_in_all_responses(target: Target) -> None:
    """RFC 3261 section 8.2.6.2: "MUST use the same tag for all responses to that request"."""
    call = await target.answered()
    tags = {one.message.to.tag for one in [*call.provisional, call.response]}

    assert call.response.message.to.tag
    assert {call.response.message.to.tag} == tags - {None}


async def test_the_200_has_a_contact_where_the_bye_is_taken(target: Target) -> None:
    """RFC 3261 section 12.1.1: "The UAS MUST add a Contact header field to the response"."""
    call = await target.answered()
    await call.ack()

    assert contact_of(call.response.message).uri.host
    assert 200 == (await call.ask("BYE")).status


async def test_the_200_says_what_the_system_takes(target: Target) -> None:
    """RFC 3261 section 13.3.1.4: a 2xx "SHOULD" have Allow and Supported; Allow names INVITE."""
    call = await target.answered()
    allow = call.response.message.headers.get("Allow")
    if allow is None:
        pytest.skip("it does not say what it allows")

    assert {"INVITE", "ACK", "BYE"} <= {one.strip() for one in allow.split(",")}


async def test_from_call_id_and_cseq_come_back_as_they_were(target: Target) -> None:
    """RFC 3261 section 8.2.6.2: From, Call-ID and CSeq of the response equal the request's."""
    request = target.create_invite()
    call = await target.answered(request)
    response = call.response.message

    assert request.from_.tag == response.from_.tag
    assert (request.call_id, request.cseq) == (response.call_id, response.cseq)


# -- the 200 and its ACK


async def test_the_200_comes_again_and_again_without_an_ack(target: Target) -> None:
    """RFC 3261 section 13.3.1.4: at T1, then doubling up to T2."""
    target.needs_datagrams()
    call = await target.answered()
    await call.response.expect_retransmissions(0.5, 1.5, 3.5, tolerance=target.tolerance)


async def test_the_200_comes_again_over_streams_too(target: Target) -> None:
    """RFC 3261 section 13.3.1.4: "regardless of whether transports in use are reliable"."""
    if target.transport == "UDP":
        pytest.skip("the target speaks UDP")
    call = await target.answered()
    await call.response.expect_retransmissions(0.5, 1.5, 3.5, tolerance=target.tolerance)


async def test_an_invite_that_comes_twice_is_one_call(target: Target) -> None:
    """RFC 3261 section 17.2.1: a retransmission gets the latest response again."""
    target.needs_datagrams()
    target.peer.retransmits = False
    request = target.create_invite()
    await target.send_octets(bytes(request))
    call = await target.answered(request)
    await call.ack()
    others = await target.settle(0.7)

    assert [] == [one for one in others if isinstance(one.message, Response) and
                  one.message.status >= 200]  # fmt: skip
    assert {call.response.message.to.tag} == {
        one.message.to.tag for one in [*call.provisional, call.response] if one.message.to.tag
    }


async def test_an_invite_that_comes_again_after_the_200_gets_no_other_answer(
    target: Target,
) -> None:
    """RFC 6026 section 7.1: a retransmission after the 2xx is absorbed; RFC 5407 section 3.1.1."""
    target.needs_datagrams()
    request = target.create_invite()
    call = await target.answered(request)
    await target.send_octets(bytes(request))
    others = await target.settle(0.3)
    await call.ack()

    assert [] == [one.label for one in others]


async def test_an_ack_stops_the_200(target: Target) -> None:
    """RFC 3261 section 13.3.1.4: "until … an ACK is received"."""
    call = await target.answered()
    await call.ack()
    await trio.sleep(0.3)
    copies = len(call.response.copies)
    await trio.sleep(2.2 if target.is_virtual is False else 10)

    assert copies == len(call.response.copies)


async def test_who_is_never_acknowledged_hangs_up(target: Target) -> None:
    """RFC 3261 section 13.3.1.4: after 64*T1 "the session SHOULD be terminated" with a BYE."""
    target.needs_time(32)
    call = await target.answered()
    bye = await call.call.expect("BYE", within=35)
    await bye.respond(200)
    call.is_over = True
    waited = bye.wire.time - call.response.wire.time

    assert abs(32 - waited) < 2


# -- the end of a call


async def test_a_bye_is_answered_and_ends_the_call(target: Target) -> None:
    """RFC 3261 section 15.1.2: BYE gets 200; a second one, in a new transaction, finds no call."""
    call = await target.answered()
    await call.ack()

    assert 200 == (await call.ask("BYE")).status
    assert 481 == (await call.ask("BYE")).status


async def test_a_bye_that_comes_again_gets_the_same_answer(target: Target) -> None:
    """RFC 3261 section 17.2.2: in COMPLETED a retransmission gets the final response again."""
    target.needs_datagrams()
    call = await target.answered()
    await call.ack()
    sent = await call.call.send("BYE")
    response = await target.final(sent)
    call.is_over = True
    await target.send_octets(bytes(sent.request))
    await trio.sleep(0.3)

    assert 200 == response.status
    assert 1 == len(response.copies)


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "PRACK", "INFO", "INVITE"])
async def test_a_request_in_a_call_that_never_was_finds_no_call(
    method: str, target: Target
) -> None:
    """RFC 3261 section 12.2.2: a To tag of no dialog gets 481."""
    request = target.create(method, headers=[("RAck", "1 1 INVITE")] if method == "PRACK" else ())
    request.headers.set("To", f"{request.to};tag=nobody")
    response = await target.asked(request)
    if response.status in (405, 501):
        pytest.skip(f"it does not take {method}: {response.status}")

    assert 481 == response.status


async def test_a_cancel_of_nothing_finds_no_transaction(target: Target) -> None:
    """RFC 3261 section 9.2: a CANCEL that matches no transaction gets 481."""
    assert 481 == (await target.asked(target.create("CANCEL"))).status


# -- what is refused


async def test_a_method_that_nobody_knows_is_refused(target: Target) -> None:
    """RFC 3261 section 8.2.1: 405 with Allow; section 21.5.2: 501."""
    response = await target.asked(target.create("FROBNICATE"))

    assert response.status in (405, 501)
    if response.status == 405:
        assert "INVITE" in (response.message.headers.get("Allow") or "")


async def test_an_extension_that_nobody_knows_is_refused_by_name(target: Target) -> None:
    """RFC 3261 section 8.2.2.3: 420, and Unsupported names it."""
    response = await target.asked(target.create_invite(headers=[("Require", "teleport")]))

    assert 420 == response.status
    assert "teleport" == response.message.headers.get("Unsupported")


async def test_another_version_of_sip_is_refused_or_dropped(target: Target) -> None:
    """RFC 3261 section 7.1: there is SIP/2.0; section 21.5.6: another one gets 505."""
    request = target.create_invite()
    data = written(request, (b" SIP/2.0\r\n", b" SIP/7.0\r\n"))

    assert await statuses_of(target, request, data, 1) in ([505], [400], [])


async def test_a_body_that_ends_too_early_is_not_answered_200(target: Target) -> None:
    """RFC 3261 section 18.3: a datagram shorter than its Content-Length gets 400."""
    target.needs_datagrams()
    request = target.create_invite()

    found = await statuses_of(target, request, bytes(request)[:-20], 1)

    assert [] == [status for status in found if status < 400]


@pytest.mark.parametrize("name", ["CSeq", "Call-ID", "From", "To"])
async def test_an_invite_without_what_is_mandatory_is_not_answered_200(
    name: str, target: Target
) -> None:
    """RFC 3261 section 8.1.1: To, From, CSeq, Call-ID, Max-Forwards and Via are mandatory."""
    target.needs_datagrams()
    request = target.create_invite()
    data = bytes(request)
    request.headers.remove(name)
    await target.send_octets(bytes(request))
    came = [one.message for one in await target.settle(1)]

    assert data != bytes(request)
    assert [] == [one for one in came if isinstance(one, Response) and one.is_success]


async def test_a_scheme_that_nobody_knows_is_refused(target: Target) -> None:
    """RFC 3261 section 8.2.2.1: an unknown scheme gets 416."""
    request = target.create_invite()
    start = bytes(request).split(b" ")[1]
    data = written(request, (start, b"nobodyKnowsThisScheme:totallyopaquecontent"))
    found = await statuses_of(target, request, data, 1)

    assert found in ([416], [404], [400], [])


async def test_a_body_that_nobody_understands_is_refused(target: Target) -> None:
    """RFC 3261 section 8.2.3: 415, and Accept says what is understood."""
    request = target.create("INVITE", body=b"<hello/>", content_type="application/x-unheard-of")
    response = await target.asked(request)
    if response.status in (405, 501):
        pytest.skip(f"it takes no calls: {response.status}")

    assert response.status in (415, 488)
    if response.status == 415:
        assert "sdp" in (response.message.headers.get("Accept") or "")


# -- where responses go


async def test_rport_is_where_the_request_came_from(target: Target) -> None:
    """RFC 3581 section 4: the response goes to the source port, which rport tells."""
    target.needs_datagrams()
    here = target.peer.address
    # Without this one, silence might mean anything.  It ends: not everybody takes two at once.
    first = await target.answered()
    await first.ack()
    await first.ask("BYE")
    request = target.create_invite()
    lie = Via("UDP", here.host, 9, {"branch": request.via.branch, "rport": None})
    request.headers.remove("Via")
    request.headers.insert_first("Via", lie)
    response = await target.final(await target.send(request))

    assert response.status < 300
    assert (here.port, here.host) == (
        response.message.via.rport,
        response.message.via.received or here.host,
    )


# -- other ways to say the same


async def understood(target: Target, request: Request, data: bytes) -> None:
    """Send a call in an odd spelling, and see that it is taken for what it is."""
    target.peer.retransmits = False
    sent = await target.send(request, lost=True)
    await target.send_octets(data)
    response = await target.maybe_final(sent, 15)
    if response is not None and response.status >= 300:
        await target.answered()

    assert response is not None
    assert response.status < 300


async def test_compact_names_are_understood(target: Target) -> None:
    """RFC 3261 section 7.3.3: "Implementations MUST accept both the long and short forms"."""
    request = target.create_invite()
    names = ((b"Via", b"v"), (b"From", b"f"), (b"To", b"t"), (b"Call-ID", b"i"),
             (b"Contact", b"m"), (b"Content-Type", b"c"), (b"Content-Length", b"l"))  # fmt: skip
    changes = [(b"\r\n%b:" % name, b"\r\n%b:" % compact) for name, compact in names]
    await understood(target, request, written(request, *changes))


async def test_names_in_any_case_are_understood(target: Target) -> None:
    """RFC 3261 section 7.3.1: "field names are always case-insensitive"."""
    request = target.create_invite()
    changes = [(b"\r\n%b:" % name, b"\r\n%b:" % name.swapcase())
               for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Contact")]  # fmt: skip
    await understood(target, request, written(request, *changes))


async def test_folded_lines_are_understood(target: Target) -> None:
    """RFC 3261 section 7.3.1: a field may be folded over several lines."""
    request = target.create_invite(headers=[("Subject", "long")])
    changes = ((b"Subject: long", b"Subject: long\r\n  and\r\n\tfolded"),
               (b"From: ", b"From:\r\n "))  # fmt: skip
    await understood(target, request, written(request, *changes))


async def test_two_vias_on_a_line_are_understood(target: Target) -> None:
    """RFC 3261 section 7.3.1: values of a list may stand on one line."""
    request = target.create_invite()
    more = b", SIP/2.0/UDP phone.example.com;branch=z9hG4bKphone"
    data = written(request, (b"\r\nMax-Forwards", more + b"\r\nMax-Forwards"))
    await understood(target, request, data)


# -- and it stays alive


async def test_it_answers_after_garbage(target: Target) -> None:
    """RFC 3261 section 16.3 and 18.3: what cannot be read is dropped, or answered 400."""
    target.needs_datagrams()
    whole = bytes(target.create_invite())
    if not await target.is_alive():
        pytest.skip("it answers nothing")
    for data in (
        b"\0", b"\r\n\r\n", b"hello", bytes(range(256)) * 4, b"INVITE\r\n\r\n",
        b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 999999 OK\r\nVia: x\r\nCSeq: -1 \xff\r\n\r\n", whole[:120],
        whole.replace(b"CSeq: 1 INVITE", b"CSeq: 99999999999 INVITE"),
        whole.replace(b"From: <", b'From: "<'),
        whole.replace(b"Content-Length: ", b"Content-Length: -"), b"\xff\xfe" + whole,
    ):  # fmt: skip
        await target.send_octets(data)
    await target.settle(1)

    assert await target.is_alive()
