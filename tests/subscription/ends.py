"""Both ends of a subscription, told things by hand, and the messages between them."""

from __future__ import annotations

from collections.abc import Iterable

from trio_sip.message import (
    Body,
    Event,
    Request,
    Response,
    create_request,
    create_response,
)
from trio_sip.subscription import (
    AnswerNotify,
    AnswerSubscribe,
    Notified,
    Notifier,
    NotifierEnded,
    NotifierPolicy,
    SendNotify,
    SendSubscribe,
    Subscriber,
    SubscriptionEnded,
)

PRESENCE = Event("presence")
OPEN, CLOSED = Body("open"), Body("closed")
Header = tuple[str, object]


def message(
    method: str,
    *headers: Header,
    to_tag: str | None = "s",
    from_tag: str = "n",
    cseq: int = 1,
    body: Body | None = None,
) -> Request:
    """A request in the dialog of a subscription."""
    request = create_request(
        method,
        "sip:alice@192.0.2.1",
        from_=f"<sip:bob@example.com>;tag={from_tag}",
        to="<sip:alice@example.com>" + (f";tag={to_tag}" if to_tag else ""),
        call_id="call",
        cseq=cseq,
        headers=headers,
    )
    if body is not None:
        request.add_body(body.content, body.headers["Content-Type"])
    return request


def subscribe(expires: object | None = 3600, event: object = "presence") -> Request:
    """A SUBSCRIBE as it arrives."""
    headers: list[Header] = [("Event", event)]
    if expires is not None:
        headers.append(("Expires", expires))
    return message("SUBSCRIBE", *headers, from_tag="s", to_tag=None)


def notify(
    state: str | None = "active;expires=3600",
    event: str | None = "presence",
    *,
    from_tag: str = "n",
    body: Body | None = None,
) -> Request:
    """A NOTIFY as it arrives."""
    headers: list[Header] = []
    if event is not None:
        headers.append(("Event", event))
    if state is not None:
        headers.append(("Subscription-State", state))
    return message("NOTIFY", *headers, from_tag=from_tag, body=body)


def reply(status: int, *headers: Header, method: str = "SUBSCRIBE", to_tag: str = "n") -> Response:
    """A response to a SUBSCRIBE, a REFER or a NOTIFY of ours."""
    response = create_response(message(method, to_tag=None, from_tag="s"), status, to_tag=to_tag)
    for name, value in headers:
        response.add_header(name, value)
    return response


class SubscriberSubject:
    """A subscriber, and what it wanted so far."""

    def __init__(self, expires: int = 3600, event: Event = PRESENCE) -> None:
        self.end = Subscriber(event, expires)
        self.sent: list[int] = []
        self.answers: list[int] = []
        self.notified: list[str] = []
        self.ended: list[SubscriptionEnded] = []

    def look(self) -> None:
        for effect in self.end.effects():
            match effect:
                case SendSubscribe(expires):
                    self.sent.append(expires)
                case AnswerNotify(status):
                    self.answers.append(status)
                case Notified(_, state):
                    self.notified.append(state.state)
                case SubscriptionEnded():
                    self.ended.append(effect)

    def subscribe(self, now: float = 0.0) -> SubscriberSubject:
        self.end.send_subscribe(now)
        self.look()
        return self

    def subscribed(self, expires: int = 3600) -> SubscriberSubject:
        """Bring it there at 0."""
        self.subscribe()
        self.respond(0.0, 200, ("Expires", expires))
        self.notify(0.0, f"active;expires={expires}")
        return self

    def respond(self, now: float, status: int, *headers: Header, method: str = "SUBSCRIBE") -> None:
        self.end.receive_response(reply(status, *headers, method=method), now)
        self.look()

    def notify(self, now: float, state: str | None, event: str | None = "presence") -> None:
        self.end.receive_notify(notify(state, event), now)
        self.look()

    def leave(self, now: float) -> None:
        self.end.send_unsubscribe(now)
        self.look()

    def wait(self, until: float) -> None:
        """Let time pass; every deadline on the way is kept."""
        while (deadline := self.end.next_deadline()) <= until:
            self.end.handle_timeout(deadline)
            self.look()


class NotifierSubject:
    """A notifier, and what it wanted so far."""

    def __init__(
        self,
        body: Body | None = OPEN,
        policy: NotifierPolicy | None = None,
        event: Event = PRESENCE,
    ) -> None:
        self.end = Notifier(event, body, policy=policy)
        self.answers: list[tuple[int, tuple[Header, ...]]] = []
        self.sent: list[tuple[str, Body | None]] = []
        self.ended: list[str | None] = []

    def look(self) -> None:
        for effect in self.end.effects():
            match effect:
                case AnswerSubscribe(status, headers):
                    self.answers.append((status, headers))
                case SendNotify(state, body):
                    self.sent.append((str(state), body))
                case NotifierEnded():
                    self.ended.append(effect.reason)

    @property
    def last(self) -> tuple[str, Body | None]:
        return self.sent[-1]

    def receive(
        self,
        now: float,
        expires: object | None = 3600,
        event: object = "presence",
        *,
        authorized: bool = True,
    ) -> NotifierSubject:
        self.end.receive_subscribe(subscribe(expires, event), now, authorized=authorized)
        self.look()
        return self

    def change(self, now: float, body: Body | None) -> None:
        self.end.send_notify(body, now)
        self.look()

    def wait(self, until: float) -> None:
        while (deadline := self.end.next_deadline()) <= until:
            self.end.handle_timeout(deadline)
            self.look()


def states(subjects: Iterable[tuple[str, Body | None]]) -> list[str]:
    """The Subscription-States alone."""
    return [state for state, _ in subjects]
