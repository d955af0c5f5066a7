"""What a stack can do, as headers: made from what is registered in it."""

from __future__ import annotations

from trio_sip.message import CheckedHeaders
from trio_sip.stack import Stack

__all__ = ["Capabilities"]


class Capabilities:
    """The headers of an answer to OPTIONS, made anew only when a service comes or goes."""

    def __init__(self) -> None:
        self._revision = 0
        self._headers = CheckedHeaders(())

    def headers(self, stack: Stack) -> CheckedHeaders:
        """Allow, and Accept and Supported where there is something to name."""
        revision = stack.services_revision
        if revision != self._revision:
            self._revision = revision
            values = (
                ("Allow", stack.allow),
                ("Accept", ", ".join(_body_types(stack))),
                ("Supported", ", ".join(stack.supported)),
            )
            self._headers = CheckedHeaders(pair for pair in values if pair[1])
        return self._headers


def _body_types(stack: Stack) -> list[str]:
    types: set[str] = set()
    for service in stack.services:
        # Services of others need not know about this: who takes no bodies does not say so.
        types.update(service.body_types)
    return sorted(types)
