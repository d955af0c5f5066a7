"""What a probe asks of any server: the rows of RFC 3261 sections 8.2 and 18 that most fail."""

from __future__ import annotations

import pytest

from tests.stack.scene import invite, request, without
from trio_sip.testing import MemoryNetwork

from .house import open_house

TWO_VIAS = ["Via: SIP/2.0/UDP 198.51.100.1:5070;branch=z9hG4bKsecond;x=y"]


async def test_every_via_is_echoed_in_order(sip_network: MemoryNetwork) -> None:
    async with open_house(sip_network) as house:
        (answer,) = await house.exchange(invite(headers=TWO_VIAS))
        first, second = answer.headers.get_all("Via")
        assert "z9hG4bK1" in first
        assert "SIP/2.0/UDP 198.51.100.1:5070;branch=z9hG4bKsecond;x=y" == second


async def test_record_route_is_echoed_in_order(sip_network: MemoryNetwork) -> None:
    routes = ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>;x=y"]
    async with open_house(sip_network) as house:
        data = invite(headers=[f"Record-Route: {route}" for route in routes])
        (answer,) = await house.exchange(data)
        assert routes == answer.headers.get_all("Record-Route")


@pytest.mark.parametrize("guarded", [False, True])
async def test_every_answer_has_a_to_tag_and_copies_have_the_same(
    guarded: bool, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network, guarded=guarded) as house:
        for number, data in enumerate(
            [invite(), request("TELEPORT"), request("BYE"), request("REGISTER")]
        ):
            data = data.replace(b"z9hG4bK1", b"z9hG4bK%d" % number)
            data = data.replace(b"Call-ID: c1", b"Call-ID: c%d" % number)
            tags = {one.to.tag for _ in range(3) for one in await house.exchange(data)}
            assert 1 == len(tags)
            assert None not in tags


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("BYE", to_tag="nothing"), 481),
        (request("CANCEL"), 481),
        (request("TELEPORT"), 501),
        (request("SUBSCRIBE", headers=["Contact: <sip:a@b>", "Event: x"]), 405),
        (invite(headers=["Require: warp"]), 420),
        (invite().replace(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 1), 505),
        (invite(body=b"x" * 10)[:-1], 400),
        (without(invite(), "CSeq"), 400),
        (invite(uri="nobody:knows"), 416),
    ],
)
async def test_what_cannot_be_served_is_refused_as_rfc_3261_says(
    data: bytes, status: int, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        assert status == await house.status(data)


COMPACT = (
    b"INVITE sip:bob@192.0.2.2 SIP/2.0\r\nv:SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKx;rport\r\n"
    b"f:<sip:alice@example.com>;tag=a\r\nt:<sip:bob@192.0.2.2>\r\ni:c1\r\nCSeq:1 INVITE\r\n"
    b"m:<sip:alice@192.0.2.1>\r\nl:0\r\n\r\n"
)


@pytest.mark.parametrize(
    "data",
    [
        COMPACT,
        COMPACT.replace(b"f:", b"f:\r\n ").replace(b"CSeq:1 ", b"CSeq : 1\r\n\t "),
        COMPACT.replace(b";rport\r\n", b";rport,SIP/2.0/UDP 198.51.100.1,SIP/2.0/UDP h\r\n"),
        COMPACT.replace(b"CSeq", b"cSEQ").replace(b"m:", b"CONTACT  :  "),
    ],
    ids=["compact", "folded", "commas", "case"],
)
async def test_every_spelling_of_a_good_request_is_understood(
    data: bytes, sip_network: MemoryNetwork
) -> None:
    async with open_house(sip_network) as house:
        (answer,) = await house.exchange(data)
        assert 200 == answer.status
        assert ("192.0.2.1", 5060) == (answer.via.received, int(answer.via.params["rport"] or 0))
