"""sipsak, with which administrators look whether a server is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Outcome, Serving, open_serve

from .peers import BOTH, address_of, find_peer, run_peer

pytestmark = pytest.mark.interop

transports = pytest.mark.parametrize("transport", ["udp", "tcp"])


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    """A server with one user."""
    with open_serve(*BOTH, "--user", "alice:secret") as started:
        yield started


def sipsak(serving: Serving, transport: str, folder: Path, user: str, *options: str) -> Outcome:
    """Its outcome; the name of this machine, which it wants to know, is of no interest."""
    target = f"sip:{user}{address_of(serving, transport)}"
    common = ("--hostname", "localhost", "--transport", transport)
    return run_peer([find_peer("sipsak"), *common, "-s", target, *options], folder)


def register(serving: Serving, transport: str, folder: Path, *options: str) -> Outcome:
    # Left to itself it would say that alice's name was "alice@".
    login = ("-U", "-i", "--auth-username", "alice")
    return sipsak(serving, transport, folder, "alice@", *login, *options)


@transports
def test_a_ping_is_answered(transport: str, serving: Serving, tmp_path: Path) -> None:
    outcome = sipsak(serving, transport, tmp_path, "", "-vv")

    assert 0 == outcome.status, outcome
    assert "SIP/2.0 200 OK" in outcome.output
    assert "final received" in outcome.output


@transports
def test_it_registers(transport: str, serving: Serving, tmp_path: Path) -> None:
    outcome = register(serving, transport, tmp_path, "-a", "secret", "-x", "600", "-vv")

    assert 0 == outcome.status, outcome
    assert "authorizing" in outcome.output


@transports
def test_it_does_not_register_with_a_wrong_password(
    transport: str, serving: Serving, tmp_path: Path
) -> None:
    outcome = register(serving, transport, tmp_path, "-a", "guess", "-x", "600", "-v")

    assert 2 == outcome.status, outcome
    assert "authorization failed" in outcome.errors


def test_fifteen_seconds_which_it_wants_by_itself_are_too_brief(
    serving: Serving, tmp_path: Path
) -> None:
    outcome = register(serving, "udp", tmp_path, "-a", "secret", "-v")

    assert 1 == outcome.status, outcome
    assert "SIP/2.0 423 Interval Too Brief" in outcome.errors
    assert re.search(r"^Min-Expires: 60\s*$", outcome.errors, re.MULTILINE)
