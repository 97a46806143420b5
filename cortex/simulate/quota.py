"""How much a simulated key may ask: rolling windows of requests, and the headers that tell of them. Pure."""

from collections import deque

from msgspec import Struct

MINUTE_S = 60.0
DAY_S = 86_400.0


class Quota(Struct, frozen=True):
    """What a key may ask for; None for no bound."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None


class Spent(Struct, frozen=True):
    """A window in which nothing is left."""

    window: str
    """`minute` or `day`."""
    limit: int
    again_s: float
    """Seconds until one more fits."""


class QuotaMeter:
    """Counts one key's requests against its quota; a request that is turned away is not counted."""

    def __init__(self, quota: Quota) -> None:
        limits = (("minute", quota.requests_per_minute, MINUTE_S), ("day", quota.requests_per_day, DAY_S))
        self._windows = [
            (name, limit, length_s, deque[float]()) for name, limit, length_s in limits if limit is not None
        ]

    def take(self, now: float) -> Spent | None:
        """Count one request at `now` (monotonic seconds), or return the window that has no room for it.

        Where several have none, the one that is full the longest.
        """
        self._forget(now)
        full = [
            Spent(name, limit, length_s - (now - taken[0] if taken else 0.0))
            for name, limit, length_s, taken in self._windows
            if len(taken) >= limit
        ]
        if full:
            return max(full, key=lambda spent: spent.again_s)
        for *_, taken in self._windows:
            taken.append(now)
        return None

    def headers(self, now: float) -> dict[str, str]:
        """Return OpenAI's `x-ratelimit-*-requests` for the window with the least left; empty without a quota."""
        self._forget(now)
        if not self._windows:
            return {}
        _, limit, length_s, taken = min(self._windows, key=lambda window: window[1] - len(window[3]))
        return {
            "x-ratelimit-limit-requests": str(limit),
            "x-ratelimit-remaining-requests": str(max(0, limit - len(taken))),
            "x-ratelimit-reset-requests": duration(length_s - (now - taken[0]) if taken else 0.0),
        }

    def _forget(self, now: float) -> None:
        for _, _, length_s, taken in self._windows:
            while taken and now - taken[0] >= length_s:
                taken.popleft()


def duration(seconds: float) -> str:
    """Write a time as OpenAI's headers do.

    >>> duration(0.012), duration(7.66), duration(360), duration(3723.5)
    ('12ms', '7.66s', '6m0s', '1h2m3.5s')
    """
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{head}{round(rest, 3):g}s"
