"""How a call ends that has failed: what SIPp does by default, so that nobody is left in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import (
    RECORD_ROUTE,
    Request,
    Response,
    Via,
    create_ack,
    create_cancel,
    create_request,
    parse_message_untrusted,
)

__all__ = ["goodbye"]


def goodbye(sent: Iterable[bytes], came: Iterable[bytes]) -> list[bytes]:
    """The messages that end the call of a caller, wherever it stands.

    CANCEL while it rings, BYE when it has been answered, and the ACK before, if there was none.
    Nothing for a call that has not begun, or that was never heard of by anybody.
    """
    try:
        return [bytes(message) for message in _goodbye(list(_read(sent)), list(_read(came)))]
    except (KeyError, LocalProtocolError, RemoteProtocolError):
        # A scenario may send what no dialog can be made of.
        return []


def _read(messages: Iterable[bytes]) -> Iterator[Request | Response]:
    for data in messages:
        try:
            yield parse_message_untrusted(data)
        except RemoteProtocolError:
            continue


def _goodbye(sent: list[Request | Response], came: list[Request | Response]) -> Iterator[Request]:
    requests = [one for one in sent if isinstance(one, Request)]
    invite = next((one for one in reversed(requests) if one.method == "INVITE"), None)
    if invite is None or any(one.method in {"BYE", "CANCEL"} for one in requests):
        return
    responses = [one for one in came if isinstance(one, Response) and one.cseq == invite.cseq]
    final = next((one for one in responses if not one.is_provisional), None)
    number = invite.cseq.number
    has_ack = any(one.method == "ACK" and one.cseq.number == number for one in requests)
    if final is None:
        if responses:
            # RFC 3261 section 9.1: not before a provisional response has come.
            yield create_cancel(invite)
    elif not final.is_success:
        if not has_ack:
            yield create_ack(invite, final)
    else:
        if not has_ack:
            yield _in_dialog(invite, final, "ACK", number)
        highest = max(one.cseq.number for one in requests)
        yield _in_dialog(invite, final, "BYE", highest + 1)


def _in_dialog(invite: Request, success: Response, method: str, number: int) -> Request:
    contact = success.contact
    via = invite.via
    return create_request(
        method,
        contact.uri if contact is not None else invite.target,
        from_=invite.from_,
        to=success.to,
        call_id=invite.call_id,
        cseq=number,
        via=Via(
            via.transport,
            via.host,
            via.port,
            via.params.replace(branch=f"{via.branch}-{method.lower()}"),
        ),
        route=[str(route) for route in reversed(success.headers[RECORD_ROUTE])],
    )
