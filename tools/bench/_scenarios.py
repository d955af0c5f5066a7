"""What the loader says: requests that all differ, made as cheaply as Python can.

A template is cut once at the places where a request differs from the next.  What is put there
is the key of the transaction: it is the branch, and of an exchange's first request also the tag
and the Call-ID, and it finds the exchange again when the answer comes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import count
from typing import Protocol

from ._credentials import Credentials

__all__ = ["Options", "Outstanding", "Register", "Scenario", "filled", "new_keys"]

_OPTIONS = """\
OPTIONS sip:{host}:{port} SIP/2.0
Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK{key}
Max-Forwards: 70
From: <sip:bench@{local}>;tag={key}
To: <sip:{host}:{port}>
Call-ID: {key}@{local_host}
CSeq: 1 OPTIONS
Contact: <sip:bench@{local}>
Accept: application/sdp
User-Agent: bench
Content-Length: 0

"""

# In this order: key, user, dialog, user, dialog, CSeq, user, credentials.
_REGISTER = """\
REGISTER sip:{host}:{port} SIP/2.0
Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK%b
Max-Forwards: 70
From: <sip:%b@{host}>;tag=%b
To: <sip:%b@{host}>
Call-ID: %b@{local_host}
CSeq: %d REGISTER
Contact: <sip:%b@{local}>
Expires: 3600
User-Agent: bench
%bContent-Length: 0

"""


class Outstanding:
    """A request that waits for its answer."""

    # Plain slots: one is made for each message sent.
    __slots__ = (
        "ahead", "dialog", "ends", "interval", "key", "message", "resend_at", "started", "user",
    )  # fmt: skip

    def __init__(
        self, key: bytes, message: bytes, user: bytes = b"", dialog: bytes = b"", *,
        ends: bool = True, ahead: bytes = b"",
    ) -> None:  # fmt: skip
        self.key = key
        self.message = message
        self.user = user
        self.dialog = dialog
        # Whether a 2xx is the end of the exchange.
        self.ends = ends
        # What is sent before it, and is not answered: an ACK.
        self.ahead = ahead
        # The loader's: when the exchange began, and when to send the request again.
        self.started = 0.0
        self.interval = 0.0
        self.resend_at = 0.0


class Scenario(Protocol):
    """A way to load a server."""

    def start(self) -> Outstanding:
        """The first request of the next exchange."""

    def follow(self, request: Outstanding, response: bytes) -> Outstanding | None:
        """What this final response asks for; None when the exchange has failed.

        With an empty message nothing more is to be answered, and the exchange ends as the
        response says.
        """


class Options:
    """OPTIONS to the server itself, which it answers at once."""

    def __init__(self, local: tuple[str, int], remote: tuple[str, int]) -> None:
        self._pieces = filled(_OPTIONS, local, remote).split(b"\0")
        self._next_key = new_keys().__next__

    def start(self) -> Outstanding:
        key = self._next_key()
        return Outstanding(key, key.join(self._pieces))

    def follow(self, request: Outstanding, response: bytes) -> Outstanding | None:
        return None


class Register:
    """REGISTER, 401, REGISTER with credentials, 200: one user after the other, round and round."""

    def __init__(self, local: tuple[str, int], remote: tuple[str, int], users: int) -> None:
        self._template = filled(_REGISTER, local, remote)
        self._credentials = Credentials("REGISTER", f"sip:{remote[0]}:{remote[1]}")
        self._next_key = new_keys().__next__
        self._users = users
        self._started = 0

    def start(self) -> Outstanding:
        key = self._next_key()
        user = b"user%06d" % (self._started % self._users)
        self._started += 1
        message = self._template % (key, user, key, user, key, 1, user, b"")
        return Outstanding(key, message, user, key)

    def follow(self, request: Outstanding, response: bytes) -> Outstanding | None:
        dialog = request.dialog
        if request.key != dialog or response[8:11] != b"401":
            # Credentials were refused, or there is no such user: no third try.
            return None
        key, user = self._next_key(), request.user
        header = self._credentials.answer(response, user, key)
        message = self._template % (key, user, dialog, user, dialog, 2, user, header)
        return Outstanding(key, message, user, dialog)


def new_keys() -> Iterator[bytes]:
    """Sixteen bytes each; no two runs against the same server have one in common."""
    prefix = os.urandom(3).hex().encode()
    return (b"%b%010d" % (prefix, number) for number in count())


def filled(template: str, local: tuple[str, int], remote: tuple[str, int]) -> bytes:
    """A template in which *key* is left open, as a zero byte."""
    text = template.format(
        host=remote[0],
        port=remote[1],
        local=f"{local[0]}:{local[1]}",
        local_host=local[0],
        key="\0",
    )
    return text.replace("\n", "\r\n").encode()
