"""baresip, a telephone without the parts that need a sound card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.program import open_serve, run_program

from .baresip import open_baresip
from .peers import BOTH, IN_ORDER, address_of, bindings

pytestmark = pytest.mark.interop

transports = pytest.mark.parametrize("transport", ["udp", "tcp"])

_ACCOUNT = (
    ";auth_user=alice;auth_pass={password};regint=600;answermode=auto;"
    'outbound="sip:{address};transport={transport}"'
)


@transports
def test_it_registers_and_unregisters(transport: str, tmp_path: Path) -> None:
    with open_serve(*BOTH, "--user", "alice:secret") as serving:
        address = address_of(serving, transport)
        account = _ACCOUNT.format(address=address, transport=transport, password="secret")
        with open_baresip(tmp_path / "phone", account) as telephone:
            said = telephone.running.wait_for("200 OK", "40")
            during = bindings("alice", address_of(serving, "udp"))
            status = telephone.running.end()
        after = bindings("alice", address_of(serving, "udp"))
        ending = serving.end()

    assert f"{{0/{transport.upper()}/v4}} 200 OK () [1 binding]" in said
    assert ["sip:alice-0x"] == [one.partition("0x")[0] + "0x" for one in during]
    assert 0 == status
    assert [] == after
    assert IN_ORDER == ending


@transports
def test_it_does_not_register_with_a_wrong_password(transport: str, tmp_path: Path) -> None:
    with open_serve(*BOTH, "--user", "alice:secret") as serving:
        address = address_of(serving, transport)
        account = _ACCOUNT.format(address=address, transport=transport, password="guess")
        with open_baresip(tmp_path / "phone", account) as telephone:
            said = telephone.running.wait_for("200 OK", "40")
            found = bindings("alice", address_of(serving, "udp"))

    assert "401 Unauthorized" in said
    assert [] == found


def test_it_answers_our_ping(tmp_path: Path) -> None:
    with open_serve(*BOTH, "--user", "alice:secret") as serving:
        address = address_of(serving, "udp")
        account = _ACCOUNT.format(address=address, transport="udp", password="secret")
        with open_baresip(tmp_path / "phone", account) as telephone:
            telephone.running.wait_for("200 OK")
            (contact,) = bindings("alice", address)
            outcome = run_program("ping", contact, "--json", "--wait", "10")

    assert (0, "") == (outcome.status, outcome.errors)
    assert 200 == json.loads(outcome.output)["status"]
