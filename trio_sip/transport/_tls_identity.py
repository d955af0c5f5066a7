"""Whose certificate it is: RFC 5922 section 7, which is not what browsers do.

It looks at what `ssl.SSLObject.getpeercert` returns and at nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import Uri

from ._address import numeric_host

__all__ = ["PeerIdentity"]

_NUMBERS = "IP Address"


@attrs.frozen(kw_only=True)
class PeerIdentity:
    """The names in a certificate that was checked: who the other end of a connection is."""

    domains: tuple[str, ...] = ()
    """SIP domains, in lower case.  RFC 5922 section 7.1."""

    addresses: tuple[str, ...] = ()
    """IP addresses."""

    subject: str = ""
    """For people: ``CN=…`` and what else the subject is made of."""

    # Any: as loosely typed as in the ssl module.
    @classmethod
    def of_certificate(cls, certificate: Mapping[str, Any]) -> PeerIdentity:
        """The names in what `ssl.SSLObject.getpeercert` returned.

        RFC 5922 section 7.1: SIP URIs without a user part count; DNS names only where there is
        no SIP URI at all; the CN only where there is no subjectAltName at all.
        """
        names: list[tuple[str, str]] = list(certificate.get("subjectAltName", ()))
        uris = [value for kind, value in names if kind == "URI" and _is_sip(value)]
        hosts = [value for kind, value in names if kind == "DNS"]
        addresses = [host for kind, value in names if kind == _NUMBERS and (host := _ip(value))]
        if uris:
            domains = list(_domains_of_uris(uris))
        elif names:
            domains = hosts
        else:
            domains = list(_common_names(certificate))
        return cls(
            domains=tuple(dict.fromkeys(map(_plain, domains))),
            addresses=tuple(addresses),
            subject=", ".join(
                f"{name}={value}" for part in certificate.get("subject", ()) for name, value in part
            ),
        )

    def is_of(self, host: str) -> bool:
        """Whether it is the certificate of *host*, a domain or an address.

        RFC 5922 section 7.2: names are compared whole and without regard to case; a ``*`` in a
        certificate stands for nothing but itself.
        """
        number = numeric_host(host)
        if number is not None:
            return number in self.addresses
        return _plain(host) in self.domains

    def __str__(self) -> str:
        return ", ".join([*self.domains, *self.addresses]) or self.subject or "nobody"


def _is_sip(uri: str) -> bool:
    # Section 7.1: "If the scheme of the URI is not "sip", then the implementation MUST NOT accept
    # the value as a SIP domain identity", and sips is not.
    return uri.partition(":")[0].lower() == "sip"


def _domains_of_uris(uris: list[str]) -> Iterator[str]:
    for text in uris:
        try:
            uri = Uri.parse(text)
        except RemoteProtocolError:
            continue
        if uri.user is None:
            # With one it is the certificate of a person, who does not speak for the domain.
            yield uri.host


def _common_names(certificate: Mapping[str, Any]) -> Iterator[str]:
    for part in certificate.get("subject", ()):
        for name, value in part:
            if name == "commonName":
                yield value


def _ip(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return None


def _plain(domain: str) -> str:
    return domain.lower().removesuffix(".")
