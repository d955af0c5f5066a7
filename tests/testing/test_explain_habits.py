"""`explain` of what must go on as it began: intervals, counts, versions, routes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_sip.testing import explain

from .flows import NAMES, Flow, call, exchange, request, response

Make = Callable[[], Flow]


def told(flow: Flow) -> dict[str, str]:
    """The rules that have found something, and what."""
    return {one.rule: one.sentence for one in explain(flow.wires(), NAMES)}


def silent() -> Flow:
    flow = call()
    flow.repeat("INVITE", 0.5, 1.5)
    flow["180"].time, flow["200"].time = 2.0, 3.0
    flow["ACK"].time = 3.02
    return flow


def hasty() -> Flow:
    flow = call()
    flow.drop("180", "200", "ACK", "BYE", "200 BYE")
    flow.repeat("INVITE", 0.5, 1.0, 1.5, 2.0)
    return flow


def routed(first: str, second: str) -> Flow:
    flow = call()
    recorded = "\nRecord-Route: <sip:p2;lr>\nRecord-Route: <sip:p1;lr>\nCSeq"
    flow.edit("INVITE 200", "\nCSeq", recorded)
    route = f"\nRoute: <sip:{first};lr>\nRoute: <sip:{second};lr>\nCSeq"
    flow.edit("ACK BYE", "\nCSeq", route)
    return flow


def registering(first: str, second: str) -> Flow:
    """The second REGISTER has the nonce of the first."""
    flow = Flow()
    for number, count in enumerate((first, second), 1):
        value = f'Digest username="a", realm="r", nonce="n", nc={count}, cnonce="c", response="x"'
        text = request("REGISTER", number, str(number))
        flow.alice(f"R{number}", number, text.replace("\nCSeq", f"\nAuthorization: {value}\nCSeq"))
        answer = response(200, "REGISTER", number, str(number))
        contact = "\nContact: <sip:alice@192.0.2.1>;expires=60\nCSeq"
        flow.bob(f"A{number}", number + 0.02, answer.replace("\nCSeq", contact))
    return flow


def stale_to_the_end() -> Flow:
    flow = registering("00000001", "00000002")
    stale = '\nWWW-Authenticate: Digest realm="r", nonce="m", stale=true\nCSeq'
    flow["A2"].text = response(401, "REGISTER", 2, "2").replace("\nCSeq", stale)
    return flow


def removing(expires: str, listed: str) -> Flow:
    flow = exchange("REGISTER", 200)
    flow.edit("REGISTER", "\nCSeq", f"\nExpires: {expires}\nCSeq")
    flow.edit("answer", "\nCSeq", f"\nContact: <sip:{listed}>;expires=60\nCSeq")
    return flow


def reliable(rack: str) -> Flow:
    flow = call()
    flow.edit("180", "\nCSeq", "\nRequire: 100rel\nRSeq: 5\nCSeq")
    prack = request("PRACK", 2, "9", to_tag=";tag=b").replace("\nCSeq", f"\nRAck: {rack}\nCSeq")
    flow.alice("PRACK", 0.04, prack)
    flow.bob("200 PRACK", 0.06, response(200, "PRACK", 2, "9"))
    for label in ("BYE", "200 BYE"):
        flow[label].text = flow[label].text.replace("CSeq: 2", "CSeq: 3")
    return flow


def held(version: int) -> Flow:
    flow = call()
    sdp = flow["INVITE"].text.partition("\n\n")[2]
    sdp = sdp.replace("sendrecv", "inactive").replace("- 1 1 ", f"- 1 {version} ")
    flow.alice("hold", 2.0, request("INVITE", 2, "8", to_tag=";tag=b", body=sdp))
    flow.bob("200 hold", 2.02, response(200, "INVITE", 2, "8", body=sdp))
    flow["200 hold"].text = flow["200 hold"].text.replace("192.0.2.1\n", "192.0.2.2\n")
    flow.alice("ACK hold", 2.04, request("ACK", 2, "7", to_tag=";tag=b"))
    for label in ("BYE", "200 BYE"):
        flow[label].text = flow[label].text.replace("CSeq: 2", "CSeq: 3")
    return flow


def without_hops() -> Flow:
    flow = call()
    flow.edit("BYE", "Max-Forwards: 70\n", "")
    return flow


def only_trying() -> Flow:
    flow = call()
    flow.drop("200 BYE")
    flow.repeat("BYE", 5.5, 6.5, 8.5)
    flow.bob("100 BYE", 8.6, response(100, "BYE", 2, "3"))
    return flow


@pytest.mark.parametrize(
    ("make", "rule", "words"),
    [
        (silent, "no-100", "bob answered alice's INVITE only after 2 s, and sent not even a 100"),
        (hasty, "repeat-interval", "alice repeated its INVITE after 0.5, 0.5, 0.5, 0.5 s"),
        (lambda: routed("p2", "p1"), "route-order", "sip:p2;lr should be the last"),
        (lambda: registering("00000001", "00000001"), "nonce-count", "the count must rise"),
        (stale_to_the_end, "stale-unanswered", "it was not sent again with that one"),
        (lambda: removing("0", "alice@192.0.2.1"), "not-removed", "200 (REGISTER) still lists it"),
        (lambda: reliable("6 1 INVITE"), "wrong-rack", "says 6 1, but 180 (INVITE) had RSeq 5"),
        (lambda: held(1), "sdp-version", "the number in o= must be one higher"),
        (without_hops, "max-forwards", "alice's BYE has no Max-Forwards"),
        (only_trying, "never-answered", "bob said only 100 (BYE)"),
    ],
)
def test_one_thing_is_wrong(make: Make, rule: str, words: str) -> None:
    found = told(make())

    assert rule in found, found
    assert words in found[rule]


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: routed("p1", "p2"), "route-order"),
        (lambda: registering("00000001", "00000002"), "nonce-count"),
        (lambda: removing("0", "other@192.0.2.1"), "not-removed"),
        (lambda: removing("60", "alice@192.0.2.1"), "not-removed"),
        (lambda: reliable("5 1 INVITE"), "wrong-rack"),
        (lambda: held(2), "sdp-version"),
    ],
)
def test_nothing_is_wrong(make: Make, rule: str) -> None:
    assert rule not in told(make())
