"""Our scenarios by themselves: who calls, and who answers.

SIPp against SIPp, and each side run by our own program.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .sipp import Calls, Runner, open_answering, open_calling

pytestmark = pytest.mark.interop

KEYS = (
    "-key", "challenge", 'realm="here", nonce="dcd98b7102dd2f0e", qop="auth", algorithm=MD5',
    "-key", "refer_to", "sip:carol@192.0.2.1",
)  # fmt: skip
ROW = "alice;[authentication username=alice password=wonderland]"


@pytest.mark.parametrize(
    ("caller", "callee"),
    [
        ("call_auth", "answer_401"),
        ("call_auth", "answer_407"),
        ("call_cancel", "answer_cancel"),
        ("call_held", "answer_hold"),
        ("call_hold", "answer_held"),
        ("call_late", "answer_late"),
        ("call_refer", "answer_referred"),
        ("call_referred", "answer_refer"),
        ("call_update", "answer_updated"),
        ("call_updated", "answer_update"),
    ],
)
@pytest.mark.parametrize(
    ("calls", "answers"),
    [
        (Runner.SIPP, Runner.SIPP),
        (Runner.OURS, Runner.SIPP),
        (Runner.SIPP, Runner.OURS),
        (Runner.OURS, Runner.OURS),
    ],
    ids=lambda one: one.name.lower(),
)
def test_a_scenario_of_a_caller_fits_one_of_a_callee(
    caller: str, callee: str, calls: Runner, answers: Runner, tmp_path: Path
) -> None:
    with (
        open_answering(tmp_path / "callee", callee, *KEYS, runner=answers) as (answering, address),
        open_calling(tmp_path / "caller", caller, address, [ROW], *KEYS, runner=calls) as calling,
    ):
        called = calling.wait()
        answered = answering.wait()

    assert Calls.all_well(1) == called
    assert Calls.all_well(1) == answered


def test_the_scenario_of_a_caller_who_loses_acks_sees_the_200_of_sipp_three_times(
    runner: Runner, tmp_path: Path
) -> None:
    with (
        open_answering(tmp_path / "callee", "uas") as (_, address),
        open_calling(
            tmp_path / "caller", "call_lost_ack", address, ["-"], "-nr", runner=runner
        ) as calling,
    ):
        called = calling.wait()

    assert Calls.all_well(1) == called
    assert {"first", "second", "third"} == calling.logged().keys()
    assert 1 == len(set(calling.logged().values()))
