"""Our scenarios by themselves, SIPp against SIPp: who calls, and who answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from .sipp import Calls, open_answering, open_calling

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
def test_a_scenario_of_a_caller_fits_one_of_a_callee(
    caller: str, callee: str, tmp_path: Path
) -> None:
    with (
        open_answering(tmp_path / "callee", callee, *KEYS) as (answering, address),
        open_calling(tmp_path / "caller", caller, address, [ROW], *KEYS) as calling,
    ):
        called = calling.wait()
        answered = answering.wait()

    assert Calls.all_well(1) == called
    assert Calls.all_well(1) == answered


def test_the_scenario_of_a_caller_who_loses_acks_sees_the_200_of_sipp_three_times(
    tmp_path: Path,
) -> None:
    with (
        open_answering(tmp_path / "callee", "uas") as (_, address),
        open_calling(tmp_path / "caller", "call_lost_ack", address, ["-"], "-nr") as calling,
    ):
        called = calling.wait()

    assert Calls.all_well(1) == called
    assert {"first", "second", "third"} == calling.logged().keys()
    assert 1 == len(set(calling.logged().values()))
