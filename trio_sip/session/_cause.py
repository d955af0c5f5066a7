"""SIP's statuses and the causes of telephone networks: RFC 3398, for Reason (RFC 3326)."""

from __future__ import annotations

__all__ = ["cause_of_status", "status_of_cause"]

# RFC 3398 section 7.2.4.1: the status that a Q.850 cause in a release message becomes.
_STATUSES = {
    1: 404, 2: 404, 3: 404, 17: 486, 18: 408, 19: 480, 20: 480, 21: 403, 22: 410, 23: 410,
    26: 404, 27: 502, 28: 484, 29: 501, 31: 480, 34: 503, 38: 503, 41: 503, 42: 503, 47: 503,
    55: 403, 57: 403, 58: 503, 65: 488, 70: 488, 79: 501, 87: 403, 88: 503, 102: 504, 111: 500,
    127: 500,
}  # fmt: skip

# RFC 3398 section 8.2.6.1: the cause that a status becomes.
_CAUSES = {
    400: 41, 401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102, 410: 22,
    413: 127, 414: 127, 415: 79, 416: 127, 420: 127, 421: 127, 423: 127, 480: 18, 481: 41,
    482: 25, 483: 25, 484: 28, 485: 1, 486: 17, 487: 16, 488: 127, 500: 41, 501: 79, 502: 38,
    503: 41, 504: 102, 505: 127, 513: 127, 600: 17, 603: 21, 604: 1, 606: 127,
}  # fmt: skip

_NORMAL_CLEARING = 16
_INTERWORKING = 127


def status_of_cause(cause: int) -> int:
    """The SIP status for a Q.850 *cause*; 500 for one without an entry.

    RFC 3398 section 7.2.4.1.
    """
    return _STATUSES.get(cause, 500)


def cause_of_status(status: int) -> int:
    """The Q.850 cause for a SIP *status*: 16 for success, 127 for one without an entry.

    RFC 3398 section 8.2.6.1.
    """
    return _NORMAL_CLEARING if 200 <= status < 300 else _CAUSES.get(status, _INTERWORKING)
