"""The telephones by themselves: what does not work among them, we cannot be blamed for."""

from __future__ import annotations

from pathlib import Path

import pytest

from .baresip import open_baresip
from .linphone import open_linphone
from .sipp import Calls, call

pytestmark = pytest.mark.interop


def test_baresip_and_linphone_call_each_other(tmp_path: Path) -> None:
    with open_baresip(tmp_path / "b") as baresip, open_linphone(tmp_path / "l") as linphone:
        baresip.dial(f"sip:carol@{linphone.address}")
        linphone.wait_for("Media streams established")
        baresip.wait_for_event("CALL_ESTABLISHED")
        baresip.hang_up()
        linphone.wait_for("ended (")

        linphone.dial(f"sip:alice@{baresip.address}")
        baresip.wait_for_event("CALL_ESTABLISHED")
        linphone.wait_for("Media streams established")
        linphone.hang_up()
        baresip.wait_for_event("CALL_CLOSED")

        assert 0 == linphone.end()
        assert 0 == baresip.running.end()


def test_sipp_calls_baresip(tmp_path: Path) -> None:
    with open_baresip(tmp_path / "phone") as baresip:
        calls = call(
            tmp_path / "sipp", "uac", baresip.address, ["-"] * 2, "-s", "alice", "-d", "50"
        )

    assert Calls.all_well(2) == calls


def test_sipp_calls_linphone(tmp_path: Path) -> None:
    with open_linphone(tmp_path / "phone") as linphone:
        calls = call(tmp_path / "sipp", "uac", linphone.address, ["-"], "-s", "carol", "-d", "50")

    assert Calls.all_well(1) == calls
