"""A thousand telephones of SIPp's register, and every one is found again."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.program import Outcome, Serving, open_serve

from .sipp import Calls, call
from .subscribers import COUNT, Subscriber

pytestmark = pytest.mark.interop

BOTH = ("--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0")

transports = pytest.mark.parametrize(
    ("transport", "mode"), [("udp", "u1"), ("tcp", "t1"), ("tcp", "tn")], ids="udp tcp tcps".split()
)


def address_of(serving: Serving, transport: str) -> str:
    scheme = f"{transport}://"
    return next(one for one in serving.listening if one.startswith(scheme)).removeprefix(scheme)


def stored(database: Path) -> set[str]:
    """The addresses-of-record that are in the file."""
    with closing(sqlite3.connect(database)) as connection:
        return {aor for (aor,) in connection.execute("SELECT aor FROM location")}


def logged(folder: Path) -> dict[str, str]:
    """What a scenario logged, user by user."""
    lines = (folder / "log.txt").read_text().splitlines()
    found = dict(line.split(";", 1) for line in lines if line)
    return {name.strip(): value.strip() for name, value in found.items()}


LOG = ("-trace_logs", "-log_file", "log.txt")


@transports
def test_a_thousand_users_register_with_md5_and_are_there_after_a_restart(
    transport: str, mode: str, subscribers: list[Subscriber], config: Path, tmp_path: Path
) -> None:
    rows = [f"{one.name};{one.keyword}" for one in subscribers]
    arguments = (*BOTH, "--config", str(config), "--database", str(tmp_path / "x.db"))
    with open_serve(*arguments) as serving:
        address = address_of(serving, transport)
        calls = call(tmp_path / "register", "register", address, rows, "-t", mode)
        outcome = serving.end()
    with open_serve(*arguments) as serving:
        address = address_of(serving, transport)
        asked = call(tmp_path / "ask", "ask", address, rows, "-t", mode, *LOG)

    assert Calls.all_well(COUNT) == calls
    assert Outcome(0, "", "") == outcome
    assert Calls.all_well(COUNT) == asked
    contacts = logged(tmp_path / "ask")
    assert {one.name for one in subscribers} == set(contacts)
    for name, contact in contacts.items():
        place = rf"<sip:{name}@127\.0\.0\.1:\d+;transport={transport}>"
        assert re.fullmatch(rf"{place};expires=3[56]\d\d", contact, re.IGNORECASE)


@transports
def test_a_thousand_users_register_with_sha_256(
    transport: str, mode: str, subscribers: list[Subscriber], config: Path, tmp_path: Path
) -> None:
    # SIPp computes SHA-256 from version 3.7 on; of 3.6, which Debian 12 has, it is said:
    # "authentication must use MD5 or AKAv1-MD5".  So the telephones are challenged in a first
    # run, and the answers they bring in the second have been computed here.
    database = tmp_path / "x.db"
    with open_serve(
        *BOTH, "--config", str(config), "--database", str(database), "--digest", "SHA-256"
    ) as serving:
        address = address_of(serving, transport)
        names = [one.name for one in subscribers]
        challenged = call(tmp_path / "ask", "challenged", address, names, "-t", mode, *LOG)
        challenges = logged(tmp_path / "ask")
        rows = [
            f"{one.name};{one.answer_sha256(challenges[one.name], f'sip:{address}')}"
            for one in subscribers
        ]
        calls = call(tmp_path / "register", "authorized", address, rows, "-t", mode)
        outcome = serving.end()

    assert Calls.all_well(COUNT) == challenged
    assert Calls.all_well(COUNT) == calls
    assert Outcome(0, "", "") == outcome
    assert {f"sip:{one.name}@127.0.0.1" for one in subscribers} == stored(database)


def test_who_knows_only_md5_can_register_where_it_is_offered_first(
    subscribers: list[Subscriber], config: Path, tmp_path: Path
) -> None:
    rows = [f"{one.name};{one.keyword}" for one in subscribers[:20]]
    with open_serve(
        *BOTH, "--config", str(config), "--digest", "MD5", "--digest", "SHA-256"
    ) as serving:
        calls = call(tmp_path / "register", "register", serving.address, rows)

    assert Calls.all_well(20) == calls


def test_nobody_registers_with_the_password_of_another(
    subscribers: list[Subscriber], config: Path, tmp_path: Path
) -> None:
    rows = [
        f"{one.name};{Subscriber(one.name, other.password).keyword}"
        for one, other in zip(subscribers[:20], subscribers[1:], strict=False)
    ]
    database = tmp_path / "x.db"
    with open_serve(*BOTH, "--config", str(config), "--database", str(database)) as serving:
        calls = call(tmp_path / "register", "register", serving.address, rows)
        serving.end()

    assert (1, 0, 20) == (calls.status, calls.succeeded, calls.failed)
    assert 20 == calls.errors.count("SIP/2.0 401 Unauthorized")
    assert set() == stored(database)


@transports
def test_two_thousand_pings_in_two_seconds_are_answered_at_once(
    transport: str, mode: str, tmp_path: Path
) -> None:
    with open_serve(*BOTH, "--user", "alice:x") as serving:
        address = address_of(serving, transport)
        rows = ["-"] * 2000
        calls = call(tmp_path / "ping", "options", address, rows, "-t", mode, rate=1000)
        outcome = serving.end()

    assert Calls.all_well(2000) == calls
    assert Outcome(0, "", "") == outcome
