"""The windows in which an upstream counts: minutes that roll, days and months of the calendar, buckets that refill. Pure.

Windows that roll and buckets that refill go by the monotonic clock, the calendar by the wall's, as on the real servers.
Sources: console.groq.com/docs/rate-limits (buckets: a limit of 1,000 a day gives one request back each 86.4 s, Nov 2026),
ai.google.dev/gemini-api/docs/rate-limits (a day ends at midnight Pacific, Nov 2026), docs.cohere.com/docs/rate-limits
(calls a month, 2026; the zone of the month's end is not published, UTC is taken).
"""

import math
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

MINUTE_S = 60.0
DAY_S = 86_400.0
ROUNDING = 1e-6
"""What a bucket overlooks, so that who waits exactly as long as told is served."""
PACIFIC = ZoneInfo("America/Los_Angeles")

WindowName = Literal["minute", "day", "pacific_day", "utc_day", "month", "minute_bucket", "day_bucket"]


class Moment(NamedTuple):
    """Now, on both clocks."""

    monotonic_s: float
    wall_s: float = 0.0
    """Seconds since 1970, UTC."""


class Window(Protocol):
    """Counts what was taken against a limit."""

    def left(self, now: Moment) -> int:
        """Return how much may still be taken."""

    def wait_s(self, amount: int, now: Moment) -> float:
        """Return after how many seconds `amount` fits; 0 when it fits now, a whole window's length where it never will."""

    def reset_s(self, now: Moment) -> float:
        """Return the seconds that a header calls its reset: the oldest leaves, the day ends, the bucket is full."""

    def add(self, amount: int, now: Moment) -> None:
        """Count `amount`."""


class Rolling:
    """The last `length_s` seconds, whenever they began."""

    def __init__(self, limit: int, length_s: float) -> None:
        self._limit = limit
        self._length_s = length_s
        self._taken: deque[tuple[float, int]] = deque()
        self._used = 0

    def left(self, now: Moment) -> int:
        """Return how much may still be taken."""
        self._forget(now)
        return max(0, self._limit - self._used)

    def wait_s(self, amount: int, now: Moment) -> float:
        """Return after how many seconds enough will have left the window."""
        excess = amount - self.left(now)
        if excess <= 0:
            return 0.0
        for at_s, taken in self._taken:
            excess -= taken
            if excess <= 0:
                return self._length_s - (now.monotonic_s - at_s)
        return self._length_s

    def reset_s(self, now: Moment) -> float:
        """Return when the oldest leaves."""
        self._forget(now)
        return self._length_s - (now.monotonic_s - self._taken[0][0]) if self._taken else 0.0

    def add(self, amount: int, now: Moment) -> None:
        """Count `amount`."""
        self._taken.append((now.monotonic_s, amount))
        self._used += amount

    def _forget(self, now: Moment) -> None:
        while self._taken and now.monotonic_s - self._taken[0][0] >= self._length_s:
            self._used -= self._taken.popleft()[1]


class Calendar:
    """A day or a month: everything comes back at its end, and nothing before."""

    def __init__(self, limit: int, end: Callable[[float], float]) -> None:
        """`end` tells when the period ends that a wall-clock second is in."""
        self._limit = limit
        self._end = end
        self._ends_s = -math.inf
        self._used = 0

    def left(self, now: Moment) -> int:
        """Return how much may still be taken."""
        self._turn(now)
        return max(0, self._limit - self._used)

    def wait_s(self, amount: int, now: Moment) -> float:
        """Return the seconds until the end, where it does not fit."""
        return 0.0 if amount <= self.left(now) else self._ends_s - now.wall_s

    def reset_s(self, now: Moment) -> float:
        """Return when the period ends."""
        self._turn(now)
        return self._ends_s - now.wall_s

    def add(self, amount: int, now: Moment) -> None:
        """Count `amount`."""
        self._turn(now)
        self._used += amount

    def _turn(self, now: Moment) -> None:
        if now.wall_s >= self._ends_s:
            self._ends_s = self._end(now.wall_s)
            self._used = 0


class Bucket:
    """Refills all the time, at its limit in `length_s` seconds."""

    def __init__(self, limit: int, length_s: float) -> None:
        self._limit = limit
        self._length_s = length_s
        self._rate = limit / length_s
        self._used = 0.0
        self._at_s = -math.inf

    def left(self, now: Moment) -> int:
        """Return how much is in it."""
        return max(0, math.floor(self._limit - self._drained(now) + ROUNDING))

    def wait_s(self, amount: int, now: Moment) -> float:
        """Return after how many seconds enough will have come back."""
        excess = self._drained(now) + amount - self._limit
        if excess <= ROUNDING:
            return 0.0
        return excess / self._rate if amount <= self._limit else self._length_s

    def reset_s(self, now: Moment) -> float:
        """Return when it is full."""
        return self._drained(now) / self._rate if self._rate else 0.0

    def add(self, amount: int, now: Moment) -> None:
        """Count `amount`."""
        self._used = self._drained(now) + amount
        self._at_s = now.monotonic_s

    def _drained(self, now: Moment) -> float:
        if not self._used:
            return 0.0
        return max(0.0, self._used - (now.monotonic_s - self._at_s) * self._rate)


def day_end(zone: tzinfo) -> Callable[[float], float]:
    """Return a function from a second to the next midnight of `zone`; a day there may have 23 or 25 hours.

    >>> day_end(UTC)(90_000.0)
    172800.0
    """

    def end(wall_s: float) -> float:
        today = datetime.fromtimestamp(wall_s, zone).date()
        return datetime.combine(today + timedelta(days=1), datetime.min.time(), zone).timestamp()

    return end


def month_end(wall_s: float) -> float:
    """Return the second at which the next calendar month begins, in UTC.

    >>> month_end(0.0) == 31 * DAY_S
    True
    """
    now = datetime.fromtimestamp(wall_s, UTC)
    years, month = divmod(now.month, 12)
    return datetime(now.year + years, month + 1, 1, tzinfo=UTC).timestamp()


WINDOWS: Mapping[WindowName, Callable[[int], Window]] = {
    "minute": lambda limit: Rolling(limit, MINUTE_S),
    "day": lambda limit: Rolling(limit, DAY_S),
    "pacific_day": lambda limit: Calendar(limit, day_end(PACIFIC)),
    "utc_day": lambda limit: Calendar(limit, day_end(UTC)),
    "month": lambda limit: Calendar(limit, month_end),
    "minute_bucket": lambda limit: Bucket(limit, MINUTE_S),
    "day_bucket": lambda limit: Bucket(limit, DAY_S),
}
