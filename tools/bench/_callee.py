"""Another stack that answers calls: ``python -m tools.bench._callee NAME``.

180, then 200 with a session description, and 200 to the BYE.  Only the standard library is there
and the stack that is measured.  Says where it listens in the words of ``trio-sip serve``.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import socket
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["CALLEES"]

_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _say(port: int) -> None:
    print(f"listening on udp://127.0.0.1:{port}\nready", flush=True)


def _aiosipua() -> None:
    """It has no transactions; each call is a callback, which is the least that it can cost."""
    stack = importlib.import_module("aiosipua")
    transports = importlib.import_module("aiosipua.transport")
    answer = stack.parse_sdp(_SDP)

    # Any: the peer's types, here and below.
    def take(call: Any) -> None:
        call.ringing()
        call.accept(answer)

    async def serve() -> None:
        transport = transports.UdpSipTransport(local_addr=("127.0.0.1", _free_port()))
        server = stack.SipUAS(transport)
        server.on_invite = take
        await server.start()
        # As ours has it, so that a burst is not lost in the buffer.
        sock = transport._udp_transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        gc.freeze()
        _say(transport.local_addr[1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def _pjsua2() -> None:
    """pjsip in C, its calls in Python; media without a sound device and without sockets."""
    pj = importlib.import_module("pjsua2")
    calls: dict[int, Any] = {}

    class Call(pj.Call):  # type: ignore[misc, name-defined]  # a class of the peer's
        def onCallState(self, prm: Any) -> None:  # noqa: N802  # its names
            # At once: an object that lives longer hangs up whoever has its number next.
            if self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED:
                del calls[self.getId()]

    class Account(pj.Account):  # type: ignore[misc, name-defined]  # a class of the peer's
        def onIncomingCall(self, prm: Any) -> None:  # noqa: N802  # its name
            call = calls[prm.callId] = Call(self, prm.callId)
            for status in (180, 200):
                parameters = pj.CallOpParam()
                parameters.statusCode = status
                call.answer(parameters)

    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    # No threads of its own: they would call into Python one after another.
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = 30
    config.logConfig.level = config.logConfig.consoleLevel = 0
    # The device, which is none, stays open: its clock is what frees the ports of ended calls.
    config.medConfig.sndAutoCloseTime = -1
    config.medConfig.maxMediaPorts = 1000
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.port = _free_port()
    transport.boundAddress = "127.0.0.1"
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    settings = pj.AccountConfig()
    settings.idUri = "sip:bob@127.0.0.1"
    # The wheel is built for 64 sockets: with two for each call it would abort at once.
    settings.mediaConfig.useLoopMedTp = True
    account = Account()
    account.create(settings)
    _say(transport.port)
    while True:
        endpoint.libHandleEvents(10)


CALLEES: dict[str, Callable[[], None]] = {"aiosipua": _aiosipua, "pjsua2": _pjsua2}


if __name__ == "__main__":
    CALLEES[sys.argv[1]]()
