"""Who goes where a user is sent: the REFERs that come, within calls and outside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trio_sip._errors import LocalProtocolError, RemoteProtocolError, SipError
from trio_sip.stack import IncomingRequest, Service, single_error, unwrapping_single_errors

from ._referral_incoming import IncomingReferral, ReferralHandler

if TYPE_CHECKING:
    from ._call import Call
    from ._user_agent import UserAgent

__all__ = ["TakesReferrals"]


class TakesReferrals(Service):
    """The service behind `UserAgent.serve_referrals`; one for each user agent."""

    methods: frozenset[str] = frozenset({"REFER"})

    def __init__(self, user_agent: UserAgent) -> None:
        self._user_agent = user_agent
        self.name: str = f"referrals {user_agent.account.name}"
        self._served: tuple[trio.Nursery, ReferralHandler] | None = None
        self.limit: int = 100
        """So many handlers at once; a further REFER is answered 503."""

        self.running: int = 0
        """How many there are now."""

    async def on_request(self, request: IncomingRequest) -> bool:
        """Take a REFER to this user that came outside of calls."""
        if request.method != "REFER" or not self._user_agent.is_addressed_by(request.uri):
            return False
        self.receive(request, None)
        return True

    def receive(self, request: IncomingRequest, call: Call | None) -> None:
        """Give a REFER to whoever wants it; the answer is 603 if nobody does."""
        wanted = call is not None and call.reads_referrals
        served = self._served
        # RFC 3515 section 2.4.2: nobody here may send us elsewhere.
        if call is None and served is None:
            request.respond(603)
            return
        try:
            referral = IncomingReferral(self._user_agent, request, call)
        except RemoteProtocolError:
            if wanted or served is not None:
                request.respond(400, "Bad Refer-To")
            else:
                request.respond(603)
            return
        if self.running >= self.limit:
            retry_after = self._user_agent.stack.settings.retry_after
            request.respond(503, headers=[("Retry-After", retry_after)])
            return
        request.defer()
        if call is not None and wanted:
            call.receive_referral(referral)
        elif served is None:
            assert call is not None, "somebody may still ask"
            if not call.hold_referral(referral):
                request.respond(603)
        else:
            nursery, handler = served
            self.running += 1
            nursery.start_soon(self._run, referral, handler, name=repr(referral))

    async def _run(self, referral: IncomingReferral, handler: ReferralHandler) -> None:
        status = 603
        try:
            await handler(referral)
        except Exception as error:
            status = 500
            only = single_error(error) if isinstance(error, ExceptionGroup) else error
            # What the far end of the new call has done is no bug of the handler's, and its
            # sender has been told.
            if not isinstance(only, SipError) or isinstance(only, LocalProtocolError):
                self._user_agent.stack.handler_failed(f"the handler of {referral!r}", error)
        finally:
            self.running -= 1
            referral.finish(status)

    @asynccontextmanager
    async def serving(self, handler: ReferralHandler) -> AsyncIterator[None]:
        """Run *handler* for each REFER that comes, as long as the block runs."""
        if self._served is not None:
            raise LocalProtocolError("the REFERs to this user are being served already")
        with unwrapping_single_errors():
            async with trio.open_nursery() as nursery:
                with self._user_agent.stack.registered(self):
                    self._served = nursery, handler
                    try:
                        yield
                    finally:
                        self._served = None
