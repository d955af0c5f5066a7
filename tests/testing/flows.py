"""A call that is right in every detail, to be spoiled in one of them."""

from __future__ import annotations

import re

import attrs

from trio_sip.testing import Cause, Fate, Wire
from trio_sip.transport import Address

ALICE, BOB = Address("192.0.2.1", 5060), Address("192.0.2.2", 5060)
NAMES: dict[str | Address, str] = {"192.0.2.1": "alice", "192.0.2.2": "bob"}

_SDP = (
    "v=0\no=- 1 1 IN IP4 {host}\ns=-\nc=IN IP4 {host}\nt=0 0\nm=audio 4000 RTP/AVP 0 8\n"
    "a=sendrecv\n"
)


def request(method: str, number: int, branch: str, *, to_tag: str = "", body: str = "") -> str:
    """A request of Alice; inside the dialog with a To tag."""
    target = "sip:bob@192.0.2.2" if to_tag else "sip:bob@example.com"
    contact = "Contact: <sip:alice@192.0.2.1>\n" if method in {"INVITE", "REGISTER"} else ""
    return (
        f"{method} {target} SIP/2.0\nVia: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK{branch}\n"
        f"Max-Forwards: 70\nFrom: <sip:alice@example.com>;tag=a\n"
        f"To: <sip:bob@example.com>{to_tag}\nCall-ID: call\nCSeq: {number} {method}\n{contact}\n{body}"
    )


def response(status: int, method: str, number: int, branch: str, body: str = "") -> str:
    """A response of Bob."""
    contact = "Contact: <sip:bob@192.0.2.2>\n" if method == "INVITE" else ""
    tag = "" if status == 100 else ";tag=b"
    return (
        f"SIP/2.0 {status} Reason\nVia: SIP/2.0/UDP 192.0.2.1;rport=5060;branch=z9hG4bK{branch}\n"
        f"From: <sip:alice@example.com>;tag=a\nTo: <sip:bob@example.com>{tag}\nCall-ID: call\n"
        f"CSeq: {number} {method}\n{contact}\n{body}"
    )


@attrs.define(eq=False)
class Step:
    label: str
    time: float
    source: Address
    destination: Address
    text: str
    cause: Cause | None = None

    def wire(self) -> Wire:
        head, _, body = self.text.replace("\n", "\r\n").partition("\r\n\r\n")
        if body and "Content-Type" not in head:
            head += "\r\nContent-Type: application/sdp"
        if "Content-Length" not in head:
            head += f"\r\nContent-Length: {len(body)}"
        return Wire(
            time=100 + self.time,
            source=self.source,
            destination=self.destination,
            transport="UDP",
            data=f"{head}\r\n\r\n{body}".encode(),
            fate=Fate.LOST if self.cause else Fate.DELIVERED,
            cause=self.cause,
        )


class Flow:
    """Messages with labels, in the order of their times."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def __getitem__(self, label: str) -> Step:
        return next(step for step in self.steps if step.label == label)

    def alice(self, label: str, time: float, text: str, cause: Cause | None = None) -> None:
        self.steps.append(Step(label, time, ALICE, BOB, text, cause))

    def bob(self, label: str, time: float, text: str, cause: Cause | None = None) -> None:
        self.steps.append(Step(label, time, BOB, ALICE, text, cause))

    def edit(self, labels: str, old: str, new: str) -> None:
        """Exchange what *old*, a regular expression, finds in messages."""
        for label in labels.split():
            step = self[label]
            text = re.sub(old, new, step.text)
            assert text != step.text, (label, old)
            step.text = text

    def drop(self, *labels: str) -> None:
        self.steps = [step for step in self.steps if step.label not in labels]

    def repeat(self, label: str, *times: float) -> None:
        self.steps += [attrs.evolve(self[label], time=time) for time in times]

    def lose(self, label: str, cause: Cause) -> None:
        for step in self.steps:
            if step.label == label:
                step.cause = cause

    def wires(self) -> list[Wire]:
        return [step.wire() for step in sorted(self.steps, key=lambda step: step.time)]


def call() -> Flow:
    """INVITE, 180, 200, ACK, BYE, 200."""
    flow = Flow()
    flow.alice("INVITE", 0, request("INVITE", 1, "1", body=_SDP.format(host="192.0.2.1")))
    flow.bob("180", 0.02, response(180, "INVITE", 1, "1"))
    flow.bob("200", 1.0, response(200, "INVITE", 1, "1", body=_SDP.format(host="192.0.2.2")))
    flow.alice("ACK", 1.02, request("ACK", 1, "2", to_tag=";tag=b"))
    flow.alice("BYE", 5.0, request("BYE", 2, "3", to_tag=";tag=b"))
    flow.bob("200 BYE", 5.02, response(200, "BYE", 2, "3"))
    return flow


def exchange(method: str, status: int) -> Flow:
    """A request outside a call, and its answer; INVITE gets its ACK."""
    flow = Flow()
    flow.alice(method, 0, request(method, 1, "1"))
    flow.bob("answer", 0.02, response(status, method, 1, "1"))
    if method == "INVITE":
        flow.alice("ACK", 0.04, request("ACK", 1, "1").replace("com>\nCall", "com>;tag=b\nCall"))
    return flow
