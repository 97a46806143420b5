"""Calendar days and months of one time zone. Pure."""

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cortex.messages import Period

_EARLIEST, _LATEST = 86_400.0, 250_000_000_000.0
"""Clocks beyond these (2 Jan 1970, the year 9892) are read as these: `datetime` knows no other years."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Span(NamedTuple):
    """One day or month; wall-clock seconds, `end` excluded."""

    start: float
    end: float


class Dates:
    """The days, or the months, of a time zone: 23 and 25 hours long where clocks change."""

    __slots__ = ("_last", "_period", "_zone")

    def __init__(self, zone: str, period: Period) -> None:
        """Months for `month`, else days. Raises `zoneinfo.ZoneInfoNotFoundError` for a zone that nobody knows."""
        self._zone = ZoneInfo(zone)
        self._period = period
        self._last = Span(0.0, 0.0)

    def at(self, wall: float) -> Span:
        """Return the one that holds `wall`."""
        wall = min(max(wall, _EARLIEST), _LATEST)
        span = self._last
        if not span.start <= wall < span.end:
            span = self._last = self._of(datetime.fromtimestamp(wall, UTC).astimezone(self._zone).date())
        return span

    def text(self, wall: float) -> str:
        """Return the date at `wall` in the zone, for people: `1 Dec`."""
        day = datetime.fromtimestamp(min(max(wall, _EARLIEST), _LATEST), UTC).astimezone(self._zone)
        return f"{day.day} {_MONTHS[day.month - 1]}"

    def _of(self, day: date) -> Span:
        if self._period != "month":
            return Span(self._midnight(day), self._midnight(day + timedelta(days=1)))
        first = day.replace(day=1)
        return Span(self._midnight(first), self._midnight((first + timedelta(days=32)).replace(day=1)))

    def _midnight(self, day: date) -> float:
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()
