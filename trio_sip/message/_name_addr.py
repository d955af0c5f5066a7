"""name-addr: the display name, URI and parameters of From, To, Contact, Route and their kin."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from trio_sip._errors import RemoteProtocolError

from ._grammar import checked_text, quote, unquote
from ._limits import DEFAULT_LIMITS
from ._params import NO_PARAMS, PLAIN_PARAMS, Params
from ._uri import PLAIN_SIP_URI, Uri

__all__ = ["WILDCARD", "NameAddr"]

# The commonest spelling of all: a tag, and no parameters in the URI.
_COMMON = re.compile(
    r'(?:"([^"\\]*+)"[ \t]*+)?+<((sips?):(?:([^:@%\s<>"\x00-\x20\x7f]++)@)?([A-Za-z0-9._\-]++)'
    r"(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?)>"
    r"(;tag=([A-Za-z0-9\-.!%*_+`'~]++))?+"
)
# name-addr = [ display-name ] LAQUOT addr-spec RAQUOT, then *( SEMI generic-param ): the usual
# spellings in one go.  What does not match is not wrong yet; it is read step by step instead.
_USUAL = re.compile(
    r'(?:"([^"\\]*+)"[ \t]*+|([A-Za-z0-9\-.!%*_+`\'~ ]*+))'
    rf"<((sips?):(?:{PLAIN_SIP_URI}))>((?:;tag=([A-Za-z0-9\-.!%*_+`'~]++))?+({PLAIN_PARAMS}*+))"
)
# Which of their groups are the text and the pieces of the URI.
_COMMON_PIECES = (2, 3, 4, 5, 6)
_USUAL_PIECES = (3, 4, 5, 6, 7, 8, 9)
_SHORT = 300
_QUOTED_NAME = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
# display-name = *(token LWS) / quoted-string.  Liberal: whatever cannot be mistaken for the
# punctuation around it, so that unquoted UTF-8 names pass and "Bell, Alexander <…>" does not.
_NOT_IN_A_NAME = re.compile(r"[\"<>,;:@\\?]")
_Q = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")


class NameAddr:
    """``"Alice" <sip:alice@example.com>;tag=88sja8x`` as a value.  Immutable.

    Args:
      uri: a `Uri`, or its text.
      display_name: without quotes; ``None`` for none.
      params: the parameters of the header, not those of the URI.
    """

    # A plain class with slots: four of them are read for every request, and of those mostly the
    # tag is wanted, so URI and parameters stay text until somebody asks.
    __slots__ = ("_params", "_uri", "display_name", "tag")

    display_name: str | None
    """Without its quotes; ``None`` when there is none."""

    tag: str | None
    """The ``tag`` parameter: which end of which dialog this is."""

    def __init__(
        self,
        uri: Uri | str,
        display_name: str | None = None,
        params: Mapping[str, str | None] | None = None,
    ) -> None:
        self._uri: Uri | re.Match[str] = Uri.parse(uri)
        self.display_name = (
            None if display_name is None else checked_text(display_name, "a display name")
        )
        self._params: Params | str
        self._params = parsed = (
            params if isinstance(params, Params) else Params(params) if params else NO_PARAMS
        )
        self.tag = parsed.get("tag")

    @classmethod
    def parse(cls, text: str | NameAddr) -> NameAddr:
        """Parse one value; a `NameAddr` is returned as it is.

        Without angle brackets, all parameters belong to the header (RFC 3261 section 20.10).

        Raises:
          RemoteProtocolError: no URI, an unbalanced quote or bracket, a bad parameter.
        """
        if isinstance(text, NameAddr):
            return text
        return _read_lately(text) if len(text) <= _MEMORABLE else _read(text)

    @property
    def uri(self) -> Uri:
        """The address itself."""
        uri = self._uri
        if not isinstance(uri, Uri):
            groups = uri.group(*(_COMMON_PIECES if uri.re is _COMMON else _USUAL_PIECES))
            uri = self._uri = Uri._of_groups(*groups)
        return uri

    @property
    def params(self) -> Params:
        """The parameters of the header, not those of the URI."""
        params = self._params
        if isinstance(params, str):
            params = self._params = Params.parse(params) if params else NO_PARAMS
        return params

    @property
    def q(self) -> float:
        """Preference among contacts, 0 to 1; 1 when it is not said (RFC 3261 section 20.10)."""
        text = self.params.get("q")
        if text is None:
            return 1.0
        if _Q.fullmatch(text) is None:
            raise RemoteProtocolError(f"bad q value: {text[:20]!r}")
        return float(text)

    def with_tag(self, tag: str) -> NameAddr:
        """The same address with the tag given."""
        params = self._params
        made = NameAddr.__new__(NameAddr)
        made._uri = self._uri
        made.display_name = self.display_name
        if not isinstance(params, str) or self.tag is not None or not tag.isalnum():
            made._params = self.params.replace(tag=tag)
        else:
            # Parameters that are still text need not be read for another one.
            made._params = f"{params};tag={tag}"
        made.tag = tag
        return made

    def __str__(self) -> str:
        name = "" if self.display_name is None else quote(self.display_name) + " "
        return f"{name}<{self.uri}>{self._params}"

    def __repr__(self) -> str:
        return f"NameAddr({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NameAddr):
            return NotImplemented
        return (self.uri, self.display_name, self.params) == (
            other.uri,
            other.display_name,
            other.params,
        )

    def __hash__(self) -> int:
        return hash((self.uri, self.display_name, self.params))


def _read(text: str) -> NameAddr:
    short = len(text) < _SHORT
    match = _COMMON.fullmatch(text) if short else None
    if match is not None:
        made = NameAddr.__new__(NameAddr)
        made._uri = match
        made.display_name, params, made.tag = match.group(1, 7, 8)
        made._params = params or ""
        return made
    # The URI is read when it is asked for, so by then nothing may be wrong with it; the pattern
    # counts no parameters.
    few = short and text.count(";") <= DEFAULT_LIMITS.param_count
    match = _USUAL.fullmatch(text) if few else None
    if match is None:
        return _read_step_by_step(text)
    quoted, plain, params, tag, others = match.group(1, 2, 10, 11, 12)
    made = NameAddr.__new__(NameAddr)
    made.display_name = quoted if plain is None else plain.rstrip(" ") or None
    made._uri = match
    made._params = params
    # Nearly always the tag is the only parameter, and nothing else is wanted of them.
    made.tag = tag if not others else Params.parse(params)._items.get("tag")
    return made


def _made(uri: Uri, name: str | None, params: Params) -> NameAddr:
    made = NameAddr.__new__(NameAddr)
    made._uri = uri
    made.display_name = name
    made._params = params
    made.tag = params._items.get("tag")
    return made


def _read_step_by_step(text: str) -> NameAddr:
    name: str | None = None
    if text[:1] == '"':
        quoted = _QUOTED_NAME.match(text)
        if quoted is None:
            raise RemoteProtocolError(f"unbalanced quotes: {text[:60]!r}")
        name = unquote(quoted[0])
        text = text[quoted.end() :].lstrip(" \t")
        if text[:1] != "<":
            raise RemoteProtocolError(f"no '<' after the display name: {text[:60]!r}")
    before, bracket, rest = text.partition("<")
    if not bracket:
        return _addr_spec(text)
    if before:
        name = before.rstrip(" \t")
        if _NOT_IN_A_NAME.search(name) is not None:
            raise RemoteProtocolError(f"bad display name: {name[:60]!r}")
    inside, bracket, after = rest.partition(">")
    if not bracket:
        raise RemoteProtocolError(f"no closing '>': {text[:60]!r}")
    return _made(Uri.parse(inside), name, Params.parse(after.strip(" \t")) if after else NO_PARAMS)


def _addr_spec(text: str) -> NameAddr:
    spec, semicolon, params = text.partition(";")
    # The user part may hold ";", which only the "@" behind it can tell (RFC 3261 section 19.1.1).
    at = text.rfind("@")
    if at > len(spec):
        user, (spec, semicolon, params) = text[:at], text[at:].partition(";")
        spec = user + spec
    spec = spec.strip(" \t")
    if "?" in spec or "," in spec:
        raise RemoteProtocolError(f"must be in '<>': {text[:60]!r}")
    return _made(
        Uri.parse(spec), None, Params.parse(semicolon + params) if semicolon else NO_PARAMS
    )


# A peer says who it is, and where, in each message of a call and in each of its calls: what was
# read lately is not read again.  Values never change, so that everybody may have the same one.
_MEMORABLE = 160
_read_lately = functools.lru_cache(maxsize=2048)(_read)

WILDCARD = "*"
"""The Contact value ``*``: all bindings (RFC 3261 section 10.2.2)."""
