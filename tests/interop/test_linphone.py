"""linphone's telephone for a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.program import Serving, open_serve, run_program

from .linphone import Account, open_linphone
from .peers import BOTH, IN_ORDER, address_of, bindings

pytestmark = pytest.mark.interop

transports = pytest.mark.parametrize("transport", ["udp", "tcp"])


STATE = r"to \[?LinphoneRegistration(Ok|Failed)"


def account_at(serving: Serving, transport: str, password: str = "secret") -> Account:
    return Account(
        registrar=address_of(serving, transport),
        password=password,
        realm="trio-sip",
        transport=transport,
    )


@transports
def test_it_registers_and_unregisters(transport: str, tmp_path: Path) -> None:
    with open_serve(*BOTH, "--user", "carol:secret") as serving:
        with open_linphone(tmp_path / "phone", account_at(serving, transport)) as telephone:
            said = telephone.wait_for_log(STATE)
            during = bindings("carol", address_of(serving, "udp"))
            status = telephone.end()
        after = bindings("carol", address_of(serving, "udp"))
        ending = serving.end()

    assert "Ok" in said
    assert ["sip:carol@127.0.0.1"] == [one.rpartition(":")[0] for one in during]
    assert 0 == status
    assert [] == after
    assert IN_ORDER == ending


@transports
def test_it_does_not_register_with_a_wrong_password(transport: str, tmp_path: Path) -> None:
    with open_serve(*BOTH, "--user", "carol:secret") as serving:
        account = account_at(serving, transport, password="guess")
        with open_linphone(tmp_path / "phone", account) as telephone:
            said = telephone.wait_for_log(STATE)
            found = bindings("carol", address_of(serving, "udp"))

    assert "Failed" in said
    assert [] == found


def test_it_answers_our_ping(tmp_path: Path) -> None:
    with open_linphone(tmp_path / "phone") as telephone:
        target = f"sip:carol@{telephone.address}"
        outcome = run_program("ping", target, "--json", "--wait", "10")

    assert (0, "") == (outcome.status, outcome.errors)
    assert 200 == json.loads(outcome.output)["status"]
