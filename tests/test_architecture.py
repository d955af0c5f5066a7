"""The architecture is tested like everything else."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "trio_sip"
MODULES = sorted(PACKAGE.rglob("*.py"))

_OPTIONAL = {
    "cryptography",
    "dns",
    "wsproto",
    "cyclopts",
    "rich",
    "cattrs",
    "pytest",
    "hypothesis",
    "sphinx",
}
_FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}
_OWN_WORLD = re.compile(
    r"MemoryNetwork\.open\(|MemoryNetwork\(|autojump_clock|mock_clock|MockClock"
)
_MAY_MAKE_A_WORLD = {
    "testing": "the network and the fixtures are what is tested",
    "transport": "the network is what is tested",
    "work": "there is no network, only time",
    "conversations/test_conversations.py": "the same seed must tell the same story twice",
    "conversations/test_determinism.py": "the same seed must tell the same story three times",
    "test_architecture.py": "it says what nobody else may",
}
"""Tests that make networks and clocks of their own, and why."""

_LONGEST_FUNCTION = 60
_LONGEST_MODULE = 400


def run(*code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, *code], check=False, cwd=ROOT, capture_output=True, text=True
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout


def imported(*names: str) -> set[str]:
    """The top-level modules that importing *names* brings in."""
    code = f"import sys, {', '.join(names)}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    return set(run("-c", code).split())


def test_the_layers_hold() -> None:
    pytest.importorskip("importlinter")
    code = (
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    )

    output = run("-c", f"import sys; sys.path.insert(0, '.'); {code}")

    assert "0 broken" in output


def test_the_core_needs_none_of_the_extras() -> None:
    packages = ("trio_sip", "trio_sip.stack", "trio_sip.services", "trio_sip.testing")

    assert set() == imported(*packages) & _OPTIONAL


def test_packages_are_public_and_modules_are_private() -> None:
    public = [path for path in MODULES if not path.stem.startswith("_")]

    # Modules of tests have the names that pytest looks for.
    assert [] == [str(path.relative_to(ROOT)) for path in public if path.parent.name != "suite"]


def test_every_package_has_a_docstring_and_a_sorted_all() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                # Constants, then types, then functions: as the linter sorts them.
                kinds = [(not name.isupper(), not name[0].isupper(), name) for name in names]
                assert sorted(set(kinds)) == kinds, path


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    assert [] == [str(path) for path in MODULES if path.stem.strip("_") in _FORBIDDEN_NAMES]


def test_modules_and_functions_stay_small() -> None:
    too_long = []
    for path in MODULES:
        text = path.read_text()
        count = sum(1 for line in text.splitlines() if line.strip())
        if count > _LONGEST_MODULE:
            too_long.append(f"{path.relative_to(ROOT)}: {count} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                docstring = (ast.get_docstring(node, clean=False) or "").count("\n")
                lines = (node.end_lineno or 0) - node.lineno + 1 - docstring
                if lines > _LONGEST_FUNCTION:
                    too_long.append(f"{path.relative_to(ROOT)}: {node.name} has {lines} lines")

    assert [] == too_long


def test_conversations_take_place_in_the_world_of_the_public_fixtures() -> None:
    tests = ROOT / "tests"
    excused = {tests / name for name in _MAY_MAKE_A_WORLD}
    makers = {path for path in tests.rglob("*.py") if _OWN_WORLD.search(path.read_text("utf-8"))}

    assert [] == sorted(path for path in makers if excused.isdisjoint({path, *path.parents}))
    # Nobody is excused who has no need of it.
    assert [] == sorted(
        one for one in excused if not any({path, *path.parents} & {one} for path in makers)
    )
