"""Typed access: a field says what a header's value is, once, for readers and type checkers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from trio_sip._errors import RemoteProtocolError

from ._grammar import split_list
from ._limits import DEFAULT_LIMITS
from ._names import header_key

__all__ = ["Field", "ListField"]

T = TypeVar("T")


class _Named:
    __slots__ = ("cache_key", "key", "name")

    def __init__(self, name: str) -> None:
        self.name: str = name
        key = header_key(name)
        assert key is not None
        self.key: str = key
        self.cache_key: str = key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Field(_Named, Generic[T]):
    """A header with one value: ``headers[CSEQ]`` is a `CSeq`."""

    __slots__ = ("parse",)

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        super().__init__(name)
        self.parse: Callable[[str], T] = parse
        """From the text of one value to what it means."""

    def read(self, values: list[str]) -> T:
        """The typed value of the only line; `KeyError` for none, a fault for several."""
        if len(values) != 1:
            if not values:
                raise KeyError(self.name)
            raise RemoteProtocolError(f"more than one {self.name}")
        try:
            return self.parse(values[0])
        except RemoteProtocolError as error:
            raise RemoteProtocolError(f"{self.name}: {error}", error.status_hint) from None


class ListField(_Named, Generic[T]):
    """A header with a list: ``headers[VIA]`` is a ``list[Via]``, over lines and commas."""

    __slots__ = ("_parse",)

    def __init__(self, name: str, parse: Callable[[str], T]) -> None:
        super().__init__(name)
        self._parse = parse

    def read(self, values: list[str]) -> list[T]:
        """The typed values in order; an empty element between commas is a fault."""
        try:
            return [self._parse(item) for item in self.split(values)]
        except RemoteProtocolError as error:
            raise RemoteProtocolError(f"{self.name}: {error}", error.status_hint) from None

    def split(self, values: list[str]) -> list[str]:
        """The elements as text."""
        if len(values) == 1 and "," not in values[0]:
            return values
        # RFC 3261 section 7.3.1: lines of one name are one comma-separated list.
        items = [item for value in values for item in split_list(value)]
        if len(items) > DEFAULT_LIMITS.header_count:
            raise RemoteProtocolError("too many values")
        return items
