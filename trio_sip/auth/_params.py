"""The comma-separated ``name=value`` list that challenges and credentials are made of.

RFC 3261 section 25.1::

    auth-param       = auth-param-name EQUAL (token / quoted-string)
    digest-cln       = realm / domain / nonce / opaque / stale / algorithm / qop-options / auth-param
    credentials      = ("Digest" LWS digest-response) / other-response

Every pattern here is linear in the length of the text, and that is an argument, not a hope:
all quantifiers are possessive, so no position is ever tried twice, and the second half of
`_ITEM` swallows the rest of the text at the first thing that is not a parameter.
"""

from __future__ import annotations

import re

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

_CONTROL = r"\x00-\x08\x0a-\x1f\x7f"
_TOKEN = r"[!#$%&'*+\-.0-9A-Z^_`a-z|~]"  # noqa: S105  # (a grammar rule, not a password)
_LWS = r"[ \t\r\n]"

# Both kinds of value end up in one group, so that the pairs found make a dict as they are: the
# looks behind tell whether the value began with a quote.
_ITEM = re.compile(
    rf'({_TOKEN}++){_LWS}*+={_LWS}*+"?+('
    rf'(?<=")[^"\\{_CONTROL}]*+(?:\\[^{_CONTROL}][^"\\{_CONTROL}]*+)*+(?=")'
    r'|(?<!")[^"\\\x00-\x20,\x7f]++(?!"))"?+'
    rf"{_LWS}*+(?:,[ \t\r\n,]*+|\Z)"
    r"|[\s\S]++"
)
_USUAL_NAMES = frozenset(
    {
        "username", "realm", "nonce", "uri", "response", "algorithm", "qop", "nc", "cnonce",
        "opaque", "stale", "domain", "charset",
    }
)  # fmt: skip
_SCHEME = re.compile(rf"{_LWS}*+({_TOKEN}++){_LWS}*+")
_ESCAPED = re.compile(r"\\([\s\S])")
_UNQUOTABLE = re.compile(rf"[{_CONTROL}]")
_NEEDS_ESCAPE = re.compile(r'(["\\])')
_WHOLE_TOKEN = re.compile(rf"{_TOKEN}++\Z")


def split_scheme(text: str) -> tuple[str, str]:
    """Cut ``Digest realm=…`` into the scheme and the rest; the scheme is as it was written."""
    found = _SCHEME.match(text)
    if found is None:
        raise RemoteProtocolError("no authentication scheme")
    return found[1], text[found.end() :]


def is_digest(text: str) -> bool:
    """Whether this header value uses the Digest scheme.

    Anything else (Basic, Bearer) is somebody else's: it is left alone.
    """
    found = _SCHEME.match(text)
    return found is not None and found[1].lower() == "digest"


def parse_digest_untrusted(text: str) -> dict[str, str]:
    """The parameters of a Digest challenge or of Digest credentials, names in lower case.

    A value arrives without its quotes and escapes.  A parameter given twice is refused: which
    of the two counts would be a matter of opinion, and an attack lives off two opinions.

    Raises:
        RemoteProtocolError: another scheme, or not a list of parameters.
    """
    if text[:7].lower() == "digest ":
        rest = text[7:].lstrip(" \t\r\n,")
    else:
        scheme, rest = split_scheme(text)
        if scheme.lower() != "digest":
            raise RemoteProtocolError(f"the scheme is {scheme[:40]!r}, not Digest")
    items = _ITEM.findall(rest)
    params = dict(items)
    # Nearly everybody sends these and writes them in lower case, so ask once for all of them.
    if not _USUAL_NAMES.issuperset(params):
        params = {name.lower(): value for name, value in items}
        if "" in params:
            raise RemoteProtocolError("the Digest parameters are not a list of name=value")
    if len(params) != len(items):
        raise RemoteProtocolError("a Digest parameter is given twice")
    if "\\" in rest:
        return {name: _ESCAPED.sub(r"\1", value) for name, value in params.items()}
    return params


def quote(text: str) -> str:
    """``text`` as a quoted-string; control characters cannot be written and are refused."""
    # Nearly every text, and the faster way to tell.
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    if _UNQUOTABLE.search(text) is not None:
        raise LocalProtocolError("a control character cannot be part of a header value")
    return '"' + _NEEDS_ESCAPE.sub(r"\\\1", text) + '"'


def is_token(text: str) -> bool:
    """Whether ``text`` may stand in a header value without quotes."""
    return _WHOLE_TOKEN.match(text) is not None


def require_token(text: str, name: str) -> str:
    """``text`` unchanged, for parameters that are written without quotes."""
    if not is_token(text):
        raise LocalProtocolError(f"{name} must be a token, not {text[:40]!r}")
    return text
