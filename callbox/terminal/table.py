"""A table as aligned lines, for thousands of rows: rich's own table takes seconds for 5,000 of them."""

from collections.abc import Collection, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size

_GAP: Final = "  "
_NARROWEST: Final = 8  # columns of the terminal that a shortened column keeps


def aligned(
    rows: Sequence[Sequence[str]], *, width: int | None = None, flexible: Collection[int] = ()
) -> list[str]:
    """Align the columns of rows, the heading included. A Chinese character takes two columns of the terminal.

    Args:
        rows: The cells of each row, as many in each.
        width: Columns of the terminal, or None: nothing is shortened.
        flexible: The numbers of the columns that may be shortened, from the widest on, so that a row fits into
            `width`. A row may still be wider, since no column is shortened below 8.

    Returns:
        One line for each row, without spaces at its end.
    """
    if not rows:
        return []
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    if width is not None:
        _shorten(widths, flexible, width)
    return [
        _GAP.join(_cell(text, size) for text, size in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _shorten(widths: list[int], flexible: Collection[int], width: int) -> None:
    """Take from the widest of the flexible columns until all fit, or none can be shortened any more."""
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - width
    while excess > 0 and flexible:
        widest = max(flexible, key=widths.__getitem__)
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1
        excess -= 1


def _cell(text: str, size: int) -> str:
    if cell_len(text) > size:
        return set_cell_size(text, size - 1) + "…"
    return set_cell_size(text, size)
