"""The races of RFC 5407 until a call stands, and what else goes wrong on the way there."""

from __future__ import annotations

import pytest
import trio

from trio_sip.message import RSEQ

from ._target import Target

# -- CANCEL


async def test_a_cancel_ends_an_invite_that_rings(target: Target) -> None:
    """RFC 3261 section 9.2: CANCEL gets 200, and the INVITE 487."""
    sent, _ = await target.rings()
    cancel = await sent.cancel()
    answer = await target.final(cancel)
    refusal = await target.final(sent)

    assert (200, 487) == (answer.status, refusal.status)


async def test_the_to_tag_of_the_200_to_a_cancel_is_that_of_the_invite(target: Target) -> None:
    """RFC 3261 section 9.2: "the To tag … of the response to the CANCEL and … SHOULD be the same"."""
    sent, ringing = await target.rings()
    answer = await target.final(await sent.cancel())
    await target.final(sent)
    if ringing.message.to.tag is None:
        pytest.skip("it rings without a tag")

    assert ringing.message.to.tag == answer.message.to.tag


async def test_the_487_comes_again_until_it_is_acknowledged(target: Target) -> None:
    """RFC 3261 section 17.2.1: Timer G repeats a refusal over UDP: T1, then doubling up to T2."""
    target.needs_datagrams()
    sent, _ = await target.rings()
    await target.final(await sent.cancel())
    refusal = await sent.expect(range(300, 700), optional=[range(100, 200)])
    await refusal.expect_retransmissions(0.5, 1.5, 3.5, tolerance=target.tolerance)
    await refusal.ack()
    await trio.sleep(0.3)
    copies = len(refusal.copies)
    await trio.sleep(4.5)

    assert copies == len(refusal.copies)


async def test_a_cancel_that_comes_again_gets_the_same_answer(target: Target) -> None:
    """RFC 3261 section 17.2.2: a retransmission gets the final response again."""
    target.needs_datagrams()
    sent, _ = await target.rings()
    cancel = await sent.cancel()
    answer = await target.final(cancel)
    await target.send_octets(bytes(cancel.request))
    await trio.sleep(0.3)
    await target.final(sent)

    assert (200, 1) == (answer.status, len(answer.copies))


async def test_a_cancel_after_the_200_changes_nothing(target: Target) -> None:
    """RFC 5407 section 3.1.2: CANCEL and 200 cross; the call stands, and is ended with BYE."""
    call = await target.answered()
    answer = await target.final(await call.sent.cancel())
    await call.ack()

    assert answer.status in (200, 481)
    assert 200 == (await call.ask("BYE")).status


async def test_a_cancel_at_once_ends_in_487_or_in_a_call(target: Target) -> None:
    """RFC 5407 section 3.1.2: whichever comes first wins, and there is one final response."""
    request = target.create_invite()
    sent = await target.send(request)
    provisional = await sent.expect(range(100, 700))
    if provisional.status >= 200:
        pytest.skip("it answers without ringing")
    cancel = await sent.cancel()
    await target.final(cancel)
    response = await target.final(sent)

    assert response.status == 487 or response.status < 300


# -- the first INVITE


async def test_the_same_request_by_another_way_is_a_loop(target: Target) -> None:
    """RFC 3261 section 8.2.2.2: a merged request gets 482."""
    sent, _ = await target.rings()
    copy = target.peer.again(sent.request)
    copy.headers.set("CSeq", sent.request.cseq)
    other = await target.send(copy)
    response = await target.maybe_final(other)
    if response is None or response.status != 482:
        pytest.skip("it does not recognise merged requests")

    assert 482 == response.status


async def test_a_bye_before_the_200_ends_the_call(target: Target) -> None:
    """RFC 5407 section 3.1.3 and RFC 3261 section 15: a caller may say BYE in an early dialog."""
    sent, ringing = await target.rings()
    if ringing.message.to.tag is None or ringing.message.contact is None:
        pytest.skip("its 180 makes no dialog")
    early = target.early_call(sent, ringing)
    answer = await target.final(await early.send("BYE"))
    if answer.status not in (200, 487):
        pytest.skip(f"it takes no BYE in an early dialog: {answer.status}")
    response = await target.maybe_final(sent)

    assert 200 == answer.status
    assert response is not None
    assert 487 == response.status


async def test_a_reliable_180_is_repeated_until_prack(target: Target) -> None:
    """RFC 3262 section 3: repeated at T1 and doubling, until a PRACK with its numbers."""
    target.needs_datagrams()
    request = target.create_invite(target.ringing, headers=[("Require", "100rel")])
    sent, ringing = await target.rings(request)
    rseq = ringing.message.headers.get(RSEQ)
    if rseq is None:
        pytest.skip("it does not send provisional responses reliably")
    early = target.early_call(sent, ringing)
    await ringing.expect_retransmissions(0.5, 1.5, tolerance=target.tolerance)
    rack = f"{rseq} {sent.request.cseq}"
    wrong = await target.final(
        await early.send("PRACK", headers=[("RAck", f"{rseq + 7} {sent.request.cseq}")])
    )
    right = await target.final(await early.send("PRACK", headers=[("RAck", rack)]))
    copies = len(ringing.copies)
    await trio.sleep(3)
    await target.final(await sent.cancel())
    refusal = await target.final(sent)

    assert (481, 200) == (wrong.status, right.status)
    assert copies == len(ringing.copies)
    assert 487 == refusal.status


async def test_a_reliable_180_without_prack_ends_in_a_refusal(target: Target) -> None:
    """RFC 3262 section 3: after 64*T1 without PRACK the INVITE "SHOULD" be refused with 5xx."""
    target.needs_time(35)
    request = target.create_invite(target.ringing, headers=[("Require", "100rel")])
    sent, ringing = await target.rings(request)
    if ringing.message.headers.get(RSEQ) is None:
        pytest.skip("it does not send provisional responses reliably")
    response = await target.final(sent, within=40)

    assert response.status >= 500


# -- the ACK


async def test_an_ack_with_another_number_acknowledges_nothing(target: Target) -> None:
    """RFC 3261 section 13.2.2.4: the CSeq number of the ACK is that of the INVITE."""
    target.needs_datagrams()
    call = await target.answered()
    await call.response.ack(rude="wrong CSeq")
    since = trio.current_time()
    await trio.sleep(1.8)

    assert [] != [one for one in call.response.copies if one > since]


async def test_a_lost_ack_is_no_harm(target: Target) -> None:
    """RFC 3261 section 13.3.1.4: the 200 comes again, and the ACK that answers it will do."""
    target.needs_datagrams()
    call = await target.answered()
    await call.response.ack(lost=True)
    await trio.sleep(0.8)
    copies = len(call.response.copies)
    await call.ack()

    assert copies >= 1
    assert 200 == (await call.ask("BYE")).status


async def test_an_ack_that_comes_three_times_is_no_harm(target: Target) -> None:
    """RFC 3261 section 17: an ACK is never answered."""
    call = await target.answered()
    for _ in range(3):
        await call.ack()
    others = await target.settle(0.5)

    assert [] == [one.label for one in others]
    assert 200 == (await call.ask("BYE")).status


async def test_a_bye_that_overtakes_the_ack_ends_the_call(target: Target) -> None:
    """RFC 5407 section 3.1.6: BYE in the moratorium state gets 200, and the 2xx stops."""
    call = await target.answered()
    answer = await call.ask("BYE")
    copies = len(call.response.copies)
    await call.ack()
    await trio.sleep(2)

    assert 200 == answer.status
    assert copies == len(call.response.copies)


async def test_a_reinvite_that_overtakes_the_ack_does_not_end_the_call(target: Target) -> None:
    """RFC 5407 section 3.1.4: re-INVITE in the moratorium state; 491, 500 or 200, never silence."""
    call = await target.answered()
    response = await call.reinvite()
    await call.ack()

    assert response.status in (200, 491, 500)
    assert 200 == (await call.ask("BYE")).status
