"""A client of blocking sockets, for servers that are processes of their own."""

from __future__ import annotations

import itertools
import select
import socket
import time
from types import TracebackType
from typing import Self

from tests.services.conversation import authorization
from tests.stack.scene import request
from trio_sip.message import Response, parse_message_untrusted

__all__ = ["Telephone"]

_PATIENCE = 10.0


class Telephone:
    """Registers users over UDP, as fast as the sockets take it."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((self._host, int(port)))
        self._numbers = itertools.count(1)
        self._challenge: Response | None = None
        self._uses = itertools.count(1)
        self._users: dict[str, str] = {}
        self.registered: set[str] = set()
        """Users whose REGISTER was answered 200."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._socket.close()

    def _request(self, method: str, user: str, *headers: str, mark: str | None = None) -> bytes:
        mark = mark or f"t{next(self._numbers)}x{id(self)}"
        return request(
            method,
            uri=f"sip:{self._host}",
            from_=f"sip:{user}@{self._host}",
            via="SIP/2.0/UDP 127.0.0.1;rport",
            branch=mark,
            call_id=mark,
            headers=headers,
        ).replace(b"To: <sip:bob@192.0.2.2>", f"To: <sip:{user}@{self._host}>".encode())

    def _send(self, data: bytes) -> None:
        try:
            self._socket.send(data)
        except ConnectionRefusedError:
            return  # News of an earlier one: the server has gone.

    def receive(self, patience: float = _PATIENCE) -> Response | None:
        """The next answer, or ``None``."""
        if not select.select([self._socket], [], [], patience)[0]:
            return None
        try:
            answer = parse_message_untrusted(self._socket.recv(65536))
        except ConnectionRefusedError:
            return None
        assert isinstance(answer, Response)
        user = self._users.pop(answer.call_id, None)
        if user is not None and answer.status == 200:
            self.registered.add(user)
        return answer

    def receive_all(self, patience: float) -> None:
        """All answers that come in so short distances."""
        while self.receive(patience) is not None:
            pass

    def ask(self, data: bytes) -> Response:
        """The answer to a request, which is sent again until it comes."""
        until = time.monotonic() + _PATIENCE
        wanted = parse_message_untrusted(data).call_id
        while time.monotonic() < until:
            self._send(data)
            answer = self.receive(0.5)
            while answer is not None:
                if answer.call_id == wanted:
                    return answer
                answer = self.receive(0.5)
        raise AssertionError("no answer")

    # -- what it says

    def learn_nonce(self, user: str) -> None:
        """Get a nonce, which serves for all users of this socket."""
        self._challenge = self.ask(self._request("REGISTER", user))
        assert 401 == self._challenge.status

    def _proof(self, user: str, password: str) -> str:
        assert self._challenge is not None
        return authorization(
            self._challenge, user, password, uri=f"sip:{self._host}", count=next(self._uses)
        )

    def send_register(self, user: str, password: str) -> None:
        """Ask for a registration, without waiting for the answer."""
        mark = f"r{user}x{next(self._numbers)}x{id(self)}"
        contact = f"Contact: <sip:{user}@192.0.2.9>"
        self._users[mark] = user
        self._send(self._request("REGISTER", user, self._proof(user, password), contact, mark=mark))

    def is_registered(self, user: str, password: str) -> bool:
        """Whether a query finds the contact of that user."""
        answer = self.ask(self._request("REGISTER", user, self._proof(user, password)))
        assert 200 == answer.status, answer
        return answer.headers.get("Contact", "").startswith(f"<sip:{user}@192.0.2.9>")

    def send_options(self) -> None:
        """Load, no more."""
        self._send(self._request("OPTIONS", "monitor"))

    def is_answered(self) -> bool:
        """Whether a fresh OPTIONS gets its 200."""
        return self.ask(self._request("OPTIONS", "monitor")).status == 200
