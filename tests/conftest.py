"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# A busy machine is no reason to fail.  What CI tries is the same each time, so that a failure
# belongs to the change that it is seen with; elsewhere new examples are tried in each run.
settings.register_profile("trio-sip", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("trio-sip")
