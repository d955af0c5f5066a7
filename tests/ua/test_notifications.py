"""NOTIFYs that nobody has subscribed to."""

from __future__ import annotations

import pytest
import trio

from trio_sip._errors import LocalProtocolError, RequestRejected
from trio_sip.stack import IncomingRequest
from trio_sip.testing import MemoryNetwork

from .calls import BOB, OFFER, alice_and_bob, answer_and_wait

STATE = ("Subscription-State", "active")


async def test_they_are_refused_unless_somebody_wants_to_hear_of_the_event(
    sip_network: MemoryNetwork,
) -> None:
    heard: list[str] = []

    async def hear(request: IncomingRequest) -> None:
        heard.append(request.message.body.decode())
        if len(heard) == 2:
            request.respond(202)

    async with alice_and_bob(sip_network) as (alice, bob), trio.open_nursery() as nursery:

        async def tell(event: str, text: str) -> int:
            headers = [("Event", event), STATE]
            response = await alice.send_request("NOTIFY", BOB, text, headers=headers)
            return response.status

        with pytest.raises(RequestRejected, match="481"):
            await tell("message-summary", "none")
        await nursery.start(bob.serve_notifications, "message-summary", hear)
        with pytest.raises(LocalProtocolError, match="served already"):
            await bob.serve_notifications("message-summary", hear)
        statuses = [await tell("message-summary", text) for text in ("one", "two")]
        with pytest.raises(RequestRejected, match="481"):
            await tell("check-sync", "none")
        nursery.cancel_scope.cancel()

    assert [200, 202] == statuses
    assert ["one", "two"] == heard


async def test_within_a_call_they_are_refused_unless_there_is_a_handler(
    sip_network: MemoryNetwork,
) -> None:
    async def hear(request: IncomingRequest) -> None:
        request.respond(200)

    async with (
        alice_and_bob(sip_network, answer_and_wait) as (alice, bob),
        alice.call(BOB, OFFER) as call,
    ):
        await call.answered()
        with pytest.raises(RequestRejected, match="481"):
            await call.send_request("NOTIFY", headers=[("Event", "talk"), STATE])
        bob.calls.handlers["NOTIFY"] = hear
        response = await call.send_request("NOTIFY", headers=[("Event", "talk"), STATE])
        assert 200 == response.status
