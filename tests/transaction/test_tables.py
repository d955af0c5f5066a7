"""The figures of RFC 3261 section 17 and RFC 6026, arrow by arrow, and laws of every table."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sip.transaction import (
    INVITE_CLIENT,
    INVITE_SERVER,
    MACHINES,
    NON_INVITE_CLIENT,
    NON_INVITE_SERVER,
    AckReceived,
    Effect,
    Failed,
    Machine,
    On,
    ResponseReceived,
    Send,
    State,
    StrayResponse,
    Terminated,
    TimedOut,
)

from .conversation import TCP, UDP, FakeFlow, Subject

CALLING, TRYING, PROCEEDING, COMPLETED, ACCEPTED, CONFIRMED, TERMINATED = State

# How the wire brings each machine into each of its states.
WAYS: dict[Machine, dict[State, list[On]]] = {
    INVITE_CLIENT: {
        CALLING: [],
        PROCEEDING: [On.RECV_1XX],
        COMPLETED: [On.RECV_3XX_6XX],
        ACCEPTED: [On.RECV_2XX],
    },
    NON_INVITE_CLIENT: {TRYING: [], PROCEEDING: [On.RECV_1XX], COMPLETED: [On.RECV_2XX]},
    INVITE_SERVER: {
        TRYING: [],
        PROCEEDING: [On.SEND_1XX],
        COMPLETED: [On.SEND_3XX_6XX],
        CONFIRMED: [On.SEND_3XX_6XX, On.RECV_ACK],
        ACCEPTED: [On.SEND_2XX],
    },
    NON_INVITE_SERVER: {TRYING: [], PROCEEDING: [On.LONG_SILENCE], COMPLETED: [On.SEND_2XX]},
}

Arrow = tuple[Machine, State, On, State, tuple[type[Effect], ...]]

FIGURE_5: list[Arrow] = [
    (INVITE_CLIENT, CALLING, On.A, CALLING, (Send,)),
    (INVITE_CLIENT, CALLING, On.B, TERMINATED, (TimedOut, Terminated)),
    (INVITE_CLIENT, CALLING, On.TRANSPORT_ERROR, TERMINATED, (Failed, Terminated)),
    (INVITE_CLIENT, CALLING, On.RECV_1XX, PROCEEDING, (ResponseReceived,)),
    (INVITE_CLIENT, CALLING, On.RECV_2XX, ACCEPTED, (ResponseReceived,)),
    (INVITE_CLIENT, CALLING, On.RECV_3XX_6XX, COMPLETED, (Send, ResponseReceived)),
    (INVITE_CLIENT, PROCEEDING, On.RECV_1XX, PROCEEDING, (ResponseReceived,)),
    (INVITE_CLIENT, PROCEEDING, On.RECV_2XX, ACCEPTED, (ResponseReceived,)),
    (INVITE_CLIENT, PROCEEDING, On.RECV_3XX_6XX, COMPLETED, (Send, ResponseReceived)),
    (INVITE_CLIENT, COMPLETED, On.RECV_3XX_6XX, COMPLETED, (Send,)),
    (INVITE_CLIENT, COMPLETED, On.TRANSPORT_ERROR, TERMINATED, (Failed, Terminated)),
    (INVITE_CLIENT, COMPLETED, On.D, TERMINATED, (Terminated,)),
    # RFC 6026 section 8.4
    (INVITE_CLIENT, ACCEPTED, On.RECV_2XX, ACCEPTED, (ResponseReceived,)),
    (INVITE_CLIENT, ACCEPTED, On.M, TERMINATED, (Terminated,)),
]
FIGURE_6: list[Arrow] = [
    (NON_INVITE_CLIENT, TRYING, On.E, TRYING, (Send,)),
    (NON_INVITE_CLIENT, TRYING, On.F, TERMINATED, (TimedOut, Terminated)),
    (NON_INVITE_CLIENT, TRYING, On.TRANSPORT_ERROR, TERMINATED, (Failed, Terminated)),
    (NON_INVITE_CLIENT, TRYING, On.RECV_1XX, PROCEEDING, (ResponseReceived,)),
    (NON_INVITE_CLIENT, TRYING, On.RECV_2XX, COMPLETED, (ResponseReceived,)),
    (NON_INVITE_CLIENT, TRYING, On.RECV_3XX_6XX, COMPLETED, (ResponseReceived,)),
    (NON_INVITE_CLIENT, PROCEEDING, On.E, PROCEEDING, (Send,)),
    (NON_INVITE_CLIENT, PROCEEDING, On.F, TERMINATED, (TimedOut, Terminated)),
    (NON_INVITE_CLIENT, PROCEEDING, On.TRANSPORT_ERROR, TERMINATED, (Failed, Terminated)),
    (NON_INVITE_CLIENT, PROCEEDING, On.RECV_1XX, PROCEEDING, (ResponseReceived,)),
    (NON_INVITE_CLIENT, PROCEEDING, On.RECV_2XX, COMPLETED, (ResponseReceived,)),
    (NON_INVITE_CLIENT, PROCEEDING, On.RECV_3XX_6XX, COMPLETED, (ResponseReceived,)),
    (NON_INVITE_CLIENT, COMPLETED, On.K, TERMINATED, (Terminated,)),
]
FIGURE_7: list[Arrow] = [
    # "generate a 100 if the TU does not within 200 ms"
    (INVITE_SERVER, TRYING, On.SILENCE, PROCEEDING, (Send,)),
    (INVITE_SERVER, TRYING, On.SEND_100, PROCEEDING, (Send,)),
    (INVITE_SERVER, TRYING, On.SEND_1XX, PROCEEDING, (Send,)),
    (INVITE_SERVER, TRYING, On.SEND_2XX, ACCEPTED, (Send,)),
    (INVITE_SERVER, TRYING, On.SEND_3XX_6XX, COMPLETED, (Send,)),
    (INVITE_SERVER, TRYING, On.RECV_REQUEST, TRYING, ()),
    (INVITE_SERVER, PROCEEDING, On.RECV_REQUEST, PROCEEDING, (Send,)),
    (INVITE_SERVER, PROCEEDING, On.SEND_1XX, PROCEEDING, (Send,)),
    (INVITE_SERVER, PROCEEDING, On.SEND_2XX, ACCEPTED, (Send,)),
    (INVITE_SERVER, PROCEEDING, On.SEND_3XX_6XX, COMPLETED, (Send,)),
    (INVITE_SERVER, PROCEEDING, On.SEND_408, COMPLETED, (Send,)),
    (INVITE_SERVER, COMPLETED, On.RECV_REQUEST, COMPLETED, (Send,)),
    (INVITE_SERVER, COMPLETED, On.G, COMPLETED, (Send,)),
    (INVITE_SERVER, COMPLETED, On.RECV_ACK, CONFIRMED, ()),
    (INVITE_SERVER, COMPLETED, On.H, TERMINATED, (TimedOut, Terminated)),
    (INVITE_SERVER, CONFIRMED, On.I, TERMINATED, (Terminated,)),
    (INVITE_SERVER, CONFIRMED, On.RECV_REQUEST, CONFIRMED, ()),
    (INVITE_SERVER, CONFIRMED, On.RECV_ACK, CONFIRMED, ()),
    # RFC 6026 sections 7.1, 8.7 and 8.8
    (INVITE_SERVER, PROCEEDING, On.TRANSPORT_ERROR, PROCEEDING, (Failed,)),
    (INVITE_SERVER, COMPLETED, On.TRANSPORT_ERROR, COMPLETED, (Failed,)),
    (INVITE_SERVER, ACCEPTED, On.TRANSPORT_ERROR, ACCEPTED, (Failed,)),
    (INVITE_SERVER, ACCEPTED, On.RECV_REQUEST, ACCEPTED, ()),
    (INVITE_SERVER, ACCEPTED, On.RECV_ACK, ACCEPTED, (AckReceived,)),
    (INVITE_SERVER, ACCEPTED, On.SEND_2XX, ACCEPTED, (Send,)),
    (INVITE_SERVER, ACCEPTED, On.L, TERMINATED, (Terminated,)),
]
FIGURE_8: list[Arrow] = [
    (NON_INVITE_SERVER, TRYING, On.SEND_2XX, COMPLETED, (Send,)),
    (NON_INVITE_SERVER, TRYING, On.SEND_3XX_6XX, COMPLETED, (Send,)),
    (NON_INVITE_SERVER, TRYING, On.RECV_REQUEST, TRYING, ()),
    (NON_INVITE_SERVER, PROCEEDING, On.RECV_REQUEST, PROCEEDING, (Send,)),
    (NON_INVITE_SERVER, PROCEEDING, On.SEND_100, PROCEEDING, (Send,)),
    (NON_INVITE_SERVER, PROCEEDING, On.SEND_2XX, COMPLETED, (Send,)),
    (NON_INVITE_SERVER, PROCEEDING, On.SEND_3XX_6XX, COMPLETED, (Send,)),
    (NON_INVITE_SERVER, COMPLETED, On.RECV_REQUEST, COMPLETED, (Send,)),
    (NON_INVITE_SERVER, COMPLETED, On.J, TERMINATED, (Terminated,)),
    # RFC 6026 section 8.8
    (NON_INVITE_SERVER, PROCEEDING, On.TRANSPORT_ERROR, PROCEEDING, (Failed,)),
    (NON_INVITE_SERVER, COMPLETED, On.TRANSPORT_ERROR, COMPLETED, (Failed,)),
    # RFC 4320 section 4.1
    (NON_INVITE_SERVER, TRYING, On.LONG_SILENCE, PROCEEDING, (Send,)),
    (NON_INVITE_SERVER, TRYING, On.SEND_100, TRYING, ()),
]
# Beyond the RFCs' figures: broken connections, late finals, calls that somebody took.
OURS: list[Arrow] = [
    (INVITE_CLIENT, PROCEEDING, On.TRANSPORT_ERROR, TERMINATED, (Failed, Terminated)),
    (INVITE_CLIENT, COMPLETED, On.RECV_2XX, COMPLETED, (StrayResponse,)),
    (INVITE_CLIENT, ACCEPTED, On.RECV_1XX, ACCEPTED, ()),
    (NON_INVITE_CLIENT, COMPLETED, On.RECV_1XX, COMPLETED, ()),
    (NON_INVITE_CLIENT, COMPLETED, On.RECV_2XX, COMPLETED, ()),
    (NON_INVITE_CLIENT, COMPLETED, On.RECV_3XX_6XX, COMPLETED, ()),
    (INVITE_SERVER, TRYING, On.TRANSPORT_ERROR, TRYING, (Failed,)),
    (INVITE_SERVER, COMPLETED, On.NO_ROOM, TERMINATED, (Terminated,)),
    (NON_INVITE_SERVER, COMPLETED, On.NO_ROOM, TERMINATED, (Terminated,)),
    (INVITE_SERVER, TRYING, On.SEND_408, COMPLETED, (Send,)),
    (INVITE_SERVER, PROCEEDING, On.SEND_100, PROCEEDING, (Send,)),
    (NON_INVITE_SERVER, TRYING, On.TRANSPORT_ERROR, TRYING, (Failed,)),
]
ARROWS = FIGURE_5 + FIGURE_6 + FIGURE_7 + FIGURE_8 + OURS

machines = pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
every_table = pytest.mark.parametrize(
    "machine",
    [*MACHINES, *(machine.unattended for machine in MACHINES)],
    ids=lambda machine: machine.name,
)


@pytest.mark.parametrize(
    ("machine", "state", "on", "following", "effects"),
    ARROWS,
    ids=[f"{machine.name} {state.value} {on.value}" for machine, state, on, _, _ in ARROWS],
)
def test_every_arrow_leads_where_the_figures_say(
    machine: Machine,
    state: State,
    on: On,
    following: State,
    effects: tuple[type[Effect], ...],
) -> None:
    subject = Subject.of(machine)
    for way in WAYS[machine][state]:
        subject.take(way)
    assert state is subject.transaction.state

    seen = subject.take(on)

    assert following is subject.transaction.state
    assert list(effects) == [type(effect) for effect in seen]


@machines
def test_the_tables_hold_no_arrow_that_the_figures_lack(machine: Machine) -> None:
    listed = {(state, on) for table, state, on, _, _ in ARROWS if table is machine}

    assert listed == set(machine.steps)


@every_table
def test_every_timer_that_a_state_owns_has_a_step(machine: Machine) -> None:
    owned = {(state, timer) for state, timers in machine.timers.items() for timer in timers}

    assert set() == owned - set(machine.steps)


@every_table
def test_only_timers_of_the_state_have_steps_there(machine: Machine) -> None:
    timers = set().union(*machine.timers.values())
    steps = {(state, on) for state, on in machine.steps if on in timers}

    assert {(state, on) for state, on in steps if on in machine.timers[state]} == steps


@every_table
def test_a_timer_that_its_own_state_starts_again_says_how_long_it_runs(machine: Machine) -> None:
    again = {
        (state, on)
        for (state, on), (following, *_) in machine.steps.items()
        if on in machine.owned(state) and on in machine.owned(following)
    }

    assert again == set(machine.repeats)


@every_table
def test_every_named_state_can_be_reached(machine: Machine) -> None:
    assert set(machine.states()) == reachable(machine, machine.initial)


@every_table
def test_every_state_leads_to_terminated(machine: Machine) -> None:
    assert all(TERMINATED in reachable(machine, state) for state in machine.states())


@every_table
def test_nothing_leads_out_of_terminated(machine: Machine) -> None:
    assert {} == machine.rows[TERMINATED]
    assert TERMINATED not in machine.timers


@every_table
def test_unattended_tables_tell_nobody_anything_but_strays(machine: Machine) -> None:
    told = {do.value for _, *dos in machine.steps.values() for do in dos if "user" in do.value}

    assert (told <= {"to user as stray"}) == machine.name.endswith("unattended")


def reachable(machine: Machine, start: State) -> set[State]:
    found, todo = {start}, [start]
    while todo:
        for step in machine.rows[todo.pop()].values():
            if step.state not in found:
                found.add(step.state)
                todo.append(step.state)
    return found


@given(
    machine=st.sampled_from(MACHINES),
    inputs=st.lists(st.sampled_from(On), max_size=25),
    flow=st.sampled_from([UDP, TCP]),
)
def test_any_sequence_of_inputs_keeps_the_rules(
    machine: Machine, inputs: list[On], flow: FakeFlow
) -> None:
    subject = Subject.of(machine, flow)
    transaction = subject.transaction
    failures = 0
    for on in inputs:
        effects = subject.maybe_take(on)
        if transaction.state is TERMINATED:
            break
        failures += sum(isinstance(effect, Failed) for effect in effects)
        keeps_rule_2(subject)
    over = transaction.state is TERMINATED

    assert failures <= 1
    assert (0 if over else 1) == len(subject.layer)
    if over:
        assert () == transaction.timers
        assert transaction.request is None
        assert b"" == transaction.data


def keeps_rule_2(subject: Subject) -> None:
    """What runs is what the state owns, less what the transport never starts."""
    transaction = subject.transaction
    first = transaction.durations.first
    owned = transaction.machine.owned(transaction.state)
    running = [timer.on for timer in transaction.timers]
    assert {timer for timer in owned if first[timer] < math.inf} == set(running)
    assert len(set(running)) == len(running)
    assert all(timer.owner is transaction for timer in transaction.timers)
