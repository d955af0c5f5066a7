"""The user agent: somebody with an address, as blocks and one-liners.

`open_user_agent` runs one, on a stack of its own or on yours.  A `Registration` lasts as long as
the block that `UserAgent.register` opens.
"""

from ._account import Account
from ._registration import Registration
from ._user_agent import UserAgent, open_user_agent

__all__ = ["Account", "Registration", "UserAgent", "open_user_agent"]
