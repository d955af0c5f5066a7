"""Servers with many users, a place for what programs write, and what runs SIPp's scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from .sipp import Runner
from .subscribers import COUNT, Subscriber


@pytest.fixture(scope="session")
def subscribers() -> list[Subscriber]:
    """A thousand users."""
    return [Subscriber(f"user{number}", f"secret{number}") for number in range(COUNT)]


@pytest.fixture
def config(tmp_path: Path, subscribers: list[Subscriber]) -> Path:
    """A configuration file in which they all have their passwords."""
    path = tmp_path / "server.toml"
    lines = [f'{one.name} = "{one.password}"\n' for one in subscribers]
    path.write_text("".join(["[users]\n", *lines]))
    return path


@pytest.fixture(params=Runner, ids=lambda one: one.name.lower())
def runner(request: pytest.FixtureRequest) -> Runner:
    """SIPp, and then our own program: the scenarios must end alike."""
    chosen: Runner = request.param
    return chosen
