"""TLS and WebSockets on the command line: a server with a certificate, and those who trust it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from trio_sip.cli import main
from trio_sip.cli._config_file import read_config
from trio_sip.cli._errors import UsageError
from trio_sip.testing import CertificateAuthority
from trio_sip.transport import ClientCertificates

from .program import Serving, open_program, open_serve

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def authority() -> Iterator[CertificateAuthority]:
    made = CertificateAuthority()
    yield made
    made.close()


@pytest.fixture(scope="module")
def private(authority: CertificateAuthority) -> Iterator[Serving]:
    """A server on TLS and WebSockets whose user alice has the password wonderland."""
    with open_serve(
        "--tls-certificate", str(authority.issue("127.0.0.1", "localhost").path),
        *(f"--listen={scheme}://127.0.0.1:0" for scheme in ("udp", "tls", "ws", "wss")),
        "--user", "alice:wonderland",
    ) as serving:  # fmt: skip
        yield serving


def place(serving: Serving, scheme: str) -> str:
    return next(one for one in serving.listening if one.startswith(f"{scheme}://"))


def outcome_of(capture: Capture, *tokens: str) -> tuple[int, str, str]:
    status = main(tokens)
    output, errors = capture.readouterr()
    return status, output, errors


@pytest.mark.parametrize("scheme", ["tls", "ws", "wss"])
def test_ping_goes_by_any_transport(
    scheme: str, private: Serving, authority: CertificateAuthority, capsys: Capture
) -> None:
    where = place(private, scheme)
    uri = f"sip:{where.partition('://')[2]};transport={scheme}"
    status, output, errors = outcome_of(
        capsys, "ping", uri, "--tls-ca", str(authority.path), "--json"
    )

    assert (0, "") == (status, errors)
    assert (200, where) == (json.loads(output)["status"], json.loads(output)["answered_by"])


def test_a_sips_uri_goes_by_tls(
    private: Serving, authority: CertificateAuthority, capsys: Capture
) -> None:
    where = place(private, "tls")
    uri = f"sips:localhost:{where.rpartition(':')[2]}"
    status, output, errors = outcome_of(capsys, "ping", uri, "--tls-ca", str(authority.path))

    assert (0, "") == (status, errors)
    assert f"200 OK from {where} in " in output


def test_a_server_that_is_not_trusted_is_not_spoken_to(private: Serving, capsys: Capture) -> None:
    status, output, errors = outcome_of(capsys, "ping", f"sips:{place(private, 'tls')[6:]}")

    assert (1, "") == (status, output)
    assert "its certificate is not trusted: unable to get local issuer certificate" in errors


def test_a_server_of_another_name_is_not_spoken_to(
    private: Serving, authority: CertificateAuthority, capsys: Capture
) -> None:
    uri = f"sips:127.0.0.2:{place(private, 'tls').rpartition(':')[2]}"
    with open_serve(
        "--tls-certificate", str(authority.issue("127.0.0.1").path),
        "--listen", "tls://127.0.0.2:0",
    ) as other:  # fmt: skip
        uri = f"sips:{place(other, 'tls')[6:]}"
        status, _, errors = outcome_of(capsys, "ping", uri, "--tls-ca", str(authority.path))

    assert 1 == status
    assert "its certificate is that of 127.0.0.1, not of 127.0.0.2" in errors


def test_register_and_message_go_by_tls(
    private: Serving, authority: CertificateAuthority, capsys: Capture
) -> None:
    where = place(private, "tls")[6:]
    more = ("--tls-ca", str(authority.path), "--user", "alice:wonderland")
    assert 0 == main(["register", f"sips:alice@{where}", *more])
    assert 0 == main(["message", f"sips:{where}", "hello", *more])
    assert 0 == main(["register", f"sips:alice@{where}", *more, "--remove"])

    assert "message from alice: hello" == private.next_line()
    assert "200 OK" in capsys.readouterr().out


def test_a_telephone_takes_calls_by_tls(authority: CertificateAuthority, capsys: Capture) -> None:
    with open_program(
        "answer", "--listen", "tls://127.0.0.1:0", "--after", "0.05",
        "--tls-certificate", str(authority.issue("127.0.0.1").path),
    ) as telephone:  # fmt: skip
        uri = f"sips:bob@{place(telephone, 'tls')[6:]}"
        status, output, errors = outcome_of(
            capsys, "call", uri, "--for", "0.1", "--tls-ca", str(authority.path)
        )

    assert (0, "") == (status, errors)
    assert re.search(r"hung up after 0\.[1-9] s", output), output


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--listen", "tls://127.0.0.1:0"],
            "cannot listen on tls://127.0.0.1:0 without a certificate",
        ),
        (["--tls-key", "x"], "--tls-key: want --tls-certificate, too"),
        (["--tls-certificate", "/no"], "TLS: cannot use /no: No such file or directory"),
    ],
)
def test_what_is_missing_is_named(
    arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, _, errors = outcome_of(capfd, "serve", *arguments)

    assert (2, f"trio-sip: {line}\n") == (status, errors)


def test_a_certificate_alone_opens_the_usual_port_of_tls(
    tmp_path: Path, authority: CertificateAuthority
) -> None:
    file = tmp_path / "server.toml"
    file.write_text(f'[tls]\ncertificate = "{authority.issue("a").path}"\nclients = "required"\n')
    config = read_config(str(file))

    assert ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060", "tls://0.0.0.0:5061"] == [
        str(one) for one in config.effective_listen
    ]
    assert config.tls is not None
    assert ClientCertificates.REQUIRED is config.tls.settings().client_certificates


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("tls = 1", "$.tls: expected a table, not 1"),
        ("[tls]", "$.tls.certificate: missing"),
        ('[tls]\ncertificate = "x"\nclients = "some"', "$.tls.clients: want one of ignored, wanted, required, not 'some'"),
        ('[tls]\ncertificate = "x"\nx = 1', "$.tls: no such key: x"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_file_is_named_with_its_place(
    text: str, line: str, tmp_path: Path
) -> None:
    file = tmp_path / "server.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_config(str(file))

    assert f"{file}: {line}" == str(caught.value)
