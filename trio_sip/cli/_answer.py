"""``trio-sip answer``: a telephone that rings, answers, and shows who calls."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import attrs
import trio
from cyclopts import Parameter

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import NameAddr, Uri
from trio_sip.sdp import SessionDescription
from trio_sip.transport import Listen
from trio_sip.ua import IncomingCall, UserAgent

from ._agent import ending, open_agent
from ._client import explaining, parse_target
from ._config import EVERYWHERE
from ._errors import ExitStatus, UsageError
from ._goodbye import hanging_up_on_ctrl_c
from ._printer import open_printer
from ._rows import LadderRows
from ._show import Show, open_show
from ._silence import silent_answer, silent_offer
from ._tls import CaOption, CertificateOption, KeyOption, ListenOption, tls_settings
from ._usage import whole_number
from ._user import User, UserOption, parse_user

__all__ = ["AnswerPlan", "answer", "take_calls"]

_NOBODY = "sip:trio-sip@localhost"


async def answer(
    *,
    listen: ListenOption = (),
    user: UserOption = None,
    registrar: Annotated[
        str | None, Parameter(help="Register the user there: sip:example.com.")
    ] = None,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    after: Annotated[float, Parameter(help="Ring for so many seconds.")] = 1.0,
    reject: Annotated[
        int | None,
        Parameter(help="Refuse with this status instead: 486, 603.", converter=whole_number),
    ] = None,
    seconds: Annotated[
        float | None,
        Parameter(name="--for", help="Hang up after so many seconds; else they do, or Ctrl-C."),
    ] = None,
    count: Annotated[
        int | None, Parameter(help="End after so many calls.", converter=whole_number)
    ] = None,
) -> int:
    """Take calls, to whatever user, until Ctrl-C."""
    login = None if user is None else parse_user(user)
    home = None if registrar is None else parse_target(registrar, "--registrar")
    if (login is None) != (home is None):
        raise UsageError("want --user and --registrar, or neither")
    plan = AnswerPlan(after=after, reject=reject, seconds=seconds, count=count)
    plan.check()
    listens = tuple(map(Listen.parse, listen)) or EVERYWHERE
    async with (
        hanging_up_on_ctrl_c(),
        open_printer(sys.stdout.fileno()) as printer,
        open_show(printer) as show,
        open_agent(
            _NOBODY if login is None or home is None else Uri(home.scheme, login.name, home.host),
            listens,
            LadderRows(show, we_are_left=False),
            credentials=None if login is None or home is None else login.credential(home),
            tls=tls_settings(ca, certificate, key),
        ) as agent,
    ):
        for one in agent.stack.listening:
            show.say_nowait(f"listening on {one}")
        async with _registered(agent, home, login, show):
            await take_calls(agent, plan, show)
    return ExitStatus.OK


@asynccontextmanager
async def _registered(
    agent: UserAgent, home: Uri | None, login: User | None, show: Show
) -> AsyncIterator[None]:
    if home is None or login is None:
        yield
        return
    registrar = Uri(home.scheme, None, home.host, home.port, params=home.params)
    with explaining(f"register {agent.uri}"):
        async with agent.register(registrar=registrar) as registration:
            contact = registration.contact
            place = "" if contact is None else f" at {contact.uri}"
            show.say_nowait(f"registered as {agent.uri}{place}")
            yield


@attrs.frozen(kw_only=True)
class AnswerPlan:
    """What to do with calls."""

    after: float
    """Seconds to ring."""

    reject: int | None = None
    seconds: float | None = None
    """Seconds to talk; ``None`` until they hang up."""

    count: int | None = None

    def check(self) -> None:
        """Raise `UsageError` for what makes no sense."""
        if not self.after >= 0:
            raise UsageError(f"--after: want 0 seconds or more, not {self.after:g}")
        if self.seconds is not None and not self.seconds >= 0:
            raise UsageError(f"--for: want 0 seconds or more, not {self.seconds:g}")
        if self.reject is not None and not 300 <= self.reject <= 699:
            raise UsageError(f"--reject: want a status of 300 to 699, not {self.reject}")
        if self.count is not None and self.count < 1:
            raise UsageError(f"--count: want 1 or more, not {self.count}")


async def take_calls(agent: UserAgent, plan: AnswerPlan, show: Show) -> None:
    """Do with each call what *plan* says, until so many have come, or until cancelled."""
    telephone = _Telephone(plan, show)
    async with trio.open_nursery() as nursery:
        await nursery.start(agent.serve_calls, telephone.take)
        show.spell_out_nowait("ready")
        telephone.show_state()
        await telephone.enough.wait()
        await agent.drain()
        nursery.cancel_scope.cancel()


class _Telephone:
    """Rings, answers or refuses, and says who calls."""

    def __init__(self, plan: AnswerPlan, show: Show) -> None:
        self.enough = trio.Event()
        self._plan = plan
        self._show = show
        self._calls: dict[IncomingCall, tuple[str, float]] = {}
        """What each is at, and since when."""

        self._taken = 0

    async def take(self, call: IncomingCall) -> None:
        """Have the call."""
        self._taken += 1
        if self._taken == self._plan.count:
            self.enough.set()
        self._show.say_nowait(_introduction(call))
        self._set(call, "ringing")
        answered: float | None = None
        try:
            if self._plan.reject is not None:
                await call.reject(self._plan.reject)
                return
            await call.ring()
            await trio.sleep(self._plan.after)
            status, sdp = _reply(call)
            if sdp is None:
                await call.reject(status)
                return
            answered = trio.current_time()
            self._set(call, "talking")
            await call.answer(sdp)
            await trio.sleep(float("inf") if self._plan.seconds is None else self._plan.seconds)
        finally:
            call.hang_up()
            assert call.ended is not None, "we have just hung up"
            talked = None if answered is None else trio.current_time() - answered
            self._show.say_nowait(f"{call.caller.uri}: {ending(call.ended, talked)}")
            del self._calls[call]
            self.show_state()

    def _set(self, call: IncomingCall, state: str) -> None:
        self._calls[call] = state, trio.current_time()
        self.show_state()

    def show_state(self) -> None:
        """What a glance at the telephone shows."""
        match list(self._calls.items()):
            case []:
                self._show.state_nowait("waiting for calls", hint="Ctrl-C ends it")
            case [(_, (state, since))]:
                self._show.state_nowait(state, since, "Ctrl-C hangs up")
            case calls:
                self._show.state_nowait(f"{len(calls)} calls", hint="Ctrl-C hangs up")


def _reply(call: IncomingCall) -> tuple[int, SessionDescription | None]:
    """What to say to their offer: 200 and a description, or why not."""
    try:
        offer = call.offer
    except RemoteProtocolError as error:
        return error.status_hint, None
    sdp = silent_offer() if offer is None else silent_answer(offer)
    return (200, sdp) if sdp.is_accepted else (488, None)


def _introduction(call: IncomingCall) -> str:
    flow = call.request.flow
    product = call.request.message.headers.get("User-Agent", "")
    by = f" ({product})" if product else ""
    caller = NameAddr(call.caller.uri, call.caller.display_name)
    return f"{caller} calls {call.target} from {flow.transport.lower()}://{flow.remote}{by}"
