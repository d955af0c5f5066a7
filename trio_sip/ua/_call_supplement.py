"""Supplements: what looks at every call of a user agent as it passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_sip.message import Request, Response

if TYPE_CHECKING:
    from ._call import Call

__all__ = ["CallSupplement"]


class CallSupplement:
    """Something that looks at calls, and at the messages within them.  Override what you need.

    Put into `Calls.supplements`, it sees the calls that begin from then on.  What it wants to
    remember about one has a place in `Call.storage`.  Nothing here waits; an exception is
    contained, and ends the stack if that is strict.
    """

    def on_call(self, call: Call) -> int | None:
        """A call begins.  A status refuses one that came, before anybody hears of it."""
        return None

    def on_end(self, call: Call) -> None:
        """It is over: `Call.ended` says how."""

    def on_request(self, call: Call, request: Request) -> None:
        """A request came within it; not the INVITE that began it, which `on_call` sees."""

    def on_response(self, call: Call, response: Response) -> None:
        """A response to a request of ours came."""

    def on_send_request(self, call: Call, request: Request) -> None:
        """Look at, or add to, a request that is about to be sent."""

    def on_send_response(self, call: Call, response: Response) -> None:
        """Look at, or add to, a response that is about to be sent."""
