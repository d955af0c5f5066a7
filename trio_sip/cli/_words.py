"""What a header says, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trio_sip import message as sip
from trio_sip._errors import RemoteProtocolError
from trio_sip.message import CSeq, Field, ListField, NameAddr, Via, canonical_name

__all__ = ["duration", "words_for"]

_OPTIONS = {
    "100rel": "reliable provisional responses",
    "eventlist": "lists of resources",
    "from-change": "a changed From within the dialog",
    "gruu": "globally routable addresses",
    "histinfo": "where it was retargeted",
    "join": "joining a call",
    "norefersub": "REFER without a subscription",
    "outbound": "reaching phones over their own connections",
    "path": "registering through proxies",
    "precondition": "reserving resources before ringing",
    "privacy": "privacy",
    "replaces": "taking a call over",
    "tdialog": "naming another dialog",
    "timer": "session timers",
}


def words_for(name: str, value: str) -> str:
    """What one header line says, beyond its text; empty when there is nothing to add."""
    key = canonical_name(name)
    if key in _SECRETS:
        return _SECRETS[key]
    field = _FIELDS.get(key)
    if field is None:
        return ""
    try:
        found = field.read([value])
        items = found if isinstance(field, ListField) else [found]
        return "; ".join(filter(None, (_say(key, item) for item in items)))
    except RemoteProtocolError as error:
        return f"cannot be read: {str(error).removeprefix(f'{key}: ')}"


def duration(seconds: int) -> str:
    """``3600`` as ``1 hour``; what is not whole stays seconds."""
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds and seconds % length == 0:
            count = seconds // length
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


# Any: what a field gives, and its speaker takes, belongs to that field.


def _say(key: str, value: Any) -> str:
    speaker = _SPEAKERS.get(key)
    return "" if speaker is None else speaker(value)


def _via(via: Via) -> str:
    said = [f"sent by {_at(via.host, via.port)} over {via.transport}"]
    if via.received is not None:
        said.append(f"came from {via.received}")
    if "rport" in via.params:
        said.append(f"from port {via.rport}" if via.rport else "wants the answer where it is")
    if via.branch is None or not via.branch.startswith("z9hG4bK"):
        said.append("no RFC 3261 branch")
    return ", ".join(said)


def _at(host: str, port: int | None) -> str:
    return host if port is None else f"{host} port {port}"


def _caller(address: NameAddr) -> str:
    return "no tag, as before RFC 3261" if address.tag is None else f"tag {address.tag}"


def _called(address: NameAddr) -> str:
    return "no tag, so outside of a dialog" if address.tag is None else f"tag {address.tag}"


def _contact(address: NameAddr | str) -> str:
    if isinstance(address, str):
        return "all of them"
    said = [f"at {_at(address.uri.host, address.uri.port)}"] if address.uri.host else []
    expires = address.params.get("expires")
    if expires is not None and expires.isdecimal():
        said.append(f"for {duration(int(expires))}")
    if "q" in address.params:
        said.append(f"preference {address.q:g}")
    return ", ".join(said)


def _route(address: NameAddr) -> str:
    kind = "loose" if "lr" in address.uri.params else "strict"
    return f"through {_at(address.uri.host, address.uri.port)}, {kind} routing"


def _hops(number: int) -> str:
    return "may go no further" if number == 0 else f"{number} more hops at most"


def _option(tag: str) -> str:
    known = _OPTIONS.get(tag.lower())
    return f"{tag} is {known}" if known else ""


def _cseq(cseq: CSeq) -> str:
    return f"request number {cseq.number} of its sender in this call"


_SPEAKERS: dict[str, Callable[[Any], str]] = {
    "Via": _via,
    "From": _caller,
    "To": _called,
    "Contact": _contact,
    "Route": _route,
    "Record-Route": _route,
    "Path": _route,
    "Service-Route": _route,
    "Max-Forwards": _hops,
    "CSeq": _cseq,
    "Expires": duration,
    "Min-Expires": duration,
    "Min-SE": duration,
    "Flow-Timer": duration,
    "Session-Expires": lambda value: duration(value.seconds),
    "Retry-After": lambda value: f"not before {duration(value.seconds)} have gone",
    "Require": _option,
    "Proxy-Require": _option,
    "Supported": _option,
    "Unsupported": _option,
    "Content-Length": lambda count: "no body" if count == 0 else "",
    "Content-Disposition": lambda value: "may be ignored" if value.is_optional else "",
    "Reason": lambda value: "" if value.cause is None else f"cause {value.cause}",
    "RAck": lambda value: f"acknowledges response {value.rseq}",
    "Warning": lambda value: f"{value.agent} says: {value.text}",
}

_SECRETS = {
    "Authorization": "credentials, not shown",
    "Proxy-Authorization": "credentials, not shown",
    "WWW-Authenticate": "a challenge, not shown",
    "Proxy-Authenticate": "a challenge, not shown",
}

_FIELDS: dict[str, Field[Any] | ListField[Any]] = {
    field.name: field
    for field in map(vars(sip).get, sip.__all__)
    if isinstance(field, Field | ListField)
}
