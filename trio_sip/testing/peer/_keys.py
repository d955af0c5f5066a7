"""By what a peer finds the messages that belong together."""

from __future__ import annotations

from trio_sip._errors import RemoteProtocolError
from trio_sip.message import RACK, Request, Response

__all__ = ["invite_of", "keys", "reliable_key", "reliable_of", "response_key"]


def keys(message: Request | Response) -> list[tuple[str, str]]:
    """What a response and its request have in common: the branch, or without one the CSeq."""
    number, method = message.cseq.number, message.cseq.method
    branch = message.via.branch
    by_number = (f"{message.call_id} {number}", method)
    return [by_number] if branch is None else [(branch, method), by_number]


def invite_of(message: Request) -> tuple[str, int]:
    """What an INVITE and its ACK have in common."""
    return message.call_id, message.cseq.number


def reliable_key(call_id: str, number: int) -> tuple[str, str, int]:
    """What a reliable provisional response and its PRACK have in common."""
    return "reliable", call_id, number


def reliable_of(prack: Request) -> tuple[str, str, int] | None:
    """That of a PRACK; ``None`` if it does not say what it is for."""
    try:
        return reliable_key(prack.call_id, prack.headers[RACK].rseq)
    except (KeyError, RemoteProtocolError):
        return None


def response_key(response: Response) -> tuple[str, int, str | None]:
    """What the copies of one answer have in common, and those of another fork have not."""
    return response.call_id, response.cseq.number, response.to.tag
