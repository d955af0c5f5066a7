"""``call`` and ``answer`` as programs, on loopback."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess

import pytest

from trio_sip.cli import main
from trio_sip.message import Request, create_response, parse_message_untrusted

from .program import COMMAND, Serving, open_program

Capture = pytest.CaptureFixture[str]


def outcome_of(capture: Capture, *tokens: str) -> tuple[int, str, str]:
    status = main(tokens)
    output, errors = capture.readouterr()
    return status, output, errors


def without_numbers(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def test_a_call_is_told_in_lines_at_both_ends(telephone: Serving, capsys: Capture) -> None:
    target = f"sip:bob@{telephone.address}"
    status, output, errors = outcome_of(
        capsys, "call", target, "--from", "alice@example.com", "--for", "0.1"
    )

    assert (0, "") == (status, errors)
    assert without_numbers(
        f"calling {target} as sip:alice@example.com\n"
        "180 Ringing after 0.0 s\n"
        f"200 OK after 0.1 s from udp://{telephone.address}\n"
        "hung up after 0.1 s\n"
    ) == without_numbers(output)
    assert telephone.next_line().startswith(f"<sip:alice@example.com> calls {target} from udp://")
    assert "sip:alice@example.com: the other side hung up after 0.1 s" == telephone.next_line()


def test_a_call_is_a_ladder_on_a_terminal(
    telephone: Serving, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    status, output, _ = outcome_of(capsys, "call", telephone.address, "--for", "0")
    telephone.next_line()
    telephone.next_line()

    rows = re.findall(r"\|[-<].*[->]\|", output)
    assert 0 == status
    assert [
        "|----------INVITE-------->|",
        "|<------180 (INVITE)------|",
        "|<------200 (INVITE)------|",
        "|-----------ACK---------->|",
        "|-----------BYE---------->|",
        "|<-------200 (BYE)--------|",
    ] == rows
    for state in ("calling for 0:00; Ctrl-C gives up", "ringing for ", "talking for "):
        assert state in output
    assert "\x1b[36m" in output
    # The cursor is shown again.
    assert output.rindex("\x1b[?25h") > output.rindex("\x1b[?25l")


def test_a_call_is_one_json_object_if_that_is_wanted(telephone: Serving, capsys: Capture) -> None:
    status, output, errors = outcome_of(
        capsys, "call", telephone.address, "--for", "0.1", "--user", "alice:secret", "--json"
    )
    assert telephone.next_line().startswith("<sip:alice@127.0.0.1> calls ")
    telephone.next_line()

    answer = json.loads(output)
    assert (0, "") == (status, errors)
    assert 0.1 <= answer.pop("seconds") < 10
    assert 0.05 <= answer.pop("answered_after") < 10
    assert {
        "target": f"sip:{telephone.address}",
        "status": 200,
        "reason": "OK",
        "ended_by": "local",
        "how": "BYE",
    } == answer


def test_a_refusal_is_one_line_and_json_if_that_is_wanted(server: Serving, capsys: Capture) -> None:
    uri = f"sip:bob@{server.address}"
    status, output, errors = outcome_of(capsys, "call", uri, "--json")

    assert 1 == status
    assert 401 == json.loads(output)["status"]
    assert (
        f"trio-sip: call {uri}: 401 Unauthorized from udp://{server.address} "
        "(say --user NAME:PASSWORD)\n"
    ) == errors


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ("alice:looking-glass", "401 realm '127.0.0.1' does not accept the credential"),
        ("alice:wonderland", "405 Method Not Allowed from udp://{}"),
    ],
)
def test_a_password_is_shown_to_who_asks_for_it(
    user: str, why: str, server: Serving, capsys: Capture
) -> None:
    uri = f"sip:bob@{server.address}"
    status, _, errors = outcome_of(capsys, "call", uri, "--user", user)

    assert (1, f"trio-sip: call {uri}: {why.format(server.address)}\n") == (status, errors)


def test_answer_registers_and_unregisters_its_user(server: Serving, capsys: Capture) -> None:
    who = ("--user", "alice:wonderland")
    # Removing what is not there tells what is.
    look = ("register", f"sip:alice@{server.address}", *who, "--contact", "sip:x@y", "--remove")
    with open_program(
        "answer", "--listen", "udp://127.0.0.1:0", *who, "--registrar", server.address
    ) as telephone:
        _, during, _ = outcome_of(capsys, *look)
        outcome = telephone.end(signal.SIGINT)
    _, afterwards, _ = outcome_of(capsys, *look)

    assert (130, "", "") == outcome
    assert during.startswith("200 OK: sip:alice@127.0.0.1 has 1 contact\n")
    assert f"  sip:alice@{telephone.address} for " in during
    assert "200 OK: sip:alice@127.0.0.1 has no contacts\n" == afterwards


def test_answer_that_cannot_register_says_why(server: Serving, capfd: Capture) -> None:
    status = main(
        [
            "answer", "--listen", "udp://127.0.0.1:0",
            "--user", "alice:looking-glass", "--registrar", server.address,
        ]
    )  # fmt: skip

    assert 1 == status
    assert (
        "trio-sip: register sip:alice@127.0.0.1: "
        "401 realm '127.0.0.1' does not accept the credential\n"
    ) == capfd.readouterr().err


def test_answer_where_somebody_else_listens_is_a_usage_error(
    server: Serving, capfd: Capture
) -> None:
    status = main(["answer", "--listen", f"udp://{server.address}"])

    assert 2 == status
    assert f"trio-sip: cannot listen on udp://{server.address}: " in capfd.readouterr().err


def test_ctrl_c_hangs_up_before_the_program_ends(telephone: Serving) -> None:
    with subprocess.Popen(
        [*COMMAND, "call", telephone.address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("200 OK"):
            pass
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    telephone.next_line()

    assert (130, "") == (process.returncode, errors)
    assert output.startswith("hung up after ")
    assert ": the other side hung up after " in telephone.next_line()


def test_ctrl_c_pressed_twice_does_not_wait_for_the_goodbye() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as slow:
        slow.bind(("127.0.0.1", 0))
        slow.settimeout(20)
        with subprocess.Popen(
            [*COMMAND, "call", f"127.0.0.1:{slow.getsockname()[1]}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            data, caller = slow.recvfrom(65536)
            invite = parse_message_untrusted(data)
            assert isinstance(invite, Request)
            slow.sendto(bytes(create_response(invite, 180, to_tag="x")), caller)
            assert process.stdout is not None
            while not process.stdout.readline().startswith("180 "):
                pass
            process.send_signal(signal.SIGINT)
            while not slow.recv(65536).startswith(b"CANCEL "):
                pass
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=3)

    assert (130, "") == (process.returncode, errors)
