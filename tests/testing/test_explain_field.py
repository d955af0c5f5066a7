"""`explain` of what goes wrong most often where phones of many makers meet: each rule, and its limit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_sip.testing import Cause, explain
from trio_sip.testing.findings._explain import RULES
from trio_sip.transport import Address

from .flows import BOB, NAMES, Flow, call, exchange, request, response

Make = Callable[[], Flow]
PROXY = Address("192.0.2.9", 5060)


def told(flow: Flow) -> dict[str, str]:
    """The rules that have found something, and what."""
    return {one.rule: one.sentence for one in explain(flow.wires(), NAMES)}


def refused(
    status: int, header: str, first: str, second: str, *, method: str = "REGISTER", after: float = 1
) -> Flow:
    """A request, refused with a header, and sent again with another header of its own."""
    flow = Flow()
    for number, (mine, theirs) in enumerate(((first, header), (second, "")), 1):
        text = request(method, number, str(number)).replace("\nCSeq", f"\n{mine}\nCSeq")
        answer = response(status if theirs else 403, method, number, str(number))
        start = (number - 1) * after
        flow.alice(f"request{number}", start, text)
        more = f"\n{theirs}\nCSeq" if theirs else "\nCSeq"
        flow.bob(f"answer{number}", start + 0.02, answer.replace("\nCSeq", more))
    return flow


def brief(second: int) -> Flow:
    return refused(423, "Min-Expires: 600", "Expires: 60", f"Expires: {second}")


def brief_session(second: int) -> Flow:
    return refused(
        422, "Min-SE: 600", "Session-Expires: 90", f"Session-Expires: {second}", method="INVITE"
    )


def required(second: str) -> Flow:
    return refused(420, "Unsupported: foo", "Require: foo", f"Require: {second}")


def overloaded(after: float) -> Flow:
    return refused(503, "Retry-After: 30 (sorry)", "X: 1", "X: 2", after=after)


def cancelled(at: float) -> Flow:
    flow = exchange("INVITE", 486)
    flow.alice("CANCEL", at, request("CANCEL", 1, "1"))
    flow.bob("481", at + 0.02, response(481, "CANCEL", 1, "1"))
    return flow


def answered_twice(tag: str) -> Flow:
    flow = exchange("OPTIONS", 200)
    text = response(500, "OPTIONS", 1, "1").replace("tag=b", f"tag={tag}")
    flow.bob("other", 0.04, text)
    return flow


def offered_in_the_2xx(answer: str) -> Flow:
    flow = call()
    offer = flow["INVITE"].text.partition("\n\n")[2]
    flow.edit("INVITE", "(?s)\n\n.*", "\n\n")
    flow["ACK"].text += offer if answer else ""
    return flow


def without_address(line: str) -> Flow:
    flow = call()
    flow.edit("INVITE", "c=IN IP4 192.0.2.1\n", "")
    flow["INVITE"].text += line
    return flow


def at_nowhere(host: str) -> Flow:
    flow = call()
    flow.edit("INVITE", "<sip:alice@192.0.2.1>", f"<sip:alice@{host}>")
    return flow


def secured(scheme: str) -> Flow:
    flow = exchange("OPTIONS", 200)
    flow["OPTIONS"].text = flow["OPTIONS"].text.replace("OPTIONS sip:", f"OPTIONS {scheme}:")
    return flow


def large(size: int, cause: Cause | None = None) -> Flow:
    flow = exchange("OPTIONS", 200)
    text = request("MESSAGE", 2, "2", body="x" * size)
    for time in (1, 1.5, 2.5):
        flow.alice("MESSAGE", time, text, cause)
    return flow


def forwarded(hops: int) -> Flow:
    """Through a proxy, which says how many hops are left."""
    flow = exchange("OPTIONS", 200)
    flow.drop("answer")
    flow["OPTIONS"].destination = PROXY
    via = "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp\nVia"
    text = flow["OPTIONS"].text.replace("Via", via).replace("Forwards: 70", f"Forwards: {hops}")
    flow.alice("onward", 0.01, text)
    flow["onward"].source = PROXY
    answer = response(200, "OPTIONS", 1, "1")
    flow.bob("far", 0.02, answer.replace("Via", via))
    flow["far"].destination = PROXY
    flow.bob("near", 0.03, answer)
    flow["near"].source = PROXY
    return flow


def looping(target: str) -> Flow:
    """Two proxies, and the first sends to the second once more."""
    flow = Flow()
    flow.alice("0", 0, request("OPTIONS", 1, "1"))
    text, ends = flow["0"].text, (PROXY, BOB)
    flow["0"].destination = PROXY
    for number in range(1, 4):
        host = ends[(number + 1) % 2].host
        via = f"Via: SIP/2.0/UDP {host};branch=z9hG4bKp{number}\nVia"
        text = text.replace("Via", via, 1).replace(
            f"Forwards: {71 - number}", f"Forwards: {70 - number}"
        )
        if number == 3:
            text = text.replace("sip:bob@example.com SIP", f"{target} SIP")
        flow.alice(str(number), number / 100, text)
        flow[str(number)].source = ends[(number + 1) % 2]
        flow[str(number)].destination = ends[number % 2]
    return flow


CASES: list[tuple[str, Make, str, Make]] = [
    (
        "too-brief",
        lambda: brief(60),
        "Min-Expires 600, and it came again with 60 s",
        lambda: brief(600),
    ),
    (
        "too-brief",
        lambda: brief_session(120),
        "Min-SE 600, and it came again with 120 s",
        lambda: brief_session(600),
    ),
    (
        "required-again",
        lambda: required("foo"),
        "does not know foo, as its 420",
        lambda: required("bar"),
    ),
    (
        "too-soon",
        lambda: overloaded(2),
        "503, Retry-After 30, and the next one came after 1.98 s",
        lambda: overloaded(31),
    ),
    (
        "cancel-late",
        lambda: cancelled(5),
        "sent CANCEL 4.96 s after its ACK for the 486",
        lambda: cancelled(0.05),
    ),
    (
        "second-final",
        lambda: answered_twice("b"),
        "OPTIONS with 200 and then with 500",
        lambda: answered_twice("c"),
    ),
    (
        "no-answer-in-ack",
        lambda: offered_in_the_2xx(""),
        "made an offer, because the INVITE had none, and alice's ACK has no answer",
        lambda: offered_in_the_2xx("yes"),
    ),
    (
        "no-connection",
        lambda: without_address(""),
        "audio at port 4000 and says no address",
        lambda: without_address("c=IN IP4 192.0.2.1\n"),
    ),
    (
        "contact-nowhere",
        lambda: at_nowhere("0.0.0.0"),
        "alice's INVITE says 0.0.0.0, which means nobody",
        lambda: at_nowhere("phone.example.com"),
    ),
    (
        "sips",
        lambda: secured("sips"),
        "is for sips:bob@example.com and went by UDP without TLS",
        lambda: secured("sip"),
    ),
    (
        "too-large",
        lambda: large(1400),
        "and bob, who answers smaller ones, did not answer it",
        lambda: large(900),
    ),
    (
        "too-large",
        lambda: large(1400, Cause.MTU),
        "it wants TCP",
        lambda: large(1400, Cause.CHANCE),
    ),
    (
        "hops-not-counted",
        lambda: forwarded(70),
        "got OPTIONS with Max-Forwards 70 and sent it on with 70",
        lambda: forwarded(69),
    ),
    (
        "loop",
        lambda: looping("sip:bob@example.com"),
        "for sip:bob@example.com to bob again, after it had come back over other hops: a loop",
        lambda: looping("sip:other@example.com"),
    ),
]
TESTED = {rule for rule, *_ in CASES}


@pytest.mark.parametrize(("rule", "wrong", "words", "right"), CASES)
def test_one_thing_is_wrong_and_what_looks_like_it_is_not(
    rule: str, wrong: Make, words: str, right: Make
) -> None:
    found = told(wrong())

    assert rule in found, found
    assert words in found[rule]
    assert rule not in told(right())


def test_these_are_rules() -> None:
    assert TESTED <= {one.name for one in RULES}


def test_a_refusal_that_is_handed_back_is_told_once() -> None:
    flow = forwarded(69)
    flow.edit("far", "SIP/2.0 200", "SIP/2.0 404")
    flow.edit("near", "SIP/2.0 200", "SIP/2.0 404")
    told_of = [one.sentence for one in explain(flow.wires(), NAMES) if one.rule == "refused"]

    assert 1 == len(told_of)
    assert "knows nobody of that name" in told_of[0]


@pytest.mark.parametrize(("role", "who"), [("uac", "alice"), ("uas", "bob")])
def test_who_should_have_refreshed_the_session_is_named(role: str, who: str) -> None:
    flow = call()
    flow.edit("200", "\nCSeq", f"\nSession-Expires: 90;refresher={role}\nCSeq")
    flow["BYE"].time, flow["200 BYE"].time = 60, 60.02

    assert f"the refresher ({who}, as {role}) sent nothing" in told(flow)["session-timer"]
