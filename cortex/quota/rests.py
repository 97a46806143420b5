"""How long a key or a model is left alone after its upstream said that it has used what it may. Pure.

Sizes are ours to know best (the settings, the provider's pages); *when* it may go on the upstream knows best. Its word is
not taken without bound: keys of other programs were seen to rest for weeks by an absurd one, so after `TRY_AGAIN_S`
at the latest one request finds out. Until when it said is kept, for people.
"""

from typing import NamedTuple

from cortex.config.model import Plan
from cortex.messages import Failure, Period
from cortex.quota.dates import Dates
from cortex.quota.terms import LENGTH_S, Now
from cortex.quota.words import lasting

TRY_AGAIN_S = 86_400.0
"""After this long a resting key is tried again, whatever its upstream said."""

_UNSAID_S: dict[Period, float] = {"second": 1.0, "minute": 60.0, "hour": 3_600.0, "day": 3_600.0, "month": 86_400.0}
"""How long where a 429 names its window and no time; a bucket that refills over a day or longer has some sooner."""

_FIRST_S, _LAST_S = 5.0, 300.0
"""Where it says nothing at all: the first rest of a row, which doubles with each, and the longest."""


_BY_DATE = frozenset({"day", "month"})


class Resting(NamedTuple):
    """A rest that is under way."""

    until: float
    """Monotonic seconds at which it is tried again."""
    ends: float
    """Wall-clock seconds at which the upstream will allow it; perhaps later than `until`."""
    why: str

    def text(self, now: Now, dates: Dates) -> str:
        """Return it for people."""
        left_s = max(0.0, self.until - now.mono)
        if self.ends - now.wall > left_s + 1.0:
            return f"{self.why} until {dates.text(self.ends)}, tried again in {lasting(left_s)}"
        return f"{self.why}, back in {lasting(left_s)}"


def is_silent(failure: Failure) -> bool:
    """Whether a 429 says neither which window is spent nor for how long."""
    return failure.window == "" and failure.retry_after_s is None


def rest_s(failure: Failure, plan: Plan, row: int, now: Now) -> float:
    """Return for how many seconds a 429 asks to be left alone; `row`: of silent ones, which it is without a success between.

    Days and months of a calendar plan last until the next begins, even where the upstream names a shorter time: Gemini
    was seen to say 20 s of a spent day (2025 to October 2026).
    """
    said = failure.retry_after_s
    period = failure.window
    if period == "":
        return min(_FIRST_S * 2.0 ** min(max(row, 1) - 1, 30), _LAST_S) if said is None else said
    if period in _BY_DATE and not plan.refills:
        return max(said or 0.0, _next_s(plan, period, now))
    return _UNSAID_S[period] if said is None else said


def whole_in_s(plan: Plan, period: Period, limit: int | None, now: Now) -> float:
    """Return when a window that was said to be empty has some again, where nobody says when."""
    if plan.refills:
        return LENGTH_S[period] / max(1, limit or 1)
    return _next_s(plan, period, now) if period in _BY_DATE else LENGTH_S[period]


def resting(seconds: float, why: str, now: Now) -> Resting:
    """Return a rest of so many seconds from now, at most `TRY_AGAIN_S` of which are kept."""
    return Resting(now.mono + min(max(0.0, seconds), TRY_AGAIN_S), now.wall + max(0.0, seconds), why)


def _next_s(plan: Plan, period: Period, now: Now) -> float:
    return Dates(plan.zone, period).at(now.wall).end - now.wall
