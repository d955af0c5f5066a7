"""What a user agent does with REFERs outside of calls, and with those that come."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import trio

from trio_sip.message import NameAddr, Replaces, Response, Uri

from ._account import Account, parse_address
from ._referral import Referral, ReferTarget, follow_referral, refer_headers, refer_to
from ._referral_follower import ReferralFollower
from ._referral_incoming import ReferralHandler
from ._referral_service import TakesReferrals
from ._requests import checked

if TYPE_CHECKING:
    from trio_sip.stack import Stack

    from ._call_service import Calls

__all__ = ["ReferringAgent"]


class ReferringAgent:
    """The part of `UserAgent` that sends others elsewhere and is sent elsewhere."""

    account: Account
    calls: Calls
    stack: Stack

    referrals: TakesReferrals
    """The service that takes REFERs."""

    def refer(
        self,
        who: Uri | str,
        target: ReferTarget,
        *,
        replaces: Replaces | None = None,
        referred_by: NameAddr | str | None = None,
        follow: bool = True,
        headers: Iterable[tuple[str, object]] = (),
        grace: float = 4.0,
    ) -> AbstractAsyncContextManager[Referral]:
        """Ask *who* to call *target*, without being in a call with them.  RFC 3515

        ``async with ua.refer("sip:bob@example.com", "sip:carol@example.com") as referral: …``.
        Arguments as `Call.refer`.

        Raises:
          RequestRejected: they would not.
          AuthenticationRejected: the credentials were refused.
          RequestTimedOut, TransportFailed, NoRoute: nobody answered.
          LocalProtocolError: something in the arguments cannot be.

        Cancellation: nobody is told how it goes any more; it may go on nevertheless.
        """
        account, stack = self.account, self.stack
        uri = account.target(who)
        route = self.calls.route
        contact = account.contact(route[0].uri if route else uri)
        sender = account.from_().with_tag(stack.tokens.tag())
        call_id = stack.tokens.call_id()
        said = refer_headers(
            refer_to(target, replaces),
            account.address if referred_by is None else parse_address(referred_by, None),
            follow=follow,
            headers=tuple(headers),
        )
        follower = ReferralFollower(stack, contact, account.authenticator)

        async def send() -> Response:
            with stack.expecting_dialogs(call_id, sender.tag or "", follower):
                async with stack.open_request(
                    "REFER",
                    uri,
                    from_=sender,
                    headers=[*(("Route", hop) for hop in route), *said],
                    contact=contact,
                    call_id=call_id,
                    credentials=account.authenticator,
                ) as outgoing:
                    follower.refer = outgoing
                    response = checked(await outgoing.final())
                    follower.take_response(response)
                    return response

        return follow_referral(follower, None, send, grace)

    async def serve_referrals(
        self,
        handler: ReferralHandler,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run *handler* for each REFER that comes, within calls and outside, until cancelled.

        It runs in a task of its own, beside the call that the REFER came in: that may end, and
        often does as soon as the new call has been answered.  What the handler has not answered
        when it returns is refused with 603; without anybody who serves them, all are.

        Args:
          handler: called with the `IncomingReferral`.

        Raises:
          LocalProtocolError: the REFERs to this user are being served already.

        Cancellation: the handlers are cancelled, and with them the calls they have made.
        """
        async with self.referrals.serving(handler):
            task_status.started()
            await trio.sleep_forever()
