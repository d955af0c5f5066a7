"""SIP, written the way h11 is written, run the way trio runs.

These are the names most programs need.  The packages below have the rest, each with a door of
its own: `trio_sip.message`, `trio_sip.sdp`, `trio_sip.auth`, `trio_sip.work`,
`trio_sip.transport`, `trio_sip.transaction`, `trio_sip.dialog`, `trio_sip.session`,
`trio_sip.subscription`, `trio_sip.registration`, `trio_sip.stack`, `trio_sip.services`,
`trio_sip.ua` and `trio_sip.testing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._names import *  # noqa: F403
    from ._names import __all__ as __all__
else:
    # Loaded when the first of them is asked for.  Who wants a pure package alone gets it without
    # trio, and the command line can end in order while the rest is still on its way.

    def __getattr__(name: str) -> object:
        if name.startswith("_") and name != "__all__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415

        names = import_module(f"{__name__}._names")
        globals().update({one: getattr(names, one) for one in ("__all__", *names.__all__)})
        if name in globals():
            return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__getattr__("__all__")})
