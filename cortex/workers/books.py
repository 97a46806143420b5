"""The books: what every key has used and may still use, in memory for all workers, written behind to the disk.

Theory of operation: a quota belongs to a key, or to several keys that share one, not to an actor; so it lives here, outlives
every crash, and two workers of one bucket meet in one `Quota`. A worker has an `Account`: its bucket, and its own usage.
A lease reserves there when it is granted and settles there when it ends, both at once and by whoever holds it, so nothing
is lost with an actor. The ledger asks a few times a second for what has changed (`collect`) and writes it; at the start it
gives back what it read (`restore`), of which each account takes its own when it is opened.
"""

import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from cortex.chat import Usage as Tokens
from cortex.config.model import OWN_PLAN, Limits, Price
from cortex.config.model import Worker as Settings
from cortex.ledger.prices import ROWS, PriceBook, cost
from cortex.ledger.prices import Price as Rate
from cortex.ledger.usage import Row, Tally, Usage
from cortex.messages import Estimate, Failure, Outcome
from cortex.quota.quota import Quota, Reservation
from cortex.quota.terms import Now, Rest, Spent, Used, Window

if TYPE_CHECKING:
    from cortex.workers.lease import Lease

NOTHING_GENERATED = frozenset({"rate_limited", "busy", "bad_request", "unsupported", "model_missing", "unauthorized"})
"""After these words the request counts, its tokens do not."""

QUOTA = "quota/"

_NOTHING = Estimate(0, 0)
_NO_PRICES: Mapping[str, Price] = {}


class Account:
    """One worker's side of the books."""

    __slots__ = ("_at", "_books", "_counts_allowed", "_fresh", "_is_free", "_name", "_provider", "counts", "quota")

    def __init__(self, books: "Books", settings: Settings, quota: Quota) -> None:
        self.quota = quota
        self._books = books
        self._at = books.at
        self._name = settings.name
        self._provider = settings.provider
        self._is_free = settings.free
        self._counts_allowed = settings.plan.counts_allowed
        self.counts = settings.key is not None or bool(settings.limits) or settings.key_limits != Limits()
        """Whether there is a quota to speak of: a machine of one's own has none until it says 429."""
        self._fresh: Tally | None = None
        """What was used and is not in the usage yet: that is looked up a few times a second, not with every answer."""

    def spent(self, model: str, estimate: Estimate, mono: float) -> Spent | None:
        """Return what of its quota keeps a request from being sent; None when nothing does."""
        return self.quota.spent(model, estimate, self._at(mono))

    def rate(self, model: str) -> Rate | None:
        """Return what `model` costs on the paid plan; None where nobody knows."""
        return self._books.rate(self._provider, model)

    def rests(self, model: str, mono: float) -> str:
        """Return why nothing at all can be asked of `model`; empty while something can."""
        spent = self.spent(model, _NOTHING, mono) if self.counts else None
        return "" if spent is None else spent.why

    def share_left(self, model: str, mono: float) -> float:
        """Return how much is left for `model`, 0 to 1, as rotation ranks it."""
        return self.quota.share_left(model, self._at(mono)) if self.counts else 1.0

    def reserve(self, model: str, estimate: Estimate) -> Reservation:
        """Hold what a request is estimated to use, until its lease settles."""
        return self.quota.reserve(model, estimate, self._books.now())

    def settle(self, lease: "Lease", outcome: Outcome) -> Rest | None:
        """Enter how a lease ended; return what a 429 made of the quota."""
        failure = outcome.failure
        if failure is None and lease.reservation is None:
            if lease.sent:
                self._count(lease.model, outcome.usage)
            return None
        now, quota = self._books.now(), self.quota
        if failure is not None:
            self._books.failed(self._name, failure, now)
        elif lease.sent:
            self._count(lease.model, outcome.usage)
        if lease.reservation is not None:
            if lease.sent:
                quota.settle(lease.reservation, self._used(lease, outcome), now, began=lease.began_s)
            else:
                quota.release(lease.reservation, now)
        if lease.allowances:
            quota.heard(lease.model, lease.allowances, now)
        if failure is not None and failure.word == "rate_limited":
            self.counts = True
            return quota.limited(lease.model, failure, now)
        return None

    def _used(self, lease: "Lease", outcome: Outcome) -> Used | None:
        usage, failure = outcome.usage, outcome.failure
        if failure is not None and failure.word in NOTHING_GENERATED:
            return Used(1, 0, 0, 0)
        if usage is None or failure is not None or outcome.cancelled:
            return None
        output = max(usage.output_tokens, lease.allowed_tokens) if self._counts_allowed else usage.output_tokens
        return Used(max(1, lease.asked), usage.input_tokens, output, usage.cached_tokens)

    def windows(self) -> list[Window]:
        """Return every window of the bucket whose limit is known."""
        return self.quota.windows(self._books.now())

    def _count(self, model: str, tokens: Tokens | None) -> None:
        sums = self._fresh
        if sums is None:
            sums = self._fresh = self._books.fresh(self)
        sums.requests += 1
        if tokens is None:
            return
        sums.input_tokens += tokens.input_tokens
        sums.output_tokens += tokens.output_tokens
        sums.cached_tokens += tokens.cached_tokens
        nano = self._books.cost(self._name, self._provider, model, tokens, is_free=self._is_free)
        sums.would_cost_nano += nano
        if not self._is_free:
            sums.cost_nano += nano

    def taken(self) -> tuple[str, Tally]:
        """Return what was used since the last call."""
        sums, self._fresh = self._fresh or Tally(), None
        return self._name, sums


class Books:
    """See the module's docstring. One for the process; everything happens on the event loop."""

    def __init__(
        self,
        *,
        prices: Callable[[], Mapping[str, Price]] = lambda: _NO_PRICES,
        reference: Callable[[], str] = lambda: OWN_PLAN,
        on_cost: Callable[[str, int, int], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Open books whose prices the settings may overrule (`prices`); `on_cost` hears nano-dollars paid and saved.

        `reference` names the model that savings are measured against.
        """
        self._reference = reference
        self._usage = Usage()
        self._fresh: list[Account] = []
        self._overrides = prices
        self._book_of = (_NO_PRICES, PriceBook(ROWS, _NO_PRICES))
        self._rates: dict[tuple[str, str], Rate | None] = {}
        self._on_cost = on_cost
        self._clock = clock
        self._wall = wall
        self._quotas: dict[str, Quota] = {}
        self._stored: dict[str, bytes] = {}
        self._last = Now(float("-inf"), 0.0)

    def now(self) -> Now:
        """Return this moment on both clocks."""
        return Now(self._clock(), self._wall())

    def at(self, mono: float) -> Now:
        """Return the moment at which the monotonic clock shows `mono`, which is now; the same one for a whole dispatch."""
        if self._last.mono != mono:
            self._last = Now(mono, self._wall())
        return self._last

    def account(self, settings: Settings) -> Account:
        """Open a worker's account under its settings; what its bucket has used before is there already."""
        return Account(self, settings, self._quota(settings))

    def fresh(self, account: Account) -> Tally:
        """Return empty sums for an account, which will be asked for them (`taken`) soon."""
        self._fresh.append(account)
        return Tally()

    def failed(self, worker: str, failure: Failure, now: Now) -> None:
        """Count a request that ended in a failure."""
        self._usage.add(worker, now.wall, error=failure.word)

    def cost(self, worker: str, provider: str, model: str, tokens: Tokens, *, is_free: bool) -> int:
        """Return what tokens cost on the paid plan, in nano-dollars, 0 where nobody knows; tell what was paid and saved.

        Saved is what the model of comparison would have cost more, where one is set; else what a free plan gave for nothing.
        """
        rate = self.rate(provider, model)
        nano = 0 if rate is None else cost(rate, tokens)
        if self._on_cost is None:
            return nano
        paid, saved = (0, nano) if is_free else (nano, 0)
        reference = self._reference()
        if reference != OWN_PLAN:
            compared = self.rate("", reference)
            saved = 0 if compared is None else max(0, cost(compared, tokens) - paid)
        if paid or saved:
            self._on_cost(worker, paid, saved)
        return nano

    def rate(self, provider: str, model: str) -> Rate | None:
        """Return what `model` costs, whoever has it where `provider` is empty.

        Looked up anew a few times a second at most (`collect`), since prices have hours.
        """
        overrides = self._overrides()
        if overrides is not self._book_of[0]:
            self._book_of = (overrides, PriceBook(ROWS, overrides))
            self._rates.clear()
        try:
            return self._rates[provider, model]
        except KeyError:
            rate = self._rates[provider, model] = self._book_of[1].price_of(provider, model, self._wall())
            return rate

    def rows(self) -> list[Row]:
        """Return what each worker was used for, by hour and by day."""
        self._take_fresh()
        return self._usage.rows(self._wall())

    def _take_fresh(self) -> None:
        accounts, self._fresh = self._fresh, []
        wall = self._wall()
        for account in accounts:
            name, sums = account.taken()
            self._usage.add_sums(name, wall, sums)

    def restore(self, entries: Mapping[str, bytes]) -> int:
        """Take what the disk has, before the first account is opened; return how much of it could not be read."""
        self._stored = {name: value for name, value in entries.items() if name.startswith(QUOTA)}
        return self._usage.restore(entries)

    def collect(self) -> dict[str, bytes | None]:
        """Return what has changed since the last call, to be written."""
        now = self.now()
        self._take_fresh()
        self._rates.clear()
        changed = self._usage.dirty(now.wall)
        for name, quota in self._quotas.items():
            if quota.changed:
                quota.changed = False
                changed[QUOTA + name] = quota.state(now)
        return changed

    def _quota(self, settings: Settings) -> Quota:
        name = bucket_of(settings)
        quota = self._quotas.get(name)
        if quota is not None:
            quota.configure(settings.plan, settings.limits, settings.key_limits)
            return quota
        quota = self._quotas[name] = Quota(name, settings.plan, settings.limits, settings.key_limits)
        stored = self._stored.pop(QUOTA + name, None)
        if stored is not None:
            quota.restore(stored, self.now())
        return quota


def bucket_of(settings: Settings) -> str:
    """Return the name of what a worker draws on: its pool where keys share, else its key, whatever the worker is called.

    A key appears only as a digest of 64 bits: enough to tell keys apart, nothing to find one by.
    """
    if settings.bucket == "shared":
        return f"{settings.provider}/{settings.pool}"
    if settings.key is None:
        return f"{settings.provider}/{settings.name}"
    return f"{settings.provider}/{sha256(settings.key.reveal().encode()).hexdigest()[:16]}"
