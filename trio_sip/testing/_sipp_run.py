"""Scenarios, run: on the sockets of whatever network, with a verdict that is true."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.transport import Address, Network, SocketNetwork

from ._histogram import Histogram
from ._ladder import ladder
from ._sipp_fields import CallSettings
from ._sipp_pace import Ramp
from ._sipp_rows import InjectionFile, Rows
from ._sipp_rules import CallRules, DefaultBehaviour
from ._sipp_runner import Plan, Runner
from ._sipp_scenario import Scenario
from ._sipp_sockets import ScenarioTransport, Sockets
from ._sipp_statistics import ScenarioStatistics
from ._sipp_twin import SocketTwin, Twin, join_twins
from ._wire import Wire

__all__ = ["ScenarioMonitor", "ScenarioResult", "run_sipp_scenario", "run_sipp_twins"]

_MEDIA_PORT = 6000
# SIPp's own; its documentation says 7 of what is no INVITE.
_INVITE_REPETITIONS = 5
_OTHER_REPETITIONS = 9
_T2 = 4.0


@attrs.frozen(kw_only=True)
class ScenarioResult:
    """How a scenario went."""

    statistics: ScenarioStatistics
    failures: list[str]
    """Why each call failed that did."""

    log: list[str]
    """What the scenario logged."""

    wires: list[Wire]
    """What was sent and what came, seen from here."""

    @property
    def successful(self) -> int:
        """How many calls went as written."""
        return self.statistics.successful

    @property
    def retransmissions(self) -> int:
        """How many messages were sent again."""
        return self.statistics.retransmissions

    @property
    def response_times(self) -> Mapping[str, Histogram]:
        """By the name of the ``rtd``."""
        return self.statistics.response_times

    @property
    def exit_status(self) -> int:
        """0 if all calls went as written, and there was one; else 1."""
        return 0 if self.successful and not self.failures else 1

    def ladder(self, names: Mapping[str | Address, str] | None = None) -> str:
        """Draw what was seen, retransmissions folded."""
        return ladder(self.wires, names, fold=True)


class ScenarioMonitor:
    """Looks at a scenario while it runs: give it to `run_sipp_scenario`."""

    def __init__(self) -> None:
        self._runner: Runner | None = None

    @property
    def statistics(self) -> ScenarioStatistics | None:
        """What has been counted so far; ``None`` before it has begun."""
        runner = self._runner
        return None if runner is None else runner.tally.statistics(trio.current_time())

    def _watch(self, runner: Runner) -> None:
        self._runner = runner


async def run_sipp_scenario(
    scenario: Scenario,
    remote: Address | None = None,
    *,
    local: Address = Address("127.0.0.1", 0),  # noqa: B008  (a value that cannot change)
    network: Network | None = None,
    transport: ScenarioTransport | str = ScenarioTransport.UDP,
    calls: int | None = 1,
    rate: float | Ramp = 10.0,
    limit: int | None = None,
    users: int | None = None,
    duration: float = math.inf,
    patience: float = math.inf,
    pause: float = 0.0,
    receive_timeout: float = math.inf,
    service: str = "service",
    rows: Sequence[Sequence[str]] = (),
    files: Sequence[InjectionFile] = (),
    keys: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
    username: str = "",
    password: str = "",
    first_cseq: int = 1,
    retransmits: bool = True,
    repetitions: int | None = None,
    longest_interval: float = _T2,
    loss: float = 0.0,
    automatic_answers: bool = False,
    defaults: DefaultBehaviour = DefaultBehaviour.ALL,
    out_of_call: Scenario | None = None,
    twin: Twin | Address | None = None,
    seed: int = 0,
    skip_unsupported: bool = False,
    keeps_wires: bool = True,
    monitor: ScenarioMonitor | None = None,
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
      transport: a `ScenarioTransport`, or its value: ``udp``, ``udp-per-call``, ``tcp``,
        ``tcp-per-call``.
      calls: how many of them; ``None``: as many as there is time for.
      rate: how many begin in a second.
      limit: how many may be open at once.
      users: so many callers instead of a rate: each begins a call when its last one has ended.
      duration: seconds after which no call begins any more.
      patience: seconds after which calls that have not ended have failed.
      pause: seconds, for a ``<pause>`` that does not say how long.
      receive_timeout: seconds to wait for a message, where the scenario does not say.
      service: what ``[service]`` stands for.
      rows: what ``[field0]``, … stand for in each call, from the beginning again when used up;
        see `read_sipp_rows`.
      files: the same from several files, in whatever order; see `read_injection_file`.
      keys: what the keywords mean that `load_sipp_scenario` was told of.
      variables: global variables from the beginning, as by SIPp's ``-set``.
      username: for ``[authentication]`` that names nobody.
      first_cseq: what ``[cseq]`` is in the first request.
      retransmits: over UDP; without it, nothing is repeated, and a copy of what came is one more
        message, as with SIPp's option ``-nr``.
      repetitions: how often a message is sent again before the call fails; 5 times if it is an
        INVITE, and otherwise 9, as with SIPp.
      longest_interval: T2, seconds: the most between repetitions, but of an INVITE.
      loss: how likely it is that a message is lost on purpose, where the scenario does not say.
      automatic_answers: INFO, NOTIFY, OPTIONS and UPDATE are answered wherever they come.
      defaults: what else is done that no scenario says.
      out_of_call: the scenario of requests that belong to no call.
      twin: the scenario that gets what ``<sendCmd>`` sends: see `run_sipp_twins`, or the address
        of SIPp's twin socket.  It is connected to if the first command goes out, and else bound.
      seed: of the dice for losses, chances and pauses.
      skip_unsupported: leave out what cannot be done here instead of refusing the scenario.
      keeps_wires: keep all messages, for the ladder; many calls have many.
      monitor: tells how it is going.

    Raises:
      LocalProtocolError: something in the scenario cannot be done here; it says what, with its
        lines.  Or a client has nobody to call, or a command nobody to go to.

    Cancellation: every call ends where it is.
    """
    transport = ScenarioTransport(transport)
    _check(scenario, remote, twin, skip_unsupported=skip_unsupported)
    where = network or SocketNetwork()
    files = [*([InjectionFile(rows=tuple(map(tuple, rows)))] if rows else []), *files]
    rules = CallRules(
        network=where,
        retransmits=retransmits,
        invite_repetitions=_INVITE_REPETITIONS if repetitions is None else repetitions,
        other_repetitions=_OTHER_REPETITIONS if repetitions is None else repetitions,
        longest_interval=longest_interval,
        pause=pause,
        receive_timeout=receive_timeout,
        loss=loss,
        automatic_answers=automatic_answers,
        defaults=defaults,
    )
    plan = Plan(
        calls=calls,
        rate=rate,
        limit=limit,
        users=users,
        duration=duration,
        patience=patience,
        out_of_call=out_of_call,
        keeps_wires=keeps_wires,
    )
    try:
        async with trio.open_nursery() as nursery:
            listens = scenario.is_server
            sockets = Sockets(where, transport, local, nursery, listens=listens)
            socket_twin = SocketTwin(nursery)
            try:
                here = await sockets.open(remote)
                if isinstance(twin, Address):
                    connects = scenario.commands_first
                    await socket_twin.open(where, twin, connects=connects)
                    twin = socket_twin
                settings = CallSettings(
                    host=here.host,
                    transport="TCP" if transport.is_tcp else "UDP",
                    service=service,
                    pid=_pid(here, network),
                    media_port=_MEDIA_PORT,
                    username=username,
                    password=password,
                    keys=keys or {},
                    first_cseq=first_cseq,
                    users=users or 0,
                    rows=Rows(files),
                    epoch=0.0 if network is not None else time.time() - trio.current_time(),
                )
                dice = random.Random(seed)  # noqa: S311
                given = dict(variables or {})
                runner = Runner(scenario, settings, rules, plan, sockets, twin, dice, given)
                if monitor is not None:
                    monitor._watch(runner)
                task_status.started(here)
                await runner.run(remote)
                with trio.move_on_after(1):
                    await sockets.close()
            finally:
                socket_twin.close()
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        # What has gone wrong leaves as itself; the nurseries are nobody's business.
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None
    return ScenarioResult(
        statistics=runner.tally.statistics(trio.current_time()),
        failures=runner.failures,
        log=runner.log,
        wires=runner.wires,
    )


async def run_sipp_twins(
    runs: Mapping[str, Callable[[Twin], Awaitable[ScenarioResult]]],
) -> dict[str, ScenarioResult]:
    """Run scenarios at once that send each other commands: SIPp's third-party call control.

    Args:
      runs: by the names that ``dest`` and ``src`` have for them.  Each is called with what it
        has to give to `run_sipp_scenario` as its *twin*.

    Returns: how each went, by name.
    """
    return await join_twins(runs)


def _check(
    scenario: Scenario,
    remote: Address | None,
    twin: Twin | Address | None,
    *,
    skip_unsupported: bool,
) -> None:
    if scenario.unsupported and not skip_unsupported:
        told = "; ".join(str(one) for one in scenario.unsupported)
        raise LocalProtocolError(f"not supported: {told}")
    if remote is None and not scenario.is_server:
        raise LocalProtocolError("the scenario makes calls, and there is nobody to call")
    if twin is None and scenario.has_commands:
        raise LocalProtocolError("the scenario sends commands, and there is no twin")


def _pid(local: Address, network: Network | None) -> int:
    """What makes the Call-IDs, tags and branches of one run other than those of the next."""
    # In a network that was given, a simulated one mostly, each run must be like the one before.
    return local.port if network is not None else os.getpid() * 100_000 + local.port
