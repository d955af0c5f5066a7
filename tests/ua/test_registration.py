"""A registration as a block: it is there, it stays, and it goes."""

from __future__ import annotations

import gc
import math
import warnings

import pytest
import trio

from trio_sip._errors import (
    AuthenticationRejected,
    LocalProtocolError,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.registration import (
    RegistrationPace,
    RegistrationSettings,
    RegistrationState,
)
from trio_sip.stack import open_stack
from trio_sip.testing import MakeSipPeer, MemoryNetwork, PeerRequest, TestRegistrar
from trio_sip.ua import Registration, UserAgent, open_user_agent

from .calls import on_terrible_networks
from .registrars import ALICE, bound, open_alice

REGISTERED, REFRESHING, RETRYING = (
    RegistrationState.REGISTERED,
    RegistrationState.REFRESHING,
    RegistrationState.RETRYING,
)
REGISTERING, WAITING = RegistrationState.REGISTERING, RegistrationState.WAITING
UDP, TCP = "sip:example.com", "sip:example.com;transport=tcp"
DAY = 86400.0
PUNCTUAL = RegistrationSettings(spread=0.0)
"""Without the randomness that keeps many apart."""


async def watch(registration: Registration, states: list[RegistrationState]) -> None:
    async for state in registration.states():
        states.append(state)  # noqa: PERF401  (they are looked at meanwhile)


def said(registrar: TestRegistrar, header: str) -> list[str | None]:
    return [request.message.headers.get(header) for request in registrar.requests]


def times(network: MemoryNetwork) -> list[float]:
    """When REGISTERs were sent."""
    return [wire.time for wire in network.wires if wire.label.text == "REGISTER"]


async def test_inside_the_block_we_are_registered_and_behind_it_we_are_not(
    sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice:
        async with alice.register(expires=300) as registration:
            bindings = await bound(guarded_registrar)
            assert registration.is_registered
            assert bindings[0].contact == str(registration.contact and registration.contact.uri)
            assert registration.expires_at == pytest.approx(bindings[0].expires_at, abs=0.1)
            assert ["sip:alice@192.0.2.2:49153"] == [one.contact for one in bindings]
            assert ["sip:alice@192.0.2.2:49153"] == [one.uri for one in registration.bindings]
            assert "registered" in repr(registration)

        assert [] == await bound(guarded_registrar)
        assert (False, RegistrationState.TERMINATED) == (
            registration.is_registered,
            registration.state,
        )


async def test_who_has_seen_enough_states_leaves_nothing_to_be_closed(
    sip_network: MemoryNetwork, sip_registrar: TestRegistrar
) -> None:
    async with (
        open_alice(sip_network) as alice,
        alice.register(registrar=sip_registrar.uri) as registration,
    ):
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            async for state in registration.states():
                assert REGISTERED is state
                break
            gc.collect()
            await trio.sleep(1)

    assert [] == heard


@pytest.mark.parametrize("expires", [60, 300, 3600])
@pytest.mark.sip(deadline=DAY)
async def test_hours_of_refreshes_leave_no_gap(
    expires: int, sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    hours = expires / 300
    async with open_alice(sip_network) as alice, alice.register(expires=expires) as registration:
        for _ in range(50):
            await trio.sleep(hours * 3600 / 50)
            assert registration.is_registered
            assert 1 == len(await bound(guarded_registrar))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_whoever_is_registered_can_be_reached(
    transport: str, sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async with (
        open_alice(sip_network) as alice,
        open_user_agent("sip:bob@bob", network=sip_network.host("bob"), strict=True) as bob,
        alice.register(registrar=f"sip:example.com;transport={transport}"),
    ):
        contact = (await bound(registrar))[0].contact
        if transport == "udp":
            assert 200 == (await bob.options(contact)).status

    assert ("transport=tcp" in contact) == (transport == "tcp")


# -- entering


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, RequestRejected), (503, RequestRejected), (401, AuthenticationRejected)],
)
async def test_a_refusal_leaves_the_block_bare(
    status: int, kind: type[RequestRejected], sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    registrar.refuse(status)
    async with (
        open_alice(sip_network, password=None) as alice,
    ):
        with pytest.raises(RequestRejected) as caught:
            async with alice.register():
                raise AssertionError("not registered")

        assert type(caught.value) is kind
        assert status == caught.value.status
        assert 1 == len(registrar.requests)


async def test_a_wrong_password_leaves_the_block_bare(
    sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network, password="wrong") as alice:
        with pytest.raises(AuthenticationRejected):
            async with alice.register():
                pass


async def test_a_registrar_that_is_not_there_is_a_timeout(sip_network: MemoryNetwork) -> None:
    async with open_alice(sip_network) as alice:
        with pytest.raises(RequestTimedOut):
            async with alice.register(registrar="sip:192.0.2.99"):
                pass

        # The transaction's 32 seconds, and no goodbye, for nothing was ever there.
        assert 32 == pytest.approx(trio.current_time())


async def test_a_registrar_that_refuses_connections_is_a_transport_failure(
    sip_network: MemoryNetwork,
) -> None:
    async with open_alice(sip_network) as alice:
        sip_network.host("deaf")
        with pytest.raises(TransportFailed):
            async with alice.register(registrar="sip:deaf;transport=tcp"):
                pass


async def test_a_200_for_somebody_else_is_no_registration(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    registrar.refuse(200, headers=[("Contact", "<sip:eve@192.0.2.66>")])
    async with open_alice(sip_network) as alice:
        with pytest.raises(RemoteProtocolError):
            async with alice.register():
                pass


async def test_too_brief_is_asked_again(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    registrar.refuse(423, headers=[("Min-Expires", "600")])
    async with (
        open_alice(sip_network) as alice,
        alice.register(expires=60) as registration,
    ):
        assert 600 == pytest.approx(registration.expires_at - trio.current_time(), abs=1)

    assert ["60", "600"] == said(registrar, "Expires")[:2]
    # RFC 3261 section 10.2.8: again, in the same call.
    assert 1 == len({request.message.call_id for request in registrar.requests})
    assert [1, 2, 3] == [request.message.cseq.number for request in registrar.requests]


async def test_the_caller_decides_how_long_it_may_take(sip_network: MemoryNetwork) -> None:
    async with open_alice(sip_network) as alice:
        with pytest.raises(trio.TooSlowError), trio.fail_after(5):
            async with alice.register(registrar="sip:192.0.2.99", grace=2):
                pass

        # It may have been registered, so it tries to undo it, for so long as grace allows.
        assert 7 == pytest.approx(trio.current_time())


async def test_giving_up_while_the_answer_is_on_its_way_leaves_nothing_registered(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice:
        with trio.move_on_after(0.03):
            async with alice.register():
                raise AssertionError("too early")

        assert [] == await bound(registrar)
        assert "200 (REGISTER)" in sip_network.ladder()


# -- staying


@pytest.mark.sip(deadline=DAY)
async def test_trouble_is_visible_and_passes(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    states: list[RegistrationState] = []
    async with (
        open_alice(sip_network) as alice,
        trio.open_nursery() as nursery,
        alice.register(settings=PUNCTUAL) as registration,
    ):
        nursery.start_soon(watch, registration, states)
        registrar.refuse(503, headers=[("Retry-After", "20 (busy)")])
        registrar.refuse(500)
        await trio.sleep(3241)
        refreshed = times(sip_network)[1]
        assert (True, RETRYING) == (registration.is_registered, registration.state)
        assert "503 Service Unavailable" == str(registration.failure)
        assert 20 <= registration.retry_at - refreshed <= 22.1
        await trio.sleep(3600)
        assert (True, None, math.inf) == (
            registration.is_registered,
            registration.failure,
            registration.retry_at,
        )
        assert 1 == len(await bound(registrar))

    assert [REGISTERED, REFRESHING, RETRYING, REFRESHING, RETRYING, REFRESHING] == states[:6]
    assert RegistrationState.TERMINATED is states[-1]


async def test_a_registrar_that_is_away_for_long_is_missed_and_found_again(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    states: list[RegistrationState] = []
    async with (
        open_alice(sip_network) as alice,
        trio.open_nursery() as nursery,
        alice.register(expires=300) as registration,
    ):
        nursery.start_soon(watch, registration, states)
        sip_network.partition("registrar")
        for _ in range(60):
            await trio.sleep(10)
            # It never claims what the registrar does not have.
            assert registration.is_registered <= bool(await bound(registrar))
        assert not registration.is_registered
        assert isinstance(registration.failure, RequestTimedOut)
        sip_network.heal()
        with trio.fail_after(1800 + 32):
            await registration.wait_registered()
        assert 1 == len(await bound(registrar))

    assert WAITING in states


@pytest.mark.parametrize("status", [403, 404, 603])
async def test_a_registration_that_is_lost_for_good_is_raised_in_the_block(
    status: int, sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async def register(alice: UserAgent) -> None:
        async with alice.register(expires=300):
            registrar.refuse(status)
            await trio.sleep_forever()

    async with open_alice(sip_network) as alice:
        with pytest.raises(RequestRejected) as caught:
            await register(alice)

        assert status == caught.value.status
        assert 2 == len(registrar.requests)
    # Whoever is refused for good has nothing more to say, and the binding runs out.
    await trio.sleep(300)


async def test_a_password_that_is_changed_meanwhile_loses_it(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async def register(alice: UserAgent) -> None:
        async with alice.register(expires=300):
            for number in range(8):
                challenge = f'Digest realm="r", nonce="{number}"'
                registrar.refuse(401, headers=[("WWW-Authenticate", challenge)])
            await trio.sleep_forever()

    async with open_alice(sip_network) as alice:
        with pytest.raises(AuthenticationRejected):
            await register(alice)
    await trio.sleep(300)


async def test_a_registrar_that_forgets_is_told_again(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice, alice.register(expires=300) as registration:
        await registrar.forget()
        assert [] == await bound(registrar)
        await trio.sleep(301)

        assert registration.is_registered
        assert 1 == len(await bound(registrar))


async def test_a_connection_that_dies_is_opened_and_registered_anew_at_once(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    states: list[RegistrationState] = []
    async with open_alice(sip_network) as alice, trio.open_nursery() as nursery:
        async with alice.register(registrar=TCP) as registration:
            nursery.start_soon(watch, registration, states)
            await trio.sleep(1000)
            before = (await bound(registrar))[0].contact
            # The connection is not closed for being idle, although it has been for long.
            assert 1 == sip_network.reset_streams("alice", "registrar")
            began = trio.current_time()
            await trio.testing.wait_all_tasks_blocked(0.001)
            assert not registration.is_registered
            await registration.wait_registered()
            assert trio.current_time() - began < 0.2
            await trio.sleep(1)
            after = [one.contact for one in await bound(registrar)]

            assert [before] != after
            assert [str(registration.contact and registration.contact.uri)] == after
        assert [] == await bound(registrar)

    assert [REGISTERED, REGISTERING, REGISTERED] == states[:3]


@pytest.mark.sip(seeds=6)
async def test_a_connection_that_ends_right_behind_the_answer_is_noticed(
    sip_network: MemoryNetwork, make_sip_peer: MakeSipPeer
) -> None:
    registrar = make_sip_peer("registrar")
    requests: list[PeerRequest] = []

    async def say_yes_and_goodbye() -> None:
        """With the same breath."""
        while True:
            register = await registrar.expect("REGISTER")
            requests.append(register)
            await register.respond(200, headers=[("Contact", register["Contact"])])
            registrar.close_streams()

    async with open_alice(sip_network) as alice, trio.open_nursery() as nursery:
        nursery.start_soon(say_yes_and_goodbye)
        target = str(registrar.tcp_uri)
        async with alice.register(registrar=target, grace=1) as registration:
            await trio.sleep(5)

            # It was registered anew, over another connection, and then it waits for a while.
            assert 2 == len({request.path.remote for request in requests}) == len(requests)
            assert (WAITING, False) == (registration.state, registration.is_registered)
        nursery.cancel_scope.cancel()


async def test_the_user_may_ask_for_a_refresh(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice:
        async with alice.register() as registration:
            await trio.sleep(10)
            registration.refresh()
            await trio.sleep(1)

            assert 2 == len(registrar.requests)
            assert 3599 == pytest.approx(registration.expires_at - trio.current_time(), abs=0.1)
        with pytest.raises(LocalProtocolError):
            registration.refresh()
        with pytest.raises(trio.ClosedResourceError):
            await registration.wait_registered()


# -- leaving


async def test_leaving_is_bounded_and_raises_nothing(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice:
        began = 0.0
        with pytest.raises(ZeroDivisionError):  # noqa: PT012  (it is the end of the block)
            async with alice.register(grace=3):
                sip_network.partition("registrar")
                began = trio.current_time()
                raise ZeroDivisionError

        assert 3 == pytest.approx(trio.current_time() - began)
        sip_network.heal()
        await registrar.forget()


async def test_a_cancelled_block_still_says_goodbye(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice:
        with trio.move_on_after(10):
            async with alice.register():
                await trio.sleep_forever()

        assert [] == await bound(registrar)


async def test_a_block_that_is_cancelled_before_it_begins_sends_nothing(
    sip_network: MemoryNetwork,
) -> None:
    async with open_alice(sip_network) as alice:
        with trio.CancelScope() as scope:
            scope.cancel()
            async with alice.register(registrar="sip:192.0.2.99"):
                raise AssertionError("not registered")

        assert [] == sip_network.wires


async def test_leaving_during_a_refresh_leaves_nothing_registered(
    sip_network: MemoryNetwork,
    registrar: TestRegistrar,
) -> None:
    async with (
        open_alice(sip_network) as alice,
    ):
        async with alice.register() as registration:
            registration.refresh()
            await trio.sleep(0.01)

        assert [] == await bound(registrar)
    assert ["3600", "3600", "0"] == said(registrar, "Expires")
    assert [1, 2, 3] == [request.message.cseq.number for request in registrar.requests]


async def test_a_stack_that_fails_takes_the_registration_along_quietly(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_alice(sip_network) as alice, alice.register():
            raise ZeroDivisionError
    with pytest.raises(trio.ClosedResourceError):
        async with alice.register():
            pass


# -- challenges


@pytest.mark.sip(deadline=DAY)
async def test_a_proxy_and_a_registrar_that_challenge_are_both_answered(
    sip_network: MemoryNetwork,
    registrar: TestRegistrar,
) -> None:
    def challenge(name: str, more: str = "") -> tuple[str, str]:
        return name, f'Digest realm="{name}", nonce="n{more}", qop="auth"{more}'

    registrar.refuse(407, headers=[challenge("Proxy-Authenticate")])
    registrar.refuse(401, headers=[challenge("WWW-Authenticate")])
    both = [challenge(name, ", stale=true") for name in ("WWW-Authenticate", "Proxy-Authenticate")]
    async with (
        open_alice(sip_network) as alice,
        alice.register(settings=PUNCTUAL) as registration,
    ):
        await trio.sleep(3241)
        assert (REGISTERED, None) == (registration.state, registration.failure)
        registrar.refuse(401, headers=both)
        await trio.sleep(3241)
        assert (REGISTERED, None) == (registration.state, registration.failure)

    # Three until it was registered, one refresh, and one that was challenged for its nonces.
    assert list(range(1, 8)) == [request.message.cseq.number for request in registrar.requests]
    assert 1 == len({request.message.call_id for request in registrar.requests})
    for name in ("Authorization", "Proxy-Authorization"):
        assert [None] == [value for value in said(registrar, name) if value is None][:1]
        assert None not in said(registrar, name)[2:]


@pytest.mark.sip(deadline=DAY)
async def test_a_nonce_that_has_become_stale_is_no_failure(
    sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice, alice.register() as registration:
        await trio.sleep(7200)
        assert (REGISTERED, None) == (registration.state, registration.failure)

    assert any(b"stale=true" in wire.data.lower() for wire in sip_network.wires)


# -- what is sent


async def test_a_register_is_what_the_rfc_says(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async with (
        open_alice(sip_network, display_name="Alice") as alice,
        alice.register(
            instance="urn:uuid:1",
            q=0.5,
            contacts=["<sip:alice@voicemail.example.com>;q=0.1"],
            headers=[("User-Agent", "telephone")],
        ) as registration,
    ):
        assert 2 == len(registration.bindings)

    register = registrar.requests[0].message
    # RFC 3261 section 10.2
    assert ("sip:example.com", ALICE, ALICE) == (
        register.target,
        str(register.from_.uri),
        str(register.to.uri),
    )
    assert "Alice" == register.from_.display_name
    assert [
        '<sip:alice@192.0.2.2:49153>;+sip.instance="<urn:uuid:1>";q=0.5',
        "<sip:alice@voicemail.example.com>;q=0.1",
    ] == register.headers.get_all("Contact")
    assert ("3600", "path", "telephone") == tuple(
        register[name] for name in ("Expires", "Supported", "User-Agent")
    )
    assert register.headers.get_all("Contact") == registrar.requests[-1].message.headers.get_all(
        "Contact"
    )


async def test_the_service_route_is_used_while_registered_and_path_is_kept(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    headers = [
        ("Contact", "<sip:alice@192.0.2.2:49153>;expires=60"),
        ("Service-Route", "<sip:registrar;lr>"),
        ("Path", "<sip:edge.example.com;lr>"),
        ("P-Associated-URI", "<sip:alice@example.com>, <tel:+4930123>"),
    ]
    registrar.refuse(200, headers=headers)
    async with open_alice(sip_network) as alice:
        async with alice.register() as registration:
            assert ["<sip:registrar;lr>"] == [str(hop) for hop in alice.route]
            assert registration.service_route == alice.service_route
            assert ["sip:edge.example.com;lr"] == [str(hop.uri) for hop in registration.path]
            assert "tel:+4930123" == str(registration.associated_uris[1].uri)
            with pytest.raises(RequestRejected):
                await alice.options("sip:bob@192.0.2.99")

        assert () == alice.route
    assert ["REGISTER", "OPTIONS"] == [
        wire.label.method for wire in sip_network.wires if wire.label.status is None
    ][:2]


async def test_a_registrar_that_is_named_is_shown_the_password(
    sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice:
        async with alice.register(registrar="sip:registrar"):
            assert 1 == len(await bound(guarded_registrar))

        assert {"example.com", "registrar"} == alice.account.trusted


# -- all bindings of an address


async def test_other_contacts_go_with_ours_however_long_they_were_to_stay(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    async with (
        open_alice(sip_network) as alice,
        alice.register(contacts=["<sip:alice@192.0.2.77>;expires=600;q=0.1"]),
    ):
        assert 2 == len(await bound(registrar))

    assert [] == await bound(registrar)


async def test_all_bindings_can_be_seen_and_removed(
    sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    async with (
        open_alice(sip_network) as alice,
        alice.register(contacts=["<sip:alice@192.0.2.77>;expires=600"]),
    ):
        assert {"sip:alice@192.0.2.2:49153": "3600", "sip:alice@192.0.2.77": "600"} == {
            one.uri: one.expires for one in await alice.bindings()
        }
        await alice.remove_bindings()

        assert [] == await bound(guarded_registrar)
        assert () == await alice.bindings()


# -- many


async def test_many_start_one_after_the_other(
    sip_network: MemoryNetwork, registrar: TestRegistrar
) -> None:
    pace = RegistrationPace(10)

    async def telephone(number: int) -> None:
        async with (
            open_user_agent(
                f"sip:user{number}@example.com", network=sip_network.host(f"phone {number}")
            ) as user,
            user.register(pace=pace),
        ):
            await trio.sleep(60)

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(telephone, number)

    sent = times(sip_network)
    assert 1.9 == pytest.approx(sent[19] - sent[0], abs=0.01)


@pytest.mark.sip(deadline=DAY)
async def test_many_share_a_stack(sip_network: MemoryNetwork, registrar: TestRegistrar) -> None:
    settings = RegistrationSettings(start_within=5.0)
    registrations: list[Registration] = []

    async def telephone(user: str, stack: object) -> None:
        async with (
            open_user_agent(f"sip:{user}@example.com", stack=stack) as agent,  # type: ignore[arg-type]  # it is one
            agent.register(expires=600, settings=settings) as registration,
        ):
            registrations.append(registration)
            await trio.sleep(7200)
            assert registration.is_registered

    async with open_stack(
        "udp://0.0.0.0:5070", network=sip_network.host("bank"), strict=True
    ) as stack:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(telephone, f"user{number}", stack)
            await trio.sleep(6)
            assert 20 == len(registrations)
        assert [] == await bound(registrar, "sip:user7@example.com")


# -- terrible networks


@pytest.mark.parametrize("target", [UDP, TCP])
@on_terrible_networks
async def test_on_terrible_networks_it_lives_and_leaves_nothing_behind(
    target: str, sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    async with (
        open_alice(sip_network) as alice,
        alice.register(expires=300, registrar=target) as registration,
    ):
        for _ in range(30):
            await trio.sleep(60)
            assert registration.is_registered <= bool(await bound(guarded_registrar))
    await trio.sleep(300)
    assert [] == await bound(guarded_registrar)
