"""The names that ``import trio_sip`` gives."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import trio_sip

_INIT = Path(trio_sip.__file__).with_name("_names.py")
_HEAVY = ["cattrs", "coverage", "cyclopts", "dns", "hypothesis", "pytest", "rich", "wsproto"]


def test_every_name_is_public_in_its_package() -> None:
    for node in ast.parse(_INIT.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            home = importlib.import_module(f"trio_sip.{node.module}")

            assert set() == {alias.name for alias in node.names} - set(home.__all__)


def test_every_name_that_is_imported_is_public() -> None:
    imported = [
        alias.name
        for node in ast.parse(_INIT.read_text("utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
    ]

    assert sorted(imported) == sorted(trio_sip.__all__)


def test_importing_it_loads_nothing_of_the_extras() -> None:
    code = f"import sys, trio_sip; print([one for one in {_HEAVY!r} if one in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]" == shown.stdout.strip()
