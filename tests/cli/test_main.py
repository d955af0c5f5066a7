"""What every command has in common: statuses, one-line errors, lazy imports, Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest
import trio

from trio_sip._errors import LocalProtocolError, NoRoute
from trio_sip.cli import main
from trio_sip.cli._errors import CommandFailed, ExitStatus, UsageError, describe, leaf_of
from trio_sip.cli._main import _COMMANDS, _tell
from trio_sip.cli._text import one_line, printable, without_password

from .program import COMMAND, Outcome, run_program


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=False
    )


def test_the_library_does_not_import_what_only_the_command_line_needs() -> None:
    code = (
        "import sys, trio_sip, trio_sip.stack, trio_sip.services, trio_sip.testing, trio_sip.cli\n"
        "print({'cyclopts', 'rich', 'cattrs'} & set(sys.modules))"
    )

    assert "set()\n" == run_python(code).stdout


@pytest.mark.parametrize("missing", ["cyclopts", "rich", "cattrs"])
def test_without_the_extra_one_line_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)

    assert 2 == main(["serve"])
    assert (
        "",
        "trio-sip's command line needs the cli extra: pip install 'trio-sip[cli]'\n",
    ) == capsys.readouterr()


@pytest.mark.parametrize(
    ("tokens", "line"),
    [
        (["srve"], 'Unknown command "srve". Did you mean "serve"?'),
        (["ping"], "URI"),
        (["ping", "--foo", "sip:a"], "--foo"),
        (["ping", "sip:a", "--count", "many"], "--count: want a whole number, not 'many'"),
        (["ping", "sip:a", "--count", "0"], "--count: want 1 or more, not 0"),
        (["ping", "sip:a", "--count", "1.5"], "--count: want a whole number, not '1.5'"),
        (["ping", "sip:a", "--wait", "0"], "--wait: want more than 0 seconds, not 0"),
        (["ping", "sip:a", "--wait", "nan"], "--wait: want more than 0 seconds, not nan"),
        (["ping", "sip: a"], "URI 'sip: a'"),
        (["ping", "tel:+123"], "want a SIP URI"),
        (["register", "sip:example.com"], "whom to register?"),
        (["register", "sip:a@b", "--user", "secret"], "--user: want NAME:PASSWORD"),
        (["register", "sip:a@b", "--expires", "-1"], "--expires"),
        (["register", "sip:a@b", "--expires", "1.5"], "--expires: want a whole number, not '1.5'"),
        (["register", "sip:a@b", "a:secret"], "1 argument too many"),
        (["register", "sip:a@b", "a:secret", "b:secret"], "2 arguments too many"),
        (["register", "sip:a@b", "--user", "a\r\nb:secret"], r"--user: not a user name: 'a\r\nb'"),
        (
            ["register", "sip:a@b", "--user", "a:secret\n"],
            "--user: want a password without control",
        ),
        (["register", "sip:a@b", "--usr=a:secret"], "Unknown option: --usr."),
        (["register", "sip:a@b", "-ua:secret"], "Unknown option: -u."),
        (["--user=a:secret", "register", "sip:a@b"], "--user: want the command first: "),
        (["--user", "a:secret", "register", "sip:a@b"], "--user: want the command first: "),
        (["a:secret", "register", "sip:a@b"], 'Unknown command "a".'),
        (["register", "sip:a@b", "--contact", "<x>"], "--contact '<x>'"),
        (["message", "sip:a@b", "hello", "--from", "tel:1"], "--from 'tel:1'"),
        (["message", "sip:a@b", "hello\0there\nyou", "--wait", "-1"], "--wait"),
        (["call", "sip: a"], "URI 'sip: a'"),
        (["call", "sip:a", "--wait", "0"], "--wait: want more than 0 seconds, not 0"),
        (["call", "sip:a", "--for", "-1"], "--for: want 0 seconds or more, not -1"),
        (["call", "sip:a", "--listen", "ws://x"], "ws://x"),
        (["call", "sip:a", "--user", "secret"], "--user: want NAME:PASSWORD"),
        (["answer", "--after", "nan"], "--after: want 0 seconds or more, not nan"),
        (["answer", "--for", "-1"], "--for: want 0 seconds or more, not -1"),
        (["answer", "--reject", "200"], "--reject: want a status of 300 to 699, not 200"),
        (["answer", "--count", "0"], "--count: want 1 or more, not 0"),
        (["answer", "--user", "a:secret"], "want --user and --registrar, or neither"),
        (["decode", "/nowhere/at-all"], "/nowhere/at-all: No such file or directory"),
    ],
)
def test_a_usage_error_is_one_line_that_names_the_place(
    tokens: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(tokens)
    output, errors = capsys.readouterr()

    assert (2, "") == (status, output)
    assert errors.startswith("trio-sip: ")
    assert line in errors
    assert 1 == errors.count("\n")
    assert "secret" not in errors


def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["--help"])
    assert 0 == main(["--version"])

    output, errors = capsys.readouterr()
    assert "" == errors
    for command in _COMMANDS:
        assert f"│ {command} " in output
    assert output.rstrip().rpartition("\n")[2].startswith("trio-sip 0.")


def test_ctrl_c_while_the_program_is_still_being_loaded_is_130_without_words() -> None:
    code = """
import sys

class Interrupts:
    def find_spec(self, name, path=None, target=None):
        if name == "trio":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupts())
from trio_sip.cli import main
sys.exit(main([]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (130, "", "") == (done.returncode, done.stdout, done.stderr)


def test_ctrl_c_ends_a_probe_with_130_and_no_words() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(20)
        with subprocess.Popen(
            [*COMMAND, "ping", f"127.0.0.1:{silent.getsockname()[1]}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            silent.recv(65536)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=20)

    assert (130, "", "") == (process.returncode, output, errors)


def test_a_reader_that_has_seen_enough_is_no_error_message() -> None:
    with subprocess.Popen(
        [*COMMAND, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()

    assert (1, b"") == (process.returncode, errors)


def run_shell(command: str) -> Outcome:
    """Run a line of shell in which "$@" is the program."""
    done = subprocess.run(
        ["/bin/sh", "-c", command, "sh", *COMMAND],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("command", ["--version", "demo"])
def test_output_that_cannot_be_written_is_one_line(command: str) -> None:
    outcome = run_shell(f'"$@" {command} >/dev/full')

    assert (2, "") == outcome[:2]
    assert outcome.errors.startswith("trio-sip: ")
    assert outcome.errors.endswith("No space left on device\n")
    assert 1 == outcome.errors.count("\n")


def test_a_standard_stream_that_is_closed_is_an_empty_one() -> None:
    assert (0, "", "") == run_shell('"$@" --version >&-')
    assert (0, "", "") == run_shell('"$@" demo >&- 2>&-')

    status, output, errors = run_shell('"$@" decode - <&-')
    assert (1, "") == (status, errors)
    assert "" != output


def test_the_module_is_the_command() -> None:
    outcome = run_program("decode", "/nowhere")

    assert (2, "", "trio-sip: /nowhere: No such file or directory\n") == outcome


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("x"), ExitStatus.USAGE),
        (LocalProtocolError("x"), ExitStatus.USAGE),
        (OSError("x"), ExitStatus.USAGE),
        (CommandFailed("x"), ExitStatus.FAILED),
        (NoRoute("x"), ExitStatus.FAILED),
    ],
)
def test_who_is_to_blame_decides_the_status(error: Exception, status: ExitStatus) -> None:
    assert (status, "x") == describe(error)


def test_an_error_line_shows_no_password_and_moves_no_cursor() -> None:
    assert (ExitStatus.FAILED, r"sip:a:…@b\x1b[2J c") == describe(
        CommandFailed("sip:a:secret@b\x1b[2J\nc")
    )


def test_a_bug_of_ours_is_not_explained_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe(ZeroDivisionError()) is None
    assert _tell(ZeroDivisionError()) is None
    assert _tell(ModuleNotFoundError(name="trio_sip.nonsense")) is None
    assert ("", "") == capsys.readouterr()


def test_too_slow_is_a_failure() -> None:
    assert (ExitStatus.FAILED, "took too long") == describe(trio.TooSlowError())


def test_ctrl_c_comes_before_everything_else_in_a_group() -> None:
    interrupt = KeyboardInterrupt()
    group = BaseExceptionGroup(
        "", [OSError("x"), BaseExceptionGroup("", [interrupt, ZeroDivisionError()])]
    )

    assert leaf_of(group) is interrupt
    assert (ExitStatus.INTERRUPTED, "") == describe(interrupt)


def test_a_bug_in_a_group_comes_before_what_can_be_explained() -> None:
    bug = ZeroDivisionError()

    assert leaf_of(ExceptionGroup("", [OSError("x"), bug])) is bug


async def test_a_cancelled_task_beside_an_error_is_only_its_echo() -> None:
    error = UsageError("x")
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as echo:
            found = leaf_of(BaseExceptionGroup("", [echo, error]))
            raise

    assert found is error


def test_text_from_elsewhere_cannot_reach_the_terminal() -> None:
    assert r"a\x1b]0;b\x07\u202ec\udc80" == printable("a\x1b]0;b\x07\u202ec\udc80")
    assert "a b c" == one_line("a\r\n b\tc")
    assert "to sip:a:…@b and sips:c@d" == without_password("to sip:a:x:y@b and sips:c@d")
