"""The pytest plugin beside other plugins, and in an environment of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PLUGIN

from .peers import pip

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parent.parent.parent
_TESTS = """
import asyncio
import pytest
import trio
from trio_sip.testing import open_peer_thread

@pytest.mark.parametrize("number", range(8))
async def test_virtual(sip_peer, number):
    await trio.sleep(1000)

@pytest.fixture
async def uri(sip_peer):
    await trio.sleep(1000)
    yield str(sip_peer.uri)

@pytest.fixture
def user(uri):
    return uri.partition("@")[0]

async def test_stack(sip_stack, sip_registrar, sip_peer, uri, user):
    await trio.sleep(1000)
    assert sip_stack.listening != sip_registrar.stack.listening
    assert user == "sip:peer"

def test_sync(sip_peer_thread):
    with open_peer_thread(name="bob") as bob:
        bob.answer_automatically("OPTIONS")
        assert sip_peer_thread.request("OPTIONS", bob.uri).status == 200
"""
_ASYNCIO = """
@pytest.mark.asyncio
async def test_asyncio(sip_peer_thread):
    with open_peer_thread(name="bob") as bob:
        bob.answer_automatically("OPTIONS")
        response = await asyncio.to_thread(sip_peer_thread.request, "OPTIONS", bob.uri)
        assert response.status == 200
"""
_INI = "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with plugins that this environment does not have."""
    folder = tmp_path_factory.mktemp("others")
    pip("--target", str(folder), "--no-deps", "pytest-xdist", "execnet", "pytest-asyncio", "anyio")
    return folder


def outcome(folder: Path, python: str, text: str, *options: str, path: str = "") -> str:
    """The last line of a run of pytest."""
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text(_INI if _ASYNCIO in text else "[pytest]")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip().rpartition("\n")[2].partition(" in ")[0] or done.stderr


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-n", "2"),
        ("-p", "no:trio"),
        ("-o", "asyncio_mode=auto"),
        ("-p", "no:trio", "-o", "asyncio_mode=auto", "--import-mode=importlib"),
    ],
    ids=" ".join,
)
def test_it_gets_along_with_xdist_and_pytest_asyncio_and_anyio(
    others: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    loaded = [word for name in PLUGIN for word in ("-p", name)]
    path = os.pathsep.join([str(ROOT), str(others)])
    result = outcome(tmp_path, sys.executable, _TESTS + _ASYNCIO, *loaded, *options, path=path)

    assert "11 passed" == result


def test_an_environment_with_nothing_but_the_test_extra_will_do(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    pip(f"{ROOT}[test]", python=python)

    assert "10 passed" == outcome(tmp_path, python, _TESTS)
    suite = outcome(tmp_path, python, _TESTS, "--pyargs", "trio_sip.testing.suite")
    assert re.fullmatch(r"\d{3} passed, 1 skipped", suite)
