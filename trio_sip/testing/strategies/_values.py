"""Legal parts of messages, and messages made of them."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from trio_sip.message import (
    KNOWN_METHODS,
    NameAddr,
    Request,
    Response,
    Uri,
    create_request,
    create_response,
)

__all__ = ["addresses", "bodies", "requests", "responses", "tokens", "uris"]

# RFC 3261 section 25.1: token.
_TOKEN = string.ascii_letters + string.digits + "-.!%*_+`'~"
_NAME = st.text(string.ascii_letters + string.digits, min_size=1, max_size=10)
_LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_EXTRA_HEADERS = (
    "Subject", "Organization", "User-Agent", "X-Whatever", "Priority", "In-Reply-To", "Accept",
)  # fmt: skip
# What no rule of the message's own depends on.
_METHODS = sorted(set(KNOWN_METHODS) - {"ACK", "CANCEL"})
# RFC 3261 section 25.1: TEXT-UTF8-TRIM, without what a header's own grammar would read into it.
_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='",;<>\\()'),
    min_size=1,
    max_size=20,
)


def tokens() -> st.SearchStrategy[str]:
    """What a method, a tag, a branch or a parameter's name may be."""
    return st.text(_TOKEN, min_size=1, max_size=12)


def _hosts() -> st.SearchStrategy[str]:
    names = st.lists(_LABEL, min_size=1, max_size=3).map(".".join)
    ipv4 = st.ip_addresses(v=4).map(str)
    ipv6 = st.ip_addresses(v=6).map(lambda one: f"[{one}]")
    return st.one_of(names.map(lambda name: f"{name}.example"), ipv4, ipv6)


def _ports() -> st.SearchStrategy[int | None]:
    return st.one_of(st.none(), st.integers(1, 65535))


@st.composite
def uris(draw: st.DrawFn) -> Uri:
    """SIP and SIPS URIs with users, ports and parameters.  RFC 3261 section 19.1."""
    scheme = draw(st.sampled_from(["sip", "sips"]))
    user = draw(
        st.one_of(
            st.none(),
            st.text(string.ascii_letters + "0123456789-_.!~*'()&=+$,;?/", min_size=1, max_size=12),
        )
    )
    host, port = draw(_hosts()), draw(_ports())
    params = draw(
        st.dictionaries(
            _NAME.map(lambda name: f"x-{name}"), st.one_of(st.none(), _NAME), max_size=2
        )
    )
    if draw(st.booleans()):
        params["transport"] = draw(st.sampled_from(["udp", "tcp"]))
    text = f"{scheme}:" + (f"{user}@" if user else "") + host + (f":{port}" if port else "")
    text += "".join(f";{name}" + ("" if v is None else f"={v}") for name, v in params.items())
    return Uri.parse(text)


@st.composite
def addresses(draw: st.DrawFn, *, tag: bool = False) -> NameAddr:
    """What stands in From, To and Contact: a name, a URI, parameters.

    Args:
      tag: whether it has one.
    """
    name = draw(st.one_of(st.none(), _TEXT))
    params = {"tag": draw(tokens())} if tag else {}
    return NameAddr(draw(uris()), name, params)


def bodies() -> st.SearchStrategy[bytes]:
    """Octets of any kind, CRLFs and start-lines among them."""
    lines = st.sampled_from([b"\r\n", b"\r\n\r\n", b"BYE sip:a SIP/2.0\r\n", b"v=0\r\n", b"\0"])
    return st.lists(st.one_of(lines, st.binary(max_size=20)), max_size=4).map(b"".join)


@st.composite
def _via(draw: st.DrawFn) -> str:
    transport = draw(st.sampled_from(["UDP", "TCP", "TLS", "SCTP"]))
    host, port = draw(_hosts()), draw(_ports())
    branch = draw(tokens())
    more = draw(st.sampled_from(["", ";rport", ";ttl=1", ";x=y"]))
    return f"SIP/2.0/{transport} {host}{f':{port}' if port else ''};branch=z9hG4bK{branch}{more}"


@st.composite
def requests(draw: st.DrawFn, method: str | None = None) -> Request:
    """Requests with everything that RFC 3261 section 8.1.1 wants, and more.

    Args:
      method: any that is neither ACK nor CANCEL, if left out.
    """
    chosen = method or draw(st.one_of(st.sampled_from(_METHODS), tokens().filter(_is_no_known)))
    extra = draw(st.lists(st.tuples(st.sampled_from(_EXTRA_HEADERS), _TEXT), max_size=3))
    vias = draw(st.lists(_via(), min_size=1, max_size=3))
    request = create_request(
        chosen,
        draw(uris()),
        from_=draw(addresses(tag=True)),
        to=draw(addresses(tag=draw(st.booleans()))),
        call_id=draw(tokens()),
        cseq=draw(st.integers(0, 2**31 - 1)),
        max_forwards=draw(st.integers(0, 255)),
        contact=draw(addresses()),
        headers=extra,
    )
    for via in vias:
        request.headers.insert_first("Via", via)
    body = draw(bodies())
    if body:
        request.add_body(body, "application/octet-stream")
    return request


@st.composite
def responses(draw: st.DrawFn) -> Response:
    """Responses to such requests, of any status and with any reason phrase."""
    request = draw(requests())
    reason = draw(st.one_of(st.none(), st.just(""), _TEXT))
    status = draw(st.integers(100, 699))
    return create_response(request, status, reason, to_tag=draw(tokens()))


def _is_no_known(method: str) -> bool:
    return method.upper() not in KNOWN_METHODS
