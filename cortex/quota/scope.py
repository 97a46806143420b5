"""What is kept of one model of a key, or of the key as a whole: its windows, its rests, what is under way. Pure.

Theory of operation: what is left of a window is its limit, less what was used by our own count, less what requests
under way have reserved, less what the upstream says that others used (`Claim`). The last is kept apart from the count since it
ends when the upstream says, and since a person may say that it is wrong. So the upstream's word can only make less of
what is left, never more.
"""

from collections.abc import Iterable, Mapping
from math import ceil, floor, inf
from typing import NamedTuple

from cortex.config.model import Plan
from cortex.quota.counters import Counter, Entry, Refill, absorb, counter_for
from cortex.quota.dates import Dates
from cortex.quota.rests import Resting
from cortex.quota.sizes import Size
from cortex.quota.terms import LENGTH_S, Key, Now, Source, Spent, Window
from cortex.quota.words import lasting, too_large, used_of

_GRACE_S = 0.001
"""Added to the time at which a window has room again: then it has, however sums of floats were rounded."""

_UNDER_WAY_S = 5.0
"""When to ask again where requests under way hold enough tokens: they rarely use all that was reserved for them."""

_PLACE = {"requests": 0, "tokens": 1, "input_tokens": 2}


class Amounts(NamedTuple):
    """What one request uses of each kind of window."""

    requests: int
    tokens: int
    input_tokens: int


class Claim(NamedTuple):
    """What the upstream says was used beyond our own count."""

    amount: int
    until: float
    """Monotonic seconds."""


class Gauge:
    """A window whose limit is known."""

    __slots__ = ("counter", "key", "limit", "place", "source")

    def __init__(self, key: Key, size: Size, counter: Counter) -> None:
        self.key = key
        self.limit: int = size.limit
        self.source: Source = size.source
        self.counter = counter
        self.place = _PLACE[key.counts]
        """Where `Amounts` has its part."""


class Scope:
    """See the module's docstring. `model` is empty for the key as a whole."""

    __slots__ = (
        "_counted",
        "claims",
        "counters",
        "gauges",
        "last_used",
        "learned",
        "model",
        "reserved",
        "rests",
        "row",
    )

    def __init__(self, model: str, now: Now) -> None:
        self.model = model
        self.gauges: tuple[Gauge, ...] = ()
        self.counters: dict[Key, Counter] = {}
        """Also of windows that an edit took away: what they count is not lost should it come back."""
        self._counted: tuple[tuple[int, Counter], ...] = ()
        self.claims: dict[Key, Claim] = {}
        self.learned: dict[Key, Size] = {}
        """Windows that only the upstream told of."""
        self.reserved = [0, 0, 0]
        """By requests under way, as `Amounts` has them."""
        self.rests: dict[str, Resting] = {}
        """By the window that was named: `day` by a 429, `requests day` by headers, empty where none was."""
        self.row = 0
        """429s in a row that said nothing of when."""
        self.last_used = now.mono

    def __repr__(self) -> str:
        windows = ", ".join(f"{gauge.key.counts}/{gauge.key.period} {gauge.limit}" for gauge in self.gauges)
        return f"<Scope {self.model or 'key'!r} {windows or 'no limits'}, {self.reserved[0]} under way>"

    def fit(self, plan: Plan, sizes: Mapping[Key, Size], now: Now, *, anew: bool = False) -> None:
        """Take the windows that `sizes` and the upstream tell of; `anew`: the plan counts in another way than before."""
        if anew:
            old, self.counters = self.counters, {}
        gauges = []
        for key, size in {**self.learned, **sizes}.items():
            counter = self.counters.get(key)
            if counter is None:
                counter = self.counters[key] = counter_for(plan, key, size.limit)
                if anew and key in old:
                    absorb(counter, [Entry(now.wall, ceil(old[key].used(now)))], now)
            elif isinstance(counter, Refill) and counter.limit != size.limit:
                counter.resize(size.limit, now)
            gauges.append(Gauge(key, size, counter))
        self.gauges = tuple(gauges)
        self._counted = tuple((_PLACE[key.counts], counter) for key, counter in self.counters.items())

    def reserved_of(self, key: Key) -> int:
        """Return what requests under way hold of a window."""
        return self.reserved[_PLACE[key.counts]]

    def limit_of(self, key: Key) -> int | None:
        """Return the limit of a window; None where it is not known."""
        return next((gauge.limit for gauge in self.gauges if gauge.key == key), None)

    # What is left

    def left(self, gauge: Gauge, now: Now) -> float:
        """Return what may still be used; below 0 where more was used than the limit."""
        left = gauge.limit - gauge.counter.used(now) - self.reserved[gauge.place]
        return left - self._claimed(gauge.key, now) if self.claims else left

    def obstacle(self, amounts: Amounts, now: Now, dates: Dates) -> Spent | None:
        """Return what keeps so much from being used, of several what lasts longest."""
        worst: Spent | None = None
        for name, rest in list(self.rests.items()):
            if now.mono >= rest.until:
                del self.rests[name]
            elif worst is None or rest.until > worst.until:
                worst = Spent(rest.text(now, dates), rest.until, name.rpartition(" ")[2])
        for gauge in self.gauges:
            spent = self._spent(gauge, amounts[gauge.place], now)
            if spent is not None and (worst is None or spent.until > worst.until):
                worst = spent
        return worst

    def _spent(self, gauge: Gauge, amount: int, now: Now) -> Spent | None:
        key, limit = gauge.key, gauge.limit
        if limit <= 0:
            return Spent("no free quota for this model" if self.model else "no quota", inf, key.period)
        if amount > limit:
            return Spent(too_large(amount, limit, key), inf, key.period)
        left = self.left(gauge, now)
        if amount <= left:
            return None
        until = self._free_at(gauge, amount - left, now)
        if key.counts != "requests" and amount <= left + self.reserved[gauge.place]:
            until = min(until, now.mono + _UNDER_WAY_S)
        used = used_of(ceil(limit - left), limit, key)
        return Spent(f"{used}, back in {lasting(until - now.mono)}", until + _GRACE_S, key.period)

    def _free_at(self, gauge: Gauge, amount: float, now: Now) -> float:
        """Return when so much more will be free; what is reserved counts as used now."""
        free_at = gauge.counter.free_at(amount, now)
        claim = self.claims.get(gauge.key)
        if claim is None or now.mono >= claim.until:
            return free_at
        rest = amount - claim.amount
        return min(free_at, max(claim.until, gauge.counter.free_at(rest, now) if rest > 0 else now.mono))

    def share(self, now: Now) -> float:
        """Return the least share that is left of any window, between 0 and 1; what is whole again soon counts for more."""
        if self.rests and any(now.mono < rest.until for rest in self.rests.values()):
            return 0.0
        return min([self._share(gauge, now) for gauge in self.gauges]) if self.gauges else 1.0

    def _share(self, gauge: Gauge, now: Now) -> float:
        left = self.left(gauge, now)
        if left <= 0 or gauge.limit <= 0:
            return 0.0
        wait = min(1.0, (self._whole_at(gauge, now) - now.mono) / LENGTH_S[gauge.key.period])
        return float(min(1.0, left / gauge.limit) ** (0.5 + 0.5 * wait))

    def _whole_at(self, gauge: Gauge, now: Now) -> float:
        whole_at = gauge.counter.whole_at(now)
        reserved = self.reserved[gauge.place]
        if reserved:
            whole_at = max(whole_at, gauge.counter.free_at(reserved, now))
        claim = self.claims.get(gauge.key) if self.claims else None
        return whole_at if claim is None else max(whole_at, claim.until)

    def windows(self, now: Now) -> Iterable[Window]:
        """Return every window whose limit is known, for people."""
        for gauge in self.gauges:
            key, whole_at = gauge.key, self._whole_at(gauge, now)
            rests = [
                self.rests[name].until for name in (key.period, f"{key.counts} {key.period}") if name in self.rests
            ]
            rests_until = max(rests, default=-inf)
            yield Window(
                model=self.model,
                counts=key.counts,
                period=key.period,
                limit=gauge.limit,
                used=ceil(gauge.counter.used(now)),
                reserved=self.reserved[gauge.place],
                left=0 if rests_until > now.mono else max(0, floor(self.left(gauge, now))),
                reset_at=now.moved(whole_at).wall if whole_at > now.mono else None,
                source=gauge.source,
                rests_until=now.moved(rests_until).wall if rests_until > now.mono else None,
            )

    # What changes it

    def reserve(self, amounts: Amounts) -> None:
        """Keep so much for a request under way."""
        reserved = self.reserved
        reserved[0] += amounts[0]
        reserved[1] += amounts[1]
        reserved[2] += amounts[2]

    def give_back(self, amounts: Amounts) -> None:
        """End a reservation."""
        reserved = self.reserved
        reserved[0] -= amounts[0]
        reserved[1] -= amounts[1]
        reserved[2] -= amounts[2]

    def count(self, amounts: Amounts, sent: Now, seen: Now) -> None:
        """Count what the upstream counted at some moment between these two."""
        for place, counter in self._counted:
            if amounts[place]:
                counter.add(amounts[place], sent, seen)

    def lower(self, key: Key, remaining: int, until: float, now: Now) -> None:
        """Believe that no more than `remaining` is left of a window until then; where ours is less it stays."""
        excess = self._excess(key, remaining, now)
        if excess > 0:
            before = self.claims.get(key, Claim(0, now.mono))
            self.claims[key] = Claim(self._claimed(key, now) + excess, max(before.until, until))

    def drain(self, key: Key, remaining: int, now: Now) -> None:
        """Believe that a bucket which refills holds no more than `remaining` now; where ours is less it stays."""
        excess = self._excess(key, remaining, now)
        if excess > 0:
            self.counters[key].add(excess, now, now)

    def _excess(self, key: Key, remaining: int, now: Now) -> int:
        gauge = next((gauge for gauge in self.gauges if gauge.key == key), None)
        return 0 if gauge is None else ceil(self.left(gauge, now) - remaining)

    def rest(self, name: str, rest: Resting) -> Resting:
        """Rest for the window `name`; of two rests the longer one counts."""
        known = self.rests.get(name)
        if known is None or known.until < rest.until:
            self.rests[name] = rest
        return self.rests[name]

    def learn(self, key: Key, limit: int | None, source: Source) -> None:
        """Take a size that the upstream told, unless a better source did. None at all is no size: see `rests`."""
        known = self.learned.get(key)
        if limit is not None and limit > 0 and (known is None or (known.source, source) != ("headers", "error")):
            self.learned[key] = Size(limit, source)

    def is_resting(self, name: str, now: Now) -> bool:
        """Whether it rests for the window `name`."""
        return name in self.rests and now.mono < self.rests[name].until

    def forget_rests(self) -> None:
        """Forget whatever the upstream said of when; what was counted stays."""
        self.rests.clear()
        self.claims.clear()
        self.row = 0

    # Whether it is worth keeping

    def is_empty(self, now: Now) -> bool:
        """Whether forgetting it would change nothing but what its headers told."""
        return (
            not any(self.reserved)
            and not any(now.mono < rest.until for rest in self.rests.values())
            and not any(now.mono < claim.until for claim in self.claims.values())
            and not any(counter.used(now) for counter in self.counters.values())
        )

    def is_idle(self, now: Now) -> bool:
        """Whether it is empty, and was not used for two of its longest periods."""
        longest_s = max((LENGTH_S[key.period] for key in self.counters), default=60.0)
        return now.mono - self.last_used > 2 * longest_s and self.is_empty(now)

    def _claimed(self, key: Key, now: Now) -> int:
        claim = self.claims.get(key)
        return claim.amount if claim is not None and now.mono < claim.until else 0
