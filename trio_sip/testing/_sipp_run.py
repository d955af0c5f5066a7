"""Scenarios, run: on the sockets of whatever network, with a verdict that is true."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence

import attrs
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.transport import Address, Network, SocketNetwork

from ._ladder import ladder
from ._sipp_call import ScenarioCall, call_id_of
from ._sipp_fields import CallFailed, CallFields, CallSettings
from ._sipp_port import DatagramPort, ScenarioPort, StreamPort
from ._sipp_scenario import Scenario
from ._wire import Wire

__all__ = ["ScenarioResult", "read_sipp_rows", "run_sipp_scenario"]

_MEDIA_PORT = 6000


@attrs.define(eq=False)
class ScenarioResult:
    """How a scenario went."""

    successful: int = 0
    failures: list[str] = attrs.field(factory=list)
    """Why each call failed that did."""

    retransmissions: int = 0
    log: list[str] = attrs.field(factory=list)
    """What the scenario logged."""

    response_times: dict[str, list[float]] = attrs.field(factory=dict)
    """Seconds, by the name of the ``rtd``."""

    unmatched: int = 0
    """Messages that belong to no call."""

    wires: list[Wire] = attrs.field(factory=list)
    """What was sent and what came, seen from here."""

    @property
    def exit_status(self) -> int:
        """0 if all calls went as written, and there was one; else 1."""
        return 0 if self.successful and not self.failures else 1

    def ladder(self, names: Mapping[str | Address, str] | None = None) -> str:
        """Draw what was seen, retransmissions folded."""
        return ladder(self.wires, names, fold=True)


async def run_sipp_scenario(
    scenario: Scenario,
    remote: Address | None = None,
    *,
    local: Address = Address("127.0.0.1", 0),  # noqa: B008  (a value that cannot change)
    network: Network | None = None,
    transport: str = "udp",
    calls: int = 1,
    rate: float = 10.0,
    pause: float = 0.0,
    service: str = "service",
    rows: Sequence[Sequence[str]] = (),
    keys: Mapping[str, str] | None = None,
    username: str = "",
    password: str = "",
    retransmits: bool = True,
    seed: int = 0,
    skip_unsupported: bool = False,
    task_status: trio.TaskStatus[Address] = trio.TASK_STATUS_IGNORED,
) -> ScenarioResult:
    """Run a scenario until all its calls have ended.

    A scenario that begins with a request from outside is a server's, and waits for its calls.
    Started with ``nursery.start``, it tells the address it listens on.

    Args:
      scenario: from `load_sipp_scenario`.
      remote: whom to call; a server answers whoever calls.
      local: the address to bind; port 0 lets the network choose.
      network: the sockets of the operating system, or a `MemoryHost`.
      transport: ``udp``, or ``tcp`` for one connection, as SIPp's mode ``t1``.
      calls: how many of them, *rate* a second.
      pause: seconds, for a ``<pause>`` that does not say how long.
      service: what ``[service]`` stands for.
      rows: what ``[field0]``, … stand for in each call, from the beginning again when used up;
        see `read_sipp_rows`.
      keys: what the keywords mean that `load_sipp_scenario` was told of.
      username: for ``[authentication]`` that names nobody.
      retransmits: over UDP; without it, nothing is repeated, and a copy of what came is one more
        message, as with SIPp's option ``-nr``.
      seed: of the dice for losses, chances and pauses.
      skip_unsupported: leave out what cannot be done here instead of refusing the scenario.

    Raises:
      LocalProtocolError: something in the scenario cannot be done here; it says what, with its
        lines.  Or a client has nobody to call.

    Cancellation: every call ends where it is.
    """
    if scenario.unsupported and not skip_unsupported:
        told = "; ".join(str(one) for one in scenario.unsupported)
        raise LocalProtocolError(f"not supported: {told}")
    if remote is None and not scenario.is_server:
        raise LocalProtocolError("the scenario makes calls, and there is nobody to call")
    where = network or SocketNetwork()
    result = ScenarioResult()
    try:
        async with trio.open_nursery() as nursery:
            port = await _open_port(transport, where, nursery, local, remote, scenario)
            try:
                settings = CallSettings(
                    local=port.local,
                    transport=port.transport,
                    service=service,
                    pid=_pid(port.local, network),
                    media_port=_MEDIA_PORT,
                    username=username,
                    password=password,
                    keys=keys or {},
                )
                dice = random.Random(seed)  # noqa: S311
                runner = _Runner(scenario, settings, port, pause, rows, dice, retransmits)
                task_status.started(port.local)
                result = await runner.run(remote, calls, rate)
            finally:
                port.close()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # What has gone wrong leaves as itself; the nurseries are nobody's business.
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None
    return result


async def _open_port(
    transport: str,
    network: Network,
    nursery: trio.Nursery,
    local: Address,
    remote: Address | None,
    scenario: Scenario,
) -> DatagramPort | StreamPort:
    if transport != "tcp":
        return DatagramPort(network, local, remote)
    port = StreamPort(network, nursery)
    await port.open(local, None if scenario.is_server else remote)
    return port


def _pid(local: Address, network: Network | None) -> int:
    """What makes the Call-IDs, tags and branches of one run other than those of the next."""
    # In a network that was given, a simulated one mostly, each run must be like the one before.
    return local.port if network is not None else os.getpid() * 100_000 + local.port


def read_sipp_rows(text: str) -> list[list[str]]:
    """The rows of a SIPp injection file: fields between semicolons, ``#`` for comments.

    The first line says SEQUENTIAL, RANDOM or USER; rows are used in their order all the same.
    """
    lines = [line.strip("\r") for line in text.split("\n")]
    rows = [line for line in lines[1:] if line.strip() and not line.startswith("#")]
    return [row.split(";") for row in rows]


class _Runner:
    def __init__(
        self,
        scenario: Scenario,
        settings: CallSettings,
        port: ScenarioPort,
        pause: float,
        rows: Sequence[Sequence[str]],
        dice: random.Random,
        retransmits: bool,
    ) -> None:
        self._scenario = scenario
        self._settings = settings
        self._port = port
        self._pause = pause
        self._rows = rows
        self._dice = dice
        self._retransmits = retransmits
        self._calls: dict[str, ScenarioCall] = {}
        self._result = ScenarioResult()
        self._ended = 0
        self._all_ended = trio.Event()

    async def run(self, remote: Address | None, calls: int, rate: float) -> ScenarioResult:
        self._wanted = calls
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._read, name="scenario reader")
            if not self._scenario.is_server and remote is not None:
                for number in range(calls):
                    if number:
                        await trio.sleep(1 / rate)
                    local = self._settings.local
                    call_id = f"{number + 1}-{self._settings.pid}@{local.host}"
                    self._begin(call_id, remote)
            await self._all_ended.wait()
            nursery.cancel_scope.cancel()
        return self._result

    def _begin(self, call_id: str, remote: Address) -> ScenarioCall:
        number = len(self._calls) + 1
        row = self._rows[(number - 1) % len(self._rows)] if self._rows else ()
        dice = random.Random(self._dice.getrandbits(64))  # noqa: S311
        fields = CallFields(self._settings, number, call_id, remote, row, dice)
        call = ScenarioCall(
            self._scenario,
            fields,
            self._port,
            dice,
            self._pause,
            self._record,
            retransmits=self._retransmits,
        )
        self._calls[call_id] = call
        self._nursery.start_soon(self._run_call, call, name=f"call {number}")
        return call

    async def _run_call(self, call: ScenarioCall) -> None:
        result = self._result
        try:
            await call.run()
        except CallFailed as failure:
            result.failures.append(f"call {call.fields.number}: {failure}")
        else:
            result.successful += 1
        result.retransmissions += call.retransmissions
        result.log += call.fields.log
        for name, seconds in call.response_times:
            result.response_times.setdefault(name, []).append(seconds)
        self._ended += 1
        if self._ended >= self._wanted or call.fields.stop == "now":
            self._all_ended.set()

    async def _read(self) -> None:
        while True:
            data, source = await self._port.receive()
            self._record(data, source, False)
            text = data.decode("utf-8", "surrogateescape")
            call = self._calls.get(call_id_of(text))
            is_request = not text.startswith("SIP/2.0 ") and bool(text.strip())
            may_begin = self._scenario.is_server and len(self._calls) < self._wanted
            if call is None and may_begin and is_request:
                call = self._begin(call_id_of(text), source)
            if call is None:
                self._result.unmatched += 1
            else:
                call.deliver(data, source)

    def _record(self, data: bytes, other: Address, outgoing: bool) -> None:
        local = self._port.local
        self._result.wires.append(
            Wire(
                time=trio.current_time(),
                source=local if outgoing else other,
                destination=other if outgoing else local,
                transport=self._port.transport,
                data=data,
            )
        )
