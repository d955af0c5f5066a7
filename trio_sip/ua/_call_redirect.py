"""Where a 3xx sends us: RFC 3261 section 8.1.3.4."""

from __future__ import annotations

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import NameAddr, Response, Uri

__all__ = ["Redirections", "targets_of"]

_MOST_TARGETS = 20


def targets_of(response: Response) -> list[Uri]:
    """The targets that a 3xx names, the most wanted first; at most twenty.

    "an initially empty target set … populated with Contact", ordered by q (section 19.1.5 and
    RFC 3261 section 20.10: without one it is 1).  What is no SIP URI is passed over.
    """
    try:
        contacts = [one for one in response.contacts if isinstance(one, NameAddr)]
    except RemoteProtocolError:
        return []
    reachable = [one for one in contacts[:_MOST_TARGETS] if one.uri.is_sip]
    reachable.sort(key=_rank)
    return [one.uri for one in reachable]


def _rank(contact: NameAddr) -> float:
    try:
        return -float(contact.params.get("q") or 1.0)
    except ValueError:
        return 0.0


class Redirections:
    """Where a request has been sent, and where it may go next; each target is tried once."""

    __slots__ = ("_hops", "_secure", "_seen", "_waiting")

    def __init__(self, first: Uri, hops: int) -> None:
        self._hops = hops
        self._seen = {str(first)}
        self._secure = first.scheme == "sips"
        self._waiting: list[Uri] = []

    def next_target(self, status: int, response: Response | None) -> Uri | None:
        """Where to go after a refusal; ``None`` when it stands."""
        if status >= 600:
            # "the user will not be available elsewhere either": section 21.6.
            self._waiting.clear()
        elif 300 <= status < 400 and response is not None and self._hops > 0:
            self._hops -= 1
            self._waiting[:0] = targets_of(response)
        while self._waiting:
            target = self._waiting.pop(0).without_headers()
            # "MUST NOT add any given URI to the target set more than once".  They are compared as
            # they are written: by the rules of section 19.1.4 two targets that differ in an
            # unknown parameter would be one, and what goes in circles ends with the hops.
            text = str(target)
            # RFC 3261 section 8.1.3.4 would have the user told before a secure target is given up
            # for one that is not; nobody can be asked here, so it is not.
            if text not in self._seen and (target.scheme == "sips" or not self._secure):
                self._seen.add(text)
                return target
        return None
