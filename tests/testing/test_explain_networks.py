"""`explain` of what stands between the sides: servers, forks, NATs, and several calls at once."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from trio_sip.testing import FindingKind, Wire, explain
from trio_sip.transport import Address

from .flows import ALICE, BOB, Flow, call, request, response

MIDDLE = Address("192.0.2.9", 5060)


def blamed(wires: list[Wire]) -> list[str]:
    in_order = sorted(wires, key=lambda one: one.time)
    return [str(one) for one in explain(in_order) if one.kind is FindingKind.FAULT]


def moved(
    wires: list[Wire], ways: dict[Address, Address], *changes: tuple[bytes, bytes], later: float = 0
) -> list[Wire]:
    """The same between other addresses, and in other words of the same length."""
    made = []
    for one in wires:
        data = one.data
        for old, new in changes:
            data = data.replace(old, new)
        made.append(
            attrs.evolve(
                one,
                time=one.time + later,
                source=ways.get(one.source, one.source),
                destination=ways.get(one.destination, one.destination),
                data=data,
            )
        )
    return made


_OTHER_VIAS = (
    (b"z9hG4bK", b"z9hG4bKb2b"),
    (b"Via: SIP/2.0/UDP 192.0.2.1", b"Via: SIP/2.0/UDP 192.0.2.9"),
)


@pytest.mark.parametrize(
    "changes",
    [
        ((b"Call-ID: call", b"Call-ID: leg2"), (b"tag=a", b"tag=x"), (b"tag=b", b"tag=y")),
        ((b"tag=a", b"tag=x"), (b"tag=b", b"tag=y")),
        ((b"tag=b", b"tag=y"),),
        (),
    ],
    ids=["another Call-ID", "other tags", "one other tag", "all as it was"],
)
def test_a_b2bua_in_the_middle(changes: tuple[tuple[bytes, bytes], ...]) -> None:
    first = moved(call().wires(), {BOB: MIDDLE}, (b"bob@192.0.2.2", b"bob@192.0.2.9"))
    second = moved(
        call().wires(),
        {ALICE: MIDDLE},
        *_OTHER_VIAS,
        (b"alice@192.0.2.1", b"alice@192.0.2.9"),
        *changes,
        later=0.005,
    )

    assert [] == blamed(first + second)


def test_a_nat_that_is_seen_from_both_sides() -> None:
    inside, outside = Address("10.0.0.1", 5060), Address("203.0.113.9", 40001)
    wires = moved(call().wires(), {ALICE: inside}) + moved(
        call().wires(), {ALICE: outside}, later=0.002
    )

    assert [] == blamed(wires)


def test_a_nat_that_gives_another_port_in_the_middle_of_a_call() -> None:
    before, after = Address("203.0.113.9", 40001), Address("203.0.113.9", 40002)
    wires = call().wires()
    wires = moved(wires[:4], {ALICE: before}) + moved(wires[4:], {ALICE: after})

    assert [] == blamed(wires)


def test_several_calls_at_once() -> None:
    wires = []
    for number in range(9):
        name = b"Call-ID: call%d" % number, b"z9hG4bK%d" % number
        wires += moved(
            call().wires(), {}, (b"Call-ID: call", name[0]), (b"z9hG4bK", name[1]), later=number / 7
        )

    assert [] == blamed(wires)


def subscribed() -> Flow:
    """Bob tells Alice twice what she has asked for."""
    flow = Flow()
    more = "Contact: <sip:alice@192.0.2.1>\nEvent: presence\nExpires: 600\n"
    subscribe = request("SUBSCRIBE", 1, "1").replace("\n\n", f"\n{more}\n")
    flow.alice("SUBSCRIBE", 0, subscribe)
    granted = "\nContact: <sip:bob@192.0.2.2>\nExpires: 600\n\n"
    flow.bob("200", 0.02, response(200, "SUBSCRIBE", 1, "1").replace("\n\n", granted))
    for number in (1, 2):
        flow.bob(f"NOTIFY{number}", number, _by_bob("NOTIFY", number))
        answer = response(200, "NOTIFY", number, f"n{number}")
        answer = answer.replace("192.0.2.1", "192.0.2.2").replace("tag=b", "tag=c")
        answer = answer.replace("tag=a", "tag=b").replace("tag=c", "tag=a")
        flow.alice(f"200 NOTIFY{number}", number + 0.02, answer)
    return flow


def _by_bob(method: str, number: int) -> str:
    return (
        f"{method} sip:alice@192.0.2.1 SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.2;branch=z9hG4bKn{number}\n"
        f"Max-Forwards: 70\nFrom: <sip:bob@example.com>;tag=b\n"
        f"To: <sip:alice@example.com>;tag=a\nCall-ID: call\nCSeq: {number} {method}\n"
        "Contact: <sip:bob@192.0.2.2>\nEvent: presence\nSubscription-State: active\n\n"
    )


def early_dialog() -> Flow:
    """A reliable 183 with an answer, PRACK, and an UPDATE before the 200."""
    flow = call()
    flow.edit("180", "\nCSeq", "\nRequire: 100rel\nRSeq: 5\nCSeq")
    prack = request("PRACK", 2, "p", to_tag=";tag=b").replace("\nCSeq", "\nRAck: 5 1 INVITE\nCSeq")
    flow.alice("PRACK", 0.04, prack)
    flow.bob("200 PRACK", 0.06, response(200, "PRACK", 2, "p"))
    flow.alice("UPDATE", 0.2, request("UPDATE", 3, "u", to_tag=";tag=b"))
    flow.bob("200 UPDATE", 0.22, response(200, "UPDATE", 3, "u"))
    for label in ("BYE", "200 BYE"):
        flow[label].text = flow[label].text.replace("CSeq: 2", "CSeq: 4")
    return flow


def two_realms() -> Flow:
    """Each of two servers wants credentials of its own, and gets them."""
    flow = Flow()
    given = ""
    for number, realm in enumerate(("one", "two", ""), 1):
        asked = request("REGISTER", number, str(number)).replace("\nCSeq", f"{given}\nCSeq")
        flow.alice(f"R{number}", number, asked)
        answer = response(401 if realm else 200, "REGISTER", number, str(number))
        more = (
            f'WWW-Authenticate: Digest realm="{realm}", nonce="n{realm}"'
            if realm
            else "Contact: <sip:alice@192.0.2.1>"
        )
        flow.bob(f"A{number}", number + 0.02, answer.replace("\nCSeq", f"\n{more}\nCSeq"))
        given += (
            f'\nAuthorization: Digest username="a", realm="{realm}", nonce="n{realm}", '
            'uri="sip:bob@example.com", response="x"'
        )
    return flow


@pytest.mark.parametrize("make", [subscribed, early_dialog, two_realms])
def test_what_is_as_it_should_be(make: Callable[[], Flow]) -> None:
    assert [] == blamed(make().wires())


def test_credentials_that_are_forgotten_for_those_of_another_realm() -> None:
    flow = two_realms()
    flow["R3"].text = flow["R3"].text.replace('realm="one"', 'realm="two"').replace("none", "ntwo")
    flow["A3"].text = response(401, "REGISTER", 3, "3").replace(
        "\nCSeq", '\nWWW-Authenticate: Digest realm="one", nonce="none"\nCSeq'
    )

    assert "they are for the realm two, the challenge was for" in " ".join(blamed(flow.wires()))


def test_a_call_full_of_copies() -> None:
    flow = call()
    flow.repeat("INVITE", 0.01, 0.015, 0.016)
    flow.repeat("200", 1.01, 1.015)
    flow.repeat("ACK", 1.03, 1.035)
    flow.repeat("BYE", 5.01)
    flow.repeat("200 BYE", 5.03, 5.04)

    assert [] == blamed(flow.wires())
