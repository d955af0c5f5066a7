"""The options of ``trio-sip sipp``, as values that say what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import attrs
import trio
from cyclopts import Group, Parameter

from trio_sip.testing import (
    DefaultBehaviour,
    InjectionFile,
    Ramp,
    Scenario,
    ScenarioError,
    ScenarioFields,
    ScenarioPlan,
    ScenarioRules,
    load_sipp_scenario,
    read_injection_file,
)
from trio_sip.transport import Address, SocketNetwork

from ._errors import UsageError
from ._usage import whole_number

__all__ = ["Fields", "Load", "Messages", "Output", "address_of", "read_scenario"]

_WholeNumber = Annotated[int | None, Parameter(converter=whole_number)]


@Parameter(name="*", group=Group.create_ordered("Load"))
@attrs.frozen(kw_only=True)
class Load:
    """How many calls, and when.

    Parameters
    ----------
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
    """

    calls: _WholeNumber = None
    rate: float = 10.0
    rate_increase: float = 0.0
    rate_interval: float = 60.0
    rate_maximum: float = math.inf
    limit: _WholeNumber = None
    users: _WholeNumber = None
    duration: float = math.inf
    wait: float = 600.0

    @property
    def count(self) -> int | None:
        """How many calls; ``None``: as many as there is time for."""
        return 1 if self.calls is None and self.duration == math.inf else self.calls

    def plan(self) -> ScenarioPlan:
        """What it is for the scenario."""
        numbers = (one for one in (self.calls, self.limit, self.users) if one is not None)
        times = (self.rate, self.rate_interval, self.wait, self.duration)
        _require(min(numbers, default=1) >= 1 and min(times) > 0)
        return ScenarioPlan(
            rate=Ramp(self.rate, self.rate_increase, self.rate_interval, self.rate_maximum),
            limit=self.limit,
            users=self.users,
            duration=self.duration,
            patience=self.wait,
        )


@Parameter(name="*", group=Group.create_ordered("Messages"))
@attrs.frozen(kw_only=True)
class Messages:
    """How they are sent, and what is done that the file does not say.

    Parameters
    ----------
    local
        HOST:PORT to bind; port 0 lets the system choose.
    transport
        One socket or connection for all calls, or one for each.  A server takes all that come.
    tcp
        The same as --transport tcp.
    receive_timeout
        Seconds to wait for a message, where the scenario does not say.
    pause
        Seconds for a <pause> that does not say how long.
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
    skip_unsupported
        Leave out what is not supported.
    """

    local: str = "127.0.0.1:0"
    transport: Literal["udp", "udp-per-call", "tcp", "tcp-per-call"] = "udp"
    tcp: bool = False
    receive_timeout: float = math.inf
    pause: float = 0.0
    no_retransmissions: bool = False
    repetitions: _WholeNumber = None
    longest_interval: float = 4.0
    loss: float = 0.0
    answer_automatically: bool = False
    no_defaults: bool = False
    out_of_call: Path | None = None
    twin: str | None = None
    seed: Annotated[int, Parameter(converter=whole_number)] = 0
    skip_unsupported: bool = False

    async def rules(self, keys: Mapping[str, str]) -> ScenarioRules:
        """What they are for the scenario; *keys* are those of all files."""
        aside = None if self.out_of_call is None else await read_scenario(self.out_of_call, keys)
        _require(min(self.receive_timeout, self.longest_interval) > 0)
        _require(self.pause >= 0 and 0 <= self.loss <= 1)
        return ScenarioRules(
            retransmits=not self.no_retransmissions,
            repetitions=self.repetitions,
            longest_interval=self.longest_interval,
            loss=self.loss,
            pause=self.pause,
            receive_timeout=self.receive_timeout,
            automatic_answers=self.answer_automatically,
            defaults=DefaultBehaviour.NONE if self.no_defaults else DefaultBehaviour.ALL,
            out_of_call=aside,
            skips_unsupported=self.skip_unsupported,
        )


@Parameter(name="*", group=Group.create_ordered("Fields"))
@attrs.frozen(kw_only=True)
class Fields:
    """What keywords stand for.

    Parameters
    ----------
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
    """

    service: str = "service"
    rows: tuple[Path, ...] = ()
    index: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    set_variable: tuple[str, ...] = ()
    username: str = ""
    password: Annotated[str, Parameter(env_var="TRIO_SIP_PASSWORD", show_env_var=True)] = (
        attrs.field(default="", repr=False)
    )
    first_cseq: Annotated[int, Parameter(converter=whole_number)] = 1

    @property
    def keys(self) -> dict[str, str]:
        """What the keywords of one's own stand for."""
        return dict(map(_pair, self.key))

    async def fields(self) -> ScenarioFields:
        """What they are for the scenario."""
        return ScenarioFields(
            service=self.service,
            username=self.username,
            password=self.password,
            first_cseq=self.first_cseq,
            files=await self._files(),
            variables=dict(map(_pair, self.set_variable)),
        )

    async def _files(self) -> list[InjectionFile]:
        index = dict(map(_pair, self.index))
        files: list[InjectionFile] = []
        for path in self.rows:
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


@Parameter(name="*", group=Group.create_ordered("Output"))
@attrs.frozen(kw_only=True)
class Output:
    """What is told.

    Parameters
    ----------
    statistics
        A file for the counters, .csv as SIPp writes them or .json.  There may be several.
    check
        Only tell what in the file is not supported.
    ladder
        Draw the conversation at the end.
    announce
        Say first where it listens.
    """

    statistics: tuple[Path, ...] = ()
    check: bool = False
    ladder: bool = False
    announce: bool = False

    def require_known_files(self) -> None:
        """Refuse what could not be written at the end."""
        for path in self.statistics:
            if path.suffix not in {".csv", ".json"}:
                raise UsageError(f"want a file that ends with .csv or .json, not {path}")


async def read_scenario(file: Path, keys: Mapping[str, str]) -> Scenario:
    """The scenario of a file."""
    try:
        return load_sipp_scenario(await trio.Path(file).read_bytes(), keys)
    except ScenarioError as error:
        raise UsageError(f"{file}: {error}") from None


async def address_of(text: str, port: int) -> Address:
    """HOST or HOST:PORT, looked up."""
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


def _require(sound: bool) -> None:
    if not sound:
        raise UsageError("want at least one call, and times and a rate above zero")
