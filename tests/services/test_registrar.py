"""REGISTER, from the message to the location service and back."""

from __future__ import annotations

import logging
from collections.abc import Hashable

import pytest
import trio

from trio_sip import RemoteProtocolError, Uri
from trio_sip.auth import Challenge
from trio_sip.registration import Binding, RegistrarPolicy, TooBrief
from trio_sip.services import (
    IdentifyAnonymous,
    IdentifyByIp,
    IdentifyByUser,
    MemoryLocation,
    Registrar,
)
from trio_sip.stack import AccessList, Endpoint, Stack, StackSettings, open_stack
from trio_sip.testing import MemoryNetwork, first
from trio_sip.transport import TransportLimits

from .conversation import (
    ENDPOINTS,
    SECRETS,
    RawClient,
    authorization,
    contacts_of,
    credential,
    open_client,
    open_guarded_server,
    open_raw_client,
    open_server,
    register,
    register_text,
)

ALICE = "sip:alice@server"
HERE = "<sip:alice@192.0.2.2>"
THERE = "<sip:alice@192.0.2.99:7000>"
HERE_TCP = "<sip:alice@192.0.2.2;transport=tcp>"
THERE_TCP = "<sip:alice@192.0.2.99:7000;transport=TCP>"


def texts(bindings: tuple[Binding, ...]) -> list[str]:
    return [binding.contact for binding in bindings]


# -- the life of a registration


async def live(client: Stack, registrar: Registrar) -> None:
    """Register, refresh, ask, remove: the conversation that all registrars are for."""
    key = credential("alice")
    registered = await register(client, HERE, credentials=key)
    refreshed = await register(client, HERE + ";expires=600", THERE, credentials=key)
    asked = await register(client, credentials=key)
    assert 2 == len(await registrar.bindings(ALICE))
    removed = await register(client, HERE + ";expires=0", credentials=key)
    cleared = await register(client, "*", headers=[("Expires", 0)], credentials=key)

    assert [200] * 5 == [r.status for r in (registered, refreshed, asked, removed, cleared)]
    assert [HERE + ";expires=3600"] == contacts_of(registered)
    assert [THERE, HERE] == [contact.partition(";")[0] for contact in contacts_of(refreshed)]
    assert [THERE, HERE] == [contact.partition(";")[0] for contact in contacts_of(asked)]
    assert [THERE] == [contact.partition(";")[0] for contact in contacts_of(removed)]
    assert [] == contacts_of(cleared)
    assert () == await registrar.bindings(ALICE)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
async def test_a_registration_lives_and_ends(algorithm: str, sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with (
        open_guarded_server(sip_network, registrar, algorithms=(algorithm,)),
        open_client(sip_network) as client,
    ):
        await live(client, registrar)

    assert 5 == registrar.statistics().accepted


@pytest.mark.sip(seeds=30, loss=0.3, jitter=0.05, duplication=0.1)
async def test_a_registration_survives_a_terrible_network(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with (
        open_guarded_server(sip_network, registrar) as server,
        open_client(sip_network) as client,
    ):
        await live(client, registrar)

        assert 0 == server.statistics().handler_errors


@pytest.mark.sip(seeds=30, loss=0.3, jitter=0.05)
async def test_a_registration_over_tcp_survives_a_slow_network(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_guarded_server(sip_network, registrar), open_client(sip_network) as client:
        for transport in ("tcp", "udp", "tcp"):
            response = await register(
                client, HERE, transport=transport, credentials=credential("alice")
            )
            assert [HERE + ";expires=3600"] == contacts_of(response)


@pytest.mark.sip(latency=0.0, deadline=7200)
async def test_a_query_counts_down(sip_network: MemoryNetwork) -> None:
    async with (
        open_server(sip_network, Registrar(MemoryLocation())),
        open_client(sip_network) as client,
    ):
        await register(client, HERE)
        await trio.sleep(600)
        later = await register(client)
        await trio.sleep(3000)
        at_last = await register(client)

    assert [HERE + ";expires=3000"] == contacts_of(later)
    assert [] == contacts_of(at_last)


async def test_a_repeated_register_is_answered_and_not_done_again(
    sip_network: MemoryNetwork,
) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        sip_network.drop(first(2, status=200))
        response = await register(client, HERE)

    assert 200 == response.status
    assert 1 == registrar.statistics().accepted


async def test_the_answer_has_the_date(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation(), wall_clock=lambda: 1_289_690_940.7)
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        response = await register(client, HERE)

    assert "Sat, 13 Nov 2010 23:29:00 GMT" == response.headers["Date"]


async def test_contacts_come_back_to_the_byte(sip_network: MemoryNetwork) -> None:
    odd = '<sip:%61L%00ice;x=1@HOST.example:5070;Transport=udp;ob?Route=%3Csip:a%3E>;+sip.instance="<urn:uuid:1>"'
    async with (
        open_server(sip_network, Registrar(MemoryLocation())),
        open_client(sip_network) as client,
    ):
        response = await register(client, odd + ";q=0.5")

    assert [odd + ";q=0.5;expires=3600"] == contacts_of(response)


async def test_equal_contacts_are_one_however_they_are_spelled(sip_network: MemoryNetwork) -> None:
    async with (
        open_server(sip_network, Registrar(MemoryLocation())),
        open_client(sip_network) as client,
    ):
        await register(client, "<sip:%61lice@HOST.example>")
        response = await register(client, "<sip:alice@host.example>")

    assert ["<sip:alice@host.example>;expires=3600"] == contacts_of(response)


async def test_the_address_is_the_same_however_it_is_spelled(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        await register(client, HERE, to="sip:%61lice@SERVER;user=phone")

        assert ["sip:alice@192.0.2.2"] == texts(await registrar.bindings(ALICE))
        with pytest.raises(RemoteProtocolError):
            await registrar.bindings("tel:1234")


# -- what is kept with a binding


async def test_a_binding_remembers_where_it_came_from_and_from_what(
    sip_network: MemoryNetwork,
) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        agent = ("User-Agent", "phone " * 100)
        received = []
        for contact in (
            HERE,
            "<sip:alice@192.0.2.2:5060;ob>",
            "<sip:192.0.2.2>",
            "<sip:alice@92.0.2.2>",
            "<sip:alice@192.0.2.2:50601>",
        ):
            await register(client, contact, headers=[agent])
            binding = (await registrar.bindings(ALICE))[-1]
            received.append(binding.received_from)

    assert [None] * 3 + ["192.0.2.2:5060"] * 2 == received
    assert binding.user_agent == ("phone " * 100)[:200]
    assert binding.flow is None


async def test_a_path_is_kept_and_told(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    path = "<sip:p1.example.com;lr>"
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        response = await register(
            client,
            HERE,
            headers=[("Path", path), ("Supported", "gruu, PATH"), ("Require", "path")],
        )

        assert (path,) == (await registrar.bindings(ALICE))[0].path
        assert [path] == response.headers.get_all("Path")


async def test_a_path_is_refused_if_the_client_does_not_know_about_paths(
    sip_network: MemoryNetwork,
) -> None:
    async with (
        open_server(sip_network, Registrar(MemoryLocation())),
        open_client(sip_network) as client,
    ):
        response = await register(client, HERE, headers=[("Path", "<sip:p1;lr>")])

    assert (420, "path") == (response.status, response.headers["Unsupported"])


# -- refusals


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["Contact: <tel:+1234>"], 416),
        (["Contact: <mailto:alice@example.com>"], 416),
        (["Contact: <sip:alice@"], 400),
        (["Contact: <sip:alice@h>;q=7"], 400),
        (['Contact: <sip:alice@h>;x="\\\0"'], 400),
        (["Contact: *"], 400),
        (["Contact: *", "Expires: 60"], 400),
        (["Contact: *", "Contact: <sip:alice@h>", "Expires: 0"], 400),
        (["Contact: <sip:alice@h>", "Path: <sip:p", "Supported: path"], 400),
        (["Contact: <sip:alice@h>", 'Path: "\\\0" <sip:p>', "Supported: path"], 400),
        ([f"Contact: <sip:alice@h{n}>" for n in range(200)], 403),
    ],
)
async def test_what_cannot_be_registered_changes_nothing(
    lines: list[str], status: int, sip_network: MemoryNetwork
) -> None:
    registrar = Registrar(MemoryLocation())
    async with (
        open_server(sip_network, registrar),
        open_client(sip_network) as client,
        open_raw_client(sip_network) as raw,
    ):
        await register(client, HERE)
        response = await raw.ask(register_text("alice", *lines))

        assert status == response.status
        assert ["sip:alice@192.0.2.2"] == texts(await registrar.bindings(ALICE))


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [("4294967296", 7200), ("9" * 100, 7200), ("-1", 3600), ("x", 3600), ("", 3600), ("61", 61)],
)
async def test_how_long_it_lasts_is_never_nonsense(
    expires: str, seconds: int, sip_network: MemoryNetwork
) -> None:
    async with (
        open_server(sip_network, Registrar(MemoryLocation())),
        open_raw_client(sip_network) as raw,
    ):
        response = await raw.ask(
            register_text("alice", "Contact: <sip:a@h>", f"Expires: {expires}")
        )

    assert [f"<sip:a@h>;expires={seconds}"] == contacts_of(response)


async def test_too_brief_an_interval_is_refused_with_the_shortest(
    sip_network: MemoryNetwork,
) -> None:
    registrar = Registrar(MemoryLocation(), policy=RegistrarPolicy(min_expires=120))
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        response = await register(client, HERE + ";expires=60")

        assert (423, "120") == (response.status, response.headers["Min-Expires"])
        assert () == await registrar.bindings(ALICE)


async def test_too_brief_an_interval_can_be_lengthened_instead(sip_network: MemoryNetwork) -> None:
    policy = RegistrarPolicy(min_expires=120, too_brief=TooBrief.CLAMP)
    async with (
        open_server(sip_network, Registrar(MemoryLocation(), policy=policy)),
        open_client(sip_network) as client,
    ):
        response = await register(client, HERE + ";expires=60")

    assert [HERE + ";expires=120"] == contacts_of(response)


async def test_an_older_register_undoes_nothing(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_server(sip_network, registrar), open_raw_client(sip_network) as raw:
        newer = await raw.ask(register_text("alice", "Contact: <sip:a@h>", number=5))
        older = await raw.ask(
            register_text("alice", "Contact: <sip:b@h>, <sip:a@h>;expires=0", number=4)
        )

        assert [200, 500] == [newer.status, older.status]
        assert ["sip:a@h"] == texts(await registrar.bindings(ALICE))
        assert 1 == registrar.statistics().refused


@pytest.mark.parametrize(
    ("target", "to", "status"),
    [
        ("sip:example.com", "<sip:alice@Example.com>", 200),
        ("sip:EXAMPLE.com", "<sip:alice@192.0.2.1>", 200),
        ("sip:example.com", "<sip:alice@elsewhere>", 404),
        ("sip:elsewhere", "<sip:alice@example.com>", 404),
        ("sip:example.com", "<isbn:2983792873>", 400),
        ("sip:example.com", "<tel:+1234>", 400),
    ],
)
async def test_other_domains_have_other_registrars(
    target: str, to: str, status: int, sip_network: MemoryNetwork
) -> None:
    registrar = Registrar(MemoryLocation(), domains=["Example.com", "192.0.2.1"])
    async with open_server(sip_network, registrar), open_raw_client(sip_network) as raw:
        text = register_text("alice", "Contact: <sip:a@h>", to=to)
        response = await raw.ask(text.replace("sip:server SIP", f"{target} SIP"))

    assert status == response.status


# -- who may


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("sip:alice@server", 200),
        ("sip:%61lice@server;x=1", 200),
        ("sip:bob@server", 403),
        ("sip:Alice@server", 403),
        ("sip:server", 403),
    ],
)
async def test_everybody_registers_themselves(
    to: str, status: int, sip_network: MemoryNetwork
) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_guarded_server(sip_network, registrar), open_client(sip_network) as client:
        response = await register(client, HERE, to=to, credentials=credential("alice"))

    assert status == response.status


async def test_a_user_may_be_known_with_the_domain(sip_network: MemoryNetwork) -> None:
    one, two = Endpoint(name="alice@one.test"), Endpoint(name="alice@two.test")
    async with (
        open_server(
            sip_network,
            Registrar(MemoryLocation()),
            identifiers=[IdentifyByUser({one.name: one, two.name: two})],
        ),
        open_raw_client(sip_network) as raw,
    ):
        answers = [
            await raw.ask(
                register_text(
                    "alice", "Contact: <sip:a@h>", to=f"<sip:alice@{domain}>", number=number
                ).replace("alice@server", "alice@one.test")
            )
            for number, domain in enumerate(("one.test", "two.test"), 1)
        ]

    assert [200, 403] == [answer.status for answer in answers]


async def ask_to_register(raw: RawClient, to: str, from_: str, number: int) -> int:
    text = register_text("alice", "Contact: <sip:a@h>", to=f"<sip:{to}>", number=number)
    return (await raw.ask(text.replace("alice@server", from_))).status


async def test_one_name_with_a_domain_and_one_without_register_their_own_address_only(
    sip_network: MemoryNetwork,
) -> None:
    plain, of_b = Endpoint(name="alice"), Endpoint(name="alice@b.test")
    async with (
        open_server(
            sip_network,
            Registrar(MemoryLocation()),
            identifiers=[IdentifyByUser({plain.name: plain, of_b.name: of_b})],
        ),
        open_raw_client(sip_network) as raw,
    ):
        pairs = [
            ("alice@a.test", "alice@a.test"),
            ("alice@b.test", "alice@b.test"),
            ("alice@b.test", "alice@a.test"),
            ("alice@a.test", "alice@b.test"),
            ("alice@c.test", "alice@a.test"),
        ]
        statuses = [
            await ask_to_register(raw, to, from_, number)
            for number, (to, from_) in enumerate(pairs, 1)
        ]

    assert [200, 200, 403, 403, 403] == statuses


async def test_a_domain_may_have_other_names(sip_network: MemoryNetwork) -> None:
    alice = Endpoint(name="alice@one.test")
    aliases = {"192.0.2.1": "One.test"}
    registrar = Registrar(MemoryLocation(), domains=["one.test"], aliases=aliases)
    async with (
        open_server(
            sip_network,
            registrar,
            identifiers=[IdentifyByUser({alice.name: alice}, aliases=aliases)],
        ),
        open_raw_client(sip_network) as raw,
    ):
        text = register_text("alice", "Contact: <sip:a@h>", to="<sip:alice@192.0.2.1>", number=1)
        text = text.replace("alice@server", "alice@192.0.2.1").replace("sip:server", "sip:one.test")
        answer = await raw.ask(text)

        assert 200 == answer.status
        for uri in ("sip:alice@one.test", "sip:alice@192.0.2.1"):
            assert ["sip:a@h"] == [one.contact for one in await registrar.bindings(uri)]
        assert await registrar.has_user(Uri.parse("sip:alice@192.0.2.1"))


async def test_an_address_that_is_somebodys_name_is_theirs_however_others_are_identified(
    sip_network: MemoryNetwork,
) -> None:
    plain, of_b = Endpoint(name="alice"), Endpoint(name="alice@b.test")
    endpoints = {plain.name: plain, of_b.name: of_b}
    async with (
        open_server(
            sip_network,
            Registrar(MemoryLocation(), endpoints=endpoints),
            identifiers=[IdentifyByIp({"0.0.0.0/0": plain})],
        ),
        open_raw_client(sip_network) as raw,
    ):
        statuses = [
            await ask_to_register(raw, to, to, number)
            for number, to in enumerate(("alice@a.test", "alice@b.test"), 1)
        ]

    assert [200, 403] == statuses


async def test_a_stranger_who_was_let_in_registers_nobody(sip_network: MemoryNetwork) -> None:
    async with (
        open_server(
            sip_network,
            Registrar(MemoryLocation()),
            identifiers=[IdentifyByUser(ENDPOINTS), IdentifyAnonymous()],
        ),
        open_client(sip_network) as client,
    ):
        stranger = await register(client, HERE, user="carol")
        known = await register(client, HERE)

    assert [403, 200] == [stranger.status, known.status]


async def test_a_replayed_register_changes_nothing(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_guarded_server(sip_network, registrar), open_raw_client(sip_network) as raw:
        challenge = await raw.ask(register_text())
        proof = authorization(challenge, "alice", SECRETS["alice"].password)
        accepted = await raw.ask(register_text("alice", "Contact: <sip:a@h>", proof, number=2))
        hijacked = await raw.ask(
            register_text("alice", "Contact: <sip:mallory@h>", proof, number=3)
        )

        assert [200, 401] == [accepted.status, hijacked.status]
        assert Challenge.parse(hijacked.headers["WWW-Authenticate"]).stale
        assert ["sip:a@h"] == texts(await registrar.bindings(ALICE))


async def test_an_access_list_keeps_registrations_out(sip_network: MemoryNetwork) -> None:
    inside = AccessList(["192.0.2.0/28"])
    endpoints = {"alice": Endpoint(name="alice", contact_acl=inside)}
    registrar = Registrar(MemoryLocation())
    async with (
        open_guarded_server(sip_network, registrar, endpoints=endpoints),
        open_client(sip_network) as client,
    ):
        here = await register(client, HERE, credentials=credential("alice"))
        async with open_raw_client(sip_network) as raw:
            away = await raw.ask(register_text("alice", "Contact: <sip:alice@203.0.113.9>"))

    assert [200, 401] == [here.status, away.status]


# -- when the location service has its troubles


class Broken(MemoryLocation):
    """A location service whose disk comes and goes."""

    def __init__(self) -> None:
        super().__init__()
        self.is_broken = False

    def _check(self) -> None:
        if self.is_broken:
            raise OSError("disk full")

    async def replace(
        self, aor: str, expected: tuple[Binding, ...], new: tuple[Binding, ...], now: float
    ) -> bool:
        self._check()
        return await super().replace(aor, expected, new, now)

    async def purge(self, limit: int, now: float) -> bool:
        self._check()
        return await super().purge(limit, now)

    async def remove_flow(self, flow: Hashable, now: float) -> int:
        self._check()
        return await super().remove_flow(flow, now)


async def test_nothing_is_acknowledged_that_was_not_stored(
    caplog: pytest.LogCaptureFixture, sip_network: MemoryNetwork
) -> None:
    location = Broken()
    registrar = Registrar(location)
    caplog.set_level(logging.ERROR, "trio_sip.services")
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        location.is_broken = True
        failed = await register(client, HERE)
        asked = await register(client)
        location.is_broken = False
        stored = await register(client, HERE)

    assert [500, 200, 200] == [failed.status, asked.status, stored.status]
    assert ([], "5") == (contacts_of(asked), failed.headers["Retry-After"])
    assert ["registrar: disk full"] == caplog.messages
    assert (1, 0) == (registrar.statistics().store_failures, registrar.statistics().refused)


async def test_cleaning_up_goes_on_after_a_failure(sip_network: MemoryNetwork) -> None:
    location = Broken()
    registrar = Registrar(location, policy=RegistrarPolicy(min_expires=1))
    async with open_server(sip_network, registrar):
        async with open_client(sip_network) as client:
            await register(client, HERE + ";expires=2")
            await register(client, THERE_TCP, user="bob", transport="tcp")
            location.is_broken = True
        await trio.sleep(60)
        assert 2 == len(location)
        # Once each five seconds and a pause, not in a tight loop.
        assert 5 <= registrar.statistics().store_failures <= 20

        location.is_broken = False
        await trio.sleep(10)
        assert 0 == len(location)
        assert 1 == registrar.statistics().flows_lost


class Contended(MemoryLocation):
    """A location service in which others are faster so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    async def replace(
        self, aor: str, expected: tuple[Binding, ...], new: tuple[Binding, ...], now: float
    ) -> bool:
        if self.times:
            self.times -= 1
            other = Binding(
                aor=aor, contact=f"sip:{self.times}@h", expires_at=now + 60, call_id="c", cseq=1
            )
            await super().replace(aor, expected, (other,), now)
        return await super().replace(aor, expected, new, now)


async def test_what_another_register_stored_meanwhile_is_kept(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(Contended(2))
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        response = await register(client, HERE)

    assert [HERE, "<sip:0@h>"] == [one.partition(";")[0] for one in contacts_of(response)]
    assert 2 == registrar.statistics().overtaken


class Slow(MemoryLocation):
    """A location service on a disk."""

    async def replace(
        self, aor: str, expected: tuple[Binding, ...], new: tuple[Binding, ...], now: float
    ) -> bool:
        await trio.sleep(0.002)
        return await super().replace(aor, expected, new, now)


async def test_forty_who_register_one_user_at_the_same_moment_take_turns(
    sip_network: MemoryNetwork,
) -> None:
    registrar = Registrar(Slow())
    statuses: list[int] = []

    async def one_of_forty(number: int) -> None:
        response = await register(client, f"<sip:alice@192.0.2.{number % 5}>")
        statuses.append(response.status)

    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(one_of_forty, number)

        assert 40 * [200] == statuses
        assert 5 == len(await registrar.bindings(ALICE))
        assert 0 == registrar.statistics().waiting


async def test_whoever_is_always_overtaken_is_told_to_try_later(sip_network: MemoryNetwork) -> None:
    async with (
        open_server(sip_network, Registrar(Contended(1000))),
        open_client(sip_network) as client,
    ):
        response = await register(client, HERE)

    assert 500 == response.status


# -- connections


async def test_a_contact_goes_with_its_connection(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_server(sip_network, registrar):
        async with open_client(sip_network) as client:
            await register(client, HERE_TCP, transport="tcp")
            await register(client, THERE)
            assert 2 == len(await registrar.bindings(ALICE))
            assert 1 == registrar.statistics().flows_held
        await trio.sleep(1)

        assert ["sip:alice@192.0.2.99:7000"] == texts(await registrar.bindings(ALICE))
        statistics = registrar.statistics()
        assert (0, 1) == (statistics.flows_held, statistics.flows_lost)


@pytest.mark.parametrize(
    ("contacts", "held"),
    [
        (["<sip:alice@192.0.2.99:7000;transport=tcp>"], 1),
        (["<sip:alice@192.0.2.99;x;Transport=TCP?a=b>"], 1),
        (["<sip:alice@{source}>"], 1),
        (["<sip:{source};ob>"], 1),
        ([HERE_TCP, "<sip:alice@{source}>"], 1),
        ([HERE], 0),
        (["<sip:alice@{source};transport=udp>"], 0),
        (["<sip:alice;transport=tcp@192.0.2.99>"], 0),
        ([HERE_TCP, THERE], 0),
    ],
)
async def test_only_contacts_that_need_the_connection_go_with_it(
    contacts: list[str], held: int, sip_network: MemoryNetwork
) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_server(sip_network, registrar):
        async with open_client(sip_network) as client:
            await register(client, HERE, user="bob", transport="tcp")
            source = (await registrar.bindings("sip:bob@server"))[0].received_from
            filled = [one.format(source=source) for one in contacts]
            await register(client, *filled, transport="tcp")
            assert held == registrar.statistics().flows_held
        await trio.sleep(1)

        assert len(contacts) * (1 - held) == len(await registrar.bindings(ALICE))


async def test_a_contact_that_cannot_be_read_is_a_bad_contact(sip_network: MemoryNetwork) -> None:
    async with (
        open_server(sip_network, Registrar(MemoryLocation())),
        open_raw_client(sip_network) as client,
    ):
        answer = await client.ask(register_text("alice", "Contact: <sip:a@b"))

    assert (400, "Bad Contact") == (answer.status, answer.reason)


async def test_a_broken_connection_takes_all_its_contacts(sip_network: MemoryNetwork) -> None:
    location = MemoryLocation()
    async with open_server(sip_network, Registrar(location)), open_client(sip_network) as client:
        for number in range(20):
            await register(client, HERE_TCP, user=f"user{number}", transport="tcp")
        assert 20 == len(location)
        sip_network.reset_streams("client", "server")
        await trio.sleep(1)

        assert 0 == len(location)


async def test_a_registered_connection_is_kept_open_until_nobody_needs_it(
    sip_network: MemoryNetwork,
) -> None:
    registrar = Registrar(MemoryLocation())
    patient = StackSettings(limits=TransportLimits(idle_seconds=100_000))
    async with (
        open_server(sip_network, registrar) as server,
        # The client's end is not the one that gives up.
        open_stack(network=sip_network.host("client"), settings=patient) as client,
    ):
        idle = 2 * server.settings.limits.idle_seconds
        await register(client, HERE_TCP, transport="tcp")
        await trio.sleep(idle)
        kept = server.statistics().transport.connections
        held = registrar.statistics().flows_held
        await register(client, HERE_TCP + ";expires=0", transport="tcp")
        released = registrar.statistics().flows_held
        await trio.sleep(idle)

        assert (1, 1) == (kept, held)
        assert (0, 0) == (released, server.statistics().transport.connections)


async def test_no_contact_outlives_the_stack_its_connection_belonged_to(
    sip_network: MemoryNetwork,
) -> None:
    location = MemoryLocation()
    async with open_client(sip_network) as client:
        async with open_server(sip_network, Registrar(location)):
            await register(client, HERE_TCP, transport="tcp")
            await register(client, HERE, user="bob")

        assert ["sip:bob@server"] == list(location)


async def test_a_connection_whose_contacts_have_expired_is_let_go(
    sip_network: MemoryNetwork,
) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_server(sip_network, registrar), open_client(sip_network) as client:
        await register(client, HERE_TCP + ";expires=60", THERE_TCP + ";expires=90", transport="tcp")
        await trio.sleep(70)
        assert 1 == registrar.statistics().flows_held
        await trio.sleep(30)

        assert 0 == registrar.statistics().flows_held


async def test_a_contact_moves_to_a_new_connection(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with (
        open_server(sip_network, registrar),
        open_client(sip_network, "one") as one,
        open_client(sip_network, "two") as two,
    ):
        await register(one, THERE_TCP, transport="tcp")
        await register(two, THERE_TCP, transport="tcp")
        assert 1 == registrar.statistics().flows_held
        sip_network.reset_streams("one", "server")
        await trio.sleep(1)

        assert 1 == len(await registrar.bindings(ALICE))


async def test_a_contact_whose_connection_ends_while_it_is_stored_does_not_stay(
    sip_network: MemoryNetwork,
) -> None:
    class Slow(MemoryLocation):
        async def replace(
            self, aor: str, expected: tuple[Binding, ...], new: tuple[Binding, ...], now: float
        ) -> bool:
            await trio.sleep(1)
            return await super().replace(aor, expected, new, now)

    location = Slow()
    registrar = Registrar(location)
    async with open_server(sip_network, registrar):
        async with open_client(sip_network) as client:
            with trio.move_on_after(0.5):
                await register(client, HERE_TCP, transport="tcp")
        assert 0 == len(location)
        await trio.sleep(2)

        assert 1 == registrar.statistics().accepted
        assert 0 == len(location)
        assert 1 == registrar.statistics().flows_lost


async def test_a_datagram_that_finds_nobody_removes_nothing(sip_network: MemoryNetwork) -> None:
    registrar = Registrar(MemoryLocation())
    async with open_server(sip_network, registrar):
        async with open_client(sip_network) as client:
            # It is gone before the answer comes.
            with trio.move_on_after(0.03):
                await register(client, HERE)
        await trio.sleep(40)

        assert 1 == len(await registrar.bindings(ALICE))


async def test_a_location_that_fails_at_the_end_does_not_stop_the_end(
    sip_network: MemoryNetwork,
) -> None:
    location = Broken()
    registrar = Registrar(location)
    async with open_client(sip_network) as client, open_server(sip_network, registrar):
        await register(client, HERE_TCP, transport="tcp")
        location.is_broken = True

    assert 1 == registrar.statistics().store_failures
    assert 1 == len(location)


async def test_many_connections_are_looked_at_with_pauses(
    monkeypatch: pytest.MonkeyPatch, sip_network: MemoryNetwork
) -> None:
    monkeypatch.setattr("trio_sip.services._registrar._BATCH", 1)
    registrar = Registrar(MemoryLocation())
    async with (
        open_server(sip_network, registrar),
        open_client(sip_network, "one") as one,
        open_client(sip_network, "two") as two,
    ):
        await register(one, HERE_TCP + ";expires=60", transport="tcp")
        await register(two, HERE_TCP + ";expires=60", transport="tcp", user="bob")
        assert 2 == registrar.statistics().flows_held
        await trio.sleep(70)

        assert 0 == registrar.statistics().flows_held


# -- expiry


async def test_expiry_is_done_in_small_steps(sip_network: MemoryNetwork) -> None:
    class Watched(MemoryLocation):
        limits: set[int] = set()

        async def purge(self, limit: int, now: float) -> bool:
            self.limits.add(limit)
            return await super().purge(limit, now)

    location = Watched()
    for number in range(5000):
        aor = f"sip:{number}@h"
        new = Binding(aor=aor, contact=aor, expires_at=10.0, call_id="c", cseq=1)
        # The clock stands at zero until somebody sleeps.
        await location.replace(aor, (), (new,), 0.0)
    assert 5000 == len(location)
    async with open_server(sip_network, Registrar(location)):
        await trio.sleep(trio.current_time() + 20)

        assert 0 == len(location)
        assert {1000} == location.limits
        assert 5000 == location.statistics().expired
