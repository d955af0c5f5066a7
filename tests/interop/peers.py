"""Programs of others: found, run to their end within a time, and ended."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from tests.cli.program import Outcome, Serving, run_program

PATIENCE = 30.0
"""Seconds for one program; none needs more than three on an idle machine."""

BOTH = ("--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0")
"""For a server, how to listen."""

IN_ORDER = Outcome(0, "", "")
"""How a server is expected to end."""

_PACKAGES = {
    "sipp": "sip-tester",
    "sipsak": "sipsak",
    "baresip": "baresip-core",
    "linphonec": "linphone-cli",
    "node": "nodejs",
    "npm": "npm",
}

# Not the dice of the tests, which fall alike in each of them.
_dice = random.SystemRandom()

SANE = {**os.environ, "LC_ALL": "C"}
"""An environment in which programs say what they say to everybody."""


def find_peer(name: str) -> str:
    """The path of a program; without it the test is skipped, in continuous integration failed."""
    path = shutil.which(name)
    if path is None:
        _miss(f"{name} is not installed (Debian: apt-get install {_PACKAGES[name]})")
    return path


def pip(*words: str, python: str = sys.executable) -> None:
    """Install something; where there is nowhere to get it, as for a program that is missing."""
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        _miss(f"pip: {done.stderr.strip()[-200:]}")


def npm(folder: Path, package: str) -> str:
    """Put a package for node there; the path of node."""
    node = find_peer("node")
    command = [find_peer("npm"), "install", "--silent", "--no-audit", "--no-fund", package]
    folder.mkdir()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        _miss(f"npm: {done.stderr.strip()[-200:]}")
    return node


def _miss(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> str:
    """A port that is free now, for UDP and TCP, as is the next, which baresip wants for TLS.

    Most programs cannot be asked for any and then say which: they would begin at 5060, where
    others are heard.  It is below those that the system gives to whoever asks for any, so that
    nobody is given it before the program has it.
    """
    while True:
        port = _dice.randrange(12_000, 32_000, 2)
        with contextlib.suppress(OSError), contextlib.ExitStack() as sockets:
            for number in (port, port + 1):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    one = sockets.enter_context(socket.socket(type=kind))
                    one.bind(("127.0.0.1", number))
            return str(port)


def address_of(serving: Serving, transport: str) -> str:
    """``host:port`` of a server's socket."""
    scheme = f"{transport}://"
    return next(one for one in serving.listening if one.startswith(scheme)).removeprefix(scheme)


def bindings(user: str, address: str) -> list[str]:
    """Where somebody is now: what is left when a contact is removed that was never there."""
    outcome = run_program(
        "register", f"sip:{user}@{address}", "--user", f"{user}:secret",
        "--contact", "sip:nobody@192.0.2.1", "--remove", "--json",
    )  # fmt: skip
    assert (0, "") == (outcome.status, outcome.errors)
    return [one["contact"] for one in json.loads(outcome.output)["bindings"]]


def run_peer(arguments: Sequence[str], folder: Path) -> Outcome:
    """Run a program in a folder of its own; it has no input, and not for ever."""
    done = subprocess.run(
        arguments,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
        env=SANE,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
