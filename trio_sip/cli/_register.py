"""``trio-sip register``: tell a registrar where somebody is, or is no more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated

import attrs
from cyclopts import Parameter

from trio_sip._errors import AuthenticationRejected
from trio_sip.message import MIN_EXPIRES, WILDCARD, NameAddr, Response, Uri
from trio_sip.transport import SocketNetwork

from ._client import (
    JsonOption,
    Probe,
    WaitOption,
    answer_line,
    check_answer,
    deadline,
    explaining,
    open_probe,
    parse_target,
)
from ._errors import ExitStatus, UsageError
from ._text import printable
from ._tls import CaOption, tls_settings
from ._usage import whole_number
from ._user import User, UserOption, parse_user

__all__ = ["register"]

_LONGEST = 2**32 - 1


async def register(
    uri: str,
    /,
    *,
    user: UserOption = None,
    expires: Annotated[int, Parameter(help="For so many seconds.", converter=whole_number)] = 3600,
    contact: Annotated[
        str | None, Parameter(help="Where calls should go; this machine if left out.")
    ] = None,
    remove: Annotated[
        bool, Parameter(help="Remove that contact; all of them if none is given.")
    ] = False,
    ca: CaOption = None,
    wait: WaitOption = 32.0,
    json: JsonOption = False,
) -> int:
    """Send REGISTER and show the bindings that the registrar has then.

    Parameters
    ----------
    uri
        Whom to register: sip:alice@example.com; or the registrar, sip:example.com, and --user.
    """
    target = parse_target(uri)
    login = None if user is None else parse_user(user)
    name = target.user or (login and login.name)
    if not name:
        raise UsageError(f"URI {uri!r}: whom to register? want sip:alice@example.com, or --user")
    if not 0 <= expires <= _LONGEST:
        raise UsageError(f"--expires: want 0 to {_LONGEST} seconds, not {expires}")
    place = None if contact is None else parse_target(contact, "--contact")
    aor = Uri(target.scheme, name, target.host)
    registrar = Uri(target.scheme, None, target.host, target.port, params=target.params)
    what = f"register {aor}"
    async with open_probe(tls_settings(ca)) as probe:
        with deadline(wait, what), explaining(what):
            if place is None and not remove:
                place = await _here(probe, registrar, name)
            headers = _headers(place, 0 if remove else expires)
            try:
                response = await _send(probe, registrar, aor, headers, login)
            except AuthenticationRejected as error:
                if json and isinstance(error.response, Response):
                    print(Outcome(aor=aor, response=error.response).as_json())
                raise
    outcome = Outcome(aor=aor, response=response)
    if json:
        print(outcome.as_json())
    check_answer(what, response, _hint(response, login))
    if not json:
        print("\n".join(outcome.as_lines()))
    return ExitStatus.OK


async def _send(
    probe: Probe,
    registrar: Uri,
    aor: Uri,
    headers: Iterable[tuple[str, object]],
    login: User | None,
) -> Response:
    return await probe.stack.send_request(
        "REGISTER",
        registrar,
        from_=NameAddr(aor),
        to=NameAddr(aor),
        headers=headers,
        credentials=None if login is None else login.credential(registrar),
    )


async def _here(probe: Probe, registrar: Uri, name: str) -> Uri:
    """A contact at this machine, as the registrar can reach it."""
    remote = (await probe.stack.resolve(registrar.host.strip("[]"), registrar.port))[0]
    host = SocketNetwork().source_host(remote)
    port = next(one.port for one in probe.stack.listening if (":" in one.host) == remote.is_ipv6)
    return Uri("sip", name, f"[{host}]" if remote.is_ipv6 else host, port)


def _headers(place: Uri | None, expires: int) -> list[tuple[str, object]]:
    # RFC 3261 section 10.2.2: "*" goes with Expires: 0 and with nothing else.
    contact = WILDCARD if place is None else NameAddr(place)
    return [("Contact", contact), ("Expires", expires)]


def _hint(response: Response, login: User | None) -> str:
    if response.status in (401, 407) and login is None:
        return "say --user NAME:PASSWORD"
    if response.status == 423:
        minimum = response.headers.get(MIN_EXPIRES)
        return "" if minimum is None else f"want --expires {minimum} or more"
    return ""


@attrs.frozen(kw_only=True)
class Outcome:
    """What the registrar said, and who is registered now."""

    aor: Uri
    response: Response

    @property
    def bindings(self) -> list[tuple[str, str | None]]:
        """Contact URIs, each with the seconds that are left as text."""
        return [
            (str(one.uri), one.params.get("expires"))
            for one in self.response.contacts
            if isinstance(one, NameAddr)
        ]

    def as_lines(self) -> list[str]:
        """For people."""
        bindings = [
            printable(f"  {uri}" + (f" for {expires} s" if expires else ""))
            for uri, expires in self.bindings
        ]
        count = {0: "no contacts", 1: "1 contact"}.get(len(bindings), f"{len(bindings)} contacts")
        return [f"{answer_line(self.response)}: {self.aor} has {count}", *bindings]

    def as_json(self) -> str:
        """For programs."""
        bindings = [
            {"contact": uri, "expires": int(expires) if expires and expires.isdecimal() else None}
            for uri, expires in self.bindings
        ]
        return json.dumps(
            {
                "status": self.response.status,
                "reason": self.response.reason,
                "aor": str(self.aor),
                "bindings": bindings,
            }
        )
