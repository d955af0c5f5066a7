"""Who is calling, who says so, and which way the call came."""

from __future__ import annotations

import re

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._field import Field, ListField
from ._grammar import checked_token
from ._name_addr import NameAddr
from ._params import NO_PARAMS, Params
from ._token_value import LineField, as_params, read_as
from ._uri import Uri

__all__ = [
    "ALERT_INFO", "AUTHENTICATION_INFO", "AUTHORIZATION", "CALL_INFO", "DIVERSION", "ERROR_INFO",
    "HISTORY_INFO", "IDENTITY", "PATH", "PRIVACY", "PROXY_AUTHENTICATE", "PROXY_AUTHORIZATION",
    "P_ASSERTED_IDENTITY", "P_PREFERRED_IDENTITY", "REPLY_TO", "SERVICE_ROUTE",
    "WWW_AUTHENTICATE", "Identity", "Privacy",
]  # fmt: skip

# Identity = signed-identity-digest SEMI ident-info *( SEMI ident-info-params )    (RFC 8224)
# ident-info = "info" EQUAL ident-info-uri, in angle brackets.
_IDENTITY = re.compile(
    r"([A-Za-z0-9\-_.+/=]++)[ \t]*+;[ \t]*+info[ \t]*+=[ \t]*+<([^<>]++)>[ \t]*+(;.*)?",
    re.IGNORECASE | re.DOTALL,
)
_DIGEST = re.compile(r"[A-Za-z0-9\-_.+/=]++")


def _digest(text: str) -> str:
    if _DIGEST.fullmatch(text) is None:
        raise LocalProtocolError(f"bad signed identity: {text[:60]!r}")
    return text


def _uri(uri: Uri | str) -> Uri:
    return Uri.parse(uri)


@attrs.frozen
class Identity:
    """A signed claim about the caller, and where its certificate is.  RFC 8224 section 4."""

    digest: str = attrs.field(converter=_digest)
    """The PASSporT, full or compact, as it stands."""

    info: Uri = attrs.field(converter=_uri)
    params: Params = attrs.field(default=NO_PARAMS, converter=as_params)
    """``alg``, ``ppt`` and others."""

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Parse ``eyJ…;info=<https://…>;alg=ES256;ppt=shaken``."""
        match = _IDENTITY.fullmatch(text)
        if match is None:
            raise RemoteProtocolError(f"bad Identity: {text[:60]!r}")
        digest, info, params = match.groups()
        return read_as(cls, digest, info, Params.parse(params) if params else NO_PARAMS)

    def __str__(self) -> str:
        return f"{self.digest};info=<{self.info}>{self.params}"


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(checked_token(word, "a privacy value").lower() for word in words)


@attrs.frozen
class Privacy:
    """What a caller wants hidden: ``id``, ``header``, ``none``, …  RFC 3323 section 4.2."""

    values: tuple[str, ...] = attrs.field(converter=_words)
    """In lower case."""

    @classmethod
    def parse(cls, text: str) -> Privacy:
        """Parse ``id;critical``."""
        return read_as(cls, tuple(word.strip(" \t") for word in text.split(";")))

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and value.lower() in self.values

    def __str__(self) -> str:
        return ";".join(self.values)


P_ASSERTED_IDENTITY = ListField("P-Asserted-Identity", NameAddr.parse)
P_PREFERRED_IDENTITY = ListField("P-Preferred-Identity", NameAddr.parse)
PRIVACY = Field("Privacy", Privacy.parse)
IDENTITY = ListField("Identity", Identity.parse)
HISTORY_INFO = ListField("History-Info", NameAddr.parse)
DIVERSION = ListField("Diversion", NameAddr.parse)
PATH = ListField("Path", NameAddr.parse)
SERVICE_ROUTE = ListField("Service-Route", NameAddr.parse)
REPLY_TO = Field("Reply-To", NameAddr.parse)
ALERT_INFO = ListField("Alert-Info", NameAddr.parse)
CALL_INFO = ListField("Call-Info", NameAddr.parse)
ERROR_INFO = ListField("Error-Info", NameAddr.parse)
AUTHORIZATION = LineField("Authorization", str)
PROXY_AUTHORIZATION = LineField("Proxy-Authorization", str)
WWW_AUTHENTICATE = LineField("WWW-Authenticate", str)
PROXY_AUTHENTICATE = LineField("Proxy-Authenticate", str)
AUTHENTICATION_INFO = LineField("Authentication-Info", str)
