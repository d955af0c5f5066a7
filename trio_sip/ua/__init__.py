"""The user agent: somebody with an address, as blocks and one-liners.

`open_user_agent` runs one, on a stack of its own or on yours.  A `Registration` lasts as long as
the block that `UserAgent.register` opens.
"""

from ._account import Account, AnswersFor
from ._call import Call, Change, RequestHandler
from ._call_changes import Answer
from ._call_fork import Fork
from ._call_incoming import IncomingCall
from ._call_outgoing import OutgoingCall
from ._call_progress import Progress
from ._call_requests import Info
from ._call_sdp import Sdp
from ._call_service import CallHandler, Calls
from ._call_supplement import CallSupplement
from ._notifications import NotificationHandler
from ._open import open_user_agent
from ._referral import Referral, ReferTarget
from ._referral_call import ReferredCall
from ._referral_incoming import IncomingReferral, ReferralHandler
from ._registration import Registration
from ._subscription import Subscription
from ._subscription_driver import Notification
from ._subscription_incoming import IncomingSubscription
from ._user_agent import UserAgent

__all__ = [
    "Account",
    "Answer",
    "AnswersFor",
    "Call",
    "CallHandler",
    "CallSupplement",
    "Calls",
    "Change",
    "Fork",
    "IncomingCall",
    "IncomingReferral",
    "IncomingSubscription",
    "Info",
    "Notification",
    "NotificationHandler",
    "OutgoingCall",
    "Progress",
    "ReferTarget",
    "Referral",
    "ReferralHandler",
    "ReferredCall",
    "Registration",
    "RequestHandler",
    "Sdp",
    "Subscription",
    "UserAgent",
    "open_user_agent",
]
