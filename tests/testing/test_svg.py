"""Call flows as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import attrs

from trio_sip.testing import Fate, svg_ladder
from trio_sip.transport import Address

from .test_ladder import ALICE, BOB, NAMES, PROXY, request, response, wire

SPACE = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return [one.text or "" for one in ET.fromstring(picture).iter(f"{SPACE}text")]


def test_it_is_xml_with_every_host_time_and_message() -> None:
    lost = attrs.evolve(wire(0.5, BOB, ALICE, response(200, "INVITE")), fate=Fate.LOST)
    picture = svg_ladder([wire(0, ALICE, BOB, request("INVITE")), lost], NAMES)

    assert ["alice", "bob", "0.000", "INVITE", "0.500", "200 (INVITE) (lost)"] == texts(picture)
    assert 'class="arrow lost"' in picture
    assert "currentColor" in picture


def test_retransmissions_are_folded_and_a_wrong_message_is_marked() -> None:
    wires = [wire(n, ALICE, BOB, request("INVITE")) for n in range(3)]
    wrong = wire(4, BOB, ALICE, request("BYE"))
    picture = svg_ladder([*wires, wrong], NAMES, notes={wrong: "not <expected>"})

    assert "sent 3 times, last at 2.000" in texts(picture)
    assert "not <expected>" in texts(picture)
    assert 'class="arrow noted"' in picture


def test_what_a_host_sends_to_itself_is_a_loop() -> None:
    assert " h30 v12 h-30" in svg_ladder([wire(0, PROXY, PROXY, request("BYE"))], NAMES)


def test_names_cannot_break_out_of_their_place() -> None:
    evil: dict[str | Address, str] = {ALICE: '<script>"\x1b', BOB: "&"}
    picture = svg_ladder([wire(0, ALICE, BOB, request("BYE"))], evil)

    assert ['<script>"?', "&"] == texts(picture)[:2]


def test_nothing_is_an_empty_picture() -> None:
    assert [] == texts(svg_ladder([]))
