"""How a script fails: as an assertion, which says what was expected, what came, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from trio_sip.message import redacted

from ._message_pattern import MessagePattern

if TYPE_CHECKING:
    from trio_sip.testing.recordings import Wire

    from ._messages import PeerMessage

__all__ = ["MissingMessage", "ScriptFailed", "UnexpectedMessage"]


class ScriptFailed(AssertionError):
    """A conversation went otherwise than its script.  The two kinds are below."""

    # Reports show where to import it from.
    __module__ = "trio_sip.testing"

    wire: Wire | None = None
    """The record of the message at fault, for whoever draws what happened."""

    call_id: str | None = None
    """Of the conversation that failed, where it is one that a message began."""

    at: float | None = None
    """When it failed, on trio's clock: what was sent later is only cleaning up."""


class UnexpectedMessage(ScriptFailed):
    """A message came that the script did not want at that place."""

    # Reports show where to import it from.
    __module__ = "trio_sip.testing"


class MissingMessage(ScriptFailed):
    """A message did not come, or not in time."""

    # Reports show where to import it from.
    __module__ = "trio_sip.testing"


def unexpected(who: str, wanted: Sequence[MessagePattern], came: PeerMessage) -> UnexpectedMessage:
    """The error for a message out of place; the pattern that comes closest is compared."""
    closest = min((one.differences(came.message) for one in wanted), key=len, default=[])
    lines = [f"{who} expected {_either(wanted)}", f"but got  {came.label} at {came.time:.3f} s"]
    lines += [f"  {line}" for line in closest]
    lines += ["", "It was:", *(f"  {line}" for line in redacted(came.message).splitlines())]
    error = UnexpectedMessage("\n".join(lines))
    error.wire = came.wire
    error.call_id = came.message.headers.get("Call-ID")
    return error


def missing(
    who: str, wanted: Iterable[MessagePattern], within: float, rest: Iterable[PeerMessage]
) -> MissingMessage:
    """The error for a message that did not come; *rest* came for others."""
    text = f"{who} expected {_either(wanted)}, but nothing came in {within:g} s"
    others = [f"  {one.label} at {one.time:.3f} s" for one in rest]
    if others:
        text = "\n".join([f"{text}; beside it there were", *others])
    return MissingMessage(text)


def _either(wanted: Iterable[MessagePattern]) -> str:
    return " or ".join(str(one) for one in wanted) or "nothing"
