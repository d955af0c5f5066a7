"""For any bytes at all: a description, or `RemoteProtocolError`, and nothing else."""

from __future__ import annotations

import pytest

from tests.sdp.examples import bodies
from tools.fuzz.invariant import read_description
from tools.fuzz.mutate import mutants

BODIES = list(bodies().values())


def test_damaged_descriptions_are_read_or_refused() -> None:
    read = sum(read_description(data) for data in mutants(BODIES, 400, 1))

    # A good part can still be read; otherwise too little would be tested.
    assert 100 < read < 400


@pytest.mark.fuzz
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2, 12))
def test_five_thousand_damaged_descriptions_are_read_or_refused(seed: int) -> None:
    read = sum(read_description(data) for data in mutants(BODIES, 5000, seed))

    assert 1250 < read < 5000


@pytest.mark.fuzz
@pytest.mark.timeout(600)
def test_every_prefix_of_every_stored_description_is_read_or_refused() -> None:
    read = sum(read_description(data[:end]) for data in BODIES for end in range(len(data)))

    assert read > 0
