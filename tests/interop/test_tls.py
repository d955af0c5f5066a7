"""TLS with telephones that are not ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Serving, open_program, open_serve, run_program
from trio_sip.testing import CertificateAuthority

from .baresip import open_baresip
from .linphone import Account, open_linphone
from .peers import IN_ORDER, address_of, bindings

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def authority() -> Iterator[CertificateAuthority]:
    made = CertificateAuthority()
    yield made
    made.close()


@pytest.fixture
def serving(authority: CertificateAuthority) -> Iterator[Serving]:
    with open_serve(
        "--listen", "udp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0",
        "--user", "alice:secret", "--tls-certificate", str(authority.issue("127.0.0.1").path),
    ) as running:  # fmt: skip
        yield running


_ACCOUNT = (
    ";auth_user=alice;auth_pass=secret;regint=600;answermode=auto;"
    'outbound="sip:{address};transport=tls"'
)


def test_baresip_registers_and_unregisters_over_tls(
    serving: Serving, authority: CertificateAuthority, tmp_path: Path
) -> None:
    account = _ACCOUNT.format(address=address_of(serving, "tls"))
    with open_baresip(tmp_path / "phone", account, authority) as telephone:
        said = telephone.running.wait_for("200 OK", "40")
        during = bindings("alice", address_of(serving, "udp"))
        status = telephone.running.end()
    after = bindings("alice", address_of(serving, "udp"))
    ending = serving.end()

    assert "{0/TLS/v4} 200 OK () [1 binding]" in said
    assert 1 == len(during)
    assert "transport=tls" in during[0]
    assert (0, [], IN_ORDER) == (status, after, ending)


def test_we_call_baresip_over_tls(authority: CertificateAuthority, tmp_path: Path) -> None:
    with open_baresip(tmp_path / "phone", "", authority) as telephone:
        outcome = run_program(
            "call", f"sip:alice@{telephone.tls_address};transport=tls", "--for", "0.3",
            "--tls-ca", str(authority.path), "--wait", "10",
        )  # fmt: skip
        established = telephone.wait_for_event("CALL_ESTABLISHED", "CALL_CLOSED")

    assert (0, "") == (outcome.status, outcome.errors)
    assert "CALL_ESTABLISHED" == established["type"]
    assert "hung up after 0.3 s" in outcome.output


def test_baresip_calls_us_over_tls(authority: CertificateAuthority, tmp_path: Path) -> None:
    with (
        open_program(
            "answer", "--listen", "tls://127.0.0.1:0", "--after", "0.1", "--for", "0.3",
            "--tls-certificate", str(authority.issue("127.0.0.1").path),
            # It is another connection by which we hang up: to its Contact.
            "--tls-ca", str(authority.path),
        ) as answering,
        open_baresip(tmp_path / "phone", "", authority) as telephone,
    ):  # fmt: skip
        telephone.dial(f"sip:bob@{address_of(answering, 'tls')};transport=tls")
        established = telephone.wait_for_event("CALL_ESTABLISHED", "CALL_CLOSED")
        closed = telephone.wait_for_event("CALL_CLOSED")

    assert "CALL_ESTABLISHED" == established["type"]
    assert "Connection reset by peer" in closed["param"]


def test_linphone_registers_and_unregisters_over_tls(
    authority: CertificateAuthority, tmp_path: Path
) -> None:
    with open_serve(
        "--listen", "udp://127.0.0.1:0", "--listen", "tls://127.0.0.1:0",
        "--user", "carol:secret", "--user", "alice:secret",
        "--tls-certificate", str(authority.issue("localhost").path),
    ) as serving:  # fmt: skip
        # Its TLS knows nothing of addresses in certificates.
        account = Account(
            registrar=address_of(serving, "tls").replace("127.0.0.1", "localhost"),
            password="secret",
            realm="trio-sip",
            transport="tls",
        )
        with open_linphone(tmp_path / "phone", account, authorities=authority.path) as telephone:
            telephone.wait_for_log(r"to \[?LinphoneRegistration(Ok|Failed)")
            during = bindings("carol", address_of(serving, "udp"))
            status = telephone.end()
        after = bindings("carol", address_of(serving, "udp"))
        ending = serving.end()

    assert ["sip:carol@127.0.0.1"] == [re.sub(r":\d+;.*", "", one) for one in during]
    assert (0, [], IN_ORDER) == (status, after, ending)
