"""RFC 3665 section 2: the registration flows, drawn from what happened."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from trio_sip._errors import AuthenticationRejected
from trio_sip.testing import MemoryNetwork, TestRegistrar

from .registrars import open_alice

LADDERS = Path(__file__).parent.parent / "data" / "ladders"


def golden(name: str) -> str:
    return (LADDERS / f"{name}.txt").read_text("utf-8")


class Drawing:
    """What has been sent since the last look, as a ladder."""

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network
        self._seen = 0

    def look(self) -> str:
        wires = self._network.wires[self._seen :]
        self._seen = len(self._network.wires)
        return self._network.ladder(wires)


async def test_the_registration_flows_of_rfc3665(
    sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network) as alice:
        drawing = Drawing(sip_network)
        async with alice.register(contacts=["<sip:alice@voicemail.example.com>"]) as registration:
            assert golden("rfc3665_2_1_new_registration") == drawing.look()
            registration.refresh()
            await trio.sleep(1)
            assert golden("rfc3665_2_2_update_of_contact_list") == drawing.look()
            bindings = await alice.bindings()
            assert 2 == len(bindings)
            assert golden("rfc3665_2_3_request_for_current_contact_list") == drawing.look()
        assert golden("rfc3665_2_4_cancellation") == drawing.look()


async def test_an_unsuccessful_registration_as_in_rfc3665(
    sip_network: MemoryNetwork, guarded_registrar: TestRegistrar
) -> None:
    async with open_alice(sip_network, password="wrong") as alice:
        with pytest.raises(AuthenticationRejected):
            async with alice.register():
                pass

        assert golden("rfc3665_2_5_unsuccessful_registration") == sip_network.ladder()
