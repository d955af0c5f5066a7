"""``ping``, ``register`` and ``message`` against a real server."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from trio_sip.cli import main

from .program import Serving

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def target(server: Serving) -> Iterator[str]:
    """The address of alice, who has no contacts."""
    uri = f"sip:alice@{server.address}"
    yield uri
    main(["register", uri, "--user", "alice:wonderland", "--remove"])


def outcome_of(capture: Capture, *tokens: str) -> tuple[int, str, str]:
    status = main(tokens)
    output, errors = capture.readouterr()
    return status, output, errors


# -- ping


def test_ping_tells_who_answers_with_what_after_how_long(server: Serving, capsys: Capture) -> None:
    status, output, errors = outcome_of(capsys, "ping", f"sip:{server.address}")

    assert (0, "") == (status, errors)
    pattern = rf"200 OK from udp://{re.escape(server.address)} in [0-9]+\.[0-9] ms\n"
    assert re.fullmatch(pattern, output) is not None


def test_ping_takes_an_address_without_a_scheme_and_obeys_the_transport(
    server: Serving, capsys: Capture
) -> None:
    tcp = next(one for one in server.listening if one.startswith("tcp://"))
    status, output, _ = outcome_of(capsys, "ping", f"{tcp[6:]};transport=tcp", "--json")

    answer = json.loads(output)
    assert 0 == status
    assert 0 < answer.pop("milliseconds") < 20_000
    assert {"status": 200, "reason": "OK", "answered_by": tcp, "product": None} == answer


def test_ping_fails_when_the_answer_is_a_refusal(server: Serving, capsys: Capture) -> None:
    status, output, errors = outcome_of(capsys, "ping", f"sip:alice@{server.address}")

    assert (1, "") == (status, errors)
    assert output.startswith("401 Unauthorized from ")


def test_ping_where_nobody_is_says_so_at_once(capsys: Capture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
        gone.bind(("127.0.0.1", 0))
        port = gone.getsockname()[1]

    assert (
        1,
        "",
        f"trio-sip: ping sip:127.0.0.1:{port}: UDP 127.0.0.1:{port}: Connection refused\n",
    ) == outcome_of(capsys, "ping", f"sip:127.0.0.1:{port}")


def test_ping_where_nobody_answers_waits_as_long_as_it_was_told(capsys: Capture) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        uri = f"sip:127.0.0.1:{silent.getsockname()[1]}"

        assert (1, "", f"trio-sip: ping {uri}: no answer within 0.05 s\n") == outcome_of(
            capsys, "ping", uri, "--wait", "0.05"
        )


def test_ping_of_a_name_that_does_not_exist_names_it(capsys: Capture) -> None:
    status, output, errors = outcome_of(capsys, "ping", "sip:no-such.invalid")

    assert (1, "") == (status, output)
    assert errors.startswith("trio-sip: ping sip:no-such.invalid: cannot resolve 'no-such.invalid'")
    assert 1 == errors.count("\n")


# -- register


def test_register_shows_the_bindings(target: str, capsys: Capture) -> None:
    tokens = ["register", target, "--user", "alice:wonderland", "--contact", "sip:a@192.0.2.1"]

    assert (
        0,
        "200 OK: sip:alice@127.0.0.1 has 1 contact\n  sip:a@192.0.2.1 for 600 s\n",
        "",
    ) == outcome_of(capsys, *tokens, "--expires", "600")


def test_register_says_by_itself_where_this_machine_is(target: str, capsys: Capture) -> None:
    status, output, _ = outcome_of(
        capsys, "register", target, "--user", "alice:wonderland", "--json"
    )

    answer = json.loads(output)
    assert 0 == status
    (binding,) = answer.pop("bindings")
    assert {"status": 200, "reason": "OK", "aor": "sip:alice@127.0.0.1"} == answer
    assert 3600 == binding["expires"]
    assert re.fullmatch(r"sip:alice@127\.0\.0\.1:[0-9]+", binding["contact"]) is not None


def test_register_takes_the_name_from_the_user_when_the_uri_has_none(
    server: Serving, target: str, capsys: Capture
) -> None:
    registrar = f"sip:{server.address}"
    status, output, _ = outcome_of(
        capsys, "register", registrar, "--user", "alice:wonderland", "--contact", "sip:a@b"
    )

    assert (0, "200 OK: sip:alice@127.0.0.1 has 1 contact") == (status, output.splitlines()[0])


def test_register_removes_one_contact_or_all(target: str, capsys: Capture) -> None:
    login = ("register", target, "--user", "alice:wonderland")
    for contact in ("sip:a@192.0.2.1", "sip:a@192.0.2.2", "sip:a@192.0.2.3"):
        main([*login, "--contact", contact])
    capsys.readouterr()

    assert (
        "has 2 contacts\n"
        in outcome_of(capsys, *login, "--contact", "sip:a@192.0.2.2", "--remove")[1]
    )
    assert (0, "200 OK: sip:alice@127.0.0.1 has no contacts\n", "") == outcome_of(
        capsys, *login, "--remove"
    )


def test_a_wrong_password_is_one_line_without_the_password(target: str, capsys: Capture) -> None:
    refusal = "401 realm '127.0.0.1' does not accept the credential"

    assert (
        1,
        "",
        f"trio-sip: register sip:alice@127.0.0.1: {refusal}\n",
    ) == outcome_of(capsys, "register", target, "--user", "alice:looking-glass")


def test_a_wrong_password_is_json_too_if_that_is_wanted(target: str, capsys: Capture) -> None:
    status, output, errors = outcome_of(
        capsys, "register", target, "--user", "alice:looking-glass", "--json"
    )

    assert 1 == status
    assert {
        "status": 401,
        "reason": "Unauthorized",
        "aor": "sip:alice@127.0.0.1",
        "bindings": [],
    } == json.loads(output)
    assert "does not accept the credential" in errors
    assert 1 == errors.count("\n")


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        ([], "401 Unauthorized (say --user NAME:PASSWORD)"),
        (
            ["--user", "alice:wonderland", "--expires", "5"],
            "423 Interval Too Brief (want --expires 60 or more)",
        ),
    ],
)
def test_a_refusal_says_what_may_help(
    target: str, tokens: list[str], line: str, capsys: Capture
) -> None:
    assert (1, "", f"trio-sip: register sip:alice@127.0.0.1: {line}\n") == outcome_of(
        capsys, "register", target, *tokens
    )


def test_a_refusal_is_json_too_if_that_is_wanted(target: str, capsys: Capture) -> None:
    status, output, errors = outcome_of(capsys, "register", target, "--json")

    assert 1 == status
    assert {
        "status": 401,
        "reason": "Unauthorized",
        "aor": "sip:alice@127.0.0.1",
        "bindings": [],
    } == json.loads(output)
    assert 1 == errors.count("\n")


# -- message


def test_a_message_to_the_server_is_printed_where_it_runs(server: Serving, capsys: Capture) -> None:
    uri = f"sip:{server.address}"

    assert (0, "200 OK\n", "") == outcome_of(
        capsys, "message", uri, "Grüße\n\x1b[2Jdone", "--user", "alice:wonderland"
    )
    assert r"message from alice: Grüße\n\x1b[2Jdone" == server.next_line()


def test_a_message_to_somebody_the_server_cannot_reach_is_refused(
    server: Serving, capsys: Capture
) -> None:
    uri = f"sip:bob@{server.address}"

    assert (1, "", f"trio-sip: message to {uri}: 404 Not Found\n") == outcome_of(
        capsys, "message", uri, "hello", "--user", "alice:wonderland"
    )


def test_a_message_without_credentials_is_told_how_to_bring_some(
    server: Serving, capsys: Capture
) -> None:
    uri = f"sip:{server.address}"

    assert (
        1,
        "",
        f"trio-sip: message to {uri}: 401 Unauthorized (say --user NAME:PASSWORD)\n",
    ) == outcome_of(capsys, "message", uri, "hello", "--from", "sip:alice@127.0.0.1")
