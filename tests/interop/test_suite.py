"""The suite that is aimed at others, aimed at programs that run: of ours and of others.

All of them at once, as most of it is waiting.  What a program does otherwise than the RFCs say is
written in tests/data/other_systems.toml: it fails those tests and no others.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from tools.other_systems import TARGETS, failures

from .baresip import open_baresip
from .linphone import open_linphone
from .peers import BOTH, PATIENCE, SANE, find_peer, free_port
from .running import open_program

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parent.parent.parent
_LIMIT = 170


@attrs.frozen
class Aimed:
    """A run of the suite that goes on."""

    process: subprocess.Popen[bytes]
    report: Path

    def outcomes(self) -> dict[str, str | None]:
        """What each test came to: ``None`` if it passed, ``skipped``, or the text of its failure."""
        assert self.process.wait(_LIMIT) in (0, 1)
        found: dict[str, str | None] = {}
        for case in ET.parse(self.report).iter("testcase"):
            failure, skipped = case.find("failure"), case.find("skipped")
            text = None if failure is None else f"{failure.get('message')}\n{failure.text}"
            found[case.attrib["name"]] = "skipped" if skipped is not None else text
        return found


@contextlib.contextmanager
def _ours(folder: Path, *words: str) -> Iterator[str]:
    folder.mkdir()
    command = [sys.executable, "-m", "trio_sip", *words, *BOTH]
    with open_program(command, folder, PYTHONPATH=str(ROOT)) as running:
        yield running.wait_for("udp://").partition("udp://")[2]


@contextlib.contextmanager
def _sipp(folder: Path) -> Iterator[str]:
    folder.mkdir()
    port = free_port()
    words = ["-sn", "uas", "-i", "127.0.0.1", "-p", port, "-nostdin", "-skip_rlimit"]
    # It writes statistics from the moment on in which its sockets are bound.
    words += ["-trace_stat", "-stf", "statistics.csv"]
    with open_program([find_peer("sipp"), *words], folder) as running:
        until = time.monotonic() + PATIENCE
        while not (folder / "statistics.csv").exists():
            assert running.process.poll() is None, "it has ended"
            assert time.monotonic() < until, "it takes too long"
            time.sleep(0.02)
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def _baresip(folder: Path, answers: str) -> Iterator[str]:
    with open_baresip(folder, f";regint=0;answermode={answers}", lives=_LIMIT) as phone:
        yield phone.address


@contextlib.contextmanager
def _linphone(folder: Path) -> Iterator[str]:
    with open_linphone(folder) as phone:
        yield phone.address


_Opening = Callable[[Path], contextlib.AbstractContextManager[str]]

_OPENINGS: Mapping[str, _Opening] = {
    "trio-sip answer": lambda folder: _ours(folder, "answer", "--after", "0.1"),
    "trio-sip serve": lambda folder: _ours(folder, "serve", "--user", "alice:wonderland"),
    "SIPp": _sipp,
    "baresip": lambda folder: _baresip(folder, "auto"),
    "baresip, ringing": lambda folder: _baresip(folder, "manual"),
    "linphone": _linphone,
}


@contextlib.contextmanager
def _aimed(name: str, folder: Path) -> Iterator[Aimed]:
    """The program, and the suite that is aimed at it."""
    report = folder / "report.xml"
    with _OPENINGS[name](folder / "home") as address:
        command = [
            sys.executable, "-m", "pytest", "--pyargs", "trio_sip.testing.suite", "-q",
            "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=short", f"--junitxml={report}",
            f"--sip-target=udp:{address}", *TARGETS[name].options,
        ]  # fmt: skip
        with (folder / "screen.txt").open("wb") as screen:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=screen,
                stderr=subprocess.STDOUT,
                env={**SANE, "PYTHONPATH": str(ROOT)},
            )
        try:
            yield Aimed(process, report)
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def aimed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Aimed]]:
    """All of them, at the same time."""
    with contextlib.ExitStack() as stack:
        folders = {name: tmp_path_factory.mktemp("suite") for name in TARGETS}
        yield {name: stack.enter_context(_aimed(name, folders[name])) for name in TARGETS}


@pytest.mark.timeout(_LIMIT + 60)
@pytest.mark.parametrize("name", TARGETS)
def test_it_fails_what_is_known_and_nothing_else(aimed: dict[str, Aimed], name: str) -> None:
    outcomes = aimed[name].outcomes()
    failed = {test: text for test, text in outcomes.items() if text not in (None, "skipped")}
    known = {one.test: one for one in failures() if one.system == name}

    assert {} == {test: text for test, text in failed.items() if test not in known}
    # What it does not answer today, the suite skips.
    assert [] == [test for test in known if outcomes[test] is None]
    assert [] == [
        test for test, text in failed.items() if not re.search(known[test].seen, text or "")
    ]
    assert list(outcomes.values()).count(None) >= TARGETS[name].passes
