from __future__ import annotations

import logging
from pathlib import Path

import pytest

from trio_sip.testing import MemoryNetwork

from .pages import LANGUAGES, MIXED_PAGES, PAGES, PYTEST_PAGES, ROOT, blocks_of, run_page

RUNNABLE = [
    page
    for page in PAGES
    if (page in MIXED_PAGES or page not in PYTEST_PAGES)
    and any(one.language in {"python", "toml"} for one in blocks_of(page))
]


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
async def test_a_page_does_what_it_says(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    sip_network: MemoryNetwork,
) -> None:
    # The programs of a page run side by side on one host, as on the reader's.
    host = sip_network.host("localhost")
    monkeypatch.setattr("trio_sip.stack._open.SocketNetwork", lambda: host)
    await run_page(page, tmp_path)

    assert [] == [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert 0 == sip_network.open_sockets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_says_what_it_is(page: Path) -> None:
    assert set() == {block.language for block in blocks_of(page)} - LANGUAGES
