"""The arithmetic of Digest: RFC 7616 section 3.4.1.

``response = KD(HA1, nonce ":" nc ":" cnonce ":" qop ":" HA2)``, where HA1 is the hash of who
one is and HA2 the hash of what one asks for.
"""

from __future__ import annotations

import hmac

from trio_sip._errors import LocalProtocolError

from ._algorithm import Algorithm, Qop, hash_function

# Looking a member up in its enum takes as long as a fifth of a hash, before Python 3.12.
_AUTH_INT = Qop.AUTH_INT


def compute_ha1(
    username: str,
    realm: str,
    password: str,
    algorithm: Algorithm = Algorithm.MD5,
    encoding: str = "utf-8",
) -> str:
    """HA1, the hash to store instead of a password (RFC 7616 section 3.4.2).

    For a ``-sess`` algorithm this is the stored half of it, the same as without ``-sess``.

    Raises:
        LocalProtocolError: the text cannot be written in ``encoding``.
    """
    try:
        data = f"{username}:{realm}:{password}".encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        # "from None": the original error quotes the text, and the text holds the password.
        raise LocalProtocolError(f"the secret cannot be written in {encoding}") from None
    return hash_function(algorithm)(data)


def compute_response(
    ha1: str,
    algorithm: Algorithm,
    *,
    method: str,
    uri: str,
    nonce: str,
    qop: str | None = None,
    nc: str = "",
    cnonce: str = "",
    body: bytes = b"",
) -> str:
    """The ``response`` parameter, in lower-case hexadecimal digits.

    Args:
        ha1: from `compute_ha1`, without the ``-sess`` step, which is done here.
        uri: the ``uri`` parameter, character by character.
        qop: None is the form of RFC 2069, without ``nc`` and ``cnonce``.
        nc: the nonce count as it is written: eight hexadecimal digits.
        body: the body of the message; matters for ``auth-int`` only.
    """
    hashed = hash_function(algorithm)
    a2 = f"{method}:{uri}"
    if qop == _AUTH_INT:
        a2 = f"{a2}:{hashed(body)}"
    ha2 = hashed(a2.encode("utf-8", "surrogateescape"))
    if algorithm.is_session:
        # RFC 7616 section 3.4.2 wants nonce and cnonce of the *first* request of a session.
        # We take those of this one: a client that keeps its cnonce, as ours does, gets the
        # same either way, and the server need not remember anything.
        ha1 = hashed(f"{ha1}:{nonce}:{cnonce}".encode("utf-8", "surrogateescape"))
    middle = nonce if qop is None else f"{nonce}:{nc}:{cnonce}:{qop}"
    return hashed(f"{ha1}:{middle}:{ha2}".encode("utf-8", "surrogateescape"))


def is_same_response(given: str, expected: str) -> bool:
    """Whether the two are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(
        given.lower().encode("utf-8", "surrogatepass"), expected.encode("ascii")
    )
