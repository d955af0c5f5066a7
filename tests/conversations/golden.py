"""The ladders that conversations are known to draw."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from trio_sip.testing import MemoryNetwork

__all__ = ["Conversation", "by_name", "golden"]

LADDERS = Path(__file__).parent.parent / "data" / "ladders"
Conversation = Callable[[MemoryNetwork], Awaitable[None]]


def golden(name: str) -> str:
    """The ladder of that name."""
    return (LADDERS / f"{name}.txt").read_text("utf-8")


def by_name(*conversations: Conversation) -> Mapping[str, Conversation]:
    """The conversations by the names of their functions, which are those of their ladders."""
    return {getattr(one, "__name__", ""): one for one in conversations}
