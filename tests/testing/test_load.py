from __future__ import annotations

import csv
import itertools
import json
import random

import pytest
import trio

from trio_sip.testing import (
    Arrival,
    LoadCall,
    MakeSipPeer,
    MissingMessage,
    PeerRequest,
    ScriptFailed,
    SipPeer,
    UnexpectedMessage,
    sip_load,
)
from trio_sip.testing.load._arrivals import arrival_times
from trio_sip.transport import SocketNetwork


def begun(rate: float, ramp: float, arrival: Arrival, count: int, seed: int = 0) -> list[float]:
    times = arrival_times(rate, ramp=ramp, arrival=arrival, dice=random.Random(seed))
    return list(itertools.islice(times, count))


async def nothing(call: LoadCall) -> None:
    await trio.lowlevel.checkpoint()


async def be_called(bob: SipPeer, seconds: float = 1.0) -> None:
    """Answer every call, and be hung up on."""
    async with trio.open_nursery() as nursery:
        while True:
            invite = await bob.expect("INVITE", within=3000)
            nursery.start_soon(one_call, bob, invite)


async def one_call(bob: SipPeer, invite: PeerRequest) -> None:
    await (await bob.answer(invite, ring=0.5)).expect_bye(within=60)


# -- when calls begin


def test_calls_arrive_at_a_fixed_rate() -> None:
    assert [0.0, 0.25, 0.5, 0.75] == begun(4, 0, Arrival.FIXED, 4)


def test_the_rate_grows_during_the_ramp_and_stays_then() -> None:
    times = begun(10, 4, Arrival.FIXED, 60)

    # Half of the rate, on the average, for 4 s.
    assert 20 == sum(time < 4 for time in times)
    assert 10 == sum(4 <= time < 5 for time in times)
    assert times[2] - times[1] > times[12] - times[11] > 0.1


def test_poisson_arrivals_have_the_rate_and_come_from_the_seed() -> None:
    times = begun(5, 0, Arrival.POISSON, 2000, seed=3)

    assert times == begun(5, 0, Arrival.POISSON, 2000, seed=3)
    assert times != begun(5, 0, Arrival.POISSON, 2000, seed=4)
    assert times == sorted(times)
    assert 400 == pytest.approx(times[-1], rel=0.1)


# -- a load


async def test_callers_begin_at_the_rate_until_there_are_so_many(
    make_sip_peer: MakeSipPeer,
) -> None:
    began: list[tuple[int, float]] = []

    async def caller(call: LoadCall) -> None:
        began.append((call.number, trio.current_time()))
        await trio.sleep(3)

    result = await sip_load(caller, rate=2, calls=4)

    assert [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.5)] == began
    assert (4, 4, 4, 0) == (result.created, result.successful, result.most_open, result.held_back)
    assert 4.5 == result.duration
    assert 3.0 == result.call_lengths.percentile(50)


async def test_no_call_begins_after_the_duration(autojump_clock: object) -> None:
    async def caller(call: LoadCall) -> None:
        await trio.sleep(30)

    result = await sip_load(caller, rate=10, duration=2)

    assert 20 == result.created
    assert 31.9 == pytest.approx(result.duration)


async def test_what_is_due_at_the_limit_begins_when_a_call_ends(autojump_clock: object) -> None:
    users: list[int] = []

    async def caller(call: LoadCall) -> None:
        users.append(call.user)
        await trio.sleep(10)

    result = await sip_load(caller, rate=1, limit=2, calls=4)

    assert (2, 2) == (result.most_open, result.held_back)
    assert [0, 1] == sorted(users[:2]) == sorted(users[2:])
    assert 21.0 == result.duration


async def test_users_call_again_and_again_when_there_is_no_rate(autojump_clock: object) -> None:
    async def caller(call: LoadCall) -> None:
        await trio.sleep(2)

    result = await sip_load(caller, limit=5, duration=9)

    assert 25 == result.created
    assert 5 == result.most_open


async def test_a_user_has_one_call_at_a_time(autojump_clock: object) -> None:
    busy: set[int] = set()

    async def caller(call: LoadCall) -> None:
        assert call.user not in busy
        busy.add(call.user)
        await trio.sleep(call.dice.uniform(0, 5))
        busy.remove(call.user)

    result = await sip_load(caller, rate=4, arrival=Arrival.POISSON, calls=100, seed=2)

    result.check()
    assert 100 == result.successful


async def test_the_dice_of_a_call_do_not_depend_on_the_others(autojump_clock: object) -> None:
    thrown: list[dict[int, float]] = []

    async def caller(call: LoadCall) -> None:
        await trio.lowlevel.checkpoint()
        thrown[-1][call.number] = call.dice.random()

    for rate, seed in ((1, 5), (100, 5), (1, 6)):
        thrown.append({})
        await sip_load(caller, rate=rate, calls=5, seed=seed)

    assert thrown[0] == thrown[1] != thrown[2]


async def test_a_load_without_an_end_or_at_once_is_refused() -> None:
    for arguments in ({"rate": 1}, {"calls": 1}, {"rate": 0, "calls": 1}, {"limit": 0, "calls": 1}):
        with pytest.raises(ValueError, match=r"a load without|all calls at once|want a rate"):
            await sip_load(nothing, **arguments)  # type: ignore[arg-type]  # a mixed table


# -- what came of it


async def test_response_times_are_measured_by_stage(make_sip_peer: MakeSipPeer) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")

    async def caller(call: LoadCall) -> None:
        ours = await alice.invite(bob.uri)
        with call.measure("talk"):
            await trio.sleep(2)
        await ours.bye()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(be_called, bob)
        result = await sip_load(caller, rate=20, calls=40, peers=[alice])
        nursery.cancel_scope.cancel()

    result.check()
    times = result.response_times
    assert [40, 40, 40, 0] == [times[one].count for one in ("18x", "200", "BYE", "100")]
    assert 0.04 == pytest.approx(times["18x"].percentile(99))
    assert 0.54 == pytest.approx(times["200"].percentile(99))
    assert 2.0 == pytest.approx(times["talk"].minimum)
    assert 2.0 == pytest.approx(times["talk"].maximum)
    # Nothing was measured, and nothing can be claimed.
    assert not times["100"].percentile(99) < 1


async def test_failures_are_collected_by_kind_with_the_first_ladder(
    make_sip_peer: MakeSipPeer,
) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")

    async def refuse() -> None:
        while True:
            invite = await bob.expect("INVITE", within=3000)
            if invite.message.uri.params.get("silent") is None:
                await invite.respond(486)

    async def caller(call: LoadCall) -> None:
        if call.number == 5:
            raise RuntimeError("out of coffee")
        if call.number == 4:
            sent = await alice.request("INVITE", f"{bob.uri};silent=1")
            await sent.expect(200)
        await alice.invite(bob.uri)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(refuse)
        result = await sip_load(caller, rate=1, calls=6, peers=[alice])
        nursery.cancel_scope.cancel()

    assert {
        "UnexpectedMessage: 486 (INVITE)": 4,
        "MissingMessage": 1,
        "RuntimeError": 1,
    } == result.failed
    missed = result.first_failures["MissingMessage"]
    assert 4 == missed.number
    assert isinstance(missed.error, MissingMessage)
    assert "INVITE" in missed.ladder
    with pytest.raises(ScriptFailed, match="6 of 6 calls failed") as caught:
        result.check()
    assert "out of coffee" in str(caught.value)


async def test_the_first_failure_ends_a_strict_load(autojump_clock: object) -> None:
    async def caller(call: LoadCall) -> None:
        await trio.sleep(1)
        if call.number == 3:
            raise UnexpectedMessage("not that")

    with pytest.raises(UnexpectedMessage, match="not that"):
        await sip_load(caller, rate=1, calls=1000, strict=True)

    assert 4.0 == trio.current_time()


async def test_the_numbers_are_written_as_csv_and_json(make_sip_peer: MakeSipPeer) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    bob.answer_automatically("OPTIONS")

    async def caller(call: LoadCall) -> None:
        await (await alice.request("OPTIONS", bob.uri)).expect(200)

    result = await sip_load(caller, rate=10, calls=5, peers=[alice, bob])

    numbers = json.loads(result.as_json())
    assert (5, 5, 5) == tuple(
        numbers[name] for name in ("created", "successful", "automatically_answered")
    )
    assert 0.04 == pytest.approx(numbers["response_times OPTIONS p99"])
    heading, *rows = csv.reader(result.as_csv().splitlines())
    assert ["name", "value"] == heading
    assert {name: float(value) for name, value in rows} == numbers


@pytest.mark.sip(seeds=30, loss=0.3)
async def test_every_call_is_accounted_for_on_a_bad_network(make_sip_peer: MakeSipPeer) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    bob.answer_automatically("OPTIONS")

    async def caller(call: LoadCall) -> None:
        await (await alice.request("OPTIONS", bob.uri)).expect(200)

    result = await sip_load(caller, rate=5, ramp=1, arrival=Arrival.POISSON, calls=8, peers=[alice])

    assert 8 == result.created == result.successful + sum(result.failed.values())
    assert result.successful == result.response_times["OPTIONS"].count
    assert result.retransmissions_sent > 0


async def test_a_load_goes_over_real_sockets_too() -> None:
    async with (
        SipPeer.open(SocketNetwork(), "127.0.0.1", port=0, name="bob") as bob,
        SipPeer.open(SocketNetwork(), "127.0.0.1", port=0, name="alice") as alice,
    ):
        bob.answer_automatically("OPTIONS")

        async def caller(call: LoadCall) -> None:
            await (await alice.request("OPTIONS", bob.uri)).expect(200)

        result = await sip_load(caller, limit=5, calls=20, peers=[alice])

    result.check()
    assert (20, 5) == (result.successful, result.most_open)
    assert 20 == result.response_times["OPTIONS"].count


# -- the numbers of one peer


async def test_a_peer_counts_what_it_says_and_hears(make_sip_peer: MakeSipPeer) -> None:
    alice, bob = make_sip_peer("alice"), make_sip_peer("bob")
    bob.lose("MESSAGE", count=2)
    bob.answer_automatically("OPTIONS")
    await (await alice.request("OPTIONS", bob.uri)).expect(200)
    sent = await alice.request("MESSAGE", bob.uri)
    message = await bob.expect("MESSAGE")
    await message.expect_retransmissions(2.0)
    await message.respond(202)
    await sent.expect(202)
    await alice.send(alice.create_request("ACK", bob.uri), lost=True)
    theirs, ours = bob.statistics(), alice.statistics()

    assert {"OPTIONS": 1, "MESSAGE": 1} == theirs.received
    assert {"200 (OPTIONS)": 1, "202 (MESSAGE)": 1} == theirs.sent
    assert (2, 1, 1) == (
        theirs.lost,
        theirs.automatically_answered,
        theirs.retransmissions_received,
    )
    assert (3, 1) == (ours.retransmissions_sent, ours.lost)
    assert 3.59 == pytest.approx(ours.response_times["MESSAGE"].maximum)
