"""Telephones of three kinds that are not ours, behind one face: C, asyncio, and threads."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import attrs

from trio_sip.testing import PeerThread

from .baresip import Baresip, open_baresip
from .peers import free_port, pip
from .running import Running, open_program

__all__ = ["LIBRARIES", "TELEPHONES", "Telephone", "install_libraries"]

LIBRARIES = ("aiosipua==0.7.1", "rfcvoip==2.10.3", "dnspython==2.7.0")
"""Pinned: what they get wrong is written down, and changes with their versions."""

_SYSTEMS = Path(__file__).parent / "systems"


class Telephone(Protocol):
    """A telephone.  It rings until it is told to answer."""

    uri: str
    """How to call it."""

    def wait_until_it_rings(self) -> None: ...
    def answer(self) -> None: ...
    def dial(self, uri: str) -> None: ...
    def hang_up(self) -> None: ...


@attrs.define(eq=False)
class _Baresip:
    """A program in C."""

    phone: Baresip
    uri: str

    def wait_until_it_rings(self) -> None:
        self.phone.wait_for_event("CALL_INCOMING")

    def answer(self) -> None:
        self.phone.do("accept")

    def dial(self, uri: str) -> None:
        self.phone.dial(uri)

    def hang_up(self) -> None:
        self.phone.hang_up()


@attrs.define(eq=False)
class _Library:
    """A program of `systems`."""

    running: Running
    uri: str

    def wait_until_it_rings(self) -> None:
        self.running.wait_for("rings")

    def answer(self) -> None:
        self.running.type("answer")

    def dial(self, uri: str) -> None:
        self.running.type(f"dial {uri}")

    def hang_up(self) -> None:
        self.running.type("hang up")


def install_libraries(folder: Path) -> Path:
    """A folder with them, and nothing else."""
    pip("--target", str(folder), "--no-deps", *LIBRARIES)
    return folder


@contextlib.contextmanager
def _open_baresip(home: Path, libraries: Path, peer: PeerThread) -> Iterator[Telephone]:
    with open_baresip(home, ";regint=0;answermode=manual") as phone:
        yield _Baresip(phone, f"sip:alice@{phone.address}")


@contextlib.contextmanager
def _open_aiosipua(home: Path, libraries: Path, peer: PeerThread) -> Iterator[Telephone]:
    with _open_library("aiosipua", home, libraries) as phone:
        phone.running.wait_for("at ")
        yield phone


@contextlib.contextmanager
def _open_rfcvoip(home: Path, libraries: Path, peer: PeerThread) -> Iterator[Telephone]:
    with _open_library("rfcvoip", home, libraries, str(peer.address.port)) as phone:
        register = peer.expect("REGISTER")
        register.respond(200, headers=[("Contact", register["Contact"]), ("Expires", "3600")])
        phone.running.wait_for("at ")
        yield phone


@contextlib.contextmanager
def _open_library(name: str, home: Path, libraries: Path, *more: str) -> Iterator[_Library]:
    home.mkdir()
    port = free_port()
    # Without the site-packages of the tests, so that it has its own library and no other.
    program: list[str | Path] = [sys.executable, "-S", _SYSTEMS / f"{name}_phone.py", port, *more]
    with open_program(program, home, PYTHONPATH=str(libraries)) as running:
        yield _Library(running, f"sip:{name}@127.0.0.1:{port}")


_Opening = Callable[[Path, Path, PeerThread], contextlib.AbstractContextManager[Telephone]]

TELEPHONES: dict[str, _Opening] = {
    "baresip": _open_baresip,
    "aiosipua": _open_aiosipua,
    "rfcvoip": _open_rfcvoip,
}
"""How to open each of them, by its name."""
