"""What RFC 3261 and its like demand of whoever answers, as tests to aim at any system.

::

    pytest --pyargs trio_sip.testing.suite --sip-target udp:127.0.0.1:5060

Without a target they are aimed at a user agent and a registrar of this package, in the simulator.
What a target cannot do is skipped, and the reason says what was missing.
"""

from ._torture import Case, cases

__all__ = ["Case", "cases"]
