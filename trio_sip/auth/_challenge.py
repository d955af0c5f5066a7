"""What a server asks for: the value of WWW-Authenticate or Proxy-Authenticate."""

from __future__ import annotations

import functools

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._algorithm import Algorithm, find_algorithm
from ._params import is_digest, is_token, parse_digest_untrusted, quote, require_token, split_scheme
from ._secret import HashedSecret, PlainSecret


def _check_realm(instance: object, attribute: object, realm: str) -> None:
    if not realm:
        raise LocalProtocolError("a realm cannot be empty")
    quote(realm)


def _check_quotable(instance: object, attribute: object, text: str | None) -> None:
    if text is not None:
        quote(text)


@attrs.frozen(kw_only=True)
class DigestChallengeData:
    """What an authenticator knows when a request must be challenged.

    Raises:
        LocalProtocolError: the realm is empty, or a value holds control characters.
    """

    realm: str = attrs.field(validator=_check_realm)
    """The realm the user authenticates to.  Compared exactly, case and all."""

    auth: PlainSecret | HashedSecret
    """The secret: username and password, or their hash with the realm."""

    domain: str | None = attrs.field(default=None, validator=_check_quotable)
    """The URIs the credentials are good for, separated by spaces."""

    opaque: str | None = attrs.field(default=None, validator=_check_quotable)
    """Left out, one is provided.  The client must send it back unchanged."""

    nonce: str | None = attrs.field(default=None, validator=_check_quotable, repr=False)
    """Left out, one is provided.  Whoever sets it is responsible for changing it in time."""

    @property
    def is_md5(self) -> bool:
        """Whether the secret is an MD5 hash, not a password."""
        return isinstance(self.auth, HashedSecret) and self.auth.algorithm is Algorithm.MD5


# Not frozen, although it is a value: one is made for nearly each REGISTER, and a frozen one takes
# half a microsecond longer to fill.
@attrs.define(kw_only=True)
class Challenge:
    """A Digest challenge, received or to be sent.  ``str()`` gives the header value.

    RFC 3261 section 22.4, RFC 7616 section 3.3, RFC 8760.
    """

    realm: str
    nonce: str
    algorithm: str | None = None
    """An `Algorithm` if it is one of ours, else the text; None if left out, which means MD5."""

    qop: tuple[str, ...] = ()
    """The qualities of protection on offer; none at all is the form of RFC 2069."""

    opaque: str | None = None
    stale: bool = False
    """The credentials were right and only the nonce was too old: no need to ask the user."""

    domain: str | None = None
    charset: str | None = None
    """``UTF-8`` or nothing."""

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Read a WWW-Authenticate or Proxy-Authenticate value.

        Raises:
            RemoteProtocolError: another scheme than Digest (see `parse_challenge` for a value
                of any scheme), not a list of parameters, or no realm or nonce.
        """
        params = parse_digest_untrusted(text)
        try:
            realm, nonce = params["realm"], params["nonce"]
        except KeyError as error:
            raise RemoteProtocolError(f"a Digest challenge without {error.args[0]}") from None
        algorithm = params.get("algorithm")
        # "algorithm" and "stale" have no quotes in the grammar, but half of the world writes
        # them anyway; "qop" has quotes, and the other half leaves them out.
        for name in ("algorithm", "charset"):
            if not is_token(params.get(name, "none")):
                raise RemoteProtocolError(f"a Digest challenge with a broken {name}")
        qop = tuple(option.strip() for option in params.get("qop", "").lower().split(","))
        return cls(
            realm=realm,
            nonce=nonce,
            algorithm=find_algorithm(algorithm) or algorithm if algorithm else None,
            qop=tuple(option for option in qop if is_token(option)),
            opaque=params.get("opaque"),
            stale=params.get("stale", "").lower() == "true",
            domain=params.get("domain"),
            charset=params.get("charset"),
        )

    def __str__(self) -> str:
        before, after = _around_nonce(
            self.realm,
            self.algorithm,
            self.qop,
            self.opaque,
            self.domain,
            self.stale,
            self.charset,
        )
        return before + quote(self.nonce) + after


# All challenges of a server are alike but for the nonce.
@functools.lru_cache(maxsize=256)
def _around_nonce(
    realm: str,
    algorithm: str | None,
    qop: tuple[str, ...],
    opaque: str | None,
    domain: str | None,
    stale: bool,
    charset: str | None,
) -> tuple[str, str]:
    # RFC 7616 section 3.3: quotes around realm, domain, nonce, opaque and qop, and no
    # quotes around stale, algorithm and charset.
    parts = [""]
    if algorithm is not None:
        parts.append(f"algorithm={require_token(algorithm, 'algorithm')}")
    if qop:
        options = ",".join(require_token(option, "qop") for option in qop)
        parts.append(f'qop="{options}"')
    if opaque is not None:
        parts.append(f"opaque={quote(opaque)}")
    if domain is not None:
        parts.append(f"domain={quote(domain)}")
    if stale:
        parts.append("stale=true")
    if charset is not None:
        parts.append(f"charset={require_token(charset, 'charset')}")
    return f"Digest realm={quote(realm)}, nonce=", ", ".join(parts)


@attrs.frozen
class OtherChallenge:
    """A challenge of a scheme that we do not speak (Basic, Bearer): to be passed over."""

    scheme: str
    """As it was written."""

    text: str
    """The whole header value."""

    def __str__(self) -> str:
        return self.text


def parse_challenge(text: str) -> Challenge | OtherChallenge:
    """Read a challenge of whatever scheme.

    RFC 3261 section 7.3.1 forbids to put two challenges into one header field, so one value
    is one challenge.

    Raises:
        RemoteProtocolError: it cannot be read at all.
    """
    if is_digest(text):
        return Challenge.parse(text)
    scheme, _ = split_scheme(text)
    return OtherChallenge(scheme, text)
