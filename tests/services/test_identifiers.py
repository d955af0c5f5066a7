"""Who sent it, as the identifiers see it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pytest
import trio

from trio_sip import LocalProtocolError, NoRoute
from trio_sip.services import (
    DigestAuthenticator,
    EndpointDirectory,
    IdentifyAnonymous,
    IdentifyByAuthorization,
    IdentifyByHeader,
    IdentifyByIp,
    IdentifyByRequestUri,
    IdentifyByUser,
)
from trio_sip.stack import AccessList, Endpoint, EndpointIdentifier, open_stack
from trio_sip.testing import MemoryNetwork
from trio_sip.transport import SrvRecord

from .conversation import (
    ENDPOINTS,
    REALM,
    SECRETS,
    Recorder,
    credential,
    open_client,
    open_server,
    register,
)

Headers = Sequence[tuple[str, object]]


async def identified(
    network: MemoryNetwork,
    *identifiers: EndpointIdentifier,
    order: tuple[str, ...] = (),
    target: str = "sip:server",
    from_: str = "sip:nobody@elsewhere",
    headers: Headers = (),
    address: str = "192.0.2.9",
) -> tuple[str, str | None]:
    """The endpoint that a request was taken for, and the identifier that said so."""
    recorder = Recorder()
    network.alias("example.com", "server")
    network.alias("sip.example.com", "server")
    network.host("client", address, "2001:db8::9")
    async with (
        open_server(
            network,
            recorder,
            identifiers=identifiers,
            # Nobody is challenged, so that the recorder sees them all.
            authenticator=DigestAuthenticator(REALM, {}, open_identifiers=_NAMES),
            order=order,
        ),
        open_client(network) as client,
    ):
        response = await client.send_request("INFO", target, from_=from_, headers=headers)
    if not recorder.requests:
        assert 401 == response.status
        return "artificial", None
    (request,) = recorder.requests
    return request.endpoint.name, request.identified_by


_NAMES = {"username", "ip", "header", "auth_username", "request_uri", "anonymous"}
_NOBODY = ("artificial", None)


def endpoints(*names: str) -> Mapping[str, Endpoint]:
    return {name: Endpoint(name=name) for name in names}


# -- by user


@pytest.mark.parametrize(
    ("from_", "name"),
    [
        ("sip:alice@example.com", "alice@example.com"),
        ("sip:alice@EXAMPLE.com;user=phone", "alice@example.com"),
        ("sip:alice@sip.example.com", "alice@example.com"),
        ("sip:alice@elsewhere", "alice"),
        ("sips:bob@example.com", "bob"),
        ("sip:b%6fb@example.com", "bob"),
        ('"Carol" <sip:bob@example.com>', "bob"),
        ("sip:BOB@example.com", "artificial"),
        ("sip:example.com", "artificial"),
        ("tel:bob", "artificial"),
        ("sip:b%256fb@example.com", "artificial"),
        ("sip:bob;option=1@example.com", "artificial"),
    ],
)
async def test_the_most_particular_name_of_the_sender_decides(
    from_: str, name: str, sip_network: MemoryNetwork
) -> None:
    identifier = IdentifyByUser(
        endpoints("alice", "alice@example.com", "alice@sip.test", "bob"),
        aliases={"SIP.example.com": "Example.com"},
    )

    found, _ = await identified(sip_network, identifier, from_=from_)

    assert name == found


async def test_options_behind_the_user_can_be_ignored(sip_network: MemoryNetwork) -> None:
    identifier = IdentifyByUser(endpoints("bob"), cut_user_options=True)

    assert ("bob", "username") == await identified(
        sip_network, identifier, from_="sip:bob;x=1@example.com"
    )


@pytest.mark.parametrize(
    ("host", "name"),
    [("example.com", "bob"), ("sip.example.com", "bob"), ("elsewhere", "artificial")],
)
async def test_users_of_other_domains_are_strangers(
    host: str, name: str, sip_network: MemoryNetwork
) -> None:
    identifier = IdentifyByUser(
        endpoints("bob"), domains=["Example.com"], aliases={"sip.example.com": "example.com"}
    )

    found, _ = await identified(sip_network, identifier, from_=f"sip:bob@{host}")

    assert name == found


async def test_a_directory_may_wait_for_its_answer(sip_network: MemoryNetwork) -> None:
    class Slow:
        def __init__(self) -> None:
            self.asked: list[str] = []

        async def find_endpoint(self, name: str) -> Endpoint | None:
            self.asked.append(name)
            await trio.sleep(0.1)
            return ENDPOINTS.get(name)

    directory = Slow()
    protocol: EndpointDirectory = directory
    found = await identified(sip_network, IdentifyByUser(protocol), from_="sip:alice@example.com")

    assert ("alice", "username") == found
    assert ["alice@example.com", "alice"] == directory.asked


async def test_a_user_can_be_known_by_what_is_called(sip_network: MemoryNetwork) -> None:
    identifier = IdentifyByRequestUri(endpoints("line1"))

    assert ("line1", "request_uri") == await identified(
        sip_network, identifier, target="sip:line1@server"
    )
    assert _NOBODY == await identified(sip_network, identifier, target="sip:server")


# -- by address


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.9", "port"),
        ("192.0.2.77", "small"),
        ("192.0.99.1", "large"),
        ("203.0.113.5", "artificial"),
    ],
)
async def test_the_smallest_network_decides(
    address: str, name: str, sip_network: MemoryNetwork
) -> None:
    identifier = IdentifyByIp(
        {
            "192.0.0.0/16": Endpoint(name="large"),
            "192.0.2.9": Endpoint(name="any port"),
            "192.0.2.9:5060": Endpoint(name="port"),
            "192.0.2.77:9": Endpoint(name="another port"),
            "192.0.2.1/24": Endpoint(name="small"),
            "2001:db8::/32": Endpoint(name="six"),
        }
    )

    found, _ = await identified(sip_network, identifier, address=address)

    assert name == found


@pytest.mark.parametrize(
    "network", ["2001:db8::/32", "[2001:db8::9]", "[2001:db8::]/64", "[2001:db8::9]:5060"]
)
async def test_networks_of_ipv6_can_be_written_with_brackets(
    network: str, sip_network: MemoryNetwork
) -> None:
    recorder = Recorder()
    sip_network.host("client", "2001:db8::9")
    async with (
        open_stack(
            "udp://[::]:5060", network=sip_network.host("server"), services=[recorder], strict=True
        ) as server,
        open_stack("udp://[::]:5060", network=sip_network.host("client")) as client,
    ):
        server.register_endpoint_identifier(
            IdentifyByIp({network: Endpoint(name="six"), "::ffff:192.0.2.1": ENDPOINTS["bob"]})
        )
        await client.send_request("INFO", f"sip:[{sip_network.host('server').addresses[1]}]")

    assert ["six"] == [request.endpoint.name for request in recorder.requests]


@pytest.mark.parametrize("network", ["", "192.0.2", "192.0.2.1:0", "192.0.2.1:x", "[::1]:70000"])
def test_what_is_no_network_is_named(network: str) -> None:
    with pytest.raises(LocalProtocolError, match=re.escape(repr(network))):
        IdentifyByIp({network: ENDPOINTS["alice"]})


async def test_a_name_stands_for_the_addresses_of_its_servers(sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    trunk, other = Endpoint(name="trunk"), Endpoint(name="other")
    for name in ("one", "two", "three"):
        sip_network.host(name)
    sip_network.add_records(
        "_sip._udp.trunk.example.com",
        SrvRecord(1, 0, 5080, "one"),
        SrvRecord(2, 0, 5060, "two"),
    )
    sip_network.alias("gw.example.com", "three")
    identifier = IdentifyByIp(
        {
            "trunk.example.com": trunk,
            "gw.example.com:5060": other,
            sip_network.host("two").addresses[0]: other,
        }
    )
    async with open_server(sip_network, recorder, identifiers=[identifier]):
        for name in ("one", "two", "three"):
            async with open_client(sip_network, name) as client:
                await client.send_request("INFO", "sip:server")

    assert ["trunk", "other", "other"] == [one.endpoint.name for one in recorder.requests]


async def test_a_name_that_leads_nowhere_stops_the_start(sip_network: MemoryNetwork) -> None:
    identifier = IdentifyByIp({"nowhere.example.com": ENDPOINTS["alice"]})
    with pytest.raises(NoRoute, match=r"nowhere\.example\.com"):
        async with open_server(sip_network, identifiers=[identifier]):
            pytest.fail("it started")  # pragma: no cover
    assert 0 == sip_network.open_sockets


async def test_names_that_nobody_has_looked_up_let_nobody_in(sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    async with (
        open_stack(
            "udp://0.0.0.0:5060", network=sip_network.host("server"), services=[recorder]
        ) as server,
        open_client(sip_network) as client,
    ):
        server.register_endpoint_identifier(IdentifyByIp({"client": ENDPOINTS["alice"]}))
        response = await client.send_request("INFO", "sip:server")

    assert (500, []) == (response.status, recorder.requests)


async def test_a_listener_may_have_a_domain_for_those_who_come_by_it(
    sip_network: MemoryNetwork,
) -> None:
    recorder = Recorder()
    endpoints = {name: Endpoint(name=name) for name in ("alice", "alice@one", "alice@two")}
    identifier = IdentifyByUser(
        endpoints,
        listener_domains={"udp://0.0.0.0:5061": "One", "udp://192.0.2.1:5062": "two"},
    )
    server = sip_network.host("server")
    async with (
        open_stack(
            *(f"udp://0.0.0.0:{port}" for port in (5060, 5061, 5062)),
            network=server,
            services=[recorder],
            identifiers=[identifier],
        ),
        open_client(sip_network) as client,
    ):
        for port in (5060, 5061, 5062):
            await client.send_request("INFO", f"sip:server:{port}", from_="sip:alice@server")
        await client.send_request("INFO", "sip:server:5061", from_="sip:alice@two")

    assert ["alice", "alice@one", "alice@two", "alice@two"] == [
        one.endpoint.name for one in recorder.requests
    ]


# -- by header


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["north"], "north"),
        (["other", "north"], "north"),
        (["south-7"], "south"),
        (["south-7", "north"], "north"),
        (["south-7 "], "south"),
        (["south-7x"], "artificial"),
        (["North"], "artificial"),
        ([], "artificial"),
    ],
)
async def test_every_line_of_the_header_is_looked_at(
    lines: list[str], name: str, sip_network: MemoryNetwork
) -> None:
    identifier = IdentifyByHeader(
        "x-trunk",
        {
            re.compile("south-[0-9]+"): Endpoint(name="south"),
            "north": Endpoint(name="north"),
            re.compile(".*-7"): Endpoint(name="seven"),
        },
    )

    found, _ = await identified(
        sip_network, identifier, headers=[("X-Trunk", line) for line in lines]
    )

    assert name == found


# -- by credentials


def digest(username: str, realm: str = REALM) -> tuple[str, object]:
    return (
        "Authorization",
        f'Digest username="{username}", realm="{realm}", nonce="n", uri="sip:x", response="r"',
    )


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([digest("alice")], "alice"),
        ([digest("alice", "other")], "artificial"),
        ([digest("alice", "other"), digest("bob")], "bob"),
        ([digest("carol")], "carol@example.com"),
        ([digest("unknown")], "artificial"),
        ([("Authorization", "Basic abc")], "artificial"),
        ([("Authorization", "Digest broken")], "artificial"),
        ([], "artificial"),
    ],
)
async def test_username_and_realm_of_credentials_select_an_endpoint(
    headers: Headers, name: str, sip_network: MemoryNetwork
) -> None:
    identifier = IdentifyByAuthorization(
        endpoints("alice", "bob", "carol", "carol@example.com"), realms=[REALM]
    )

    found, _ = await identified(sip_network, identifier, headers=headers)

    assert name == found


async def test_selecting_by_credentials_proves_nothing(sip_network: MemoryNetwork) -> None:
    recorder = Recorder()
    async with (
        open_server(
            sip_network,
            recorder,
            identifiers=[IdentifyByAuthorization(ENDPOINTS)],
            authenticator=DigestAuthenticator(REALM, SECRETS),
        ),
        open_client(sip_network) as client,
    ):
        forged = await client.send_request("INFO", "sip:server", headers=[digest("alice")])
        right = await register(client, user="odd", credentials=credential("alice"))

    assert [401, 200] == [forged.status, right.status]
    assert [("alice", "auth_username")] == [
        (request.endpoint.name, request.identified_by) for request in recorder.requests
    ]


# -- together


async def test_anybody_may_come_when_anonymous_senders_are_allowed(
    sip_network: MemoryNetwork,
) -> None:
    assert ("anonymous", "anonymous") == await identified(
        sip_network, IdentifyByUser(ENDPOINTS), IdentifyAnonymous()
    )


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ((), "alice"),
        (("ip",), "trunk"),
        (("auth_username", "ip"), "bob"),
        (("unknown", " header ", "ip"), "trunk"),
    ],
)
async def test_the_settings_say_who_is_asked_first(
    order: tuple[str, ...], name: str, sip_network: MemoryNetwork
) -> None:
    found, _ = await identified(
        sip_network,
        IdentifyByUser(ENDPOINTS),
        IdentifyByIp({"192.0.2.0/24": Endpoint(name="trunk")}),
        IdentifyByAuthorization(ENDPOINTS),
        order=order,
        from_="sip:alice@example.com",
        headers=[digest("bob")],
    )

    assert name == found


@pytest.mark.parametrize(
    ("acl", "contact_acl", "name"),
    [
        (["192.0.2.0/24"], None, "alice"),
        (["203.0.113.0/24"], None, "artificial"),
        (None, ["10.0.0.0/8"], "alice"),
        (None, ["192.0.2.0/24"], "artificial"),
    ],
)
async def test_an_endpoint_from_the_wrong_place_is_a_stranger(
    acl: list[str] | None, contact_acl: list[str] | None, name: str, sip_network: MemoryNetwork
) -> None:
    alice = Endpoint(
        name="alice",
        acl=None if acl is None else AccessList(acl),
        contact_acl=None if contact_acl is None else AccessList(contact_acl),
    )

    found, _ = await identified(
        sip_network,
        IdentifyByUser({"alice": alice}),
        from_="sip:alice@example.com",
        headers=[("Contact", "<sip:alice@10.1.1.1>")],
    )

    assert name == found
