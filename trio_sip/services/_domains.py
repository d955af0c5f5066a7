"""The domains that a registrar is responsible for, by whatever name they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from trio_sip.message import Uri

__all__ = ["Domains"]


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.lower() for name in names)


def _lower_both(aliases: Mapping[str, str] | None) -> dict[str, str]:
    return {alias.lower(): domain.lower() for alias, domain in (aliases or {}).items()}


@attrs.frozen
class Domains:
    """Hosts of addresses, in lower case."""

    names: frozenset[str] = attrs.field(converter=_lower)
    """Those that are ours; empty for any."""

    aliases: dict[str, str] = attrs.field(converter=_lower_both)
    """Other names of them."""

    def serve(self, host: str) -> bool:
        """Whether *host* is one of ours, or another name of one."""
        if not self.names:
            return True
        # Nearly every host comes in the letters it was configured in.
        return host in self.names or host.lower() in self.names or host.lower() in self.aliases

    def proper(self, uri: Uri) -> Uri:
        """The same address by the name of its domain that is no alias."""
        if not self.aliases:
            return uri
        domain = self.aliases.get(uri.host.lower())
        return uri if domain is None else uri.replace(host=domain)
