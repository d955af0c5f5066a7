"""Somebody wants us to go elsewhere: a REFER that came."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from trio_sip._errors import LocalProtocolError, RemoteProtocolError
from trio_sip.dialog import Dialog, DialogId, DialogState
from trio_sip.message import REFER_TO, REFERRED_BY, NameAddr, Replaces, Uri
from trio_sip.stack import AnswerState, IncomingRequest
from trio_sip.subscription import refuses_subscription

from ._dialog_usages import UsedDialog
from ._referral_notifier import ReferralNotifier

if TYPE_CHECKING:
    from ._call import Call
    from ._call_core import Headers
    from ._call_sdp import Sdp
    from ._referral_call import ReferredCall
    from ._user_agent import UserAgent

__all__ = ["IncomingReferral", "ReferralHandler"]


class IncomingReferral:
    """A REFER: given to the handler of `UserAgent.serve_referrals`, or by `Call.referrals`.

    `call` does what it asks for; without it, `accept` and then `notify` until it is done, or
    `reject`.
    """

    __slots__ = (
        "_notifier",
        "_user_agent",
        "method",
        "referred_by",
        "replaces",
        "request",
        "target",
        "within",
    )

    request: IncomingRequest
    """The REFER."""

    within: Call | None
    """The call that it came in; ``None`` if it came outside of calls."""

    target: Uri
    """Where to: the URI of Refer-To, without what is not part of the address."""

    method: str
    """What to send there: INVITE, if nothing else is said."""

    replaces: Replaces | None
    """The dialog at the target that the new call is to take the place of (RFC 3891)."""

    referred_by: NameAddr | None
    """Who sends us, if it says so (RFC 3892)."""

    def __init__(
        self, user_agent: UserAgent, request: IncomingRequest, within: Call | None
    ) -> None:
        """Read a REFER.

        Raises:
          RemoteProtocolError: it does not say where to, or not clearly (RFC 3515 section 2.4.2).
        """
        message = request.message
        if len(message.headers.get_all("Refer-To")) != 1:
            raise RemoteProtocolError("want one Refer-To header")
        refer_to = message.headers.get(REFER_TO)
        assert refer_to is not None, "there is one"
        uri = refer_to.uri
        # "Never act on them blindly": of the headers in the URI only this one is heeded.
        replaces = [value for name, value in uri.headers if name.lower() == "replaces"]
        if len(replaces) > 1:
            raise RemoteProtocolError("Refer-To with more than one Replaces")
        self._user_agent = user_agent
        self._notifier: ReferralNotifier | None = None
        self.request = request
        self.within = within
        self.replaces = Replaces.parse(replaces[0]) if replaces else None
        self.referred_by = message.headers.get(REFERRED_BY)
        self.method = "INVITE"
        target = uri.without_headers()
        if target.is_sip and "method" in target.params:
            self.method = target.params["method"] or "INVITE"
            rest = {name: value for name, value in target.params.items() if name != "method"}
            target = target.replace(params=rest)
        self.target = target

    @property
    def replaced(self) -> Call | None:
        """The call to be replaced, if that is one of ours: then we can connect the two here.

        A switch that both calls go through sees that, when its user has transferred one to the
        other.
        """
        if self.replaces is None:
            return None
        return self._user_agent.calls.find(DialogId.of_replaces(self.replaces))

    # -- what to do about it

    def call(
        self,
        offer: Sdp | None = None,
        *,
        headers: Headers = (),
        redirections: int = 0,
        grace: float = 4.0,
    ) -> ReferredCall:
        """Go there: ``async with referral.call(offer) as call: …``, as `UserAgent.call`.

        Entering the block accepts the REFER, and its sender is told how the call goes: of each
        provisional response, and of the answer or whatever else becomes of it.  What it replaces
        and who has sent us is said in the INVITE.

        Raises:
          LocalProtocolError: it asks for something else than a call.
        """
        from ._referral_call import ReferredCall  # noqa: PLC0415  # which knows this one

        if self.method != "INVITE":
            raise LocalProtocolError(f"the REFER asks for {self.method}, not for a call")
        said: list[tuple[str, object]] = []
        if self.replaces is not None:
            said.append(("Replaces", self.replaces))
        if self.referred_by is not None:
            said.append(("Referred-By", self.referred_by))
        return ReferredCall(
            self,
            self._user_agent.calls,
            offer,
            headers=[*said, *headers],
            redirections=redirections,
            grace=grace,
        )

    def accept(self) -> None:
        """Promise to do it: 202, and the first NOTIFY; unless they want none (RFC 4488).

        Whoever has to ask somebody first had better say this at once, because nobody waits for
        an answer for more than 32 seconds, and ``notify(603)`` later, if need be.

        Raises:
          LocalProtocolError: it has been answered already, or nobody waits for that any more.
        """
        request = self.request
        user_agent = self._user_agent
        message = request.message
        contact = request.local_contact(user_agent.account.contact(request.uri))
        headers: list[tuple[str, object]] = [("Contact", contact)]
        if refuses_subscription(message):
            request.respond(202, headers=[*headers, ("Refer-Sub", "false")])
            return
        if request.dialog is None:
            dialog = Dialog.as_uas(message, request.to_tag)
            user_agent.stack.add_dialog(
                dialog,
                UsedDialog(dialog),
                endpoint=request.endpoint,
                flow=request.direct_flow,
            )
        else:
            dialog = request.dialog.dialog
            if dialog.state is DialogState.TERMINATED:
                # They have hung up meanwhile, and with the call went the way to tell them.
                request.respond(202, headers=[*headers, ("Refer-Sub", "false")])
                return
        request.respond(202, headers=headers)
        self._notifier = ReferralNotifier(
            user_agent.stack,
            dialog,
            message.cseq.number,
            contact,
            user_agent.account.authenticator,
        )
        self._notifier.begin()

    def reject(self, status: int = 603, reason: str | None = None) -> None:
        """Refuse it: 300 to 699.

        Raises:
          LocalProtocolError: it has been answered already, or that is no refusal.
        """
        if not 300 <= status <= 699:
            raise LocalProtocolError(f"reject: {status} is no refusal")
        self.request.respond(status, reason)

    def notify(self, status: int, reason: str | None = None) -> None:
        """Tell how it is going: the status of the response that it has led to.

        A final one is the last word.  Nothing happens if nobody wants to know (any more).

        Raises:
          LocalProtocolError: it has not been accepted.
        """
        if not self.request.is_answered:
            raise LocalProtocolError("the REFER has not been accepted")
        if self._notifier is not None:
            self._notifier.tell(status, reason)

    def finish(self, status: int) -> None:
        """Whoever had it has gone: what has not been said is said with *status*."""
        if self.request.state in (AnswerState.UNANSWERED, AnswerState.DEFERRED):
            self.request.respond(status)
        elif self._notifier is not None:
            self._notifier.tell(status, None)

    def __repr__(self) -> str:
        return f"<IncomingReferral to {self.target}>"


ReferralHandler = Callable[[IncomingReferral], Awaitable[None]]
"""What goes where somebody has sent us, or does not."""
