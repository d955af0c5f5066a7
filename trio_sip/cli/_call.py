"""``trio-sip call``: call somebody, and see what becomes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import attrs
import trio
from cyclopts import Parameter

from trio_sip._errors import CallRejected, RequestRejected
from trio_sip.message import NameAddr, Response, Uri
from trio_sip.session import Ended
from trio_sip.transport import Listen, SocketNetwork
from trio_sip.ua import OutgoingCall, UserAgent

from ._agent import BROKEN, ending, open_agent, seconds_of
from ._client import answer_line, deadline, everywhere, explaining, parse_target
from ._errors import CommandFailed, ExitStatus, UsageError
from ._goodbye import hanging_up_on_ctrl_c
from ._rows import LadderRows
from ._show import PrintedLines, Show, open_show
from ._silence import silent_offer
from ._tls import LISTEN_HELP, CaOption, CertificateOption, KeyOption, tls_settings
from ._user import User, UserOption, parse_user

__all__ = ["CallPlan", "call", "place_call"]

# RFC 3261 section 8.1.1.3.
_ANONYMOUS = NameAddr("sip:anonymous@anonymous.invalid", "Anonymous")
_REDIRECTIONS = 5


async def call(
    uri: str,
    /,
    *,
    user: UserOption = None,
    sender: Annotated[
        str | None,
        Parameter(name="--from", help="Who calls; USER at the URI's domain, or anonymous."),
    ] = None,
    listen: Annotated[
        tuple[str, ...],
        Parameter(help=LISTEN_HELP + "any free UDP port if none."),
    ] = (),
    seconds: Annotated[
        float | None,
        Parameter(name="--for", help="Hang up after so many seconds; else they do, or Ctrl-C."),
    ] = None,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    wait: Annotated[
        float, Parameter(name="--wait", help="Seconds to let it ring before giving up.")
    ] = 60.0,
    json: Annotated[bool, Parameter(name="--json", help="One JSON object at the end.")] = False,
) -> int:
    """Call somebody and show how it goes.

    Parameters
    ----------
    uri
        Whom to call: sip:bob@example.com, sip:bob@192.0.2.1:5070;transport=tcp.
    """
    target = parse_target(uri)
    login = None if user is None else parse_user(user)
    plan = CallPlan(target=target, wait=wait, seconds=seconds, login=login)
    plan.check()
    lines = PrintedLines()
    async with hanging_up_on_ctrl_c(), open_show(lines, quiet=json) as show:
        traffic = LadderRows(show, we_are_left=True)
        async with open_agent(
            _sender(sender, login, target),
            [Listen.parse(one) for one in listen] or everywhere(SocketNetwork()),
            traffic,
            credentials=None if login is None else login.credential(target),
            tls=tls_settings(ca, certificate, key),
        ) as agent:
            report = CallReport(target, traffic)
            try:
                await place_call(agent, plan, report, show)
            finally:
                if json and report.ended is not None:
                    lines.print_nowait(report.as_json())
    return ExitStatus.OK


def _sender(sender: str | None, login: User | None, target: Uri) -> NameAddr | Uri:
    if sender is not None:
        return parse_target(sender, "--from")
    if login is not None:
        return Uri(target.scheme, login.name, target.host)
    return _ANONYMOUS


@attrs.frozen(kw_only=True)
class CallPlan:
    """Whom to call, and how long to wait for what."""

    target: Uri
    wait: float
    """Seconds until the answer."""

    seconds: float | None
    """Seconds from then on; ``None`` until they hang up."""

    login: User | None = None

    @property
    def what(self) -> str:
        """As errors name it."""
        return f"call {self.target}"

    def check(self) -> None:
        """Raise `UsageError` for what makes no sense."""
        if not self.wait > 0:
            raise UsageError(f"--wait: want more than 0 seconds, not {self.wait:g}")
        if self.seconds is not None and not self.seconds >= 0:
            raise UsageError(f"--for: want 0 seconds or more, not {self.seconds:g}")


@attrs.define(eq=False)
class CallReport:
    """What became of a call."""

    target: Uri
    traffic: LadderRows
    began: float = attrs.field(init=False, factory=trio.current_time)
    response: Response | None = attrs.field(init=False, default=None)
    """The final response to the INVITE."""

    answered: float | None = attrs.field(init=False, default=None)
    """When it was answered."""

    ended: Ended | None = attrs.field(init=False, default=None)
    talked: float | None = attrs.field(init=False, default=None)
    """For how many seconds."""

    @property
    def answered_by(self) -> str | None:
        """Who was heard last: ``udp://192.0.2.1:5060``."""
        heard = self.traffic.last_received
        return None if heard is None else f"{heard.transport.lower()}://{heard.source}"

    def final(self, response: Response) -> None:
        """The final response is here."""
        self.response = response
        if response.is_success:
            self.answered = trio.current_time()

    def close(self, ended: Ended | None) -> None:
        """It is over."""
        self.ended = ended
        if self.answered is not None:
            self.talked = trio.current_time() - self.answered

    def as_json(self) -> str:
        """For programs."""
        response, ended = self.response, self.ended
        waited = None if self.answered is None else round(self.answered - self.began, 3)
        return json.dumps(
            {
                "target": str(self.target),
                "status": None if response is None else response.status,
                "reason": None if response is None else response.reason,
                "answered_after": waited,
                "seconds": None if self.talked is None else round(self.talked, 3),
                "ended_by": None if ended is None else ended.by.value,
                "how": None if ended is None else ended.how.value,
            }
        )


async def place_call(agent: UserAgent, plan: CallPlan, report: CallReport, show: Show) -> None:
    """Call, wait, talk, hang up; *report* says what became of it, however it ends.

    Raises:
      CommandFailed: nobody answered, somebody refused, or it was broken off.
    """
    known = "" if agent.uri == _ANONYMOUS.uri else f" as {agent.uri}"
    show.say_nowait(f"calling {plan.target}{known}")
    show.state_nowait("calling", report.began, "Ctrl-C gives up")
    outgoing = agent.call(plan.target, silent_offer(), redirections=_REDIRECTIONS)
    with explaining(plan.what), _explaining_refusals(plan, report):
        try:
            async with outgoing as call:
                with deadline(plan.wait, plan.what):
                    await _wait_for_answer(call, report, show)
                await _talk(call, plan, report, show)
        finally:
            if outgoing.answer is not None and report.response is None:
                # They took it, and hung up before we had looked.
                report.final(outgoing.answer.response)
            report.close(outgoing.ended)
            show.state_nowait("")
            if outgoing.ended is not None and outgoing.rejection is None:
                show.say_nowait(ending(outgoing.ended, report.talked))
    if report.ended is not None and report.ended.how in BROKEN:
        raise CommandFailed(f"{plan.what}: {ending(report.ended, report.talked)}")


async def _wait_for_answer(call: OutgoingCall, report: CallReport, show: Show) -> None:
    async for progress in call.progress():
        after = seconds_of(trio.current_time() - report.began)
        show.spell_out_nowait(f"{answer_line(progress.response)} after {after}")
        show.state_nowait(progress.reason.lower(), report.began, "Ctrl-C gives up")
    answer = await call.answered()
    report.final(answer.response)
    after = seconds_of(trio.current_time() - report.began)
    show.spell_out_nowait(f"{answer_line(answer.response)} after {after} from {report.answered_by}")


async def _talk(call: OutgoingCall, plan: CallPlan, report: CallReport, show: Show) -> None:
    show.state_nowait("talking", report.answered, "Ctrl-C hangs up")
    await trio.sleep(float("inf") if plan.seconds is None else plan.seconds)


@contextmanager
def _explaining_refusals(plan: CallPlan, report: CallReport) -> Iterator[None]:
    """CommandFailed that says who refused, and why as far as they say so."""
    try:
        yield
    except CallRejected as refused:
        response = refused.response
        assert isinstance(response, Response), "a refusal has one"
        report.final(response)
        raise CommandFailed(f"{plan.what}: {_why(plan, refused, response, report)}") from None


def _why(plan: CallPlan, refused: CallRejected, response: Response, report: CallReport) -> str:
    credentials = refused.__cause__
    if isinstance(credentials, RequestRejected) and plan.login is not None:
        return str(credentials)
    line = f"{response.status} {response.reason}".rstrip() + f" from {report.answered_by}"
    if response.status in (401, 407) and plan.login is None:
        return f"{line} (say --user NAME:PASSWORD)"
    return line
