"""Identification: who sent a request, and what becomes of those nobody knows."""

from __future__ import annotations

import logging

import pytest
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Response
from trio_sip.stack import (
    AccessList,
    Endpoint,
    EndpointKind,
    IncomingRequest,
    SecurityEventKind,
    StackSettings,
    open_stack,
)
from trio_sip.testing import MakeSipPeer, MemoryNetwork

from .realms import Realm, with_credentials
from .scene import BOB, UDP_BOB, Application, Knows, Peer, request, scene


class Asked:
    """Knows nobody, and notes that it was asked."""

    def __init__(self, name: str, asked: list[str]) -> None:
        self.name = name
        self.asked = asked

    async def identify_endpoint(self, request: IncomingRequest) -> Endpoint | None:
        self.asked.append(self.name)
        return None


async def test_without_identifiers_everybody_is_anonymous_and_passes(
    sip_network: MemoryNetwork,
) -> None:
    application = Application()
    async with scene(sip_network, application) as here:
        assert [200] == await here.alice.answers(request())

    (seen,) = application.seen
    assert (EndpointKind.ANONYMOUS, None) == (seen.endpoint.kind, seen.identified_by)


async def test_the_first_identifier_that_knows_the_sender_decides(
    sip_network: MemoryNetwork,
) -> None:
    asked: list[str] = []
    application = Application()
    async with scene(sip_network, application) as here:
        here.stack.register_endpoint_identifier(Asked("one", asked))
        here.stack.register_endpoint_identifier(Knows("alice"), name="two")
        here.stack.register_endpoint_identifier(Asked("three", asked))
        await here.alice.ask(request())

    (seen,) = application.seen
    assert ("alice", "two") == (seen.endpoint.name, seen.identified_by)
    assert ["one"] == asked


async def test_an_identifier_can_be_put_before_another(sip_network: MemoryNetwork) -> None:
    asked: list[str] = []
    one = Asked("one", asked)
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(one)
        here.stack.register_endpoint_identifier(Asked("two", asked), before=one)
        here.stack.register_endpoint_identifier(Asked("three", asked), before="one")
        await here.alice.ask(request())

        assert ("two", "three", "one") == here.stack.snapshot().identifiers
    assert ["two", "three", "one"] == asked


async def test_an_order_names_those_that_come_first(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    async with scene(sip_network) as here:
        for name in ("one", "two", "three", "four"):
            here.stack.register_endpoint_identifier(Asked(name, []))
        here.stack.identifier_order = [" three", "nobody", "one "]

        assert ("three", "one", "two", "four") == here.stack.snapshot().identifiers
        assert ("three", "nobody", "one") == here.stack.identifier_order
        assert ["no identifier named 'nobody'; there are: one, two, three, four"] == [
            record.message for record in caplog.records if record.levelno == logging.WARNING
        ]


async def test_a_name_in_the_settings_that_nobody_has_is_warned_about_at_the_start(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    settings = StackSettings(identifier_order=("ip", "two"))
    identifiers = [Asked("one", []), Asked("two", [])]
    async with open_stack(
        "udp://192.0.2.9:5060",
        network=sip_network.host("bob", "192.0.2.9"),
        settings=settings,
        identifiers=identifiers,
    ) as stack:
        assert ("two", "one") == stack.snapshot().identifiers
    assert ["no identifier named 'ip'; there are: one, two"] == [
        record.message for record in caplog.records if record.levelno == logging.WARNING
    ]


async def test_a_name_of_an_identifier_is_taken_once(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network) as here:
        here.stack.register_endpoint_identifier(Asked("one", []))
        with pytest.raises(LocalProtocolError, match="named 'one'"):
            here.stack.register_endpoint_identifier(Asked("one", []))


async def test_identifiers_go_by_themselves_or_by_name(sip_network: MemoryNetwork) -> None:
    one = Asked("one", [])
    async with scene(sip_network) as here:
        here.stack.register_endpoint_identifier(one)
        here.stack.register_endpoint_identifier(Asked("two", []))
        here.stack.unregister_endpoint_identifier(one)
        here.stack.unregister_endpoint_identifier("two")
        assert () == here.stack.snapshot().identifiers
        for gone in (one, "two"):
            with pytest.raises(LookupError):
                here.stack.unregister_endpoint_identifier(gone)
        with pytest.raises(LookupError):
            here.stack.register_endpoint_identifier(one, before="nobody")


async def test_an_identifier_is_asked_as_long_as_the_block_of_its_handle(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application()) as here:
        with here.stack.register_endpoint_identifier(Knows("alice", name="one")):
            here.stack.register_endpoint_identifier(Knows("alice", name="two"))
            assert ("one", "two") == here.stack.snapshot().identifiers
        assert ("two",) == here.stack.snapshot().identifiers


async def test_an_identifier_that_is_gone_already_does_not_take_its_successor_along(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application()) as here:
        knows = Knows("alice")
        handle = here.stack.register_endpoint_identifier(knows)
        here.stack.unregister_endpoint_identifier(knows)
        here.stack.register_endpoint_identifier(knows)
        handle.unregister()

        assert ("knows",) == here.stack.snapshot().identifiers


async def test_nobody_unknown_gets_in_when_the_authenticator_is_removed(
    sip_network: MemoryNetwork,
) -> None:
    application, realm = Application(), Realm()
    async with scene(sip_network, application) as here:
        here.stack.register_endpoint_identifier(Knows("carol"))
        here.stack.register_authenticator(realm)
        here.stack.unregister_authenticator(realm)

        assert [403] == await here.alice.answers(request())
    assert [] == application.seen


async def test_the_unknown_never_pass_whatever_the_authenticator_says(
    sip_network: MemoryNetwork,
) -> None:
    class Careless(Realm):
        async def requires_authentication(
            self, endpoint: Endpoint, request: IncomingRequest
        ) -> bool:
            return False

        async def authenticate_request(self, endpoint: Endpoint, request: IncomingRequest) -> bool:
            return True

    application = Application()
    async with scene(sip_network, application) as here:
        here.stack.register_endpoint_identifier(Knows("carol"))
        here.stack.register_authenticator(Careless())

        assert [401] == await here.alice.answers(request())
    assert [] == application.seen


def masked(response: Response) -> bytes:
    """The bytes of a response without what is random in every challenge."""
    challenge = response["WWW-Authenticate"]
    data = bytes(response)
    for name in ("nonce", "opaque"):
        _, _, rest = challenge.partition(f'{name}="')
        value = rest.partition('"')[0]
        assert value
        data = data.replace(value.encode(), b"*" * 8)
    return data.replace(f"tag={response.to.tag}".encode(), b"tag=*")


async def challenges(network: MemoryNetwork, *, knows: Knows, password: str) -> list[bytes]:
    """What alice is told without credentials, and with these."""
    async with scene(network, Application()) as here:
        here.stack.register_endpoint_identifier(knows)
        here.stack.register_authenticator(Realm())
        first = await here.alice.ask(request())
        second = await here.alice.ask(with_credentials(request(), first, password=password))
        assert 401 == second.status
        return [masked(first), masked(second)]


async def test_the_unknown_get_the_same_bytes_as_the_known_with_a_wrong_password(
    sip_network: MemoryNetwork,
) -> None:
    known = await challenges(sip_network, knows=Knows("alice"), password="wrong")
    unknown = await challenges(sip_network, knows=Knows("carol"), password="wrong")
    banned = Knows()
    banned.endpoints["alice"] = Endpoint(name="alice", acl=AccessList(["198.51.100.0/24"]))

    assert known == unknown
    assert known == await challenges(sip_network, knows=banned, password="wrong")
    assert known == await challenges(sip_network, knows=banned, password="secret"), (
        "though it is the right one"
    )


@pytest.mark.parametrize(
    ("networks", "status"),
    [(["192.0.2.0/28"], 200), (["192.0.2.1"], 200), (["198.51.100.0/24", "2001:db8::/32"], 403)],
)
async def test_an_access_list_says_where_requests_may_come_from(
    networks: list[str], status: int, sip_network: MemoryNetwork
) -> None:
    knows = Knows()
    knows.endpoints["alice"] = Endpoint(name="alice", acl=AccessList(networks))
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(knows)

        assert [status] == await here.alice.answers(request())


@pytest.mark.parametrize(
    ("contact", "status"),
    [
        ("<sip:alice@192.0.2.1>", 200),
        ("<sip:alice@[::ffff:192.0.2.1]>", 200),
        ("<sip:alice@192.0.2.1>, <sip:alice@203.0.113.9>", 403),
        ("<sip:alice@a-name.example>", 403),
        ("*", 200),
    ],
)
async def test_an_access_list_says_what_contacts_may_name(
    contact: str, status: int, sip_network: MemoryNetwork
) -> None:
    knows = Knows()
    knows.endpoints["alice"] = Endpoint(name="alice", contact_acl=AccessList(["192.0.2.0/24"]))
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(knows)

        assert [status] == await here.alice.answers(request(headers=[f"Contact: {contact}"]))


async def test_an_access_list_holds_for_anonymous_endpoints_too(sip_network: MemoryNetwork) -> None:
    knows = Knows()
    knows.endpoints["alice"] = Endpoint(
        name="guests", kind=EndpointKind.ANONYMOUS, acl=AccessList(["198.51.100.0/24"])
    )
    async with scene(sip_network, Application()) as here:
        here.stack.register_endpoint_identifier(knows)

        assert [403] == await here.alice.answers(request())


def test_an_access_list_of_no_networks_is_refused() -> None:
    with pytest.raises(LocalProtocolError, match="not an IP network"):
        AccessList(["example.com"])


async def test_a_stack_can_know_its_gate_before_the_first_message(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    application = Application()
    alice, bob = make_sip_peer("alice"), sip_network.host("bob")
    await alice.send_raw(request(), BOB)
    async with open_stack(
        UDP_BOB,
        services=[application],
        identifiers=[Knows("alice")],
        authenticator=Realm(),
        network=bob,
        strict=True,
    ) as stack:
        assert (("knows",), "Realm") == (
            stack.snapshot().identifiers,
            stack.snapshot().authenticator,
        )
        await alice.expect(401)
        await alice.send_raw(request(branch="2", cseq=2), BOB)
        await alice.expect(401)
    assert [] == application.seen


# -- unidentified requests


async def misses(
    network: MemoryNetwork,
    times: list[float],
    *,
    name: str,
) -> list[int]:
    """The counts of the events that requests of a stranger at these seconds make."""
    counts: list[int] = []
    async with (
        scene(network, Application()) as here,
        here.stack.security_events() as events,
    ):
        here.stack.register_endpoint_identifier(Knows("carol", name=name))
        began = trio.current_time()
        for number, time in enumerate(times):
            await trio.sleep_until(began + time)
            here.alice.send(request(branch=str(number), cseq=number + 1))
            await here.alice.response()
        for _ in range(events.statistics().current_buffer_used):
            event = events.receive_nowait()
            if event.kind is SecurityEventKind.UNIDENTIFIED:
                counts.append(event.count)
    return counts


async def test_each_miss_is_told_where_credentials_cannot_help(sip_network: MemoryNetwork) -> None:
    assert [1, 1, 1] == await misses(sip_network, [0, 1, 2], name="user")


async def test_where_credentials_may_help_the_fifth_miss_in_five_seconds_is_told(
    sip_network: MemoryNetwork,
) -> None:
    quick = [0.0, 1, 2, 3, 4, 4.5]
    assert [5, 6] == await misses(sip_network, quick, name="auth_username")


async def test_slow_misses_are_not_told(sip_network: MemoryNetwork) -> None:
    slow = [0.0, 2, 4, 6, 8, 10, 12, 14]
    assert [] == await misses(sip_network, slow, name="auth_username")


async def test_the_window_slides(sip_network: MemoryNetwork) -> None:
    later = [0.0, 4, 8, 8.5, 9, 9.5, 10]
    assert [7] == await misses(sip_network, later, name="auth_username")


async def test_a_source_that_is_silent_for_half_a_minute_is_forgotten(
    sip_network: MemoryNetwork,
) -> None:
    times = [0.0, 1, 2, 3, 34, 34.1, 34.2]
    assert [] == await misses(sip_network, times, name="auth_username")


async def test_a_source_that_is_identified_is_a_suspect_no_longer(
    sip_network: MemoryNetwork,
) -> None:
    async with scene(sip_network, Application()) as here, here.stack.security_events() as events:
        here.stack.register_endpoint_identifier(Knows("carol", name="auth_username"))
        for number in range(8):
            user = "carol" if number == 4 else "alice"
            await here.alice.ask(
                request(branch=str(number), cseq=number + 1, from_=f"sip:{user}@example.com")
            )
        kinds = [
            events.receive_nowait().kind for _ in range(events.statistics().current_buffer_used)
        ]

    assert SecurityEventKind.UNIDENTIFIED not in kinds


async def test_sources_are_counted_apart(sip_network: MemoryNetwork) -> None:
    async with scene(sip_network, Application()) as here, here.stack.security_events() as events:
        here.stack.register_endpoint_identifier(Knows("carol", name="auth_username"))
        others = [
            Peer(host, here.alice.local._replace(host=host.addresses[0]))
            for host in (here.network.host(f"host{n}") for n in range(4))
        ]
        for peer in [*others, here.alice]:
            await peer.ask(request(via=f"SIP/2.0/UDP {peer.local}"))
        for peer in others:
            peer.close()
        kinds = [
            events.receive_nowait().kind for _ in range(events.statistics().current_buffer_used)
        ]

    assert SecurityEventKind.UNIDENTIFIED not in kinds
