"""The figures in the documentation show the tables that run."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools import draw_state_machines
from tools.draw_state_machines import Machine
from trio_sip import session, transaction

machines = pytest.mark.parametrize(
    "machine", [*transaction.MACHINES, *session.MACHINES], ids=lambda machine: machine.name
)


def test_the_committed_figures_are_drawn_from_the_tables_as_they_are() -> None:
    assert [] == draw_state_machines.stale(), "run python -m tools.draw_state_machines"


@machines
def test_a_figure_shows_every_state_and_every_step(machine: Machine) -> None:
    root = ET.fromstring(draw_state_machines.draw(machine))
    texts = ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]

    assert {state.value for state in machine.states()} <= set(texts)
    for (_, on), (_, *actions) in machine.steps.items():
        label = " / ".join(
            [on.value, ", ".join(do.value for do in actions)] if actions else [on.value]
        )
        assert label in texts


def test_checking_says_which_figure_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(draw_state_machines, "FOLDER", tmp_path)

    assert 1 == draw_state_machines.main(["--check"])
    assert "invite-client.svg" in capsys.readouterr().out
    assert 0 == draw_state_machines.main([])
    assert 0 == draw_state_machines.main(["--check"])
    assert 2 == draw_state_machines.main(["--chekc"])
