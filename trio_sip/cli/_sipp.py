"""``trio-sip sipp``: a SIPp scenario, run, with a true exit status."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import trio
from cyclopts import Parameter

from trio_sip.testing import (
    DefaultBehaviour,
    InjectionFile,
    Ramp,
    Scenario,
    ScenarioError,
    ScenarioMonitor,
    ScenarioResult,
    load_sipp_scenario,
    read_injection_file,
    run_sipp_scenario,
)
from trio_sip.transport import Address, SocketNetwork

from ._errors import ExitStatus, UsageError
from ._sipp_progress import open_progress
from ._text import one_line, printable
from ._usage import whole_number

__all__ = ["sipp"]

_DEFAULT_PORT = 5060


async def sipp(
    file: Path,
    remote: str | None = None,
    /,
    *,
    local: str = "127.0.0.1:0",
    transport: Literal["udp", "udp-per-call", "tcp", "tcp-per-call"] = "udp",
    tcp: bool = False,
    calls: Annotated[int | None, Parameter(converter=whole_number)] = None,
    rate: float = 10.0,
    rate_increase: float = 0.0,
    rate_interval: float = 60.0,
    rate_maximum: float = math.inf,
    limit: Annotated[int | None, Parameter(converter=whole_number)] = None,
    users: Annotated[int | None, Parameter(converter=whole_number)] = None,
    duration: float = math.inf,
    wait: float = 600.0,
    receive_timeout: float = math.inf,
    pause: float = 0.0,
    service: str = "service",
    rows: tuple[Path, ...] = (),
    index: tuple[str, ...] = (),
    key: tuple[str, ...] = (),
    set_variable: tuple[str, ...] = (),
    username: str = "",
    password: Annotated[str, Parameter(env_var="TRIO_SIP_PASSWORD", show_env_var=True)] = "",
    first_cseq: Annotated[int, Parameter(converter=whole_number)] = 1,
    no_retransmissions: bool = False,
    repetitions: Annotated[int | None, Parameter(converter=whole_number)] = None,
    longest_interval: float = 4.0,
    loss: float = 0.0,
    answer_automatically: bool = False,
    no_defaults: bool = False,
    out_of_call: Path | None = None,
    twin: str | None = None,
    seed: Annotated[int, Parameter(converter=whole_number)] = 0,
    statistics: tuple[Path, ...] = (),
    check: bool = False,
    ladder: bool = False,
    announce: bool = False,
    skip_unsupported: bool = False,
) -> int:
    """Run a SIPp scenario.

    Parameters
    ----------
    file
        The scenario, an XML file.
    remote
        HOST or HOST:PORT to call.  A scenario that begins with <recv request=…> waits for calls.
    local
        HOST:PORT to bind; port 0 lets the system choose.
    transport
        One socket or connection for all calls, or one for each.  A server takes all that come.
    tcp
        The same as --transport tcp.
    calls
        How many calls: 1, or as many as there is time for with --duration.
    rate
        How many begin in a second.
    rate_increase
        How many more begin in a second after each interval.
    rate_interval
        Seconds.
    rate_maximum
        The rate that is kept when it is reached.
    limit
        How many calls may be open at once.
    users
        So many callers instead of a rate; each calls again when its call has ended.
    duration
        Seconds after which no call begins any more.
    wait
        Seconds after which calls that have not ended have failed.
    receive_timeout
        Seconds to wait for a message, where the scenario does not say.
    pause
        Seconds for a <pause> that does not say how long.
    service
        What [service] stands for.
    rows
        An injection file: what [field0], … stand for.  There may be several.
    index
        NAME=FIELD: the field that <lookup> looks in, in the injection file of that name.
    key
        NAME=VALUE: what the keyword [NAME] stands for.
    set_variable
        NAME=VALUE: a global variable.
    username
        For an [authentication] that names nobody.
    password
        The password of that user.
    first_cseq
        What [cseq] is in the first request.
    no_retransmissions
        Repeat nothing over UDP, and take what comes again for one more message.
    repetitions
        How often a message is sent again over UDP before the call fails.
    longest_interval
        T2, seconds: the most between repetitions.
    loss
        How likely it is that a message is lost on purpose, from 0 to 1.
    answer_automatically
        Answer INFO, NOTIFY, OPTIONS and UPDATE wherever they come.
    no_defaults
        Pass over what is not expected, and end no call that fails.
    out_of_call
        The scenario of requests that belong to no call, an XML file.
    twin
        HOST:PORT of the scenario that <sendCmd> and <recvCmd> talk with.
    seed
        Of the dice for losses, chances and pauses.
    statistics
        A file for the counters, .csv as SIPp writes them or .json.  There may be several.
    check
        Only tell what in the file is not supported.
    ladder
        Draw the conversation at the end.
    announce
        Say first where it listens.
    skip_unsupported
        Leave out what is not supported.
    """
    keys = dict(_pair(one) for one in key)
    scenario = await _scenario(file, keys)
    if check:
        return _check(scenario)
    aside = None if out_of_call is None else await _scenario(out_of_call, keys)
    if calls is None and duration == math.inf:
        calls = 1
    numbers = (one for one in (calls, limit, users) if one is not None)
    times = (rate, rate_interval, wait, duration, receive_timeout, longest_interval)
    if min(numbers, default=1) < 1 or min(times) <= 0 or pause < 0 or not 0 <= loss <= 1:
        raise UsageError("want at least one call, and times and a rate above zero")
    for path in statistics:
        if path.suffix not in {".csv", ".json"}:
            raise UsageError(f"want a file that ends with .csv or .json, not {path}")
    where = None if remote is None else await _address(remote, _DEFAULT_PORT)
    chosen = "tcp" if tcp else transport
    monitor = ScenarioMonitor()
    async with open_progress(monitor):
        result = await run_sipp_scenario(
            scenario,
            where,
            local=await _address(local, 0),
            transport=chosen,
            calls=calls,
            rate=Ramp(rate, rate_increase, rate_interval, rate_maximum),
            limit=limit,
            users=users,
            duration=duration,
            patience=wait,
            receive_timeout=receive_timeout,
            pause=pause,
            service=service,
            files=await _files(rows, dict(_pair(one) for one in index)),
            keys=keys,
            variables=dict(_pair(one) for one in set_variable),
            username=username,
            password=password,
            first_cseq=first_cseq,
            retransmits=not no_retransmissions,
            repetitions=repetitions,
            longest_interval=longest_interval,
            loss=loss,
            automatic_answers=answer_automatically,
            defaults=DefaultBehaviour.NONE if no_defaults else DefaultBehaviour.ALL,
            out_of_call=aside,
            twin=None if twin is None else await _address(twin, 0),
            seed=seed,
            skip_unsupported=skip_unsupported,
            keeps_wires=ladder,
            monitor=monitor,
            task_status=_Announcement(chosen[:3]) if announce else trio.TASK_STATUS_IGNORED,
        )
    for path in statistics:
        is_csv = path.suffix == ".csv"
        told = result.statistics.csv() if is_csv else result.statistics.json()
        await trio.Path(path).write_text(told)
    return _tell(result, draw=ladder)


async def _scenario(file: Path, keys: Mapping[str, str]) -> Scenario:
    try:
        return load_sipp_scenario(await trio.Path(file).read_bytes(), keys)
    except ScenarioError as error:
        raise UsageError(f"{file}: {error}") from None


async def _files(paths: Sequence[Path], index: Mapping[str, str]) -> list[InjectionFile]:
    files: list[InjectionFile] = []
    for path in paths:
        field = index.get(path.name)
        if field is not None and not (field.isascii() and field.isdigit()):
            raise UsageError(f"want the number of a field, not {field!r}")
        text = await trio.Path(path).read_text()
        try:
            number = None if field is None else int(field)
            files.append(read_injection_file(text, path.name, index=number))
        except ScenarioError as error:
            raise UsageError(f"{path}: {error}") from None
    return files


class _Announcement(trio.TaskStatus[Address]):
    """Says where the scenario listens, in the words of ``trio-sip serve``."""

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme

    def started(self, value: Address | None = None) -> None:
        print(f"listening on {self._scheme}://{value}", flush=True)


async def _address(text: str, port: int) -> Address:
    host, colon, digits = text.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        # No port, or an IPv6 address without brackets.
        host, digits = text, str(port)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 6):
        raise UsageError(f"bad port in {text!r}")
    found = await SocketNetwork().resolve(host.strip("[]"), int(digits), "UDP")
    return Address(found[0].host, int(digits))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"want NAME=VALUE, not {text!r}")
    return name, value


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
