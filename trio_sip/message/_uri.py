"""URIs: sip and sips in full, tel as far as its number, every other scheme carried unopened."""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import quote as escape

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._grammar import checked_text, decode_escapes
from ._limits import DEFAULT_LIMITS
from ._params import NO_PARAMS, Params

__all__ = ["PLAIN_SIP_URI", "Uri", "check_ipv6"]

# SIP-URI = "sip:" [ userinfo ] hostport uri-parameters [ headers ]     (RFC 3261 section 25.1)
# userinfo = ( user / telephone-subscriber ) [ ":" password ] "@"
# The user part may hold ";" and "?", so "@" decides first where it ends.  Real phones send
# characters there that the grammar wants escaped ("#", "^"); only what would make the URI
# ambiguous inside a message is refused.
_ANY_SIP_URI = (
    r"(?:([^:@\s<>\"\x00-\x20\x7f][^@\s<>\"\x00-\x20\x7f]*+)@)?"
    r"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)"
    r"(?::([0-9]{1,5}))?"
    r"(;[^?\s<>\"\x00-\x20\x7f]*+)?"
    r"(?:\?([^\s<>\"\x00-\x20\x7f]*+))?"
)
_SIP_URI = re.compile(f"(sips?):{_ANY_SIP_URI}")
# The same with the same groups, but without what has to be looked at again: escapes, IPv6
# addresses, ports that might be too large, and an "@" that this pattern cannot place.
PLAIN_SIP_URI = (
    r"(?:([^:@%\s<>\"\x00-\x20\x7f][^@%\s<>\"\x00-\x20\x7f]*+)@)?"
    r"([A-Za-z0-9._\-]++)"
    r"(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?"
    # With an "@" in them it would be the end of a user part that looks odd.
    r"(;[^?@%\s<>\"\x00-\x20\x7f]*+)?"
    r"(?:\?([^@%\s<>\"\x00-\x20\x7f]*+))?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*+")
_OPAQUE = re.compile(r"[^\s<>\"\x00-\x20\x7f]++")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

# unreserved / user-unreserved, resp. what a URI parameter may hold unescaped.
_USER_SAFE = "-_.!~*'()&=+$,;?/"
_PARAM_SAFE = "-_.!~*'()[]/:&+$"
_HEADER_SAFE = "-_.!~*'()[]/?:+$"

# RFC 3261 section 19.1.4: these must be in both URIs or in neither.
_DECISIVE_PARAMS = ("user", "ttl", "method", "maddr", "transport")


class Uri:
    """A URI as it stands in a Request-URI or a name-addr.  Immutable.

    Two URIs are equal when RFC 3261 section 19.1.4 says so; `str` gives the text a parsed one
    came from, to the letter, so that a registered contact goes back as it was given.

    User and password are given without their ``%hh`` escapes.  For a scheme other than sip and
    sips, `user` is all that follows the colon up to the first ``;`` and `host` is empty.
    """

    # A plain class with slots and properties: users, parameters and headers of most URIs on
    # the hot path are never looked at, so they stay text until somebody asks.
    __slots__ = ("_headers", "_params", "_password", "_text", "_user", "host", "port", "scheme")

    scheme: str
    """In lower case: ``sip``, ``sips``, ``tel``, …"""
    host: str
    """A host name or an address; an IPv6 address keeps its brackets."""
    port: int | None

    def __init__(
        self,
        scheme: str = "sip",
        user: str | None = None,
        host: str = "",
        port: int | None = None,
        *,
        password: str | None = None,
        params: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        text = scheme + ":"
        if user is not None:
            # Behind urn: and its like stands no user part but everything, colons included.
            text += _escaped(user, _USER_SAFE if host else _USER_SAFE + ":@")
            if password is not None:
                text += ":" + _escaped(password, _USER_SAFE)
            text += "@" if host else ""
        text += host if port is None else f"{host}:{port}"
        for name, value in (params or {}).items():
            text += ";" + _escaped(name, _PARAM_SAFE)
            text += "" if value is None else "=" + _escaped(value, _PARAM_SAFE)
        if headers:
            pairs = (
                f"{_escaped(name, _HEADER_SAFE)}={_escaped(value, _HEADER_SAFE)}"
                for name, value in headers.items()
            )
            text += "?" + "&".join(pairs)
        try:
            self._read(text)
        except RemoteProtocolError as error:
            raise LocalProtocolError(str(error)) from None
        if (self.host, self.port) != (host, port):
            raise LocalProtocolError(f"bad host: {host!r}")

    @classmethod
    def parse(cls, text: str | Uri) -> Uri:
        """Parse the text of a URI; a `Uri` is returned as it is.

        Raises:
          RemoteProtocolError: not a URI; ``status_hint`` is 400, or 414 when it is too long.
        """
        if isinstance(text, Uri):
            return text
        return _read_lately(text) if len(text) <= _MEMORABLE else _read(text)

    @classmethod
    def _of_groups(cls, *groups: str) -> Uri:
        """From what a pattern like `PLAIN_SIP_URI` has found: the text, and its pieces."""
        self = cls.__new__(cls)
        self._take(*groups)
        return self

    def _read(self, text: str) -> None:
        if len(text) > DEFAULT_LIMITS.uri_bytes:
            raise RemoteProtocolError("URI too long", 414)
        match = _SIP_URI.fullmatch(text)
        if match is None:
            self._text = text
            self._read_other(text)
        else:
            self._take(text, *match.groups())

    def _take(
        self,
        text: str,
        scheme: str,
        user: str | None,
        host: str,
        port: str | None,
        params: str | None = None,
        headers: str | None = None,
    ) -> None:
        """The pieces that the pattern has found."""
        if user is None and "@" in text:
            # What stands before it is a user, so this is no host with an "@" in its parameters.
            raise RemoteProtocolError(f"bad URI: {text[:80]!r}")
        self._text = text
        self.scheme = scheme
        self._headers = headers
        self.host = host
        self._user = user
        self._password = None
        if user is not None and ":" in user:
            self._user, _, self._password = user.partition(":")
        self.port = None
        if port is not None:
            self.port = int(port)
            if not 0 < self.port < 65536:
                raise RemoteProtocolError(f"bad port in {text[:80]!r}")
        self._params: Params | str = ""
        if params is not None:
            self._params = params
            if params.count(";") > DEFAULT_LIMITS.param_count:
                raise RemoteProtocolError(f"too many parameters in {text[:80]!r}")
        if host[0] == "[":
            check_ipv6(host[1:-1])
        if "%" in text and _BAD_ESCAPE.search(text):
            raise RemoteProtocolError(f"bad escape in {text[:80]!r}")

    def _read_other(self, text: str) -> None:
        """A scheme that is neither sip nor sips, or one of those in other letters."""
        scheme, colon, rest = text.partition(":")
        self.scheme = scheme.lower()
        if self.is_sip:
            if scheme == self.scheme:
                raise RemoteProtocolError(f"bad URI: {text[:80]!r}")
            self._read(f"{self.scheme}:{rest}")
            self._text = text
            return
        if not colon or not _SCHEME.fullmatch(self.scheme) or not _OPAQUE.fullmatch(rest):
            raise RemoteProtocolError(f"bad URI: {self._text[:80]!r}")
        self._user, semicolon, params = rest.partition(";")
        self._params = semicolon + params if self.scheme == "tel" else ""
        if self.scheme != "tel":
            self._user = rest
        self._password = self._headers = None
        self.host = ""
        self.port = None

    @property
    def user(self) -> str | None:
        """The user part without its escapes, or ``None``; ``%00`` is a character like others."""
        return self._user if self._user is None else decode_escapes(self._user)

    @property
    def password(self) -> str | None:
        return self._password if self._password is None else decode_escapes(self._password)

    @property
    def params(self) -> Params:
        """``;transport=tcp;lr`` as a mapping, without escapes."""
        if isinstance(self._params, str):
            self._params = _uri_params(self._params) if self._params else NO_PARAMS
        return self._params

    @property
    def headers(self) -> list[tuple[str, str]]:
        """What follows ``?``: names and values, without escapes.  Never act on them blindly."""
        if not self._headers:
            return []
        pairs = (pair.partition("=") for pair in self._headers.split("&"))
        return [(decode_escapes(name), decode_escapes(value)) for name, _, value in pairs]

    @property
    def is_sip(self) -> bool:
        """Whether the scheme is sip or sips: a URI that a request can be sent to."""
        return self.scheme in ("sip", "sips")

    @property
    def address(self) -> str:
        """``host`` or ``host:port``, as it stands in the URI."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def replace(
        self,
        *,
        scheme: str | None = None,
        user: str | None = None,
        host: str | None = None,
        port: int | None = None,
        params: Mapping[str, str | None] | None = None,
    ) -> Uri:
        """A copy with the parts named exchanged; headers and password are not taken along."""
        return Uri(
            scheme or self.scheme,
            self.user if user is None else user,
            host or self.host,
            self.port if port is None else port,
            params=self.params if params is None else params,
        )

    def without_headers(self) -> Uri:
        """The URI up to its ``?``.  RFC 3261 section 19.1.1 forbids headers in a Request-URI."""
        if self._headers is None:
            return self
        # Not at the first "?", which may be part of the user.
        return Uri.parse(self._text[: -len(self._headers) - 1])

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        shown = self._text
        if self._password is not None:
            shown = shown.replace(f":{self._password}@", ":…@", 1)
        return f"Uri({shown!r})"

    def __eq__(self, other: object) -> bool:
        # RFC 3261 section 19.1.4
        if not isinstance(other, Uri):
            return NotImplemented
        if self._text == other._text:
            return True
        if not self.is_sip:
            return self.scheme == other.scheme and _same_opaque(self, other)
        return (
            self.scheme == other.scheme
            and self.user == other.user
            and self.password == other.password
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and _same_params(self.params, other.params)
            and _header_set(self) == _header_set(other)
        )

    def __hash__(self) -> int:
        return hash((self.scheme, self.user if self.is_sip else None, self.host.lower(), self.port))


def _escaped(text: str, safe: str) -> str:
    checked_text(text, "a part of a URI")
    return (
        text
        if text.isalnum() and text.isascii()
        else escape(text.encode("utf-8", "surrogateescape"), safe=safe)
    )


def check_ipv6(text: str) -> None:
    try:
        # RFC 5118 section 4.10: ":::" comes from a bug in RFC 3261's own grammar.
        ipaddress.IPv6Address(text.replace(":::", "::"))
    except ValueError:
        raise RemoteProtocolError(f"bad IPv6 address: {text[:60]!r}") from None


def _uri_params(text: str) -> Params:
    items: dict[str, str | None] = {}
    for piece in text.split(";")[1:]:
        name, equals, value = piece.partition("=")
        if name:
            items.setdefault(
                decode_escapes(name).lower(), decode_escapes(value) if equals else None
            )
    params = Params()
    params._items = items
    return params


def _same_params(a: Params, b: Params) -> bool:
    for name in a.keys() | b.keys():
        if name in a and name in b:
            if (a[name] or "").lower() != (b[name] or "").lower():
                return False
        elif name in _DECISIVE_PARAMS:
            return False
    return True


def _header_set(uri: Uri) -> set[tuple[str, str]]:
    return {(name.lower(), value) for name, value in uri.headers}


def _same_opaque(a: Uri, b: Uri) -> bool:
    # RFC 3966 section 4: visual separators do not count, nor does case.
    if a.scheme != "tel":
        return a.user == b.user
    separators = str.maketrans("", "", "-.()")
    return (a.user or "").translate(separators).lower() == (b.user or "").translate(
        separators
    ).lower() and a.params == b.params


def _read(text: str) -> Uri:
    made = Uri.__new__(Uri)
    made._read(text)
    return made


# The same few URIs come again and again; what was read lately is not read again.  Values never
# change, so that everybody may have the same one.
_MEMORABLE = 160
_read_lately = functools.lru_cache(maxsize=2048)(_read)
