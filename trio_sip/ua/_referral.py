"""Sending somebody elsewhere: a REFER of ours, as a block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import trio

from trio_sip._errors import LocalProtocolError, RemoteProtocolError, RequestRejected
from trio_sip.dialog import Dialog
from trio_sip.message import NameAddr, Replaces, Response, Uri
from trio_sip.subscription import ReferProgress, SubscriberState, SubscriptionEnded

from ._referral_follower import ReferralFollower

__all__ = ["ReferTarget", "Referral", "follow_referral", "refer_headers", "refer_to"]

ReferTarget = NameAddr | Uri | str
"""Where somebody may be sent."""


class Referral:
    """A REFER that was accepted: ``async for progress in referral`` tells how it is going.

    The iteration ends when nothing more will be told.  Made by `Call.refer` and `UserAgent.refer`.
    """

    __slots__ = ("_follower", "response")

    def __init__(self, follower: ReferralFollower, response: Response) -> None:
        self._follower = follower
        self.response: Response = response
        """The 2xx to the REFER."""

    @property
    def last(self) -> ReferProgress | None:
        """What was told last; ``None`` if nothing was."""
        return self._follower.last

    @property
    def ended(self) -> SubscriptionEnded | None:
        """Why nothing more will be told; ``None`` as long as something may be."""
        return self._follower.ended

    @property
    def state(self) -> SubscriberState:
        """How the subscription that came with the REFER stands."""
        return self._follower.subscriber.state

    async def receive(self) -> ReferProgress:
        """What is told next.

        Raises:
          trio.EndOfChannel: nothing more will be.
          RequestTimedOut, RequestRejected, TransportFailed: they do not tell what they promised.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        follower = self._follower
        while not follower.told:
            if follower.ended is not None and follower.ended.error is not None:
                raise follower.ended.error
            if follower.subscriber.state is SubscriberState.TERMINATED:
                raise trio.EndOfChannel
            await follower.change()
        return follower.told.popleft()

    async def outcome(self) -> ReferProgress | None:
        """Wait until it has worked or failed; what was told last, whichever it was.

        Returns:
          ``None`` if nothing was told: when they were asked not to (``Refer-Sub: false``).

        Raises:
          RequestTimedOut, RequestRejected, TransportFailed: as `receive`.
        """
        async for progress in self:
            if progress.is_final:
                return progress
        return self.last

    def __aiter__(self) -> Referral:
        return self

    async def __anext__(self) -> ReferProgress:
        try:
            return await self.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None

    def __repr__(self) -> str:
        return f"<Referral {self.state.value}>"


@asynccontextmanager
async def follow_referral(
    follower: ReferralFollower,
    dialog: Dialog | None,
    send: Callable[[], Awaitable[Response]],
    grace: float,
) -> AsyncIterator[Referral]:
    """Send a REFER and follow it as long as the block runs.

    Args:
      dialog: the one that it is sent in, if there is one.
      send: sends it, and gives a 2xx to the follower at once.

    Raises:
      RequestRejected: it was refused; the rest as *send* does.
    """
    # Who is cancelled already sends nothing.
    await trio.lowlevel.checkpoint_if_cancelled()
    follower.begin(dialog)
    try:
        try:
            response = await send()
        except RequestRejected as refusal:
            follower.take_refusal(refusal)
            raise
        except Exception as error:
            follower.fail(error)
            raise
        yield Referral(follower, response)
    finally:
        follower.leave()
        with trio.move_on_after(grace, shield=True):
            while follower.subscriber.state is not SubscriberState.TERMINATED:
                await follower.change()


def refer_to(target: ReferTarget, replaces: Replaces | None) -> NameAddr:
    """The value of Refer-To.

    RFC 3891 section 6.1 and RFC 5589 section 7: the dialog to be replaced is a header in its URI,
    escaped as RFC 3261 section 19.1.1 wants.

    Args:
      replaces: the dialog, with the tags as whoever will be called has them.

    Raises:
      LocalProtocolError: that is no target.
    """
    try:
        address = NameAddr(target) if isinstance(target, Uri) else NameAddr.parse(target)
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"refer: {error}") from None
    if replaces is None:
        return NameAddr(address.uri, address.display_name)
    if not address.uri.is_sip:
        raise LocalProtocolError("a dialog can be replaced at a SIP URI only")
    uri = address.uri
    return NameAddr(
        Uri(
            uri.scheme,
            uri.user,
            uri.host,
            uri.port,
            params=uri.params,
            headers={**dict(uri.headers), "Replaces": str(replaces)},
        ),
        address.display_name,
    )


def refer_headers(
    target: NameAddr,
    referred_by: NameAddr,
    *,
    follow: bool,
    headers: tuple[tuple[str, object], ...],
) -> list[tuple[str, object]]:
    """What a REFER has to say: RFC 3515, 3892, and 4488 if nobody wants to follow it."""
    said: list[tuple[str, object]] = [("Refer-To", target), ("Referred-By", referred_by)]
    if not follow:
        said += [("Refer-Sub", "false"), ("Supported", "norefersub")]
    return [*said, *headers]
