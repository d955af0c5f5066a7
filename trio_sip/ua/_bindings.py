"""Looking at, and clearing, everything that is registered under an address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from trio_sip.message import WILDCARD, Response, Uri
from trio_sip.registration import Contact, read_contacts_untrusted

from ._requests import checked

if TYPE_CHECKING:
    from ._user_agent import UserAgent

__all__ = ["fetch_bindings", "registrar_uri", "remove_bindings"]


def registrar_uri(user_agent: UserAgent, registrar: Uri | str | None) -> Uri:
    """The Request-URI of a REGISTER; from then on its host is shown the password.

    RFC 3261 section 10.2: the domain of the address, and "the 'userinfo' and '@' components of
    the SIP URI MUST NOT be present".
    """
    account = user_agent.account
    ours = account.address.uri
    uri = Uri(ours.scheme, None, ours.host, ours.port) if registrar is None else registrar
    target = account.target(uri)
    user_agent.account = account.trusting(target.host)
    return target


async def fetch_bindings(user_agent: UserAgent, registrar: Uri | str | None) -> tuple[Contact, ...]:
    """RFC 3261 section 10.2.3."""
    response = await _ask(user_agent, registrar, ())
    return read_contacts_untrusted(response.headers.get_all("Contact"))


async def remove_bindings(user_agent: UserAgent, registrar: Uri | str | None) -> None:
    """RFC 3261 section 10.2.2: ``*``, which goes with Expires 0 and with nothing else."""
    await _ask(user_agent, registrar, (("Contact", WILDCARD), ("Expires", 0)))


async def _ask(
    user_agent: UserAgent, registrar: Uri | str | None, headers: Iterable[tuple[str, object]]
) -> Response:
    target = registrar_uri(user_agent, registrar)
    account = user_agent.account
    return checked(
        await user_agent.stack.send_request(
            "REGISTER",
            target,
            headers=[*(("Route", hop) for hop in account.outbound_proxy), *headers],
            from_=account.from_(),
            to=account.from_(),
            credentials=account.authenticator,
        )
    )
