"""One SUBSCRIBE, and the subscriptions that it leads to where a proxy forks it."""

from __future__ import annotations

from collections.abc import Iterator

from trio_sip.message import Request, Response

from ._subscriber import Subscriber

__all__ = ["SubscriberSet"]

_MOST = 32
"""Notifiers of one SUBSCRIBE; a stranger who has seen it could otherwise make any number."""


class SubscriberSet:
    """The subscriptions of one SUBSCRIBE: one for each notifier that answers with a NOTIFY.

    RFC 6665 section 4.1.2.4.  They have Call-ID and our tag in common, and differ in the tag of
    the notifier.

    Args:
      subscriber: the first one, which sends the SUBSCRIBE.
      forks: whether the event package allows more than one (RFC 6665 section 5.4.9).
    """

    def __init__(self, subscriber: Subscriber, *, forks: bool = True) -> None:
        self.first: Subscriber = subscriber
        """That of the first notifier that is heard of."""

        self._others: list[Subscriber] = []
        self._most = _MOST if forks else 1

    def __iter__(self) -> Iterator[Subscriber]:
        return iter((self.first, *self._others))

    def for_response(self, response: Response) -> Subscriber:
        """Whose a response to the SUBSCRIBE is: that with the To tag, else the first."""
        return self._with_tag(response.to.tag) or self.first

    def for_notify(self, request: Request, now: float) -> Subscriber | None:
        """Whose a NOTIFY is; a new notifier gets a subscription of its own.

        Returns:
          ``None`` if there cannot be another one: the NOTIFY is to be answered 481.
        """
        tag = request.from_.tag
        found = self._with_tag(tag)
        if found is not None:
            return found
        if self.first.remote_tag is None:
            return self.first
        if 1 + len(self._others) >= self._most:
            return None
        other = self.first.forked(now)
        other.remote_tag = tag
        self._others.append(other)
        return other

    def _with_tag(self, tag: str | None) -> Subscriber | None:
        if tag is None:
            return None
        return next((one for one in self if one.remote_tag == tag), None)
