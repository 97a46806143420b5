"""What people read of a quota. Pure."""

from cortex.messages import Period
from cortex.quota.terms import Key

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def lasting(seconds: float) -> str:
    """Write a time in the largest unit that it has two of, rounded up, so that nobody comes back too early.

    >>> lasting(0.2), lasting(61), lasting(25_000), lasting(86_400), lasting(180_000)
    ('1 s', '61 s', '7 h', '24 h', '3 d')
    """
    size, unit = next((row for row in _UNITS if seconds >= 2 * row[0]), _UNITS[-1])
    return f"{max(1, -int(-seconds // size))} {unit}"


def rate(limit: int, key: Key) -> str:
    """Write a limit: `20 requests a day`."""
    return f"{limit:,} {_things(key)} {_a(key.period)}"


def used_of(used: int, limit: int, key: Key) -> str:
    """Write how full a window is: `20 of 20 requests a day used`."""
    return f"{used:,} of {rate(limit, key)} used"


def too_large(amount: int, limit: int, key: Key) -> str:
    """Write why a request will never fit a window."""
    return f"needs about {amount:,} {_things(key)}, the window has {limit:,} {_a(key.period)}"


def limited(period: Period | str) -> str:
    """Write what a 429 said."""
    return f"rate limited for the {period}" if period else "rate limited"


def _things(key: Key) -> str:
    return key.counts.replace("_", " ")


def _a(period: Period) -> str:
    return f"an {period}" if period == "hour" else f"a {period}"
