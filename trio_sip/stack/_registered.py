"""What registering gives: the way back."""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["Registered"]


@attrs.define(eq=False)
class Registered:
    """Something is registered with a stack, until `unregister`, or the end of a block.

    ``with stack.register_service(service): …`` registers for as long as the block runs.  Where
    something stays for as long as its stack, let the handle go: that ends nothing.
    """

    _undo: Callable[[], None] | None = attrs.field(repr=False)

    def unregister(self) -> None:
        """Undo it, once; whoever was unregistered otherwise meanwhile stays so."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def __enter__(self) -> Registered:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.unregister()
