"""Scenarios, run: on the sockets of whatever network, with a verdict that is true."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import attrs
import trio

from trio_sip._errors import LocalProtocolError
from trio_sip.stack import unwrapping_single_errors
from trio_sip.testing._histogram import Histogram
from trio_sip.testing.recordings import Wire, ladder
from trio_sip.transport import Address, Network, SocketNetwork

from ._fields import CallSettings, ScenarioFields
from ._pace import ScenarioPlan
from ._rows import InjectionFile, Rows
from ._rules import ScenarioRules
from ._runner import Runner
from ._scenario import Scenario
from ._sockets import ScenarioTransport, open_sockets
from ._statistics import ScenarioStatistics
from ._twin import Twin, join_twins, open_twin

__all__ = ["ScenarioMonitor", "ScenarioResult", "run_sipp_scenario", "run_sipp_twins"]

_MEDIA_PORT = 6000


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
    rows: Sequence[Sequence[str]] = (),
    keys: Mapping[str, str] | None = None,
    plan: ScenarioPlan = ScenarioPlan(),  # noqa: B008  (as above)
    rules: ScenarioRules = ScenarioRules(),  # noqa: B008  (as above)
    fields: ScenarioFields = ScenarioFields(),  # noqa: B008  (as above)
    twin: Twin | Address | None = None,
    seed: int = 0,
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
      rows: what ``[field0]``, … stand for in each call, from the beginning again when used up;
        see `read_sipp_rows`.
      keys: what the keywords mean that `load_sipp_scenario` was told of.
      plan: when calls begin, and until when.
      rules: what is done that the scenario does not say.
      fields: what the other keywords stand for.
      twin: the scenario that gets what ``<sendCmd>`` sends: see `run_sipp_twins`, or the address
        of SIPp's twin socket.  It is connected to if the first command goes out, and else bound.
      seed: of the dice for losses, chances and pauses.
      keeps_wires: keep all messages, for the ladder; many calls have many.
      monitor: tells how it is going.

    Raises:
      LocalProtocolError: something in the scenario cannot be done here; it says what, with its
        lines.  Or a client has nobody to call, or a command nobody to go to.
      OSError: the sockets cannot be had.

    Cancellation: every call ends where it is.
    """
    transport = ScenarioTransport(transport)
    _check(scenario, remote, twin, rules)
    where = network or SocketNetwork()
    listens, connects = scenario.is_server, scenario.commands_first
    with unwrapping_single_errors():
        async with (
            open_sockets(where, transport, local, remote, listens=listens) as (sockets, here),
            open_twin(where, twin, connects=connects) as joined,
        ):
            settings = CallSettings(
                network=where,
                host=here.host,
                transport="TCP" if transport.is_tcp else "UDP",
                pid=_pid(here, network),
                media_port=_MEDIA_PORT,
                users=plan.users or 0,
                keys=keys or {},
                rows=Rows([*_unnamed(rows), *fields.files]),
                given=fields,
                epoch=0.0 if network is not None else time.time() - trio.current_time(),
            )
            runner = Runner(
                scenario, settings, rules, plan, sockets, joined,
                calls=calls, seed=seed, keeps_wires=keeps_wires,
            )  # fmt: skip
            if monitor is not None:
                monitor._watch(runner)
            task_status.started(here)
            await runner.run(remote)
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


def _unnamed(rows: Sequence[Sequence[str]]) -> list[InjectionFile]:
    """The file of rows that were given without one."""
    return [InjectionFile(rows=tuple(map(tuple, rows)))] if rows else []


def _check(
    scenario: Scenario, remote: Address | None, twin: Twin | Address | None, rules: ScenarioRules
) -> None:
    if scenario.unsupported and not rules.skips_unsupported:
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
