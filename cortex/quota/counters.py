"""Three ways in which upstreams count what was used: a rolling window, a calendar's, a bucket that refills. Pure.

Theory of operation: a request is sent at one moment and seen to have been received at a later one; the upstream counted
it somewhere between. Each counter takes both and assumes what is worst for us, so that it never says less than the
upstream's: the rolling one dates it late, the calendar one counts it in the day of either, the bucket begins to refill late.
Rolling and refilling follow the monotonic clock and so know no jumps; only days and months need the wall clock.
"""

from bisect import insort
from math import ceil
from typing import NamedTuple, Protocol

from cortex.config.model import Plan
from cortex.quota.dates import Dates, Span
from cortex.quota.terms import LENGTH_S, Key, Now

MAX_ENTRIES = 120
"""Of a rolling window; of more, those that fall into one 60th of its length are merged, at the time of the last."""

MAX_SPANS = 8
"""Days or months that are remembered, so that a clock which jumps ahead and back finds its own day again."""


_ALWAYS = Span(float("-inf"), float("inf"))


class Entry(NamedTuple):
    """An amount, and when it was used."""

    at: float
    amount: int


class Counter(Protocol):
    """What was used of one window; amounts are requests or tokens."""

    def add(self, amount: int, sent: Now, seen: Now) -> None:
        """Count what the upstream counted at some moment between these two."""
        ...

    def used(self, now: Now) -> float:
        """Return what the window holds."""
        ...

    def free_at(self, amount: float, now: Now) -> float:
        """Return when (monotonic seconds) `amount` more will be free, if nothing is used until then."""
        ...

    def whole_at(self, now: Now) -> float:
        """Return when (monotonic seconds) nothing of what was used counts any more."""
        ...

    def steady(self, now: Now) -> Span:
        """Return the wall-clock times, now among them, between which `used` does not grow by itself."""
        ...

    def entries(self, now: Now) -> list[Entry]:
        """Return what is needed to count on elsewhere, by the wall clock."""
        ...


class Rolling:
    """What was used in the last `length_s` seconds."""

    __slots__ = ("_entries", "_length_s", "_sum")

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._entries: list[Entry] = []
        self._sum = 0

    def add(self, amount: int, sent: Now, seen: Now) -> None:
        """Count it as late as it can have been."""
        entries, entry = self._entries, Entry(seen.mono, amount)
        if not entries or entries[-1].at <= seen.mono:
            entries.append(entry)
        else:
            insort(entries, entry)
        self._sum += amount
        if len(entries) > MAX_ENTRIES:
            self.used(seen)
            self._entries = self._merged()

    def used(self, now: Now) -> float:
        """Return the sum of the last `length_s` seconds."""
        entries, old = self._entries, now.mono - self._length_s
        gone = 0
        while gone < len(entries) and entries[gone].at <= old:
            self._sum -= entries[gone].amount
            gone += 1
        if gone:
            del entries[:gone]
        return self._sum

    def free_at(self, amount: float, now: Now) -> float:
        """Return when enough of the oldest uses are forgotten."""
        for entry in self._entries:
            amount -= entry.amount
            if amount <= 0:
                return max(now.mono, entry.at + self._length_s)
        return now.mono + self._length_s

    def whole_at(self, now: Now) -> float:
        """Return when the newest use is forgotten."""
        return max(now.mono, self._entries[-1].at + self._length_s) if self._entries else now.mono

    def steady(self, now: Now) -> Span:
        """Return all times: what the wall clock shows does not matter."""
        return _ALWAYS

    def entries(self, now: Now) -> list[Entry]:
        """Return all uses that still count, merged."""
        self.used(now)
        return [Entry(now.moved(entry.at).wall, entry.amount) for entry in self._merged()]

    def _merged(self) -> list[Entry]:
        """Put together what falls into one cell of a fixed grid, so that merging again makes nothing later."""
        cell_s = self._length_s / (MAX_ENTRIES // 2)
        merged: list[Entry] = []
        for entry in self._entries:
            if merged and merged[-1].at // cell_s == entry.at // cell_s:
                merged[-1] = Entry(entry.at, merged[-1].amount + entry.amount)
            else:
                merged.append(entry)
        return merged


class Calendar:
    """What was used on this day, or in this month."""

    __slots__ = ("_dates", "_used")

    def __init__(self, dates: Dates) -> None:
        self._dates = dates
        self._used: dict[Span, int] = {}

    def add(self, amount: int, sent: Now, seen: Now) -> None:
        """Count it in the day in which it was sent and, if that is another, in the one in which it was seen."""
        first, last = self._dates.at(sent.wall), self._dates.at(seen.wall)
        self._add(amount, last)
        if first != last:
            self._add(amount, first)

    def used(self, now: Now) -> float:
        """Return what this day or month holds."""
        return self._used.get(self._dates.at(now.wall), 0)

    def free_at(self, amount: float, now: Now) -> float:
        """Return when the next one begins."""
        return now.mono + self._dates.at(now.wall).end - now.wall

    def whole_at(self, now: Now) -> float:
        """Return when the next one begins."""
        return self.free_at(0, now) if self.used(now) else now.mono

    def steady(self, now: Now) -> Span:
        """Return this day or month: another one may hold more."""
        return self._dates.at(now.wall)

    def entries(self, now: Now) -> list[Entry]:
        """Return the sum of each day or month: of the present one as used now, so that it counts in any time zone."""
        today = self._dates.at(now.wall)
        return [Entry(now.wall if span == today else span.start, amount) for span, amount in self._used.items()]

    def _add(self, amount: int, span: Span) -> None:
        used = self._used
        used[span] = used.pop(span, 0) + amount  # the one last used stands last
        if len(used) > MAX_SPANS:
            del used[next(iter(used))]


class Refill:
    """A bucket that holds `limit` and gets `limit` back in `length_s` seconds, evenly."""

    __slots__ = ("_at", "_length_s", "_used", "limit")

    def __init__(self, limit: int, length_s: float) -> None:
        self.limit = limit
        self._length_s = length_s
        self._used = 0.0
        self._at = 0.0

    def add(self, amount: int, sent: Now, seen: Now) -> None:
        """Take it out at the moment it was seen; of one that is told of late, when the last before it was."""
        since_s = max(0.0, seen.mono - self._at)
        self._used = max(0.0, self._used - self._rate * since_s) + amount
        self._at = max(self._at, seen.mono)

    def resize(self, limit: int, now: Now) -> None:
        """Let it hold, and get back, another `limit` from now on."""
        self._used, self._at = self.used(now), now.mono
        self.limit = limit

    def used(self, now: Now) -> float:
        """Return what has not come back yet."""
        return max(0.0, self._used - self._rate * max(0.0, now.mono - self._at))

    def free_at(self, amount: float, now: Now) -> float:
        """Return when so much has come back."""
        return now.mono + amount / self._rate if self._rate else float("inf")

    def whole_at(self, now: Now) -> float:
        """Return when it is full."""
        return self.free_at(used, now) if (used := self.used(now)) else now.mono

    def steady(self, now: Now) -> Span:
        """Return all times: what the wall clock shows does not matter."""
        return _ALWAYS

    def entries(self, now: Now) -> list[Entry]:
        """Return what has not come back yet, as one use now."""
        used = ceil(self.used(now))
        return [Entry(now.wall, used)] if used else []

    @property
    def _rate(self) -> float:
        return self.limit / self._length_s


def counter_for(plan: Plan, key: Key, limit: int) -> Counter:
    """Return a new counter of the kind that `plan` has for that window."""
    if plan.refills:
        return Refill(limit, LENGTH_S[key.period])
    if key.period in {"day", "month"}:
        return Calendar(Dates(plan.zone, key.period))
    return Rolling(LENGTH_S[key.period])


def absorb(counter: Counter, entries: list[Entry], now: Now) -> None:
    """Count what another counter, or an earlier process, had counted; uses from the future count as of now."""
    for at, amount in entries:
        then = Now(now.mono - max(0.0, now.wall - at), at)
        counter.add(amount, then, then)
