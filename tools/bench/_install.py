"""Other stacks, installed on request only, in an environment in the user's cache directory."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["PeerMissing", "install_peer"]

_LONGEST_INSTALL = 300.0


class PeerMissing(Exception):
    """A peer cannot be installed; the text says why."""


def install_peer(requirement: str) -> Path:
    """The interpreter that has the package.

    Raises:
      PeerMissing: there is no such package, or no environment.
    """
    try:
        python = _environment()
    except (OSError, subprocess.CalledProcessError) as error:
        raise PeerMissing(str(error)) from error
    if error_text := _failure([str(python), "-m", "pip", "install", "--quiet", requirement]):
        raise PeerMissing(error_text)
    return python


def _environment() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache / "trio-sip-bench" / f"peers-{version}"
    if not (folder / "bin" / "python").exists():
        venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def _failure(command: list[str]) -> str:
    """Why a command failed, in its own last words; empty when it did not."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LONGEST_INSTALL, check=False
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {_LONGEST_INSTALL:.0f} s"
    if done.returncode == 0:
        return ""
    return done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
