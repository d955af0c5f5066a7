"""Whether two Request-URIs lead to the same place, judged by their text."""

from __future__ import annotations

_DEFAULT_PORTS = {"sip": "5060", "sips": "5061"}


def is_same_target(one: str, other: str) -> bool:
    """Whether scheme, user, host and port are the same; parameters and headers do not matter.

    This is kinder than RFC 3261 section 19.1.4 on purpose.  It looks for a digest that was made
    for somebody else, and proxies add and remove parameters all the time.
    """
    return one == other or _target(one) == _target(other)


def _target(uri: str) -> tuple[str, str, str, str]:
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    # The last "@" ends the user: ";" and "?" are legal in front of it.
    user, _, rest = rest.rpartition("@")
    host = rest.partition("?")[0].partition(";")[0].lower()
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, ""
    return scheme, user, name, port or _DEFAULT_PORTS.get(scheme, "")
