"""How near a supervisor came to giving up: the share of the restarts it is allowed that were used. Pure.

Its window is a few seconds long and a scrape comes every fifteen, so the highest share is held for `HELD_S`.
"""

from collections import deque
from collections.abc import Callable, Iterator

HELD_S = 300.0
COUNTED = frozenset({"child_terminated", "start_error", "hung"})
"""The contexts of a supervisor's reports after which it starts a child again."""


class Intensity:
    """Of every supervisor, by its name."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends: dict[str, deque[float]] = {}
        self._shares: dict[str, deque[tuple[float, float]]] = {}
        """When a share was reached, and which."""

    def ended(self, supervisor: str, max_restarts: int, max_seconds: float) -> None:
        """Note that a child ended which is to be started again."""
        now = self._clock()
        ends = self._ends.setdefault(supervisor, deque())
        ends.append(now)
        while ends[0] <= now - max_seconds:
            ends.popleft()
        shares = self._shares.setdefault(supervisor, deque())
        share = len(ends) / max(1, max_restarts)
        while shares and shares[-1][1] <= share:
            shares.pop()
        shares.append((now, share))

    def highest(self) -> Iterator[tuple[str, float]]:
        """Return each supervisor's highest share of the last `HELD_S`; above 1 it has given up."""
        for supervisor, shares in self._shares.items():
            while shares and shares[0][0] <= self._clock() - HELD_S:
                shares.popleft()
            yield supervisor, shares[0][1] if shares else 0.0
