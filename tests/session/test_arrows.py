"""Each arrow of the two main tables, as what the driver and the user see of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest

from trio_sip.message import Request, create_request, create_response
from trio_sip.session import (
    Effect,
    IncomingSession,
    InviteSession,
    OutgoingSession,
    SendRequest,
    SessionSettings,
    SessionState,
)

from .pair import ANSWER, OFFER, SDP, invite

QUIET = SessionSettings(session_expires=None)


class Subject:
    """A session, and what can happen to it by name."""

    def __init__(self, session: InviteSession, theirs: str) -> None:
        self.session = session
        self.theirs = theirs
        self.now = 0.0
        self.number = 1
        self.sent: list[Request] = []

    def take(self, name: str) -> list[Effect]:
        """Let *name* happen; what the session wants of it."""
        actions: dict[str, Callable[[], object]] = {
            "again": lambda: self.session.replace_request(
                self.session.invite, self.session.invite, self.now
            ),
            "no response": lambda: self.session.receive_failure(self.session.invite, 408, self.now),
            "hang up": lambda: self.session.hang_up(self.now),
            "cancel": lambda: self.session.receive_cancel(self.session.invite, self.now),
            "ack sent": lambda: self.session.send_ack(self.now, body=ANSWER),
            "info": lambda: self.session.send_request("INFO", self.now),
            "timer": self._run_out,
            "silence": lambda: self.session.receive_failure(self.sent[-1], 408, self.now),
        }
        kind, _, rest = name.partition(" ")
        if kind.isdigit():
            self._hear(int(kind), rest)
        elif kind == "say":
            status, *words = rest.split()
            self.session.send_response(
                self.session.invite, int(status), self.now, body=OFFER if words else b""
            )
        elif kind.isupper():
            self._receive(kind, 1 if kind == "ACK" else None)
        else:
            actions[name]()
        effects = self.session.effects()
        self.sent += [one.request for one in effects if isinstance(one, SendRequest)]
        return effects

    def _hear(self, status: int, what: str) -> None:
        request = self.session.invite if what in ("", "offer") else self.sent[-1]
        response = create_response(request, status, to_tag=self.theirs)
        response.headers.add("Allow", "INVITE, UPDATE")
        if status == 422:
            response.headers.add("Min-SE", "600")
        if what == "offer":
            response.add_body(OFFER, SDP)
        self.session.receive_response(response, self.now)

    def _receive(self, method: str, number: int | None) -> None:
        self.number += 1
        local = self.session.dialogs[0].id.local_tag
        request = create_request(
            method, "sip:a@a", from_=f"<sip:x@x>;tag={self.theirs}", to=f"<sip:a@a>;tag={local}",
            call_id="c1", cseq=number or self.number, contact="<sip:x@192.0.2.9>",
        )  # fmt: skip
        if method == "PRACK":
            sent = self.session._provisionals
            assert sent is not None
            request.headers.add("RAck", f"{sent._rseq - 1} 1 INVITE")
        self.session.receive_request(request, self.now)

    def _run_out(self) -> None:
        assert self.session.next_deadline() < math.inf
        self.now = self.session.next_deadline()
        self.session.handle_timeout(self.now)


def caller() -> Subject:
    first = invite(body=b"")
    session = OutgoingSession(first, 0.0, dice=random.Random(1), settings=QUIET)
    session.effects()
    first.headers.insert_first("Via", "SIP/2.0/UDP a.example;branch=z9hG4bK1")
    return Subject(session, "x")


def callee() -> Subject:
    first = invite(body=b"", headers=[("Supported", "100rel, timer"), ("Allow", "UPDATE")])
    session = IncomingSession(
        first, 0.0, local_tag="b", contact="<sip:b@b>", dice=random.Random(1), settings=QUIET
    )
    session.effects()
    return Subject(session, "a")


WAYS: dict[str, tuple[Callable[[], Subject], list[str]]] = {
    "Calling": (caller, []),
    "Proceeding": (caller, ["180"]),
    "Cancelling": (caller, ["hang up"]),
    "Cancelled": (caller, ["180", "hang up"]),
    "Answered": (caller, ["180", "200 offer"]),
    "Confirmed": (caller, ["200"]),
    "Closing": (caller, ["200", "hang up"]),
    "callee Proceeding": (callee, ["say 180"]),
    "callee Accepting": (callee, ["say 183 offer", "say 200"]),
    "callee Answered": (callee, ["say 200"]),
    "callee Departing": (callee, ["say 200", "hang up"]),
    "callee Mortal": (callee, ["say 200", "BYE"]),
    "callee Confirmed": (callee, ["say 200", "ACK"]),
    "callee Closing": (callee, ["say 200", "ACK", "hang up"]),
}
ARROWS: list[tuple[str, list[str], str, str]] = [
    ("Calling", ["180"], "Proceeding", "DialogBegun Progressed"),
    ("Calling", ["200"], "Confirmed", "DialogBegun ACK Answered"),
    ("Calling", ["200 offer"], "Answered", "DialogBegun Answered"),
    ("Calling", ["486"], "Terminated", "Rejected Ended Terminated Forget"),
    ("Calling", ["422"], "Calling", "INVITE"),
    ("Calling", ["no response"], "Terminated", "Rejected Ended Terminated Forget"),
    ("Calling", ["again"], "Calling", ""),
    ("Calling", ["hang up"], "Cancelling", "Ended"),
    ("Proceeding", ["180"], "Proceeding", "Progressed"),
    ("Proceeding", ["200"], "Confirmed", "ACK Answered"),
    ("Proceeding", ["200 offer"], "Answered", "Answered"),
    ("Proceeding", ["486"], "Terminated", "Rejected Ended UsageEnded Terminated Forget"),
    ("Proceeding", ["422"], "Calling", "UsageEnded INVITE"),
    ("Proceeding", ["no response"], "Terminated", "Rejected Ended UsageEnded Terminated Forget"),
    ("Proceeding", ["again"], "Calling", "UsageEnded"),
    ("Proceeding", ["hang up"], "Cancelled", "SendCancel Ended"),
    ("Proceeding", ["BYE"], "Proceeding", "200 UsageEnded"),
    ("Proceeding", ["INFO"], "Proceeding", "RequestReceived"),
    ("Cancelling", ["180"], "Cancelled", "SendCancel"),
    ("Cancelling", ["200"], "Closing", "DialogBegun ACK BYE"),
    ("Cancelling", ["200 offer"], "Closing", "DialogBegun ACK BYE"),
    ("Cancelling", ["486"], "Terminated", "Terminated Forget"),
    ("Cancelling", ["422"], "Terminated", "Terminated Forget"),
    ("Cancelling", ["no response"], "Terminated", "Terminated Forget"),
    ("Cancelling", ["again"], "Cancelling", ""),
    ("Cancelling", ["hang up"], "Cancelling", ""),
    ("Cancelling", ["timer"], "Terminated", "Terminated Forget"),
    ("Cancelled", ["180"], "Cancelled", ""),
    ("Cancelled", ["200"], "Closing", "ACK BYE"),
    ("Cancelled", ["200 offer"], "Closing", "ACK BYE"),
    ("Cancelled", ["487"], "Terminated", "UsageEnded Terminated Forget"),
    ("Cancelled", ["no response"], "Terminated", "UsageEnded Terminated Forget"),
    ("Cancelled", ["again"], "Cancelling", "UsageEnded"),
    ("Cancelled", ["hang up"], "Cancelled", ""),
    ("Cancelled", ["timer"], "Terminated", "UsageEnded Terminated Forget"),
    ("Cancelled", ["BYE"], "Cancelled", "200 UsageEnded"),
    ("Cancelled", ["INFO"], "Cancelled", "481"),
    ("Answered", ["200 offer"], "Answered", ""),
    ("Answered", ["ack sent"], "Confirmed", "ACK"),
    ("Answered", ["hang up"], "Closing", "ACK BYE Ended"),
    ("Answered", ["BYE"], "Terminated", "200 ACK Ended UsageEnded Terminated"),
    ("Answered", ["INFO"], "Answered", "RequestReceived"),
    ("Answered", ["info"], "Answered", "INFO"),
    (
        "Answered",
        ["info", "481 info"],
        "Terminated",
        "ExchangeEnded ACK Ended UsageEnded Terminated",
    ),
    ("Answered", ["info", "silence"], "Closing", "ExchangeEnded ACK BYE Ended"),
    ("Answered", ["timer"], "Closing", "ACK BYE Ended"),
    ("Confirmed", ["200"], "Confirmed", "ACK"),
    ("Confirmed", ["hang up"], "Closing", "BYE Ended"),
    ("Confirmed", ["BYE"], "Terminated", "200 Ended UsageEnded Terminated"),
    ("Confirmed", ["INFO"], "Confirmed", "RequestReceived"),
    ("Confirmed", ["info"], "Confirmed", "INFO"),
    ("Confirmed", ["info", "481 info"], "Terminated", "ExchangeEnded Ended UsageEnded Terminated"),
    ("Confirmed", ["info", "silence"], "Closing", "ExchangeEnded BYE Ended"),
    ("Confirmed", ["timer"], "Confirmed", ""),
    ("Closing", ["hang up"], "Closing", ""),
    ("Closing", ["BYE"], "Closing", "200"),
    ("Closing", ["INFO"], "Closing", "481"),
    ("Closing", ["200 bye"], "Terminated", "UsageEnded Terminated"),
    ("Closing", ["481 bye"], "Terminated", "UsageEnded Terminated"),
    ("Closing", ["silence"], "Terminated", "UsageEnded Terminated"),
    ("Closing", ["timer"], "Terminated", "UsageEnded Terminated Forget"),
    ("Closing", ["200"], "Closing", "ACK"),
    ("callee Proceeding", ["say 180"], "Proceeding", "180"),
    ("callee Proceeding", ["say 200"], "Answered", "200"),
    ("callee Proceeding", ["say 486"], "Terminated", "486 Ended UsageEnded Terminated Forget"),
    ("callee Proceeding", ["hang up"], "Terminated", "480 Ended UsageEnded Terminated Forget"),
    ("callee Proceeding", ["cancel"], "Terminated", "487 Ended UsageEnded Terminated Forget"),
    ("callee Proceeding", ["BYE"], "Terminated", "200 487 Ended UsageEnded Terminated Forget"),
    ("callee Proceeding", ["INFO"], "Proceeding", "RequestReceived"),
    ("callee Proceeding", ["info"], "Proceeding", "INFO"),
    (
        "callee Proceeding",
        ["info", "481 info"],
        "Terminated",
        "ExchangeEnded 500 Ended UsageEnded Terminated Forget",
    ),
    (
        "callee Proceeding",
        ["info", "silence"],
        "Terminated",
        "ExchangeEnded 500 Ended UsageEnded Terminated Forget",
    ),
    ("callee Proceeding", ["timer"], "Proceeding", "180"),
    ("callee Accepting", ["hang up"], "Terminated", "480 Ended UsageEnded Terminated Forget"),
    ("callee Accepting", ["cancel"], "Terminated", "487 Ended UsageEnded Terminated Forget"),
    ("callee Accepting", ["BYE"], "Terminated", "200 487 Ended UsageEnded Terminated Forget"),
    ("callee Accepting", ["PRACK"], "Answered", "200 PrackReceived 200"),
    ("callee Accepting", ["INFO"], "Accepting", "RequestReceived"),
    ("callee Accepting", ["info"], "Accepting", "INFO"),
    (
        "callee Accepting",
        ["info", "481 info"],
        "Terminated",
        "ExchangeEnded 500 Ended UsageEnded Terminated Forget",
    ),
    (
        "callee Accepting",
        ["info", "silence"],
        "Terminated",
        "ExchangeEnded 500 Ended UsageEnded Terminated Forget",
    ),
    ("callee Accepting", ["timer"], "Accepting", "again:183"),
    ("callee Answered", ["hang up"], "Departing", "Ended"),
    ("callee Answered", ["cancel"], "Answered", ""),
    ("callee Answered", ["BYE"], "Mortal", "200 Ended"),
    ("callee Answered", ["ACK"], "Confirmed", "Acknowledged"),
    ("callee Answered", ["INFO"], "Answered", "RequestReceived"),
    ("callee Answered", ["info"], "Answered", "INFO"),
    ("callee Answered", ["info", "481 info"], "Mortal", "ExchangeEnded Ended"),
    ("callee Answered", ["info", "silence"], "Departing", "ExchangeEnded Ended"),
    ("callee Answered", ["timer"], "Answered", "again:200"),
    ("callee Departing", ["hang up"], "Departing", ""),
    ("callee Departing", ["cancel"], "Departing", ""),
    ("callee Departing", ["BYE"], "Mortal", "200"),
    ("callee Departing", ["ACK"], "Closing", "BYE"),
    ("callee Departing", ["INFO"], "Departing", "481"),
    ("callee Departing", ["timer"], "Departing", "again:200"),
    ("callee Mortal", ["hang up"], "Mortal", ""),
    ("callee Mortal", ["BYE"], "Mortal", "200"),
    ("callee Mortal", ["ACK"], "Terminated", "UsageEnded Terminated Forget"),
    ("callee Mortal", ["INFO"], "Mortal", "481"),
    ("callee Mortal", ["timer"], "Mortal", "again:200"),
    ("callee Confirmed", ["hang up"], "Closing", "BYE Ended"),
    ("callee Confirmed", ["BYE"], "Terminated", "200 Ended UsageEnded Terminated Forget"),
    ("callee Confirmed", ["ACK"], "Confirmed", ""),
    ("callee Confirmed", ["INFO"], "Confirmed", "RequestReceived"),
    (
        "callee Confirmed",
        ["info", "481 info"],
        "Terminated",
        "ExchangeEnded Ended UsageEnded Terminated Forget",
    ),
    ("callee Confirmed", ["info", "silence"], "Closing", "ExchangeEnded BYE Ended"),
    ("callee Closing", ["hang up"], "Closing", ""),
    ("callee Closing", ["BYE"], "Closing", "200"),
    ("callee Closing", ["INFO"], "Closing", "481"),
    ("callee Closing", ["200 bye"], "Terminated", "UsageEnded Terminated Forget"),
    ("callee Closing", ["timer"], "Terminated", "UsageEnded Terminated Forget"),
]


@pytest.mark.parametrize(
    ("way", "happening", "state", "effects"),
    ARROWS,
    ids=[f"{way}: {', '.join(happening)}" for way, happening, _, _ in ARROWS],
)
def test_every_arrow_leads_where_the_rfcs_say(
    way: str, happening: list[str], state: str, effects: str
) -> None:
    make, steps = WAYS[way]
    subject = make()
    for step in steps:
        subject.take(step)
    *before, last = happening
    for step in before:
        subject.take(step)
    seen = subject.take(last)

    assert SessionState(state) is subject.session.state
    assert effects == " ".join(shown(effect) for effect in seen)


def shown(effect: Effect) -> str:
    """An effect in a word or two."""
    name = type(effect).__name__
    request = getattr(effect, "request", None)
    response = getattr(effect, "response", None)
    if name == "SendRequest":
        return request.method if isinstance(request, Request) else name
    if name == "SendAck":
        return "ACK"
    if name in ("SendResponse", "RepeatResponse"):
        again = "again:" if name == "RepeatResponse" else ""
        return f"{again}{getattr(response, 'status', '')}"
    return name
