"""Call flows as SVG, to stand in a page: its colours are those of the text around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape

from trio_sip.transport import Address

from ._picture import Picture, Row, arrange
from ._wire import Fate, Wire

__all__ = ["svg_ladder"]

_LEFT = 90
_TOP = 46
_ROW = 28
_COLUMN = 220
_CHARACTER = 7.5
_HEAD = 8
_ASIDE = 260

_STYLE = """
.ladder { font: 12px ui-monospace, monospace; }
.ladder text { fill: currentColor; stroke: none; }
.ladder line, .ladder path { stroke: currentColor; fill: none; stroke-width: 1.2; }
.ladder .life { opacity: .3; }
.ladder .quiet { opacity: .65; }
.ladder .lost { color: #d1453b; }
.ladder .lost line { stroke-dasharray: 5 4; }
.ladder .noted { color: #b7791f; font-weight: bold; }
""".strip()


def svg_ladder(
    wires: Iterable[Wire],
    names: Mapping[str | Address, str] | None = None,
    *,
    fold: bool = True,
    notes: Mapping[Wire, str] | None = None,
) -> str:
    """Draw *wires* as an ``<svg>`` element, for a page or a file of its own.

    The arguments are those of `ladder`; retransmissions are folded unless asked otherwise.  It
    shows nothing of a message but its method or status code.
    """
    picture = arrange(wires, names, fold=fold, notes=notes)
    column = _column_width(picture)
    aside = _ASIDE if any(row.again or row.note for row in picture.rows) else 0
    width = round(_LEFT + column * max(len(picture.columns) - 1, 0) + _LEFT + aside)
    height = _TOP + _ROW * (len(picture.rows) + 1)
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" class="ladder" role="img"',
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
            f"<style>{_STYLE}</style>",
            f"<title>Call flow: {_text(', '.join(picture.columns))}</title>",
            *_lifelines(picture, column, height),
            *(
                line
                for number, row in enumerate(picture.rows)
                for line in _arrow(row, number, column, len(picture.columns))
            ),
            "</svg>",
            "",
        ]
    )


def _column_width(picture: Picture) -> float:
    texts = [row.text for row in picture.rows] + list(picture.columns)
    return max(_COLUMN, *(len(text) * _CHARACTER + 40 for text in texts)) if texts else _COLUMN


def _text(text: str) -> str:
    # A name may come from anywhere, and XML has no place at all for control characters.
    return escape("".join(one if one.isprintable() else "?" for one in text), {'"': "&quot;"})


def _lifelines(picture: Picture, column: float, height: int) -> Iterator[str]:
    for number, name in enumerate(picture.columns):
        x = _LEFT + number * column
        yield f'<text x="{x:g}" y="20" text-anchor="middle">{_text(name)}</text>'
        yield f'<line class="life" x1="{x:g}" y1="28" x2="{x:g}" y2="{height - 10}"/>'


def _arrow(row: Row, number: int, column: float, columns: int) -> Iterator[str]:
    y = _TOP + number * _ROW + _ROW / 2
    start, end = _LEFT + row.source * column, _LEFT + row.destination * column
    kinds = [
        kind
        for kind, there in (("lost", row.fate is Fate.LOST), ("noted", row.note is not None))
        if there
    ]
    yield f'<g class="{" ".join(["arrow", *kinds])}">'
    yield f'<text class="quiet" x="8" y="{y + 4:g}">{row.time:.3f}</text>'
    if row.source == row.destination:
        yield f'<path d="M{start:g} {y - 6:g} h30 v12 h-30"/>'
        yield f'<text x="{start + 36:g}" y="{y + 4:g}">{_text(row.text)}</text>'
    else:
        yield f'<line x1="{start:g}" y1="{y:g}" x2="{end:g}" y2="{y:g}"/>'
        yield _head(end, y, -_HEAD if end > start else _HEAD, row.fate)
        middle = (start + end) / 2
        yield f'<text x="{middle:g}" y="{y - 5:g}" text-anchor="middle">{_text(row.text)}</text>'
    aside = _aside(row)
    if aside:
        x = _LEFT + (columns - 1) * column + 14
        yield f'<text x="{x:g}" y="{y + 4:g}">{_text(aside)}</text>'
    yield "</g>"


def _head(x: float, y: float, back: int, fate: Fate) -> str:
    if fate is Fate.LOST:
        x += back
        return f'<path d="M{x - 5:g} {y - 5:g} l10 10 m0 -10 l-10 10"/>'
    return f'<path d="M{x + back:g} {y - 5:g} L{x:g} {y:g} L{x + back:g} {y + 5:g}"/>'


def _aside(row: Row) -> str:
    words = [row.note] if row.note else []
    if row.again:
        words.append(f"sent {len(row.again) + 1} times, last at {row.again[-1][0]:.3f}")
    return "; ".join(words)
