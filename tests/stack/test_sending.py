"""Requests of who cannot wait: where they go, what is answered below, and when they are cancelled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.lowlevel

from trio_sip._errors import NoRoute, RequestTimedOut, TransportFailed
from trio_sip.dialog import Dialog
from trio_sip.message import Request, Response, Uri, create_request, parse_message_untrusted
from trio_sip.stack import SentRequest, Stack, open_stack
from trio_sip.testing import MakeSipPeer, MemoryHost, MemoryNetwork, SipPeer
from trio_sip.transport import Flow

from .answers import ManyAddresses, answer, serve
from .realms import credentials
from .scene import ALICE, UDP_BOB, scene

TARGET = "sip:alice@192.0.2.1"
CHALLENGE = "WWW-Authenticate", 'Digest realm="example.com", nonce="n1", qop="auth"'


@attrs.define(eq=False)
class User:
    """Writes down what it is told."""

    statuses: list[int] = attrs.field(factory=list)
    failures: list[type[Exception]] = attrs.field(factory=list)
    flows: list[Flow] = attrs.field(factory=list)

    def request_leaves(self, sent: SentRequest, flow: Flow) -> None:
        self.flows.append(flow)

    def receive_response(self, sent: SentRequest, response: Response) -> None:
        self.statuses.append(response.status)

    def receive_failure(self, sent: SentRequest, error: Exception) -> None:
        self.failures.append(type(error))


def request(method: str = "OPTIONS", target: str = TARGET) -> Request:
    return create_request(
        method,
        target,
        from_="<sip:bob@192.0.2.2>;tag=b",
        to=f"<{TARGET}>",
        call_id="c",
        cseq=1,
        contact="<sip:bob@192.0.2.2>",
    )


async def test_responses_are_told_as_they_come(sip_network: MemoryNetwork) -> None:
    user = User()
    async with scene(sip_network) as here:
        sent = here.stack.start_request(request("INVITE"), user)
        invite = await here.alice.request()
        for status in (100, 180, 486):
            here.alice.send(answer(invite, status))
        await trio.sleep(1)

        assert [100, 180, 486] == user.statuses
        assert [ALICE] == [flow.remote for flow in user.flows]
        sent.leave()
        sent.cancel()
        assert "ACK" == (await here.alice.request()).method


async def test_silence_is_told_as_such(sip_network: MemoryNetwork) -> None:
    user = User()
    async with scene(sip_network) as here:
        here.network.partition("alice")
        here.stack.start_request(request(), user)
        await trio.sleep(40)

    assert [RequestTimedOut] == user.failures


@pytest.mark.parametrize(
    "target",
    [
        "sip:alice@192.0.2.1;transport=sctp",
        "sips:alice@192.0.2.1;transport=udp",
        "tel:+123",
        "sip:nobody@nowhere",
    ],
)
async def test_that_no_way_leads_there_is_told(target: str, sip_network: MemoryNetwork) -> None:
    user = User()
    async with scene(sip_network) as here:
        here.stack.start_request(request(target=target), user)
        await trio.sleep(1)

    assert [NoRoute] == user.failures


async def test_a_connection_is_opened_for_it(sip_network: MemoryNetwork) -> None:
    user = User()
    async with scene(sip_network) as here:
        listener = here.network.host("alice").bind_connections(ALICE)
        here.stack.start_request(request(target=f"{TARGET};transport=tcp"), user)
        stream = await listener.accept()
        invite = parse_message_untrusted(await stream.receive_some())
        assert isinstance(invite, Request)
        stream.send_some_nowait(answer(invite, 200))
        await trio.sleep(1)
        assert [200] == user.statuses
        # The next one finds it open.
        again = request(target=f"{TARGET};transport=tcp")
        again.headers.set("CSeq", "2 OPTIONS")
        here.stack.start_request(again, user)
        await trio.sleep(1)
        stream.close()
        listener.close()
        await trio.sleep(1)

    assert [TransportFailed] == user.failures


async def test_nobody_listening_for_a_connection_is_told(sip_network: MemoryNetwork) -> None:
    user = User()
    async with scene(sip_network) as here:
        here.stack.start_request(request(target=f"{TARGET};transport=tcp"), user)
        await trio.sleep(1)

    assert [TransportFailed] == user.failures


async def test_a_challenge_is_answered_before_anybody_hears_of_it(
    sip_network: MemoryNetwork,
) -> None:
    user = User()
    seen: list[Request] = []

    def script(request: Request) -> Sequence[bytes]:
        if request.method == "ACK":
            return []
        known = "Authorization" in request.headers
        return [answer(request, 200) if known else answer(request, 401, CHALLENGE)]

    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, script, seen)
        here.stack.start_request(request(), user, credentials=credentials())
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

    assert [200] == user.statuses
    assert [1, 2] == [one.cseq.number for one in seen]


async def test_a_challenge_that_is_not_answered_is_a_response_with_a_reason(
    sip_network: MemoryNetwork,
) -> None:
    user = User()
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, lambda one: [answer(one, 401, CHALLENGE)])
        sent = here.stack.start_request(request(), user, credentials=credentials())
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

    assert [401] == user.statuses
    assert sent.refusal is not None


@asynccontextmanager
async def where_there_are(*servers: SipPeer, host: MemoryHost) -> AsyncIterator[Stack]:
    """A stack on *host*, for which example.com is these servers, of which the first comes first."""
    bob = ManyAddresses(host, {"example.com": [one.address for one in servers]})
    async with open_stack(f"udp://{host.addresses[0]}:5060", network=bob, strict=True) as stack:
        yield stack


async def test_a_server_that_has_no_time_is_passed_over(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    user = User()
    first, second = make_sip_peer("first"), make_sip_peer("second")
    async with where_there_are(first, second, host=sip_network.host("bob")) as stack:
        stack.start_request(request(target="sip:alice@example.com"), user)
        one = await first.expect("OPTIONS")
        await one.respond(503)
        two = await second.expect("OPTIONS")
        await two.respond(200)
        await trio.sleep(1)

    assert [200] == user.statuses
    assert one.message.via.branch != two.message.via.branch


async def test_when_no_server_has_time_that_is_the_answer(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    user = User()
    servers = make_sip_peer("first"), make_sip_peer("second")
    async with where_there_are(*servers, host=sip_network.host("bob")) as stack:
        stack.start_request(request(target="sip:alice@example.com"), user)
        for server in servers:
            await (await server.expect("OPTIONS")).respond(503)
        await trio.sleep(1)

    assert [503] == user.statuses
    assert [] == user.failures


async def test_a_cancel_waits_for_a_provisional_response(sip_network: MemoryNetwork) -> None:
    user = User()
    async with scene(sip_network) as here:
        sent = here.stack.start_request(request("INVITE"), user)
        invite = await here.alice.request()
        sent.cancel([("Reason", "SIP;cause=200")])
        await trio.sleep(0.1)
        here.alice.send(answer(invite, 180))
        cancel = await here.alice.request()
        here.alice.send(answer(cancel, 200))
        here.alice.send(answer(invite, 487))
        ack = await here.alice.request()

        assert ("CANCEL", "SIP;cause=200") == (cancel.method, cancel["Reason"])
        assert "ACK" == ack.method
        assert [180, 487] == user.statuses


async def test_what_is_cancelled_before_it_has_left_is_answered_at_home(
    sip_network: MemoryNetwork,
) -> None:
    user = User()
    async with scene(sip_network) as here:
        sent = here.stack.start_request(request("INVITE", "sip:alice@alice"), user)
        sent.cancel()
        await trio.sleep(1)

        assert [487] == user.statuses
        assert [] == here.network.wires


async def test_a_challenge_to_what_was_cancelled_is_not_answered(
    sip_network: MemoryNetwork,
) -> None:
    user = User()
    async with scene(sip_network) as here:
        sent = here.stack.start_request(request("INVITE"), user, credentials=credentials())
        invite = await here.alice.request()
        sent.cancel()
        here.alice.send(answer(invite, 401, CHALLENGE))
        await trio.sleep(1)

        assert [401] == user.statuses


async def test_each_success_of_an_invite_is_told_and_later_ones_are_declined(
    sip_network: MemoryNetwork,
) -> None:
    user = User()
    contact = "Contact", "<sip:alice@192.0.2.1>"
    async with scene(sip_network) as here:
        sent = here.stack.start_request(request("INVITE"), user)
        invite = await here.alice.request()
        here.alice.send(answer(invite, 200, contact, to_tag="one"))
        here.alice.send(answer(invite, 200, contact, to_tag="two"))
        await trio.sleep(0.1)
        assert [200, 200] == user.statuses
        sent.leave()
        here.alice.send(answer(invite, 200, contact, to_tag="three"))
        methods = [(await here.alice.request()).method for _ in range(2)]

        assert ["ACK", "BYE"] == methods
        assert [200, 200] == user.statuses


async def test_a_success_after_a_refusal_is_declined(sip_network: MemoryNetwork) -> None:
    user = User()
    async with scene(sip_network) as here:
        here.stack.start_request(request("INVITE"), user)
        invite = await here.alice.request()
        here.alice.send(answer(invite, 486, to_tag="one"))
        assert "ACK" == (await here.alice.request()).method
        here.alice.send(answer(invite, 200, ("Contact", "<sip:alice@192.0.2.1>"), to_tag="two"))

        assert ["ACK", "BYE"] == [(await here.alice.request()).method for _ in range(2)]
        assert [486] == user.statuses


async def test_the_end_of_the_stack_is_told(sip_network: MemoryNetwork) -> None:
    user = User()
    sip_network.host("alice")
    async with open_stack(UDP_BOB, network=sip_network.host("bob")) as stack:
        stack.start_request(request(), user)
        await trio.lowlevel.checkpoint()

    assert [TransportFailed] == user.failures


async def test_an_ack_goes_the_way_of_its_dialog_each_time_it_is_asked_for(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        invite = request("INVITE")
        response = parse_message_untrusted(
            answer(invite, 200, ("Contact", "<sip:alice@192.0.2.1:5060>"))
        )
        assert isinstance(response, Response)
        dialog = Dialog.as_uac(invite, response)
        ack = dialog.create_ack(invite)
        for _ in range(2):
            here.stack.send_ack(ack, dialog)
        first, second = [await here.alice.request() for _ in range(2)]

        assert first.via.branch == second.via.branch
        assert "ACK" == first.method

        dialog.remote_target = Uri.parse("sip:alice@alice")
        here.stack.send_ack(dialog.create_ack(invite), dialog)
        assert "sip:alice@alice" == (await here.alice.request()).target
        for nowhere in ("sips:alice@192.0.2.1;transport=udp", "sip:alice@nowhere.example"):
            dialog.remote_target = Uri.parse(nowhere)
            here.stack.send_ack(dialog.create_ack(invite), dialog)
        await trio.sleep(1)

        assert 2 == here.stack.statistics().sends_failed
