"""Lines with their columns under each other. Pure.

Not rich's tables: their import costs as much as all the rest of `cortex status`, and a tree whose rows have columns is
none of its layouts.
"""

from collections.abc import Sequence
from typing import NamedTuple

import click

from cortex.commands.marks import harmless

GAP = "  "


class Cell(NamedTuple):
    """One text in one column."""

    text: str
    colour: str | None = None
    is_bold: bool = False


def aligned(rows: Sequence[Sequence[Cell]]) -> list[str]:
    """Write each row as a line; a row may end early, and a column that is empty in every row is left out.

    >>> aligned([[Cell("a"), Cell(""), Cell("1")], [Cell("bcd"), Cell(""), Cell("2")]])
    ['a    1', 'bcd  2']
    """
    columns = max((len(row) for row in rows), default=0)
    widths = [max((len(row[column].text) for row in rows if column < len(row)), default=0) for column in range(columns)]
    return [_line(row, widths) for row in rows]


def _line(row: Sequence[Cell], widths: Sequence[int]) -> str:
    line, blanks = "", 0
    for cell, width in zip(row, widths, strict=False):
        if cell.text:
            line += " " * blanks + _styled(cell)
            blanks = -len(cell.text)
        blanks += width + len(GAP) if width else 0
    return line


def _styled(cell: Cell) -> str:
    text = harmless(cell.text).replace("\n", " ")
    return click.style(text, fg=cell.colour, bold=cell.is_bold or None) if cell.colour or cell.is_bold else text
