"""How much may be asked of a simulated upstream: limits as data, who shares them, and counts for tests. Pure.

A `Quota` is what one account has for one model; a plan names a quota for each model, `*` for those without a line of
their own. Whoever draws on the same account shares its windows: two keys of one project have no more than one key.

    Quotas({"gemini-3.5-flash": Quota(limits=(Limit(5, "minute"), Limit(20, "pacific_day"))), "*": Quota()})
"""

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from cortex.simulate.window import DAY_S, MINUTE_S, WINDOWS, Moment, Window, WindowName

__all__ = ["DAY_S", "MINUTE_S", "Left", "Limit", "Quota", "QuotaMeter", "Quotas", "Spent", "Tally", "duration"]

ANY_MODEL = "*"

What = Literal["requests", "tokens", "inputs"]


class Limit(Struct, frozen=True):
    """One bound: how much of what, in which window."""

    amount: int
    window: WindowName
    what: What = "requests"
    """`inputs` are the texts of a request for embeddings."""
    each: Literal["model", "account"] = "model"
    """Whether each model of an account has it for itself, or all of them share it."""


class Quota(Struct, frozen=True):
    """What may be asked for; None, or no limits, for no bound."""

    requests_per_minute: int | None = None
    """All models of the account together, as `requests_per_day`."""
    requests_per_day: int | None = None
    limits: tuple[Limit, ...] = ()

    @property
    def bounds(self) -> tuple[Limit, ...]:
        """All of it, as limits."""
        minute, day = self.requests_per_minute, self.requests_per_day
        short = () if minute is None else (Limit(minute, "minute", each="account"),)
        long = () if day is None else (Limit(day, "day", each="account"),)
        return (*short, *long, *self.limits)


Plan = Quota | Mapping[str, Quota] | None


class Spent(Struct, frozen=True):
    """A window that has no room for what was asked."""

    window: str
    limit: int
    again_s: float
    """Seconds until it fits; where it never will, the length of the window."""
    what: What = "requests"
    left: int = 0
    requested: int = 1

    @property
    def used(self) -> int:
        """How much was taken."""
        return self.limit - self.left

    @property
    def is_hopeless(self) -> bool:
        """Whether it is more than an empty window holds."""
        return self.requested > self.limit


class Left(Struct, frozen=True):
    """What a window still holds, for headers."""

    limit: Limit
    amount: int
    reset_s: float


class QuotaMeter:
    """Counts what is asked of one model on one account; a request that is turned away is not counted."""

    def __init__(self, quota: Quota, window_of: Callable[[Limit], Window] | None = None) -> None:
        """`window_of` lets meters share windows; without it they are this meter's own."""
        window_of = window_of or _new_window
        self._windows = [(limit, window_of(limit)) for limit in quota.bounds]

    def take(self, now_s: float, wall_s: float = 0.0, *, tokens: int = 0, inputs: int = 1) -> Spent | None:
        """Count one request at `now_s` (monotonic seconds), or return the window that has no room for it.

        Where several have none, the one that is full the longest.
        """
        return next(iter(self.ask(Moment(now_s, wall_s), tokens=tokens, inputs=inputs)), None)

    def ask(self, now: Moment, *, tokens: int = 0, inputs: int = 1) -> tuple[Spent, ...]:
        """Count one request, or return the windows without room for it, the one that is full the longest first."""
        amounts: Mapping[str, int] = {"requests": 1, "tokens": tokens, "inputs": inputs}
        full = []
        for limit, window in self._windows:
            again_s = window.wait_s(amounts[limit.what], now)
            if again_s > 0:
                left = window.left(now)
                full.append(Spent(limit.window, limit.amount, again_s, limit.what, left, amounts[limit.what]))
        if not full:
            for limit, window in self._windows:
                window.add(amounts[limit.what], now)
        return tuple(sorted(full, key=lambda spent: -spent.again_s))

    def left(self, now: Moment) -> list[Left]:
        """Return what each window still holds."""
        return [Left(limit, window.left(now), window.reset_s(now)) for limit, window in self._windows]

    def headers(self, now_s: float, wall_s: float = 0.0) -> dict[str, str]:
        """Return OpenAI's `x-ratelimit-*`, of requests and of tokens each for the window with the least left."""
        left = self.left(Moment(now_s, wall_s))
        headers: dict[str, str] = {}
        for what in ("requests", "tokens"):
            of_it = [one for one in left if one.limit.what == what]
            if of_it:
                headers |= limit_headers(what, min(of_it, key=lambda one: one.amount))
        return headers


class Tally:
    """How many requests were counted and how many turned away with a 429."""

    def __init__(self) -> None:
        self.granted = 0
        self.refused = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} granted={self.granted} refused={self.refused}>"

    @property
    def refused_share(self) -> float:
        """The share of 429s among all that asked, 0 to 1."""
        return self.refused / max(1, self.granted + self.refused)


class Quotas(Tally):
    """The meters of one upstream, by account and model; itself the tally of all of them."""

    def __init__(self, plan: Plan = None) -> None:
        super().__init__()
        self._plan: Mapping[str, Quota] = {ANY_MODEL: plan or Quota()} if isinstance(plan, Quota | None) else plan
        self._meters: dict[tuple[str, str], QuotaMeter] = {}
        self._shared: dict[tuple[str, Limit], Window] = {}
        self._tallies: dict[tuple[str, str], Tally] = {}

    def ask(self, account: str, model: str, now: Moment, *, tokens: int = 0, inputs: int = 1) -> tuple[Spent, ...]:
        """Count one request, or return the windows without room for it, the one that is full the longest first."""
        spent = self.meter(account, model).ask(now, tokens=tokens, inputs=inputs)
        for tally in (self, self._tallies.setdefault((account, model), Tally())):
            tally.granted += not spent
            tally.refused += bool(spent)
        return spent

    def of(self, account: str | None = None, model: str | None = None) -> Tally:
        """Return the counts of an account, of a model, or of both; None is any."""
        total = Tally()
        for (by, of), tally in self._tallies.items():
            if account in {None, by} and model in {None, of}:
                total.granted += tally.granted
                total.refused += tally.refused
        return total

    def meter(self, account: str, model: str) -> QuotaMeter:
        """Return what counts for `model` on `account`."""
        meter = self._meters.get((account, model))
        if meter is None:
            quota = self._plan.get(model) or self._plan.get(ANY_MODEL) or Quota()
            meter = self._meters[account, model] = QuotaMeter(quota, lambda limit: self._window(account, limit))
        return meter

    def _window(self, account: str, limit: Limit) -> Window:
        if limit.each == "model":
            return _new_window(limit)
        shared = self._shared.get((account, limit))
        if shared is None:
            shared = self._shared[account, limit] = _new_window(limit)
        return shared


def limit_headers(what: str, left: Left) -> dict[str, str]:
    """Write what a window still holds as `x-ratelimit-*`."""
    return {
        f"x-ratelimit-limit-{what}": str(left.limit.amount),
        f"x-ratelimit-remaining-{what}": str(left.amount),
        f"x-ratelimit-reset-{what}": duration(left.reset_s),
    }


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


def _new_window(limit: Limit) -> Window:
    return WINDOWS[limit.window](limit.amount)
