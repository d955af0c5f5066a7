"""What the fixtures ``make_sip_peer`` and ``make_sip_stack`` give, as types for annotations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from trio_sip.stack import (
    Authenticator,
    EndpointIdentifier,
    Service,
    Stack,
    StackSettings,
    Tokens,
)
from trio_sip.transport import TlsSettings

from .peer import PeerProfile, SipPeer

__all__ = ["MakeSipPeer", "MakeSipStack"]


class MakeSipPeer(Protocol):
    """The function that the fixture ``make_sip_peer`` gives; the arguments are those of `SipPeer`."""

    def __call__(
        self,
        name: str = "peer",
        *,
        ipv6: bool = False,
        port: int = ...,
        transports: Sequence[str] = ...,
        profile: str | PeerProfile = ...,
        patience: float = ...,
        retransmits: bool = ...,
        tokens: Tokens | None = ...,
        seed: int = ...,
        tls: TlsSettings | None = ...,
    ) -> SipPeer:
        """Make a peer on the host of that name; it lives until the test's end."""


class MakeSipStack(Protocol):
    """The function that the fixture ``make_sip_stack`` gives.

    All but the name and *listen* are arguments of `trio_sip.stack.open_stack`.
    """

    async def __call__(
        self,
        name: str = "stack",
        *services: Service,
        listen: Sequence[str] = ("udp", "tcp"),
        identifiers: Iterable[EndpointIdentifier] = (),
        authenticator: Authenticator | None = None,
        settings: StackSettings | None = None,
        strict: bool = True,
        tokens: Tokens | None = None,
        grace: float = 4.0,
        tls: TlsSettings | None = None,
    ) -> Stack:
        """Run a stack on the host of that name until the test's end.

        At its end no works, dialogs, requests or transactions may be left.

        Args:
          name: of its host, and what failures and drawings call it.
          services: what it offers, set up in this order.
          listen: transports, each at the host's own address, or whole addresses as for
            `trio_sip.stack.open_stack`.
          strict: let an exception of a handler fail the test.
          tokens: in the simulator, ones that are the same in each run, if left out.
          tls: if left out, what the peers of the test trust: a certificate of ``sip_tls``.
        """
