from __future__ import annotations

import pytest

from trio_sip.sdp import Direction

SENDRECV, SENDONLY, RECVONLY, INACTIVE = Direction


# RFC 3264 section 6.1: what is offered, and what may be answered to it.
@pytest.mark.parametrize(
    ("offered", "wanted", "answered"),
    [
        (SENDRECV, SENDRECV, SENDRECV),
        (SENDRECV, SENDONLY, SENDONLY),
        (SENDRECV, RECVONLY, RECVONLY),
        (SENDRECV, INACTIVE, INACTIVE),
        (SENDONLY, SENDRECV, RECVONLY),
        (SENDONLY, SENDONLY, INACTIVE),
        (SENDONLY, RECVONLY, RECVONLY),
        (SENDONLY, INACTIVE, INACTIVE),
        (RECVONLY, SENDRECV, SENDONLY),
        (RECVONLY, SENDONLY, SENDONLY),
        (RECVONLY, RECVONLY, INACTIVE),
        (RECVONLY, INACTIVE, INACTIVE),
        (INACTIVE, SENDRECV, INACTIVE),
        (INACTIVE, SENDONLY, INACTIVE),
        (INACTIVE, RECVONLY, INACTIVE),
        (INACTIVE, INACTIVE, INACTIVE),
    ],
)
def test_an_answer_wants_no_more_than_the_offer_allows(
    offered: Direction, wanted: Direction, answered: Direction
) -> None:
    assert answered is offered.reversed & wanted


@pytest.mark.parametrize(
    ("before", "held"),
    [
        (SENDRECV, SENDONLY),
        (SENDONLY, SENDONLY),
        (RECVONLY, INACTIVE),
        (INACTIVE, INACTIVE),
    ],
)
def test_a_stream_on_hold_goes_on_sending_and_receives_nothing(
    before: Direction, held: Direction
) -> None:
    assert held is before.held
    assert before.sends is held.sends
    assert not held.receives


@pytest.mark.parametrize("before", [SENDRECV, RECVONLY])
def test_resuming_undoes_hold(before: Direction) -> None:
    assert before is before.held.resumed
