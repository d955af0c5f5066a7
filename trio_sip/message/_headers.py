"""Headers: an ordered list of lines that can be asked by name.

The lines stay exactly as they came, so that a message nobody touched goes out as the bytes it
came in as.  Beside them stands an index from names to values, made when it is first needed;
typed values are made from those on first access and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NoReturn, TypeVar, overload

from trio_sip._errors import LocalProtocolError

from ._field import Field, ListField
from ._grammar import checked_text, checked_token
from ._names import CANONICAL, KEYS, SINGLE, header_key

__all__ = ["Headers"]

T = TypeVar("T")
D = TypeVar("D")


def unfolded(line: str) -> str:
    """The line as one line.

    RFC 3261 section 7.3.1: the white space around a fold "is interpreted as a single SP".  No
    regular expression: one that looks for spaces before a line break is quadratic in spaces.
    """
    if "\r\n" not in line:
        return line
    first, *more = line.split("\r\n")
    return " ".join([first.rstrip(" \t"), *(piece.strip(" \t") for piece in more)])


def joined_folds(lines: list[str]) -> list[str]:
    """Lines in which a folded one is one item, its line breaks inside."""
    groups: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and groups:
            groups[-1].append(line)
        else:
            groups.append([line])
    return ["\r\n".join(group) for group in groups]


class Headers:
    """The header fields of one message, in order, by names without case.

    ``headers["Subject"]`` is the first value as text, ``headers[CSEQ]`` a typed one,
    ``headers[VIA]`` the list of them.  Compact forms are the same names.  Iterating gives
    ``(name, value)`` pairs as they stand on the lines.
    """

    # Plain slots: one is made for every message in and out.
    __slots__ = ("_index", "_lines", "_typed")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._lines: list[str] = []
        self._index: dict[str, list[str]] | None = None
        # Any: each key's value has the type of its Field, which the overloads below restore.
        self._typed: dict[str, Any] = {}
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def _of(cls, lines: list[str], index: dict[str, list[str]] | None) -> Headers:
        """From lines that are known to be well formed."""
        self = cls.__new__(cls)
        self._lines = lines
        self._index = index
        self._typed = {}
        return self

    def _indexed(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = self._index = {}
            for line in self._lines:
                name, _, value = line.partition(":")
                index.setdefault(_key(name), []).append(unfolded(value).strip(" \t"))
        return index

    # -- reading

    @overload
    def __getitem__(self, name: str) -> str: ...
    @overload
    def __getitem__(self, name: Field[T]) -> T: ...
    @overload
    def __getitem__(self, name: ListField[T]) -> list[T]: ...
    def __getitem__(self, name: str | Field[T] | ListField[T]) -> str | T | list[T]:
        """The first value as text, or the typed value, or the list of typed values.

        Raises:
          KeyError: there is no such header (a `ListField` gives an empty list instead).
          RemoteProtocolError: it is there, and wrong.
        """
        if isinstance(name, str):
            return self._indexed()[_key(name)][0]
        typed: T | list[T] | None = self._typed.get(name.cache_key)
        return self._read(name) if typed is None else typed

    # Any: what it returns is what the field given says, and callers know which they gave.
    def _read(self, name: Field[Any] | ListField[Any]) -> Any:
        values = (self._index or self._indexed()).get(name.key, [])
        typed = self._typed[name.cache_key] = name.read(values)
        return typed

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: D) -> str | D: ...
    @overload
    def get(self, name: Field[T]) -> T | None: ...
    @overload
    def get(self, name: Field[T], default: D) -> T | D: ...
    def get(self, name: str | Field[T], default: D | None = None) -> str | T | D | None:
        """Like ``headers[name]``, but *default* when there is no such header."""
        try:
            return self[name]
        except KeyError:
            return default

    def get_all(self, name: str) -> list[str]:
        """Every value of *name* as text, one for each line; commas are not split."""
        return list(self._indexed().get(_key(name), ()))

    def __contains__(self, name: object) -> bool:
        index = self._index or self._indexed()
        if isinstance(name, str):
            return _key(name) in index
        return isinstance(name, (Field, ListField)) and name.key in index

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for line in self._lines:
            name, _, value = line.partition(":")
            yield name.rstrip(" \t"), unfolded(value).strip(" \t")

    def __len__(self) -> int:
        return len(self._lines)

    def __eq__(self, other: object) -> bool:
        """The same values in the same order under the same names, however they are spelled."""
        if not isinstance(other, Headers):
            return NotImplemented
        return self._indexed() == other._indexed()

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # headers change

    def __repr__(self) -> str:
        return f"<Headers {', '.join(name for name, _ in self)}>"

    # -- changing

    def add(self, name: str, value: object) -> None:
        """Append a header.

        Args:
          name: a token; well-known names go out in their usual spelling.
          value: text, or any typed value (its ``str`` is the wire form).

        Raises:
          LocalProtocolError: CR, LF or NUL in it, a name that is no token, or a second one of
            a header that may stand only once (use `set`).
        """
        key, spelled = _checked_name(name)
        if key in SINGLE and key in self._indexed():
            raise LocalProtocolError(f"{spelled} is there already")
        text = checked_text(str(value), spelled).strip(" \t")
        self._lines.append(f"{spelled}: {text}")
        if self._index is not None:
            self._index.setdefault(key, []).append(text)
            self._typed = {}

    def extend(self, others: Headers) -> None:
        """Append all of *others*, which were checked when they were added there.

        For what stands in many messages: that is checked once.

        Raises:
          LocalProtocolError: a second one of a header that may stand only once (use `set`).
        """
        for key in SINGLE.intersection(others._indexed()):
            if key in self._indexed():
                raise LocalProtocolError(f"{CANONICAL.get(key, key)} is there already")
        self._lines += others._lines
        if self._index is not None:
            self._read_again()

    def set(self, name: str, value: object) -> None:
        """Make *value* the only value of *name*, at the place of the first one there was."""
        key, spelled = _checked_name(name)
        text = checked_text(str(value), spelled).strip(" \t")
        line = f"{spelled}: {text}"
        places = self._places(key)
        if places:
            self._lines[places[0]] = line
            for place in reversed(places[1:]):
                del self._lines[place]
        else:
            self._lines.append(line)
        self._read_again()

    def insert_first(self, name: str, value: object) -> None:
        """Put a value before all others of *name*: how a Via is pushed."""
        key, spelled = _checked_name(name)
        text = checked_text(str(value), spelled).strip(" \t")
        places = self._places(key)
        if places and key in SINGLE:
            raise LocalProtocolError(f"{spelled} is there already")
        self._lines.insert(places[0] if places else 0, f"{spelled}: {text}")
        self._read_again()

    def remove(self, name: str) -> None:
        """Remove every header called *name*; none is fine too."""
        key = _key(name)
        self._lines = [line for line in self._lines if _key(line.partition(":")[0]) != key]
        self._read_again()

    def copy(self) -> Headers:
        copied = Headers._of(list(self._lines), None)
        copied._indexed()
        return copied

    @property
    def is_sealed(self) -> bool:
        """Whether changes are refused."""
        return False

    def seal(self) -> None:
        """Refuse every change from now on with `LocalProtocolError`."""
        # The class changes, so that headers which are not sealed pay nothing for the question.
        self.__class__ = _SealedHeaders

    def _places(self, key: str) -> list[int]:
        return [
            place for place, line in enumerate(self._lines) if _key(line.partition(":")[0]) == key
        ]

    def _read_again(self) -> None:
        self._index = None
        self._typed = {}
        self._indexed()


class _SealedHeaders(Headers):
    """Headers of a message that has been sent."""

    __slots__ = ()

    @property
    def is_sealed(self) -> bool:
        return True

    def add(self, name: str, value: object) -> NoReturn:
        raise LocalProtocolError("the message has been sent; change a copy")

    def extend(self, others: Headers) -> NoReturn:
        self.add("", "")

    def set(self, name: str, value: object) -> NoReturn:
        self.add(name, value)

    def insert_first(self, name: str, value: object) -> NoReturn:
        self.add(name, value)

    def remove(self, name: str) -> NoReturn:
        self.add(name, None)


def _checked_name(name: str) -> tuple[str, str]:
    """The key of a name that is to be written, and how it is spelled."""
    key = KEYS.get(name) or _key(checked_token(name, "a header name"))
    return key, CANONICAL.get(key, name)


def _key(name: str) -> str:
    return KEYS.get(name) or header_key(name) or name.lower()
