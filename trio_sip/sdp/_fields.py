"""The lines of a description that are values of their own: o=, c=, b= and a=rtcp."""

from __future__ import annotations

import re

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._lines import checked_line, checked_token, whole_number

__all__ = [
    "OPEN_HOST",
    "Bandwidth",
    "Connection",
    "Origin",
    "Rtcp",
    "connection_fields",
    "origin_fields",
]

OPEN_HOST = "host.invalid"
"""The address of a description that does not know its own yet."""

_HOLD_ADDRESSES = frozenset({"0.0.0.0", "::"})  # noqa: S104  # nothing is bound to it
# A stack that keeps its 64 bits as a signed number sends negative ones.
_ID = re.compile(r"-?[0-9]{1,40}")


def _address_type(host: str) -> str:
    return "IP6" if ":" in host else "IP4"


def _unbracketed(host: str) -> str:
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


@attrs.frozen
class Origin:
    """The ``o=`` line: whose session this is, and which version of it.  RFC 8866 section 5.2.

    Args:
      address: the host that made the session; brackets of IPv6 are taken off.
      session_id: the number of the session.
      version: grows by one with each change.  RFC 3264 section 8.
      username: ``-`` is nobody.

    Raises:
      LocalProtocolError: a word that is empty or has a blank, or CR, LF or NUL.
    """

    address: str = attrs.field(converter=_unbracketed)
    session_id: int
    version: int = 1
    username: str = "-"
    address_type: str = attrs.field(kw_only=True)
    """``IP4`` or ``IP6``; by default what the address looks like."""
    network_type: str = attrs.field(kw_only=True, default="IN")

    @address_type.default
    def _by_address(self) -> str:
        return _address_type(self.address)

    def __attrs_post_init__(self) -> None:
        for word in (self.address, self.address_type, self.network_type):
            checked_token(word, "a word of an o= line")
        # Names with blanks in them do come, and are written as they came.
        checked_line(f"o={self.username}")

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Parse what follows ``o=``.

        Raises:
          RemoteProtocolError: fewer than six words, or numbers that are none.
        """
        name, session, version, network_type, address_type, address = origin_fields(text)
        return cls(
            address,
            int(session),
            int(version),
            name,
            address_type=address_type,
            network_type=network_type,
        )

    @property
    def next(self) -> Origin:
        """The origin of the next version."""
        return attrs.evolve(self, version=self.version + 1)

    def is_same_session(self, other: Origin) -> bool:
        """Whether both differ in nothing but the version."""
        return self == attrs.evolve(other, version=self.version)

    def __str__(self) -> str:
        return (
            f"{self.username} {self.session_id} {self.version}"
            f" {self.network_type} {self.address_type} {self.address}"
        )


def origin_fields(text: str) -> list[str]:
    """The six fields of what follows ``o=``.

    Raises:
      RemoteProtocolError: fewer than six words, or numbers that are none.
    """
    words = text.split()
    if len(words) > 6:
        # Names with blanks in them do come.
        words[:-5] = [" ".join(words[:-5])]
    if len(words) < 6 or _ID.fullmatch(words[1]) is None or _ID.fullmatch(words[2]) is None:
        raise RemoteProtocolError(f"bad o= line: {text[:60]!r}")
    return words


@attrs.frozen
class Connection:
    """A ``c=`` line: where media is to be sent.  RFC 8866 section 5.7.

    Args:
      address: a host or an address, with ``/ttl`` or ``/ttl/count`` for multicast; brackets of
        IPv6 are taken off.

    Raises:
      LocalProtocolError: a word that is empty or has a blank, CR, LF or NUL.
    """

    address: str = attrs.field(converter=_unbracketed)
    address_type: str = attrs.field(kw_only=True)
    """``IP4`` or ``IP6``; by default what the address looks like."""
    network_type: str = attrs.field(kw_only=True, default="IN")

    @address_type.default
    def _by_address(self) -> str:
        return _address_type(self.address)

    def __attrs_post_init__(self) -> None:
        for word in (self.address, self.address_type, self.network_type):
            checked_token(word, "a word of a c= line")

    @classmethod
    def parse(cls, text: str) -> Connection:
        """Parse what follows ``c=``.

        Raises:
          RemoteProtocolError: not three words.
        """
        network_type, address_type, address = connection_fields(text)
        return cls(address, address_type=address_type, network_type=network_type)

    @property
    def host(self) -> str:
        """The address without what multicast adds to it."""
        return self.address.partition("/")[0]

    @property
    def is_unspecified(self) -> bool:
        """``0.0.0.0`` or ``::``: nothing can be sent there.  RFC 3264 section 8.4."""
        return self.host in _HOLD_ADDRESSES

    def __str__(self) -> str:
        return f"{self.network_type} {self.address_type} {self.address}"


def connection_fields(text: str) -> list[str]:
    """The three fields of what follows ``c=``.

    Raises:
      RemoteProtocolError: not three words.
    """
    words = text.split()
    if len(words) != 3:
        raise RemoteProtocolError(f"bad c= line: {text[:60]!r}")
    return words


@attrs.frozen
class Bandwidth:
    """A ``b=`` line.  RFC 8866 section 5.8, RFC 3890 for ``TIAS``.

    Raises:
      LocalProtocolError: a negative value, or a type that is no word.
    """

    type: str
    """``AS`` and ``CT`` count kilobits, ``TIAS``, ``RS`` and ``RR`` bits a second."""
    value: int

    def __attrs_post_init__(self) -> None:
        checked_token(self.type, "a bandwidth type")
        if self.value < 0 or ":" in self.type:
            raise LocalProtocolError(f"no bandwidth: {self.type!r}, {self.value}")

    @classmethod
    def maybe_parse(cls, text: str) -> Bandwidth | None:
        """What follows ``b=``, if it is one."""
        kind, _, value = text.strip().partition(":")
        number = whole_number(value.strip(), 18)
        return cls(kind, number) if [kind] == kind.split() and number is not None else None

    @property
    def bits_per_second(self) -> int:
        """The value in bits a second, whatever the type counts."""
        return self.value * 1000 if self.type in ("AS", "CT") else self.value

    def __str__(self) -> str:
        return f"{self.type}:{self.value}"


@attrs.frozen
class Rtcp:
    """An ``a=rtcp`` line: where RTCP is to be sent, if not beside RTP.  RFC 3605."""

    port: int
    connection: Connection | None = None
    """``None``: where the media goes."""

    @classmethod
    def maybe_parse(cls, text: str) -> Rtcp | None:
        """What follows ``a=rtcp:``, if it can be read."""
        port, _, rest = text.strip().partition(" ")
        number = whole_number(port, 5)
        if number is None or number > 65535:
            return None
        if not rest.strip():
            return cls(number)
        try:
            return cls(number, Connection.parse(rest))
        except RemoteProtocolError:
            return None

    def __str__(self) -> str:
        return f"{self.port}" if self.connection is None else f"{self.port} {self.connection}"
