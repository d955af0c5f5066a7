"""Pages whose programs are tests: they are run by pytest, and fail where the page says so."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import trio_sip.testing
from tests.conftest import PLUGIN

from .pages import PYTEST_PAGES, ROOT, pytest_blocks_of

_FAILS = re.compile(r"^<!-- fails: (\w+) -->$", re.MULTILINE)

# See tests/testing/test_plugin.py.
for _found in pkgutil.iter_modules(trio_sip.testing.__path__, "trio_sip.testing."):
    importlib.import_module(_found.name)
importlib.import_module("trio_sip._names")


@pytest.mark.parametrize("page", PYTEST_PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_pytest_blocks_of_a_page_do_what_it_says(page: Path, pytester: pytest.Pytester) -> None:
    blocks = pytest_blocks_of(page)
    program = "\n\n".join(block.text for block in blocks if block.language == "python")
    fails = set(_FAILS.findall(page.read_text("utf-8")))
    pytester.makeini("[pytest]\nfilterwarnings = error")
    pytester.makepyfile(test_page=program)
    loaded = [word for name in PLUGIN for word in ("-p", name)]

    options = [
        "-p",
        "no:randomly",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:cov",
        "-rf",
        "--log-level=ERROR",
    ]
    result = pytester.runpytest_inprocess(*options, *loaded)

    failed = [line for line in result.stdout.lines if line.startswith("FAILED ")]
    assert fails == {line.split("::")[1].split(" ")[0] for line in failed}
    assert "errors" not in result.parseoutcomes()
    shown = [line.rstrip() for line in result.stdout.lines]
    for block in blocks:
        if block.language == "text":
            assert block.text.rstrip() in "\n".join(shown)
