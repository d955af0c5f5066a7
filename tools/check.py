"""Everything that must hold before a commit, in one command.

    python -m tools.check             # all of it
    python -m tools.check --quick     # all but the tests
    python -m tools.check lint types  # these only

Each check runs to its end, whatever the others say; the exit status is 1 if one has failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tools import (
    call_flows,
    draw_state_machines,
    fill_in_ladders,
    fill_in_reports,
    other_systems,
    torture_table,
)

ROOT = Path(__file__).parent.parent
_BIN = Path(sys.executable).parent
_COMPLETE = "Type completeness score: 100%"

# The tools are those of this environment, activated or not; pyright looks for packages there.
_ENVIRONMENT = {
    **os.environ,
    "PATH": os.pathsep.join([str(_BIN), os.environ.get("PATH", os.defpath)]),
    "VIRTUAL_ENV": sys.prefix,
}


class CheckFailed(Exception):
    """A check has failed; the text is what there is to see."""


def _run(*command: str, folder: Path | str = ROOT) -> str:
    done = subprocess.run(
        [str(_BIN / command[0]), *command[1:]],
        cwd=folder,
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        raise CheckFailed(f"$ {' '.join(command[:6])}\n{done.stdout}")
    return done.stdout


def _asynchronous(*folders: str) -> Iterator[str]:
    """The modules that have anything to do with it: flake8-async takes its time for each."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "async " in path.read_text(encoding="utf-8"):
                yield str(path)


def check_format() -> None:
    """Ruff has nothing to reformat."""
    _run("ruff", "format", "--check", "--quiet")


def check_lint() -> None:
    """Ruff has nothing to say."""
    _run("ruff", "check", "--output-format", "concise")


def check_async() -> None:
    """flake8-async neither, about the package."""
    # 102 does not see that what is awaited in a ``finally`` shields itself, and 103 and 104 not
    # that the command line turns every end into an exit status; 114 and 123 are about style.
    _run(
        "flake8-async",
        "--enable=ASYNC",
        "--disable=ASYNC102,ASYNC103,ASYNC104,ASYNC114,ASYNC123,ASYNC9",
        *_asynchronous("trio_sip", "tools"),
    )


def check_imports() -> None:
    """Dependencies go downwards, and through the front doors."""
    _run("lint-imports", "--no-cache")


def check_types() -> None:
    """mypy has nothing to say about package, tests and tools."""
    _run("mypy", "--no-error-summary")


def check_public_types() -> None:
    """A type checker knows the type of whatever is public without guessing."""
    with tempfile.TemporaryDirectory() as elsewhere:
        # From another folder, so that the package is found as its users find it.
        command = ("pyright", "--ignoreexternal", "--verifytypes", "trio_sip")
        said = _run(*command, folder=elsewhere)
    if _COMPLETE not in said:
        raise CheckFailed(said)


def check_docs() -> None:
    """The documentation builds without a warning."""
    with tempfile.TemporaryDirectory() as output:
        _run("sphinx-build", "-W", "-n", "-q", "--keep-going", "docs", output)


def check_generated() -> None:
    """What is generated and committed is what would be generated now."""
    stale = {str(path): "draw_state_machines" for path in draw_state_machines.stale()}
    stale |= {str(path): "fill_in_ladders" for path in fill_in_ladders.stale()}
    stale |= {str(path): "fill_in_reports" for path in fill_in_reports.stale()}
    for tool in (torture_table, call_flows, other_systems):
        if tool.page() != tool.PAGE.read_text(encoding="utf-8"):
            stale[str(tool.PAGE)] = tool.__name__.rpartition(".")[2]
    if stale:
        lines = [f"{path} is stale: run python -m tools.{name}" for path, name in stale.items()]
        raise CheckFailed("\n".join(lines))


def check_tests() -> None:
    """pytest passes."""
    _run("pytest")


CHECKS: dict[str, Callable[[], None]] = {
    "format": check_format,
    "lint": check_lint,
    "async": check_async,
    "imports": check_imports,
    "types": check_types,
    "public-types": check_public_types,
    "generated": check_generated,
    "docs": check_docs,
    "tests": check_tests,
}


def main(arguments: list[str]) -> int:
    names = [name for name in CHECKS if name != "tests"] if arguments == ["--quick"] else arguments
    if not set(names) <= set(CHECKS):
        print(f"{__doc__}\nThere are: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    failed = [name for name in names or CHECKS if not _passes(name)]
    print(f"failed: {', '.join(failed)}" if failed else "all is well")
    return 1 if failed else 0


def _passes(name: str) -> bool:
    print(f"{name:.<16}", end="", flush=True)
    since = time.monotonic()
    fault = ""
    try:
        CHECKS[name]()
    except CheckFailed as error:
        fault = str(error).rstrip() + "\n"
    except OSError as error:
        fault = f"{error}\n"
    print(f"{'FAILED' if fault else 'ok':.<8}{time.monotonic() - since:5.1f} s\n{fault}", end="")
    return not fault


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
