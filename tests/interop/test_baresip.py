"""baresip, a telephone without the parts that need a sound card."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.cli.program import open_serve, run_program

from .peers import BOTH, IN_ORDER, PATIENCE, SANE, address_of, find_peer

pytestmark = pytest.mark.interop

transports = pytest.mark.parametrize("transport", ["udp", "tcp"])

# Loopback only: the ports are of its choice, and no module but the one that reads accounts.
_CONFIG = """\
poll_method select
sip_listen 127.0.0.1:0
call_max_calls 1
module_path {modules}
module account.so
"""
_ACCOUNT = (
    "<sip:alice@127.0.0.1>;auth_user=alice;auth_pass={password};regint=600;"
    'outbound="sip:{address};transport={transport}"\n'
)


@attrs.define(eq=False)
class Telephone:
    """A baresip that runs."""

    process: subprocess.Popen[str]
    lines: queue.Queue[str]

    def wait_for(self, *texts: str) -> str:
        """The first line of its output in which there is one of these."""
        until = time.monotonic() + PATIENCE
        seen = []
        with contextlib.suppress(queue.Empty):
            while True:
                line = self.lines.get(timeout=max(0.0, until - time.monotonic()))
                seen.append(line)
                if any(text in line for text in texts):
                    return line
        pytest.fail(f"baresip never said any of {texts}, but: {seen}")

    def hang_up(self) -> int:
        """Let it end in its own way, which is to unregister; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)


@contextlib.contextmanager
def open_telephone(folder: Path, account: str) -> Iterator[Telephone]:
    program = Path(find_peer("baresip"))
    folder.mkdir()
    modules = program.parent.parent / "lib" / "baresip" / "modules"
    (folder / "config").write_text(_CONFIG.format(modules=modules))
    (folder / "accounts").write_text(account)
    (folder / "contacts").touch()
    with subprocess.Popen(
        [program, "-4", "-f", folder, "-t", "25"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=SANE,
    ) as process:
        lines: queue.Queue[str] = queue.Queue()
        reader = threading.Thread(target=_read, args=(process, lines))
        reader.start()
        try:
            yield Telephone(process, lines)
        finally:
            process.kill()
            process.wait()
            reader.join()


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line.rstrip("\n"))


def bindings(address: str) -> list[str]:
    """Where alice is now: what is left when one is removed that was never there."""
    outcome = run_program(
        "register", f"sip:alice@{address}", "--user", "alice:secret",
        "--contact", "sip:nobody@192.0.2.1", "--remove", "--json",
    )  # fmt: skip
    assert (0, "") == (outcome.status, outcome.errors)
    return [one["contact"] for one in json.loads(outcome.output)["bindings"]]


@transports
def test_it_registers_and_unregisters(transport: str, tmp_path: Path) -> None:
    with open_serve(*BOTH, "--user", "alice:secret") as serving:
        address = address_of(serving, transport)
        account = _ACCOUNT.format(address=address, transport=transport, password="secret")
        with open_telephone(tmp_path / "phone", account) as telephone:
            said = telephone.wait_for("200 OK", "40")
            during = bindings(address_of(serving, "udp"))
            status = telephone.hang_up()
        after = bindings(address_of(serving, "udp"))
        ending = serving.end()

    assert f"{{0/{transport.upper()}/v4}} 200 OK () [1 binding]" in said
    assert ["sip:alice-0x"] == [one.partition("0x")[0] + "0x" for one in during]
    assert 0 == status
    assert [] == after
    assert IN_ORDER == ending


@transports
def test_it_does_not_register_with_a_wrong_password(transport: str, tmp_path: Path) -> None:
    with open_serve(*BOTH, "--user", "alice:secret") as serving:
        address = address_of(serving, transport)
        account = _ACCOUNT.format(address=address, transport=transport, password="guess")
        with open_telephone(tmp_path / "phone", account) as telephone:
            said = telephone.wait_for("200 OK", "40")
            found = bindings(address_of(serving, "udp"))

    assert "401 Unauthorized" in said
    assert [] == found


def test_it_answers_our_ping(tmp_path: Path) -> None:
    with open_serve(*BOTH, "--user", "alice:secret") as serving:
        address = address_of(serving, "udp")
        account = _ACCOUNT.format(address=address, transport="udp", password="secret")
        with open_telephone(tmp_path / "phone", account) as telephone:
            telephone.wait_for("200 OK")
            (contact,) = bindings(address)
            outcome = run_program("ping", contact, "--json", "--wait", "10")

    assert (0, "") == (outcome.status, outcome.errors)
    assert 200 == json.loads(outcome.output)["status"]
