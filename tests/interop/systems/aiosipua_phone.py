"""A telephone of aiosipua, which runs on asyncio."""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


def _say(line: str) -> None:
    print(line, flush=True)


# Any: the library's types, here and below.
class _Phone:
    def __init__(self, stack: Any, transport: Any) -> None:
        self._sdp = stack.parse_sdp(_SDP)
        self._client = stack.SipUAC(transport)
        self._server = stack.SipUAS(transport, uac=self._client)
        self._server.on_invite = self._ring
        self._server.on_bye = lambda call, request: _say("is over")
        self._server.on_cancel = lambda request, address: _say("is over")
        self._incoming: Any = None
        self._outgoing: Any = None

    async def start(self) -> None:
        await self._server.start()

    def _ring(self, call: Any) -> None:
        self._incoming = call
        call.ringing()
        _say("rings")

    async def obey(self, line: str) -> None:
        command, _, rest = line.strip().partition(" ")
        if command == "answer":
            self._incoming.accept(self._sdp)
        elif command == "dial":
            host, _, port = rest.rpartition("@")[2].partition(":")
            here = "sip:aiosipua@127.0.0.1"
            call = self._client.send_invite(here, rest, (host, int(port)), self._sdp)
            self._outgoing = call
            try:
                await call.wait_answered()
            except (RuntimeError, TimeoutError):
                _say("is over")
            else:
                _say("stands")
        elif self._outgoing is not None:
            self._outgoing.hangup(self._client)
        else:
            self._incoming.hangup()


async def _main() -> None:
    stack = importlib.import_module("aiosipua")
    transports = importlib.import_module("aiosipua.transport")
    transport = transports.UdpSipTransport(local_addr=("127.0.0.1", int(sys.argv[1])))
    phone = _Phone(stack, transport)
    await phone.start()
    _say(f"at 127.0.0.1:{sys.argv[1]}")
    tasks = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        tasks.add(asyncio.create_task(phone.obey(line)))


if __name__ == "__main__":
    asyncio.run(_main())
