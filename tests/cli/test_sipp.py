"""``trio-sip sipp``: scenario files on real sockets, and the exit status."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.testing.test_sipp import CALL, SERVE
from trio_sip.cli import main

from .program import COMMAND, run_program


def written(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_two_of_them_call_each_other(tmp_path: Path) -> None:
    server = written(tmp_path, "server.xml", SERVE.replace("40000", "100"))
    client = written(tmp_path, "client.xml", CALL.replace("2000", "100"))
    with subprocess.Popen(
        [*COMMAND, "sipp", server, "--local", "127.0.0.1:0", "--announce", "--wait", "20"],
        stdout=subprocess.PIPE,
        text=True,
    ) as serving:
        assert serving.stdout is not None
        address = serving.stdout.readline().split()[-1].removeprefix("udp://")
        outcome = run_program("sipp", client, address, "--ladder")
        answer = serving.stdout.read()

    assert (0, "") == (outcome.status, outcome.errors)
    assert "1 successful, 0 failed, 0 retransmissions\nrtd invite: 0." in outcome.output
    assert "-INVITE-" in outcome.output
    assert (0, "1 successful, 0 failed, 0 retransmissions\n") == (serving.returncode, answer)


def test_what_fails_is_the_exit_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    client = written(tmp_path, "client.xml", CALL)

    assert 1 == main(["sipp", client, "127.0.0.1:9", "--wait", "0.1"])
    assert "call 1: had not ended after 0.1 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "arguments", "status", "words"),
    [
        ("<scenario><tdm/></scenario>", ["--check"], 1, "line 1: <tdm>"),
        ("<scenario><nop/></scenario>", ["--check"], 0, "everything in it is supported"),
        ("<scenario><tdm/></scenario>", ["127.0.0.1"], 2, "not supported: line 1: <tdm>"),
        ("<scenario><sendCmd/></scenario>", ["127.0.0.1"], 2, "there is no twin"),
        ("<scenario></nop>", [], 2, "line 1: mismatched tag"),
        ("<scenario/>", [], 2, "there is nobody to call"),
        ("<scenario/>", ["127.0.0.1:x"], 2, "bad port"),
        ("<scenario/>", ["127.0.0.1", "--calls", "0"], 2, "want at least one call"),
        ("<scenario/>", ["127.0.0.1"], 0, "1 successful"),
        ("<scenario/>", ["127.0.0.1", "--statistics", "x.txt"], 2, "ends with .csv or .json"),
        ("<scenario/>", ["127.0.0.1", "--loss", "2"], 2, "want at least one call"),
    ],
)
def test_files_and_arguments(
    text: str,
    arguments: list[str],
    status: int,
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = main(["sipp", written(tmp_path, "one.xml", text), *arguments])
    captured = capsys.readouterr()

    assert status == outcome
    assert words in captured.out + captured.err
