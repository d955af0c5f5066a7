"""The four transaction machines of RFC 3261 section 17, as RFC 6026 and RFC 4320 mended them.

Rule 1: everything that decides a transition is in this file.  Nothing outside it asks which
state a transaction is in, and there is no flag beside the state.

Rule 2: a state *owns* its timers.  Entering it starts those that are not running yet, leaving it
stops those that the next state does not own.  Nothing else touches a timer, so no step mentions
one: Timer F survives from Trying to Proceeding because both own it.  How long a timer runs
depends on the transport and is in ``_timers.py``; one that takes no time (D, I, J and K on a
reliable transport) has run out as soon as it starts, one that takes for ever (A, E, G) never
starts.

What a state keeps follows from its row, too: bytes as long as a step from it may send them
again, the request as long as a step from it may build an ACK or a 100 from it.

A step that is missing means: from the network, a stray, dropped and counted; from the user, a
`LocalProtocolError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from ._machine import Do, Machine, On, Repeat, State, Steps

__all__ = ["INVITE_CLIENT", "INVITE_SERVER", "MACHINES", "NON_INVITE_CLIENT", "NON_INVITE_SERVER"]

CALLING, TRYING, PROCEEDING, COMPLETED, ACCEPTED, CONFIRMED, TERMINATED = State
A, B, D, E, F, G, H, I, J, K, L, M = (On[name] for name in "ABDEFGHIJKLM")  # noqa: E741
SILENCE, LONG_SILENCE = On.SILENCE, On.LONG_SILENCE
RECV_REQUEST, RECV_ACK = On.RECV_REQUEST, On.RECV_ACK
RECV_1XX, RECV_2XX, RECV_3XX_6XX = On.RECV_1XX, On.RECV_2XX, On.RECV_3XX_6XX
SEND_100, SEND_1XX, SEND_2XX, SEND_3XX_6XX, SEND_408 = (
    On[f"SEND_{kind}"] for kind in ("100", "1XX", "2XX", "3XX_6XX", "408")
)
TRANSPORT_ERROR, FORGET, NO_ROOM = On.TRANSPORT_ERROR, On.FORGET, On.NO_ROOM
SEND, SEND_ONCE, ACK = Do.SEND, Do.SEND_ONCE, Do.ACK
RESEND, REPLAY, ABSORB = Do.RESEND, Do.REPLAY, Do.ABSORB
PASS_UP, STRAY, TIME_OUT, FAIL = Do.PASS_UP, Do.STRAY, Do.TIME_OUT, Do.FAIL


def _unattended(machine: Machine, timers: Mapping[State, AbstractSet[On]], steps: Steps) -> Machine:
    """*machine* for a transaction to which nobody listens: it tells nobody anything.

    Being forgotten changes no state unless *steps* says so, but it starts the timers that only
    the unattended state owns.
    """
    silent = {PASS_UP, TIME_OUT, FAIL}
    quiet: Steps = {
        key: (state, *(do for do in actions if do not in silent))
        for key, (state, *actions) in machine.steps.items()
    }
    stay: Steps = {
        (state, FORGET): (state,) for state in machine.states() if state is not TERMINATED
    }
    return Machine(
        f"{machine.name}, unattended",
        machine.initial,
        {**machine.timers, **timers},
        {**quiet, **stay, **steps},
        machine.repeats,
    )


def _attended(
    machine: Machine, *, timers: Mapping[State, AbstractSet[On]] | None = None, steps: Steps
) -> Machine:
    """*machine*, knowing its unattended twin, which differs in *timers* and *steps*."""
    return Machine(
        machine.name,
        machine.initial,
        machine.timers,
        machine.steps,
        machine.repeats,
        _unattended(machine, timers or {}, steps),
    )


# RFC 3261 section 17.1.1 (figure 5) with RFC 6026 section 8.4.
INVITE_CLIENT = _attended(
    Machine(
        "INVITE client",
        CALLING,
        timers={CALLING: {A, B}, COMPLETED: {D}, ACCEPTED: {M}},
        steps={
            (CALLING, A): (CALLING, RESEND),
            (CALLING, B): (TERMINATED, TIME_OUT),
            (CALLING, TRANSPORT_ERROR): (TERMINATED, FAIL),
            (CALLING, RECV_1XX): (PROCEEDING, PASS_UP),
            (CALLING, RECV_2XX): (ACCEPTED, PASS_UP),
            (CALLING, RECV_3XX_6XX): (COMPLETED, ACK, PASS_UP),
            # RFC 3261 knows no way out of here but a response, so the user who has waited enough
            # sends a CANCEL.  The connection that the response would come by is another matter:
            # when it breaks, the user hears of it at once.
            (PROCEEDING, TRANSPORT_ERROR): (TERMINATED, FAIL),
            (PROCEEDING, RECV_1XX): (PROCEEDING, PASS_UP),
            (PROCEEDING, RECV_2XX): (ACCEPTED, PASS_UP),
            (PROCEEDING, RECV_3XX_6XX): (COMPLETED, ACK, PASS_UP),
            # "Any retransmissions of the final response that are received while in the
            # 'Completed' state MUST cause the ACK to be re-passed to the transport layer".
            (COMPLETED, RECV_3XX_6XX): (COMPLETED, REPLAY),
            # A 2xx of another branch of the fork; its sender waits for an ACK and a BYE.
            (COMPLETED, RECV_2XX): (COMPLETED, STRAY),
            (COMPLETED, TRANSPORT_ERROR): (TERMINATED, FAIL),
            (COMPLETED, D): (TERMINATED,),
            # Each 2xx goes up: forks, and retransmissions, which the user acknowledges again.
            (ACCEPTED, RECV_2XX): (ACCEPTED, PASS_UP),
            (ACCEPTED, RECV_1XX): (ACCEPTED, ABSORB),
            (ACCEPTED, M): (TERMINATED,),
        },
        repeats={(CALLING, A): Repeat.DOUBLED},
    ),
    # RFC 3261 section 9.1: 64*T1 after the CANCEL the client gives up waiting for the 487.
    timers={PROCEEDING: {B}},
    steps={
        (PROCEEDING, B): (TERMINATED,),
        # Nobody waits, but somebody answered the call and must be told that it is over.
        (CALLING, RECV_2XX): (ACCEPTED, STRAY),
        (PROCEEDING, RECV_2XX): (ACCEPTED, STRAY),
        (ACCEPTED, RECV_2XX): (ACCEPTED, STRAY),
    },
)

# RFC 3261 section 17.1.2 (figure 6).
NON_INVITE_CLIENT = _attended(
    Machine(
        "non-INVITE client",
        TRYING,
        timers={TRYING: {E, F}, PROCEEDING: {E, F}, COMPLETED: {K}},
        steps={
            (TRYING, E): (TRYING, RESEND),
            (TRYING, F): (TERMINATED, TIME_OUT),
            (TRYING, TRANSPORT_ERROR): (TERMINATED, FAIL),
            (TRYING, RECV_1XX): (PROCEEDING, PASS_UP),
            (TRYING, RECV_2XX): (COMPLETED, PASS_UP),
            (TRYING, RECV_3XX_6XX): (COMPLETED, PASS_UP),
            (PROCEEDING, E): (PROCEEDING, RESEND),
            (PROCEEDING, F): (TERMINATED, TIME_OUT),
            (PROCEEDING, TRANSPORT_ERROR): (TERMINATED, FAIL),
            (PROCEEDING, RECV_1XX): (PROCEEDING, PASS_UP),
            (PROCEEDING, RECV_2XX): (COMPLETED, PASS_UP),
            (PROCEEDING, RECV_3XX_6XX): (COMPLETED, PASS_UP),
            # "to buffer any additional response retransmissions that may be received"
            (COMPLETED, RECV_1XX): (COMPLETED, ABSORB),
            (COMPLETED, RECV_2XX): (COMPLETED, ABSORB),
            (COMPLETED, RECV_3XX_6XX): (COMPLETED, ABSORB),
            (COMPLETED, K): (TERMINATED,),
        },
        repeats={(TRYING, E): Repeat.DOUBLED_TO_T2, (PROCEEDING, E): Repeat.AT_T2},
    ),
    steps={},
)

# RFC 3261 section 17.2.1 (figure 7) with RFC 6026 sections 7.1 and 8.7.  Figure 7 has no Trying;
# it is the 200 ms of Proceeding in which nothing has been sent yet.
INVITE_SERVER = _attended(
    Machine(
        "INVITE server",
        TRYING,
        timers={TRYING: {SILENCE}, COMPLETED: {G, H}, CONFIRMED: {I}, ACCEPTED: {L}},
        steps={
            (TRYING, SILENCE): (PROCEEDING, Do.SEND_100),
            (TRYING, RECV_REQUEST): (TRYING, ABSORB),
            (TRYING, TRANSPORT_ERROR): (TRYING, FAIL),
            (TRYING, SEND_100): (PROCEEDING, SEND),
            (TRYING, SEND_1XX): (PROCEEDING, SEND),
            (TRYING, SEND_2XX): (ACCEPTED, SEND_ONCE),
            (TRYING, SEND_3XX_6XX): (COMPLETED, SEND),
            (TRYING, SEND_408): (COMPLETED, SEND),
            (PROCEEDING, RECV_REQUEST): (PROCEEDING, REPLAY),
            # RFC 6026 section 8.8: the server "SHOULD inform the TU that a failure has occurred,
            # and MUST remain in the current state", which goes on absorbing copies of the INVITE.
            (PROCEEDING, TRANSPORT_ERROR): (PROCEEDING, FAIL),
            (PROCEEDING, SEND_100): (PROCEEDING, SEND),
            (PROCEEDING, SEND_1XX): (PROCEEDING, SEND),
            (PROCEEDING, SEND_2XX): (ACCEPTED, SEND_ONCE),
            (PROCEEDING, SEND_3XX_6XX): (COMPLETED, SEND),
            (PROCEEDING, SEND_408): (COMPLETED, SEND),
            (COMPLETED, RECV_REQUEST): (COMPLETED, REPLAY),
            (COMPLETED, G): (COMPLETED, RESEND),
            (COMPLETED, RECV_ACK): (CONFIRMED,),
            (COMPLETED, H): (TERMINATED, TIME_OUT),
            (COMPLETED, TRANSPORT_ERROR): (COMPLETED, FAIL),
            (COMPLETED, NO_ROOM): (TERMINATED,),
            (CONFIRMED, RECV_REQUEST): (CONFIRMED, ABSORB),
            (CONFIRMED, RECV_ACK): (CONFIRMED, ABSORB),
            (CONFIRMED, I): (TERMINATED,),
            # The user repeats its 2xx until the ACK comes, and the copies of the INVITE that
            # crossed it start no second call.
            (ACCEPTED, RECV_REQUEST): (ACCEPTED, ABSORB),
            (ACCEPTED, RECV_ACK): (ACCEPTED, PASS_UP),
            (ACCEPTED, SEND_2XX): (ACCEPTED, SEND_ONCE),
            (ACCEPTED, TRANSPORT_ERROR): (ACCEPTED, FAIL),
            (ACCEPTED, L): (TERMINATED,),
        },
        repeats={(COMPLETED, G): Repeat.DOUBLED_TO_T2},
    ),
    # The user has gone without a final response, and there is nobody left to give one.
    steps={(TRYING, FORGET): (TERMINATED,), (PROCEEDING, FORGET): (TERMINATED,)},
)

# RFC 3261 section 17.2.2 (figure 8) with RFC 6026 section 8.8 and RFC 4320 sections 4.1 and 4.2: no provisional response
# but 100, that one only when the client's Timer E has grown to T2, and never a 408.
NON_INVITE_SERVER = _attended(
    Machine(
        "non-INVITE server",
        TRYING,
        timers={TRYING: {LONG_SILENCE}, COMPLETED: {J}},
        steps={
            (TRYING, LONG_SILENCE): (PROCEEDING, Do.SEND_100),
            (TRYING, RECV_REQUEST): (TRYING, ABSORB),
            # Too early: it goes out when it is due.
            (TRYING, SEND_100): (TRYING,),
            (TRYING, SEND_2XX): (COMPLETED, SEND),
            (TRYING, SEND_3XX_6XX): (COMPLETED, SEND),
            # Figure 8 ends the transaction when it cannot send.  RFC 6026 section 8.8 has it tell
            # the user and "remain in the current state", or a copy of the request would start the
            # work anew; the user ends it by answering or by going away.
            (TRYING, TRANSPORT_ERROR): (TRYING, FAIL),
            (PROCEEDING, TRANSPORT_ERROR): (PROCEEDING, FAIL),
            (PROCEEDING, RECV_REQUEST): (PROCEEDING, REPLAY),
            (PROCEEDING, SEND_100): (PROCEEDING, SEND),
            (PROCEEDING, SEND_2XX): (COMPLETED, SEND),
            (PROCEEDING, SEND_3XX_6XX): (COMPLETED, SEND),
            (COMPLETED, RECV_REQUEST): (COMPLETED, REPLAY),
            (COMPLETED, TRANSPORT_ERROR): (COMPLETED, FAIL),
            # As RFC 3261 section 8.2.7 has it: what is answered without state can be answered again.
            (COMPLETED, NO_ROOM): (TERMINATED,),
            (COMPLETED, J): (TERMINATED,),
        },
    ),
    steps={(TRYING, FORGET): (TERMINATED,), (PROCEEDING, FORGET): (TERMINATED,)},
)

MACHINES = (INVITE_CLIENT, NON_INVITE_CLIENT, INVITE_SERVER, NON_INVITE_SERVER)
