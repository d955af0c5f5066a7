"""One other stack, in an environment of its own: ``python -m tools.bench._peer NAME SECONDS``.

Prints what parsing and the six fields cost with it, as JSON, or an ``error``.  Only the standard
library is there, the stack that is measured, and those modules of this package that need no more.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

from ._timing import the_same, time_operation
from .messages import KINDS

__all__ = ["PEERS", "measure_stack"]

# Any: peers have the types that they have.
_Fields = tuple[Any, ...]
_Reader = Callable[[bytes], _Fields]


def _opensip() -> tuple[Callable[[bytes], Any], _Reader]:
    parse = importlib.import_module("opensip.message").parse_message
    headers = importlib.import_module("opensip.headers")
    address, addresses, vias = (
        headers.NameAddr.parse,
        headers.parse_address_list,
        headers.parse_via_list,
    )

    def read(data: bytes) -> _Fields:
        message = parse(data)
        fields = message.headers
        return (
            address(fields["From"]).params.get("tag"),
            address(fields["To"]).params.get("tag"),
            message.call_id,
            message.cseq[0],
            vias(fields["Via"])[0].params.get("branch"),
            addresses(fields["Contact"])[0].uri.host,
        )

    return parse, read


def _aiosipua() -> tuple[Callable[[bytes], Any], _Reader]:
    parse = importlib.import_module("aiosipua").SipMessage.parse

    def read(data: bytes) -> _Fields:
        message = parse(data)
        return (
            message.from_addr.tag,
            message.to_addr.tag,
            message.call_id,
            message.cseq.seq,
            message.via[0].branch,
            message.contact[0].uri.host,
        )

    return parse, read


def _sipmessage() -> tuple[Callable[[bytes], Any], _Reader]:
    parse = importlib.import_module("sipmessage").Message.parse

    def read(data: bytes) -> _Fields:
        message = parse(data)
        return (
            message.from_address.parameters.get("tag"),
            message.to_address.parameters.get("tag"),
            message.call_id,
            message.cseq.sequence,
            message.via[0].parameters.get("branch"),
            message.contact[0].uri.host,
        )

    return parse, read


def _sippy() -> tuple[Callable[[bytes], Any], _Reader]:
    request = importlib.import_module("sippy.SipRequest").SipRequest
    response = importlib.import_module("sippy.SipResponse").SipResponse

    def parse(data: bytes) -> Any:
        text = data.decode()
        message = (response if text.startswith("SIP/2.0") else request)(text)
        message.init_body()
        return message

    def read(data: bytes) -> _Fields:
        message = parse(data)
        return (
            message.getHFBody("from").getTag(),
            message.getHFBody("to").getTag(),
            str(message.getHFBody("call-id")),
            message.getHFBody("cseq").getCSeqNum(),
            message.getHFBody("via").getBranch(),
            message.getHFBody("contact").getUrl().host,
        )

    return parse, read


PEERS = {
    "opensip": _opensip,
    "aiosipua": _aiosipua,
    "sipmessage": _sipmessage,
    "sippy": _sippy,
}


def measure_stack(parse: Callable[[bytes], Any], read: _Reader, seconds: float) -> dict[str, Any]:
    """Every kind of message, both ways, and the fields of the first so that they can be checked."""
    found: dict[str, Any] = {}
    for kind, create in KINDS.items():
        messages = create(1000)
        found[kind] = {
            "parse": time_operation(parse, the_same(messages), seconds),
            "six": time_operation(read, the_same(messages), seconds),
            "fields": list(read(messages[0])),
        }
    return found


if __name__ == "__main__":
    try:
        print(json.dumps(measure_stack(*PEERS[sys.argv[1]](), float(sys.argv[2]))))
    except Exception as error:  # Whatever a peer raises is its answer.
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}))
