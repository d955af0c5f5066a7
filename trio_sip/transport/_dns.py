"""NAPTR and SRV records from the domain name system, if dnspython is there (the extra ``dns``).

It is imported with the first question.  Addresses are the system's resolver's business all the
same: it knows the hosts file.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from ._address import Address
from ._resolver import NaptrRecord, Query, SrvRecord

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver
    from dns.rdata import Rdata

__all__ = ["DnsRecords"]

_logger = logging.getLogger("trio_sip.transport")

_SECONDS = 3.0
"""For one question, over all name servers."""

_PAUSE = 30.0
"""Seconds without questions after one that no name server answered."""

# RFC 6761 and RFC 6762: names that no name server is to be asked about.
_SPECIAL = ("localhost", "invalid", "local")


class DnsRecords:
    """Asks the name servers of the system, or those given.

    Args:
      nameservers: asked instead; empty for the system's.
    """

    def __init__(self, nameservers: Sequence[Address] = ()) -> None:
        self._nameservers = tuple(nameservers)
        self._resolver: Resolver | None = None
        self._silent_until = 0.0

    async def records(self, query: Query) -> Sequence[NaptrRecord | SrvRecord]:
        """What is known, which is nothing without dnspython, or where nobody answers."""
        labels = query.name.lower().rstrip(".").split(".")
        if len(labels) < 2 or labels[-1] in _SPECIAL or trio.current_time() < self._silent_until:
            await trio.lowlevel.checkpoint()
            return ()
        try:
            import dns.asyncresolver  # noqa: PLC0415  (an extra, and slow to load)
            import dns.exception  # noqa: PLC0415
            import dns.resolver  # noqa: PLC0415
        except ModuleNotFoundError:
            await trio.lowlevel.checkpoint()
            return ()
        try:
            if self._resolver is None:
                self._resolver = self._make()
            answer = await self._resolver.resolve(
                query.name, query.kind.value, lifetime=_SECONDS, search=False
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return ()
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            # The name may lead somewhere nevertheless; but who is silent is not asked for each
            # request of ours, or every one of them would wait.
            _logger.warning("no %s records: %s", query.kind.value, type(error).__name__)
            self._silent_until = trio.current_time() + _PAUSE
            return ()
        return [_record(one) for one in answer]

    def _make(self) -> Resolver:
        import dns.asyncresolver  # noqa: PLC0415
        import dns.nameserver  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415

        resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
        if self._nameservers:
            resolver.nameservers = [
                dns.nameserver.Do53Nameserver(one.host, one.port) for one in self._nameservers
            ]
        # Answers are kept for as long as they say.
        resolver.cache = dns.resolver.LRUCache()
        return resolver


def _record(data: Rdata) -> NaptrRecord | SrvRecord:
    import dns.rdtypes.IN.NAPTR  # noqa: PLC0415
    import dns.rdtypes.IN.SRV  # noqa: PLC0415

    if isinstance(data, dns.rdtypes.IN.SRV.SRV):
        return SrvRecord(data.priority, data.weight, data.port, _text(data.target.to_text()))
    assert isinstance(data, dns.rdtypes.IN.NAPTR.NAPTR), "nothing else is asked for"
    return NaptrRecord(
        data.order,
        data.preference,
        data.flags.decode("ascii", "replace"),
        data.service.decode("ascii", "replace"),
        _text(data.replacement.to_text()),
    )


def _text(name: str) -> str:
    return name if name == "." else name.rstrip(".")
