"""Put each defect into a copy, run the tests there, and see whether `explain` names it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from .table import DEFECTS, Defect

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "explanation" / "what-the-suite-finds.md"
_COPIED = ("trio_sip", "tests", "tools", "docs", "pyproject.toml", "README.md")
_STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("the suite", ("trio_sip/testing/suite",)),
    ("conversations", ("tests/ua", "tests/conversations")),
)
_LONGEST = 240.0
_FAILED = re.compile(r"^FAILED \S+::(\S+)", re.MULTILINE)
_HEAD = """\
# What the suite finds

<!-- The table is written by `python -m tools.defects --page`. -->

A test suite is as good as the defects it finds.
`python -m tools.defects` makes a copy of the package, puts one defect into it, and runs there
[the suite that one aims at a system](../howto/aim-the-suite.md) and then, if that has seen nothing,
the conversations of `tests/ua` and `tests/conversations`; no test of a single part.
Besides, it lets the copy take part in a short scene with a scripted peer, and asks
`trio_sip.testing.explain` what was the matter.

"""


@attrs.frozen
class Verdict:
    """What became of a defect."""

    defect: Defect
    found_by: str
    """The stage and the test; empty if nobody has found it."""

    named: str
    """The sentence of `explain`; empty if it has not seen the cause."""


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="defects-") as folder:
        place = Path(folder)
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, place / name)
            else:
                shutil.copy(source, place / name)
        yield place


@contextmanager
def _with(defect: Defect, place: Path) -> Iterator[None]:
    path = place / "trio_sip" / defect.file
    good = path.read_text(encoding="utf-8")
    if good.count(defect.old) != 1:
        raise SystemExit(
            f"{defect.name}: {defect.file} has its text {good.count(defect.old)} times"
        )
    try:
        _write(path, good.replace(defect.old, defect.new))
        yield
    finally:
        _write(path, good)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    # What was compiled is told apart by its size and its second only.
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink()


def _run(place: Path, *arguments: str) -> tuple[int, str]:
    try:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=place,
            env={**os.environ, "PYTHONPATH": str(place), "CI": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=_LONGEST,
        )
    except subprocess.TimeoutExpired:
        return 1, "FAILED ::hangs"
    return done.returncode, done.stdout


def _found_by(place: Path) -> str:
    for stage, paths in _STAGES:
        options = ("-x", "-q", "--tb=no", "-p", "no:randomly", "-p", "no:cacheprovider")
        status, said = _run(place, "pytest", *paths, *options)
        if status != 0:
            failed = _FAILED.search(said)
            return f"{stage}: `{failed[1] if failed else 'an error'}`"
    return ""


def _named(place: Path, defect: Defect) -> str:
    _, said = _run(place, "tools.defects.scenes", defect.scene)
    for line in said.splitlines():
        rule, _, sentence = line.partition("\t")
        if rule == defect.rule and defect.word in sentence:
            return sentence
    return ""


def _check(place: Path, defects: list[Defect]) -> None:
    """See that `explain` names nothing where nothing is wrong."""
    wrong = [one.name for one in defects if _named(place, one)]
    if wrong:
        raise SystemExit(f"named without being there: {', '.join(wrong)}")


def _verdict(place: Path, defect: Defect) -> Verdict:
    with _with(defect, place):
        return Verdict(defect, _found_by(place), _named(place, defect))


def _table(verdicts: list[Verdict]) -> str:
    found = sum(1 for one in verdicts if one.found_by)
    named = sum(1 for one in verdicts if one.named)
    lines = [
        f"Of {len(verdicts)} defects the tests find {found}, and `explain` names {named}.",
        "",
        "| defect | found by | what `explain` says |",
        "| --- | --- | --- |",
    ]
    for one in verdicts:
        said = one.named.replace("|", "\\|").replace("<", "&lt;") or "–"
        lines.append(f"| {one.defect.name} | {one.found_by or '–'} | {said} |")
    return "\n".join([*lines, ""])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.defects", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a defect; all if left out")
    parser.add_argument("--page", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--explain-only", action="store_true", help="run no tests")
    asked = parser.parse_args(arguments)
    chosen = [one for one in DEFECTS if not asked.names or one.name in asked.names]
    verdicts = []
    with _copy() as place:
        _check(place, chosen)
        for defect in chosen:
            if asked.explain_only:
                with _with(defect, place):
                    verdict = Verdict(defect, "", _named(place, defect))
            else:
                verdict = _verdict(place, defect)
            verdicts.append(verdict)
            print(
                f"{defect.name:28} {verdict.found_by or '-'}\n  {verdict.named or '-'}", flush=True
            )
    print("\n" + _table(verdicts).splitlines()[0])
    if asked.page:
        PAGE.write_text(_HEAD + _table(verdicts), encoding="utf-8")
    return 0 if asked.explain_only or all(one.found_by for one in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
