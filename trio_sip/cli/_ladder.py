"""``trio-sip ladder``: a capture file as a picture."""

from __future__ import annotations

from pathlib import Path

from trio_sip.testing import Capture, FindingKind, Wire, svg_ladder
from trio_sip.testing import explain as explain_wires
from trio_sip.testing import ladder as text_ladder

from ._capture import read
from ._errors import ExitStatus
from ._text import one_line, printable, without_password

__all__ = ["ladder"]


def ladder(
    file: Path, /, *, unfolded: bool = False, explain: bool = False, svg: bool = False
) -> int:
    """Draw the conversation in a capture file.

    Parameters
    ----------
    file
        A pcap or pcapng file with SIP over UDP or TCP.
    unfolded
        Draw each retransmission instead of telling of it behind the first arrow.
    explain
        Mark the messages that faults are about, and say what they are.
    svg
        Draw SVG instead of text.
    """
    capture = read(file)
    notes = _notes(capture) if explain else {}
    if svg:
        drawing = svg_ladder(capture.wires, capture.names, fold=not unfolded, notes=notes)
        print(drawing, end="")
    else:
        drawing = text_ladder(capture.wires, capture.names, fold=not unfolded, notes=notes)
        print("\n".join(printable(line) for line in drawing.splitlines()))
    return ExitStatus.OK


def _notes(capture: Capture) -> dict[Wire, str]:
    """The faults, each at the last of the messages it is about."""
    notes: dict[Wire, str] = {}
    for finding in explain_wires(capture.wires, capture.names):
        if finding.kind is FindingKind.FAULT and finding.wires:
            last = max(finding.wires, key=lambda wire: wire.time)
            sentence = one_line(without_password(finding.sentence))
            notes[last] = f"{notes[last]}; {sentence}" if last in notes else sentence
    return notes
