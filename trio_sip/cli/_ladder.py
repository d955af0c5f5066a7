"""``trio-sip ladder``: a capture file as a picture."""

from __future__ import annotations

from pathlib import Path

from trio_sip.testing import ladder as text_ladder
from trio_sip.testing import svg_ladder

from ._capture import read
from ._errors import ExitStatus
from ._text import printable

__all__ = ["ladder"]


def ladder(file: Path, /, *, unfolded: bool = False, svg: bool = False) -> int:
    """Draw the conversation in a capture file.

    Parameters
    ----------
    file
        A pcap or pcapng file with SIP over UDP or TCP.
    unfolded
        Draw each retransmission instead of telling of it behind the first arrow.
    svg
        Draw SVG instead of text.
    """
    capture = read(file)
    if svg:
        print(svg_ladder(capture.wires, capture.names, fold=not unfolded), end="")
    else:
        drawing = text_ladder(capture.wires, capture.names, fold=not unfolded)
        print("\n".join(printable(line) for line in drawing.splitlines()))
    return ExitStatus.OK
