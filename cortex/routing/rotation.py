"""Which workers are looked at for a request: of many that are alike, the most promising. Pure.

Theory of operation: twenty keys that have the same model are as good as one another but for what is left of their quotas
and how busy they are, and of two hundred machines most are as good as their neighbour. Looking at each for every request
would make a dispatch as dear as the fleet is large. So where there are many (of one rank, and alike in whose they are and
whether they cost), they are kept in order, sorted anew a few times a second: those that have the model in memory before those
that would load it, then by what is left and how busy they are. The first that can take the request are handed to the strategy,
and put last among their like, so that a burst is spread over all. One that cannot is set aside until they are sorted anew, or
until no other is left, so that spent keys and full machines are not asked each time. A few are looked at whole.

Of one's own machines more are handed on than of keys, since which of them has the conversation, or is faster, matters more;
and where all that were found would have to load, the warm ones that were set aside are asked again: one of those may be the
shorter way, though it is busy.
"""

from collections import deque
from collections.abc import Callable, Iterable

from cortex.routing.entry import Entry

FEW = 6
"""Up to so many keys are looked at whole."""

FEW_OWN = 16
"""And so many machines."""

FOUND_OWN = 8
"""So many machines of a larger fleet are handed to the strategy."""

SORTED_FOR_S = 0.25

IsFree = Callable[[Entry], bool]


class Line:
    """Workers of one sort: warm ones, those that would load, those that are not wanted unless nothing else is left."""

    __slots__ = ("aside", "is_cold", "order")

    def __init__(self, entries: Iterable[Entry], *, is_cold: bool) -> None:
        self.order = deque(entries)
        self.aside: deque[Entry] = deque()
        self.is_cold = is_cold

    def ask(self, queue: deque[Entry], wanted: int, is_free: IsFree, *, most: int | None = None) -> list[Entry]:
        """Take `wanted` free ones from one of its two queues, asking `most` at most: they go last into the order.

        Those that are not free go last into the queue aside.
        """
        found: list[Entry] = []
        for _ in range(len(queue) if most is None else min(most, len(queue))):
            entry = queue.popleft()
            if is_free(entry):
                found.append(entry)
                if len(found) == wanted:
                    break
            else:
                self.aside.append(entry)
        self.order.extend(found)
        return found


class Rotation:
    """Workers that are alike."""

    __slots__ = ("_lines", "_sorted_at", "_wanted", "entries", "is_whole")

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        is_own = entries[0].standing.local
        self.is_whole = len(entries) <= (FEW_OWN if is_own else FEW)
        self._wanted = FOUND_OWN if is_own else 1
        self._lines: list[Line] = []
        self._sorted_at = float("-inf")

    def look(self, is_free: IsFree, now: float) -> list[Entry]:
        """Return those that `is_free` says can take a request; of many, a few. None: every one was asked about."""
        if self.is_whole:
            return [entry for entry in self.entries if is_free(entry)]
        if not 0.0 <= now - self._sorted_at < SORTED_FOR_S:
            self._sort(now)
        before = [len(line.aside) for line in self._lines]
        found: list[Entry] = []
        for line in self._lines:
            found += line.ask(line.order, self._wanted - len(found), is_free)
            if len(found) == self._wanted:
                break
        return self._again(found, before, is_free)

    def _again(self, found: list[Entry], before: list[int], is_free: IsFree) -> list[Entry]:
        """Ask those that were set aside before: all of them where nobody was found, the warm ones where all are cold."""
        if found and not is_cold(found[0]):
            return found
        again: list[Entry] = []
        for line, count in zip(self._lines, before, strict=True):
            if found and line.is_cold:
                continue
            most = min(count, FOUND_OWN) if found else count
            again += line.ask(line.aside, self._wanted - len(again), is_free, most=most)
            if len(again) == self._wanted:
                break
        return again + found

    def _sort(self, now: float) -> None:
        parts: dict[tuple[bool, bool], list[Entry]] = {}
        for entry in self.entries:
            parts.setdefault((entry.standing.settings.weight <= 0, is_cold(entry)), []).append(entry)
        self._lines = [
            Line(sorted(parts[part], key=lambda entry: _precedence(entry, now)), is_cold=part[1])
            for part in sorted(parts)
        ]
        self._sorted_at = now


def is_cold(entry: Entry) -> bool:
    """Whether its model has to be loaded first: never, on other people's machines."""
    return entry.standing.local and entry.standing.is_cold(entry.model)


def _precedence(entry: Entry, now: float) -> tuple[float, float, float]:
    """Return what orders workers: the most left first, then the idler, then the one that has waited longest."""
    standing = entry.standing
    weight = standing.settings.weight
    if weight <= 0:
        return (0.0, 0.0, standing.granted_at)
    busy = (standing.in_flight + standing.pace.error_penalty(now)) / standing.slots / weight
    return (-standing.account.share_left(entry.model, now), busy, standing.granted_at)


def rotations(entries: Iterable[Entry], *, by_model: bool = False) -> tuple[Rotation, ...]:
    """Part entries by rank, by whose machines they are, and by whether they cost; `by_model`: two models are not alike."""
    parts: dict[tuple[int, bool, bool, str], list[Entry]] = {}
    for entry in entries:
        standing = entry.standing
        model = entry.model if by_model else ""
        parts.setdefault((entry.rank, standing.local, standing.settings.free, model), []).append(entry)
    return tuple(Rotation(tuple(part)) for part in parts.values())
