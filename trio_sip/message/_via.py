"""Via and CSeq: the two values that every message is routed and matched by."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._grammar import checked_token
from ._methods import KNOWN_METHODS
from ._params import NO_PARAMS, PLAIN_PARAMS, Params
from ._uri import check_ipv6

__all__ = ["CSeq", "Via"]

# via-parm = sent-protocol LWS sent-by *( SEMI via-params )
# sent-protocol = protocol-name SLASH protocol-version SLASH transport, and SLASH may have
# white space on both sides.
_VIA = re.compile(
    r"SIP[ \t]*+/[ \t]*+2\.0[ \t]*+/[ \t]*+([A-Za-z0-9\-.!%*_+`'~]++)[ \t]++"
    r"(\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)"
    r"(?:[ \t]*+:[ \t]*+([0-9]{1,5}))?+[ \t]*+(;.*)?",
    re.IGNORECASE | re.DOTALL,
)
# The usual spelling: single spaces, capitals, parameters without quotes, the branch first or behind
# a bare rport.
_USUAL = re.compile(
    r"SIP/2\.0/([A-Z]++) (\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)(?::([0-9]{1,5}))?+"
    rf"((?:;rport)?+(?:;branch=([^\",;\s<>\x00-\x20]++))?+{PLAIN_PARAMS}*+)"
)
_SHORT = 300
_CSEQ = re.compile(r"([0-9]++)[ \t]++([A-Za-z0-9\-.!%*_+`'~]++)")
_DIGITS = re.compile(r"[0-9]{1,5}+")


class Via:
    """One hop of the way a request came, and the way its responses go back.  Immutable.

    Args:
      transport: ``UDP``, ``TCP``, ``TLS``, ``WS``, …
      host: a name or an address; IPv6 with brackets.
    """

    # A plain class with slots: one is made for every message that comes in.
    __slots__ = ("_params", "branch", "host", "port", "transport")

    transport: str
    """As sent, in upper case."""
    host: str
    """The host of sent-by: a name or an address; IPv6 keeps its brackets."""
    port: int | None
    branch: str | None
    """What names the transaction; it begins with ``z9hG4bK`` since RFC 3261."""

    def __init__(
        self,
        transport: str,
        host: str,
        port: int | None = None,
        params: Mapping[str, str | None] | None = None,
    ) -> None:
        text = f"SIP/2.0/{transport} {host if port is None else f'{host}:{port}'}"
        match = _VIA.fullmatch(text)
        if match is None or (match[1], match[2], match[4]) != (transport, host, None):
            raise LocalProtocolError(f"bad Via: {text!r}")
        if port is not None and not 0 < port < 65536:
            raise LocalProtocolError(f"bad port in Via: {text!r}")
        self.transport = transport.upper()
        self.host = host
        self.port = port
        made = params if isinstance(params, Params) else Params(params)
        self._params: Params | str = made
        self.branch = made.get("branch")

    @classmethod
    def parse(cls, text: str) -> Via:
        """Parse one via-parm.

        Raises:
          RemoteProtocolError: not a Via, or its port, address or parameters are wrong.
        """
        match = _USUAL.fullmatch(text) if len(text) < _SHORT else None
        if match is None:
            return _read(text)
        made = cls.__new__(cls)
        # Parameters without quotes have been checked by the pattern and stay text for now.
        made.transport, made.host, port, made._params, made.branch = match.groups()
        made.port = None if port is None else _port(port, text)
        if made.host[0] == "[":
            check_ipv6(made.host[1:-1])
        if made.branch is None:
            made.branch = made.params._items.get("branch")
        return made

    @property
    def params(self) -> Params:
        """``;branch=…;rport`` as a mapping."""
        params = self._params
        if isinstance(params, str):
            params = self._params = Params.parse(params) if params else NO_PARAMS
        return params

    @property
    def received(self) -> str | None:
        return self.params._items.get("received")

    @property
    def rport(self) -> int | None:
        """The source port that the receiver filled in (RFC 3581); ``None`` while it is unfilled."""
        text = self.params._items.get("rport")
        return int(text) if text is not None and _DIGITS.fullmatch(text) else None

    @property
    def sent_by(self) -> str:
        """``host`` or ``host:port`` as the sender wrote it."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"SIP/2.0/{self.transport} {self.sent_by}{self.params}"

    def __repr__(self) -> str:
        return f"Via({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Via):
            return NotImplemented
        return (self.transport, self.host.lower(), self.port, self.params) == (
            other.transport,
            other.host.lower(),
            other.port,
            other.params,
        )

    def __hash__(self) -> int:
        return hash((self.transport, self.host.lower(), self.port, self.params))


def _read(text: str) -> Via:
    """Any spelling of a Via."""
    match = _VIA.fullmatch(text)
    if match is None:
        raise RemoteProtocolError(f"bad Via: {text[:80]!r}")
    transport, host, port, params = match.groups()
    if host[0] == "[":
        check_ipv6(host[1:-1])
    made = Via.__new__(Via)
    made.transport = transport.upper()
    made.host = host
    made.port = None if port is None else _port(port, text)
    made._params = parsed = Params.parse(params) if params else NO_PARAMS
    made.branch = parsed._items.get("branch")
    return made


def _port(digits: str, text: str) -> int:
    port = int(digits)
    if not 0 < port < 65536:
        raise RemoteProtocolError(f"bad port in Via: {text[:80]!r}")
    return port


def _sequence_number(value: int) -> int:
    if not 0 <= value < 2**32:
        raise LocalProtocolError(f"CSeq number out of range: {value}")
    return value


def _method(value: str) -> str:
    return checked_token(value, "a method")


@attrs.frozen
class CSeq:
    """The number of a request within its Call-ID and direction, and its method."""

    number: int = attrs.field(converter=_sequence_number)
    method: str = attrs.field(converter=_method)

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Parse ``314159 INVITE``.

        RFC 3261 section 8.1.1.5 wants numbers below 2**31; any 32-bit number is accepted.
        """
        digits, _, method = text.partition(" ")
        if not (method in KNOWN_METHODS and digits.isascii() and digits.isdigit()):
            match = _CSEQ.fullmatch(text)
            if match is None:
                raise RemoteProtocolError(f"bad CSeq: {text[:60]!r}")
            digits, method = match.groups()
        if len(digits) > 10 or (number := int(digits)) >= 2**32:
            raise RemoteProtocolError(f"CSeq number out of range: {digits[:20]}")
        made = cls.__new__(cls)
        _set_number(made, number)
        _set_method(made, method)
        return made

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


_set_number = CSeq.number.__set__  # type: ignore[attr-defined]  # a slot's descriptor
_set_method = CSeq.method.__set__  # type: ignore[attr-defined]
