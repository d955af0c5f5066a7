"""``trio-sip ladder`` and ``trio-sip explain``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.testing.flows import NAMES, Flow, call
from trio_sip.cli import main
from trio_sip.testing import write_pcapng


def capture(folder: Path, flow: Flow) -> str:
    path = folder / "call.pcapng"
    write_pcapng(path, flow.wires(), NAMES)
    return str(path)


def test_a_capture_is_drawn_with_the_names_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = call()
    flow.repeat("BYE", 5.5)
    status = main(["ladder", capture(tmp_path, flow)])
    lines = capsys.readouterr().out.splitlines()

    assert 0 == status
    assert ["alice", "bob"] == lines[0].split()
    assert lines[5].endswith("-BYE---------->|  again at 5.500")
    assert 7 == len(lines)


def test_each_retransmission_is_drawn_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = call()
    flow.repeat("BYE", 5.5)
    main(["ladder", capture(tmp_path, flow), "--unfolded"])
    assert 8 == len(capsys.readouterr().out.splitlines())
    main(["ladder", capture(tmp_path, flow), "--svg"])

    assert capsys.readouterr().out.startswith("<svg ")


def test_faults_are_marked_in_the_drawing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = call()
    flow.edit("BYE", "tag=b", "tag=x")
    main(["ladder", capture(tmp_path, flow), "--explain"])
    lines = capsys.readouterr().out.splitlines()

    assert "   5.000 !|-----------BYE---------->|  alice's BYE has the To tag x" in lines[5]
    assert [5] == [number for number, line in enumerate(lines) if "!" in line]


def test_a_fault_is_told_and_is_the_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow = call()
    assert 0 == main(["explain", capture(tmp_path, flow)])
    assert "nothing remarkable\n" == capsys.readouterr().out
    flow.edit("BYE", "tag=b", "tag=x")

    assert 1 == main(["explain", capture(tmp_path, flow)])
    assert (
        "   0.020  fault    alice's BYE has the To tag x, but the dialog's is b"
        " [RFC 3261 section 12.2.1.1]\n"
    ) == capsys.readouterr().out.splitlines(keepends=True)[0]


def test_what_is_no_capture_or_has_no_sip_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.pcap"
    path.write_bytes(b"hello")
    assert 2 == main(["explain", str(path)])
    assert "neither a pcap nor a pcapng file" in capsys.readouterr().err
    path.write_bytes(b"\xd4\xc3\xb2\xa1" + bytes(16) + b"\x65\0\0\0" + bytes(12) + b"\1\0\0\0?")

    assert 2 == main(["ladder", str(tmp_path / "none")])
    assert 1 == main(["ladder", str(path)])
    assert "no SIP over UDP or TCP" in capsys.readouterr().err
