"""What was wrong with a command line, without what may be a password."""

from __future__ import annotations

import re
from collections.abc import Sequence

import cyclopts

from ._text import one_line

__all__ = ["usage_line", "whole_number"]


def usage_line(error: cyclopts.CycloptsError) -> str:
    """One line for whoever typed it.  Anything in the wrong place may be a password."""
    match error:
        case cyclopts.UnusedCliTokensError(unused_tokens=tokens):
            # One of them may belong to a --user that was forgotten.
            count = len(tokens or ())
            return f"{count} argument{'s'[: count > 1]} too many"
        case cyclopts.UnknownCommandError(unused_tokens=[token, *_]):
            if token.startswith("-"):
                return f"{_option(token)}: want the command first: trio-sip COMMAND [OPTIONS]"
            return _without(error, token, re.split("[:=]", token, maxsplit=1)[0])
        case cyclopts.UnknownOptionError(token=token):
            written = token.keyword or token.value
            return _without(error, written, _option(written))
    return one_line(str(error))


def _option(token: str) -> str:
    """The name of ``--name=value``, ``-n=value`` or ``-nvalue``."""
    return one_line(token.partition("=")[0] if token.startswith("--") else token[:2])


def _without(error: cyclopts.CycloptsError, token: str, shown: str) -> str:
    return one_line(str(error).replace(token, shown))


def whole_number(_: object, tokens: Sequence[cyclopts.Token]) -> int:
    """A number as people write it; cyclopts itself would round ``1.5``."""
    text = tokens[0].value
    if re.fullmatch(r"[+-]?[0-9]{1,20}", text, re.ASCII) is None:
        raise ValueError(f"want a whole number, not {text!r}")
    return int(text)
