"""The table of defects fits the package, and names nothing that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

import trio_sip
from tools.defects import DEFECTS, Defect
from tools.defects.scenes import SCENES, findings

PACKAGE = Path(trio_sip.__file__).parent


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda one: one.name)
def test_a_defect_can_be_put_where_it_belongs(defect: Defect) -> None:
    text = (PACKAGE / defect.file).read_text(encoding="utf-8")

    assert 1 == text.count(defect.old)
    assert defect.new != defect.old
    assert defect.scene in SCENES


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_without_a_defect_names_none(scene: str) -> None:
    found = [line.partition("\t") for line in findings(scene)]
    named = [
        defect.name
        for defect in DEFECTS
        for rule, _, sentence in found
        if (defect.scene, defect.rule) == (scene, rule) and defect.word in sentence
    ]

    assert [] == named


def test_there_are_twenty_of_them_at_least() -> None:
    assert len(DEFECTS) >= 20
    assert len(DEFECTS) == len({one.name for one in DEFECTS})
