"""A user agent for a command, and how its calls end, in words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from trio_sip._errors import TransportFailed
from trio_sip.auth import OutboundCredential
from trio_sip.message import NameAddr, Uri
from trio_sip.session import Ended, How, Side
from trio_sip.transport import Listen, TlsSettings
from trio_sip.ua import UserAgent, open_user_agent

from ._errors import UsageError
from ._recording import Recorder, RecordingNetwork

__all__ = ["BROKEN", "ending", "open_agent", "seconds_of"]

BROKEN = {
    How.NO_ACK: "broken off, because no ACK came,",
    How.NO_PRACK: "broken off, because no PRACK came,",
    How.EXPIRED: "broken off, because nobody refreshed the session,",
    How.FAILED: "broken off, because the other side does not answer in it any more,",
}
"""How a call ends that nobody has ended."""

_ENDED = {
    (How.BYE, Side.LOCAL): "hung up",
    (How.BYE, Side.REMOTE): "the other side hung up",
    (How.CANCEL, Side.LOCAL): "given up",
    (How.CANCEL, Side.REMOTE): "the caller gave up",
    (How.REJECTED, Side.LOCAL): "refused",
    (How.REJECTED, Side.REMOTE): "refused by the other side",
}


@asynccontextmanager
async def open_agent(
    address: NameAddr | Uri | str,
    listen: Iterable[Listen],
    record: Recorder,
    *,
    credentials: OutboundCredential | None = None,
    tls: TlsSettings | None = None,
) -> AsyncIterator[UserAgent]:
    """A user agent on the sockets of this machine, as long as the block runs.

    Raises:
      UsageError: an address that cannot be listened on.
    """
    async with AsyncExitStack() as blocks:
        try:
            agent = await blocks.enter_async_context(
                open_user_agent(
                    address,
                    credentials=credentials,
                    listen=tuple(listen),
                    network=RecordingNetwork(record),
                    grace=0,
                    tls=tls,
                )
            )
        except TransportFailed as error:
            raise UsageError(str(error)) from None
        yield agent


def ending(ended: Ended, seconds: float | None) -> str:
    """``the other side hung up after 3.0 s``.

    Args:
      seconds: how long they have talked; ``None`` if they have not.
    """
    said = BROKEN.get(ended.how) or _ENDED[ended.how, ended.by]
    if ended.how is How.REJECTED and ended.status is not None:
        said += f" with {ended.status}"
    if seconds is not None:
        said += f" after {seconds_of(seconds)}"
    said = said.rstrip(",")
    texts = [one.text for one in ended.reasons if one.text]
    return f"{said} ({texts[0]})" if texts else said


def seconds_of(seconds: float) -> str:
    """``3.0 s``."""
    return f"{seconds:.1f} s"
