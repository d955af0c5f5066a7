from __future__ import annotations

from itertools import combinations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sip.message import Uri
from trio_sip.registration import (
    Accepted,
    Binding,
    Refused,
    RegisterRequest,
    RegistrarPolicy,
    TooBrief,
    WhenFull,
    contact_values,
    read_contacts_untrusted,
    update_bindings,
)

POLICY = RegistrarPolicy()
Bindings = tuple[Binding, ...]


def register(
    *contacts: str, cseq: int = 1, call_id: str = "one", expires: str | None = None
) -> RegisterRequest:
    return RegisterRequest(
        aor="sip:alice@example.com",
        call_id=call_id,
        cseq=cseq,
        contacts=read_contacts_untrusted(contacts),
        expires=expires,
    )


def after(
    request: RegisterRequest,
    current: Bindings = (),
    policy: RegistrarPolicy = POLICY,
    now: float = 0.0,
) -> Bindings:
    outcome = update_bindings(current, request, policy, now)
    assert isinstance(outcome, Accepted), outcome
    return outcome.bindings


def refusal(
    request: RegisterRequest,
    current: Bindings = (),
    policy: RegistrarPolicy = POLICY,
    now: float = 0.0,
) -> Refused:
    outcome = update_bindings(current, request, policy, now)
    assert isinstance(outcome, Refused), outcome
    return outcome


def contacts_of(bindings: Bindings) -> list[str]:
    return [binding.contact for binding in bindings]


def granted(expires: str | None, param: str = "", policy: RegistrarPolicy = POLICY) -> float:
    return after(register("<sip:a@h>" + param, expires=expires), policy=policy)[0].expires_at


# Adding, refreshing, querying, removing


def test_a_new_contact_is_bound() -> None:
    request = attrs.evolve(
        register('<sip:a@h;ob>;+sip.instance="<urn:x>";q=0.3', cseq=7, expires="600"),
        flow=("TCP", 3),
        received_from="192.0.2.1:5060",
        user_agent="Phone",
        path=("<sip:p;lr>",),
    )

    assert (
        Binding(
            aor="sip:alice@example.com",
            contact="sip:a@h;ob",
            expires_at=1600.0,
            call_id="one",
            cseq=7,
            params=';+sip.instance="<urn:x>"',
            q=0.3,
            flow=("TCP", 3),
            received_from="192.0.2.1:5060",
            user_agent="Phone",
            path=("<sip:p;lr>",),
        ),
    ) == after(request, now=1000.0)


def test_a_query_shows_the_bindings_counting_down() -> None:
    bound = after(register("<sip:a@h>", expires="600"))

    queried = after(register(cseq=2), bound, now=100.0)

    assert queried is bound
    assert ["<sip:a@h>;expires=500"] == contact_values(queried, 100.0)


def test_a_refresh_moves_the_expiry_and_the_cseq() -> None:
    bound = after(register("<sip:a@h>"))

    (refreshed,) = after(register("<sip:a@h>", cseq=2), bound, now=100.0)

    assert (3700.0, 2) == (refreshed.expires_at, refreshed.cseq)


def test_the_binding_updated_last_is_the_last() -> None:
    bound = after(register("<sip:a@h>", "<sip:b@h>"))

    assert ["sip:b@h", "sip:a@h"] == contacts_of(after(register("<sip:a@h>", cseq=2), bound))


def test_expires_0_removes_only_the_contact_it_is_for() -> None:
    bound = after(register("<sip:a@h>", "<sip:b@h>"))

    assert ["sip:b@h"] == contacts_of(after(register("<sip:a@h>;expires=0", cseq=2), bound))
    assert ["sip:a@h"] == contacts_of(after(register("<sip:b@h>", cseq=2, expires="0"), bound))


def test_removing_what_is_not_there_changes_nothing() -> None:
    bound = after(register("<sip:a@h>"))

    assert bound is after(register("<sip:b@h>;expires=0", cseq=2), bound)


def test_expired_bindings_take_no_part() -> None:
    bound = after(register("<sip:a@h>", cseq=9, expires="60"))

    assert () == after(register(cseq=10), bound, now=60.0)
    assert ["sip:a@h"] == contacts_of(after(register("<sip:a@h>", cseq=1), bound, now=60.0))


def test_the_last_word_counts_for_a_contact_named_twice() -> None:
    request = register("<sip:a@h>;expires=100", "<sip:b@h>", "<sip:a@H>;expires=200")

    bound = after(request)

    assert ["sip:b@h", "sip:a@H"] == contacts_of(bound)
    assert 200.0 == bound[1].expires_at


def test_a_contact_added_and_removed_in_one_request_is_not_there() -> None:
    assert () == after(register("<sip:a@h>", "<sip:a@h>;expires=0"))


# "*"


def test_the_wildcard_with_expires_0_clears_all() -> None:
    bound = after(register("<sip:a@h>", "<sip:b@h>"))

    assert () == after(register("*", cseq=2, expires="0"), bound)
    assert () == after(register("*", call_id="other", expires="0"), bound)
    assert () == after(register("*", expires="0"))


@pytest.mark.parametrize("expires", [None, "1", "3600", "x", "", "-0"])
def test_the_wildcard_needs_expires_0(expires: str | None) -> None:
    bound = after(register("<sip:a@h>"))

    assert 400 == refusal(register("*", cseq=2, expires=expires), bound).status


@pytest.mark.parametrize(
    "contacts", [["*", "<sip:b@h>"], ["<sip:b@h>, *"], ["*", "*"], ["*;expires=0"], ["*;q=1"]]
)
def test_the_wildcard_stands_alone(contacts: list[str]) -> None:
    assert 400 == refusal(register(*contacts, expires="0")).status


def test_the_wildcard_obeys_the_order_of_requests() -> None:
    bound = after(register("<sip:a@h>", cseq=5))

    assert 500 == refusal(register("*", cseq=5, expires="0"), bound).status
    assert 500 == refusal(register("*", cseq=4, expires="0"), bound).status


# Order


@pytest.mark.parametrize("cseq", [1, 4, 5])
@pytest.mark.parametrize("param", ["", ";expires=0"])
def test_a_request_that_is_not_newer_is_undone_completely(cseq: int, param: str) -> None:
    bound = after(register("<sip:b@h>", cseq=5))

    refused = refusal(register("<sip:a@h>", f"<sip:b@h>{param}", cseq=cseq), bound)

    assert 500 == refused.status


def test_another_call_id_updates_whatever_its_cseq() -> None:
    bound = after(register("<sip:a@h>", cseq=5))

    (updated,) = after(register("<sip:a@h>", cseq=1, call_id="two"), bound)

    assert ("two", 1) == (updated.call_id, updated.cseq)


def test_a_late_request_about_other_contacts_is_no_conflict() -> None:
    bound = after(register("<sip:a@h>", cseq=5))

    assert ["sip:a@h", "sip:b@h"] == contacts_of(after(register("<sip:b@h>", cseq=4), bound))


# Expires


def test_too_brief_is_refused_with_the_minimum() -> None:
    refused = refusal(register("<sip:a@h>", expires="59"))

    assert (423, (("Min-Expires", "60"),)) == (refused.status, refused.headers)


def test_one_contact_that_is_too_brief_undoes_the_others() -> None:
    assert 423 == refusal(register("<sip:b@h>", "<sip:a@h>;expires=1")).status


def test_too_brief_may_be_lengthened_instead() -> None:
    assert 60.0 == granted("59", policy=RegistrarPolicy(too_brief=TooBrief.CLAMP))


def test_an_hour_is_never_too_brief() -> None:
    patient = RegistrarPolicy(min_expires=5000, default_expires=5000)

    assert 3600.0 == granted("3600", policy=patient)
    assert 423 == refusal(register("<sip:a@h>", expires="3599"), policy=patient).status
    assert 5000.0 == granted("3600", policy=attrs.evolve(patient, too_brief=TooBrief.CLAMP))


@pytest.mark.parametrize(
    ("header", "param", "seconds"),
    [
        (None, "", 3600.0),
        ("100", "", 100.0),
        ("100", ";expires=200", 200.0),
        ("0", ";expires=200", 200.0),
        ("100", ";expires=x", 3600.0),
        ("7200", "", 7200.0),
        ("7201", "", 7200.0),
        ("4294967295", "", 7200.0),
        ("4294967296", "", 7200.0),
        ("1" + "0" * 100, ";expires=280297596632815", 7200.0),
        ("1" + "0" * 100, "", 7200.0),
        ("-1", "", 3600.0),
        ("x", "", 3600.0),
        ("", "", 3600.0),
    ],
)
def test_how_long_a_contact_gets(header: str | None, param: str, seconds: float) -> None:
    assert seconds == granted(header, param)


# How many


def test_more_contacts_than_allowed_are_refused_and_none_is_stored() -> None:
    many = [f"<sip:{number}@h>" for number in range(200)]

    assert 403 == refusal(register(*many)).status
    assert 403 == refusal(register(*many[:11])).status
    assert 10 == len(after(register(*many[:10])))


def test_a_full_address_can_be_refreshed_and_exchanged_but_not_exceeded() -> None:
    policy = RegistrarPolicy(max_contacts=2)
    full = after(register("<sip:a@h>", "<sip:b@h>"))

    assert 403 == refusal(register("<sip:c@h>", cseq=2), full, policy).status
    assert ["sip:b@h", "sip:a@h"] == contacts_of(after(register("<sip:a@h>", cseq=2), full, policy))
    assert ["sip:b@h", "sip:c@h"] == contacts_of(
        after(register("<sip:c@h>", "<sip:a@h>;expires=0", cseq=2), full, policy)
    )


def test_the_oldest_may_make_room() -> None:
    policy = RegistrarPolicy(max_contacts=2, when_full=WhenFull.REMOVE_OLDEST)
    full = after(register("<sip:a@h>", "<sip:b@h>"))

    assert ["sip:b@h", "sip:c@h"] == contacts_of(after(register("<sip:c@h>", cseq=2), full, policy))
    three = register("<sip:c@h>", "<sip:d@h>", "<sip:e@h>", cseq=2)
    assert 403 == refusal(three, full, policy).status


def test_a_limit_lowered_later_lets_those_inside_refresh() -> None:
    full = after(register("<sip:a@h>", "<sip:b@h>"))
    policy = RegistrarPolicy(max_contacts=1)

    assert 2 == len(after(register("<sip:a@h>", cseq=2), full, policy))
    assert 403 == refusal(register("<sip:c@h>", cseq=2), full, policy).status


# Which contacts are the same


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sip:a@h", "SIP:a@H"),
        ("sip:%61@h", "sip:a@h"),
        ("sip:a@h;X=1;transport=tcp", "sip:a@h;transport=TCP;x=1"),
        ("sip:a@h", "sip:a@h;unknown=1"),
        ("name:John_Smith", "name:John_Smith"),
    ],
)
def test_equal_uris_in_other_spelling_are_one_binding(first: str, second: str) -> None:
    bound = after(register(f"<{first}>"))

    updated = after(register(f"<{second}>", cseq=2), bound)

    assert [second] == contacts_of(updated)
    assert 500 == refusal(register(f"<{second}>", cseq=1), bound).status


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sip:a@h", "sip:A@h"),
        ("sip:a@h", "sips:a@h"),
        ("sip:a@h", "sip:a@h:5060"),
        ("sip:a@h", "sip:a@h;transport=udp"),
        ("sip:%00@h", "sip:%00%00@h"),
        ("sip:a@h", "tel:+1555"),
    ],
)
def test_different_uris_are_two_bindings(first: str, second: str) -> None:
    bound = after(register(f"<{first}>", f"<{second}>"))

    assert [first, second] == contacts_of(bound)


def test_a_contact_that_equals_two_replaces_both() -> None:
    bound = after(register("<sip:a@h;x=1>", "<sip:a@h;x=2>", "<sip:b@h>"))

    assert ["sip:b@h", "sip:a@h"] == contacts_of(after(register("<sip:a@h>", cseq=2), bound))


# What cannot be a contact


@pytest.mark.parametrize(
    "contact",
    ["<alice>", "<sip:>", "<sip:a@h:99999>", "<sip:a@[::z]>", "<sip:@h>", "<sip:a@h%zz>",
     "<sip:a@h:0>", "<sip:a@h" + ";x=1" * 999 + ">", "<sip:" + "a" * 99_999 + "@h>",
     "<sip:a@h>;q=2", "<sip:a@h>;q=x", "<sip:a@h>;q", "<sip:a@h>;q=0.1234", "<sip:a@h>;q=-0"],
)  # fmt: skip
def test_bad_contacts_are_answered_400(contact: str) -> None:
    assert 400 == refusal(register(contact)).status
    bound = after(register("<sip:b@h>"))
    assert 400 == refusal(register("<sip:b@h>", contact, cseq=2), bound).status


@pytest.mark.parametrize(
    ("text", "q"), [("0", 0.0), ("0.", 0.0), ("0.5", 0.5), ("1", 1.0), ("1.000", 1.0)]
)
def test_preferences(text: str, q: float) -> None:
    assert q == after(register(f"<sip:a@h>;q={text}"))[0].q


# Invariants

CONTACTS = st.sampled_from(
    ["sip:a@h", "sip:a@H", "sip:%61@h", "sip:a@h;x=1", "sip:a@h;x=2", "sip:a@h;transport=tcp",
     "sip:b@h", "sips:b@h", "tel:+1", "bad"]
)  # fmt: skip
EXPIRES = st.sampled_from([None, "0", "1", "60", "3600", "999999999999", "x"])


@st.composite
def requests(draw: st.DrawFn) -> RegisterRequest:
    contacts = [
        f"<{draw(CONTACTS)}>" + (f";expires={expires}" if (expires := draw(EXPIRES)) else "")
        for _ in range(draw(st.integers(0, 4)))
    ]
    if draw(st.integers(0, 9)) == 0:
        contacts = ["*"]
    return register(
        *contacts,
        cseq=draw(st.integers(1, 5)),
        call_id=draw(st.sampled_from(["one", "two"])),
        expires=draw(EXPIRES),
    )


@given(
    st.lists(st.tuples(requests(), st.integers(0, 4000)), max_size=12),
    st.sampled_from(WhenFull),
    st.sampled_from(TooBrief),
)
def test_no_sequence_of_requests_breaks_the_rules(
    steps: list[tuple[RegisterRequest, int]], when_full: WhenFull, too_brief: TooBrief
) -> None:
    policy = RegistrarPolicy(max_contacts=3, when_full=when_full, too_brief=too_brief)
    bound: Bindings = ()
    now = 0.0
    for request, pause in steps:
        now += pause
        snapshot = attrs.asdict(request), bound
        outcome = update_bindings(bound, request, policy, now)

        assert snapshot == (attrs.asdict(request), bound)
        if isinstance(outcome, Refused):
            assert outcome.status in {400, 403, 423, 500}
            continue
        bound = outcome.bindings
        assert len(bound) <= 3
        assert all(now < binding.expires_at <= now + 7200 for binding in bound)
        for one, other in combinations(bound, 2):
            assert Uri.parse(one.contact) != Uri.parse(other.contact)
        assert bound is update_bindings(bound, register(), policy, now).bindings  # type: ignore[union-attr]
