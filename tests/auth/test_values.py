"""Challenges and credentials as text: forms, round trips, hostile input."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.auth import Algorithm, Challenge, Credentials, OtherChallenge, parse_challenge

FULL = (
    'Digest username="alice", realm="atlanta", nonce="84a4", uri="sip:bob@biloxi",'
    ' response="7587", algorithm=MD5, qop=auth, nc=0000000a, cnonce="0a4f", opaque=""'
)


def test_credentials_are_read_and_written_as_the_rfc_spells_them() -> None:
    credentials = Credentials.parse(FULL)

    assert (credentials.username, credentials.realm) == ("alice", "atlanta")
    assert Algorithm.MD5 is credentials.algorithm
    assert credentials.count == 10
    assert credentials.opaque == ""
    assert str(credentials) == FULL


def test_a_challenge_quotes_qop_and_not_algorithm() -> None:
    challenge = Challenge(
        realm='a "b" \\ c',
        nonce="n",
        algorithm=Algorithm.SHA_256,
        qop=("auth", "auth-int"),
        opaque="o",
        domain="sip:a sip:b",
        stale=True,
        charset="UTF-8",
    )

    assert str(challenge) == (
        r'Digest realm="a \"b\" \\ c", nonce="n", algorithm=SHA-256, qop="auth,auth-int",'
        ' opaque="o", domain="sip:a sip:b", stale=true, charset=UTF-8'
    )
    assert challenge == Challenge.parse(str(challenge))


def test_quotes_where_there_should_be_none_are_borne() -> None:
    challenge = Challenge.parse(
        'digest\tREALM = "r" ,, nonce=abc , Algorithm="md5",qop=AUTH, stale="TRUE", x="y",'
    )

    assert challenge == Challenge(
        realm="r", nonce="abc", algorithm=Algorithm.MD5, qop=("auth",), stale=True
    )


def test_an_unknown_algorithm_is_kept_as_it_is_written() -> None:
    challenge = Challenge.parse('Digest realm="r", nonce="n", algorithm=AKAv1-MD5')

    assert challenge.algorithm == "AKAv1-MD5"
    assert not isinstance(challenge.algorithm, Algorithm)


def test_a_challenge_of_another_scheme_is_something_else() -> None:
    text = 'Bearer authz_server="https://as.example", scope="sip"'

    assert OtherChallenge("Bearer", text) == parse_challenge(text)
    assert text == str(parse_challenge(text))
    assert OtherChallenge("Negotiate", "Negotiate") == parse_challenge("Negotiate")
    assert isinstance(parse_challenge('digest realm="r", nonce="n"'), Challenge)
    with pytest.raises(RemoteProtocolError):
        parse_challenge("")
    with pytest.raises(RemoteProtocolError, match="Bearer"):
        Challenge.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Digest",
        "Digest ",
        "Digest garbage",
        'Digest realm="r"',
        'Digest nonce="n"',
        'Digest realm="r" nonce="n"',
        'Digest realm="r", nonce="n',
        'Digest realm="r", nonce="n\\"',
        'Digest realm="r", nonce="n", nonce="m"',
        'Digest realm="r", nonce="n", NONCE="m"',
        'Digest realm="r", nonce="n", qop',
        'Digest realm="r", nonce=n"',
        'Digest realm="r", nonce="n\nVia: evil"',
        'Digest realm="r", nonce="n", algorithm="two words"',
        'Digest realm="r", nonce="n", charset="UTF 8"',
    ],
)
def test_a_broken_challenge_is_a_remote_error(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Challenge.parse(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('username="alice", ', ""),
        ('realm="atlanta", ', ""),
        ('nonce="84a4", ', ""),
        ('uri="sip:bob@biloxi",', ""),
        (' response="7587",', ""),
        (' response="7587"', " response="),
        (", nc=0000000a", ""),
        (', cnonce="0a4f"', ""),
        ("0000000a", "a"),
        ("0000000a", "0x00000a"),
        ("0000000a", "0000_00a"),
        ("qop=auth", 'qop="auth int"'),
        ("MD5", '"M D"'),
        ("Digest", "Basic"),
    ],
)
def test_broken_credentials_are_a_remote_error_that_tells_no_response(old: str, new: str) -> None:
    assert old in FULL
    with pytest.raises(RemoteProtocolError) as caught:
        Credentials.parse(FULL.replace(old, new))

    assert "7587" not in str(caught.value)


def test_nothing_that_breaks_a_header_can_be_written() -> None:
    with pytest.raises(LocalProtocolError):
        str(Challenge(realm="r\r\nX: y", nonce="n"))
    with pytest.raises(LocalProtocolError):
        str(Challenge(realm="r", nonce="n", algorithm="MD5\r\n"))
    with pytest.raises(LocalProtocolError):
        str(Challenge(realm="r", nonce="n", qop=('a"b',)))
    with pytest.raises(LocalProtocolError):
        str(Challenge(realm="r", nonce="n", charset=""))


@pytest.mark.parametrize(
    "rest",
    [
        "a" * 65_000,
        "a=" * 32_000,
        'a="' * 21_000,
        'a="\\' * 16_000,
        'a="' + '\\"' * 32_000,
        'a="' + "\\" * 65_000,
        " " * 65_000,
        "," * 65_000,
        "a=b," * 16_000,
        "a=b " * 16_000,
        "a= " * 21_000,
        "a=" + " " * 65_000 + "\x00",
        '"' * 65_000,
        ",".join(f'p{n}="v"' for n in range(3000)),
        ",".join(f"p{n}=v" for n in range(3000)) + ',x="',
    ],
    ids=range(15),
)
def test_the_worst_values_are_refused_in_linear_time(rest: str) -> None:
    # Quadratic work on 64 kB would take minutes, so a second tells the two apart on the
    # slowest machine.
    before = time.perf_counter()
    for parse in (Challenge.parse, Credentials.parse, parse_challenge):
        with pytest.raises(RemoteProtocolError):
            parse("Digest " + rest)

    assert time.perf_counter() - before < 1.0


PRINTABLE = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), "\x7f"])
)
TOKENS = st.text("abcXYZ019-.!%*_+`'~", min_size=1)
ALGORITHMS = st.none() | st.sampled_from(Algorithm)


@given(
    st.builds(
        Challenge,
        realm=PRINTABLE,
        nonce=PRINTABLE,
        algorithm=ALGORITHMS,
        qop=st.lists(TOKENS.map(str.lower), max_size=3).map(tuple),
        opaque=st.none() | PRINTABLE,
        stale=st.booleans(),
        domain=st.none() | PRINTABLE,
        charset=st.none() | TOKENS,
    )
)
def test_a_challenge_survives_its_text(challenge: Challenge) -> None:
    assert challenge == Challenge.parse(str(challenge))


@given(
    st.builds(
        Credentials,
        username=PRINTABLE,
        realm=PRINTABLE,
        nonce=PRINTABLE,
        uri=PRINTABLE,
        response=PRINTABLE,
        algorithm=ALGORITHMS,
        qop=st.none() | TOKENS.map(str.lower),
        nc=st.integers(0, 2**32 - 1).map("{:08x}".format),
        cnonce=PRINTABLE,
        opaque=st.none() | PRINTABLE,
    )
)
def test_credentials_survive_their_text(credentials: Credentials) -> None:
    assert credentials == Credentials.parse(str(credentials))


@given(st.text() | st.text('Digest realm="n,\\ oc').map("Digest ".__add__))
def test_any_text_is_read_or_is_a_remote_error(text: str) -> None:
    for parse in (Challenge.parse, Credentials.parse, parse_challenge):
        try:
            value = parse(text)
        except RemoteProtocolError:
            continue
        assert type(value).__name__ in {"Challenge", "Credentials", "OtherChallenge"}
