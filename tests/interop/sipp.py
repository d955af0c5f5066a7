"""SIPp: a scenario, what goes into it, and what came of it."""

from __future__ import annotations

import contextlib
import csv
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from .peers import PATIENCE, SANE, find_peer, free_port

SCENARIOS = Path(__file__).parent / "scenarios"

BUILT_IN = frozenset({"uac", "uas", "regexp", "branchc", "branchs"})
"""The scenarios of calls that SIPp brings along."""

# Retransmissions are counted, so nothing may be lost in a socket's buffer; and a program that
# was forgotten ends by itself, as a failure.
_ALWAYS = (
    "-i", "127.0.0.1", "-nostdin", "-skip_rlimit", "-buff_size", "4194304", "-max_socket", "1000",
    "-timeout", "25", "-timeout_error", "-trace_err", "-error_file", "errors.log",
    "-trace_stat", "-stf", "statistics.csv", "-trace_logs", "-log_file", "log.txt",
)  # fmt: skip


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
        statistics = self.folder / "statistics.csv"
        with statistics.open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
        errors = self.folder / "errors.log"
        return Calls(
            status=status,
            succeeded=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            retransmissions=int(last["Retransmissions(C)"]),
            errors=errors.read_text(errors="replace") if errors.exists() else "",
        )

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


@contextlib.contextmanager
def open_sipp(folder: Path, scenario: str, *arguments: str) -> Iterator[Sipp]:
    """SIPp with a scenario of ours or its own, in a new folder for whatever it writes."""
    program = find_peer("sipp")
    folder.mkdir()
    chosen = ["-sn", scenario]
    if scenario not in BUILT_IN:
        chosen = ["-sf", str(SCENARIOS / f"{scenario}.xml")]
    with (
        (folder / "screen.txt").open("wb") as screen,
        subprocess.Popen(
            [program, *arguments, *_ALWAYS, *chosen],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=screen,
            stderr=subprocess.STDOUT,
            env=SANE,
        ) as process,
    ):
        try:
            yield Sipp(process, folder)
        finally:
            process.kill()


@contextlib.contextmanager
def open_answering(
    folder: Path, scenario: str, *arguments: str, transport: str = "udp", calls: int = 1
) -> Iterator[tuple[Sipp, str]]:
    """SIPp that waits for calls, and the ``host:port`` at which it does."""
    port = free_port()
    mode = {"udp": "u1", "tcp": "t1"}[transport]
    where = ("-t", mode, "-p", port, "-bind_local", "-m", str(calls))
    with open_sipp(folder, scenario, *where, *arguments) as sipp:
        sipp.wait_until_open()
        yield sipp, f"127.0.0.1:{port}"


@contextlib.contextmanager
def open_calling(
    folder: Path, scenario: str, address: str, rows: Sequence[str], *arguments: str
) -> Iterator[Sipp]:
    """SIPp that goes through a scenario once for each row, 500 times a second.

    Args:
        folder: does not exist yet; SIPp writes there.
        rows: the fields of each call, separated by semicolons.
    """
    table = folder.with_suffix(".csv")
    table.write_text("\n".join(["SEQUENTIAL", *rows, ""]))
    pace = ("-p", free_port(), "-m", str(len(rows)), "-r", "500")
    with open_sipp(folder, scenario, address, "-inf", str(table), *pace, *arguments) as sipp:
        yield sipp


def call(folder: Path, scenario: str, address: str, rows: Sequence[str], *arguments: str) -> Calls:
    """All that from its beginning to its end."""
    with open_calling(folder, scenario, address, rows, *arguments) as sipp:
        return sipp.wait()
