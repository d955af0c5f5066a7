"""Drawings of call flows."""

from __future__ import annotations

import attrs

from trio_sip.testing import Cause, Fate, Label, Wire, ladder
from trio_sip.transport import Address

ALICE, BOB, PROXY = (Address(f"192.0.2.{n}", 5060) for n in (1, 2, 3))
NAMES: dict[str | Address, str] = {"192.0.2.1": "alice", BOB: "bob", "192.0.2.3": "proxy"}


def request(method: str) -> bytes:
    return f"{method} sip:bob@example.com SIP/2.0\r\nCSeq: 1 {method}\r\n\r\n".encode()


def response(status: int, method: str) -> bytes:
    return f"SIP/2.0 {status} Whatever it is\r\nVia: x\r\ncseq : 1 {method}\r\n\r\n".encode()


def wire(time: float, source: Address, destination: Address, data: bytes) -> Wire:
    return Wire(time=time, source=source, destination=destination, transport="UDP", data=data)


def test_a_cancelled_call() -> None:
    wires = [
        wire(7.0, ALICE, BOB, request("INVITE")),
        wire(7.02, BOB, ALICE, response(180, "INVITE")),
        wire(27.0, ALICE, BOB, request("CANCEL")),
        wire(27.02, BOB, ALICE, response(200, "CANCEL")),
        wire(27.02, BOB, ALICE, response(487, "INVITE")),
        wire(27.04, ALICE, BOB, request("ACK")),
    ]

    assert ladder(wires, NAMES) == (
        "          alice                     bob\n"
        "   0.000  |----------INVITE-------->|\n"
        "   0.020  |<------180 (INVITE)------|\n"
        "  20.000  |----------CANCEL-------->|\n"
        "  20.020  |<------200 (CANCEL)------|\n"
        "  20.020  |<------487 (INVITE)------|\n"
        "  20.040  |-----------ACK---------->|\n"
    )


def test_what_was_lost_or_came_twice_is_marked() -> None:
    lost = attrs.evolve(wire(0, BOB, ALICE, response(200, "INVITE")), fate=Fate.LOST)
    twice = attrs.evolve(wire(0, ALICE, BOB, request("ACK")), fate=Fate.DUPLICATED)
    gone = attrs.evolve(wire(0, ALICE, BOB, request("BYE")), fate=Fate.LOST)

    assert ladder([wire(0, ALICE, BOB, request("INVITE")), lost, twice, gone], NAMES) == (
        "          alice                     bob\n"
        "   0.000  |----------INVITE-------->|\n"
        "   0.000  |x--200 (INVITE) (lost)---|\n"
        "   0.000  |-------ACK (twice)------>|\n"
        "   0.000  |--------BYE (lost)------x|\n"
    )


def test_columns_stand_in_the_order_of_appearance_and_arrows_cross_them() -> None:
    wires = [
        wire(0, ALICE, PROXY, request("INVITE")),
        wire(0.5, PROXY, BOB, request("INVITE")),
        wire(1, BOB, ALICE, b"\r\n\r\n"),
        wire(1, PROXY, PROXY, b"\0\1"),
    ]

    assert ladder(wires, NAMES) == (
        "          alice                     proxy                     bob\n"
        "   0.000  |----------INVITE-------->|                         |\n"
        "   0.500  |                         |----------INVITE-------->|\n"
        "   1.000  |<-----------------------CRLF-----------------------|\n"
        "   1.000  |                         |--2 bytes--.             |\n"
    )


def test_records_of_real_sockets_are_named_by_their_ports() -> None:
    here, there = Address("127.0.0.1", 5060), Address("::1", 40000)

    drawing = ladder([wire(0, here, there, request("OPTIONS"))])

    assert drawing.splitlines()[0].split() == ["127.0.0.1:5060", "[::1]:40000"]


def test_a_long_text_widens_the_columns() -> None:
    wires = [wire(0, ALICE, BOB, response(200, "X" * 40))]

    assert f"|--200 ({'X' * 20})->|" in ladder(wires, NAMES)


def test_nothing_gives_nothing() -> None:
    assert ladder([]) == ""


def test_neither_credentials_nor_control_characters_are_shown() -> None:
    evil = b"\x1b[31mRED sip:bob:s3cret@example.com SIP/2.0\r\nAuthorization: s3cret\r\n\r\n"
    record = wire(0, ALICE, BOB, evil)

    assert "s3cret" not in ladder([record], NAMES) + repr(record)
    assert "\x1b" not in ladder([record], NAMES)


def test_labels_of_what_is_no_message() -> None:
    assert [Label.of(data).text for data in (b"", b"\r\n", b"abc", b"GET / HTTP/1.1\r\n")] == [
        "empty",
        "CRLF",
        "3 bytes",
        "16 bytes",
    ]
    assert Label.of(b"SIP/2.0 200 OK\r\nCSeq:\r\n\r\n") == ("?", 200, "200 (?)")
    assert Label.of(b"SIP/2.0 200 OK\r\n\r\n").status == 200


def test_retransmissions_are_told_behind_the_first_arrow() -> None:
    lost = attrs.evolve(wire(1.5, ALICE, BOB, request("INVITE")), fate=Fate.LOST)
    wires = [
        wire(0, ALICE, BOB, request("INVITE")),
        wire(0.5, ALICE, BOB, request("INVITE")),
        lost,
        wire(1.6, BOB, ALICE, response(100, "INVITE")),
    ]

    assert ladder(wires, NAMES, fold=True) == (
        "          alice                     bob\n"
        "   0.000  |----------INVITE-------->|  again at 0.500, 1.500 (lost)\n"
        "   1.600  |<------100 (INVITE)------|\n"
    )


def test_many_retransmissions_are_counted() -> None:
    wires = [wire(n, ALICE, BOB, request("INVITE")) for n in range(20)]

    assert ladder(wires, NAMES, fold=True).endswith(" 12.000 and 7 times more\n")


def test_what_is_told_of_retransmissions_goes_on_in_the_next_line() -> None:
    times = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5]
    wires = [
        attrs.evolve(wire(n, ALICE, BOB, request("BYE")), fate=Fate.LOST if n else Fate.DELIVERED)
        for n in times
    ]

    assert ladder(wires, NAMES, fold=True) == (
        "          alice                     bob\n"
        "   0.000  |-----------BYE---------->|  again at 0.500 (lost), 1.500 (lost), 3.500 (lost),\n"
        "          |                         |  7.500 (lost), 11.500 (lost), 15.500 (lost)\n"
    )


def test_where_there_is_no_room_beside_an_arrow_it_is_told_below() -> None:
    fourth = Address("192.0.2.4", 5060)
    wires = [
        wire(0, ALICE, fourth, request("BYE")),
        wire(0, PROXY, BOB, request("BYE")),
        *(wire(n, ALICE, fourth, request("BYE")) for n in range(1, 4)),
    ]

    assert [
        "   0.000  |-----------BYE---------->|",
        "            again at 1.000, 2.000, 3.000",
    ] == [one[:45].rstrip() for one in ladder(wires, NAMES, fold=True).splitlines()[1:3]]


def test_a_message_can_be_marked_and_is_never_folded_then() -> None:
    first, second = (wire(n, ALICE, BOB, request("BYE")) for n in range(2))

    assert ladder([first, second], NAMES, fold=True, notes={second: "not expected"}) == (
        "          alice                     bob\n"
        "   0.000  |-----------BYE---------->|\n"
        "   1.000 !|-----------BYE---------->|  not expected\n"
    )


def test_why_something_was_lost() -> None:
    for cause, word in ((Cause.NAT, "blocked"), (Cause.MTU, "too big"), (Cause.RULE, "lost")):
        record = attrs.evolve(wire(0, ALICE, BOB, request("BYE")), fate=Fate.LOST, cause=cause)
        assert f"BYE ({word})" in ladder([record], NAMES)
