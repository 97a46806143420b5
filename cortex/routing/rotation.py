"""Which keys are looked at for a request: of many that are alike, the one with the most left. Pure.

Theory of operation: twenty keys that have the same model are as good as one another but for what is left of their quotas
and how busy they are. Looking at each for every request would make a dispatch as dear as the pools are large. So where
there are many (of one rank, and alike in whether they cost), they are kept in order, sorted anew a few times a second; the
first that can take the request is handed to the strategy, and put last, so that a burst is spread over all of them. One that
cannot is set aside until they are sorted anew, or until no other is left, so that spent keys are not asked each time. A few
are looked at whole, and machines of one's own always are: which of those has the model in memory matters more.
"""

from collections import deque
from collections.abc import Callable, Iterable

from cortex.routing.entry import Entry

FEW = 6
"""Up to so many keys are looked at whole."""

SORTED_FOR_S = 0.25


class Rotation:
    """Workers that are alike."""

    __slots__ = ("_aside", "_order", "_sorted_at", "entries", "is_whole")

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self.entries = entries
        self.is_whole = len(entries) <= FEW or entries[0].standing.local
        self._order = deque(entries)
        self._aside: deque[Entry] = deque()
        self._sorted_at = float("-inf")

    def look(self, is_free: Callable[[Entry], bool], now: float) -> list[Entry]:
        """Return those that `is_free` says can take a request; of many, one. None: every one was asked about."""
        if self.is_whole:
            return [entry for entry in self.entries if is_free(entry)]
        if not 0.0 <= now - self._sorted_at < SORTED_FOR_S:
            self._order, self._aside = deque(sorted(self.entries, key=lambda entry: _precedence(entry, now))), deque()
            self._sorted_at = now
        order, aside = self._order, self._aside
        for line, length in ((order, len(order)), (aside, len(aside))):
            for _ in range(length):
                entry = line.popleft()
                if is_free(entry):
                    order.append(entry)
                    return [entry]
                aside.append(entry)
        return []


def _precedence(entry: Entry, now: float) -> tuple[bool, float, float, float]:
    """Return what orders keys: the most left first, then the idler, then the one that has waited longest."""
    standing = entry.standing
    weight = standing.settings.weight
    if weight <= 0:
        return (True, 0.0, 0.0, standing.granted_at)
    busy = (standing.in_flight + standing.pace.error_penalty(now)) / standing.slots / weight
    return (False, -standing.account.share_left(entry.model, now), busy, standing.granted_at)


def rotations(entries: Iterable[Entry], *, by_model: bool = False) -> tuple[Rotation, ...]:
    """Part entries by rank, by whose machines they are, and by whether they cost; `by_model`: two models are not alike."""
    parts: dict[tuple[int, bool, bool, str], list[Entry]] = {}
    for entry in entries:
        standing = entry.standing
        model = entry.model if by_model else ""
        parts.setdefault((entry.rank, standing.local, standing.settings.free, model), []).append(entry)
    return tuple(Rotation(tuple(part)) for part in parts.values())
