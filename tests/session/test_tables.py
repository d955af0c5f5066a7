"""Laws of every table, and of a session whatever happens to it."""

from __future__ import annotations

import enum
import math
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sip._errors import LocalProtocolError
from trio_sip.message import Request, create_request, create_response
from trio_sip.session import (
    CALLEE,
    CALLER,
    MACHINES,
    DialogBegun,
    Ended,
    Forget,
    IncomingSession,
    InviteSession,
    Machine,
    OutgoingSession,
    Repeat,
    SendRequest,
    SessionState,
    Terminated,
    UsageEnded,
)

from .pair import ANSWER, OFFER, SDP, invite

# Any: the laws hold for every machine, whatever its states and inputs are.
AnyMachine = Machine[Any, Any, Any]

machines = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
_ENDS = {
    "INVITE session, caller": "TERMINATED",
    "INVITE session, callee": "TERMINATED",
    "2xx until ACK": "OVER",
    "1xx until PRACK": "OVER",
    "ACK kept for copies of the 2xx": "OVER",
}


def reachable(machine: AnyMachine, start: enum.Enum) -> set[enum.Enum]:
    found, todo = {start}, [start]
    while todo:
        for step in machine.rows[todo.pop()].values():
            if step.state not in found:
                found.add(step.state)
                todo.append(step.state)
    return found


@machines
def test_every_timer_that_a_state_owns_has_a_step(machine: AnyMachine) -> None:
    owned = {(state, timer) for state, timers in machine.timers.items() for timer in timers}

    assert set() == owned - set(machine.steps)


@machines
def test_only_timers_of_the_state_have_steps_there(machine: AnyMachine) -> None:
    timers = set().union(*machine.timers.values())
    steps = {(state, on) for state, on in machine.steps if on in timers}

    assert {(state, on) for state, on in steps if on in machine.owned(state)} == steps


@machines
def test_a_timer_that_its_own_state_starts_again_says_how_long_it_runs(
    machine: AnyMachine,
) -> None:
    again = {
        (state, on)
        for (state, on), (following, *_) in machine.steps.items()
        if on in machine.owned(state) and on in machine.owned(following)
    }

    assert again == set(machine.repeats)
    assert set(machine.repeats.values()) <= set(Repeat)


@machines
def test_every_named_state_can_be_reached(machine: AnyMachine) -> None:
    # A callee is where a caller's INVITE has put it: the lane begins with either end's.
    starts = [machine.initial, *(state for state in machine.states() if state.name == "OURS")]
    found = set().union(*(reachable(machine, start) for start in starts))

    assert set(machine.states()) == found


@machines
def test_every_state_leads_to_the_end(machine: AnyMachine) -> None:
    end = _ENDS.get(machine.name)
    for state in machine.states():
        names = {found.name for found in reachable(machine, state)}
        assert (end or machine.initial.name) in names


@pytest.mark.parametrize("machine", [CALLER, CALLEE], ids=lambda machine: machine.name)
def test_nothing_leads_out_of_terminated_and_it_waits_for_nothing(machine: AnyMachine) -> None:
    assert {SessionState.TERMINATED} == reachable(machine, SessionState.TERMINATED)
    assert not machine.owned(SessionState.TERMINATED)


@pytest.mark.parametrize("machine", [CALLER, CALLEE], ids=lambda machine: machine.name)
def test_the_user_may_leave_in_every_state(machine: AnyMachine) -> None:
    hang_up = next(on for _, on in machine.steps if on.name == "HANG_UP")

    assert all(hang_up in machine.rows[state] for state in machine.states())


@pytest.mark.parametrize("machine", [CALLER, CALLEE], ids=lambda machine: machine.name)
def test_the_end_is_told_once_on_every_way(machine: AnyMachine) -> None:
    """States are on one side of the end or on the other."""
    ending = {
        (state, step.state)
        for state, row in machine.rows.items()
        for step in row.values()
        if any(do.name == "END" for do in step.actions)
    }
    after = {following for _, following in ending}
    before = {state for state, _ in ending}

    assert not before & set().union(*(reachable(machine, state) for state in after))


# -- whatever happens

METHODS = ("ACK", "BYE", "PRACK", "UPDATE", "INVITE", "INFO", "CANCEL")
STATUSES = (100, 180, 183, 200, 401, 422, 481, 487, 491, 500, 603)
TAGS = ("x", "y")


class Actor:
    """Something that happens to a session, by a number."""

    def __init__(self, session: InviteSession, theirs: Request) -> None:
        self.session = session
        self.invite = theirs
        self.now = 0.0
        self.sent: list[Request] = []
        self.came: list[Request] = []
        self.dialogs = 0
        self.number = 1
        self.counts = {Ended: 0, Terminated: 0, Forget: 0}

    def act(self, choice: int, detail: int) -> None:
        self.now += (0, 0.3, 5, 40)[detail % 4]
        actions = (self.respond, self.request, self.user, self.wait)
        try:
            actions[choice % 4](choice // 4, detail // 4)
        except LocalProtocolError:
            assert choice % 4 == 2, "only the user may be told off"
        self.look()

    def respond(self, which: int, detail: int) -> None:
        """A response to something that was sent."""
        if not self.sent:
            return
        request = self.sent[which % len(self.sent)]
        status = STATUSES[detail % len(STATUSES)]
        response = create_response(request, status, to_tag=TAGS[which % 2])
        if detail % 3 and status != 100:
            response.headers.add("Contact", "<sip:x@192.0.2.9>")
            response.headers.add("Require", "100rel")
            response.headers.add("RSeq", 1 + which % 2)
            response.headers.add("Allow", "INVITE, UPDATE")
            response.headers.add("Session-Expires", "90")
            response.add_body(ANSWER, SDP)
        self.session.receive_response(response, self.now)

    def request(self, which: int, detail: int) -> None:
        """A request from the other end."""
        method = METHODS[which % len(METHODS)]
        if method == "CANCEL":
            self.session.receive_cancel(create_request(
                "CANCEL", "sip:a@a", from_="<sip:x@x>;tag=x", to="<sip:a@a>", call_id="c1",
                cseq=self.came[-1].cseq.number if self.came else 1,
            ), self.now)  # fmt: skip
            return
        self.number += method != "ACK"
        request = create_request(
            method, "sip:a@a", from_=f"<sip:x@x>;tag={('a', *TAGS)[detail % 3]}",
            to="<sip:a@a>;tag=a", call_id="c1",
            cseq=1 + detail % 3 if method == "ACK" else self.number,
            contact="<sip:x@192.0.2.9>",
            headers=[("RAck", f"{1 + detail} 1 INVITE")],
        )  # fmt: skip
        if detail % 2:
            request.add_body(OFFER, SDP)
        self.came.append(request)
        self.session.receive_request(request, self.now)

    def user(self, which: int, detail: int) -> None:
        """Something that the user does."""
        session, body = self.session, OFFER if detail % 2 else b""
        verbs = (
            lambda: session.hang_up(self.now),
            lambda: session.send_reinvite(self.now, body=body),
            lambda: session.send_update(self.now, body=body),
            lambda: session.send_request("INFO", self.now),
            lambda: session.send_ack(self.now, body=body),
            lambda: session.send_response(
                ([self.invite, *self.came])[-1 - which % (len(self.came) + 1)],
                STATUSES[detail % len(STATUSES)],
                self.now,
                body=body,
            ),
        )
        verbs[which % len(verbs)]()

    def wait(self, which: int, detail: int) -> None:
        """Time passes, or nothing answers."""
        if which % 3 == 0 and self.sent:
            request = self.sent[detail % len(self.sent)]
            self.session.receive_failure(request, 408, self.now)
        elif self.session.next_deadline() < math.inf:
            self.now = max(self.now, self.session.next_deadline())
            self.session.handle_timeout(self.now)

    def look(self) -> None:
        for effect in self.session.effects():
            assert not self.counts[Forget], "nothing comes after the last effect"
            for kind in self.counts:
                self.counts[kind] += isinstance(effect, kind)
            match effect:
                case SendRequest(request=request):
                    self.sent.append(request)
                case DialogBegun():
                    self.dialogs += 1
                case UsageEnded():
                    self.dialogs -= 1
        assert all(count <= 1 for count in self.counts.values())
        assert self.counts[Terminated] <= self.counts[Ended]
        assert self.session.next_deadline() >= 0

    def end(self) -> None:
        """The user leaves, and nobody answers anything any more."""
        self.session.hang_up(self.now)
        self.look()
        for _ in range(60):
            deadline = self.session.next_deadline()
            if deadline == math.inf:
                break
            assert deadline <= self.now + 64 * 0.5 + 1e-6
            self.now = max(self.now, deadline)
            self.session.handle_timeout(self.now)
            self.look()


acts = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=25)


@given(acts)
def test_whatever_happens_to_a_caller_it_ends_within_its_time(
    happening: list[tuple[int, int]],
) -> None:
    first = invite()
    session = OutgoingSession(first, 0.0, dice=random.Random(1))
    check(Actor(session, first), happening)


@given(acts)
def test_whatever_happens_to_a_callee_it_ends_within_its_time(
    happening: list[tuple[int, int]],
) -> None:
    first = invite(headers=[("Supported", "100rel, timer"), ("Allow", "UPDATE")])
    session = IncomingSession(first, 0.0, local_tag="a", contact="<sip:a@a>", dice=random.Random(1))
    check(Actor(session, first), happening)


def check(actor: Actor, happening: list[tuple[int, int]]) -> None:
    actor.look()
    for choice, detail in happening:
        if actor.counts[Forget]:
            # Nobody gives it anything any more.
            break
        actor.act(choice, detail)
    actor.end()

    assert [1, 1, 1] == list(actor.counts.values())
    assert 0 == actor.dialogs
    assert SessionState.TERMINATED is actor.session.state
