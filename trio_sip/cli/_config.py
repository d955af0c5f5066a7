"""What a server is told to be, as one frozen value."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import Algorithm, HashedSecret, PlainSecret, find_algorithm
from trio_sip.message import Uri
from trio_sip.transport import Address, Listen

from ._errors import UsageError
from ._tls import TlsFiles
from ._user import check_user

__all__ = [
    "EVERYWHERE",
    "OFFERED",
    "Secret",
    "ServeConfig",
    "parse_algorithm",
    "parse_database",
    "parse_domain",
    "parse_http",
    "parse_realm",
]

Secret = PlainSecret | HashedSecret

OFFERED = tuple(Algorithm(name) for name in ("MD5", "SHA-256", "SHA-512-256"))
"""What ``--digest`` and ``digest = […]`` may name."""

_DEFAULT_REALM = "trio-sip"
EVERYWHERE = tuple(Listen.parse(f"{scheme}://0.0.0.0:5060") for scheme in ("udp", "tcp"))
"""Where calls and requests are expected if nobody says where."""


@attrs.frozen(kw_only=True)
class ServeConfig:
    """Everything ``trio-sip serve`` can be told."""

    listen: tuple[Listen, ...] = EVERYWHERE
    domains: tuple[str, ...] = ()
    """The domains it serves; none means any."""

    digest: tuple[Algorithm, ...] = (Algorithm.MD5,)
    """Offered in challenges, most preferred first."""

    database: str | None = None
    """Where registrations are kept; in memory if left out."""

    http: Address | None = None
    """Where ``/healthz`` and ``/metrics`` are; nowhere if left out."""

    tls: TlsFiles | None = None
    """The certificate for ``tls:`` and ``wss:``; nobody can listen there without one."""

    realm: str | None = None
    users: Mapping[str, Secret] = attrs.field(factory=dict, repr=lambda users: repr(list(users)))

    places: Mapping[str, str] = attrs.field(factory=dict, eq=False, repr=False)
    """Where each user is written, for error messages."""

    @property
    def effective_listen(self) -> tuple[Listen, ...]:
        """With a certificate and nothing said about addresses, TLS is listened on, too."""
        if self.tls is None or self.listen is not EVERYWHERE:
            return self.listen
        return (*self.listen, Listen.parse("tls://0.0.0.0:5061"))

    @property
    def effective_realm(self) -> str:
        """As challenges name it."""
        return self.realm or next(iter(self.domains), _DEFAULT_REALM)

    def check(self) -> None:
        """Raise `UsageError` for what can be seen only with everything together."""
        private = [one for one in self.listen if one.scheme in ("tls", "wss")]
        if private and self.tls is None:
            raise UsageError(f"cannot listen on {private[0]} without a certificate")
        for name, secret in self.users.items():
            place = self._place(name)
            check_user(name, secret.password if isinstance(secret, PlainSecret) else None, place)
            if not any(secret.can_answer(algorithm) for algorithm in self.digest):
                offered = ", ".join(self.digest)
                raise UsageError(f"{place}: its hash answers none of the digests: {offered}")
            if "@" in name:
                self._check_domain_of(name)

    def _place(self, name: str) -> str:
        return self.places.get(name, f"users.{name}")

    def _check_domain_of(self, name: str) -> None:
        """A user of one domain only must be able to come, and to be told from all others."""
        user, _, domain = name.rpartition("@")
        if domain != domain.lower():
            raise UsageError(f"{self._place(name)}: want its domain in lower case")
        if self.domains and domain not in self.domains:
            raise UsageError(f"{self._place(name)}: there is no domain {domain!r} here")
        if user in self.users:
            # A name without a domain stands for that name in every domain, this one included:
            # its password would let somebody else register what is this user's.
            raise UsageError(f"{self._place(user)}: is {name}, too; want {user}@DOMAIN")


def parse_algorithm(text: str) -> Algorithm:
    """An algorithm by its name, in whatever case.  UsageError for any other."""
    found = find_algorithm(text)
    if found not in OFFERED:
        raise UsageError(f"no such digest algorithm: {text!r}; there are {', '.join(OFFERED)}")
    return found


def parse_domain(text: str) -> str:
    """A host name or address, as it stands behind the ``@``.  UsageError if it is none."""
    try:
        uri = Uri(host=text)
    except LocalProtocolError:
        raise UsageError(f"not a domain: {text!r}") from None
    if uri.host != text or not text:
        raise UsageError(f"not a domain: {text!r}")
    return text.lower()


def parse_http(text: str) -> Address:
    """``HOST:PORT`` to answer HTTP at.  UsageError for anything else."""
    try:
        listen = Listen.parse(f"tcp://{text}")
    except LocalProtocolError:
        raise UsageError(f"want HOST:PORT, not {text!r}") from None
    if not re.search(r":[0-9]+$", text):
        # Listen's own default is SIP's port.
        raise UsageError(f"want HOST:PORT, not {text!r}")
    return Address(listen.host, listen.port)


def parse_realm(text: str) -> str:
    """What a challenge can name.  UsageError for what it cannot."""
    if not (text and text.isprintable()):
        raise UsageError(f"want text without control characters, not {text!r}")
    return text


def parse_database(text: str) -> str:
    """The name of a file.  UsageError if it cannot be one."""
    if not text or "\0" in text:
        # SQLite would take the empty one for a database that vanishes at the end.
        raise UsageError(f"want the name of a file, not {text!r}")
    return text
