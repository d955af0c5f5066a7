"""A call that we make because somebody has sent us: who did is told how it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from trio_sip._errors import NoRoute, SipError
from trio_sip.message import reason_phrase
from trio_sip.session import Answered, Ended, Progressed, Rejected

from ._call_core import Headers
from ._call_outgoing import OutgoingCall
from ._call_sdp import Sdp

if TYPE_CHECKING:
    from ._call_service import Calls
    from ._referral_incoming import IncomingReferral

__all__ = ["ReferredCall"]


class ReferredCall(OutgoingCall):
    """An `OutgoingCall` made by `IncomingReferral.call`."""

    __slots__ = ("referral",)

    referral: IncomingReferral
    """What it was made for."""

    def __init__(
        self,
        referral: IncomingReferral,
        calls: Calls,
        offer: Sdp | None,
        *,
        headers: Headers,
        redirections: int,
        grace: float,
    ) -> None:
        super().__init__(
            calls,
            referral.target,
            offer,
            headers=headers,
            from_=None,
            to=None,
            credentials=None,
            redirections=redirections,
            grace=grace,
        )
        self.referral = referral

    async def start(self) -> None:
        """Accept the REFER, if that is not done yet, and send the INVITE.

        Raises:
          NoRoute, TransportFailed, LocalProtocolError: as `OutgoingCall.start`.
        """
        if not self.referral.request.is_answered:
            self.referral.accept()
        try:
            await super().start()
        except SipError as error:
            # RFC 3261 section 8.1.3.1: what cannot be sent is as good as a 503.
            self.referral.notify(404 if isinstance(error, NoRoute) else 503)
            raise

    # -- told by the leg

    def _referred_progressed(self, event: Progressed) -> None:
        self._progressed(event)
        if event.exchange is None and event.response.status > 100:
            self.referral.notify(event.response.status, event.response.reason)

    def _referred_answered(self, event: Answered) -> None:
        self._answered(event)
        self.referral.notify(event.response.status, event.response.reason)

    def _referred_rejected(self, event: Rejected) -> None:
        self._rejected(event)
        if self.rejection is not None:
            response = event.response
            reason = reason_phrase(event.status) if response is None else response.reason
            self.referral.notify(event.status, reason)

    def _referred_ended(self, event: Ended) -> None:
        self._outgoing_ended(event)
        # Nothing, if it was answered or refused before.
        self.referral.notify(487)

    _tells: ClassVar[dict[type[object], Callable[[Any, Any], None]]] = {
        **OutgoingCall._tells,
        Progressed: _referred_progressed,
        Answered: _referred_answered,
        Rejected: _referred_rejected,
        Ended: _referred_ended,
    }
