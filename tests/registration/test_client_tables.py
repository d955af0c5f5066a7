"""Laws of the table."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from trio_sip._errors import AuthenticationRejected, RequestTimedOut, TransportFailed
from trio_sip.registration import RegistrationClient, RegistrationState
from trio_sip.registration._client_tables import REGISTERED_STATES, STEPS, TIMERS, Do, On

from .clients import CONTACT, Subject

TERMINATED = RegistrationState.TERMINATED
SENDING = {Do.SEND, Do.REMOVE}


def reachable(start: RegistrationState) -> set[RegistrationState]:
    found, todo = {start}, [start]
    while todo:
        state = todo.pop()
        for (source, _), (target, *_) in STEPS.items():
            if source is state and target not in found:
                found.add(target)
                todo.append(target)
    return found


def test_every_state_is_reachable_and_every_one_has_a_way_out() -> None:
    assert set(RegistrationState) == reachable(RegistrationState.IDLE)
    for state in RegistrationState:
        assert TERMINATED in reachable(state)


def test_every_timer_that_a_state_owns_has_a_step() -> None:
    for state, timers in TIMERS.items():
        assert [] == [on for on in timers if (state, on) not in STEPS]


def test_nothing_leads_out_of_the_end() -> None:
    assert [] == [key for key in STEPS if key[0] is TERMINATED]


def test_two_registers_are_never_under_way_at_once() -> None:
    # RFC 3261 section 10.2
    under_way = {
        RegistrationState.OPENING,
        RegistrationState.REFRESHING,
        RegistrationState.REGISTERING,
        RegistrationState.LEAVING,
        RegistrationState.REMOVING,
    }
    answers = {On.BOUND, On.UNBOUND, On.REMOVED, On.TOO_BRIEF, On.TEMPORARY, On.FATAL}
    for (state, on), (target, *actions) in STEPS.items():
        sends = bool(SENDING & set(actions))
        assert sends == (target in under_way and (state not in under_way or on in answers))
        if state in under_way and on not in answers:
            assert target in under_way


def test_only_a_good_answer_registers() -> None:
    for (state, on), (target, *_) in STEPS.items():
        if target in REGISTERED_STATES and state not in REGISTERED_STATES:
            assert On.BOUND is on


INPUTS = st.sampled_from(["200", "none", "423", "503", "403", "401", "timeout", "broken", "flow"])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(INPUTS, st.floats(0, 2000)), max_size=30), st.floats(0, 1))
def test_whatever_happens_it_never_claims_what_was_not_granted(
    story: list[tuple[str, float]], roll: float
) -> None:
    subject = Subject(600, rolls=roll)
    subject.start()
    now = 0.0
    for what, pause in story:
        granted = subject.client.expires_at
        happen(subject, what, now)
        if what != "200":
            assert subject.client.expires_at == granted
        now += pause
        subject.wait(now)
        if subject.client.is_registered(now):
            assert now < subject.client.expires_at <= now + subject.client.expires
        if subject.state is TERMINATED:
            assert subject.lost
            return
    if under_way(subject.client):
        happen(subject, "503", now)
    subject.client.send_unregister(now)
    subject.look()
    happen(subject, "200", now)

    assert TERMINATED is subject.state


def under_way(client: RegistrationClient) -> bool:
    return (client.state, On.FATAL) in STEPS


def happen(subject: Subject, what: str, now: float) -> None:
    client = subject.client
    if what == "flow":
        client.receive_flow_lost(now)
        subject.look()
    if not under_way(client):
        return
    match what:
        case "200":
            subject.answer(now)
        case "none":
            subject.answer(now, 200, ("Contact", "<sip:eve@192.0.2.66>"))
        case "423":
            subject.answer(now, 423, ("Min-Expires", client.expires + 10), ("Contact", CONTACT))
        case "503" | "403":
            subject.answer(now, int(what))
        case "401":
            subject.fail(now, AuthenticationRejected(401, "wrong"))
        case "timeout":
            subject.fail(now, RequestTimedOut("no answer"))
        case "broken":
            subject.fail(now, TransportFailed("reset"))
