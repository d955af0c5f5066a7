"""What a script expects of a message: named fields, compared as values and not as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.message import NameAddr, Request, Response, Uri, Via

__all__ = ["MessagePattern", "Wanted"]

_TYPED = frozenset(
    {
        "body", "call_id", "contact", "contacts", "cseq", "from_", "max_forwards", "method",
        "reason", "status", "target", "to", "uri", "via", "vias",
    }
)  # fmt: skip
_SECRET = re.compile(r"authori[sz]ation|authenticate", re.IGNORECASE)
_MISSING = (KeyError, RemoteProtocolError)


class MessagePattern:
    """Some messages: those that fit everything it names.

    Fields are the attributes of a message, or any header with ``_`` for ``-``; what stands
    behind two underscores looks into the value::

        MessagePattern("INVITE", to__user="bob", contact__port=5060)
        MessagePattern(200, method="BYE")
        MessagePattern("REGISTER", authorization=None, expires=re.compile("[0-9]+"))

    A value is compared as it is or as text.  ``None`` means that the field is missing, ``...``
    that it is there; a compiled regular expression is searched for, a function is asked, and of
    a list, set or range one must fit.

    Args:
      what: the method of a request, or the status code, or several codes, of a response.
      fields: see above; ``method`` of a response is that of its CSeq.
    """

    # Any: whatever can be compared with a field's value.
    def __init__(self, what: Wanted | None = None, /, **fields: Any) -> None:
        self._is_request: bool | None = None
        self._parent: MessagePattern | None = None
        self._wanted: dict[str, Any] = {}
        if isinstance(what, MessagePattern):
            self._parent = what
        elif isinstance(what, str):
            self._is_request = True
            self._wanted["method"] = what
        elif what is not None:
            self._is_request = False
            self._wanted["status"] = what
        self._wanted.update(fields)

    def fits(self, message: Request | Response) -> bool:
        """Whether *message* is one of them."""
        return not self.differences(message)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Request | Response):
            return self.fits(other)
        return NotImplemented

    def __hash__(self) -> int:
        return id(self)

    def differences(self, message: Request | Response) -> list[str]:
        """In what *message* differs, a line for each field; nothing if it fits."""
        lines = [] if self._parent is None else self._parent.differences(message)
        if self._is_request not in (None, isinstance(message, Request)):
            kind = "request" if self._is_request else "response"
            return [*lines, f"it is no {kind}"]
        for name, wanted in self._wanted.items():
            found = _read(message, name.split("__"))
            if not _agree(wanted, found):
                shown = "…" if _SECRET.search(name) and found is not None else _shown(found)
                lines.append(f"{name.replace('__', '.')}: expected {_shown(wanted)}, got {shown}")
        return lines

    def wants_status(self, status: int) -> bool:
        """Whether it asks for responses of that very status, as opposed to any message."""
        if self._parent is not None and self._parent.wants_status(status):
            return True
        wanted = self._wanted.get("status")
        return wanted is not None and _agree(wanted, status)

    def wants_method(self, method: str) -> bool:
        """Whether it asks for requests of that very method."""
        if self._parent is not None and self._parent.wants_method(method):
            return True
        return self._is_request is True and _agree(self._wanted.get("method"), method)

    def __str__(self) -> str:
        wanted = dict(self._wanted)
        words = [] if self._parent is None else [str(self._parent)]
        if self._is_request:
            words.append(str(wanted.pop("method")))
        elif self._is_request is False:
            words.append(_shown(wanted.pop("status")))
            if "method" in wanted:
                words.append(f"to {wanted.pop('method')}")
        if wanted:
            fields = (f"{name.replace('__', '.')}={_shown(v)}" for name, v in wanted.items())
            words.append(f"with {', '.join(fields)}")
        return " ".join(words) or "any message"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"


Wanted = str | int | range | Collection[int] | MessagePattern
"""A method, a status code or several of them, or a whole pattern."""


def _read(message: Request | Response, path: list[str]) -> Any:  # Any: the type of the field
    head, *rest = path
    if head == "from":
        head = "from_"
    try:
        value = _field(message, head)
        for name in rest:
            value = _inside(value, name)
    except _MISSING:
        return None
    return value


def _field(message: Request | Response, name: str) -> Any:
    if name == "method":
        return message.method if isinstance(message, Request) else message.cseq.method
    if name in _TYPED:
        return getattr(message, name, None)
    return message.headers.get(name.replace("_", "-"))


def _inside(value: Any, name: str) -> Any:
    if value is None:
        return None
    if isinstance(value, NameAddr) and not hasattr(value, name) and name not in value.params:
        value = value.uri
    found = getattr(value, name, value)
    if found is not value and not (found is None and isinstance(value, Via)):
        return found
    if isinstance(value, NameAddr | Uri | Via):
        return _parameter(value.params, name)
    if hasattr(value, "keys"):
        return _parameter(value, name)
    raise LocalProtocolError(f"a pattern asks for {name!r}, which {type(value).__name__} has not")


def _parameter(params: Any, name: str) -> Any:
    for spelled in (name, name.replace("_", "-")):
        if spelled in params:
            # A parameter without a value is there all the same.
            return "" if params[spelled] is None else params[spelled]
    return None


def _agree(wanted: Any, found: Any) -> bool:
    if wanted is None or wanted is ...:
        return (found is None) == (wanted is None)
    if found is None:
        return False
    if isinstance(wanted, range):
        return found in wanted
    if isinstance(wanted, re.Pattern):
        return wanted.search(_text(found)) is not None
    if isinstance(wanted, Callable) and not isinstance(wanted, type):  # type: ignore[arg-type]  # an ABC
        return bool(wanted(found))
    if isinstance(wanted, Collection) and not isinstance(wanted, str | bytes):
        return any(_agree(one, found) for one in wanted)
    return bool(wanted == found) or _text(wanted) == _text(found)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if value is ...:
        return "some"
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/"
    if isinstance(value, range):
        return f"{value.start}-{value.stop - 1}"
    if isinstance(value, str | bytes | int | Collection):
        return repr(value)
    if callable(value):
        return f"what {getattr(value, '__name__', 'a function')} likes"
    return str(value)
