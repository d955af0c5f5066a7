"""``;name=value`` lists: ordered, names without case, quoted values given without quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from trio_sip._errors import RemoteProtocolError

from ._grammar import TOKEN, checked_text, checked_token, is_token, quote, split_params, unquote
from ._limits import DEFAULT_LIMITS

__all__ = ["NO_PARAMS", "PLAIN_PARAMS", "Params"]

# generic-param = token [ EQUAL gen-value ], the usual case: no quotes, no white space.
PLAIN_PARAMS = r"(?:;[A-Za-z0-9\-.!%*_+`'~]++(?:=[^\";,\s<>\x00-\x20]*+)?+)"
_PLAIN = re.compile(PLAIN_PARAMS + "*+")

_ODD_VALUE = re.compile(r"[\",\s<>\x00-\x20]")

# What may stand unquoted after "=": token / host / quoted-string, where host can be "[::1]".
_PLAIN_EXTRA = str.maketrans("", "", "[]:/")


class Params(Mapping[str, str | None]):
    """The parameters of a header value, for example of a Via.

    A mapping from lower-case names to values; a parameter without a value (``;lr``) maps to
    ``None``.  Values that were quoted are given without their quotes, and are quoted again
    where that is needed.  Immutable: `replace` makes a changed copy.
    """

    # A plain class with slots: one is made for every Via and every name-addr on the hot path.
    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, str | None] | None = None) -> None:
        self._items: dict[str, str | None] = {}
        for name, value in (items or {}).items():
            checked_token(name, "a parameter name")
            self._items[name.lower()] = None if value is None else checked_text(value, name)

    @classmethod
    def parse(cls, text: str) -> Params:
        """Parse ``;a;b=c``, with its leading semicolon.

        Raises:
          RemoteProtocolError: an empty or unnamed parameter, unbalanced quotes, or too many.
        """
        self = cls.__new__(cls)
        items: dict[str, str | None] = {}
        self._items = items
        if _PLAIN.fullmatch(text) is not None:
            for piece in text.split(";")[1:]:
                name, equals, value = piece.partition("=")
                # Of two parameters with one name, which must not be, the first counts.
                items.setdefault(name.lower(), value if equals else None)
            if len(items) > DEFAULT_LIMITS.param_count:
                raise RemoteProtocolError("too many parameters")
            return self
        pieces = split_params(text)
        if pieces[0]:
            raise RemoteProtocolError(f"text before the first ';': {pieces[0][:40]!r}")
        if len(pieces) > DEFAULT_LIMITS.param_count:
            raise RemoteProtocolError("too many parameters")
        for piece in pieces[1:]:
            name, equals, value = piece.partition("=")
            if " " in piece or "\t" in piece:
                name, value = name.rstrip(" \t"), value.lstrip(" \t")
            if TOKEN.fullmatch(name) is None:
                raise RemoteProtocolError(f"not a parameter: {piece[:40]!r}")
            if not equals:
                items.setdefault(name.lower(), None)
            elif value[:1] == '"':
                items.setdefault(name.lower(), unquote(value))
            elif _ODD_VALUE.search(value) is not None:
                raise RemoteProtocolError(f"not a parameter value: {piece[:40]!r}")
            else:
                items.setdefault(name.lower(), value)
        return self

    def __getitem__(self, name: str) -> str | None:
        return self._items[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Params) and self._items == other._items

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"Params({str(self)!r})"

    def __str__(self) -> str:
        return "".join(
            f";{name}" if value is None else f";{name}={_value(value)}"
            for name, value in self._items.items()
        )

    def replace(self, **changes: str | None) -> Params:
        """A copy in which the parameters named have the values given."""
        # What was read may hold what nobody may write: a quoted NUL (RFC 4475 section 3.1.1.2).
        made = Params.__new__(Params)
        made._items = {**self._items, **Params(changes)._items}
        return made

    def without(self, *names: str) -> Params:
        """A copy that lacks the parameters named."""
        gone = {name.lower() for name in names}
        return Params({name: value for name, value in self._items.items() if name not in gone})


def _value(value: str) -> str:
    return value if is_token(value.translate(_PLAIN_EXTRA)) else quote(value)


NO_PARAMS = Params()
