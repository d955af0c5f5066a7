"""Each rule of `explain`: what it says of a conversation with one thing wrong."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sip.testing import Cause, FindingKind, Wire, explain
from trio_sip.testing.findings._explain import RULES
from trio_sip.transport import Address

from .flows import ALICE, BOB, NAMES, Flow, call, exchange, request, response
from .test_explain_field import TESTED

REPEATED = (1.5, 2.5, 4.5, 8.5, 12.5, 16.5)


def told(flow: Flow) -> dict[str, str]:
    """The first sentence of each rule that found something."""
    found: dict[str, str] = {}
    for finding in explain(flow.wires(), NAMES):
        found.setdefault(finding.rule, finding.sentence)
    return found


Spoil = Callable[[Flow], None]


def edited(labels: str, old: str, new: str) -> Spoil:
    return lambda flow: flow.edit(labels, old, new)


def without_ack(flow: Flow) -> None:
    flow.drop("ACK", "BYE", "200 BYE")
    flow.repeat("200", *REPEATED)


def with_private_contact(flow: Flow) -> None:
    without_ack(flow)
    flow.edit("200", r"<sip:bob@192\.0\.2\.2>", "<sip:bob@10.0.0.5>")
    for step in flow.steps:
        if step.label == "200":
            step.text = flow["200"].text


def with_lost_acks(flow: Flow) -> None:
    without_ack(flow)
    flow.alice("ACK", 1.02, request("ACK", 1, "2", to_tag=";tag=b"))
    flow.repeat("ACK", *(time + 0.02 for time in REPEATED))
    flow.lose("ACK", Cause.RULE)


def with_lost_answers(flow: Flow) -> None:
    without_ack(flow)
    flow.lose("200", Cause.CHANCE)


def hung_up_after_32(flow: Flow) -> None:
    without_ack(flow)
    bye = request("BYE", 7, "9", to_tag=";tag=a").replace("192.0.2.1;rport", "192.0.2.2;rport")
    bye = bye.replace("alice@example.com>;tag=a", "bob@example.com>;tag=b")
    bye = bye.replace("bob@192.0.2.2 SIP", "alice@192.0.2.1 SIP")
    flow.bob("BYE", 33.0, bye)


def with_strange_ack(old: str, new: str) -> Spoil:
    def spoil(flow: Flow) -> None:
        flow.drop("BYE", "200 BYE")
        flow.repeat("200", *REPEATED)
        flow.edit("ACK", old, new)

    return spoil


def unanswered(flow: Flow) -> None:
    flow.drop("180", "200", "ACK", "BYE", "200 BYE")
    flow.repeat("INVITE", 0.5, 1.5, 3.5)


def bye_unanswered(flow: Flow) -> None:
    flow.drop("200 BYE")
    flow.repeat("BYE", 5.5, 6.5)


def unanswered_because(label: str, cause: Cause) -> Spoil:
    def spoil(flow: Flow) -> None:
        unanswered(flow)
        if label != "INVITE":
            flow.bob(label, 0.02, response(200, "INVITE", 1, "1"))
        flow.lose(label, cause)

    return spoil


def sent_once(flow: Flow) -> None:
    flow["180"].time = 2.0
    flow["200"].time = 3.0
    flow["ACK"].time = 3.02


def answered_elsewhere(flow: Flow) -> None:
    flow.edit("INVITE", ";rport", "")
    flow.edit("180 200", ";rport=5060", "")
    flow["INVITE"].source = Address("192.0.2.1", 40000)
    flow.drop("ACK", "BYE", "200 BYE")
    flow.repeat("INVITE", 0.5, 1.5)


def two_hundreds_lost(flow: Flow) -> None:
    flow.lose("200", Cause.CHANCE)
    flow.drop("ACK", "BYE", "200 BYE")
    flow.alice("late", 9, "\n\n")


def acknowledged_once(flow: Flow) -> None:
    flow.lose("ACK", Cause.CHANCE)
    flow.drop("BYE", "200 BYE")
    flow.repeat("200", 1.5, 2.5, 4.5)


def asked_again(flow: Flow) -> None:
    flow.repeat("BYE", 5.5)
    flow.alice("late", 9, "\n\n")


def failed(*times: float) -> Spoil:
    def spoil(flow: Flow) -> None:
        flow.edit("200", "SIP/2.0 200", "SIP/2.0 486")
        flow.drop("180", "ACK", "BYE", "200 BYE")
        flow.repeat("200", *times)

    return spoil


def failed_with_a_strange_ack(flow: Flow) -> None:
    failed(1.5, 2.5)(flow)
    flow.alice("ACK", 1.02, request("ACK", 1, "2", to_tag=";tag=b"))


def failed_with_lost_acks(flow: Flow) -> None:
    failed(1.5, 2.5)(flow)
    flow.alice("ACK", 1.02, request("ACK", 1, "1", to_tag=";tag=b"), Cause.PARTITION)


def cancelled(flow: Flow, *, branch: str = "1", at: float = 0.5) -> None:
    flow.drop("200", "ACK", "BYE", "200 BYE")
    flow.alice("CANCEL", at, request("CANCEL", 1, branch))
    flow.bob("200 CANCEL", at + 0.02, response(200, "CANCEL", 1, branch))
    flow.alice("late", 3, "\n\n")


def cancelled_too_late(flow: Flow) -> None:
    flow.alice("CANCEL", 0.99, request("CANCEL", 1, "1"))
    flow.bob("481", 1.01, response(481, "CANCEL", 1, "1"))


def through_a_proxy(flow: Flow) -> None:
    flow.edit("INVITE", "\nCSeq", "\nRecord-Route: <sip:192.0.2.9;lr>\nCSeq")


def around_a_proxy(flow: Flow) -> None:
    flow.edit("INVITE 200", "\nCSeq", "\nRecord-Route: <sip:192.0.2.9;lr>\nCSeq")


def forked(flow: Flow) -> None:
    flow.bob("other", 1.1, flow["200"].text.replace("tag=b", "tag=c"))


def reliably(flow: Flow) -> None:
    flow.edit("180", "\nCSeq", "\nRequire: 100rel\nRSeq: 5\nCSeq")
    flow.repeat("180", 0.52)


def expired(flow: Flow) -> None:
    flow.edit("200", "\nCSeq", "\nSession-Expires: 90;refresher=uac\nCSeq")
    flow["BYE"].time, flow["200 BYE"].time = 60, 60.02


def with_glare(flow: Flow) -> None:
    flow.alice("again", 2, request("INVITE", 2, "5", to_tag=";tag=b"))
    flow.bob("491", 2.02, response(491, "INVITE", 2, "5"))
    flow.alice("ACK 491", 2.04, request("ACK", 2, "5", to_tag=";tag=b"))
    flow.edit("BYE", "CSeq: 2", "CSeq: 3")
    flow["200 BYE"].text = flow["200 BYE"].text.replace("CSeq: 2", "CSeq: 3")


def swapped_tags(flow: Flow) -> None:
    flow.edit("BYE", "tag=a", "tag=T")
    flow.edit("BYE", "tag=b", "tag=a")
    flow.edit("BYE", "tag=T", "tag=b")


CALLS: list[tuple[Spoil, str, str]] = [
    (
        edited("BYE", "\n\n", "\nContent-Length: 5\n\n"),
        "content-length",
        "says 5, but the body has 0",
    ),
    (edited("BYE", "CSeq: 2 BYE", "CSeq: 2 INFO"), "cseq-method", "alice's BYE says INFO"),
    (edited("INVITE", ";tag=a", ""), "from-tag-missing", "the From of alice's INVITE has no tag"),
    (edited("180", ";tag=b", ""), "to-tag-missing", "the To of bob's 180 (INVITE) has no tag"),
    (edited("BYE", ";tag=b", ""), "to-tag-missing", "the To of alice's BYE has no tag, so it"),
    (edited("BYE", "z9hG4bK", "x"), "branch-cookie", "does not begin with z9hG4bK"),
    (edited("ACK", "z9hG4bK2", "z9hG4bK1"), "branch-reused", "ACK with the branch of its INVITE"),
    (edited("BYE", "z9hG4bK3", "z9hG4bK1"), "branch-reused", "BYE with the branch of its INVITE"),
    (edited("BYE", "Forwards: 70", "Forwards: 0"), "max-forwards", "BYE has no hops left"),
    (edited("INVITE", "Call-ID: call\n", ""), "faulty", "alice's INVITE at 0 s is wrong: "),
    (edited("200", "z9hG4bK1", "z9hG4bK7"), "response-changed", "branch=z9hG4bK7"),
    (edited("180", "tag=a", "tag=x"), "response-changed", "another From tag"),
    (edited("180", "CSeq: 1", "CSeq: 9"), "response-changed", "has CSeq 9 INVITE, its request 1"),
    (edited("BYE", "tag=b", "tag=x"), "wrong-tags", "BYE has the To tag x, but the dialog's is b"),
    (
        edited("BYE", "tag=a", "tag=x"),
        "wrong-tags",
        "BYE has the From tag x, but the dialog's is a",
    ),
    (swapped_tags, "wrong-tags", "has its tags swapped"),
    (
        edited("BYE", "CSeq: 2", "CSeq: 1"),
        "cseq-order",
        "BYE has CSeq 1 BYE, after one with 1 INVITE",
    ),
    (edited("ACK", "CSeq: 1", "CSeq: 2"), "ack-number", "ACK has CSeq 2 ACK, but the INVITE had 1"),
    (edited("INVITE", "Contact.*\n", ""), "contact-missing", "alice's INVITE has no Contact"),
    (edited("200", "Contact.*\n", ""), "contact-missing", "bob's 200 (INVITE) has no Contact"),
    (through_a_proxy, "record-route-lost", "will not go through sip:192.0.2.9;lr"),
    (around_a_proxy, "route-missing", "ACK went straight to bob, around sip:192.0.2.9;lr"),
    (
        edited("BYE", "bob@192.0.2.2 ", "bob@example.com "),
        "wrong-target",
        "not for sip:bob@192.0.2.2",
    ),
    (without_ack, "no-ack", "bob sent its 200 (INVITE) 7 times and no ACK came: alice sent none"),
    (
        with_private_contact,
        "no-ack",
        "its Contact says 10.0.0.5:5060, which is a private address, but",
    ),
    (with_lost_acks, "ack-lost", "because the network lost every ACK because the test said so"),
    (hung_up_after_32, "no-ack", "that is why bob hung up after 32 s"),
    (with_lost_answers, "ack-lost", "because the network lost it each time by chance"),
    (with_strange_ack("tag=b", "tag=x"), "no-ack", "although ACKs came: their To tag is x"),
    (with_strange_ack("tag=a", "tag=x"), "no-ack", "their From tag is x"),
    (with_strange_ack("CSeq: 1", "CSeq: 4"), "no-ack", "their CSeq is 4 ACK, the INVITE's was 1"),
    (with_strange_ack("Max.*\n", ""), "no-ack", "bob does not take them for this call's"),
    (two_hundreds_lost, "2xx-not-repeated", "bob sent its 200 (INVITE) only once, although no ACK"),
    (acknowledged_once, "ack-not-repeated", "alice sent its ACK once, and not again"),
    (failed(1.5, 2.5), "no-ack-to-failure", "486 (INVITE) 3 times: alice sent no ACK"),
    (failed_with_a_strange_ack, "no-ack-to-failure", "has another branch than the INVITE"),
    (failed_with_lost_acks, "no-ack-to-failure", "the network lost every ACK in a partition"),
    (lambda flow: cancelled(flow, at=0.01), "cancel-wrong", "before any response"),
    (lambda flow: cancelled(flow, branch="8"), "cancel-wrong", "so it cancels nothing"),
    (cancelled, "no-487", "bob accepted the CANCEL and sent no 487"),
    (answered_elsewhere, "answered-elsewhere", "says 192.0.2.1 and has no rport"),
    (
        unanswered,
        "never-answered",
        "INVITE 4 times and got no answer: nobody answers at 192.0.2.2:5060",
    ),
    (bye_unanswered, "never-answered", "no answer: bob is there, and has not answered it"),
    (unanswered_because("INVITE", Cause.NAT), "never-answered", "lost all of it by a NAT box"),
    (
        unanswered_because("200", Cause.MTU),
        "never-answered",
        "bob did answer, and the network lost",
    ),
    (sent_once, "sent-once", "alice sent its INVITE only once, although no answer came for 2 s"),
    (asked_again, "answer-not-repeated", "bob got BYE again after its 200 (BYE)"),
    (
        lambda flow: flow.bob("?", 1.1, response(200, "ACK", 1, "2")),
        "ack-answered",
        "an ACK with 200",
    ),
    (
        edited("200", "c=IN IP4 192.0.2.2", "c=IN IP4 192.168.0.7"),
        "private-media",
        "will hear nothing",
    ),
    (edited("200", "(?s)\n\n.*", "\n\n"), "no-answer", "accepted alice's offer and sent no answer"),
    (edited("200", "AVP 0 8", "AVP 18"), "no-common-codec", "18 instead of 0 8"),
    (edited("200", "audio 4000", "audio 0"), "stream-refused", "bob refused the audio"),
    (
        edited("200", "(m=.*\n)", r"\1m=video 0 RTP/AVP 31\n"),
        "stream-refused",
        "has 2 streams, the offer 1",
    ),
    (
        edited("200", "sendrecv", "sendonly"),
        "one-way-media",
        "bob's 200 (INVITE) is only sent by it",
    ),
    (edited("200", "4 192.0.2.2\nt=", "4 0.0.0.0\nt="), "one-way-media", "on hold, in the old way"),
    (reliably, "no-prack", "alice sent no PRACK"),
    (edited("200", "bob@192.0.2.2", "bob@10.0.0.5"), "private-contact", "says 10.0.0.5, a private"),
    (edited("200", "SIP/2.0 200", "SIP/2.0 481"), "no-dialog", "INVITE with tags a and None"),
    (with_glare, "glare", "bob refused one with 491"),
    (cancelled_too_late, "late-cancel", "bob had answered with 200; the call was ended with BYE"),
    (forked, "forked", "2 answered, as their To tags tell; 2 of them answered with 2xx"),
    (
        edited("180", "(?s)\n\n.*", "\nContent-Type: application/sdp\n\nv=0\n"),
        "early-media",
        "bob described media in its 180 (INVITE)",
    ),
    (expired, "session-timer", "59 s after the last refresh: the session timer of 90 s"),
    (lambda flow: flow.lose("180", Cause.CHANCE), "lost", "lost 1 of 6 messages by chance: 180"),
]


def test_nothing_is_said_of_a_call_without_fault() -> None:
    assert {} == told(call())


@pytest.mark.parametrize(("spoil", "rule", "words"), CALLS)
def test_a_call_with_one_thing_wrong(spoil: Spoil, rule: str, words: str) -> None:
    flow = call()
    spoil(flow)

    found = told(flow)
    assert rule in found, found
    assert words in found[rule]


def challenge(more: str = "") -> str:
    text = response(401, "REGISTER", 1, "1")
    return text.replace(
        "\nCSeq", f'\nWWW-Authenticate: Digest realm="here", nonce="n1"{more}\nCSeq'
    )


def credentials(realm: str = "here", nonce: str = "n1", uri: str = "sip:bob@example.com") -> str:
    value = f'Digest username="alice", realm="{realm}", nonce="{nonce}", uri="{uri}", response="s3"'
    return request("REGISTER", 2, "2").replace("\nCSeq", f"\nAuthorization: {value}\nCSeq")


def registering(second: str, answer: str) -> Flow:
    flow = Flow()
    flow.alice("1", 0, request("REGISTER", 1, "1"))
    flow.bob("2", 0.02, challenge())
    if second:
        flow.alice("3", 0.04, second)
        flow.bob("4", 0.06, answer.replace("z9hG4bK1", "z9hG4bK2").replace("CSeq: 1", "CSeq: 2"))
    return flow


@pytest.mark.parametrize(
    ("second", "answer", "rule", "words"),
    [
        (credentials(), challenge(), "credentials", "so the password of alice is wrong"),
        (
            credentials(realm="x"),
            challenge(),
            "credentials",
            "for the realm x, the challenge was for here",
        ),
        (credentials(nonce="n0"), challenge(), "credentials", "a nonce that it did not send"),
        (
            credentials(uri="sip:x"),
            challenge(),
            "credentials",
            "for sip:x, the request is for sip:bob",
        ),
        (credentials(), challenge(", stale=true"), "stale-nonce", "the password was right"),
        ("", "", "no-credentials", "for the realm here, and got none"),
    ],
)
def test_passwords(second: str, answer: str, rule: str, words: str) -> None:
    found = told(registering(second, answer))

    assert rule in found, found
    assert words in found[rule]
    assert "s3" not in str(found)


def test_a_challenge_that_is_answered_is_nothing_to_speak_of() -> None:
    ok = response(200, "REGISTER", 1, "1").replace("\nCSeq", "\nContact: <sip:a@b>\nCSeq")

    assert {} == told(registering(credentials(), ok))


@pytest.mark.parametrize(
    ("asked", "granted", "words"),
    [
        ("Expires: 3600", "Contact: <sip:alice@192.0.2.1>;expires=60", "60 s instead of 3600 s"),
        ("Expires: 3600", "Date: x", "nothing is registered"),
    ],
)
def test_registrations(asked: str, granted: str, words: str) -> None:
    flow = exchange("REGISTER", 200)
    flow.edit("REGISTER", "\nCSeq", f"\n{asked}\nCSeq")
    flow.edit("answer", "\nCSeq", f"\n{granted}\nCSeq")

    assert words in told(flow)["registration"]


@pytest.mark.parametrize(
    ("status", "header", "words"),
    [
        (405, "Allow: INVITE, ACK", "it does not take the method; it takes INVITE, ACK"),
        (405, "", "the header Allow that would say why is missing"),
        (420, "Unsupported: 100rel", "does not know the extension 100rel"),
        (423, "Min-Expires: 600", "of 600 seconds at least"),
        (488, 'Warning: 304 x "no codec"', 'no codec"'),
        (415, "", "it takes (not said)"),
        (486, 'Reason: SIP ;text="out"', 'it is busy (Reason: SIP ;text="out")'),
    ],
)
def test_refusals_are_told_with_the_header_that_says_why(
    status: int, header: str, words: str
) -> None:
    flow = exchange("INVITE", status)
    if header:
        flow.edit("answer", "\nCSeq", f"\n{header}\nCSeq")

    found = told(flow)
    assert words in found["refused"]
    assert {"refused"} == set(found)


def test_what_is_not_sip_is_said_so() -> None:
    junk = Wire(time=0, source=ALICE, destination=BOB, transport="UDP", data=b"hello")
    torn = attrs.evolve(junk, transport="TCP", data=b"GET / HTTP/1.1\r\n\r\n")
    rules = [finding.rule for finding in explain([junk, torn, torn], NAMES)]

    assert ["unreadable"] * 3 == rules


def test_streams_are_read_message_for_message() -> None:
    flow = call()
    flow.edit("BYE", "CSeq: 2 BYE", "CSeq: 2 INFO")
    wires = [attrs.evolve(wire, transport="TCP") for wire in flow.wires()]
    halves = [
        attrs.evolve(wire, data=part)
        for wire in wires
        for part in (wire.data[:100], wire.data[100:])
    ]

    assert "cseq-method" in {finding.rule for finding in explain(halves, NAMES)}


def test_a_finding_says_what_it_is_about_and_where_to_read_on() -> None:
    flow = call()
    without_ack(flow)
    (finding,) = explain(flow.wires(), NAMES)

    assert FindingKind.FAULT is finding.kind
    assert 7 == len(finding.wires)
    assert str(finding).endswith("alice sent none [RFC 3261 section 13.3.1.4]")


@pytest.mark.parametrize("port", [BOB.port + 1, BOB.port + 2])
def test_who_hangs_up_is_known_also_where_both_are_on_one_host(port: int) -> None:
    flow = call()
    flow.drop("BYE", "200 BYE")
    bye = request("BYE", 1, "3", to_tag=";tag=b")
    flow.bob("BYE", 5, bye.replace("From", "X").replace("To", "From").replace("X", "To"))
    beside, away = Address(ALICE.host, BOB.port + 1), Address(ALICE.host, port)
    moved = {ALICE: ALICE, BOB: beside}
    wires = [
        attrs.evolve(one, source=moved[one.source], destination=moved[one.destination])
        for one in flow.wires()
    ]
    wires[-1] = attrs.evolve(wires[-1], source=away)

    assert "wrong-tags" not in {finding.rule for finding in explain(wires, NAMES)}


def test_every_rule_has_a_test() -> None:
    tested = {rule for _, rule, _ in CALLS}
    tested |= {"credentials", "no-credentials", "stale-nonce", "registration", "refused"}
    # In test_explain_habits.py.
    tested |= {"no-100", "repeat-interval", "route-order", "nonce-count", "stale-unanswered"}
    tested |= {"not-removed", "wrong-rack", "sdp-version"}
    # In test_explain_soundness.py.
    tested |= {"answer-lost", "failure-ack-lost"} | TESTED

    assert {rule.name for rule in RULES} == tested


def test_each_dialog_of_a_fork_counts_for_itself_and_has_its_own_target() -> None:
    flow = call()
    other = flow["200"].text.replace("tag=b", "tag=c").replace("bob@192.0.2.2", "eve@192.0.2.2")
    flow.bob("other", 1.1, other)
    for label, number in (("ACK", 1), ("BYE", 2)):
        text = request(label, number, f"other{number}", to_tag=";tag=c")
        flow.alice(f"other {label}", 1.2, text.replace("bob@192.0.2.2", "eve@192.0.2.2"))
    flow.bob("other 200", 1.3, response(200, "BYE", 2, "other2").replace("tag=b", "tag=c"))

    assert {"forked"} == set(told(flow))


def test_nothing_gives_nothing() -> None:
    assert [] == explain([])


@st.composite
def spoiled(draw: st.DrawFn) -> list[Wire]:
    """The call, with octets exchanged, left out or put in, and lines in other places."""
    wires = call().wires()
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(wires) - 1))
        data = wires[place].data
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(start + 12, len(data))))
        new = draw(
            st.sampled_from([b"", b"\0", b"9" * 20, b"\r\n", b";", b'"', b"<", b"%ff", b"\xff"])
        )
        wires[place] = attrs.evolve(wires[place], data=data[:start] + new + data[end:])
    if draw(st.booleans()):
        wires = [attrs.evolve(wire, transport="TCP") for wire in wires]
    return draw(st.permutations(wires))


@given(spoiled())
@settings(max_examples=60)
def test_whatever_was_sent_it_is_explained(wires: list[Wire]) -> None:
    for finding in explain(wires, NAMES):
        assert finding.sentence.isprintable()
        assert finding.wires
