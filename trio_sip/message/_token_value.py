"""A word with parameters behind it: the shape of a third of all header fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Generic, ParamSpec, Self, TypeVar

import attrs

from trio_sip._errors import LocalProtocolError, RemoteProtocolError

from ._field import ListField
from ._grammar import checked_token
from ._params import NO_PARAMS, Params

__all__ = ["LineField", "LooseListField", "TokenValue", "as_params", "read_as", "split_value"]

T = TypeVar("T")
P = ParamSpec("P")


def split_value(text: str) -> tuple[str, Params]:
    """What stands before the first semicolon, and the parameters behind it."""
    value, semicolon, params = text.partition(";")
    return value.strip(" \t"), Params.parse(";" + params) if semicolon else NO_PARAMS


def as_params(params: Mapping[str, str | None] | None) -> Params:
    """A converter: any mapping as `Params`."""
    return params if isinstance(params, Params) else Params(params) if params else NO_PARAMS


def read_as(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call *make* with what was received: what it refuses is the other side's fault, not ours."""
    try:
        return make(*args, **kwargs)
    except LocalProtocolError as error:
        raise RemoteProtocolError(str(error)) from None


def _token(text: str) -> str:
    return checked_token(text, "the value")


@attrs.frozen
class TokenValue:
    """A token with parameters, compared without case: ``session;handling=optional``."""

    value: str = attrs.field(converter=_token, eq=str.lower)
    """The token, as it was written."""

    params: Params = attrs.field(default=NO_PARAMS, converter=as_params)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``token *( SEMI generic-param )``.

        Raises:
          RemoteProtocolError: not a token, or a bad parameter.
        """
        value, params = split_value(text)
        return read_as(cls, value, params)

    def __str__(self) -> str:
        return f"{self.value}{self.params}"


class LooseListField(ListField[T], Generic[T]):
    """A list in which an empty value is an empty list, as in ``Accept:``."""

    __slots__ = ()

    def split(self, values: list[str]) -> list[str]:
        return [item for item in super().split(values) if item]


class LineField(ListField[T], Generic[T]):
    """A list with one value a line, whose commas belong to the values.

    RFC 3261 section 7.3.1 makes that exception for credentials and challenges.
    """

    __slots__ = ()

    def split(self, values: list[str]) -> list[str]:
        return values
