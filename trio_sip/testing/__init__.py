"""What tests of SIP programs need: the other side, a network with misfortunes, and drawings.

The names are fetched when the first of them is asked for, so that the pytest plugin costs next to
nothing in a run that does not use it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._names import *  # noqa: F403  (the list is in one place)
    from ._names import __all__ as __all__
else:

    def __getattr__(name: str) -> object:
        if name.startswith("_") and name != "__all__":
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
