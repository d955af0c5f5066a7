from __future__ import annotations

from collections.abc import Callable

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.sdp import (
    G722,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Direction,
    Fault,
    FaultKind,
    Media,
    OfferAnswer,
    OfferAnswerState,
    Origin,
    SessionDescription,
)
from trio_sip.sdp._offer_answer import _STEPS, _On

from .examples import described

STABLE, LOCAL_OFFER, REMOTE_OFFER = OfferAnswerState

OURS = SessionDescription.audio(4000, "192.0.2.1", session_id=7)
THEIRS = SessionDescription.audio(5000, "192.0.2.2", session_id=9)


def fresh() -> OfferAnswer:
    return OfferAnswer()


def offered() -> OfferAnswer:
    machine = OfferAnswer()
    machine.send_offer(OURS)
    return machine


def asked() -> OfferAnswer:
    machine = OfferAnswer()
    assert machine.receive_offer(THEIRS) is None
    return machine


def agreed() -> OfferAnswer:
    machine = offered()
    assert machine.receive_answer(THEIRS) is None
    return machine


def kind(fault: Fault | None) -> FaultKind | None:
    return None if fault is None else fault.kind


def test_nothing_is_agreed_at_first() -> None:
    machine = fresh()

    assert STABLE is machine.state
    assert (None, None) == (machine.offer, machine.agreed)
    assert (None, None) == (machine.local, machine.remote)
    assert () == machine.streams


def test_an_offer_is_answered() -> None:
    machine = offered()
    assert (LOCAL_OFFER, OURS, None) == (machine.state, machine.offer, machine.agreed)

    assert machine.receive_answer(THEIRS) is None

    assert (STABLE, OURS, THEIRS) == (machine.state, machine.local, machine.remote)
    assert machine.offer is None


def test_their_offer_is_answered() -> None:
    machine = asked()
    assert (REMOTE_OFFER, THEIRS) == (machine.state, machine.offer)

    assert OURS == machine.send_answer(OURS)

    assert (STABLE, OURS, THEIRS) == (machine.state, machine.local, machine.remote)


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (fresh, lambda machine: machine.send_answer(OURS)),
        (fresh, lambda machine: machine.send_rejection()),
        (fresh, lambda machine: machine.same_answer()),
        (asked, lambda machine: machine.same_answer()),
        (offered, lambda machine: machine.send_offer(OURS)),
        (offered, lambda machine: machine.send_answer(OURS)),
        (offered, lambda machine: machine.send_rejection()),
        (asked, lambda machine: machine.send_offer(OURS)),
        (agreed, lambda machine: machine.send_answer(OURS)),
        (agreed, lambda machine: machine.send_offer(described())),
        (asked, lambda machine: machine.send_answer(described())),
        (asked, lambda machine: machine.send_answer(described("m=video 1 RTP/AVP 0"))),
        (asked, lambda machine: machine.send_answer(described("m=audio 1 RTP/SAVP 0"))),
    ],
)
def test_what_is_not_our_turn_is_not_done(
    make: Callable[[], OfferAnswer], wrong: Callable[[OfferAnswer], object]
) -> None:
    machine = make()
    before = (machine.state, machine.offer, machine.agreed)

    with pytest.raises(LocalProtocolError):
        wrong(machine)

    assert before == (machine.state, machine.offer, machine.agreed)


@pytest.mark.parametrize(
    ("make", "wrong", "fault"),
    [
        (offered, lambda machine: machine.receive_offer(THEIRS), FaultKind.GLARE),
        (asked, lambda machine: machine.receive_offer(THEIRS), FaultKind.TOO_EARLY),
        (fresh, lambda machine: machine.receive_answer(THEIRS), FaultKind.UNASKED),
        (asked, lambda machine: machine.receive_answer(THEIRS), FaultKind.UNASKED),
        (agreed, lambda machine: machine.receive_answer(THEIRS.hold()), FaultKind.UNASKED),
        (agreed, lambda machine: machine.receive_offer(described()), FaultKind.MEDIA_COUNT),
    ],
)
def test_what_is_not_their_turn_is_a_fault_and_changes_nothing(
    make: Callable[[], OfferAnswer],
    wrong: Callable[[OfferAnswer], Fault | None],
    fault: FaultKind,
) -> None:
    machine = make()
    before = (machine.state, machine.offer, machine.agreed)

    assert fault is kind(wrong(machine))

    assert before == (machine.state, machine.offer, machine.agreed)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (described(), FaultKind.MEDIA_COUNT),
        (described("m=audio 1 RTP/AVP 0", "m=audio 1 RTP/AVP 0"), FaultKind.MEDIA_COUNT),
        (described("m=video 1 RTP/AVP 31"), FaultKind.MEDIA_KIND),
        (described("m=audio 1 RTP/SAVP 0"), FaultKind.PROTOCOL),
    ],
)
def test_an_answer_that_is_none_leaves_what_was_agreed_before(
    answer: SessionDescription, fault: FaultKind
) -> None:
    machine = agreed()
    machine.send_offer(OURS.hold())

    assert fault is kind(machine.receive_answer(answer))

    assert (STABLE, OURS, THEIRS) == (machine.state, machine.local, machine.remote)
    assert machine.offer is None


def test_a_refused_section_may_have_any_profile() -> None:
    machine = offered()

    assert machine.receive_answer(described("m=audio 0 RTP/SAVP 0")) is None


def test_faults_say_what_to_answer() -> None:
    glare, early = offered().receive_offer(THEIRS), asked().receive_offer(THEIRS)
    bad = agreed().receive_offer(described())
    assert glare is not None
    assert early is not None
    assert bad is not None

    assert (491, 500, 488) == (glare.status, early.status, bad.status)


def test_a_refused_offer_leaves_what_was_agreed_before() -> None:
    machine = agreed()
    machine.send_offer(OURS.hold())

    machine.receive_rejection()

    assert (STABLE, OURS, THEIRS) == (machine.state, machine.local, machine.remote)


def test_an_offer_that_we_refuse_leaves_what_was_agreed_before() -> None:
    machine = agreed()
    machine.receive_offer(THEIRS.hold())

    machine.send_rejection()

    assert (STABLE, OURS, THEIRS) == (machine.state, machine.local, machine.remote)


def test_an_offer_that_they_take_back_is_forgotten() -> None:
    machine = asked()

    machine.receive_rejection()

    assert (STABLE, None) == (machine.state, machine.offer)


def test_a_refusal_of_nothing_is_nothing() -> None:
    machine = agreed()

    machine.receive_rejection()

    assert (STABLE, OURS) == (machine.state, machine.local)


# RFC 6141 section 3.4.
@pytest.mark.parametrize("then", ["", "offer", "ask"])
def test_a_failed_reinvite_takes_back_what_was_agreed_in_it(then: str) -> None:
    machine = agreed()
    before = machine.agreed
    machine.send_offer(OURS.hold())
    machine.receive_answer(THEIRS.with_direction(Direction.RECVONLY))
    if then == "offer":
        machine.send_offer(OURS)
    elif then == "ask":
        machine.receive_offer(THEIRS)

    machine.roll_back(before)

    assert (STABLE, before, None) == (machine.state, machine.agreed, machine.offer)
    assert (OURS, THEIRS) == (machine.local, machine.remote)


# RFC 3264 section 8.
def test_the_version_grows_by_one_with_each_change_and_the_rest_stays() -> None:
    machine = agreed()
    other = SessionDescription.audio(4000, "192.0.2.1", session_id=1).hold()

    held = machine.send_offer(other)
    machine.receive_answer(THEIRS)
    resumed = machine.send_offer(OURS)

    assert Origin("192.0.2.1", 7, 2) == held.origin
    assert Origin("192.0.2.1", 7, 3) == resumed.origin


def test_the_version_stays_without_a_change() -> None:
    machine = agreed()

    again = machine.send_offer(OURS.with_origin(Origin("192.0.2.1", 1, 50)))

    assert OURS == again


def test_the_version_of_an_answer_follows_the_same_rule() -> None:
    machine = agreed()
    machine.receive_offer(THEIRS)
    same = machine.send_answer(OURS)
    machine.receive_offer(THEIRS.hold())

    other = machine.send_answer(OURS)

    assert Origin("192.0.2.1", 7, 1) == same.origin
    assert Origin("192.0.2.1", 7, 2) == other.origin
    assert Direction.RECVONLY is other.media[0].direction


def test_a_version_that_was_refused_is_not_used_for_something_else() -> None:
    machine = agreed()
    refused = machine.send_offer(OURS.hold())
    machine.receive_rejection()
    again = machine.send_offer(OURS.hold())
    machine.receive_rejection()

    other = machine.send_offer(OURS.with_direction(Direction.INACTIVE))
    machine.receive_rejection()

    assert (2, 2, 3) == (refused.origin.version, again.origin.version, other.origin.version)
    assert 1 == machine.send_offer(OURS).origin.version


def test_our_answer_never_says_more_than_the_offer_allows() -> None:
    machine = agreed()
    machine.receive_offer(described("m=audio 1 RTP/AVP 0|a=sendonly", "m=video 0 RTP/AVP 31"))

    sent = machine.send_answer(described("m=audio 2 RTP/AVP 0", "m=video 4 RTP/AVP 31"))

    assert Direction.RECVONLY is sent.media[0].direction
    assert 0 == sent.media[1].port


def test_the_same_answer_goes_on_as_before() -> None:
    machine = agreed()
    video = Media("video", 6, ["31"])

    machine.receive_offer(THEIRS.add_media(video))
    sent = machine.send_answer(machine.same_answer())

    assert OURS.media[0] == sent.media[0]
    assert [4000, 0] == [media.port for media in sent.media]
    assert OURS.lines[2:] == sent.lines[2:]


def test_a_stream_stays_in_its_place() -> None:
    machine = fresh()
    machine.receive_offer(described("m=audio 1 RTP/AVP 0", "m=audio 3 RTP/AVP 0"))
    machine.send_answer(described("m=audio 0 RTP/AVP 0", "m=audio 4 RTP/AVP 0"))

    machine.receive_offer(described("m=audio 5 RTP/AVP 0", "m=audio 7 RTP/AVP 0"))

    assert [0, 4] == [media.port for media in machine.same_answer().media]


# RFC 6337 section 5.3.
def test_two_sides_that_hold_each_other_get_out_of_it() -> None:
    us, them = OfferAnswer(), OfferAnswer()
    wishes = {us: Direction.SENDRECV, them: Direction.SENDRECV}

    def reinvite(one: OfferAnswer, other: OfferAnswer, wish: Direction) -> Direction:
        wishes[one] = wish
        assert one.local is not None
        change = one.local.resume() if wish.receives else one.local.hold()
        other.receive_offer(one.send_offer(change))
        one.receive_answer(other.send_answer(other.same_answer(wishes[other])))
        return us.streams[0].direction

    them.receive_offer(us.send_offer(OURS))
    us.receive_answer(them.send_answer(THEIRS))

    assert [
        Direction.SENDONLY,
        Direction.INACTIVE,
        Direction.RECVONLY,
        Direction.SENDRECV,
    ] == [
        reinvite(us, them, Direction.SENDONLY),
        reinvite(them, us, Direction.SENDONLY),
        reinvite(us, them, Direction.SENDRECV),
        reinvite(them, us, Direction.SENDRECV),
    ]


def test_sections_are_added_ended_and_used_again() -> None:
    machine = agreed()
    video = Media("video", 6, ["31"])
    more = THEIRS.add_media(video)

    machine.send_offer(OURS.add_media(video))
    assert machine.receive_answer(more) is None
    machine.receive_offer(more.remove_media(1))
    assert machine.local is not None
    machine.send_answer(machine.local)
    ended = machine.streams[1]
    again = machine.send_offer(machine.local.add_media(Media("audio", 8, [G722])))

    assert not ended.is_active
    assert ["audio", "audio"] == [media.kind for media in again.media]


def test_a_stream_is_what_both_sides_have_agreed_on() -> None:
    machine = fresh()
    machine.send_offer(
        SessionDescription.audio(4000, "192.0.2.1", codecs=[G722, PCMU, PCMA, TELEPHONE_EVENT])
    )
    machine.receive_answer(
        described("m=audio 5000 RTP/AVP 120 8 18 0|a=rtpmap:120 telephone-event/8000|a=sendonly")
    )

    (stream,) = machine.streams

    assert stream.is_active
    assert Direction.RECVONLY is stream.direction
    assert ["telephone-event", "PCMA", "PCMU"] == [codec.name for codec in stream.codecs]
    assert PCMA == stream.codec
    assert 5000 == stream.remote.port


def test_a_stream_without_a_common_codec_has_none() -> None:
    machine = offered()
    machine.receive_answer(described("m=audio 5000 RTP/AVP 18"))

    assert machine.streams[0].codec is None


def test_an_illegal_direction_of_theirs_gives_them_no_more() -> None:
    machine = fresh()
    machine.send_offer(OURS.hold())

    assert machine.receive_answer(THEIRS) is None
    assert Direction.SENDONLY is machine.streams[0].direction


def test_each_branch_of_a_fork_answers_for_itself() -> None:
    machine = offered()
    twin = machine.fork()

    machine.receive_answer(THEIRS)
    assert twin.receive_answer(THEIRS.hold()) is None

    assert (THEIRS, THEIRS.hold()) == (machine.remote, twin.remote)
    assert OURS == machine.local == twin.local
    assert 2 == twin.send_offer(OURS.hold()).origin.version


def test_whatever_they_do_has_a_step_in_every_state() -> None:
    theirs = [on for on in _On if on.name.startswith("RECEIVE") or on is _On.ROLL_BACK]

    assert [] == [
        (state, on) for state in OfferAnswerState for on in theirs if (state, on) not in _STEPS
    ]
