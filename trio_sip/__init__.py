"""SIP, written the way h11 is written, run the way trio runs.

These are the names most programs need.  The packages below have the rest, each with a door of
its own: `trio_sip.message`, `trio_sip.sdp`, `trio_sip.auth`, `trio_sip.work`,
`trio_sip.transport`, `trio_sip.transaction`, `trio_sip.dialog`, `trio_sip.registration`,
`trio_sip.stack`, `trio_sip.services` and `trio_sip.testing`.

The names are in ``_names.py`` and are fetched when the first of them is asked for: who wants one
package of the protocol core, or has the pytest plugin installed and no test that uses it, does
not pay for the rest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._names import *  # noqa: F403  (the list is in one place)
    from ._names import __all__ as __all__
else:

    def __getattr__(name: str) -> object:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Not ``from . import``, which would ask this very function.
        names = importlib.import_module(f"{__name__}._names")
        globals().update({one: getattr(names, one) for one in names.__all__})
        globals()["__all__"] = names.__all__
        if name not in globals():
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return globals()[name]

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
