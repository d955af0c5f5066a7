"""A client that is told things by hand, at moments that are numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from trio_sip.message import Request, Response, create_request, create_response
from trio_sip.registration import (
    RegistrationChanged,
    RegistrationClient,
    RegistrationLost,
    RegistrationSettings,
    RegistrationState,
    SendRegister,
)

CONTACT = "<sip:alice@192.0.2.1:5060>"


class CountedIds:
    """Call-IDs that one can foretell."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def call_id(self) -> str:
        return f"call {next(self._numbers)}"


class Subject:
    """A client, and what it wanted so far."""

    def __init__(
        self,
        expires: int = 3600,
        *,
        rolls: float | Iterable[float] = 0.0,
        settings: RegistrationSettings | None = None,
    ) -> None:
        dice = itertools.repeat(rolls) if isinstance(rolls, float) else iter(rolls)
        self.client = RegistrationClient(
            expires, tokens=CountedIds(), dice=dice.__next__, settings=settings
        )
        self.sent: list[SendRegister] = []
        self.states: list[RegistrationState] = []
        self.lost: list[Exception] = []

    @property
    def state(self) -> RegistrationState:
        return self.client.state

    @property
    def last(self) -> SendRegister:
        return self.sent[-1]

    def look(self) -> None:
        """Take what it wants now."""
        for effect in self.client.effects():
            match effect:
                case SendRegister():
                    self.sent.append(effect)
                case RegistrationChanged(state):
                    self.states.append(state)
                case RegistrationLost(error):
                    self.lost.append(error)

    def start(self, now: float = 0.0) -> None:
        self.client.send_register(now)
        self.wait(now)

    def wait(self, until: float) -> None:
        """Let time pass; every deadline on the way is kept."""
        while (deadline := self.client.next_deadline()) <= until:
            self.client.handle_timeout(deadline)
            self.look()
        self.look()

    def request(self, contact: str = CONTACT, challenges: int = 0) -> Request:
        """The REGISTER that was sent last, as it came to be."""
        return create_request(
            "REGISTER",
            "sip:example.com",
            from_="sip:alice@example.com",
            to="sip:alice@example.com",
            call_id=self.last.call_id.replace(" ", "-"),
            cseq=self.last.cseq + challenges,
            contact=contact,
            headers=[("Expires", self.last.expires)],
        )

    def answer(
        self,
        now: float,
        status: int = 200,
        *headers: tuple[str, object],
        expires: int | None = None,
        contact: str = CONTACT,
        challenges: int = 0,
    ) -> None:
        """The final response; a 200 grants what was asked for, or *expires*."""
        request = self.request(contact, challenges)
        response = create_response(request, status, to_tag="r")
        granted = self.last.expires if expires is None else expires
        if status == 200 and not headers and granted:
            response.add_header("Contact", f"{contact};expires={granted}")
        for name, value in headers:
            response.add_header(name, value)
        self.client.receive_response(request, response, now)
        self.look()

    def fail(self, now: float, error: Exception) -> None:
        self.client.receive_failure(self.request(), error, now)
        self.look()

    def registered(self, now: float = 0.0) -> Subject:
        """Bring it there."""
        self.start(now)
        self.answer(now)
        return self


def response_with(*headers: tuple[str, object]) -> Response:
    """A 200 to a REGISTER."""
    response = Response(200)
    for name, value in headers:
        response.add_header(name, value)
    return response
