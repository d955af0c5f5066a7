"""``trio-sip sipp``: a SIPp scenario, run, with a true exit status."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import trio
from cyclopts import Parameter

from trio_sip.testing import (
    Scenario,
    ScenarioError,
    ScenarioResult,
    load_sipp_scenario,
    read_sipp_rows,
    run_sipp_scenario,
)
from trio_sip.transport import Address, SocketNetwork

from ._errors import ExitStatus, UsageError
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
    tcp: bool = False,
    calls: Annotated[int, Parameter(converter=whole_number)] = 1,
    rate: float = 10.0,
    pause: float = 0.0,
    service: str = "service",
    rows: Path | None = None,
    key: tuple[str, ...] = (),
    username: str = "",
    password: Annotated[str, Parameter(env_var="TRIO_SIP_PASSWORD", show_env_var=True)] = "",
    no_retransmissions: bool = False,
    seed: Annotated[int, Parameter(converter=whole_number)] = 0,
    wait: float = 600.0,
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
    tcp
        Use one TCP connection instead of UDP.
    calls
        How many calls.
    rate
        How many begin in a second.
    pause
        Seconds for a <pause> that does not say how long.
    service
        What [service] stands for.
    rows
        An injection file: what [field0], … stand for.
    key
        NAME=VALUE: what the keyword [NAME] stands for.
    username
        For an [authentication] that names nobody.
    password
        The password of that user.
    no_retransmissions
        Repeat nothing over UDP, and take what comes again for one more message.
    seed
        Of the dice for losses, chances and pauses.
    wait
        Seconds after which calls that have not ended have failed.
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
    try:
        scenario = load_sipp_scenario(await trio.Path(file).read_bytes(), keys)
    except ScenarioError as error:
        raise UsageError(f"{file}: {error}") from None
    if check:
        return _check(scenario)
    if calls < 1 or rate <= 0 or pause < 0 or wait <= 0:
        raise UsageError("want at least one call, and times and a rate above zero")
    where = None if remote is None else await _address(remote, _DEFAULT_PORT)
    fields = "" if rows is None else await trio.Path(rows).read_text()
    transport = "tcp" if tcp else "udp"
    result = ScenarioResult()
    with trio.move_on_after(wait) as patience:
        result = await run_sipp_scenario(
            scenario,
            where,
            local=await _address(local, 0),
            transport=transport,
            calls=calls,
            rate=rate,
            pause=pause,
            service=service,
            rows=read_sipp_rows(fields),
            keys=keys,
            username=username,
            password=password,
            retransmits=not no_retransmissions,
            seed=seed,
            skip_unsupported=skip_unsupported,
            task_status=_Announcement(transport) if announce else trio.TASK_STATUS_IGNORED,
        )
    if patience.cancelled_caught:
        result.failures.append(f"not every call had ended after {wait:g} s")
    return _tell(result, draw=ladder)


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
