"""``trio-sip message``: a line of text for somebody."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from trio_sip.message import NameAddr, Uri

from ._client import (
    WaitOption,
    answer_line,
    check_answer,
    deadline,
    explaining,
    open_probe,
    parse_target,
)
from ._errors import ExitStatus
from ._tls import CaOption, tls_settings
from ._user import UserOption, parse_user

__all__ = ["message"]


async def message(
    uri: str,
    text: str,
    /,
    *,
    user: UserOption = None,
    sender: Annotated[
        str | None, Parameter(name="--from", help="Who it is from; USER at the URI's domain.")
    ] = None,
    ca: CaOption = None,
    wait: WaitOption = 32.0,
) -> int:
    """Send MESSAGE (RFC 3428) and show the answer.

    Parameters
    ----------
    uri
        Whom to send it to: sip:bob@example.com.
    text
        What to say.
    """
    target = parse_target(uri)
    login = None if user is None else parse_user(user)
    from_: NameAddr | None = None
    if sender is not None:
        from_ = NameAddr(parse_target(sender, "--from"))
    elif login is not None:
        from_ = NameAddr(Uri(target.scheme, login.name, target.host))
    what = f"message to {target}"
    async with open_probe(tls_settings(ca)) as probe:
        with deadline(wait, what), explaining(what):
            response = await probe.stack.send_request(
                "MESSAGE",
                target,
                text,
                from_=from_,
                credentials=None if login is None else login.credential(target),
            )
    challenged = response.status in (401, 407) and login is None
    check_answer(what, response, "say --user NAME:PASSWORD" if challenged else "")
    print(answer_line(response))
    return ExitStatus.OK
