"""The user agent: somebody with an address, as blocks and one-liners.

`open_user_agent` runs one, on a stack of its own or on yours.  A `Registration` or a
`Subscription` lasts as long as the block that `UserAgent.register` or `UserAgent.subscribe`
opens.
"""

from ._account import Account
from ._registration import Registration
from ._subscription import Subscription
from ._subscription_driver import Notification
from ._subscription_incoming import IncomingSubscription
from ._user_agent import UserAgent, open_user_agent

__all__ = [
    "Account",
    "IncomingSubscription",
    "Notification",
    "Registration",
    "Subscription",
    "UserAgent",
    "open_user_agent",
]
