"""What a client answers with: the value of Authorization or Proxy-Authorization."""

from __future__ import annotations

from operator import itemgetter

import attrs

from trio_sip._errors import RemoteProtocolError

from ._algorithm import find_algorithm
from ._params import is_token, parse_digest_untrusted, quote, require_token

_HEX_DIGITS = "0123456789abcdefABCDEF"
_REQUIRED = itemgetter("username", "realm", "nonce", "uri", "response")


# Not frozen, although it is a value: one is made for each request that arrives with
# credentials, and a frozen one takes a microsecond longer to fill.
@attrs.define(kw_only=True)
class Credentials:
    """Digest credentials, received or to be sent.  ``str()`` gives the header value.

    RFC 3261 section 22.4, RFC 7616 section 3.4.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    """The Request-URI as the client knew it: a proxy may have changed it since."""

    response: str = attrs.field(repr=False)
    algorithm: str | None = None
    """An `Algorithm` if it is one of ours, else the text; None if left out, which means MD5."""

    qop: str | None = None
    """``auth``, ``auth-int``, or None in the form of RFC 2069."""

    nc: str | None = None
    """Eight hexadecimal digits: how often the client has used this nonce."""

    cnonce: str | None = attrs.field(default=None, repr=False)
    opaque: str | None = None

    @property
    def count(self) -> int:
        """``nc`` as a number; 0 where there is none."""
        return int(self.nc, 16) if self.nc is not None else 0

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Read an Authorization or Proxy-Authorization value.

        Raises:
            RemoteProtocolError: another scheme than Digest, not a list of parameters, a
                parameter missing or broken.  The error never quotes the response.
        """
        params = parse_digest_untrusted(text)
        try:
            username, realm, nonce, uri, response = _REQUIRED(params)
        except KeyError as error:
            raise RemoteProtocolError(f"Digest credentials without {error.args[0]}") from None
        get = params.get
        algorithm = get("algorithm")
        if algorithm is not None:
            algorithm = find_algorithm(algorithm) or _token(algorithm, "algorithm")
        qop, nc, cnonce = get("qop"), get("nc"), get("cnonce")
        if qop is not None:
            qop = qop.lower()
            if qop != "auth":
                _token(qop, "qop")
            # RFC 7616 section 3.4: with qop there must be a cnonce and a count.
            if cnonce is None or nc is None:
                raise RemoteProtocolError("Digest credentials with qop but without nc or cnonce")
        if nc is not None and (len(nc) != 8 or nc.strip(_HEX_DIGITS)):
            raise RemoteProtocolError("Digest credentials whose nc is not 8 hexadecimal digits")
        # Filled without the constructor, which takes twice as long with so many keywords.
        self = cls.__new__(cls)
        self.username = username
        self.realm = realm
        self.nonce = nonce
        self.uri = uri
        self.response = response
        self.algorithm = algorithm
        self.qop = qop
        self.nc = nc
        self.cnonce = cnonce
        self.opaque = get("opaque")
        return self

    def __str__(self) -> str:
        # RFC 7616 section 3.4: no quotes around algorithm, qop and nc.
        parts = [
            f"username={quote(self.username)}",
            f"realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"uri={quote(self.uri)}",
            f"response={quote(self.response)}",
        ]
        for name, token in (("algorithm", self.algorithm), ("qop", self.qop), ("nc", self.nc)):
            if token is not None:
                parts.append(f"{name}={require_token(token, name)}")
        if self.cnonce is not None:
            parts.append(f"cnonce={quote(self.cnonce)}")
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        return "Digest " + ", ".join(parts)


def _token(text: str, name: str) -> str:
    if not is_token(text):
        raise RemoteProtocolError(f"Digest credentials with a broken {name}")
    return text
