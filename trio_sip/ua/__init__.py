"""The user agent: somebody with an address, as blocks and one-liners.

`open_user_agent` runs one, on a stack of its own or on yours.
"""

from ._account import Account
from ._user_agent import UserAgent, open_user_agent

__all__ = ["Account", "UserAgent", "open_user_agent"]
