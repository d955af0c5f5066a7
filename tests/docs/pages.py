"""Reads the pages of the documentation and runs what is in them.

A page is one program: its ``python`` blocks run in order, in one namespace, and may await.  What
they print must be what the next ``output`` block says.  A ``trio.run(main)`` starts *main* beside
the page and waits for its end or for a minute, so a server goes on while its client is tried.  A
minute costs nothing: the clock is virtual and the network is in memory.  Set-up and checks that
readers need not see are comments: ``<!-- python`` … ``-->``.

A page of tests is a program for pytest instead.  In a page of both kinds, those blocks are that
program that have tests in them.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import re
import types
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import trio

from trio_sip.cli._config_file import read_config

__all__ = [
    "LANGUAGES",
    "MIXED_PAGES",
    "PAGES",
    "PYTEST_PAGES",
    "ROOT",
    "blocks_of",
    "pytest_blocks_of",
    "run_page",
]

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LANGUAGES = frozenset({"python", "output", "toml", "console", "text", "ini"})
"""What a block may say it is.  The last three are shown only."""

_TEST = re.compile(r"^(async )?def test_", re.MULTILINE)
PYTEST_PAGES = [page for page in PAGES if _TEST.search(page.read_text("utf-8"))]
"""Those with tests."""

MIXED_PAGES = [ROOT / "README.md", ROOT / "docs" / "index.md"]
"""Those with tests and with other programs."""

_BLOCK = re.compile(
    r"^```(?P<language>[^\n]*)\n(?P<shown>.*?)^```$|^<!-- python\n(?P<hidden>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
_PATIENCE = 60.0


@attrs.frozen(kw_only=True)
class Block:
    """A fenced block, or a hidden one."""

    language: str
    text: str
    line: int
    """Where its first line stands in the page."""


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of *page* in order; directives, in braces, are none."""
    text = page.read_text("utf-8")
    for match in _BLOCK.finditer(text):
        hidden = match["hidden"] is not None
        if not hidden and match["language"].startswith("{"):
            continue
        yield Block(
            language="python" if hidden else match["language"],
            text=match["hidden"] if hidden else match["shown"],
            line=text.count("\n", 0, match.start()) + 2,
        )


def pytest_blocks_of(page: Path) -> list[Block]:
    """The blocks of *page* that are pytest's: its program, and what it is to say of it."""
    blocks = list(blocks_of(page))
    if page not in MIXED_PAGES:
        return blocks
    first = next(place for place, block in enumerate(blocks) if _TEST.search(block.text))
    return [
        block
        for block in blocks[first:]
        if block.language == "text" or (block.language == "python" and _TEST.search(block.text))
    ]


async def run_page(page: Path, scratch: Path) -> None:
    """Run everything in *page*; AssertionError where it does not do what it says."""
    printed = io.StringIO()
    async with trio.open_nursery() as nursery:
        names: dict[str, Any] = {
            "__name__": "__page__",
            "__file__": str(page),
            "_start": _Starter(nursery).start,
        }
        with contextlib.redirect_stdout(printed):
            for block in blocks_of(page):
                if block.language == "python" and not _TEST.search(block.text):
                    await _run(block, page, names)
                elif block.language == "output":
                    found = printed.getvalue()
                    assert block.text == found, f"{page}:{block.line} printed\n{found}"
                    printed.truncate(printed.seek(0))
                elif block.language == "toml":
                    file = scratch / "config.toml"
                    file.write_text(block.text, "utf-8")
                    read_config(str(file))
        nursery.cancel_scope.cancel()


class _Starter:
    """What ``trio.run`` means within a page."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery

    async def start(
        self, main: Callable[..., Awaitable[object]], *args: object, clock: object = None
    ) -> None:
        ended = trio.Event()

        async def program() -> None:
            await main(*args)
            ended.set()

        self._nursery.start_soon(program)
        with trio.move_on_after(_PATIENCE):
            await ended.wait()


# Any: whatever the pages define.
async def _run(block: Block, page: Path, names: dict[str, Any]) -> None:
    tree = _StartInstead().visit(ast.parse("\n" * (block.line - 1) + block.text, str(page)))
    ast.fix_missing_locations(tree)
    code = compile(tree, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    result = types.FunctionType(code, names)()
    if inspect.isawaitable(result):
        await result


class _StartInstead(ast.NodeTransformer):
    """``trio.run(…)`` → ``await _start(…)``, for we are inside of one already."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        call = node.value
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "trio.run":
            call.func = ast.copy_location(ast.Name("_start", ast.Load()), call.func)
            node.value = ast.copy_location(ast.Await(call), call)
        return node
