"""The session timer: RFC 4028, both roles."""

from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.message import MIN_SE, SESSION_EXPIRES, Refresher, Request, create_response
from trio_sip.session import (
    Answered,
    Ended,
    ExchangeEnded,
    How,
    ModifyReceived,
    Refreshed,
    Rejected,
    SendRequest,
    SessionSettings,
    SessionState,
    Side,
)

from .pair import ANSWER, OFFER, Pair

NO_UPDATE = ("INVITE", "ACK", "BYE", "CANCEL")


def asking(seconds: int | None = 1800, **given: object) -> SessionSettings:
    return SessionSettings(session_expires=seconds, **given)  # type: ignore[arg-type]  # as given


QUIET = asking(None)


def agreed(pair: Pair) -> tuple[object, ...]:
    """The interval, and who refreshes as either end sees it."""
    alice, bob = pair.alice.session.refresh, pair.bob.session.refresh
    assert alice is not None
    assert bob is not None
    assert alice.seconds == bob.seconds
    return alice.seconds, alice.refresher, bob.refresher


@pytest.mark.parametrize(
    ("alice", "bob", "ours", "refresher"),
    [
        # Nobody says who: the caller, by the callee's choice.
        (asking(), asking(), Side.LOCAL, "uac"),
        (asking(refresher=Refresher.UAC), asking(), Side.LOCAL, "uac"),
        (asking(refresher=Refresher.UAS), asking(), Side.REMOTE, "uas"),
        (asking(), asking(refresher=Refresher.UAS), Side.REMOTE, "uas"),
        # What the caller asks for is not the callee's to change.
        (asking(refresher=Refresher.UAC), asking(refresher=Refresher.UAS), Side.LOCAL, "uac"),
        # Only the callee asks.
        (QUIET, asking(), Side.LOCAL, "uac"),
        # The callee asks for none, and keeps what is asked of it.
        (asking(), QUIET, Side.LOCAL, "uac"),
    ],
)
def test_the_two_agree_who_refreshes(
    alice: SessionSettings, bob: SessionSettings, ours: Side, refresher: str
) -> None:
    pair = Pair(alice=alice, bob=bob)
    pair.connect()

    final = pair.alice.last(Answered).response
    theirs = Side.REMOTE if ours is Side.LOCAL else Side.LOCAL
    assert (1800, ours, theirs) == agreed(pair)
    assert f"1800;refresher={refresher}" == final["Session-Expires"]
    # RFC 4028 section 9: "uac" needs a caller that understands.
    assert ("timer" == final.headers.get("Require")) == (refresher == "uac")
    assert 1 == len(pair.alice.tell(Refreshed)) == len(pair.bob.tell(Refreshed))


def test_nobody_asks_and_nobody_refreshes() -> None:
    pair = Pair(alice=QUIET, bob=QUIET)
    pair.connect()

    assert pair.alice.session.refresh is None is pair.bob.session.refresh
    assert [] == pair.alice.tell(Refreshed)


def test_the_shorter_interval_wins_unless_it_is_too_short() -> None:
    for theirs, least, agreed_on in ((600, 90, 600), (600, 900, 900), (3600, 90, 1800)):
        pair = Pair(alice=asking(1800, min_se=least), bob=asking(theirs))
        pair.connect()

        assert agreed_on == agreed(pair)[0]


@pytest.mark.parametrize("refresher", [Refresher.UAC, Refresher.UAS])
@pytest.mark.parametrize("allow", [SessionSettings().allow, NO_UPDATE])
def test_a_call_of_half_an_hour_is_kept_alive(refresher: Refresher, allow: tuple[str, ...]) -> None:
    settings = asking(300, refresher=refresher, allow=allow)
    pair = Pair(alice=settings, bob=settings)
    pair.connect()
    pair.clear()
    for _ in range(180):
        pair.run(10)
        for end in (pair.alice, pair.bob):
            for request in tuple(end.session._pending):
                pair.answer(end, request, body=ANSWER)

    name = "a" if refresher is Refresher.UAC else "b"
    method = "UPDATE" if "UPDATE" in allow else "INVITE"
    refreshes = pair.times(f"{name} {method}")
    assert 11 <= len(refreshes) <= 12
    assert 150 <= refreshes[0] <= 151
    assert {f"{name} {method}", "a ACK", "b ACK"} >= {
        label for _, label in pair.sent if "00" not in label
    }
    assert SessionState.CONFIRMED is pair.alice.session.state is pair.bob.session.state


def test_a_refresh_by_reinvite_repeats_the_description() -> None:
    settings = asking(90, allow=NO_UPDATE)
    pair = Pair(alice=settings, bob=settings)
    pair.connect()
    pair.run(45)
    modify = pair.bob.last(ModifyReceived)
    pair.answer(pair.bob, modify.request, body=ANSWER)
    pair.run(1)

    assert OFFER == modify.request.body
    assert "90;refresher=uac" == modify.request["Session-Expires"]
    told = pair.alice.last(ExchangeEnded)
    assert told.description is not None
    assert ANSWER == told.description.body


@pytest.mark.parametrize(("refresher", "loser"), [(Refresher.UAC, "a"), (Refresher.UAS, "b")])
def test_a_session_that_is_not_refreshed_ends_shortly_before_its_time(
    refresher: Refresher, loser: str
) -> None:
    settings = asking(300, refresher=refresher)
    pair = Pair(alice=settings, bob=settings, lose=[f"{loser} UPDATE"] * 12)
    pair.connect()
    pair.run(300)

    # Half of it, then 64*T1 without an answer: the one who refreshes knows first.
    refresher_end, other = (pair.alice, pair.bob) if loser == "a" else (pair.bob, pair.alice)
    assert (How.FAILED, 408) == (refresher_end.last(Ended).how, refresher_end.last(Ended).status)
    assert 182 <= refresher_end.times(Ended)[0] <= 183
    assert How.BYE is other.last(Ended).how


@pytest.mark.parametrize(("interval", "after"), [(300, 268), (1800, 1768), (90, 60)])
def test_a_session_whose_peer_does_not_refresh_expires(interval: int, after: int) -> None:
    settings = asking(interval, refresher=Refresher.UAS)
    pair = Pair(alice=settings, bob=settings)
    pair.connect()
    pair.bob.session._timer.stop(pair.now)
    pair.run(2000)

    assert (Side.LOCAL, How.EXPIRED) == (pair.alice.last(Ended).by, pair.alice.last(Ended).how)
    assert after == pytest.approx(pair.alice.times(Ended)[0], abs=0.2)
    assert How.BYE is pair.bob.last(Ended).how
    pair.finish()


def test_an_interval_that_is_too_small_is_refused_and_asked_for_anew() -> None:
    pair = Pair(alice=asking(100), bob=asking(600, min_se=300))
    pair.run(0.1)
    pair.connect()

    assert ["a INVITE", "b 422 INVITE", "a ACK", "a INVITE"] == pair.flow()[:4]
    again = pair.alice.session.invite
    assert (2, 300, 300) == (
        again.cseq.number,
        again.headers[SESSION_EXPIRES].seconds,
        again.headers[MIN_SE],
    )
    assert "c1" == again.call_id
    assert 300 == agreed(pair)[0]
    assert [] == pair.alice.tell(Rejected)


def test_a_cancel_after_a_422_waits_for_the_new_invite() -> None:
    pair = Pair(alice=asking(100), bob=asking(600, min_se=300), lose=["b 180 INVITE"])
    pair.run(0.025)
    pair.hang_up(pair.alice)
    pair.run(0.1)
    early = pair.times("a CANCEL")
    pair.respond(180)
    pair.respond(180)
    pair.run(1)

    assert [] == early
    assert 1 == len(pair.times("a CANCEL"))
    pair.run(100)
    assert pair.is_over()


def test_a_422_that_asks_for_nothing_new_is_a_refusal() -> None:
    pair = Pair(alice=asking(100))
    pair.run(0.1)
    pair.respond(422, headers=[("Min-SE", 90)])
    pair.run(0.1)

    assert 422 == pair.alice.last(Rejected).status
    pair.finish()


def test_who_wants_it_longer_and_longer_has_refused_the_call_in_the_end() -> None:
    pair = Pair(alice=asking(100))
    for seconds in range(200, 220):
        pair.run(0.1)
        if not pair.alice.tell(Rejected):
            pair.respond(422, headers=[("Min-SE", seconds)])

    assert 6 == len(pair.times("a INVITE"))
    assert 422 == pair.alice.last(Rejected).status
    pair.finish()


def test_an_interval_of_nothing_is_none() -> None:
    pair = Pair(bob=QUIET)
    pair.run(0.1)
    answer = create_response(pair.alice.session.invite, 200, to_tag="b")
    answer.headers.add("Session-Expires", "0;refresher=uac")
    pair.alice.session.receive_response(answer, pair.now)

    assert pair.alice.session.refresh is None
    assert SessionState.CONFIRMED is pair.alice.session.state


def test_a_refresh_that_is_refused_with_422_is_sent_again() -> None:
    pair = Pair(alice=asking(90), bob=asking(90))
    pair.connect()
    pair.bob.session._timer._settings = asking(120, min_se=120)  # a policy that changed
    pair.run(46)

    assert 2 == len(pair.times("a UPDATE"))
    assert 1 == len(pair.times("b 422 UPDATE"))
    assert 120 == agreed(pair)[0]


def test_a_proxy_asks_for_a_caller_that_knows_nothing_of_it() -> None:
    pair = Pair(
        alice=QUIET, headers=[("Session-Expires", "90"), ("Supported", "100rel")], bob=QUIET
    )
    pair.connect()
    interval = pair.bob.session.refresh

    assert interval is not None
    assert (90, Side.LOCAL) == (interval.seconds, interval.refresher)
    final = pair.alice.last(Answered).response
    assert "90;refresher=uas" == final["Session-Expires"]
    assert "Require" not in final


def test_a_caller_that_cannot_do_better_is_not_refused() -> None:
    pair = Pair(
        alice=QUIET,
        headers=[("Session-Expires", "90"), ("Supported", "100rel")],
        bob=asking(600, min_se=300),
    )
    pair.connect()

    assert SessionState.CONFIRMED is pair.bob.session.state


@pytest.mark.parametrize("text", ["rubbish", "90;refresher=me", ""])
def test_a_session_expires_that_cannot_be_read_is_none(text: str) -> None:
    pair = Pair(alice=QUIET, headers=[("Session-Expires", text), ("Min-SE", text)], bob=QUIET)
    pair.connect()

    assert pair.bob.session.refresh is None


def test_a_2xx_without_session_expires_stops_the_timer() -> None:
    pair = Pair(alice=asking(90), bob=asking(90))
    pair.connect()
    pair.run(44)
    session = pair.bob.session
    session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(0.1)
    request = pair.alice.session._pending[0]
    request.headers.remove("Session-Expires")
    request.headers.set("Supported", "100rel")
    pair.answer(pair.alice, request, body=ANSWER)
    pair.run(0.1)

    assert pair.alice.session.refresh is None is session.refresh
    assert pair.alice.last(Refreshed).interval is None


def test_any_reinvite_refreshes_and_keeps_the_refresher() -> None:
    pair = Pair(alice=asking(90), bob=asking(90))
    pair.connect()
    for _ in range(3):
        pair.run(40)
        pair.bob.session.send_reinvite(pair.now, body=OFFER)
        pair.flush()
        pair.run(0.1)
        request = pair.alice.session._pending[0]
        pair.answer(pair.alice, request, body=ANSWER)
        pair.run(0.1)

        assert isinstance(request, Request)
        assert "90;refresher=uas" == request["Session-Expires"]
        assert (90, Side.LOCAL, Side.REMOTE) == agreed(pair)
    assert [] == pair.times("a UPDATE")


def test_an_interval_below_90_seconds_cannot_be_asked_for() -> None:
    for given in ({"session_expires": 89}, {"min_se": 10}):
        with pytest.raises(LocalProtocolError, match="90 seconds or more"):
            SessionSettings(**given)  # type: ignore[arg-type]  # as given


def test_a_refresh_waits_for_nothing_that_refreshes_anyway() -> None:
    pair = Pair(alice=asking(90), bob=asking(90))
    pair.connect()
    pair.run(44.7)
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(1)

    assert [] == pair.times("a UPDATE")


def test_a_refresh_that_is_refused_goes_another_way() -> None:
    pair = Pair(alice=asking(90), bob=asking(90), lose=["a UPDATE"] * 20)
    pair.connect()
    pair.run(45)
    update = pair.alice.last(SendRequest).request
    assert "UPDATE" == update.method
    pair.alice.session.receive_response(create_response(update, 405), pair.now)
    pair.flush()
    pair.run(0.1)
    pair.answer(pair.bob, pair.bob.last(ModifyReceived).request, body=ANSWER)
    pair.run(50)

    assert SessionState.CONFIRMED is pair.alice.session.state
    assert 1 == len(pair.times("a INVITE")[1:])


def test_a_refresh_follows_a_reinvite_that_should_have_been_one() -> None:
    pair = Pair(alice=asking(90), bob=asking(90))
    pair.connect()
    pair.run(44.8)
    pair.alice.session.send_reinvite(pair.now, body=OFFER)
    pair.flush()
    pair.run(1)
    pair.answer(pair.bob, pair.bob.last(ModifyReceived).request, 488)
    pair.run(30)

    assert 1 == len(pair.times("a UPDATE"))
    assert SessionState.CONFIRMED is pair.alice.session.state
