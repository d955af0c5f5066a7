"""MESSAGE: texts out of dialogs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from trio_sip.message import ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, MediaType, Request
from trio_sip.stack import AnswerState, IncomingRequest, Service

__all__ = ["MessageService"]


class MessageService(Service):
    """Hands each MESSAGE, authenticated, to a handler.  RFC 3428 section 7.

    Example::

        async def receive_text(message: IncomingRequest) -> None:
            print(message.endpoint.name, message.message.body.decode())

        MessageService(receive_text)

    Args:
      handler: called in the message's own work.  It may answer by itself; if it does not, and
        did not `IncomingRequest.defer`, 200 is sent when it returns.  Its exceptions are bugs,
        which the stack contains.
      body_types: the media types it takes, ``text/*`` and ``*/*`` included; others get 415.
    """

    name = "message"
    methods: frozenset[str] = frozenset({"MESSAGE"})

    def __init__(
        self,
        handler: Callable[[IncomingRequest], Awaitable[None]],
        *,
        body_types: Iterable[str] = ("text/plain",),
    ) -> None:
        self._handler = handler
        self._ranges = tuple(MediaType.parse(one) for one in body_types)
        self.body_types: frozenset[str] = frozenset(map(str, self._ranges))
        """What it takes, for the Accept of others."""

    async def on_request(self, request: IncomingRequest) -> bool:
        """Check the body, ask the handler, answer."""
        if request.method != "MESSAGE":
            return False
        refusal = self._refusal(request.message)
        if refusal is not None:
            # RFC 3261 section 8.2.3
            request.respond(415, headers=[refusal])
            return True
        await self._handler(request)
        if request.state is AnswerState.UNANSWERED:
            request.respond(200)
        return True

    def _refusal(self, message: Request) -> tuple[str, str] | None:
        """The header that says what would be taken, when this body is not."""
        encodings = message.headers[CONTENT_ENCODING]
        if any(str(encoding).lower() != "identity" for encoding in encodings):
            return "Accept-Encoding", "identity"
        given = message.headers.get(CONTENT_TYPE)
        if given is None:
            return None if not message.body else self._accept()
        return None if any(one.accepts(given) for one in self._ranges) else self._accept()

    def _accept(self) -> tuple[str, str]:
        return ACCEPT.name, ", ".join(sorted(self.body_types))
