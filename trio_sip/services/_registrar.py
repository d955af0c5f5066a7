"""The registrar: REGISTER in, bindings into a location service, and out again in time."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

from trio_sip.message import Uri
from trio_sip.registration import (
    Binding,
    Refused,
    RegisterRequest,
    RegistrarPolicy,
    address_of_record,
    contact_values,
    update_bindings,
)
from trio_sip.stack import Endpoint, IncomingRequest, Service, Stack
from trio_sip.transport import Flow

from ._date import DateText
from ._domains import Domains
from ._endpoint_directory import EndpointDirectory, as_directory
from ._location import LocationStore
from ._register_rules import check_owner, check_register, read_register_untrusted
from ._registered_flows import RegisteredFlows

__all__ = ["Registrar", "RegistrarStatistics"]

_logger = logging.getLogger("trio_sip.services")

# How often a REGISTER that others overtake is decided anew.  Twice is rare already.
_ATTEMPTS = 10

# Addresses, or connections, looked at before others have their turn: about two milliseconds.
_BATCH = 1000

# RFC 3261 section 10.3 step 7: what could not be committed MUST be answered 500.
_NOT_STORED = Refused(500, "Server Internal Error", (("Retry-After", "5"),))


@attrs.frozen(kw_only=True)
class RegistrarStatistics:
    """What a registrar has done since it was made."""

    accepted: int
    """REGISTERs answered 200, queries included."""

    refused: int
    """REGISTERs answered 4xx, or 500 for being out of order."""

    overtaken: int
    """Decisions made anew because another REGISTER for the same address was faster."""

    store_failures: int
    """Times that the location service failed.  Nothing was acknowledged then."""

    waiting: int
    """Addresses for which REGISTERs take turns now, because one overtook another."""

    flows_lost: int
    """Connections that ended and took their bindings with them."""

    flows_held: int
    """Connections that bindings go with now."""


class Registrar(Service):
    """Keeps track of where users can be reached.  RFC 3261 section 10.3

    Every known endpoint registers the address of its own name, ``name`` or ``name@domain``, and
    no other; one without a domain does so in the domain that its From names.  In a stack without
    identifiers everybody registers anything: good for tests.

    A contact that came over a connection, and asks for its transport (``;transport=tcp``) or
    names its other end, goes with it: it is removed when the connection ends, and the connection
    is kept open for it.  One of any other kind stays.

    Example::

        async with open_stack("udp://0.0.0.0:5060", services=[Registrar(MemoryLocation())]):
            await trio.sleep_forever()

    Args:
      location: where bindings are kept; open for as long as the stack.
      endpoints: who there is, as `IdentifyByUser` has it.  Needed only where there is an ``alice``
        besides an ``alice@example.com``, and something else than From tells them apart: no other
        than the latter can register sip:alice@example.com then.
      domains: the hosts of the addresses it is responsible for, those of the Request-URI too;
        others get 404.  Empty for any.
      aliases: other names of domains, as `IdentifyByUser` has them: who registers by one of them
        is registered by the name that it stands for.
      policy: how long and how many.
      purge_interval: seconds between two looks for what has expired.
      wall_clock: for Date.
    """

    name = "registrar"
    methods: frozenset[str] = frozenset({"REGISTER"})
    extensions: frozenset[str] = frozenset({"path"})

    def __init__(
        self,
        location: LocationStore,
        *,
        endpoints: Mapping[str, Endpoint] | EndpointDirectory | None = None,
        domains: Iterable[str] = (),
        aliases: Mapping[str, str] | None = None,
        policy: RegistrarPolicy | None = None,
        purge_interval: float = 5.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._location = location
        self._directory = None if endpoints is None else as_directory(endpoints)
        self._domains = Domains(domains, aliases)
        self._policy = policy or RegistrarPolicy()
        self._purge_interval = purge_interval
        self._date = DateText(wall_clock)
        self._flows = RegisteredFlows()
        self._alarm = trio.CancelScope()
        self._turns: dict[str, trio.Lock] = {}
        self._accepted = 0
        self._refused = 0
        self._overtaken = 0
        self._store_failures = 0
        self._flows_lost = 0

    # -- who is registered

    async def bindings(self, aor: Uri | str) -> tuple[Binding, ...]:
        """Where a user can be reached now, the latest update last.

        Args:
          aor: the user's address; parameters do not matter.

        Raises:
          RemoteProtocolError: not a SIP or SIPS URI.
          OSError: the location service failed.
        """
        key = address_of_record(self._domains.proper(Uri.parse(aor)))
        return await self._location.bindings(key, trio.current_time())

    async def has_user(self, uri: Uri) -> bool:
        """Whether somebody is registered under *uri*: it is a `UserDirectory`."""
        return bool(await self.bindings(uri))

    def statistics(self) -> RegistrarStatistics:
        """The current figures."""
        return RegistrarStatistics(
            accepted=self._accepted,
            refused=self._refused,
            overtaken=self._overtaken,
            store_failures=self._store_failures,
            waiting=len(self._turns),
            flows_lost=self._flows_lost,
            flows_held=len(self._flows),
        )

    # -- REGISTER

    async def on_request(self, request: IncomingRequest) -> bool:
        """Register, refresh, remove or query: all or nothing, acknowledged once it is stored."""
        if request.method != "REGISTER":
            return False
        refusal = check_register(request, self._domains)
        if refusal is None and self._directory is not None:
            refusal = await check_owner(request, self._directory, self._domains)
        wanted = refusal or read_register_untrusted(request, self._domains)
        if isinstance(wanted, RegisterRequest):
            now = trio.current_time()
            outcome = await self._update(wanted, now)
            if not isinstance(outcome, Refused):
                self._accept(request, wanted, outcome, now)
                return True
            wanted = outcome
        if wanted is not _NOT_STORED:
            self._refused += 1
        request.respond(wanted.status, wanted.reason, headers=wanted.headers)
        return True

    async def _update(self, wanted: RegisterRequest, now: float) -> tuple[Binding, ...] | Refused:
        """The bindings after *wanted*, stored; or the refusal, and nothing has changed."""
        try:
            if wanted.aor not in self._turns:
                outcome = await self._try_update(wanted, now)
                if outcome is not None:
                    return outcome
            # Others register the same address at this moment, and of all who would try again at
            # once, one would succeed each time.
            async with self._turn(wanted.aor):
                for _ in range(_ATTEMPTS):
                    outcome = await self._try_update(wanted, now)
                    if outcome is not None:
                        return outcome
        except OSError as error:
            self._store_failed(error)
        return _NOT_STORED

    async def _try_update(
        self, wanted: RegisterRequest, now: float
    ) -> tuple[Binding, ...] | Refused | None:
        """The same, or ``None`` when another REGISTER for the same address was faster."""
        aor = wanted.aor
        before = await self._location.bindings(aor, now)
        outcome = update_bindings(before, wanted, self._policy, now)
        if isinstance(outcome, Refused):
            return outcome
        after = outcome.bindings
        if after is before:
            return after
        if await self._location.replace(aor, before, after, now):
            self._note_flows(aor, before, after)
            return after
        self._overtaken += 1
        return None

    @asynccontextmanager
    async def _turn(self, aor: str) -> AsyncIterator[None]:
        """Wait for those who came before and were overtaken, too."""
        lock = self._turns.setdefault(aor, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked():
                # Whoever waits is given the lock as it is released, so nobody waits.
                del self._turns[aor]

    def _accept(
        self,
        request: IncomingRequest,
        wanted: RegisterRequest,
        bindings: tuple[Binding, ...],
        now: float,
    ) -> None:
        """RFC 3261 section 10.3 step 8."""
        self._accepted += 1
        headers = [("Contact", value) for value in contact_values(bindings, now)]
        # RFC 3327 section 5.3: the client learns which way its requests come.
        headers += [("Path", value) for value in wanted.path]
        headers.append(("Date", self._date()))
        request.respond(200, headers=headers)

    def _store_failed(self, error: OSError) -> None:
        self._store_failures += 1
        _logger.error("registrar: %s", error)

    # -- connections and time

    def _note_flows(
        self, aor: str, before: tuple[Binding, ...], after: tuple[Binding, ...]
    ) -> None:
        for binding in (*before, *after):
            if binding.flow is not None:
                self._flows.update(aor, before, after)
                self._wake_if_lost()
                return

    def on_flow_closed(self, flow: Flow) -> None:
        """What was registered over it cannot be reached any more."""
        if flow.reliable:
            self._flows.end(flow)
            self._wake_if_lost()

    def _wake_if_lost(self) -> None:
        if self._flows.lost:
            self._alarm.deadline = trio.current_time()

    async def setup(self, stack: Stack) -> None:
        """Keep connections open in this stack."""
        self._flows.stack = stack

    async def teardown(self) -> None:
        """The connections are gone, so what was registered over them is, too."""
        for flow in self._flows:
            self._flows.end(flow)
        try:
            await self._remove_lost()
        except OSError as error:
            self._store_failed(error)

    async def run(self, stack: Stack) -> None:
        """Remove what has expired, and what has lost its connection."""
        while True:
            deadline = trio.current_time() + self._purge_interval
            with trio.CancelScope(deadline=deadline) as self._alarm:
                self._wake_if_lost()
                await trio.sleep_forever()
            try:
                await self._remove_lost()
                while await self._location.purge(_BATCH, trio.current_time()):
                    pass
            except OSError as error:
                # What was not removed is tried again, but not at once.
                self._store_failed(error)
                await trio.sleep(self._purge_interval)
            await self._let_go_expired()

    async def _remove_lost(self) -> None:
        lost = self._flows.lost
        while lost:
            await self._location.remove_flow(lost[0], trio.current_time())
            self._flows.forget(lost.popleft())
            self._flows_lost += 1

    async def _let_go_expired(self) -> None:
        for number, flow in enumerate(self._flows, 1):
            self._flows.let_go_expired(flow, trio.current_time())
            if number % _BATCH == 0:
                await trio.lowlevel.checkpoint()
