"""``trio-sip ping``: is anybody there, and how far away?"""

from __future__ import annotations

import json
from typing import Annotated

import attrs
import trio
from cyclopts import Parameter

from trio_sip.message import Response, Uri

from ._client import (
    JsonOption,
    Probe,
    WaitOption,
    answer_line,
    deadline,
    explaining,
    open_probe,
    parse_target,
)
from ._errors import ExitStatus, UsageError
from ._text import printable
from ._tls import CaOption, tls_settings
from ._usage import whole_number

__all__ = ["ping"]

_PAUSE = 1.0


@attrs.frozen(kw_only=True)
class Pong:
    """One answer to an OPTIONS."""

    response: Response
    milliseconds: float
    answered_by: str

    @property
    def product(self) -> str:
        """What the other side says it is, if it says so."""
        headers = self.response.headers
        return headers.get("Server", headers.get("User-Agent", ""))

    def as_line(self) -> str:
        """For people."""
        product = f"  {printable(self.product)}" if self.product else ""
        time = f"{self.milliseconds:.1f} ms"
        return f"{answer_line(self.response)} from {self.answered_by} in {time}{product}"

    def as_json(self) -> str:
        """For programs."""
        return json.dumps(
            {
                "status": self.response.status,
                "reason": self.response.reason,
                "milliseconds": round(self.milliseconds, 3),
                "answered_by": self.answered_by,
                "product": self.product or None,
            }
        )


async def ping(
    uri: str,
    /,
    *,
    count: Annotated[int, Parameter(help="How many, one a second.", converter=whole_number)] = 1,
    ca: CaOption = None,
    wait: WaitOption = 32.0,
    json: JsonOption = False,
) -> int:
    """Send OPTIONS and show who answers, with what, after how long.

    Parameters
    ----------
    uri
        Whom to ask: sip:example.com, sip:192.0.2.1:5070;transport=tcp, sips:example.com.
    """
    target = parse_target(uri)
    if count < 1:
        raise UsageError(f"--count: want 1 or more, not {count}")
    what, worst = f"ping {target}", ExitStatus.OK
    async with open_probe(tls_settings(ca)) as probe:
        for number in range(count):
            if number:
                await trio.sleep(_PAUSE)
            with deadline(wait, what), explaining(what):
                pong = await _ping_once(probe, target)
            print(pong.as_json() if json else pong.as_line(), flush=True)
            if not pong.response.is_success:
                worst = ExitStatus.FAILED
    return worst


async def _ping_once(probe: Probe, target: Uri) -> Pong:
    since = len(probe.record.wires)
    response = await probe.stack.send_request("OPTIONS", target)
    answered_by, seconds = probe.last_answer(since)
    return Pong(response=response, milliseconds=seconds * 1e3, answered_by=answered_by)
