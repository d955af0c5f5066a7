"""Headers: an ordered list of lines that can be asked by name.

The lines stay exactly as they came, so that a message nobody touched goes out as the bytes it
came in as.  Beside them stands an index from names to first values, made when it is first needed,
and one to all values for the few names that are repeated; typed values are made from those on
first access and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, overload

from trio_sip._errors import LocalProtocolError

from ._field import Field, ListField
from ._grammar import checked_text, checked_token
from ._names import CANONICAL, KEYS, SINGLE, header_key

if TYPE_CHECKING:
    from ._via import Via

__all__ = ["CheckedHeaders", "Headers"]

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


NONE_REPEATED: dict[str, list[str]] = {}
"""Most messages repeat no name, and share this one, which nobody changes."""


def noted(
    first: dict[str, str], repeated: dict[str, list[str]], key: str, value: str
) -> dict[str, list[str]]:
    """Put one more line into an index; what it returns takes the place of *repeated*."""
    if key not in first:
        first[key] = value
        return repeated
    if repeated is NONE_REPEATED:
        repeated = {}
    repeated.setdefault(key, [first[key]]).append(value)
    return repeated


class Headers:
    """The header fields of one message, in order, by names without case.

    ``headers["Subject"]`` is the first value as text, ``headers[CSEQ]`` a typed one,
    ``headers[VIA]`` the list of them.  Compact forms are the same names.  Iterating gives
    ``(name, value)`` pairs as they stand on the lines.
    """

    # Plain slots: one is made for every message in and out.
    __slots__ = ("_first", "_lines", "_repeated", "_typed")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._lines: list[str] = []
        self._first: dict[str, str] | None = None
        self._repeated: dict[str, list[str]] = NONE_REPEATED
        # Any: each key's value has the type of its Field, which the overloads below restore.
        self._typed: dict[str, Any] = {}
        for name, value in pairs:
            self.add(name, value)

    @classmethod
    def _of(
        cls,
        lines: list[str],
        first: dict[str, str] | None = None,
        repeated: dict[str, list[str]] = NONE_REPEATED,
    ) -> Headers:
        """From lines that are known to be well formed, and their index if there is one."""
        self = cls.__new__(cls)
        self._lines = lines
        self._first = first
        self._repeated = repeated
        self._typed = {}
        return self

    def _indexed(self) -> dict[str, str]:
        first = self._first
        if first is None:
            first = self._first = {}
            repeated = NONE_REPEATED
            for line in self._lines:
                name, _, value = line.partition(":")
                repeated = noted(first, repeated, _key(name), unfolded(value).strip(" \t"))
            self._repeated = repeated
        return first

    def _values(self, key: str) -> list[str]:
        """Every value of a key, one for each line."""
        first = (self._first or self._indexed()).get(key)
        if first is None:
            return []
        return self._repeated.get(key) or [first]

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
            return self._indexed()[_key(name)]
        typed: T | list[T] | None = self._typed.get(name.cache_key)
        return self._read(name) if typed is None else typed

    # Any: what it returns is what the field given says, and callers know which they gave.
    def _read(self, name: Field[Any] | ListField[Any]) -> Any:
        typed = self._typed[name.cache_key] = name.read(self._values(name.key))
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
        return list(self._values(_key(name)))

    def __contains__(self, name: object) -> bool:
        first = self._first or self._indexed()
        if isinstance(name, str):
            return _key(name) in first
        return isinstance(name, (Field, ListField)) and name.key in first

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
        return self._indexed() == other._indexed() and self._repeated == other._repeated

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
        if self._first is not None:
            self._repeated = noted(self._first, self._repeated, key, text)
            self._typed = {}

    def add_checked(self, more: CheckedHeaders) -> None:
        """Append headers that have been checked already."""
        self._lines += more.lines
        if self._first is not None:
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

    def put_via(self, via: Via) -> None:
        """Make *via* the only Via, and the first header: how a request of ours is sent again."""
        text = str(via)
        first = self._first
        if first is None or "via" in first:
            self._lines = [one for one in self._lines if _key(one.partition(":")[0]) != "via"]
        self._lines.insert(0, f"Via: {text}")
        self._typed.pop("via", None)
        self._typed["via top"] = via
        if first is not None:
            # The rest of what was read is still right.
            first["via"] = text
            if "via" in self._repeated:
                del self._repeated["via"]

    def remove(self, name: str) -> None:
        """Remove every header called *name*; none is fine too."""
        key = _key(name)
        self._lines = [line for line in self._lines if _key(line.partition(":")[0]) != key]
        self._read_again()

    def copy(self) -> Headers:
        copied = Headers._of(list(self._lines))
        copied._indexed()
        return copied

    def unread(self) -> None:
        """Forget what was read, which takes more room than the text; it is read again if asked."""
        self._first = None
        self._repeated = NONE_REPEATED
        self._typed = {}

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
        self._first = None
        self._typed = {}
        self._indexed()


class CheckedHeaders:
    """Headers that are checked once and go into many messages: what every answer tells of us.

    Args:
      pairs: names and values, as for `Headers`; none that may stand only once in a message,
        because those are for each message to decide.

    Raises:
      LocalProtocolError: one of them cannot stand in a message, or not in every one.
    """

    __slots__ = ("lines",)

    def __init__(self, pairs: Iterable[tuple[str, object]]) -> None:
        made = Headers()
        for name, value in pairs:
            if _key(name) in SINGLE:
                raise LocalProtocolError(f"{name} may stand only once, so each message has its own")
            made.add(name, value)
        self.lines: tuple[str, ...] = tuple(made._lines)
        """As they go on the wire."""

    def __repr__(self) -> str:
        return f"<CheckedHeaders {', '.join(line.partition(':')[0] for line in self.lines)}>"


class _SealedHeaders(Headers):
    """Headers of a message that has been sent."""

    __slots__ = ()

    @property
    def is_sealed(self) -> bool:
        return True

    def add(self, name: str, value: object) -> NoReturn:
        raise LocalProtocolError("the message has been sent; change a copy")

    def add_checked(self, more: CheckedHeaders) -> NoReturn:
        self.add("", None)

    def set(self, name: str, value: object) -> NoReturn:
        self.add(name, value)

    def insert_first(self, name: str, value: object) -> NoReturn:
        self.add(name, value)

    def put_via(self, via: Via) -> NoReturn:
        self.add("Via", via)

    def remove(self, name: str) -> NoReturn:
        self.add(name, None)


def _checked_name(name: str) -> tuple[str, str]:
    """The key of a name that is to be written, and how it is spelled."""
    key = KEYS.get(name) or _key(checked_token(name, "a header name"))
    return key, CANONICAL.get(key, name)


def _key(name: str) -> str:
    return KEYS.get(name) or header_key(name) or name.lower()
