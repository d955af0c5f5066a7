"""How many files, and with them connections, this process may have open."""

from __future__ import annotations

import logging
from collections.abc import Callable

__all__ = ["raise_file_limit"]

_logger = logging.getLogger("trio_sip.cli")

SetLimit = Callable[[int, tuple[int, int]], object]


def raise_file_limit(set_limit: SetLimit | None = None) -> None:
    """Raise the soft limit of open files to the hard one, as servers do.

    The soft limit is low for the sake of programs that use ``select``.  A program may choose to
    raise its own; a library would do so for everything else in its process.  What cannot be done
    is logged.

    Args:
      set_limit: instead of `resource.setrlimit`.
    """
    try:
        import resource  # noqa: PLC0415  # there is none on Windows, and no such limit
    except ImportError:
        return
    set_limit = resource.setrlimit if set_limit is None else set_limit
    files = resource.RLIMIT_NOFILE
    soft, hard = resource.getrlimit(files)
    if soft == hard:
        return
    try:
        set_limit(files, (hard, hard))
    except (OSError, ValueError) as error:
        # On macOS the hard one may be infinite in name, and another one in fact.
        _logger.warning(
            "only %d files may be open, which is the most connections there can be; "
            "the limit cannot be raised: %s",
            soft,
            error,
        )
