"""Where the suite finds its target."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from trio_sip.auth import OutboundCredential, PlainSecret
from trio_sip.message import Uri
from trio_sip.stack import Tokens
from trio_sip.testing import MakeSipPeer, SipPeer, SipWorld

from ._system import RINGER, USER, own_system
from ._target import Target


@pytest.fixture
def _sip_world_kind(request: pytest.FixtureRequest) -> str:
    """Before a device if a target is named, and else in the simulator."""
    return "simulator" if request.config.getoption("--sip-target") is None else "device"


def _named(uri: Uri, user: str | None) -> Uri:
    address = f"{uri.host}:{uri.port}" if uri.port else uri.host
    transport = uri.params.get("transport")
    suffix = f";transport={transport}" if transport else ""
    return Uri.parse(f"sip:{user}@{address}{suffix}" if user else f"sip:{address}{suffix}")


async def _credentials(peer: SipPeer, given: str | None, uri: Uri) -> OutboundCredential | None:
    if given is None:
        return None
    name, _, password = given.partition(":")
    remote = await peer.resolve(uri, "UDP")
    return OutboundCredential(PlainSecret(name, password), next_hops=[remote.host])


def _on_trio(function: Callable[..., AsyncIterator[Target]]) -> Callable[..., Any]:
    # What pytest_trio.trio_fixture does, which need not be there.  Any: as pytest has it.
    function._force_trio_fixture = True  # type: ignore[attr-defined]  # pytest-trio's own mark
    return function


@pytest.fixture
@_on_trio
async def target(
    request: pytest.FixtureRequest,
    sip_world: SipWorld,
    make_sip_peer: MakeSipPeer,
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[Target]:
    """The system that the suite is aimed at; at the end no call is left there."""
    option = request.config.getoption
    user, ringing = option("--sip-user"), option("--sip-ringing-user")
    if sip_world.is_virtual:
        user, ringing = USER, RINGER
    # A system that runs on has not forgotten the calls of the test before.
    name = (option("--sip-credentials") or "alice").partition(":")[0]
    peer = make_sip_peer(name, tokens=None if sip_world.is_virtual else Tokens.random())
    # What else a telephone may ask of who calls it.
    peer.answer_automatically("OPTIONS", "NOTIFY", "MESSAGE")
    async with sip_world.system(own_system) as uri:
        made = Target(
            peer,
            _named(uri, user),
            ringing=None if ringing is None else _named(uri, ringing),
            credentials=await _credentials(peer, option("--sip-credentials"), uri),
            is_virtual=sip_world.is_virtual,
            is_slow=bool(option("--sip-slow")),
        )
        yield made
        await made.close()
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []
