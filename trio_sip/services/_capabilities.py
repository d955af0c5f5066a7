"""What a stack can do, as headers: made from what is registered in it."""

from __future__ import annotations

from trio_sip.stack import Stack

__all__ = ["Capabilities"]


class Capabilities:
    """The headers of an answer to OPTIONS, made anew only when a service comes or goes."""

    def __init__(self) -> None:
        self._allow = ""
        self._supported: tuple[str, ...] = ()
        self._headers: tuple[tuple[str, str], ...] = ()

    def headers(self, stack: Stack) -> tuple[tuple[str, str], ...]:
        """Allow, and Accept and Supported where there is something to name."""
        allow, supported = stack.allow, stack.supported
        # The text is made anew with each change of the services, hence "is".
        if allow is not self._allow or supported != self._supported:
            self._allow, self._supported = allow, supported
            values = (
                ("Allow", allow),
                ("Accept", ", ".join(_body_types(stack))),
                ("Supported", ", ".join(supported)),
            )
            self._headers = tuple(pair for pair in values if pair[1])
        return self._headers


def _body_types(stack: Stack) -> list[str]:
    types: set[str] = set()
    for service in stack.services:
        # Services of others need not know about this: who takes no bodies does not say so.
        types.update(service.body_types)
    return sorted(types)
