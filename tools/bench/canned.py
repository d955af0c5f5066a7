"""A responder that thinks as little as possible: to try the loader, and to measure its cost.

It answers OPTIONS with 200, REGISTER without credentials with 401 and with any at all with 200,
INVITE with 180 and 200, and BYE with 200.
"""

from __future__ import annotations

import socket

__all__ = ["serve_canned"]

_CHALLENGE = (
    b'WWW-Authenticate: Digest realm="bench", nonce="%016x", algorithm=MD5, '
    b'qop="auth", opaque="0123456789abcdef"\r\n'
)
# To is the last: a tag may follow.
_ECHOED = (b"\r\nVia:", b"\r\nFrom:", b"\r\nCall-ID:", b"\r\nCSeq:", b"\r\nTo:")


def serve_canned(sock: socket.socket) -> list[bytes]:
    """Answer until an empty datagram arrives; returns the requests that had credentials."""
    nonce = 0
    proven: list[bytes] = []
    while True:
        data, sender = sock.recvfrom(4096)
        if not data:
            return proven
        if data[:4] == b"ACK ":
            continue
        status, extra = b"SIP/2.0 200 OK", b"\r\n"
        if data[:6] == b"INVITE":
            extra = b";tag=callee\r\nContact: <sip:bob@127.0.0.1>\r\n"
            sock.sendto(_answer(data, b"SIP/2.0 180 Ringing", extra), sender)
        if data[:8] == b"REGISTER":
            if b"\r\nAuthorization:" in data:
                proven.append(data)
                del proven[:-1000]
            else:
                nonce += 1
                status, extra = b"SIP/2.0 401 Unauthorized", b"\r\n" + _CHALLENGE % nonce
        sock.sendto(_answer(data, status, extra), sender)


def _answer(request: bytes, status: bytes, extra: bytes) -> bytes:
    parts = [status]
    for name in _ECHOED:
        begin = request.index(name)
        parts.append(request[begin : request.index(b"\r\n", begin + 2)])
    parts.append(extra + b"Content-Length: 0\r\n\r\n")
    return b"".join(parts)


def main() -> None:
    """Serve, and say where in the words of ``trio-sip serve``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.bind(("127.0.0.1", 0))
        host, port = sock.getsockname()
        print(f"listening on udp://{host}:{port}\nready", flush=True)
        serve_canned(sock)


if __name__ == "__main__":
    main()
