"""The names that ``import trio_sip`` gives."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import trio_sip

_NAMES = Path(trio_sip.__file__).with_name("_names.py")
_HEAVY = [
    "cattrs",
    "coverage",
    "cryptography",
    "cyclopts",
    "dns",
    "hypothesis",
    "pytest",
    "rich",
    "wsproto",
]


def test_every_name_is_public_in_its_package() -> None:
    for node in ast.parse(_NAMES.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            home = importlib.import_module(f"trio_sip.{node.module}")

            assert set() == {alias.name for alias in node.names} - set(home.__all__)


def test_every_name_that_is_imported_is_public() -> None:
    imported = [
        alias.name
        for node in ast.parse(_NAMES.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    ]

    assert sorted(imported) == sorted(trio_sip.__all__)


def test_importing_it_loads_nothing_of_the_extras() -> None:
    code = f"import sys, trio_sip; print([one for one in {_HEAVY!r} if one in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == shown.stdout.strip()


def test_a_pure_package_can_be_had_without_the_rest() -> None:
    code = (
        "import sys, trio_sip, trio_sip.message;"
        "print([one for one in ('trio', 'h11', 'trio_sip.stack') if one in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == shown.stdout.strip()


def test_names_come_when_they_are_asked_for() -> None:
    code = (
        "import trio_sip; assert 'open_stack' in dir(trio_sip);"
        "from trio_sip import *; print(open_stack is trio_sip.open_stack, trio_sip.stack.__name__)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "True trio_sip.stack" == shown.stdout.strip()


def test_what_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(trio_sip, "nonsense")
    assert not hasattr(trio_sip, "_nonsense")
