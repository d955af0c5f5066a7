"""SIPp: a scenario, what goes into it, and what came of it.

And the other program that runs scenarios, ours, behind the same words.
"""

from __future__ import annotations

import contextlib
import csv
import enum
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from .peers import PATIENCE, SANE, find_peer, free_port

SCENARIOS = Path(__file__).parent / "scenarios"

BUILT_IN = frozenset(
    {"uac", "uas", "regexp", "branchc", "branchs", "3pcc-A", "3pcc-B", "3pcc-C-A", "3pcc-C-B"}
)
"""The scenarios of calls that SIPp brings along."""

# Retransmissions are counted, so nothing may be lost in a socket's buffer; and a program that
# was forgotten ends by itself, as a failure.
_ALWAYS = (
    "-i", "127.0.0.1", "-nostdin", "-skip_rlimit", "-buff_size", "4194304", "-max_socket", "1000",
    "-timeout", "25", "-timeout_error", "-trace_err", "-error_file", "errors.log",
    "-trace_stat", "-stf", "statistics.csv", "-trace_logs", "-log_file", "log.txt",
)  # fmt: skip


# What our program calls the options of SIPp that have a value of the same kind.
_OURS = {
    "-3pcc": "--twin",
    "-base_cseq": "--first-cseq",
    "-inf": "--rows",
    "-l": "--limit",
    "-m": "--calls",
    "-max_retrans": "--repetitions",
    "-oocsf": "--out-of-call",
    "-r": "--rate",
    "-s": "--service",
    "-users": "--users",
}
_MILLISECONDS = {
    "-T2": "--longest-interval", "-d": "--pause", "-recv_timeout": "--receive-timeout",
}  # fmt: skip
_FLAGS = {
    "-aa": ["--answer-automatically"],
    "-bind_local": [],
    "-nd": ["--no-defaults"],
    "-nr": ["--no-retransmissions"],
}
_TRANSPORTS = {"u1": "udp", "un": "udp-per-call", "t1": "tcp", "tn": "tcp-per-call"}
# Counters that say what has happened; the others say when.  Not what came for calls that had ended:
# SIPp says BYE to calls that never began.
_COUNTED = re.compile(
    r"(Failed\w+|IncomingCall|OutgoingCall|SuccessfulCall|OutOfCallMsgs"
    r"|Retransmissions|AutoAnswered)\(C\)"
)
_SUMMARY = re.compile(r"(\d+) successful, (\d+) failed, (\d+) retransmissions")


class Runner(enum.Enum):
    """What runs a scenario."""

    SIPP = "sipp"
    OURS = "trio-sip sipp"


@attrs.frozen(kw_only=True)
class Calls:
    """How it went.  What SIPp calls a call is one run through the scenario."""

    status: int
    """The exit status: 0 if all calls succeeded."""

    succeeded: int
    failed: int
    retransmissions: int
    errors: str = ""
    """What it has to complain of."""

    counters: dict[str, int] = attrs.field(factory=dict, eq=False)
    """SIPp's counters of what has happened, those that are 0 left out."""

    @property
    def verdict(self) -> tuple[int, dict[str, int]]:
        """What any runner must agree with."""
        return self.status, self.counters

    @classmethod
    def all_well(cls, count: int) -> Calls:
        """What one wants to see."""
        return cls(status=0, succeeded=count, failed=0, retransmissions=0)


@attrs.define(eq=False)
class Sipp:
    """A SIPp that runs."""

    process: subprocess.Popen[bytes]
    folder: Path

    def wait(self) -> Calls:
        """How it went, when it has ended by itself."""
        status = self.process.wait(PATIENCE)
        last = self._last()
        errors = self.folder / "errors.log"
        return Calls(
            status=status,
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
            errors=errors.read_text(errors="replace") if errors.exists() else "",
            counters=_counted(last),
        )

    def _last(self) -> dict[str, str]:
        with (self.folder / "statistics.csv").open(newline="") as file:
            return list(csv.DictReader(file, delimiter=";"))[-1]

    def logged(self) -> dict[str, str]:
        """What the scenario logged: lines like ``user;what``."""
        path = self.folder / "log.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        pairs = (line.partition(";") for line in lines if line)
        return {user.strip(): what.strip() for user, _, what in pairs}

    def wait_until_logged(self, count: int) -> None:
        """Return when the scenario has logged so much."""
        self._wait_until(lambda: len(self.logged()) == count)

    def wait_until_open(self) -> None:
        """Return when its sockets are bound: it writes statistics from then on."""
        self._wait_until((self.folder / "statistics.csv").exists)

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE
        while not is_so():
            assert self.process.poll() is None, "SIPp has ended"
            assert time.monotonic() < until, "SIPp takes too long"
            time.sleep(0.02)


class Ours(Sipp):
    """A ``trio-sip sipp`` that runs."""

    def wait(self) -> Calls:
        status = self.process.wait(PATIENCE)
        found = _SUMMARY.search(self._screen())
        assert found is not None, self._screen()
        succeeded, failed, retransmissions = map(int, found.groups())
        return Calls(
            status=status,
            succeeded=succeeded,
            failed=failed,
            retransmissions=retransmissions,
            errors="".join(re.findall(r"^trio-sip: .*\n", self._screen(), re.MULTILINE)),
            counters=_counted(self._last()),
        )

    def logged(self) -> dict[str, str]:
        pairs = (line.partition(";") for line in self._screen().splitlines() if ";" in line)
        return {user.strip(): what.strip() for user, _, what in pairs}

    def wait_until_open(self) -> None:
        self._wait_until(lambda: "listening on " in self._screen())

    def _screen(self) -> str:
        return (self.folder / "screen.txt").read_text(errors="replace")


def _counted(row: dict[str, str]) -> dict[str, int]:
    found = {name: _COUNTED.fullmatch(name) for name in row if name}
    return {
        match[1]: int(row[name])
        for name, match in found.items()
        if match is not None and row[name] != "0"
    }


def scenario_file(name: str, folder: Path) -> Path:
    """A scenario of ours, or one of its own, which it is asked for."""
    if name not in BUILT_IN:
        return SCENARIOS / f"{name}.xml"
    done = subprocess.run([find_peer("sipp"), "-sd", name], capture_output=True, check=False)
    path = folder / f"{name}.xml"
    path.write_bytes(done.stdout)
    return path


def _command(runner: Runner, folder: Path, scenario: str, arguments: Sequence[str]) -> list[str]:
    if runner is Runner.SIPP:
        own = scenario in BUILT_IN
        chosen = ["-sn", scenario] if own else ["-sf", str(scenario_file(scenario, folder))]
        return [find_peer("sipp"), *arguments, *_ALWAYS, *chosen]
    command = [sys.executable, "-m", "trio_sip", "sipp", str(scenario_file(scenario, folder))]
    words = iter(arguments)
    for word in words:
        match word:
            case "-p":
                command += ["--local", f"127.0.0.1:{next(words)}"]
            case "-key":
                command += ["--key", f"{next(words)}={next(words)}"]
            case "-set":
                command += ["--set-variable", f"{next(words)}={next(words)}"]
            case "-infindex":
                command += ["--index", f"{next(words)}={next(words)}"]
            case "-t":
                command += ["--transport", _TRANSPORTS[next(words)]]
            case _ if word in _MILLISECONDS:
                command += [_MILLISECONDS[word], str(int(next(words)) / 1000)]
            case _ if word in _FLAGS:
                command += _FLAGS[word]
            case _:
                command.append(_OURS.get(word, word))
    kept = ["--announce", "--ladder", "--wait", "25", "--statistics", "statistics.csv"]
    return [*command, *kept]


@contextlib.contextmanager
def open_sipp(
    folder: Path, scenario: str, *arguments: str, runner: Runner = Runner.SIPP
) -> Iterator[Sipp]:
    """SIPp with a scenario of ours or its own, in a new folder for whatever it writes."""
    folder.mkdir()
    with (
        (folder / "screen.txt").open("wb") as screen,
        subprocess.Popen(
            _command(runner, folder, scenario, arguments),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=subprocess.STDOUT,
            env=SANE,
        ) as process,
    ):
        try:
            yield (Sipp if runner is Runner.SIPP else Ours)(process, folder)
        finally:
            process.kill()


@contextlib.contextmanager
def open_answering(
    folder: Path,
    scenario: str,
    *arguments: str,
    transport: str = "udp",
    calls: int = 1,
    runner: Runner = Runner.SIPP,
) -> Iterator[tuple[Sipp, str]]:
    """SIPp that waits for calls, and the ``host:port`` at which it does."""
    port = free_port()
    mode = {"udp": "u1", "tcp": "t1"}.get(transport, transport)
    where = ("-t", mode, "-p", port, "-bind_local", "-m", str(calls))
    with open_sipp(folder, scenario, *where, *arguments, runner=runner) as sipp:
        sipp.wait_until_open()
        yield sipp, f"127.0.0.1:{port}"


@contextlib.contextmanager
def open_calling(
    folder: Path,
    scenario: str,
    address: str,
    rows: Sequence[str],
    *arguments: str,
    runner: Runner = Runner.SIPP,
) -> Iterator[Sipp]:
    """SIPp that goes through a scenario once for each row, 500 times a second.

    Args:
        folder: does not exist yet; SIPp writes there.
        rows: the fields of each call, separated by semicolons.
    """
    table = folder.with_suffix(".csv")
    table.write_text("\n".join(["SEQUENTIAL", *rows, ""]))
    pace = ("-p", free_port(), "-m", str(len(rows)), "-r", "500")
    options = ("-inf", str(table), *pace, *arguments)
    with open_sipp(folder, scenario, address, *options, runner=runner) as sipp:
        yield sipp


def call(
    folder: Path,
    scenario: str,
    address: str,
    rows: Sequence[str],
    *arguments: str,
    runner: Runner = Runner.SIPP,
) -> Calls:
    """All that from its beginning to its end."""
    with open_calling(folder, scenario, address, rows, *arguments, runner=runner) as sipp:
        return sipp.wait()
