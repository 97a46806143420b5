"""Which threads do not come back from a message. Pure: turns and clock go in.

A thread's mailbox counts its turns: odd while it is at a message, even while it waits. One that shows the same odd
number for its whole budget is hung. So no message is stamped on its way, and the budget runs by the caller's clock.
"""

from dataclasses import dataclass
from math import inf


@dataclass(slots=True)
class _Seen:
    turn: int
    since: float


class HangWatch:
    """Remembers at which turn each thread was seen, and since when."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def is_hung(self, urn: str, turn: int, budget_s: float, now: float) -> bool:
        """Look at a thread: tell whether it has been at one message for `budget_s` seconds of looking.

        >>> watch = HangWatch()
        >>> watch.is_hung("a", turn=1, budget_s=10, now=0.0), watch.is_hung("a", turn=1, budget_s=10, now=10.0)
        (False, True)
        """
        seen = self._seen.get(urn)
        if seen is None or seen.turn != turn:
            self._seen[urn] = _Seen(turn, now)
            return False
        return turn % 2 == 1 and now - seen.since >= budget_s

    def keep(self, urns: set[str]) -> None:
        """Forget all threads but these."""
        self._seen = {urn: seen for urn, seen in self._seen.items() if urn in urns}


def next_look_s(budgets_s: list[float]) -> float:
    """Return in how many seconds to look again: a quarter of the smallest budget."""
    return min(budgets_s, default=inf) / 4
