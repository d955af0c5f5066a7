"""SIP messages: RFC 3261 sections 7, 19, 20 and 25.  Pure: bytes in, values out, and back."""

from ._build import create_ack, create_cancel, create_request, create_response
from ._check import check_request, check_response
from ._core_fields import (
    ALLOW,
    CALL_ID,
    CONTACT,
    CONTENT_LENGTH,
    CSEQ,
    EXPIRES,
    FROM,
    MAX_FORWARDS,
    MIN_EXPIRES,
    PROXY_REQUIRE,
    RECORD_ROUTE,
    REQUIRE,
    ROUTE,
    SUPPORTED,
    TO,
    UNSUPPORTED,
    VIA,
)
from ._field import Field, ListField
from ._grammar import is_token, quote, split_list, split_params, unquote
from ._headers import Headers
from ._limits import Limits
from ._message import Fault, Message, Request, Response, redacted
from ._methods import DIALOG_CREATING, KNOWN_METHODS
from ._name_addr import WILDCARD, NameAddr
from ._names import COMPACT_FORMS, canonical_name
from ._params import Params
from ._parser import parse_message_untrusted
from ._status import REASON_PHRASES, reason_phrase
from ._stream import MessageStream, StreamEvent
from ._uri import Uri
from ._via import CSeq, Via

__all__ = [
    "ALLOW",
    "CALL_ID",
    "COMPACT_FORMS",
    "CONTACT",
    "CONTENT_LENGTH",
    "CSEQ",
    "DIALOG_CREATING",
    "EXPIRES",
    "FROM",
    "KNOWN_METHODS",
    "MAX_FORWARDS",
    "MIN_EXPIRES",
    "PROXY_REQUIRE",
    "REASON_PHRASES",
    "RECORD_ROUTE",
    "REQUIRE",
    "ROUTE",
    "SUPPORTED",
    "TO",
    "UNSUPPORTED",
    "VIA",
    "WILDCARD",
    "CSeq",
    "Fault",
    "Field",
    "Headers",
    "Limits",
    "ListField",
    "Message",
    "MessageStream",
    "NameAddr",
    "Params",
    "Request",
    "Response",
    "StreamEvent",
    "Uri",
    "Via",
    "canonical_name",
    "check_request",
    "check_response",
    "create_ack",
    "create_cancel",
    "create_request",
    "create_response",
    "is_token",
    "parse_message_untrusted",
    "quote",
    "reason_phrase",
    "redacted",
    "split_list",
    "split_params",
    "unquote",
]
