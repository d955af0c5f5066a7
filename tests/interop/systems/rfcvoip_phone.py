"""A telephone of rfcvoip, which runs in threads, each of them waiting.

It wants a registrar, and calls by way of it.
"""

from __future__ import annotations

import importlib
import socket
import sys
import threading
import time
from typing import Any

_HERE = "127.0.0.1"
_OPTIONS = (
    "OPTIONS sip:rfcvoip@127.0.0.1:{port} SIP/2.0\r\n"
    "Via: SIP/2.0/UDP {here};branch=z9hG4bKlistening\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:nobody@{here}>;tag=1\r\nTo: <sip:rfcvoip@127.0.0.1>\r\n"
    "Call-ID: listening\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def _say(line: str) -> None:
    print(line, flush=True)


# Any: the library's types, here and below.
class _Phone:
    def __init__(self, library: Any, port: int, registrar: int) -> None:
        self._states = library.CallState
        self._call: Any = None
        self._phone = library.VoIPPhone(
            _HERE, registrar, "rfcvoip", "secret",
            myIP=_HERE, callCallback=self._ring, sipPort=port, rtpPortLow=port + 1000,
            rtpPortHigh=port + 1100,
        )  # fmt: skip

    def start(self) -> None:
        self._phone.start()

    # The library runs it in a thread of the call's own, a second after it has said 180.
    def _ring(self, call: Any) -> None:
        self._call = call
        _say("rings")
        self._watch()

    def _watch(self) -> None:
        stands = False
        while self._call.state != self._states.ENDED:
            if self._call.state == self._states.ANSWERED and not stands:
                stands = True
                _say("stands")
            time.sleep(0.01)
        _say("is over")

    def obey(self, line: str) -> None:
        command, _, rest = line.strip().partition(" ")
        if command == "answer":
            self._call.answer()
        elif command == "dial":
            self._call = self._phone.call(rest.removeprefix("sip:").partition("@")[0])
            threading.Thread(target=self._watch, daemon=True).start()
        else:
            self._call.hangup()


def _wait_until_it_listens(port: int) -> None:
    """It reads nothing for a second after it has registered."""
    with socket.socket(type=socket.SOCK_DGRAM) as caller:
        caller.bind((_HERE, 0))
        here = f"{_HERE}:{caller.getsockname()[1]}"
        caller.sendto(_OPTIONS.format(here=here, port=port).encode(), (_HERE, port))
        caller.recv(65536)


def _main() -> None:
    port, registrar = int(sys.argv[1]), int(sys.argv[2])
    phone = _Phone(importlib.import_module("rfcvoip.VoIP"), port, registrar)
    phone.start()
    _wait_until_it_listens(port)
    _say(f"at {_HERE}:{port}")
    for line in sys.stdin:
        phone.obey(line)


if __name__ == "__main__":
    _main()
