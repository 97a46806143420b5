"""Bars of text: how much of something is used, and what happened when. Pure."""

from collections.abc import Iterable

FULL, EMPTY = "█", "░"
TIGHT = 0.85
"""Above this share of a limit, a number is shown in red."""

Part = tuple[str, float, float]
"""What it is drawn with, from when, to when."""


def meter(share: float, width: int) -> str:
    """Draw a share of one; what is more than nothing has a cell, and what is less than all leaves one.

    >>> meter(0.0, 5), meter(0.01, 5), meter(0.99, 5), meter(1.0, 5)
    ('░░░░░', '█░░░░', '████░', '█████')
    """
    share = min(1.0, max(0.0, share))
    cells = round(share * width)
    if 0 < share < 1 and width > 1:
        cells = min(width - 1, max(1, cells))
    return FULL * cells + EMPTY * (width - cells)


def lane(parts: Iterable[Part], whole: float, width: int) -> str:
    """Draw what happened within `whole` seconds; each part has a cell at least, a later one before an earlier one.

    >>> lane([("·", 0, 2), ("█", 2, 8)], 10, 10)
    '··██████  '
    """
    cells = [" "] * width
    for drawn_with, begun, ended in parts:
        first = min(width - 1, max(0, int(begun / whole * width))) if whole > 0 else 0
        last = min(width, max(first + 1, round(ended / whole * width))) if whole > 0 else width
        cells[first:last] = drawn_with * (last - first)
    return "".join(cells)


def is_tight(used: float | None, limit: float | None) -> bool:
    """Whether so much of a limit is used that a person should see it."""
    return bool(limit) and used is not None and limit is not None and used > TIGHT * limit
