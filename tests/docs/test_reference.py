from __future__ import annotations

import ast
import importlib
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

from .pages import PAGES, ROOT, blocks_of

PACKAGES = sorted(
    f"trio_sip.{init.parent.name}"
    for init in (ROOT / "trio_sip").glob("*/__init__.py")
    if init.parent.name != "cli"
)
USED = [f"trio_sip.{name}" for name in ("ua", "session", "sdp", "subscription", "registration")]
"""Packages whose every class and function is in a program of some page."""

REFERENCE = ROOT / "docs" / "reference"
PAGE_MAP = REFERENCE / "page-map.md"

# ``.. autoclass:: Name()``, and ``.. py:data:: NAME`` with more names on the lines below.
_ENTRY = re.compile(
    r"^\.\. (?:auto(?!module)|py:)[a-z]+:: +(\w+)(?:\(\))?((?:\n {13}\w+)*)$", re.MULTILINE
)
_ROW = re.compile(r"^\| (?P<item>.+?) \| (?P<here>.+?) \|(?P<differs>.*?)\| `(?P<test>\S+)` \|$")
_NAME = re.compile(r"`([\w.]+)`")


def _entries(page: Path) -> list[str]:
    return [
        name
        for first, more in _ENTRY.findall(page.read_text("utf-8"))
        for name in (first, *more.split())
    ]


def _rows() -> list[re.Match[str]]:
    lines = PAGE_MAP.read_text("utf-8").splitlines()
    return [match for match in map(_ROW.match, lines) if match is not None]


@cache
def _used_names() -> frozenset[str]:
    """Every name in the programs of the pages, which `test_pages` runs."""
    programs = [
        ast.parse(block.text)
        for page in PAGES
        for block in blocks_of(page)
        if block.language == "python"
    ]
    nodes = [node for program in programs for node in ast.walk(program)]
    return frozenset(
        [node.id for node in nodes if isinstance(node, ast.Name)]
        + [node.attr for node in nodes if isinstance(node, ast.Attribute)]
    )


@cache
def _functions(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, functions))


def _exists(name: str) -> bool:
    head, *rest = name.removeprefix("trio_sip.").split(".")
    found: object = None
    for package in ["trio_sip", *PACKAGES]:
        module = importlib.import_module(package)
        if package == f"trio_sip.{head}" or hasattr(module, head):
            found = getattr(module, head, module)
            break
    for part in rest:
        if part in getattr(found, "__annotations__", {}):
            return True
        found = getattr(found, part, None)
    return found is not None


@pytest.mark.parametrize("package", PACKAGES)
def test_the_reference_has_everything_public_and_nothing_else(package: str) -> None:
    public = importlib.import_module(package).__all__
    entries = _entries(REFERENCE / f"{package.removeprefix('trio_sip.')}.rst")

    assert sorted(public) == sorted(entries)


@pytest.mark.parametrize("package", USED)
def test_everything_public_is_used_in_an_example_that_runs(package: str) -> None:
    module = importlib.import_module(package)
    classes_and_functions = {
        name
        for name in module.__all__
        if inspect.isclass(it := getattr(module, name)) or inspect.isfunction(it)
    }

    assert set() == classes_and_functions - _used_names()


def test_the_reference_has_every_error() -> None:
    errors = importlib.import_module("trio_sip._errors").__all__

    assert sorted(errors) == sorted(_entries(REFERENCE / "errors.rst"))


def test_the_short_names_are_all_on_their_page() -> None:
    text = (REFERENCE / "names.rst").read_text("utf-8")
    listed = [name.rpartition(".")[2] for name in re.findall(r":py:obj:`~([\w.]+)`", text)]

    assert sorted(importlib.import_module("trio_sip").__all__) == sorted(listed)


def test_the_page_map_is_read_completely() -> None:
    text = PAGE_MAP.read_text("utf-8")

    assert text.count("::test_") == len(_rows())


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row["item"])
def test_an_item_of_the_design_page_has_a_name_and_a_test(row: re.Match[str]) -> None:
    file, _, test = row["test"].partition("::")
    names = [name for name in _NAME.findall(row["here"]) if not name.startswith("dialog=")]

    assert test in _functions(file)
    assert [] == [name for name in names if not _exists(name)]


def test_every_function_of_the_design_page_is_mapped() -> None:
    mapped = set(re.findall(r"ast_sip_\w+", PAGE_MAP.read_text("utf-8")))

    assert {
        "ast_sip_add_body",
        "ast_sip_add_header",
        "ast_sip_append_body",
        "ast_sip_authenticate_request",
        "ast_sip_authenticator",
        "ast_sip_challenge_request",
        "ast_sip_check_auth_result",
        "ast_sip_check_authentication",
        "ast_sip_create_work",
        "ast_sip_destroy_work",
        "ast_sip_digest_challenge_data",
        "ast_sip_endpoint",
        "ast_sip_endpoint_identifier",
        "ast_sip_get_authentication_credentials",
        "ast_sip_identify_endpoint",
        "ast_sip_push_task",
        "ast_sip_register_authenticator",
        "ast_sip_register_endpoint_identifier",
        "ast_sip_register_service",
        "ast_sip_requires_authentication",
        "ast_sip_send_request",
        "ast_sip_unregister_authenticator",
        "ast_sip_unregister_endpoint_identifier",
        "ast_sip_unregister_service",
        "ast_sip_work",
    } == mapped


def test_every_test_that_a_page_names_is_a_file() -> None:
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    named = {
        one for page in pages for one in re.findall(r"tests/[a-z_/0-9]+\.py", page.read_text())
    }

    assert [] == [one for one in sorted(named) if not (ROOT / one).is_file()]


def test_the_reference_has_every_fixture_option_and_misbehaviour() -> None:
    from trio_sip.testing import MISBEHAVIOURS, PROFILES, _pytest_plugin

    text = (REFERENCE / "testing.rst").read_text("utf-8")
    source = Path(_pytest_plugin.__file__).read_text("utf-8")
    fixtures = re.findall(r"fixture\n(?:async )?def ([a-z]\w+)", source)
    options = re.findall(r'"(--sip-\w+)"', source)

    assert len(fixtures) > 7
    assert len(options) > 4
    wanted = {*fixtures, *MISBEHAVIOURS, *PROFILES}
    assert set() == {name for name in wanted if f"``{name}``" not in text}
    assert set() == {name for name in options if f"``{name}" not in text}


def test_the_reference_has_every_strategy() -> None:
    public = importlib.import_module("trio_sip.testing.strategies").__all__

    assert sorted(public) == sorted(_entries(REFERENCE / "strategies.rst"))
