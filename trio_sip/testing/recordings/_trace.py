"""A conversation as text, message for message, without its secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from trio_sip.transport import Address

from ._masking import masked
from ._picture import fate_text, name_of
from ._wire import Wire

__all__ = ["trace"]

_SHOWN_BYTES = 65536


def trace(wires: Iterable[Wire], names: Mapping[str | Address, str] | None = None) -> str:
    """Write out what was sent: times, ends, and every message as it stood.

    Secrets are rows of ``x``, and control characters are written as escapes.  The same *wires*
    give the same text, so that two runs can be compared with it.

    Args:
      names: what to call an `Address`, or all ports of a host, as for `ladder`.
    """
    return "\n".join(line for wire in _relative(wires) for line in _block(*wire, names or {}))


def _relative(wires: Iterable[Wire]) -> Iterator[tuple[float, Wire]]:
    start: float | None = None
    for wire in wires:
        start = wire.time if start is None else start
        yield wire.time - start, wire


def _block(time: float, wire: Wire, names: Mapping[str | Address, str]) -> Iterator[str]:
    source, destination = (_end(one, names) for one in (wire.source, wire.destination))
    why = f" {wire.cause.value}" if wire.cause is not None else ""
    yield (
        f"-- {time:.6f} {source} > {destination} {wire.transport} "
        f"{len(wire.data)} bytes{fate_text(wire)}{why}"
    )
    text = masked(wire.data[:_SHOWN_BYTES]).decode("utf-8", "backslashreplace")
    for line in text.rstrip("\r\n").replace("\r\n", "\n").split("\n"):
        # Another dash in front of what could be taken for a beginning.
        yield ("-" if line.startswith("--") else "") + _printable(line)
    yield ""


def _end(address: Address, names: Mapping[str | Address, str]) -> str:
    name = name_of(address, names)
    return name if name == str(address) else f"{name} {address}"


def _printable(line: str) -> str:
    return "".join(
        one if one.isprintable() or one == "\t" else one.encode("unicode_escape").decode()
        for one in line
    )
