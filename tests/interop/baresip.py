"""baresip, a telephone that makes do without a sound card, told what to do over TCP."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from trio_sip.testing import CertificateAuthority

from .peers import PATIENCE, find_peer, free_port
from .running import Running, open_program

# Loopback only, and no module but those that are needed.  "aubridge" hears what it says: it is
# the one audio driver that wants neither a device nor a file.
_CONFIG = """\
poll_method select
net_interface 127.0.0.1
sip_listen 127.0.0.1:{port}
rtp_ports 32000-32700
call_local_timeout 20
call_max_calls 4
audio_source aubridge,null
audio_player aubridge,null
audio_alert aubridge,null
ctrl_tcp_listen 127.0.0.1:{control}
module_path {modules}
module account.so
module g711.so
module aubridge.so
module_app menu.so
module ctrl_tcp.so
"""


@attrs.define(eq=False)
class Baresip:
    """A baresip that runs."""

    running: Running
    address: str
    """``host:port`` where it can be called."""

    @property
    def tls_address(self) -> str:
        """Where it can be called over TLS."""
        host, _, port = self.address.partition(":")
        return f"{host}:{int(port) + 1}"

    _control: socket.socket = attrs.field(repr=False)
    _received: bytes = attrs.field(default=b"", init=False, repr=False)
    _seen: list[str] = attrs.field(factory=list, init=False, repr=False)

    def dial(self, uri: str) -> None:
        self.do("dial", uri)

    def hang_up(self) -> None:
        self.do("hangup")

    def do(self, command: str, parameters: str = "") -> None:
        """One of the commands of its module "menu", such as ``hold`` or ``transfer``."""
        text = json.dumps({"command": command, "params": parameters}).encode()
        # A netstring.
        self._control.sendall(b"%d:%b," % (len(text), text))

    def wait_for_event(self, *kinds: str) -> dict[str, Any]:
        """The next event of one of these kinds, such as ``CALL_ESTABLISHED``.

        What it says to a command has the kind ``response``.
        """
        until = time.monotonic() + PATIENCE
        while True:
            event = self._next(until)
            kind = str(event.get("type", "response"))
            self._seen.append(kind)
            if kind in kinds:
                return event

    # Any: it is JSON.
    def _next(self, until: float) -> dict[str, Any]:
        while True:
            length, colon, rest = self._received.partition(b":")
            if colon and len(rest) > int(length):
                self._received = rest[int(length) + 1 :]
                event: dict[str, Any] = json.loads(rest[: int(length)])
                return event
            self._control.settimeout(max(0.01, until - time.monotonic()))
            try:
                more = self._control.recv(4096)
            except TimeoutError:
                more = b""
            assert more, f"only these events came: {self._seen}"
            self._received += more


@contextlib.contextmanager
def open_baresip(
    folder: Path,
    account: str = "",
    tls: CertificateAuthority | None = None,
    *,
    lives: int = 40,
) -> Iterator[Baresip]:
    """A baresip that is ready.

    Args:
        folder: does not exist yet; it lives there.
        account: what comes behind the address in its file of accounts, such as
            ``;auth_user=alice``; without any it is called directly, and answers at once.
        tls: whom it trusts, and who has issued its certificate; it listens on the next port, too.
        lives: after so many seconds it ends by itself.
    """
    program = Path(find_peer("baresip"))
    folder.mkdir()
    modules = program.parent.parent / "lib" / "baresip" / "modules"
    port, control = free_port(), free_port()
    config = _CONFIG.format(port=port, control=control, modules=modules)
    if tls is not None:
        config += f"sip_cafile {tls.path}\nsip_certificate {tls.issue('127.0.0.1').path}\n"
    (folder / "config").write_text(config)
    parameters = account or ";regint=0;answermode=auto"
    (folder / "accounts").write_text(f"<sip:alice@127.0.0.1>{parameters}\n")
    (folder / "contacts").touch()
    with open_program([program, "-4", "-f", folder, "-t", str(lives)], folder) as running:
        running.wait_for("baresip is ready")
        with socket.create_connection(("127.0.0.1", int(control)), PATIENCE) as connection:
            telephone = Baresip(running, f"127.0.0.1:{port}", connection)
            # Whatever happened before it had accepted the connection would close it again.
            telephone.do("reginfo")
            telephone.wait_for_event("response")
            yield telephone
