"""What holds for all tests."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from importlib.metadata import entry_points

import pytest
from hypothesis import settings

# A busy machine is no reason to fail.  What CI tries is the same each time, so that a failure
# belongs to the change that it is seen with; elsewhere new examples are tried in each run.
settings.register_profile("trio-sip", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("trio-sip")

# An environment in which the package was installed before it had a plugin has no entry point.
HAS_ENTRY_POINT = any(one.name == "trio_sip" for one in entry_points(group="pytest11"))
PLUGIN = [] if HAS_ENTRY_POINT else ["trio_sip.testing._pytest_plugin"]
pytest_plugins = ["pytester", *PLUGIN]


def pytest_configure(config: pytest.Config) -> None:
    """Let the programs that tests start compile what they import once, and not each of them."""
    if sys.dont_write_bytecode and sys.pycache_prefix is None:
        folder = tempfile.TemporaryDirectory(prefix="trio-sip-")
        config.add_cleanup(folder.cleanup)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder.name


def pytest_collection_finish() -> None:
    """Keep ten thousand tests, which live until the end, out of every collection of garbage.

    Tests of what is left behind look at all there is, again and again.
    """
    gc.collect()
    gc.freeze()
