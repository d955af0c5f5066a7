"""Making messages from messages: responses, ACK and CANCEL, and requests from their parts."""

from __future__ import annotations

from collections.abc import Iterable

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._core_fields import CSEQ
from ._grammar import checked_text, checked_token, split_list
from ._headers import Headers
from ._media_fields import MediaType
from ._message import Request, Response
from ._name_addr import NameAddr
from ._status import reason_phrase
from ._uri import Uri
from ._via import CSeq, Via

__all__ = ["create_ack", "create_cancel", "create_request", "create_response"]


def create_response(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    body: bytes = b"",
    content_type: MediaType | str | None = None,
) -> Response:
    """A response to *request*, with all that RFC 3261 section 8.2.6 copies from it.

    The texts of Via, From, To, Call-ID and CSeq are copied as they came, so that a caller with
    unusual spelling recognises its own words.  What the request lacks, the response lacks.

    Args:
      reason: the reason phrase; the usual one if left out.
      to_tag: put behind the To, unless it has a tag already.  100 needs none.
      content_type: of *body*.
    """
    if not 100 <= status <= 699:
        raise LocalProtocolError(f"no such status code: {status}")
    headers = request.headers
    first = headers._first or headers._indexed()
    via = request.received_via
    if via is None or headers._repeated:
        lines = ["Via: " + line for line in headers._values("via")]
        if via is not None and lines:
            # Several via-parms on one line: the transport stamped the first and kept the others.
            lines[0] = "Via: " + via
    else:
        lines = ["Via: " + via]
    if 100 < status < 300 and "record-route" in first:
        # RFC 3261 section 12.1.1: the 2xx (and 18x) that make a dialog echo the route.
        lines += ["Record-Route: " + route for route in headers._values("record-route")]
    if "from" in first:
        lines.append("From: " + first["from"])
    if "to" in first:
        to = first["to"]
        if to_tag is not None and not (to_tag.isalnum() and to_tag.isascii()):
            checked_token(to_tag, "a tag")
        if to_tag is None or _has_to_tag(request):
            lines.append("To: " + to)
        else:
            lines.append(f"To: {to};tag={to_tag}")
    if "call-id" in first:
        lines.append("Call-ID: " + first["call-id"])
    if "cseq" in first:
        lines.append("CSeq: " + first["cseq"])
    if status == 100 and "timestamp" in first:
        # RFC 3261 section 8.2.6.1
        lines.append("Timestamp: " + first["timestamp"])
    if content_type is not None:
        lines.append("Content-Type: " + checked_text(str(content_type), "Content-Type").strip())
    response = Response.__new__(Response)
    response._status = status
    response._reason = (
        reason_phrase(status) if reason is None else checked_text(reason, "a reason phrase")
    )
    response.headers = Headers._of(lines)
    response._body = body
    response._start = None
    response.fault = None
    return response


def _has_to_tag(request: Request) -> bool:
    """Whether To has a tag; a To that cannot be read is echoed as it is."""
    try:
        to = request.to
    except RemoteProtocolError:
        return True
    return to.tag is not None or (bool(to._params) and "tag" in to.params)


def _line(name: str, value: object) -> str:
    text = checked_text(str(value), name).strip(" \t")
    return f"{name}: {text}"


def _echo(name: str, value: NameAddr | str) -> str:
    """A line that may repeat what a peer calls itself: a NUL, quoted, is legal there.

    RFC 4475 section 3.1.1.2.  What has been read as an address cannot break out of its line.
    """
    return f"{name}: {value}" if isinstance(value, NameAddr) else _line(name, value)


def create_request(
    method: str,
    target: Uri | str,
    *,
    from_: NameAddr | str,
    to: NameAddr | str,
    call_id: str,
    cseq: int,
    via: Via | str | None = None,
    max_forwards: int = 70,
    contact: NameAddr | str | None = None,
    route: Iterable[NameAddr | str] = (),
    headers: Iterable[tuple[str, object]] = (),
    body: bytes = b"",
) -> Request:
    """A request with the headers that RFC 3261 section 8.1.1 wants.

    Args:
      via: the top Via; the transaction's sender may still push it (a branch is its business).
      cseq: the number; the method is added.
      headers: more of them, in order.

    Raises:
      LocalProtocolError: one of them cannot stand in a message.
      RemoteProtocolError: *from_*, *to* or *contact* is text that does not parse.
    """
    request = Request(method, target)
    sender, recipient, number = NameAddr.parse(from_), NameAddr.parse(to), CSeq(cseq, method)
    request.headers = made = Headers._of(
        [
            *(() if via is None else (_line("Via", via),)),
            *(_echo("Route", hop) for hop in route),
            _line("Max-Forwards", max_forwards),
            _echo("From", sender),
            _echo("To", recipient),
            _line("Call-ID", call_id),
            _line("CSeq", number),
        ]
    )
    # They need not be read again.
    made._typed = {"from": sender, "to": recipient, "cseq": number}
    if contact is not None:
        made._lines.append(_line("Contact", NameAddr.parse(contact)))
    for name, value in headers:
        request.add_header(name, value)
    request.body = body
    return request


def create_ack(request: Request, response: Response) -> Request:
    """The ACK for a final response other than 2xx: it belongs to the INVITE's transaction.

    RFC 3261 section 17.1.1.3.
    """
    if request.method != "INVITE":
        raise LocalProtocolError(f"{request.method} is not acknowledged")
    return _same_hop(request, "ACK", response.headers.get("To", request.headers["To"]))


def create_cancel(request: Request) -> Request:
    """The CANCEL for a request that has not been answered finally.  RFC 3261 section 9.1."""
    if request.method != "INVITE":
        # "a CANCEL request SHOULD NOT be sent to cancel a request other than INVITE"
        raise LocalProtocolError(f"{request.method} cannot be cancelled")
    return _same_hop(request, "CANCEL", request.headers["To"])


def _same_hop(request: Request, method: str, to: str) -> Request:
    headers = request.headers
    lines = [
        # "MUST contain a single Via header field … equal to the top Via"
        "Via: " + split_list(headers["Via"])[0],
        *("Route: " + route for route in headers.get_all("Route")),
        "Max-Forwards: 70",
        "From: " + headers["From"],
        "To: " + to,
        "Call-ID: " + headers["Call-ID"],
        f"CSeq: {headers[CSEQ].number} {method}",
        *("Authorization: " + value for value in headers.get_all("Authorization")),
        *("Proxy-Authorization: " + value for value in headers.get_all("Proxy-Authorization")),
    ]
    # Headers of a message cannot break out of their lines, so they are not checked again; a
    # check would refuse the quoted NUL that a response's To may hold (RFC 4475 section 3.1.1.2).
    return Request(method, request.target, Headers._of(lines))
