"""Durations and sizes as people write them: `1h30m`, `250ms`, `32MB`, `1GiB`. Pure.

A number without a unit is never guessed at: `5` may be seconds to one reader and minutes to the next.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

DURATIONS: Mapping[str, Decimal] = {
    "ms": Decimal("0.001"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86_400),
}
"""Seconds in each unit."""

SIZES: Mapping[str, int] = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
"""Bytes in each unit."""

# Twelve digits are thirty thousand years or a terabyte of bytes; more is a slip, and could overflow a float.
_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"
_TERM = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_NUMBER}(?:ms|s|m|h|d))+")
_SIZE = re.compile(rf"({_NUMBER}) ?([KMGT]i?B|B)")


def seconds(text: str) -> float:
    """Read a duration: one or more numbers, each with a unit, added up.

    Raises ValueError when it is none. A bare number, a sign and spaces are none.

    >>> seconds("1h30m"), seconds("250ms")
    (5400.0, 0.25)
    """
    if not _DURATION.fullmatch(text):
        raise ValueError("not a duration")
    return float(sum(Decimal(number) * DURATIONS[unit] for number, unit in _TERM.findall(text)))


def size_bytes(text: str) -> int:
    """Read a size: a number and a unit, a space allowed between; a fraction of a byte is dropped.

    Raises ValueError when it is none.

    >>> size_bytes("32MB"), size_bytes("1.5 KiB")
    (32000000, 1536)
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("not a size")
    number, unit = match.groups()
    return int(Decimal(number) * SIZES[unit])


def duration(value_s: float) -> str:
    """Write seconds so that `seconds` reads the same again, to the millisecond.

    >>> duration(5400.0), duration(0.25), duration(0.0)
    ('1h30m', '250ms', '0s')
    """
    rest = round(value_s * 1000)
    parts = []
    for unit, unit_s in reversed(tuple(DURATIONS.items())):
        count, rest = divmod(rest, int(unit_s * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def size(value_bytes: int) -> str:
    """Write bytes in the largest unit that needs no fraction, so that `size_bytes` reads the same again.

    >>> size(32_000_000), size(1536), size(7)
    ('32MB', '1536B', '7B')
    """
    for unit in ("TB", "TiB", "GB", "GiB", "MB", "MiB", "KB", "KiB"):
        if value_bytes and value_bytes % SIZES[unit] == 0 and value_bytes >= SIZES[unit]:
            return f"{value_bytes // SIZES[unit]}{unit}"
    return f"{value_bytes}B"
