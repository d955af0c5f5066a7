"""R: registrations that nobody should get."""

from __future__ import annotations

import gc
import time

import pytest
import trio

from tests.services.conversation import authorization
from trio_sip.message import Response
from trio_sip.registration import Binding
from trio_sip.services import MemoryLocation, Registrar
from trio_sip.stack import open_stack
from trio_sip.testing import MemoryNetwork

from .house import House, open_house, register

PHONE = "<sip:alice@192.0.2.1>"


async def ask(house: House, *headers: str, cseq: int, call_id: str = "r1") -> Response:
    (answer,) = await house.exchange(register(*headers, cseq=cseq, call_id=call_id))
    return answer


async def contacts(house: House) -> list[str]:
    """What is registered for alice, without the expiry."""
    (answer,) = await house.exchange(register(call_id=f"query{time.monotonic_ns()}"))
    assert 200 == answer.status
    return [one.rpartition(";expires=")[0] for one in answer.headers.get_all("Contact")]


async def test_r01_a_query_counts_down(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        await ask(house, f"Contact: {PHONE};expires=100", cseq=1)
        await trio.sleep(40)
        answer = await ask(house, cseq=2)
        left = int(answer["Contact"].rpartition("=")[2])
        assert 58 <= left <= 60
        await trio.sleep(60)
        assert [] == await contacts(house)


@pytest.mark.parametrize(
    ("headers", "status", "left"),
    [
        (["Contact: *", "Expires: 0"], 200, []),
        (["Contact: *", "Expires: 60"], 400, [PHONE]),
        (["Contact: *"], 400, [PHONE]),
        (["Contact: *", f"Contact: {PHONE}", "Expires: 0"], 400, [PHONE]),
        (["Contact: *, *", "Expires: 0"], 400, [PHONE]),
        (["Contact: *;q=1", "Expires: 0"], 400, [PHONE]),
    ],
)
async def test_r02_a_star_removes_all_or_is_refused(
    headers: list[str], status: int, left: list[str], sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        await ask(house, f"Contact: {PHONE}", cseq=1)
        assert status == (await ask(house, *headers, cseq=2)).status
        assert left == await contacts(house)


async def test_r03_an_older_register_changes_nothing_at_all(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        await ask(house, f"Contact: {PHONE}", cseq=5)
        both = f"Contact: <sip:new@192.0.2.1>, {PHONE};expires=0"
        assert 500 == (await ask(house, both, cseq=4)).status
        assert [PHONE] == await contacts(house)


async def test_r04_too_brief_is_refused_with_the_shortest(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        answer = await ask(house, f"Contact: {PHONE};expires=5", cseq=1)
        assert (423, "60") == (answer.status, answer["Min-Expires"])
        assert [] == await contacts(house)


@pytest.mark.parametrize(
    "expires", ["4294967296", "1" + "0" * 100, "-1", "x", "", "1.5", "٣", "9" * 20_000]
)
@pytest.mark.parametrize("place", ["Expires: {}", "Contact: <sip:a@b>;expires={}"])
async def test_r05_no_interval_is_nonsense(
    expires: str, place: str, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        headers = [place.format(expires)]
        if not headers[0].startswith("Contact"):
            headers.append(f"Contact: {PHONE}")
        answer = await ask(house, *headers, cseq=1)
        assert answer.status in {200, 400}
        if answer.status == 200:
            left = int(answer["Contact"].rpartition("=")[2])
            assert 60 <= left <= 7200


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("<sip:bob@192.0.2.2>", 403),
        ("<sip:192.0.2.2>", 403),
        ("isbn:2983792873", 400),
        ("<tel:+1>", 400),
        ("<sip:ALICE@192.0.2.2>", 403),
    ],
)
async def test_r06_only_ones_own_sip_address_is_registered(
    to: str, status: int, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network, guarded=True) as house:
        challenge = await ask(house, cseq=1)
        line = authorization(challenge, "alice", "password of alice", uri="sip:192.0.2.2")
        data = register(line, f"Contact: {PHONE}", to=to, cseq=2)
        assert status == await house.status(data)
        assert 0 == house.location.statistics().bindings


async def test_r07_too_many_contacts_are_refused_and_none_is_stored(
    sip_network: MemoryNetwork,
) -> None:
    async with open_house(sip_network) as house:
        many = ", ".join(f"<sip:alice@192.0.2.1:{5060 + number}>" for number in range(200))
        assert 403 == (await ask(house, f"Contact: {many}", cseq=1)).status
        assert [] == await contacts(house)


async def test_r08_other_spellings_are_the_same_contact(sip_network: MemoryNetwork) -> None:
    spellings = [
        "<sip:alice@EXAMPLE.com;transport=tcp;lr>",
        "<sip:%61lice@example.com;lr;transport=TCP>",
        "sip:alice@example.com",
        '"A" <SIP:alice@example.com;Transport=tcp;lr>',
    ]
    async with open_house(sip_network) as house:
        for number, spelling in enumerate(spellings, 1):
            assert 200 == (await ask(house, f"Contact: {spelling}", cseq=number)).status
        # The one without parameters leads somewhere else; the rest are one.
        assert 2 == len(await contacts(house))


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>",
        "<sip:+19725552222@gw1.example.net;unknownparam>",
        "<sip:null-%00-null@example.com>",
        '"\\"quoted\\" \\\\ name" <sip:a@b;x=y>',
        "<sip:ü@b>",
    ],
)
async def test_r09_contacts_are_kept_and_returned_as_they_came(
    contact: str, sip_network: MemoryNetwork
) -> None:
    uri = contact[contact.index("<") :]
    async with open_house(sip_network) as house:
        assert 200 == (await ask(house, f"Contact: {contact}", cseq=1)).status
        (found,) = await contacts(house)
        assert found.endswith(uri)


class Steps(trio.abc.Instrument):
    """How long tasks run without letting others have their turn, in CPU time."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._begun = time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._begun = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.longest = max(self.longest, time.thread_time() - self._begun)


async def test_r10_a_hundred_thousand_registrations_expire_without_a_stall(
    sip_network: MemoryNetwork,
) -> None:
    location = MemoryLocation()
    async with open_stack(services=[Registrar(location)], network=sip_network.host("bob")):
        due = trio.current_time() + 10
        for number in range(100_000):
            aor = f"sip:{number}@y"
            binding = Binding(
                aor=aor, contact=f"sip:{number}@x", expires_at=due, call_id="c", cseq=1
            )
            await location.replace(aor, (), (binding,), trio.current_time())
        # What the garbage collector takes depends on everything else in the process.
        gc.disable()
        try:
            steps = Steps()
            trio.lowlevel.add_instrument(steps)
            await trio.sleep(20)
            trio.lowlevel.remove_instrument(steps)
        finally:
            gc.enable()

        assert (0, 100_000) == (location.statistics().bindings, location.statistics().expired)
        assert steps.longest < 0.1
