"""Requests of ours: challenges, other servers, provisional responses, cancellation, time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import trio

from trio_sip._errors import (
    AuthenticationRejected,
    LocalProtocolError,
    NoRoute,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.auth import OutboundAuthenticator, OutboundCredential, PlainSecret
from trio_sip.message import Request
from trio_sip.stack import LocalContact, open_stack
from trio_sip.testing import MakeSipPeer, MemoryNetwork, MessagePattern, PeerRequest, SipPeer
from trio_sip.transport import Address, NaptrRecord, SrvRecord

from .answers import ManyAddresses, Script, answer, serve
from .realms import credentials
from .scene import ALICE, UDP_BOB, Application, scene

TARGET = "sip:alice@192.0.2.1"


def challenge(realm: str = "example.com", nonce: str = "n1", more: str = "") -> tuple[str, str]:
    return "WWW-Authenticate", f'Digest realm="{realm}", nonce="{nonce}", qop="auth"{more}'


def proxy_challenge(realm: str, nonce: str = "n2") -> tuple[str, str]:
    return "Proxy-Authenticate", challenge(realm, nonce)[1]


async def test_a_domain_says_by_which_transport_and_where_its_servers_are(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application()) as here:
        here.network.alias("server.example.com", "bob")
        here.network.alias("example.com", "alice")
        here.network.add_records(
            "example.com", NaptrRecord(1, 1, "s", "SIP+D2T", "tcp.example.com")
        )
        here.network.add_records(
            "tcp.example.com",
            SrvRecord(1, 0, 5099, "server.example.com"),
            SrvRecord(2, 0, 5060, "server.example.com"),
        )
        async with open_stack(network=here.network.host("carol")) as carol:
            async with carol.open_request("OPTIONS", "sip:example.com") as outgoing:
                response = await outgoing.final()
            with pytest.raises(NoRoute):
                await carol.send_request("OPTIONS", "sip:nowhere.example.com")

        assert (200, "TCP") == (response.status, response.via.transport)
        assert 1 == here.stack.statistics().transport.connections_accepted


@pytest.mark.parametrize("status", [200, 302, 404, 500, 503, 603])
async def test_every_final_status_is_returned(status: int, sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, lambda request: [answer(request, status)])

        assert status == (await here.stack.send_request("OPTIONS", TARGET)).status
        nursery.cancel_scope.cancel()


async def test_a_request_has_what_every_request_needs(sip_network: MemoryNetwork) -> None:
    seen: list[Request] = []
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, lambda request: [answer(request, 200)], seen)
        await here.stack.send_request(
            "MESSAGE",
            "sip:alice@192.0.2.1?Subject=x",
            "Hi",
            headers=[("Subject", "greetings")],
            from_="<sip:bob@example.com>",
        )
        await here.stack.send_request("OPTIONS", TARGET, from_="<sip:bob@b>;tag=mine")
        await here.stack.send_request("OPTIONS", TARGET, to="sip:somebody@else.example")
        nursery.cancel_scope.cancel()

    message, options, other = seen
    assert ("sip:alice@192.0.2.1", b"Hi") == (message.target, message.body)
    assert "text/plain" in message["Content-Type"]
    assert "greetings" == message["Subject"]
    assert ("UDP", "192.0.2.2", 5060) == (message.via.transport, message.via.host, message.via.port)
    assert "rport" in message.via.params
    assert (70, 1) == (message.max_forwards, message.cseq.number)
    assert message.from_.tag
    assert message.to.tag is None
    assert "mine" == options.from_.tag
    assert "anonymous.invalid" == other.from_.uri.host
    assert "sip:somebody@else.example" == str(other.to.uri)
    assert 3 == len({request.call_id for request in seen})


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
async def test_ack_and_cancel_are_refused(method: str, sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        with pytest.raises(LocalProtocolError, match="belongs to the INVITE"):
            await here.stack.send_request(method, TARGET)
        with pytest.raises(ValueError, match="belongs to the INVITE"):
            await here.stack.send_request(method, TARGET)
        assert [] == here.network.wires


@pytest.mark.parametrize(
    ("method", "target", "changes"),
    [
        ("OPTIONS", None, {}),
        ("OPTIONS", "not a uri", {}),
        ("OPTIONS", "sip:", {}),
        ("OPT IONS", TARGET, {}),
        ("OPTIONS", TARGET, {"from_": "<sip:"}),
        ("OPTIONS", TARGET, {"to": '"unbalanced'}),
        ("OPTIONS", TARGET, {"headers": [("Subject", "a\r\nEvil: yes")]}),
        ("OPTIONS", TARGET, {"headers": [("Route", "<nonsense")]}),
        ("OPTIONS", TARGET, {"body": b"bytes without a type"}),
    ],
)
async def test_what_cannot_be_sent_is_our_own_error(
    method: str, target: str | None, changes: dict[str, object], sip_network: MemoryNetwork
) -> None:
    async with scene(sip_network) as here:
        with pytest.raises(LocalProtocolError):
            await here.stack.send_request(method, target, **changes)  # type: ignore[arg-type]  # wrong on purpose
        assert [] == here.network.wires


@pytest.mark.parametrize(
    "target",
    [
        "sip:alice@192.0.2.1;transport=sctp",
        "sips:alice@192.0.2.1;transport=udp",
        "tel:+123",
        "sip:nowhere.example",
        TARGET + ";transport=sctp",
    ],
)
async def test_where_no_way_leads_is_no_route(target: str, sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        with pytest.raises(NoRoute):
            await here.stack.send_request("OPTIONS", target)


async def test_any_token_is_a_method(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, lambda request: [answer(request, 501)])

        assert 501 == (await here.stack.send_request("x-Warp!", TARGET)).status
        nursery.cancel_scope.cancel()


async def test_the_first_route_is_the_next_hop(sip_network: MemoryNetwork) -> None:
    seen: list[Request] = []
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, lambda request: [answer(request, 200)], seen)
        await here.stack.send_request(
            "OPTIONS", "sip:carol@unknown.example", headers=[("Route", "<sip:192.0.2.1;lr>")]
        )
        nursery.cancel_scope.cancel()

    assert "sip:carol@unknown.example" == seen[0].target


# -- time


async def test_no_answer_is_a_time_out_after_exactly_32_seconds(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        began = trio.current_time()
        for method in ("OPTIONS", "INVITE"):
            with pytest.raises(RequestTimedOut, match=f"no answer to {method} {TARGET}"):
                await here.stack.send_request(method, TARGET)
            assert began + 32 == pytest.approx(trio.current_time())
            began = trio.current_time()
        # Timer E: 0 .5 1.5 3.5 7.5 11.5 … 31.5; Timer A: 0 .5 1.5 3.5 7.5 15.5 31.5.
        assert 11 + 7 == len(here.network.wires)
        assert 0 == here.stack.statistics().transactions.clients


async def test_a_deadline_of_the_caller_keeps_its_meaning(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        with pytest.raises(trio.TooSlowError), trio.fail_after(3):
            await here.stack.send_request("OPTIONS", TARGET)


async def test_a_port_where_nobody_listens_fails_at_once(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        began = trio.current_time()
        with pytest.raises(TransportFailed, match="refused") as caught:
            await here.stack.send_request("OPTIONS", "sip:192.0.2.1:9")

        assert isinstance(caught.value.__cause__, OSError)
        assert began + 1 > trio.current_time()


async def test_a_connection_that_breaks_fails_what_waits_on_it(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        listener = here.network.host("alice").bind_connections(ALICE)

        @nursery.start_soon
        async def hang_up() -> None:
            stream = await listener.accept()
            await stream.receive_some()
            await trio.sleep(2)
            stream.close()

        began = trio.current_time()
        with pytest.raises(TransportFailed):
            await here.stack.send_request("OPTIONS", TARGET + ";transport=tcp")
        assert began + 3 > trio.current_time()
        listener.close()


async def test_a_connection_that_is_reset_fails_what_waits_on_it(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        listener = here.network.host("alice").bind_connections(ALICE)

        @nursery.start_soon
        async def reset() -> None:
            stream = await listener.accept()
            await stream.receive_some()
            assert 1 == here.network.reset_streams("alice", "bob")
            stream.close()

        with pytest.raises(TransportFailed) as caught:
            await here.stack.send_request("OPTIONS", TARGET + ";transport=tcp")
        assert isinstance(caught.value.__cause__, OSError)
        listener.close()


# -- provisional responses


async def test_provisional_responses_come_before_the_final_one(sip_network: MemoryNetwork) -> None:
    def ring(request: Request) -> list[bytes]:
        if request.method != "INVITE":
            return []
        return [answer(request, status) for status in (100, 180, 183, 486)]

    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, ring)
        async with here.stack.open_request("INVITE", TARGET) as outgoing:
            statuses = [response.status async for response in outgoing]
            assert 486 == (await outgoing.final()).status
        nursery.cancel_scope.cancel()

    assert [100, 180, 183, 486] == statuses
    assert statuses == [response.status for response in outgoing.history]


async def test_provisional_responses_nobody_reads_give_way_to_the_final_one(
    sip_network: MemoryNetwork,
) -> None:
    def ring(request: Request) -> list[bytes]:
        if request.method != "INVITE":
            return []
        return [*[answer(request, 180)] * 50, answer(request, 486)]

    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, ring)
        async with here.stack.open_request("INVITE", TARGET) as outgoing:
            assert 180 == (await outgoing.receive()).status
            await trio.sleep(5)
            assert 486 == (await outgoing.final()).status
        nursery.cancel_scope.cancel()


async def test_a_flood_of_provisional_responses_is_not_kept(sip_network: MemoryNetwork) -> None:
    def ring(request: Request) -> list[bytes]:
        if request.method != "INVITE":
            return []
        if request.cseq.number == 1:
            return [answer(request, 100), answer(request, 401, challenge())]
        return [*[answer(request, 180)] * 300, answer(request, 183)]

    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, ring)
        async with here.stack.open_request("INVITE", TARGET, credentials=credentials()) as outgoing:
            while 183 != (await outgoing.receive()).status:
                pass
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

        assert 100 == len(outgoing.history)
        # What is worth more than another 180 is there still.
        assert [401, 180] == [one.status for one in outgoing.history[:2]]
        assert 183 == outgoing.history[-1].status
        assert 203 == here.stack.statistics().forgotten_responses
        assert "CANCEL" in labels(sip_network)


# -- challenges


class Guard:
    """Challenges until the credentials it wants are there."""

    def __init__(self, *wanted: str, challenges: Sequence[tuple[str, str]], status: int) -> None:
        self.wanted = wanted
        self.challenges = challenges
        self.status = status

    def __call__(self, request: Request) -> list[bytes]:
        if all(text in bytes(request).decode() for text in self.wanted):
            return [answer(request, 200)]
        return [answer(request, self.status, *self.challenges)]


async def conversation(
    network: MemoryNetwork,
    script: Script,
    *offered: OutboundCredential,
    target: str = TARGET,
) -> tuple[int, list[Request]]:
    """The final status of a MESSAGE to alice, and what she was sent."""
    seen: list[Request] = []
    async with scene(network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, script, seen)
        try:
            response = await here.stack.send_request(
                "MESSAGE", target, "Hi", credentials=offered or None
            )
        finally:
            nursery.cancel_scope.cancel()
        return response.status, seen


@pytest.mark.parametrize(
    ("status", "header", "name"),
    [
        (401, challenge(), "Authorization"),
        (407, proxy_challenge("example.com"), "Proxy-Authorization"),
    ],
)
async def test_a_challenge_is_answered(
    status: int, header: tuple[str, str], name: str, sip_network: MemoryNetwork
) -> None:
    guard = Guard(f"{name}: Digest", challenges=[header], status=status)
    result, (first, second) = await conversation(sip_network, guard, credentials())

    assert 200 == result
    assert name not in first.headers
    assert 'username="alice"' in second[name]
    assert first.call_id == second.call_id
    assert first.from_.tag == second.from_.tag
    assert (1, 2) == (first.cseq.number, second.cseq.number)
    assert first.via.branch != second.via.branch
    assert 1 == len(second.vias)
    assert first.body == second.body


async def test_without_credentials_the_challenge_is_the_answer(sip_network: MemoryNetwork) -> None:
    guard = Guard("Authorization", challenges=[challenge()], status=401)

    result, seen = await conversation(sip_network, guard)

    assert (401, 1) == (result, len(seen))


async def test_a_wrong_password_is_rejected_after_one_try(sip_network: MemoryNetwork) -> None:
    nonces = iter(range(100))

    def refuse(request: Request) -> list[bytes]:
        return [answer(request, 401, challenge(nonce=f"n{next(nonces)}"))]

    with pytest.raises(AuthenticationRejected) as caught:
        await conversation(sip_network, refuse, credentials())

    assert 401 == caught.value.status
    assert next(nonces) == 2, "one request without and one with credentials"


async def test_a_stale_nonce_is_tried_again_in_silence(sip_network: MemoryNetwork) -> None:
    def script(request: Request) -> list[bytes]:
        if 'nonce="n2"' in request.headers.get("Authorization", ""):
            return [answer(request, 200)]
        if "Authorization" in request.headers:
            return [answer(request, 401, challenge(nonce="n2", more=", stale=true"))]
        return [answer(request, 401, challenge(nonce="n1"))]

    result, seen = await conversation(sip_network, script, credentials())

    assert (200, [1, 2, 3]) == (result, [request.cseq.number for request in seen])


async def test_a_server_that_finds_every_nonce_stale_is_given_up(
    sip_network: MemoryNetwork,
) -> None:
    nonces = iter(range(100))

    def script(request: Request) -> list[bytes]:
        return [answer(request, 401, challenge(nonce=f"n{next(nonces)}", more=", stale=true"))]

    with pytest.raises(AuthenticationRejected):
        await conversation(sip_network, script, credentials())
    assert next(nonces) < 11


async def test_a_server_and_a_proxy_are_answered_one_after_the_other(
    sip_network: MemoryNetwork,
) -> None:
    def script(request: Request) -> list[bytes]:
        if "Proxy-Authorization" not in request.headers:
            return [answer(request, 407, proxy_challenge("proxy.example"))]
        if "Authorization" not in request.headers:
            return [answer(request, 401, challenge())]
        return [answer(request, 200)]

    result, seen = await conversation(
        sip_network, script, credentials(), credentials("a2", "p2", "proxy.example")
    )

    assert (200, 3) == (result, len(seen))
    assert 'username="a2"' in seen[2]["Proxy-Authorization"]
    assert 'username="alice"' in seen[2]["Authorization"]


async def test_several_realms_in_one_challenge_are_answered_together(
    sip_network: MemoryNetwork,
) -> None:
    realms = [challenge("example.com"), challenge("b.example", "n9")]
    guard = Guard('realm="example.com"', 'realm="b.example"', challenges=realms, status=401)
    result, seen = await conversation(
        sip_network, guard, credentials(), credentials("b", "pb", "b.example")
    )

    assert (200, 2) == (result, len(seen))
    assert 2 == len(seen[1].headers.get_all("Authorization"))


async def test_a_realm_we_have_no_credentials_for_gets_none(sip_network: MemoryNetwork) -> None:
    seen: list[Request] = []

    def script(request: Request) -> list[bytes]:
        seen.append(request)
        return [answer(request, 401, challenge("evil.example"))]

    with pytest.raises(AuthenticationRejected, match=r"no credential for realm 'evil\.example'"):
        await conversation(sip_network, script, credentials())

    assert 1 == len(seen)
    assert "Authorization" not in seen[0].headers


async def test_a_next_hop_that_credentials_are_not_for_gets_none(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[Request] = []

    def script(request: Request) -> list[bytes]:
        seen.append(request)
        return [answer(request, 401, challenge())]

    pinned = OutboundCredential(PlainSecret("alice", "secret"), next_hops=["203.0.113.1"])
    with pytest.raises(AuthenticationRejected):
        await conversation(sip_network, script, pinned)

    assert ["Authorization" in request.headers for request in seen] == [False]


async def test_an_authenticator_remembers_the_nonce_between_requests(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[Request] = []
    guard = Guard("Authorization", challenges=[challenge()], status=401)
    authenticator = OutboundAuthenticator([credentials()])
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, guard, seen)
        for _ in range(3):
            await here.stack.send_request("OPTIONS", TARGET, credentials=authenticator)
        nursery.cancel_scope.cancel()

    assert 4 == len(seen)
    assert "nc=00000003" in seen[3]["Authorization"]


# -- other servers

SERVERS = [Address(f"203.0.113.{number}", 5060) for number in (1, 2, 3)]


class Farm:
    """Bob's stack, and servers at several addresses of one name."""

    def __init__(self, network: MemoryNetwork, make_peer: MakeSipPeer) -> None:
        self.network = network
        self.make_peer = make_peer
        bob = network.host("bob", "192.0.2.2", "2001:db8::2")
        self.bob = ManyAddresses(bob, {"farm.example": SERVERS})
        self.seen: list[list[Request]] = [[] for _ in SERVERS]

    def start(self, nursery: trio.Nursery, number: int, script: Script) -> None:
        self.network.host(f"server{number}", SERVERS[number].host)
        peer = self.make_peer(f"server{number}")
        nursery.start_soon(self._play, peer, script, self.seen[number])

    async def _play(self, peer: SipPeer, script: Script, seen: list[Request]) -> None:
        while True:
            came = await peer.expect(MessagePattern(), within=math.inf)
            assert isinstance(came, PeerRequest)
            seen.append(came.message)
            for data in script(came.message):
                await came.send(data)


def ok(request: Request) -> list[bytes]:
    return [answer(request, 200)]


def nothing(request: Request) -> list[bytes]:
    return []


def unavailable(request: Request) -> list[bytes]:
    return [answer(request, 503)]


@pytest.mark.parametrize(("first", "seconds"), [(nothing, 32), (unavailable, 0), (None, 0)])
async def test_a_server_that_fails_is_passed_over_for_the_next(
    first: Script | None, seconds: int, sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with trio.open_nursery() as nursery:
        farm = Farm(sip_network, make_sip_peer)
        if first is None:
            sip_network.host("server0", SERVERS[0].host)  # It runs, and nobody listens.
        else:
            farm.start(nursery, 0, first)
        farm.start(nursery, 1, ok)
        async with open_stack(UDP_BOB, network=farm.bob, strict=True) as stack:
            began = trio.current_time()
            response = await stack.send_request("OPTIONS", "sip:farm.example")

            assert 200 == response.status
            assert began + seconds <= trio.current_time() <= began + seconds + 0.1
        nursery.cancel_scope.cancel()

    if first is not None:
        (one, *_), (two, *_) = farm.seen[:2]
        assert (one.call_id, one.cseq) == (two.call_id, two.cseq)
        assert one.via.branch != two.via.branch


async def test_when_all_servers_fail_what_the_last_one_did_is_told(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with trio.open_nursery() as nursery:
        farm = Farm(sip_network, make_sip_peer)
        for number, script in enumerate([unavailable, nothing, unavailable]):
            farm.start(nursery, number, script)
        async with open_stack(UDP_BOB, network=farm.bob, strict=True) as stack:
            assert 503 == (await stack.send_request("OPTIONS", "sip:farm.example")).status
        nursery.cancel_scope.cancel()


async def test_an_address_no_socket_leads_to_does_not_hide_what_another_one_said(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with trio.open_nursery() as nursery:
        farm = Farm(sip_network, make_sip_peer)
        far = [Address("2001:db8::77", 5060)]
        farm.bob.names = {"farm.example": [*far, SERVERS[0], *far]}
        farm.start(nursery, 0, unavailable)
        async with open_stack(UDP_BOB, network=farm.bob, strict=True) as stack:
            target = "sip:farm.example;transport=udp"
            assert 503 == (await stack.send_request("OPTIONS", target)).status
            farm.bob.names = {"farm.example": far}
            with pytest.raises(NoRoute):
                await stack.send_request("OPTIONS", target)
        nursery.cancel_scope.cancel()


async def test_a_challenge_is_answered_to_the_server_that_made_it(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    async with trio.open_nursery() as nursery:
        farm = Farm(sip_network, make_sip_peer)
        farm.start(nursery, 0, unavailable)
        farm.start(nursery, 1, Guard("Authorization", challenges=[challenge()], status=401))
        async with open_stack(UDP_BOB, network=farm.bob, strict=True) as stack:
            response = await stack.send_request(
                "OPTIONS", "sip:farm.example", credentials=credentials()
            )
            assert 200 == response.status
        nursery.cancel_scope.cancel()

    assert [1, 2, 0] == [len(seen) for seen in farm.seen]


# -- cancellation


async def test_a_request_given_up_ends_quietly(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        with trio.move_on_after(0.1):
            await here.stack.send_request("OPTIONS", TARGET)
        options = await here.alice.request()
        here.alice.send(answer(options, 200))
        await trio.sleep(64 * 0.5)

        assert ["OPTIONS", "200 (OPTIONS)"] == [wire.label.text for wire in here.network.wires]
        assert 0 == here.stack.statistics().transactions.clients


def labels(network: MemoryNetwork) -> list[str]:
    return [wire.label.text for wire in network.wires]


def picks_up_slowly(request: Request) -> list[bytes]:
    if request.method == "CANCEL":
        return [answer(request, 200)]
    return [answer(request, 180)] if request.method == "INVITE" else []


async def test_an_invite_given_up_after_a_provisional_response_is_cancelled(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[Request] = []
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, picks_up_slowly, seen)
        with trio.move_on_after(5):
            await here.stack.send_request("INVITE", TARGET)
        await trio.sleep(1)
        here.alice.send(answer(seen[0], 487))
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

        assert [
            "INVITE",
            "180 (INVITE)",
            "CANCEL",
            "200 (CANCEL)",
            "487 (INVITE)",
            "ACK",
        ] == labels(here.network)
    invite, cancel, _ = seen
    assert invite.via == cancel.via
    assert (invite.target, invite.call_id, 1) == (cancel.target, cancel.call_id, cancel.cseq.number)


async def test_an_invite_given_up_before_any_response_is_cancelled_when_one_comes(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        with trio.move_on_after(0.3):
            await here.stack.send_request("INVITE", TARGET)
        invite = await here.alice.request()
        await trio.sleep(3)
        assert {"INVITE"} == set(labels(here.network)), "no CANCEL yet, and the INVITE repeated"
        here.alice.send(answer(invite, 180))
        await trio.sleep(0.1)

        assert ["180 (INVITE)", "CANCEL"] == labels(here.network)[-2:]


async def test_an_invite_given_up_that_is_never_answered_ends_after_32_seconds(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        with trio.move_on_after(0.3):
            await here.stack.send_request("INVITE", TARGET)
        await trio.sleep(32)

        assert {"INVITE"} == set(labels(here.network))
        assert 0 == here.stack.statistics().transactions.clients


async def test_a_cancelled_invite_without_a_487_ends_after_32_seconds(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, picks_up_slowly)
        with trio.move_on_after(1):
            await here.stack.send_request("INVITE", TARGET)
        await trio.sleep(40)
        nursery.cancel_scope.cancel()

        assert 0 == here.stack.statistics().transactions.clients


async def test_an_invite_answered_but_not_read_is_not_cancelled(sip_network: MemoryNetwork) -> None:
    def busy(request: Request) -> list[bytes]:
        return [answer(request, 180), answer(request, 486)] if request.method == "INVITE" else []

    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, busy)
        async with here.stack.open_request("INVITE", TARGET) as outgoing:
            await outgoing.receive()
            await trio.sleep(1)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

        assert ["INVITE", "180 (INVITE)", "486 (INVITE)", "ACK"] == labels(here.network)


async def test_who_takes_a_call_that_was_given_up_is_sent_ack_and_bye(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        with trio.move_on_after(0.3):
            await here.stack.send_request("INVITE", TARGET)
        invite = await here.alice.request()
        here.alice.send(answer(invite, 200, ("Contact", "<sip:alice@192.0.2.1>")))
        ack, bye = [await here.alice.request() for _ in range(2)]
        here.alice.send(answer(bye, 200))
        # It has not heard the ACK, and hears it again; there is nobody left to part from.
        here.alice.send(answer(invite, 200, ("Contact", "<sip:alice@192.0.2.1>")))
        again = await here.alice.request()

        assert ["ACK", "BYE", "ACK"] == [ack.method, bye.method, again.method]
        assert "sip:alice@192.0.2.1" == ack.target
        assert invite.cseq.number == ack.cseq.number
        assert 1 == here.stack.statistics().stray_responses


async def test_who_takes_such_a_call_without_a_contact_is_told_where_the_invite_went(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network) as here:
        with trio.move_on_after(0.3):
            await here.stack.send_request("INVITE", TARGET)
        invite = await here.alice.request()
        here.alice.send(answer(invite, 200))

        assert [("ACK", TARGET), ("BYE", TARGET)] == [
            (one.method, one.target) for one in [await here.alice.request() for _ in range(2)]
        ]


async def test_only_provisional_responses_of_the_last_try_allow_a_cancel(
    sip_network: MemoryNetwork,
) -> None:
    def script(request: Request) -> list[bytes]:
        if request.method == "INVITE" and request.cseq.number == 1:
            return [answer(request, 100), answer(request, 401, challenge())]
        return []

    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, script)
        with trio.move_on_after(0.4):
            await here.stack.send_request("INVITE", TARGET, credentials=credentials())
        await trio.sleep(1)
        nursery.cancel_scope.cancel()

        assert "CANCEL" not in labels(here.network)


# -- UDP and TCP


async def test_a_large_request_goes_over_tcp(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        listener = here.network.host("alice").bind_connections(ALICE)
        seen: list[bytes] = []

        @nursery.start_soon
        async def take() -> None:
            stream = await listener.accept()
            seen.append(await stream.receive_some())
            stream.close()

        with pytest.raises(TransportFailed):
            await here.stack.send_request("MESSAGE", TARGET, "x" * 1300)
        listener.close()

        assert b"Via: SIP/2.0/TCP 192.0.2.2:5060" in seen[0], "where we listen, not the local end"
        assert {"TCP"} == {wire.transport for wire in here.network.wires}


async def test_a_large_request_falls_back_to_udp(sip_network: MemoryNetwork) -> None:
    seen: list[Request] = []
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, ok, seen)
        response = await here.stack.send_request("MESSAGE", TARGET, "x" * 1300)
        nursery.cancel_scope.cancel()

        assert 200 == response.status
        assert "UDP" == seen[0].via.transport


async def test_a_small_request_goes_over_udp(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, ok)
        await here.stack.send_request("MESSAGE", TARGET, "x" * 700)
        nursery.cancel_scope.cancel()

        assert {"UDP"} == {wire.transport for wire in here.network.wires}


async def test_a_request_says_where_we_are_in_a_call_that_goes_on(
    sip_network: MemoryNetwork,
) -> None:
    seen: list[Request] = []
    async with scene(sip_network) as here, trio.open_nursery() as nursery:
        nursery.start_soon(serve, here.alice, lambda request: [answer(request, 200)], seen)
        async with here.stack.open_request(
            "REGISTER", TARGET, contact=LocalContact(user="bob"), call_id="same", cseq=7
        ) as outgoing:
            await outgoing.final()
        await here.stack.send_request("OPTIONS", TARGET, contact="<sip:bob@example.com>")
        nursery.cancel_scope.cancel()

    register, options = seen
    assert ("same", 7) == (register.call_id, register.cseq.number)
    assert "<sip:bob@192.0.2.2:5060>" == register["Contact"]
    assert outgoing.flow is not None
    assert ALICE == outgoing.flow.remote
    assert "<sip:bob@example.com>" == options["Contact"]
