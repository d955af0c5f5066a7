"""One server for all tests that only need a server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .program import Serving, open_program, open_serve


@pytest.fixture(scope="package")
def server() -> Iterator[Serving]:
    """A server on UDP and TCP whose user alice has the password wonderland."""
    with open_serve(
        "--listen", "udp://127.0.0.1:0", "--listen", "tcp://127.0.0.1:0",
        "--user", "alice:wonderland", "--domain", "127.0.0.1",
    ) as serving:  # fmt: skip
        yield serving


@pytest.fixture(scope="package")
def telephone() -> Iterator[Serving]:
    """A telephone that answers after a moment."""
    with open_program("answer", "--listen", "udp://127.0.0.1:0", "--after", "0.05") as serving:
        yield serving
