"""What a type checker must say about calls, as their users write them."""

from __future__ import annotations

import inspect
from typing import assert_type

import trio_sip
from trio_sip.message import Reason
from trio_sip.session import Side
from trio_sip.stack import Endpoint
from trio_sip.ua import Answer, CallHandler, Change, Info, Progress, Sdp


async def make(alice: trio_sip.UserAgent, offer: Sdp) -> None:
    call = alice.call("sip:bob@example.com", offer)
    assert_type(call, trio_sip.OutgoingCall)
    try:
        async with call as entered:
            assert_type(entered, trio_sip.OutgoingCall)
            async for progress in entered.progress():
                assert_type(progress, Progress)
                assert_type(progress.status, int)
                assert_type(progress.sdp, trio_sip.SessionDescription | None)
            answer = await entered.answered()
            assert_type(answer, Answer)
            assert_type(answer.sdp, trio_sip.SessionDescription | None)
            assert_type(await entered.hold(), Answer)
            assert_type(await entered.info("x"), trio_sip.Response)
            async for info in entered.infos():
                assert_type(info, Info)
            async for key in entered.dtmf():
                assert_type(key, str)
            async for change in entered.changes():
                assert_type(change, Change)
                assert_type(change.offer, trio_sip.SessionDescription | None)
    except trio_sip.CallRejected as rejection:
        assert_type(rejection.status, int)
        assert_type(rejection.response.reason, str)
    assert_type(call.ended_by, Side | None)
    assert_type(call.reason, Reason | None)


async def greet(call: trio_sip.IncomingCall) -> None:
    assert_type(call.offer, trio_sip.SessionDescription | None)
    assert_type(call.target, trio_sip.Uri)
    assert_type(call.caller, trio_sip.NameAddr)
    assert_type(call.endpoint, Endpoint)
    await call.ring()
    if call.offer is not None:
        assert_type(await call.answer(call.offer.answer(4000)), trio_sip.SessionDescription | None)


async def serve(bob: trio_sip.UserAgent) -> None:
    handler: CallHandler = greet
    async with bob.register(expires=300) as registration:
        assert_type(registration, trio_sip.Registration)
        assert_type(registration.expires_at, float)
        await bob.serve_calls(handler)


def test_the_functions_above_are_checked_and_not_called() -> None:
    assert all(map(inspect.iscoroutinefunction, (make, greet, serve)))
