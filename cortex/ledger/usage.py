"""What each worker was used for: requests, errors, tokens and money, by hour for a week and by day for a year. Pure.

Kept as one small entry for a worker's day, so that a request costs the disk one of them and not the history. Days
older than a week lose their hours and move into one entry of the worker's. All days are UTC; wall-clock seconds.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from cortex.chat import Usage as Tokens

HOURS_KEPT_DAYS = 8
"""Today, and the seven days before it."""
DAYS_KEPT = 366

_HOUR_S = 3_600
_DAY_S = 86_400
_PREFIX = "usage/"
_OLD = "old"

_Number = Annotated[int, Meta(ge=0, le=10**18)]
_Hour = Annotated[int, Meta(ge=0, le=23)]
_Day = Annotated[int, Meta(ge=0, le=100_000)]


class Tally(Struct, array_like=True):
    """Sums of one span of time. The fields stand in the file in this order; new ones go to the end."""

    requests: _Number = 0
    input_tokens: _Number = 0
    output_tokens: _Number = 0
    cached_tokens: _Number = 0
    cost_nano: _Number = 0
    """Nano-dollars that were to be paid."""
    would_cost_nano: _Number = 0
    """What the same would have cost on the provider's paid plan."""
    errors: dict[str, _Number] = {}
    """By the word of the failure; each is among `requests` too."""

    def add(self, other: "Tally") -> None:
        """Add the sums of another one."""
        self.requests += other.requests
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cached_tokens += other.cached_tokens
        self.cost_nano += other.cost_nano
        self.would_cost_nano += other.would_cost_nano
        for word, count in other.errors.items():
            self.errors[word] = self.errors.get(word, 0) + count


class Row(NamedTuple):
    """One worker's sums of one span of time."""

    worker: str
    start: float
    """Wall-clock seconds."""
    length_s: int
    """An hour or a day."""
    tally: Tally


class _Book:
    """One worker's."""

    __slots__ = ("days", "old")

    def __init__(self) -> None:
        self.days: dict[int, dict[int, Tally]] = {}
        """Tallies by hour (0 to 23), by day since 1970."""
        self.old: dict[int, Tally] = {}

    def fold(self, today: int) -> list[int]:
        """Move days that are past their week, or too many, into the old ones; return which they were."""
        surplus = sorted(self.days)[: -2 * HOURS_KEPT_DAYS]  # a clock that jumped ahead leaves days in the future
        moved = [day for day in self.days if day <= today - HOURS_KEPT_DAYS or day in surplus]
        for day in moved:
            tally = self.old.setdefault(day, Tally())
            for hour in self.days.pop(day).values():
                tally.add(hour)
        for day in sorted(self.old)[:-DAYS_KEPT]:
            del self.old[day]
        return moved


class Usage:
    """All workers'."""

    def __init__(self) -> None:
        self._books: dict[str, _Book] = {}
        self._dirty: set[tuple[str, int | None]] = set()
        """Workers' days that changed; None: the old ones."""
        self._gone: set[tuple[str, int]] = set()
        self._today = 0

    def add(
        self,
        worker: str,
        at: float,
        *,
        tokens: Tokens | None = None,
        error: str = "",
        cost_nano: int = 0,
        would_cost_nano: int = 0,
    ) -> None:
        """Count one request that ended at `at`; `error` is the word of its failure."""
        tally = self._tally(worker, at)
        tally.requests += 1
        tally.cost_nano += cost_nano
        tally.would_cost_nano += would_cost_nano
        if tokens is not None:
            tally.input_tokens += tokens.input_tokens
            tally.output_tokens += tokens.output_tokens
            tally.cached_tokens += tokens.cached_tokens
        if error:
            tally.errors[error] = tally.errors.get(error, 0) + 1

    def add_sums(self, worker: str, at: float, sums: Tally) -> None:
        """Count requests that were added up elsewhere, as if all had ended at `at`."""
        self._tally(worker, at).add(sums)

    def _tally(self, worker: str, at: float) -> Tally:
        """Return the sums of the hour of `at`, which are about to change."""
        seconds = int(at)
        day, hour = seconds // _DAY_S, seconds % _DAY_S // _HOUR_S
        book = self._books.get(worker)
        if book is None:
            book = self._books[worker] = _Book()
        self._dirty.add((worker, day))
        hours = book.days.setdefault(day, {})
        tally = hours.get(hour)
        if tally is None:
            tally = hours[hour] = Tally()
        return tally

    def dirty(self, now: float) -> dict[str, bytes | None]:
        """Return what has changed since the last call, for the disk; None where an entry is no longer needed."""
        self._fold(int(now) // _DAY_S)
        changed: dict[str, bytes | None] = {_name(worker, day): None for worker, day in self._gone}
        for worker, day in self._dirty:
            book = self._books[worker]
            if day is None:
                changed[_name(worker, None)] = msgspec.json.encode(book.old)
            elif day in book.days:
                changed[_name(worker, day)] = msgspec.json.encode(book.days[day])
        self._dirty.clear()
        self._gone.clear()
        return changed

    def restore(self, entries: Mapping[str, bytes]) -> int:
        """Take in what `dirty` once gave; other names are passed over. Returns how many of its own could not be read."""
        unread = 0
        for name, value in entries.items():
            if name.startswith(_PREFIX):
                unread += not self._take(name, value)
        return unread

    def rows(self, now: float) -> list[Row]:
        """Return everything known, the newest first: hours of the last days, then days."""
        self._fold(int(now) // _DAY_S)
        return sorted(self._rows(), key=lambda row: (row.length_s, -row.start, row.worker))

    def _rows(self) -> Iterator[Row]:
        for worker, book in self._books.items():
            for day, hours in book.days.items():
                whole = Tally()
                for hour, tally in hours.items():
                    whole.add(tally)
                    yield Row(worker, float(day * _DAY_S + hour * _HOUR_S), _HOUR_S, tally)
                yield Row(worker, float(day * _DAY_S), _DAY_S, whole)
            for day, tally in book.old.items():
                if day not in book.days:
                    yield Row(worker, float(day * _DAY_S), _DAY_S, tally)

    def _fold(self, today: int) -> None:
        if today == self._today:
            return
        self._today = today
        for worker, book in self._books.items():
            moved = book.fold(today)
            if moved:
                self._gone.update((worker, day) for day in moved)
                self._dirty.add((worker, None))

    def _take(self, name: str, value: bytes) -> bool:
        worker, _, which = name.removeprefix(_PREFIX).rpartition("/")
        book = self._books.get(worker) or _Book()
        try:
            if which == _OLD:
                for day, tally in msgspec.json.decode(value, type=dict[_Day, Tally]).items():
                    book.old.setdefault(day, Tally()).add(tally)
            else:
                day = int(datetime.fromisoformat(which).replace(tzinfo=UTC).timestamp()) // _DAY_S
                for hour, tally in msgspec.json.decode(value, type=dict[_Hour, Tally]).items():
                    book.days.setdefault(day, {}).setdefault(hour, Tally()).add(tally)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
            return False
        self._books[worker] = book
        self._today = 0
        return True


def _name(worker: str, day: int | None) -> str:
    if day is None:
        return f"{_PREFIX}{worker}/{_OLD}"
    return f"{_PREFIX}{worker}/{datetime.fromtimestamp(day * _DAY_S, UTC).date().isoformat()}"
