"""The table of figures: with rich where it is installed, in plain text where it is not."""

from __future__ import annotations

from collections.abc import Sequence

from ._figure import Figure

__all__ = ["print_figures", "to_rows"]

_TITLES = ("part", "what", "measured", "× floor", "on the scale", "note")
_NUMERIC = slice(2, 5)


def _number(value: float | None) -> str:
    if value is None:
        return "—"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 1 else f"{value:,.1f}"


def to_rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """The cells of the table, one tuple a figure, in the order of the titles."""
    return [
        (
            figure.part,
            figure.name,
            f"{_number(figure.value)} {figure.unit}".rstrip(),
            "" if figure.to_floor is None else _number(figure.to_floor),
            "" if figure.on_the_scale is None else f"{_number(figure.on_the_scale)} {figure.unit}",
            figure.note,
        )
        for figure in figures
    ]


def print_figures(figures: Sequence[Figure]) -> None:
    """Print them all on standard output."""
    rows = to_rows(figures)
    try:
        from rich.console import Console  # noqa: PLC0415 - it may be missing
        from rich.table import Table  # noqa: PLC0415 - likewise
    except ImportError:
        _print_plain(rows)
        return
    table = Table()
    for number, title in enumerate(_TITLES):
        justify = "right" if number in range(*_NUMERIC.indices(len(_TITLES))) else "left"
        table.add_column(title, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*row)
    # A file has no width, and notes are long.
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)


def _print_plain(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(_TITLES, *rows, strict=True)]
    for row in (_TITLES, *rows):
        cells = [
            cell.rjust(width) if number in (2, 3, 4) else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
