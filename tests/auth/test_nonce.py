from __future__ import annotations

import pytest

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import Nonces, NonceState, NonceStatistics

SECRET = b"0123456789abcdef"


def make_nonces(*, capacity: int = 10, bind_to_source: bool = True) -> Nonces:
    return Nonces(SECRET, lifetime=300.0, capacity=capacity, bind_to_source=bind_to_source)


def test_a_nonce_is_good_for_its_lifetime_and_stale_afterwards() -> None:
    nonces = make_nonces()
    nonce = nonces.issue("r", "192.0.2.1", 1000.0)

    assert NonceState.GOOD is nonces.check(nonce, "r", "192.0.2.1", 1000.0)
    assert NonceState.GOOD is nonces.check(nonce, "r", "192.0.2.1", 1299.9)
    assert NonceState.STALE is nonces.check(nonce, "r", "192.0.2.1", 1300.0)


def test_a_used_nonce_lives_no_longer() -> None:
    nonces = make_nonces()
    nonce = nonces.issue("r", "s", 1000.0)
    nonces.use(nonce, 1, 1200.0)

    assert NonceState.GOOD is nonces.check(nonce, "r", "s", 1299.0)
    assert NonceState.STALE is nonces.check(nonce, "r", "s", 1301.0)


def test_what_others_made_is_foreign() -> None:
    nonces = make_nonces()
    nonce = nonces.issue("r", "s", 5.0)
    other = Nonces(b"another secret!!").issue("r", "s", 5.0)

    for made_up in ("", "abc", other, nonce[:-1], "0" * 52, "ä" * 52, nonce.upper() + "x"):
        assert NonceState.FOREIGN is nonces.check(made_up, "r", "s", 5.0)
    for place in range(52):
        digit = "0" if nonce[place] != "0" else "1"
        forged = nonce[:place] + digit + nonce[place + 1 :]
        assert NonceState.FOREIGN is nonces.check(forged, "r", "s", 5.0)


@pytest.mark.parametrize("used", [False, True])
def test_a_nonce_is_bound_to_realm_and_source(used: bool) -> None:
    nonces = make_nonces()
    nonce = nonces.issue("r", "192.0.2.1", 5.0)
    if used:
        nonces.use(nonce, 1, 5.0)

    assert NonceState.FOREIGN is nonces.check(nonce, "other", "192.0.2.1", 5.0)
    assert NonceState.FOREIGN is nonces.check(nonce, "r", "192.0.2.2", 5.0)


@pytest.mark.parametrize("used", [False, True])
def test_the_source_need_not_matter(used: bool) -> None:
    nonces = make_nonces(bind_to_source=False)
    nonce = nonces.issue("r", "192.0.2.1", 5.0)
    if used:
        nonces.use(nonce, 1, 5.0)

    assert NonceState.GOOD is nonces.check(nonce, "r", "192.0.2.2", 5.0)
    assert NonceState.FOREIGN is nonces.check(nonce, "other", "192.0.2.1", 5.0)


def test_a_count_must_grow() -> None:
    nonces = make_nonces()
    nonce = nonces.issue("r", "s", 5.0)
    results = [nonces.use(nonce, count, 5.0) for count in (1, 1, 5, 4, 5, 6)]

    good, replayed = NonceState.GOOD, NonceState.REPLAYED
    assert [good, replayed, good, replayed, replayed, good] == results
    assert NonceStatistics(tracked=1, forgotten=0, replayed=3) == nonces.statistics()


def test_no_two_nonces_are_equal_even_at_the_same_moment() -> None:
    nonces = make_nonces()

    assert len({nonces.issue("r", "s", 5.0) for _ in range(100)}) == 100


def test_three_thousand_challenges_leave_nothing_behind() -> None:
    nonces = make_nonces()
    for number in range(3000):
        nonce = nonces.issue("r", f"192.0.2.{number % 250}", 5.0)
        nonces.check(nonce, "r", f"192.0.2.{number % 250}", 5.0)

    assert nonces.statistics().tracked == 0


def test_a_nonce_whose_count_was_forgotten_is_stale() -> None:
    nonces = make_nonces(capacity=3)
    used = [nonces.issue("r", "s", 5.0 + n) for n in range(5)]
    for nonce in used:
        nonces.use(nonce, 1, 10.0)
    states = [nonces.check(nonce, "r", "s", 10.0) for nonce in used]

    assert states == [NonceState.STALE] * 2 + [NonceState.GOOD] * 3
    assert NonceState.GOOD is nonces.check(nonces.issue("r", "s", 10.0), "r", "s", 10.0)
    assert NonceStatistics(tracked=3, forgotten=2, replayed=0) == nonces.statistics()


def test_expired_entries_make_room_and_forbid_nothing() -> None:
    nonces = make_nonces(capacity=3)
    for _ in range(3):
        nonces.use(nonces.issue("r", "s", 5.0), 1, 5.0)
    nonces.use(nonces.issue("r", "s", 400.0), 1, 400.0)
    nonces.use(nonces.issue("r", "s", 400.0), 1, 400.0)

    assert NonceStatistics(tracked=2, forgotten=0, replayed=0) == nonces.statistics()


def test_a_provided_nonce_is_counted_too_and_never_moves_the_floor() -> None:
    nonces = make_nonces(capacity=1)
    ours = nonces.issue("r", "s", 5.0)

    assert NonceState.GOOD is nonces.use_provided("f" * 52, 1, 5.0)
    assert NonceState.REPLAYED is nonces.use_provided("f" * 52, 1, 5.0)
    assert NonceState.GOOD is nonces.use_provided("f" * 52, 2, 5.0)
    assert NonceState.FOREIGN is nonces.check("f" * 52, "r", "s", 5.0)
    assert NonceState.GOOD is nonces.use(ours, 1, 5.0)
    assert NonceState.GOOD is nonces.check(nonces.issue("r", "s", 5.0), "r", "s", 5.0)


def test_an_opaque_is_the_same_each_time_and_different_per_realm() -> None:
    nonces = make_nonces()
    first = nonces.opaque("r")
    for number in range(1001):
        nonces.opaque(f"r{number}")

    assert first == nonces.opaque("r") == make_nonces().opaque("r")
    assert first != nonces.opaque("r1")
    assert len(first) == 32


def test_a_nonce_has_128_bits_nobody_can_guess() -> None:
    nonces = make_nonces()
    nonce = nonces.issue("r", "s", 0.001)

    assert nonce[:20] == "00000000000100000001"
    assert len(nonce[20:]) * 4 == 128
    assert set(nonce) <= set("0123456789abcdef")


def test_the_secret_is_long_and_the_numbers_make_sense() -> None:
    with pytest.raises(LocalProtocolError):
        Nonces(b"short")
    with pytest.raises(LocalProtocolError):
        Nonces(SECRET, lifetime=0.0)
    with pytest.raises(LocalProtocolError):
        Nonces(SECRET, capacity=0)


def test_a_secret_may_be_of_any_length_from_16_bytes_on() -> None:
    for length in (16, 64, 65, 1000):
        nonces = Nonces(b"x" * length)

        assert NonceState.GOOD is nonces.check(nonces.issue("r", "s", 5.0), "r", "s", 5.0)
