"""linphonec, the telephone of linphone's for a terminal, without a sound card."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path

import attrs

from .peers import PATIENCE, find_peer, free_port
from .running import Running, open_program

# Everything that would look for a network, a server or a device is off.  Ports: -1 is any, 0 none.
_CONFIG = """\
[sip]
bind_address=127.0.0.1
use_ipv6=0
ipv6_migration_done=1
sip_port={udp}
sip_tcp_port={tcp}
sip_tls_port={tls}
root_ca={authorities}
guess_hostname=0
contact=sip:carol@127.0.0.1
register_only_when_network_is_up=0
default_proxy={proxy}
media_encryption=none
use_rfc2833=1

[rtp]
audio_rtp_port=-1

[sound]
echocancellation=0

[video]
enabled=0
automatically_initiate=0
automatically_accept=0

[misc]
uuid=00000000-0000-4000-8000-000000000000
"""
_ACCOUNT = """
[auth_info_0]
username=carol
passwd={password}
realm={realm}

[proxy_0]
reg_proxy=<sip:{registrar};transport={transport}>
reg_identity=sip:carol@127.0.0.1
reg_expires=600
reg_sendregister=1
publish=0
"""


@attrs.frozen(kw_only=True)
class Account:
    """Where it registers carol."""

    registrar: str
    """``host:port``."""

    password: str
    realm: str
    transport: str = "udp"


@attrs.define(eq=False)
class Linphone:
    """A linphonec that runs."""

    running: Running
    address: str
    """``host:port`` where it can be called."""

    log: Path
    """All that it sends and receives, and what it thinks of it."""

    def dial(self, uri: str) -> None:
        self.running.type(f"call {uri}")

    def answer(self) -> None:
        self.running.type("answer")

    def hang_up(self) -> None:
        self.running.type("terminate")

    def wait_for(self, *texts: str) -> str:
        """The next line in which there is one of these.

        Such as ``is ringing``, ``connected``, ``Media streams established``, ``ended (``.
        """
        return self.running.wait_for(*texts)

    def wait_for_log(self, pattern: str) -> str:
        """What is found of a regular expression in its log, which knows more than it says."""
        until = time.monotonic() + PATIENCE
        while True:
            if found := re.search(pattern, self.log.read_text(errors="replace")):
                return found[0]
            assert time.monotonic() < until, f"linphonec never logged {pattern}"
            time.sleep(0.02)

    def end(self) -> int:
        """Let it end in its own way, which is to hang up and to unregister."""
        self.running.type("quit")
        return self.running.process.wait(PATIENCE)


@contextlib.contextmanager
def open_linphone(
    folder: Path,
    account: Account | None = None,
    *,
    answers: bool = True,
    authorities: Path | str = "",
) -> Iterator[Linphone]:
    """A linphonec that is ready.

    Args:
        folder: does not exist yet; it lives there.
        account: where it registers; without any it is called directly.
        answers: at once, or when told.
        authorities: a file with those that it trusts.
    """
    program = find_peer("linphonec")
    # Its data base is not opened where its folder is missing.
    (folder / ".local" / "share" / "linphone").mkdir(parents=True)
    port, log = free_port(), folder / "log.txt"
    transports = dict.fromkeys(("udp", "tcp", "tls"), "0")
    transports["udp" if account is None else account.transport] = port
    config = _CONFIG.format(
        **transports, authorities=authorities, proxy=-1 if account is None else 0
    )
    if account is not None:
        config += _ACCOUNT.format(**attrs.asdict(account))
    (folder / "linphonerc").write_text(config)
    options = ["-c", str(folder / "linphonerc"), "-S", "-d", "6", "-l", str(log)]
    if answers:
        options.append("-a")
    with open_program([program, *options], folder) as running:
        try:
            # Where there is no sound card, it reads and writes files; it says so when it listens.
            running.type("soundcard use files")
            running.wait_for("Using wav files")
            telephone = Linphone(running, f"127.0.0.1:{port}", log)
            telephone.wait_for_log("Creating listening point")
            yield telephone
        except Exception as error:
            if log.exists():
                error.add_note(log.read_text(errors="replace"))
            raise
