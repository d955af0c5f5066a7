"""``trio-sip serve`` as a program: it starts whole or not at all, and ends in order."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from trio_sip.cli import main
from trio_sip.cli._file_limit import raise_file_limit
from trio_sip.message import Response, parse_message_untrusted

from .program import COMMAND, Outcome, Serving, open_serve, run_program

_NUMBERS = itertools.count(1)
LOOPBACK = ("--listen", "udp://127.0.0.1:0")
HA1_OF_ALICE = "576104efa0e7e879486fbcb111cf76a3"
"""Of realm "here" and password "x"."""


def exchange(address: str, request: str) -> Response:
    """Send a request by hand and wait for its answer."""
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect((host, int(port)))
        sock.send(request.replace("\n", "\r\n").encode())
        answer = parse_message_untrusted(sock.recv(65536))
    assert isinstance(answer, Response)
    return answer


def request(method: str, target: str, sender: str = "sip:alice@127.0.0.1") -> str:
    number = next(_NUMBERS)
    return (
        f"{method} {target} SIP/2.0\n"
        f"Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK{number}\n"
        f"Max-Forwards: 70\nFrom: <{sender}>;tag=1\nTo: <{target}>\n"
        f"Call-ID: {number}\nCSeq: 1 {method}\nContent-Length: 0\n\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_ends_in_order_when_asked(number: signal.Signals) -> None:
    with open_serve(*LOOPBACK, "--listen", "tcp://127.0.0.1:0") as serving:
        schemes = [one.partition("127.0.0.1:")[::2] for one in serving.listening]
        outcome = serving.end(number)

    assert ["udp://", "tcp://"] == [scheme for scheme, _ in schemes]
    assert all(0 < int(port) < 65536 for _, port in schemes)
    assert Outcome(0, "", "") == outcome


def test_it_may_open_as_many_files_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(soft, hard // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        with open_serve(*LOOPBACK) as serving:
            limits = resource.prlimit(serving.process.pid, resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (hard, hard) == limits


def test_it_is_said_when_no_more_files_may_be_open(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_: int, limits: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    low = min(soft, hard // 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (low, hard))
    try:
        raise_file_limit(refuse)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert [f"only {low} files"] == [" ".join(r.getMessage().split()[:3]) for r in caplog.records]


def test_a_monitor_gets_its_200_without_credentials(server: Serving) -> None:
    host = server.address.partition(":")[0]
    answer = exchange(server.address, request("OPTIONS", f"sip:{host}", "sip:monitor@nowhere"))

    assert 200 == answer.status
    assert {"MESSAGE", "OPTIONS", "REGISTER"} == set(answer["Allow"].split(", "))


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE"])
@pytest.mark.parametrize("sender", ["sip:alice@127.0.0.1", "sip:nobody@127.0.0.1"])
def test_everything_else_is_challenged_and_strangers_look_like_users(
    server: Serving, method: str, sender: str
) -> None:
    answer = exchange(server.address, request(method, "sip:127.0.0.1", sender))

    assert 401 == answer.status
    assert answer["WWW-Authenticate"].startswith('Digest realm="127.0.0.1",')
    assert "algorithm=MD5" in answer["WWW-Authenticate"]
    assert 1 == len(answer.headers.get_all("WWW-Authenticate"))


def test_digests_are_offered_in_the_order_given() -> None:
    with open_serve(
        *LOOPBACK, "--digest", "SHA-256", "--digest", "MD5", "--user", "alice:x"
    ) as serving:
        answer = exchange(serving.address, request("REGISTER", "sip:127.0.0.1"))

    challenges = answer.headers.get_all("WWW-Authenticate")
    assert ["SHA-256", "MD5"] == [
        one.partition("algorithm=")[2].partition(",")[0] for one in challenges
    ]


def refused(arguments: Sequence[str], capfd: pytest.CaptureFixture[str]) -> str:
    """The line that says why it does not start."""
    status = main(["serve", *arguments])
    output, errors = capfd.readouterr()
    assert (2, "") == (status, output)
    assert errors.startswith("trio-sip: ")
    assert errors.endswith("\n")
    assert 1 == errors.count("\n")
    return errors.removeprefix("trio-sip: ").removesuffix("\n")


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_a_port_that_is_taken_is_named_and_nothing_is_left_behind(
    scheme: str, server: Serving, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    taken = next(one for one in server.listening if one.startswith(scheme))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    line = refused(["--listen", f"udp://127.0.0.1:{port}", "--listen", taken], capfd)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))

    assert f"cannot listen on {taken}: Address already in use" == line


def test_the_program_refuses_as_the_function_does(server: Serving) -> None:
    taken = server.listening[0]

    assert Outcome(
        2, "", f"trio-sip: cannot listen on {taken}: Address already in use\n"
    ) == run_program("serve", "--listen", taken)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--listen", "sctp://h"],
            "cannot listen on 'sctp://h': want udp://HOST:PORT, tcp://…, tls://…, ws://… or wss://…",
        ),
        (["--listen", "udp://127.0.0.1:99999"], "cannot listen on 'udp://127.0.0.1:99999'"),
        (["--listen", "udp://no-such.invalid:0"], "cannot listen on udp://no-such.invalid:0: "),
        (["--listen", "udp://192.0.2.1:0"], "cannot listen on udp://192.0.2.1:0: "),
        (["--user", "alice"], "--user number 1: want NAME:PASSWORD"),
        (["--domain", "a b"], "not a domain: 'a b'"),
        (["--database", ""], "--database: want the name of a file, not ''"),
        (["--user", "a b:x"], "--user a b: not a user name: 'a b'"),
        (["--digest", "SHA-1"], "no such digest algorithm: 'SHA-1'"),
        (["--config", "/nowhere.toml"], "/nowhere.toml: No such file or directory"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert refused(arguments, capfd).startswith(line)


def test_a_database_that_is_none_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are notes, and no database" * 100)
    line = refused([*LOOPBACK, "--database", str(path)], capfd)

    assert f"location database {path}: file is not a database" == line


def test_a_database_in_no_directory_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "nowhere" / "x.db"
    line = refused([*LOOPBACK, "--database", str(path)], capfd)

    assert f"location database {path}: unable to open database file" == line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_database_that_cannot_be_written_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.db"
    sqlite3.connect(path).close()
    path.touch()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    line = refused([*LOOPBACK, "--database", str(path)], capfd)
    tmp_path.chmod(0o755)

    assert f"location database {path}: read-only" == line


def test_it_serves_on_when_its_reader_has_gone_before_it_was_ready() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with subprocess.Popen(
        [*COMMAND, "serve", "--listen", f"udp://{address}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        try:
            # Refused at once until it listens.
            end = time.monotonic() + 20
            while main(["ping", address, "--wait", "5"]) != 0:
                assert process.poll() is None
                assert time.monotonic() < end
            process.send_signal(signal.SIGTERM)
            errors = process.stderr.read()
        finally:
            process.kill()

    assert (0, b"") == (process.returncode, errors)


def test_registrations_survive_a_restart(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = (*LOOPBACK, "--user", "alice:x", "--database", str(tmp_path / "x.db"))
    with open_serve(*arguments) as serving:
        target = f"sip:alice@{serving.address}"
        contact = "sip:alice@192.0.2.7:5062"
        assert 0 == main(["register", target, "--user", "alice:x", "--contact", contact])
        assert Outcome(0, "", "") == serving.end()
    with open_serve(*arguments) as serving:
        target = f"sip:alice@{serving.address}"
        contact = "sip:alice@192.0.2.8:5062"
        assert 0 == main(["register", target, "--user", "alice:x", "--contact", contact])

    output = capfd.readouterr().out.splitlines()
    assert "200 OK: sip:alice@127.0.0.1 has 2 contacts" == output[2]
    assert ["  sip:alice@192.0.2.7:5062", "  sip:alice@192.0.2.8:5062"] == sorted(
        line.partition(" for ")[0] for line in output[3:]
    )


def test_registrations_survive_kill_nine(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.db"
    with open_serve(*LOOPBACK, "--user", "alice:x", "--database", str(path)) as serving:
        target = f"sip:alice@{serving.address}"
        assert 0 == main(["register", target, "--user", "alice:x", "--contact", "sip:a@b"])
        assert -signal.SIGKILL == serving.end(signal.SIGKILL).status
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT aor FROM location").fetchall()
    database.close()

    assert [("sip:alice@127.0.0.1",)] == rows


def test_a_configuration_file_makes_a_server(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "server.toml"
    path.write_text(
        'listen = ["udp://127.0.0.1:0"]\nrealm = "here"\n'
        f'[users]\nalice = {{ha1 = "{HA1_OF_ALICE}"}}\n'
    )
    with open_serve("--config", str(path)) as serving:
        target = f"sip:alice@{serving.address}"
        assert 0 == main(["register", target, "--user", "alice:x", "--remove"])

    assert "200 OK: sip:alice@127.0.0.1 has no contacts\n" == capfd.readouterr().out


def test_health_and_metrics_are_served_where_it_says() -> None:
    with open_serve(*LOOPBACK, "--http", "127.0.0.1:0") as serving:
        url = next(one for one in serving.listening if one.startswith("http://"))
        exchange(serving.address, request("OPTIONS", "sip:127.0.0.1"))
        health = urllib.request.urlopen(f"{url}/healthz", timeout=10).read()
        metrics = urllib.request.urlopen(f"{url}/metrics", timeout=10).read().decode()
        outcome = serving.end()

    assert b"ok\n" == health
    assert "trio_sip_requests_received_total 1" in metrics.splitlines()
    assert Outcome(0, "", "") == outcome


@pytest.mark.parametrize("where", ["127.0.0.1", "here:", ":9100", "127.0.0.1:x", "127.0.0.1:65536"])
def test_an_address_for_http_is_a_host_and_a_port(
    where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 2 == main(["serve", "--http", where])
    assert f"trio-sip: --http: want HOST:PORT, not {where!r}\n" == capsys.readouterr().err


def test_an_address_for_http_that_is_taken_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        outcome = run_program("serve", *LOOPBACK, "--http", where)

    said = f"trio-sip: cannot listen on http://{where}: Address already in use\n"
    assert Outcome(2, "", said) == outcome


def test_whoever_tries_the_door_is_told_on_standard_error_without_being_asked() -> None:
    with open_serve(*LOOPBACK, "--user", "alice:x") as serving:
        exchange(serving.address, request("REGISTER", "sip:127.0.0.1", "sip:mallory@127.0.0.1"))
        outcome = serving.end()

    assert 0 == outcome.status
    assert "no matching endpoint: REGISTER" in outcome.errors
