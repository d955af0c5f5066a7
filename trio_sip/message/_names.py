"""Header names: compact forms, canonical spelling, which ones may stand only once."""

from __future__ import annotations

from ._grammar import TOKEN

__all__ = ["COMPACT_FORMS", "SINGLE", "UNLISTED", "canonical_name", "header_key"]

COMPACT_FORMS = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact",
    "k": "Supported", "l": "Content-Length", "m": "Contact", "n": "Identity-Info",
    "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To", "u": "Allow-Events",
    "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip
"""RFC 3261 section 7.3.3 and the extensions that took a letter since."""

_NAMES = (
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Authentication-Info",
    "Authorization", "Call-Info", "Content-Disposition", "Content-ID", "Content-Language",
    "CSeq", "Date", "Diversion", "Error-Info", "Expires", "Flow-Timer", "History-Info",
    "In-Reply-To", "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE", "Organization",
    "P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority", "Privacy",
    "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason",
    "Record-Route", "Replaces", "Reply-To", "Require", "Retry-After", "Route", "RSeq",
    "Server", "Service-Route", "SIP-ETag", "SIP-If-Match", "Subscription-State",
    "Target-Dialog", "Timestamp", "Unsupported", "User-Agent", "User-to-User", "Warning",
    "WWW-Authenticate", *COMPACT_FORMS.values(),
)  # fmt: skip
CANONICAL = {name.lower(): name for name in _NAMES}

# Every usual spelling of every usual name, so that the parser's common case is one look-up.
KEYS = {name: name.lower() for name in _NAMES}
KEYS |= {name.lower(): name.lower() for name in _NAMES}
KEYS |= {name.upper(): name.lower() for name in _NAMES}
KEYS |= {name.title(): name.lower() for name in _NAMES}
KEYS |= {letter: name.lower() for letter, name in COMPACT_FORMS.items()}
KEYS |= {letter.upper(): name.lower() for letter, name in COMPACT_FORMS.items()}

SINGLE = frozenset(
    {
        "call-id", "content-disposition", "content-length", "content-type", "cseq", "event",
        "expires", "from", "max-forwards", "mime-version", "min-expires", "rack", "refer-to",
        "referred-by", "replaces", "rseq", "session-expires", "sip-etag", "sip-if-match",
        "subscription-state", "timestamp", "to",
    }
)  # fmt: skip
"""Keys of fields that must not be repeated; a second one is a fault (RFC 4475 section 3.3.8)."""

UNLISTED = frozenset(
    {"www-authenticate", "proxy-authenticate", "authorization", "proxy-authorization"}
)
"""Their values contain commas: lines are never joined or split (RFC 3261 section 7.3.1)."""


def header_key(name: str) -> str | None:
    """The key that all spellings of *name* share; ``None`` if it is no header name at all.

    White space before the colon belongs to neither (RFC 3261 section 7.3.1), so a known header
    with a trailing space is that header and cannot be smuggled past anybody.
    """
    key = KEYS.get(name)
    if key is not None:
        return key
    name = name.rstrip(" \t")
    if TOKEN.fullmatch(name) is None:
        return None
    return KEYS.get(name) or KEYS.get(name.lower()) or name.lower()


def canonical_name(name: str) -> str:
    """How *name* is usually written: ``call-id`` → ``Call-ID``, ``i`` → ``Call-ID``.

    A name this package does not know keeps the spelling it came with.
    """
    key = KEYS.get(name) or header_key(name)
    return name if key is None else CANONICAL.get(key, name)
