"""Provisional responses to a call that we make, as its user sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from trio_sip._errors import LocalProtocolError
from trio_sip.dialog import Dialog
from trio_sip.message import Response
from trio_sip.sdp import SessionDescription
from trio_sip.session import Description

from ._call_core import Headers
from ._call_sdp import Sdp, parsed

if TYPE_CHECKING:
    from ._call_outgoing import OutgoingCall

__all__ = ["Progress", "ProgressReader"]


@attrs.frozen
class Progress:
    """A provisional response: how far a call has come, at one of the phones that it reaches."""

    response: Response
    dialog: Dialog | None = attrs.field(repr=False)
    """The early dialog that it belongs to; each phone that rings has one."""

    description: Description | None
    _owed_by: OutgoingCall | None = attrs.field(default=None, repr=False)

    @property
    def prack_owed(self) -> bool:
        """It waits for `acknowledge`: it carries an offer, because the INVITE had none."""
        return self._owed_by is not None

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def reason(self) -> str:
        """The reason phrase."""
        return self.response.reason

    @property
    def sdp(self) -> SessionDescription | None:
        """The session description: early media.

        Raises:
          RemoteProtocolError: it cannot be read.
        """
        return parsed(self.description)

    def acknowledge(self, sdp: Sdp | None = None, *, headers: Headers = ()) -> None:
        """Send the PRACK that is owed, with the answer to their offer (RFC 3262 section 5).

        Raises:
          LocalProtocolError: none is owed.
        """
        if self._owed_by is None:
            raise LocalProtocolError("no PRACK is owed to this response")
        self._owed_by._send_prack(self, sdp, headers)


class ProgressReader:
    """Not an async generator: one that is left before its end has to be closed."""

    def __init__(self, call: OutgoingCall) -> None:
        self._call = call

    def __aiter__(self) -> ProgressReader:
        return self

    async def __anext__(self) -> Progress:
        progress = await self._call._next_progress()
        if progress is None:
            raise StopAsyncIteration
        return progress
