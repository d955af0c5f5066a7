"""Our client, and a SIPp that answers, or our own program with SIPp's scenarios."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.program import Outcome, run_program

from .sipp import Calls, Runner, open_answering

pytestmark = pytest.mark.interop

CONTACT = "sip:alice@192.0.2.7:5062"
NONCE = 'realm="here", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c0", opaque="a b,c"'

transports = pytest.mark.parametrize("transport", ["udp", "tcp"])


@transports
def test_a_ping_is_answered(transport: str, runner: Runner, tmp_path: Path) -> None:
    with open_answering(
        tmp_path / "sipp", "answer_options", transport=transport, calls=2, runner=runner
    ) as (sipp, address):  # fmt: skip
        target = f"sip:{address};transport={transport}"
        outcome = run_program("ping", target, "--count", "2", "--json", "--wait", "10")
        calls = sipp.wait()

    assert (0, "") == (outcome.status, outcome.errors)
    answers = [json.loads(line) for line in outcome.output.splitlines()]
    assert [200, 200] == [one["status"] for one in answers]
    assert [f"{transport}://{address}"] * 2 == [one["answered_by"] for one in answers]
    assert Calls.all_well(2) == calls


@transports
def test_a_text_is_taken(transport: str, runner: Runner, tmp_path: Path) -> None:
    with open_answering(
        tmp_path / "sipp", "answer_message", transport=transport, runner=runner
    ) as (sipp, address):  # fmt: skip
        target = f"sip:bob@{address};transport={transport}"
        outcome = run_program("message", target, "Grüße, Bob", "--from", "sip:alice@example.com")
        calls = sipp.wait()

    assert (0, "") == (outcome.status, outcome.errors)
    assert Calls.all_well(1) == calls


@pytest.mark.parametrize(
    ("transport", "challenge"),
    [
        ("udp", f'{NONCE}, qop="auth", algorithm=MD5'),
        ("tcp", f'{NONCE}, qop="auth", algorithm=MD5'),
        ("udp", f'{NONCE}, qop="auth,auth-int", algorithm=md5'),
        ("udp", f"{NONCE}, algorithm=MD5"),
        ("udp", NONCE),
    ],
    ids=["qop", "qop over tcp", "two qops", "no qop", "neither qop nor algorithm"],
)
def test_a_challenge_is_answered_so_that_sipp_agrees(
    transport: str, challenge: str, runner: Runner, tmp_path: Path
) -> None:
    keys = ("-key", "challenge", challenge, "-key", "expires", "1800")
    with open_answering(
        tmp_path / "sipp", "answer_register", *keys, transport=transport, runner=runner
    ) as (sipp, address):  # fmt: skip
        target = f"sip:alice@{address};transport={transport}"
        login = ("--user", "alice:wonderland")
        outcome = run_program("register", target, *login, "--contact", CONTACT)
        calls = sipp.wait()

    expected = f"200 OK: sip:alice@127.0.0.1 has 1 contact\n  {CONTACT} for 1800 s\n"
    assert Outcome(0, expected, "") == outcome
    assert Calls.all_well(1) == calls


@transports
def test_a_wrong_password_is_told_from_a_right_one(
    transport: str, runner: Runner, tmp_path: Path
) -> None:
    keys = ("-key", "challenge", f'{NONCE}, qop="auth"', "-key", "expires", "1800")
    with open_answering(
        tmp_path / "sipp", "answer_register", *keys, transport=transport, runner=runner
    ) as (sipp, address):  # fmt: skip
        target = f"sip:alice@{address};transport={transport}"
        outcome = run_program("register", target, "--user", "alice:hatter", "--contact", CONTACT)
        calls = sipp.wait()

    assert (1, "") == (outcome.status, outcome.output)
    assert "403 Forbidden" in outcome.errors
    assert Calls.all_well(1) == calls
