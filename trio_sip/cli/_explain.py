"""``trio-sip explain``: what went wrong in a capture file, in words."""

from __future__ import annotations

from pathlib import Path

from trio_sip.testing import FindingKind
from trio_sip.testing import explain as explain_wires

from ._capture import read
from ._errors import ExitStatus
from ._text import one_line, without_password

__all__ = ["explain"]


def explain(file: Path, /) -> int:
    """Say what went wrong in a capture file.

    Parameters
    ----------
    file
        A pcap or pcapng file with SIP over UDP or TCP.
    """
    capture = read(file)
    start = capture.wires[0].time
    findings = explain_wires(capture.wires, capture.names)
    for finding in findings:
        first = finding.wires[0].time - start if finding.wires else 0.0
        section = f" [{finding.section}]" if finding.section else ""
        sentence = one_line(without_password(finding.sentence))
        print(f"{first:8.3f}  {finding.kind.value:7}  {sentence}{section}")
    if not findings:
        print("nothing remarkable")
    faults = any(finding.kind is FindingKind.FAULT for finding in findings)
    return ExitStatus.FAILED if faults else ExitStatus.OK
