"""The pipeline: a request goes from service to service until one takes it.

It runs in the request's work.  Whatever happens in there, the request gets its answer, and what
is a bug in somebody's handler stays with the request it happened to.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable
from typing import TypeVarTuple

import trio

from trio_sip._errors import (
    LocalProtocolError,
    NoRoute,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
    TransportFailed,
)
from trio_sip.message import KNOWN_METHODS, Response
from trio_sip.transaction import ServerTransaction
from trio_sip.work import Work

from ._dialogs import DialogEntry
from ._incoming import AnswerState, IncomingRequest
from ._parts import Parts
from ._security import SecurityEventKind

__all__ = ["ErrorRule", "Pipeline"]

_logger = logging.getLogger("trio_sip.stack")

_LARGEST_DATAGRAM = 65507
"""Octets, as IPv4 has it."""

HookArgs = TypeVarTuple("HookArgs")


class ErrorRule(enum.Enum):
    """What becomes of an exception that a handler did not expect."""

    CONTAIN = "contain"
    """It is logged and counted, the request is answered 500, and everything else goes on."""

    RAISE = "raise"
    """The request is answered 500, and the exception ends the stack: what tests want."""


# An enumeration's member costs 150 ns to look up in CPython 3.11, a global 10.
_UNANSWERED, _ANSWERED = AnswerState.UNANSWERED, AnswerState.ANSWERED
_OVER = (AnswerState.ANSWERED, AnswerState.ABANDONED)


class Pipeline:
    """Runs requests through the services, and knows how many are being handled."""

    def __init__(self, parts: Parts, rule: ErrorRule) -> None:
        self._parts = parts
        self._rule = rule
        self.unanswered: int = 0

    async def serve(self, request: IncomingRequest) -> None:
        """Handle one request to its end."""
        if request.state is _ANSWERED:
            # A CANCEL came while it waited for its turn.
            return
        if request.method == "INVITE":
            # So that a CANCEL finds the task; a scope of its own would cost more than the rest.
            request.serving = request.work
        try:
            await self._offer(request)
        except RemoteProtocolError as error:
            # What the peer did never ends the server.
            self._answer(request, error.status_hint, _reason(error))
            _logger.info("%s from %s: %r", request.method, request.source, error)
        except (RequestRejected, RequestTimedOut, TransportFailed, NoRoute) as error:
            # Neither does it that somebody whom the handler asked did not answer.
            self._answer(request, 504 if isinstance(error, RequestTimedOut) else 500, None)
            _logger.info("%s from %s: %r", request.method, request.source, error)
        except Exception as error:
            # Who is answered 500 learns nothing but what to ask the operator for.
            reference = self._parts.tokens.token()
            self._answer(request, 500, None, f"Server internal error, reference {reference}")
            self.failed(f"{request.method} from {request.source} (reference {reference})", error)
        except BaseException:
            self._answer(request, 503, None)
            raise
        finally:
            request.serving = None

    def serve_promptly(self, request: IncomingRequest, entry: DialogEntry) -> None:
        """Handle a request of a dialog here and now: nobody is to be asked before its usage."""
        try:
            self._parts.dialogs.take(request, entry)
        except RemoteProtocolError as error:
            self._answer(request, error.status_hint, _reason(error))
            _logger.info("%s from %s: %r", request.method, request.source, error)
        except Exception as error:
            self._answer(request, 500, None)
            self.failed(f"{request.method} from {request.source}", error)

    async def _offer(self, request: IncomingRequest) -> None:
        for service in self._parts.services.for_requests:
            if await service.on_request(request):
                break
        else:
            self._refuse(request)
            return
        if request.state is _UNANSWERED and request.transaction is not None:
            raise LocalProtocolError(
                f"service {service.name!r} took a {request.method} and did not answer it"
            )

    def _refuse(self, request: IncomingRequest) -> None:
        """Nobody took it.  RFC 3261 section 8.2.1."""
        services = self._parts.services
        if request.transaction is None or request.state is not _UNANSWERED:
            return
        self._parts.events.tell_if_wanted(
            SecurityEventKind.NOT_SUPPORTED, request.source, request.method, request.endpoint.name
        )
        known = request.method in KNOWN_METHODS and request.method != "REGISTER"
        if request.method in services.methods:
            # Somebody serves the method, but not for this address.
            request.respond(404)
        else:
            # A server without a registrar does not implement REGISTER at all.
            request.respond(405 if known else 501, headers=[("Allow", services.allow)])

    def _answer(
        self, request: IncomingRequest, status: int, reason: str | None, text: str = ""
    ) -> None:
        if request.transaction is None or request.state in _OVER:
            return
        try:
            response = request.create_response(status, reason)
            if text:
                response.add_body(text)
            request.send_response(response)
        except LocalProtocolError as error:
            # An error may name a status that cannot be sent; some answer it must get, or it
            # would be held for ever.
            request.send_response(request.create_response(500))
            self.failed(f"the answer to {request.method} from {request.source}", error)

    # -- the error rule

    def task_failed(self, work: Work | None, error: Exception) -> None:
        """An exception left a task of a work that nobody waited for."""
        self.failed("a task" if work is None else f"a task of work {work.name!r}", error)

    def call_hook(self, hook: Callable[[*HookArgs], object], *args: *HookArgs) -> bool:
        """Call a service from a task that is not its own, so that its error stays with it.

        Returns:
          Whether it has taken what it was shown.
        """
        try:
            return hook(*args) is True
        except Exception as error:
            self.failed(getattr(hook, "__qualname__", "a hook"), error)
            return False

    def failed(self, what: str, error: Exception) -> None:
        """Note the error of a handler, or raise it."""
        self._parts.counters.handler_errors += 1
        if self._rule is ErrorRule.RAISE:
            raise error
        _logger.error("%s failed: %s", what, type(error).__name__, exc_info=error)

    # -- answers

    def send_response(self, request: IncomingRequest, response: Response) -> None:
        """Send an answer through the request's transaction."""
        parts = self._parts
        self._complete(response, request)
        transaction = request.transaction
        assert transaction is not None, "an ACK is not answered"
        status = response.status
        data = bytes(response)
        if len(data) > _LARGEST_DATAGRAM and not request.flow.reliable:
            data, status = self._replace_oversized(response, request)
        parts.layer.send_response(transaction, data, status, parts.now())
        if status >= 200:
            # A kept transaction holds the bytes of its answer and nothing else.
            transaction.owner = None
            if request.canceller is None:
                self.unanswered -= 1
        parts.driver.flush()

    def repeat_response(self, transaction: ServerTransaction, response: Response) -> None:
        """Send a response again; it says nothing new, so nobody is asked about it."""
        parts = self._parts
        try:
            parts.layer.send_response(transaction, bytes(response), response.status, parts.now())
        except LocalProtocolError:
            # The transaction has had its time, and whoever sends copies is not heard any more.
            return
        parts.driver.flush()

    def send_response_once(self, request: IncomingRequest, response: Response) -> None:
        """Send a final answer beside the request's transaction, which is over then."""
        parts = self._parts
        self._complete(response, request)
        self.abandon(request)
        data = bytes(response)
        if len(data) > _LARGEST_DATAGRAM and not request.flow.reliable:
            data, _ = self._replace_oversized(response, request)
        try:
            parts.transport.send_nowait(data, request.flow)
        except (TransportFailed, trio.ClosedResourceError):
            parts.counters.sends_failed += 1

    def abandon(self, request: IncomingRequest) -> None:
        """End the request's transaction without an answer."""
        parts = self._parts
        transaction = request.transaction
        assert transaction is not None, "an ACK is not deferred"
        transaction.owner = None
        if request.canceller is None:
            self.unanswered -= 1
        parts.layer.forget(transaction, parts.now())
        parts.driver.flush()

    def _replace_oversized(self, response: Response, request: IncomingRequest) -> tuple[bytes, int]:
        """Instead of an answer that no datagram holds, one that says so: 500."""
        if response.is_provisional:
            raise LocalProtocolError(f"a {response.status} that does not fit a datagram")
        self._parts.counters.oversized_responses += 1
        _logger.error(
            "the %d to %s from %s does not fit a datagram: answered 500",
            response.status,
            request.method,
            request.source,
        )
        return bytes(request.create_response(500, "Response Too Large For UDP")), 500

    def _complete(self, response: Response, request: IncomingRequest) -> None:
        """Let everybody add to an answer who wants to."""
        if self._parts.settings.server is not None:
            response.headers.set("Server", self._parts.settings.server)
        for service in self._parts.services.for_sent_responses:
            self.call_hook(service.on_send_response, response, request)


def _reason(error: RemoteProtocolError) -> str | None:
    """The header at fault, if the error names one: a reason phrase echoes nobody's input."""
    name = str(error).partition(":")[0]
    plain = name.replace("-", "").replace(" ", "")
    return f"Bad {name}" if plain.isascii() and plain.isalnum() and len(name) < 40 else None
