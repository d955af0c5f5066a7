"""What a server is told to be, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from trio_sip._errors import LocalProtocolError
from trio_sip.auth import Algorithm, HashedSecret, PlainSecret, find_algorithm
from trio_sip.message import Uri
from trio_sip.transport import Listen

from ._errors import UsageError

__all__ = ["OFFERED", "Secret", "ServeConfig", "parse_algorithm", "parse_domain"]

Secret = PlainSecret | HashedSecret

OFFERED = tuple(Algorithm(name) for name in ("MD5", "SHA-256", "SHA-512-256"))
"""What ``--digest`` and ``digest = […]`` may name."""

_DEFAULT_REALM = "trio-sip"
_EVERYWHERE = tuple(Listen.parse(f"{scheme}://0.0.0.0:5060") for scheme in ("udp", "tcp"))


@attrs.frozen(kw_only=True)
class ServeConfig:
    """Everything ``trio-sip serve`` can be told."""

    listen: tuple[Listen, ...] = _EVERYWHERE
    domains: tuple[str, ...] = ()
    """The domains it serves; none means any."""

    digest: tuple[Algorithm, ...] = (Algorithm.MD5,)
    """Offered in challenges, most preferred first."""

    database: str | None = None
    """Where registrations are kept; in memory if left out."""

    realm: str | None = None
    users: Mapping[str, Secret] = attrs.field(factory=dict, repr=lambda users: repr(list(users)))

    @property
    def effective_realm(self) -> str:
        """As challenges name it."""
        return self.realm or next(iter(self.domains), _DEFAULT_REALM)

    def check(self) -> None:
        """Raise `UsageError` for what can be seen only with everything together."""
        for name, secret in self.users.items():
            if not any(secret.can_answer(algorithm) for algorithm in self.digest):
                offered = ", ".join(self.digest)
                raise UsageError(f"users.{name}: its hash answers none of the digests: {offered}")
            if isinstance(secret, PlainSecret) and not secret.password:
                # --user "alice:$PASSWORD", where there is no such variable.
                raise UsageError(f"users.{name}: want a password that is not empty")
            if "@" in name:
                self._check_domain_of(name)

    def _check_domain_of(self, name: str) -> None:
        """A user of one domain only must be able to come, and to be told from all others."""
        user, _, domain = name.rpartition("@")
        if domain != domain.lower():
            raise UsageError(f"users.{name}: want its domain in lower case")
        if self.domains and domain not in self.domains:
            raise UsageError(f"users.{name}: there is no domain {domain!r} here")
        if user in self.users:
            # A name without a domain stands for that name in every domain, this one included:
            # its password would let somebody else register what is this user's.
            raise UsageError(f"users.{user}: is {name}, too; want {user}@DOMAIN")


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
