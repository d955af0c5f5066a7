"""Injection files: what ``[field0]`` stands for, call by call."""

from __future__ import annotations

import enum
import random
import re
from collections.abc import Iterable, Mapping, Sequence

import attrs

from ._xml import ScenarioError

__all__ = ["InjectionFile", "InjectionOrder", "Rows", "read_injection_file", "read_sipp_rows"]

_DIGITS = re.compile(r"%(0?)(\d{0,3})[di]")
_SETTING = re.compile(r"\s*(PRINTF|PRINTFMULTIPLE|PRINTFOFFSET)\s*=\s*(\d{1,12})\s*")
_MOST = 10_000_000


class InjectionOrder(enum.Enum):
    """Which row a call gets; the values are the words that files begin with."""

    SEQUENTIAL = "SEQUENTIAL"
    """The next one, from the beginning again when all have been used."""

    RANDOM = "RANDOM"
    USER = "USER"
    """That of its user, where users make the calls; otherwise the next one."""


@attrs.frozen(kw_only=True)
class InjectionFile:
    """An injection file, read."""

    rows: tuple[tuple[str, ...], ...] = attrs.field(repr=False)
    name: str = ""
    """What ``[field0 file="…"]`` calls it."""

    order: InjectionOrder = InjectionOrder.SEQUENTIAL
    count: int | None = None
    """How many rows it counts as, if they are templates: SIPp's PRINTF."""

    multiple: int = 1
    offset: int = 0
    index: int | None = None
    """The field that ``<lookup>`` looks in."""


def read_sipp_rows(text: str) -> list[list[str]]:
    """The rows of a SIPp injection file: fields between semicolons, ``#`` for comments.

    The first line says SEQUENTIAL, RANDOM or USER; rows are used in their order all the same.
    `read_injection_file` heeds it.
    """
    lines = [line.strip("\r") for line in text.split("\n")]
    rows = [line for line in lines[1:] if line.strip() and not line.startswith("#")]
    return [row.split(";") for row in rows]


def read_injection_file(text: str, name: str = "", *, index: int | None = None) -> InjectionFile:
    """Read a SIPp injection file.

    Args:
      text: a line that says SEQUENTIAL, RANDOM or USER, perhaps with ``,PRINTF=999``; then a row
        a line, fields between semicolons.  Lines that begin with ``#`` are comments.
      name: what the scenario calls it: for SIPp, its name without folders.
      index: the field that ``<lookup>`` looks in, as SIPp's ``-infindex`` says it.

    Raises:
      ScenarioError: the first line says something else.
    """
    first = text.split("\n", 1)[0].strip()
    word, *settings = first.split(",")
    # SIPp goes by how the word begins; its documentation writes USERS.
    order = next((one for one in InjectionOrder if word.upper().startswith(one.value)), None)
    if order is None:
        raise ScenarioError(f"want SEQUENTIAL, RANDOM or USER first, not {first[:40]!r}")
    numbers = {"PRINTFMULTIPLE": 1, "PRINTFOFFSET": 0}
    for setting in settings:
        match = _SETTING.fullmatch(setting)
        if match is None:
            raise ScenarioError(f"want PRINTF=…, not {setting[:40]!r}")
        numbers[match[1]] = int(match[2])
    count = numbers.get("PRINTF")
    if count is not None and count > _MOST:
        raise ScenarioError(f"more than {_MOST} rows")
    return InjectionFile(
        rows=tuple(tuple(row) for row in read_sipp_rows(text)),
        name=name,
        order=order,
        count=count,
        multiple=numbers["PRINTFMULTIPLE"],
        offset=numbers["PRINTFOFFSET"],
        index=index,
    )


class Rows:
    """The files of a run: which row is whose, and what scenarios write into them."""

    def __init__(self, files: Iterable[InjectionFile]) -> None:
        self._tables = {file.name: _Table(file) for file in files}
        self._first = next(iter(self._tables), "")

    def choose(self, user: int | None, dice: random.Random) -> dict[str, int]:
        """The rows of a new call: their numbers by file."""
        return {name: table.choose(user, dice) for name, table in self._tables.items()}

    def field(
        self, number: int, chosen: Mapping[str, int], file: str | None, row: int | None
    ) -> str:
        """One field; "" where there is none."""
        name = self._first if file is None else file
        table = self._tables.get(name)
        if table is None:
            return ""
        fields = table.row(chosen.get(name, 0) if row is None else row)
        return fields[number] if number < len(fields) else ""

    def look_up(self, file: str, key: str) -> int:
        """The row whose indexed field is so; -1 if there is none."""
        table = self._tables.get(file)
        return -1 if table is None else table.find(key)

    def insert(self, file: str, value: str) -> bool:
        """Add a row at the end; whether there is such a file."""
        table = self._tables.get(file)
        if table is not None:
            table.put(None, value)
        return table is not None

    def replace(self, file: str, row: int, value: str) -> bool:
        """Write a row anew; whether there is one."""
        table = self._tables.get(file)
        if table is None or not 0 <= row < table.size:
            return False
        table.put(row, value)
        return True


class _Table:
    def __init__(self, file: InjectionFile) -> None:
        self._file = file
        self._rows: list[Sequence[str]] = list(file.rows)
        self._next = 0
        self._index: dict[str, int] | None = None

    @property
    def size(self) -> int:
        count = self._file.count
        return len(self._rows) if count is None or not self._rows else count

    def choose(self, user: int | None, dice: random.Random) -> int:
        size = self.size
        if not size:
            return 0
        if self._file.order is InjectionOrder.RANDOM:
            return dice.randrange(size)
        if self._file.order is InjectionOrder.USER and user is not None:
            return user % size
        row = self._next % size
        self._next = row + 1
        return row

    def row(self, number: int) -> Sequence[str]:
        if not 0 <= number < self.size:
            return ()
        if self._file.count is None:
            return self._rows[number]
        printed = number * self._file.multiple + self._file.offset
        template = self._rows[number % len(self._rows)]
        return [
            _DIGITS.sub(lambda one: f"{printed:{one[1]}{one[2]}d}", field) for field in template
        ]

    def find(self, key: str) -> int:
        if self._index is None:
            self._index = {}
            for number in range(self.size):
                self._note(number)
        return self._index.get(key, -1)

    def put(self, number: int | None, value: str) -> None:
        fields = value.split(";")
        if number is None:
            number = len(self._rows)
            self._rows.append(fields)
        else:
            if self._index is not None:
                self._index = {key: row for key, row in self._index.items() if row != number}
            self._rows[number] = fields
        if self._index is not None:
            self._note(number)

    def _note(self, number: int) -> None:
        assert self._index is not None
        fields, place = self.row(number), self._file.index or 0
        if place < len(fields):
            self._index.setdefault(fields[place], number)
