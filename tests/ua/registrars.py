"""A telephone that registers, and what its registrar knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trio_sip.registration import Binding
from trio_sip.stack import Tokens
from trio_sip.testing import MemoryNetwork, TestRegistrar
from trio_sip.ua import UserAgent, open_user_agent

ALICE = "sip:alice@example.com"
PASSWORD = "wonderland"


@asynccontextmanager
async def open_alice(
    network: MemoryNetwork, *, password: str | None = PASSWORD, **more: object
) -> AsyncIterator[UserAgent]:
    """Alice, on her own host, with her password."""
    async with open_user_agent(
        ALICE,
        password=password,
        network=network.host("alice"),
        strict=True,
        tokens=Tokens.sequential("alice"),
        **more,  # type: ignore[arg-type]  # handed on
    ) as alice:
        yield alice


async def bound(registrar: TestRegistrar, user: str = ALICE) -> list[Binding]:
    """What it has at this moment."""
    return list(await registrar.bindings(user))
