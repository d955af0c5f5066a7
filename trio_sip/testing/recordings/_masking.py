"""Messages as octets, with what must stay secret overwritten: same length, same offsets.

`trio_sip.message.redacted` makes text of a message that could be parsed.  Here stands whatever
was on the wire, a piece of a stream perhaps, and it must stay what a dissector can take apart.
"""

from __future__ import annotations

import re

__all__ = ["masked"]

_CREDENTIALS = {b"authorization", b"proxyauthorization"}
_PROOFS = {b"authenticationinfo", b"proxyauthenticationinfo"}
_LETTERS = re.compile(rb"[^a-z]")
_LINE = re.compile(rb"[^\r\n]*+(?:\r?\n[ \t][^\r\n]*+)*+")
_SECRET_PARAM = re.compile(
    rb'(\b(?:response|rspauth|auts|password)[ \t]*+=[ \t]*+)("[^"\r\n]*+"?|[^,\s]++)', re.IGNORECASE
)
_ANSWER = re.compile(rb'(\bresponse=)("[^"\r\n]*+")', re.IGNORECASE)
# Repetitions before an "@" that may not come are bounded, or each "sip:" costs a search.
_URI_PASSWORD = re.compile(rb"(sips?:[^\s:@<>\"]{1,200}:)([^\s@<>\"]{1,200})(?=@)", re.IGNORECASE)
_BODY_SECRET = re.compile(
    rb"^((?:a=crypto:[^\r\n]{0,80}?inline:|k=|a=key-mgmt:|a=ice-pwd:))([^\r\n]++)",
    re.IGNORECASE | re.MULTILINE,
)
_X = b"x"


def masked(data: bytes) -> bytes:
    """*data* with its secrets as rows of ``x``.

    Overwritten are the proofs of Digest credentials and all of any other kind of credentials,
    passwords in URIs, and keys in SDP.
    """
    head, gap, body = data.partition(b"\r\n\r\n")
    lines = _LINE.sub(_line, head)
    # A piece of a stream may begin in the middle of a header, so these are looked for anywhere.
    text = _ANSWER.sub(_second, _URI_PASSWORD.sub(_second, lines + gap + body))
    return _BODY_SECRET.sub(_second, text)


def _line(match: re.Match[bytes]) -> bytes:
    line = match[0]
    name, colon, value = line.partition(b":")
    # Spelled wrongly it is no such header, and secret all the same.
    key = _LETTERS.sub(b"", name.lower()[:60])
    if not colon or key not in _CREDENTIALS | _PROOFS:
        return line
    stripped = value.lstrip()
    scheme = stripped.partition(b" ")[0]
    if scheme.lower() == b"digest" or key in _PROOFS:
        return name + colon + _SECRET_PARAM.sub(_second, value)
    before = len(value) - len(stripped) + len(scheme)
    return name + colon + value[:before] + re.sub(rb"[^\s]", _X, value[before:])


def _second(match: re.Match[bytes]) -> bytes:
    return match[1] + re.sub(rb'[^"]', _X, match[2])
