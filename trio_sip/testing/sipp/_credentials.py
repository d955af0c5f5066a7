"""Challenges that are answered, and credentials that are checked, in scenarios."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from trio_sip._errors import RemoteProtocolError, SipError
from trio_sip.auth import (
    Algorithm,
    Credentials,
    OtherChallenge,
    OutboundAuthenticator,
    OutboundCredential,
    PlainSecret,
    compute_ha1,
    compute_response,
    parse_challenge,
)
from trio_sip.testing.peer import AKA, AkaMacFailure, AkaSecret, aka_credentials

from ._failure import CallFailed, ScenarioFailure
from ._headers import values_of

__all__ = ["Card", "Challenge", "answer_challenge", "is_proved"]


@attrs.frozen
class Challenge:
    """What a response has asked for."""

    status: int
    server: list[str]
    proxy: list[str]

    @classmethod
    def of(cls, text: str) -> Challenge:
        """That of a message."""
        is_response = text.startswith("SIP/2.0 ")
        status = text.split(" ", 2)[1] if is_response else "401"
        return cls(
            int(status) if status.isdigit() else 401,
            values_of(text, "WWW-Authenticate"),
            values_of(text, "Proxy-Authenticate"),
        )


@attrs.define(eq=False)
class Card:
    """What ``[authentication aka_K=… aka_OP=… aka_AMF=…]`` says, and the number it has come to."""

    k: str = attrs.field(repr=False)
    op: str = attrs.field(repr=False)
    amf: str = ""
    number: int = 0

    def answer(
        self, challenge: Challenge, username: str, request: tuple[str, str, bytes], cnonce: str
    ) -> str | None:
        """The header that answers a challenge; ``None`` if it is none of AKA.

        Raises:
          CallFailed: it is a false one, or there is no such key.
        """
        for name, values in _ANSWERED.items():
            for value in values(challenge):
                try:
                    asked = parse_challenge(value)
                    if isinstance(asked, OtherChallenge) or asked.algorithm != AKA:
                        continue
                    secret = AkaSecret(
                        username=username, k=_key(self.k), op=_key(self.op), amf=_key(self.amf)
                    )
                    text, self.number, _ = aka_credentials(
                        secret, self.number, asked, request, cnonce
                    )
                except (SipError, AkaMacFailure) as error:
                    words = f"cannot answer the challenge: {error}"
                    raise CallFailed(words, ScenarioFailure.REJECTED) from None
                return f"{name}: {text}"
        return None


_ANSWERED: dict[str, Callable[[Challenge], list[str]]] = {
    "Authorization": lambda one: one.server,
    "Proxy-Authorization": lambda one: one.proxy,
}


def _key(text: str) -> bytes | str:
    # Octets as they are, or hexadecimal digits behind "0x".
    return text if text.startswith("0x") else text.encode("utf-8", "surrogateescape")


def answer_challenge(
    challenge: Challenge,
    username: str,
    password: str,
    request: tuple[str, str, bytes],
    *,
    cnonce: str,
    card: Card | None = None,
) -> str:
    """The headers that answer a challenge, for a request of this method, URI and body.

    Args:
      card: for a challenge of AKA.

    Raises:
      CallFailed: there is no answer to it.
    """
    # Whoever asks: there is nobody else in a scenario.
    made = None if card is None else card.answer(challenge, username, request, cnonce)
    if made is not None:
        return made
    credential = OutboundCredential(PlainSecret(username, password), next_hops=["peer"])
    attempt = OutboundAuthenticator([credential]).start_attempt("peer")
    method, uri, body = request
    try:
        attempt.receive_rejection(
            challenge.status, server_challenges=challenge.server, proxy_challenges=challenge.proxy
        )
        headers = attempt.headers(method=method, uri=uri, body=body, cnonce=cnonce)
    except SipError as error:
        words = f"cannot answer the challenge: {error}"
        raise CallFailed(words, ScenarioFailure.REJECTED) from None
    return "\r\n".join(f"{header.name}: {header.value}" for header in headers)


def is_proved(request: str, username: str, password: str) -> bool:
    """Whether a request has the credentials of this user."""
    values = [*values_of(request, "Authorization"), *values_of(request, "Proxy-Authorization")]
    method = request.partition(" ")[0]
    body = request.partition("\r\n\r\n")[2].encode("utf-8", "surrogateescape")
    for value in values:
        try:
            given = Credentials.parse(value)
        except RemoteProtocolError:
            continue
        algorithm = given.algorithm or Algorithm.MD5
        if given.username != username or not isinstance(algorithm, Algorithm):
            continue
        ha1 = compute_ha1(username, given.realm, password, algorithm)
        right = compute_response(
            ha1, algorithm, method=method, uri=given.uri, nonce=given.nonce, qop=given.qop,
            nc=given.nc or "", cnonce=given.cnonce or "", body=body,
        )  # fmt: skip
        if right == given.response.lower():
            return True
    return False
