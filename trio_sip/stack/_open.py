"""Starting and stopping a stack: in order, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import attrs
import trio

from trio_sip.transaction import TransactionLayer
from trio_sip.transport import Listen, Network, SocketNetwork, TlsSettings, TransportLayer
from trio_sip.work import Works

from ._authenticate import Authentication, Authenticator
from ._clients import Clients
from ._deferred import DeferredRequests
from ._dialogs import Dialogs
from ._distributor import Distributor
from ._driver import Driver
from ._endpoint import EndpointIdentifier, PreparedIdentifier
from ._identify import Identification
from ._parts import Parts, StackState
from ._pipeline import ErrorRule, Pipeline
from ._registry import ServiceRegistry
from ._reminders import Reminders
from ._security import SecurityEvents
from ._service import Service
from ._settings import StackSettings
from ._stack import Stack
from ._statistics import Counters
from ._tokens import Tokens
from ._unwrap import unwrapping_single_errors

__all__ = ["open_stack"]

_TEARDOWN_SECONDS = 4.0


@asynccontextmanager
async def open_stack(
    *listen: str | Listen,
    services: Iterable[Service] = (),
    identifiers: Iterable[EndpointIdentifier] = (),
    authenticator: Authenticator | None = None,
    network: Network | None = None,
    settings: StackSettings | None = None,
    strict: bool = False,
    tokens: Tokens | None = None,
    grace: float = 4.0,
    tls: TlsSettings | None = None,
) -> AsyncIterator[Stack]:
    """Run a SIP stack for as long as the block runs.

    Sockets are bound first and read last, so that nothing is answered before everything that
    decides about answers is there; a step that fails undoes those before it.  When the block
    is left, for whatever reason, new requests are refused, what has begun may finish for *grace*
    seconds, and then every task and socket is gone.

    Args:
      listen: ``"udp://192.0.2.1:5060"``, ``"tls://[::]:0"``, ``"ws://…"``, …  Port 0 lets the
        system choose; `Stack.listening` tells what it chose.  Without any, a UDP port for sending
        is opened.
      services: what to register before the first message, set up in this order.
      identifiers: who can tell senders apart, asked in this order from the first message on.
      authenticator: who decides what senders must prove, from the first message on.  What is
        registered inside the block comes too late for a message that is there already.
      network: the sockets of the operating system, or a simulated network.
      settings: limits, timers and choices; the defaults if left out.
      strict: let an exception of a handler end the stack instead of containing it.
      tokens: where branches, tags and Call-IDs come from.
      grace: seconds in which what has begun may finish when the block is left.
      tls: the certificate to listen on ``tls:`` and ``wss:`` with, and the authorities to trust
        instead of the system's.

    Raises:
      TransportFailed: an address cannot be bound; it says which, and nothing was started.
      LocalProtocolError: not an address to listen on, or no certificate for it.

    Cancellation: the block is cancelled first, over sockets that still work; the machinery
    under it ends afterwards.
    """
    listens = [Listen.parse(one) if isinstance(one, str) else one for one in listen]
    settings = settings or StackSettings()
    with unwrapping_single_errors():
        async with trio.open_nursery() as nursery:
            machine = _Machine(settings, strict, tokens or Tokens.random(), tls)
            stack = await nursery.start(
                machine.run,
                network or SocketNetwork(),
                listens or [Listen.parse("udp://0.0.0.0:0")],
                _Gate(tuple(services), tuple(identifiers), authenticator),
            )
            try:
                yield stack
            finally:
                with trio.CancelScope(shield=True):
                    await machine.stop(grace)


@attrs.frozen
class _Gate:
    """All that has a say about the first message."""

    services: tuple[Service, ...]
    identifiers: tuple[EndpointIdentifier, ...]
    authenticator: Authenticator | None

    async def set_up(self, stack: Stack) -> None:
        """Register everything; nothing is read before."""
        for identifier in self.identifiers:
            if isinstance(identifier, PreparedIdentifier):
                await identifier.setup(stack)
            stack.register_endpoint_identifier(identifier)
        if self.identifiers and stack.settings.identifier_order:
            # Said again now that they are known: a name nobody has is warned about.
            stack.identifier_order = stack.settings.identifier_order
        if self.authenticator is not None:
            stack.register_authenticator(self.authenticator)
        for service in self.services:
            await stack.add_service(service)


class _Machine:
    """The machinery: one child task, shielded until the user's block has ended."""

    def __init__(
        self, settings: StackSettings, strict: bool, tokens: Tokens, tls: TlsSettings | None
    ) -> None:
        self._tls = tls
        self._scope = trio.CancelScope()
        self._rule = ErrorRule.RAISE if strict else ErrorRule.CONTAIN
        self._ended = trio.Event()
        self._parts = Parts(
            settings=settings,
            tokens=tokens,
            counters=Counters(),
            events=SecurityEvents(),
            services=ServiceRegistry(),
            layer=TransactionLayer(settings.timers, kept_bytes=settings.kept_bytes),
            now=trio.lowlevel.current_clock().current_time,
        )

    async def run(
        self,
        network: Network,
        listens: list[Listen],
        gate: _Gate,
        *,
        task_status: trio.TaskStatus[Stack] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Build the stack, start it, and run until `stop`."""
        parts = self._parts
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    self._build(nursery, network)
                    # From here on each step is undone, last one first, if a later one fails.
                    bound = await parts.transport.bind(*listens)
                    stack = parts.stack = Stack(parts, bound, nursery)
                    nursery.start_soon(parts.driver.run_alarm, name="alarm")
                    nursery.start_soon(parts.deferred.run, name="deferred requests")
                    nursery.start_soon(parts.reminders.run, name="reminders")
                    await gate.set_up(stack)
                    await nursery.start(parts.transport.serve, name="transports")
                    parts.state = StackState.RUNNING
                    # The user's block is cancelled first; while it starts, this is its block.
                    self._scope.shield = True
                    task_status.started(stack)
        finally:
            parts.state = StackState.CLOSED
            try:
                if hasattr(parts, "stack"):
                    await self._tear_down()
            finally:
                self._ended.set()

    def _build(self, nursery: trio.Nursery, network: Network) -> None:
        parts, settings = self._parts, self._parts.settings
        parts.pipeline = Pipeline(parts, self._rule)
        parts.reminders = Reminders(parts.pipeline.call_hook)
        parts.works = Works(nursery, parts.pipeline, high_water=settings.high_water)
        parts.clients = Clients(parts)
        parts.deferred = DeferredRequests(parts)
        parts.distributor = Distributor(parts)
        parts.transport = TransportLayer(
            network,
            parts.distributor,
            settings.limits,
            force_rport=settings.force_rport,
            tls=self._tls,
        )
        parts.driver = Driver(parts.layer, parts.transport, parts.clients)
        parts.identification = Identification(parts.events, settings.identifier_order)
        parts.dialogs = Dialogs()
        parts.authentication = Authentication(
            parts.identification,
            parts.events,
            parts.now,
            algorithms=settings.digest_algorithms,
            nonce_lifetime=settings.nonce_lifetime,
            secret=parts.tokens.secret("nonces"),
        )
        for stage in (parts.identification, parts.dialogs, parts.authentication):
            parts.services.add(stage)

    async def stop(self, grace: float) -> None:
        """Refuse what is new, let what has begun finish for *grace* seconds, then end."""
        try:
            if self._parts.state is StackState.RUNNING:
                self._parts.state = StackState.DRAINING
                with trio.move_on_after(grace):
                    await self._parts.works.drain()
                self._parts.works.cancel()
                # Who is cancelled answers 503, while the sockets are there.
                with trio.move_on_after(_TEARDOWN_SECONDS):
                    await self._parts.works.drain()
        finally:
            # Also where a warning of a work that nobody closed is an error.
            self._scope.cancel()
            await self._ended.wait()

    async def _tear_down(self) -> None:
        """Undo what was done, last one first, whatever goes wrong with one of them."""
        parts = self._parts
        parts.clients.close()
        errors: list[Exception] = []
        with trio.move_on_after(_TEARDOWN_SECONDS, shield=True):
            await parts.transport.aclose()
            while parts.set_up:
                service = parts.set_up.pop()
                try:
                    await service.teardown()
                except Exception as error:
                    error.add_note(f"while service {service.name!r} was torn down")
                    errors.append(error)
        for failure in errors:
            parts.pipeline.failed("a teardown", failure)
