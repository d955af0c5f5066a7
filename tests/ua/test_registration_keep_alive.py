"""Flows that are kept open, and those that are found dead: RFC 5626 section 4.4."""

from __future__ import annotations

import pytest
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.testing import MemoryNetwork, SipPeer, TestRegistrar, Wire

from .calls import agent
from .registrars import bound

INSTANCE = "urn:uuid:00000000-0000-1000-8000-000a95a0e128"


def pings(network: MemoryNetwork) -> list[Wire]:
    return [wire for wire in network.wires if wire.data == b"\r\n\r\n"]


@pytest.mark.sip(seeds=30, loss=0.1)
async def test_a_phone_behind_a_nat_stays_reachable_over_udp(
    sip_network: MemoryNetwork, sip_registrar: TestRegistrar
) -> None:
    box = sip_network.nat("alice", lifetime=100)
    async with (
        agent(sip_network, "alice") as alice,
        alice.register(3600, registrar=sip_registrar.uri, keep_alive=25),
    ):
        ((_, public),) = box.mappings(trio.current_time())
        await trio.sleep(1800)

        assert [public] == [outside for _, outside in box.mappings(trio.current_time())]
        assert len(pings(sip_network)) >= 1800 / 25


async def test_who_asks_for_no_keep_alive_sends_none(
    sip_network: MemoryNetwork, sip_registrar: TestRegistrar
) -> None:
    async with (
        agent(sip_network, "alice") as alice,
        alice.register(3600, registrar=f"{sip_registrar.uri};transport=tcp"),
    ):
        await trio.sleep(1800)

    assert [] == pings(sip_network)


@pytest.mark.sip(seeds=30)
async def test_a_connection_that_has_died_in_silence_is_found_out(
    sip_network: MemoryNetwork, sip_registrar: TestRegistrar
) -> None:
    async with (
        agent(sip_network, "alice") as alice,
        alice.register(
            3600, registrar=f"{sip_registrar.uri};transport=tcp", keep_alive=60
        ) as registration,
    ):
        contact = registration.contact
        assert contact is not None
        aor = str(alice.uri)
        await trio.sleep(600)
        # A box in between has been switched off and on.
        before = registration.expires_at
        sip_network.partition("alice")
        await trio.sleep(75)
        cut_off = registration.is_registered
        sip_network.heal()
        # The first tries went into the void, too.
        await trio.sleep(120)

        assert not cut_off
        assert registration.is_registered
        assert registration.expires_at > before
        assert 1 == len(await bound(sip_registrar, aor))


async def test_the_registrar_says_how_often(sip_network: MemoryNetwork, sip_peer: SipPeer) -> None:
    async def registrar() -> None:
        while True:
            request = await sip_peer.expect("REGISTER", within=4000)
            headers = [
                ("Contact", request["Contact"]),
                ("Require", "outbound"),
                ("Flow-Timer", 120),
            ]
            await request.respond(200, headers=headers)

    async with agent(sip_network, "alice") as alice, trio.open_nursery() as nursery:
        nursery.start_soon(registrar)
        async with alice.register(
            3600, registrar=sip_peer.tcp_uri, instance=INSTANCE, reg_id=1
        ) as registration:
            await trio.sleep(1200)
            assert registration.is_registered
        nursery.cancel_scope.cancel()

    register = sip_peer.wires[0].data
    assert b"reg-id=1" in register
    assert b"Supported: path, outbound" in register
    assert 10 <= len(pings(sip_network)) <= 13


@pytest.mark.parametrize(
    "wrong", [{"reg_id": 1}, {"reg_id": 0, "instance": INSTANCE}, {"keep_alive": 0.0}]
)
async def test_what_cannot_be_asked_for_is_an_error(
    wrong: dict[str, object], sip_network: MemoryNetwork
) -> None:
    async with agent(sip_network, "alice") as alice:
        with pytest.raises(LocalProtocolError):
            async with alice.register(60, **wrong):  # type: ignore[arg-type]  # that is the point
                pass
