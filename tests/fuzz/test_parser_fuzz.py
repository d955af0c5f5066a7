"""For any bytes at all: parsed, or `RemoteProtocolError`, and nothing else.

About ninety seconds of one core.  Run it alone with ``pytest -m fuzz``.  A mutant that fails is
named by its slice of the seeds; make it a test of its own before repairing anything.
"""

from __future__ import annotations

import tracemalloc

import pytest

from tools.fuzz.invariant import read_everything
from tools.fuzz.mutate import corpus, mutants
from trio_sip._errors import RemoteProtocolError
from trio_sip.message import MessageStream, StreamEvent

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(600)]

MESSAGES = corpus()
SLICES = 20


@pytest.mark.parametrize("seed", range(SLICES))
def test_ten_thousand_damaged_messages_are_parsed_or_refused(seed: int) -> None:
    parsed = sum(read_everything(data) for data in mutants(MESSAGES, 10_000, seed))

    # Most damage leaves a message that can be framed; otherwise too little would be tested.
    assert 7000 < parsed < 10_000


@pytest.mark.parametrize("part", range(8))
def test_every_prefix_of_every_stored_message_is_parsed_or_refused(part: int) -> None:
    parsed = sum(
        read_everything(data[:end]) for data in MESSAGES[part::8] for end in range(len(data))
    )

    assert parsed > 0


def test_the_memory_that_damaged_messages_need_is_bounded() -> None:
    for data in mutants(MESSAGES, 200, 99):
        read_everything(data)
    tracemalloc.start()
    try:
        for data in mutants(MESSAGES, 2000, 100):
            read_everything(data)
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 1 << 20
    assert peak < 16 << 20


def test_damaged_streams_give_messages_or_end_and_never_hold_more_than_came() -> None:
    for number, data in enumerate(mutants(MESSAGES, 5000, 101)):
        stream = MessageStream()
        whole = data + MESSAGES[number % len(MESSAGES)]
        try:
            for start in range(0, len(whole), 97):
                stream.receive_data(whole[start : start + 97])
                while stream.next_event() is not StreamEvent.NEED_DATA:
                    assert stream.buffered <= len(whole)
        except RemoteProtocolError:
            continue


def test_the_same_seed_does_the_same_damage() -> None:
    assert list(mutants(MESSAGES, 50, 3)) == list(mutants(MESSAGES, 50, 3))
