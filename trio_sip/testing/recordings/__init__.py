"""What was on the wire, and the forms it is shown in: ladders, drawings, text and captures."""

from ._capture import Capture, read_capture
from ._ladder import ladder
from ._pcapng import write_pcapng
from ._picture import name_of
from ._svg import svg_ladder
from ._trace import trace
from ._wire import Cause, Fate, Label, Wire

__all__ = [
    "Capture",
    "Cause",
    "Fate",
    "Label",
    "Wire",
    "ladder",
    "name_of",
    "read_capture",
    "svg_ladder",
    "trace",
    "write_pcapng",
]
