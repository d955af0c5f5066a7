"""What goes on in a call that stands, and what goes wrong there: RFC 3261 sections 12 to 15."""

from __future__ import annotations

import pytest
import trio

from trio_sip.message import Request, Response
from trio_sip.testing import PeerRequest

from ._target import Answered, Target


async def confirmed(target: Target) -> Answered:
    """A call that stands."""
    call = await target.answered()
    await call.ack()
    await trio.sleep(0.1)
    return call


async def refreshed(target: Target) -> tuple[Answered, PeerRequest]:
    """A call that stands, and the request by which the other side refreshes it."""
    request = target.create_invite(
        headers=[("Supported", "timer"), ("Session-Expires", "90;refresher=uas")]
    )
    call = await target.answered(request)
    agreed = call.response.message.headers.get("Session-Expires") or ""
    await call.ack()
    if "refresher=uas" not in agreed:
        pytest.skip("it does not refresh sessions")
    return call, await target.request_in(call.call, within=60)


async def test_a_bye_right_after_a_reinvite_ends_the_call(target: Target) -> None:
    """RFC 5407 appendix B: BYE wins; the re-INVITE gets 200, 481, 487 or 491."""
    call = await confirmed(target)
    reinvite = await call.call.send("INVITE", body=target.peer.sdp)
    answer = await call.ask("BYE")
    response = await target.final(reinvite)

    assert 200 == answer.status
    assert response.status in (200, 481, 487, 491)


async def test_a_reinvite_right_after_a_bye_finds_no_call(target: Target) -> None:
    """RFC 5407 section 3.2.2: in the mortal state a re-INVITE gets 481."""
    call = await confirmed(target)
    bye = await call.call.send("BYE")
    reinvite = await call.call.send("INVITE", body=target.peer.sdp)
    answer, response = await target.final(bye), await target.final(reinvite)
    call.is_over = True

    assert (200, 481) == (answer.status, response.status)


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "OPTIONS"])
async def test_a_request_after_the_bye_finds_no_call(method: str, target: Target) -> None:
    """RFC 3261 section 12.2.2: a dialog that is over is no dialog: 481."""
    call = await confirmed(target)
    await call.ask("BYE")
    response = await call.ask(method)
    if response.status in (405, 501):
        pytest.skip(f"it does not take {method}")

    assert 481 == response.status


async def test_two_calls_do_not_touch_each_other(target: Target) -> None:
    """RFC 3261 section 12: a dialog is Call-ID and both tags; the end of one is not the other's."""
    first, second = await confirmed(target), await confirmed(target)
    answer = await first.ask("BYE")
    response = await second.reinvite()

    assert (200, 200) == (answer.status, response.status)
    assert 200 == (await second.ask("BYE")).status


async def test_a_reinvite_is_answered_in_the_dialog(target: Target) -> None:
    """RFC 3261 section 14.2: a re-INVITE gets a 2xx with an answer, and no new tag."""
    call = await confirmed(target)
    response = await call.reinvite()

    assert 200 == response.status
    assert call.response.message.to.tag == response.message.to.tag
    assert b"m=audio" in response.body


async def test_a_held_call_is_not_sent_to(target: Target) -> None:
    """RFC 3264 section 6.1: the answer to sendonly is recvonly or inactive."""
    call = await confirmed(target)
    response = await call.reinvite(
        target.peer.sdp.replace(b"sendrecv", b"sendonly").replace(b"- 1 1 ", b"- 1 2 ")
    )
    if response.status != 200:
        pytest.skip(f"it refuses to be held: {response.status}")

    assert b"a=recvonly" in response.body or b"a=inactive" in response.body


async def test_what_is_said_anew_has_a_new_version(target: Target) -> None:
    """RFC 3264 section 8: the version in o= "MUST increment by one" when a description changes."""
    call = await confirmed(target)
    held = target.peer.sdp.replace(b"sendrecv", b"sendonly").replace(b"- 1 1 ", b"- 1 2 ")
    response = await call.reinvite(held)
    if response.status != 200:
        pytest.skip(f"it refuses to be held: {response.status}")
    before, after = (_origin(one.body) for one in (call.response, response))

    if before[1] != after[1]:
        assert int(before[0].split()[2]) + 1 == int(after[0].split()[2])
    else:
        assert before[0] == after[0]


def _origin(description: bytes) -> tuple[str, list[str]]:
    """The origin, and all the rest."""
    lines = description.decode().splitlines()
    origin = next(line for line in lines if line.startswith("o="))
    return origin, [line for line in lines if line != origin]


async def test_a_reinvite_without_an_offer_gets_one(target: Target) -> None:
    """RFC 3261 section 14.2: the 2xx to a re-INVITE without a body has an offer; RFC 3264."""
    call = await confirmed(target)
    response = await target.final(await call.call.send("INVITE"))
    if response.status >= 300:
        pytest.skip(f"it refuses a re-INVITE without an offer: {response.status}")
    await response.ack(body=target.peer.sdp)

    assert b"m=audio" in response.body


async def test_a_request_with_an_old_number_is_refused(target: Target) -> None:
    """RFC 3261 section 12.2.2: a CSeq lower than the last one gets 500."""
    call = await confirmed(target)
    await call.reinvite()
    old = await call.call.send("INFO", rude="old CSeq")
    response = await target.maybe_final(old)
    if response is None:
        pytest.skip("it is not answered")
    if response.status in (405, 501, 415, 469):
        pytest.skip(f"it does not take INFO: {response.status}")

    assert 500 == response.status


@pytest.mark.parametrize(
    "rude", ["wrong To tag", "wrong From tag", "wrong Call-ID", "swapped tags"]
)
async def test_a_bye_to_another_dialog_does_not_end_this_one(rude: str, target: Target) -> None:
    """RFC 3261 section 12.2.2: Call-ID and both tags name the dialog; others get 481."""
    target.peer.retransmits = False
    call = await confirmed(target)
    await call.call.send("BYE", rude=rude)
    came = [one.message for one in await target.settle(0.7)]
    target.peer.retransmits = True

    assert {481} >= {one.status for one in came if isinstance(one, Response)}
    assert 200 == (await call.ask("BYE")).status


async def test_requests_that_cross_are_both_decided(target: Target) -> None:
    """RFC 3261 section 14.1, RFC 5407 section 3.3.1: glare; one of two gets 491."""
    target.needs_time(50)
    call, came = await refreshed(target)
    assert isinstance(came.message, Request)
    ours = await call.call.send("INVITE", body=target.peer.sdp)
    response = await target.final(ours)
    if response.status < 300:
        await response.ack()
    await came.respond(491 if came.method == "INVITE" else 200)
    await target.settle(0.2)

    assert response.status in (491, 500) if came.method == "INVITE" else response.status in (
        200, 491, 500
    )  # fmt: skip
    assert 200 == (await call.ask("BYE")).status


async def test_a_session_is_refreshed_in_time(target: Target) -> None:
    """RFC 4028 section 10: the refresher refreshes after half the interval."""
    target.needs_time(50)
    call, came = await refreshed(target)
    await came.respond(200, headers=[("Session-Expires", "90;refresher=uac")], body=came.body)
    await target.settle(0.5)
    waited = came.wire.time - call.response.wire.time

    assert came.method in ("INVITE", "UPDATE")
    assert 40 <= waited <= 80


async def test_what_is_said_in_a_call_goes_through_its_proxies(target: Target) -> None:
    """RFC 3261 section 12.1.1 and 12.2.1.1: the route set, in the order of Record-Route."""
    target.needs_time(33)
    here = target.peer.address
    routes = [f"<sip:{here};lr;x=1>", "<sip:far.example.com;lr;x=2>"]
    request = target.create_invite(headers=[("Record-Route", one) for one in routes])
    call = await target.answered(request)
    bye = await call.call.expect("BYE", within=40)
    await bye.respond(200)
    call.is_over = True

    assert routes == bye.message.headers.get_all("Route")
    assert str(target.peer.contact.uri) == bye.message.target
