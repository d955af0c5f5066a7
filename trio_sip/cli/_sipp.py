"""``trio-sip sipp``: a SIPp scenario, run, with a true exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import trio

from trio_sip.testing import Scenario, ScenarioMonitor, ScenarioResult, run_sipp_scenario
from trio_sip.transport import Address

from ._errors import ExitStatus
from ._sipp_options import Fields, Load, Messages, Output, address_of, read_scenario
from ._sipp_progress import open_progress
from ._text import one_line, printable

__all__ = ["sipp"]

_DEFAULT_PORT = 5060


async def sipp(
    file: Path,
    remote: str | None = None,
    /,
    *,
    load: Load = Load(),  # noqa: B008  (a value that cannot change)
    messages: Messages = Messages(),  # noqa: B008  (as above)
    fields: Fields = Fields(),  # noqa: B008  (as above)
    output: Output = Output(),  # noqa: B008  (as above)
) -> int:
    """Run a SIPp scenario.

    Parameters
    ----------
    file
        The scenario, an XML file.
    remote
        HOST or HOST:PORT to call.  A scenario that begins with <recv request=…> waits for calls.
    """
    keys = fields.keys
    scenario = await read_scenario(file, keys)
    if output.check:
        return _check(scenario)
    rules, plan = await messages.rules(keys), load.plan()
    output.require_known_files()
    where = None if remote is None else await address_of(remote, _DEFAULT_PORT)
    transport = "tcp" if messages.tcp else messages.transport
    announcement = _Announcement(transport[:3])
    monitor = ScenarioMonitor()
    async with open_progress(monitor):
        result = await run_sipp_scenario(
            scenario,
            where,
            local=await address_of(messages.local, 0),
            transport=transport,
            calls=load.count,
            keys=keys,
            plan=plan,
            rules=rules,
            fields=await fields.fields(),
            twin=None if messages.twin is None else await address_of(messages.twin, 0),
            seed=messages.seed,
            keeps_wires=output.ladder,
            monitor=monitor,
            task_status=announcement if output.announce else trio.TASK_STATUS_IGNORED,
        )
    await _write(result, output.statistics)
    return _tell(result, draw=output.ladder)


class _Announcement(trio.TaskStatus[Address]):
    """Says where the scenario listens, in the words of ``trio-sip serve``."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme

    def started(self, value: Address | None = None) -> None:
        print(f"listening on {self._scheme}://{value}", flush=True)


async def _write(result: ScenarioResult, paths: Sequence[Path]) -> None:
    for path in paths:
        is_csv = path.suffix == ".csv"
        told = result.statistics.csv() if is_csv else result.statistics.json()
        await trio.Path(path).write_text(told)


def _check(scenario: Scenario) -> int:
    for one in scenario.unsupported:
        print(one_line(str(one)))
    if not scenario.unsupported:
        print("everything in it is supported")
    return ExitStatus.FAILED if scenario.unsupported else ExitStatus.OK


def _tell(result: ScenarioResult, *, draw: bool) -> int:
    for line in result.log:
        print(one_line(line))
    if draw:
        print("\n".join(printable(line) for line in result.ladder().splitlines()))
    for failure in result.failures:
        print(f"trio-sip: {one_line(failure)}", file=sys.stderr)
    print(
        f"{result.successful} successful, {len(result.failures)} failed, "
        f"{result.retransmissions} retransmissions"
    )
    for name, times in result.response_times.items():
        print(
            f"rtd {one_line(name)}: {times.minimum:.3f} to {times.maximum:.3f} s, "
            f"{times.count} times"
        )
    return ExitStatus.OK if result.exit_status == 0 else ExitStatus.FAILED
