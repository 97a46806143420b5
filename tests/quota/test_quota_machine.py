"""A bucket of quota against an upstream that keeps a log of everything and adds it up anew each time.

Whatever is asked, reserved, settled, released, heard, edited, saved and restored, and however the wall clock jumps: what
was let through never exceeds a window. And where nobody but our own count speaks, nothing is held back that would fit.
"""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cortex.config.model import Limits, Plan
from cortex.messages import Allowance, Estimate, Failure
from cortex.quota.quota import Quota, Reservation
from cortex.quota.terms import Now, Used

ZONE = "America/Los_Angeles"
START = datetime(2026, 10, 31, 22, tzinfo=ZoneInfo(ZONE)).timestamp()
"""Two hours before midnight, the day before clocks are set back."""

LENGTH_S = {"minute": 60.0, "hour": 3_600.0, "day": 86_400.0}
COUNTS = {"requests": 0, "tokens": 1, "input_tokens": 2}


class Sent(NamedTuple):
    """One request as the upstream's log has it; times are true ones, whatever any clock shows."""

    model: str
    amounts: tuple[int, int, int]
    sent: float
    sent_day: str
    seen: float | None = None
    seen_day: str = ""


def sizes(requests: int, hourly: int, daily: int, tokens: int) -> Limits:
    return Limits(
        requests_per_minute=requests, requests_per_hour=hourly, requests_per_day=daily, tokens_per_minute=tokens
    )


DAILY = st.builds(Limits, requests_per_day=st.integers(1, 4))
LIMITS = st.builds(sizes, st.integers(1, 4), st.integers(2, 8), st.integers(3, 12), st.integers(50, 300))
MODELS = st.sampled_from(["small", "large"])


class Counting(RuleBasedStateMachine):
    """Only our own count speaks."""

    @initialize(
        limits=LIMITS | DAILY,
        key_limits=st.none() | LIMITS | DAILY,
        refills=st.booleans(),
        counts=st.sampled_from(["all", "input"]),
        counts_cached=st.booleans(),
    )
    def begin(self, limits, key_limits, refills, counts, counts_cached):
        self.true, self.base, self.offset = 1_000.0, 0.0, 0.0
        self.plan = Plan(scope="model", zone=ZONE, refills=refills, counts=counts, counts_cached=counts_cached)
        self.limits, self.key_limits = limits, key_limits or Limits()
        self.quota = self.new()
        self.log: list[Sent] = []
        self.under_way: dict[int, Reservation] = {}
        self.only_we_count = True
        self.rests_until: dict[str, float] = {}

    def new(self) -> Quota:
        return Quota("test", self.plan, {"*": self.limits}, self.key_limits)

    # The upstream

    @property
    def now(self) -> Now:
        return Now(self.true + self.base, START + self.true - 1_000.0 + self.offset)

    @property
    def day(self) -> str:
        return self.day_at(self.true)

    def day_at(self, true: float) -> str:
        wall = START + true - 1_000.0 + self.offset
        return str(datetime.fromtimestamp(wall, ZoneInfo(ZONE)).date())

    def windows(self, model):
        for whose, line in ((model, self.limits), ("", self.key_limits)):
            for field in line.__struct_fields__:
                limit = getattr(line, field)
                if limit is not None:
                    counts, _, period = field.partition("_per_")
                    counts = "input_tokens" if counts == "tokens" and self.plan.counts == "input" else counts
                    yield whose, COUNTS[counts], period, limit

    def held(self, whose, place, period, limit, late_s):
        """Add up what a window holds at worst; uses are forgotten `late_s` late."""
        log = [sent for sent in self.log if whose in {"", sent.model}]
        ended = sorted((sent for sent in log if sent.seen is not None), key=lambda sent: sent.seen)
        held = sum(sent.amounts[place] for sent in log if sent.seen is None)
        if self.plan.refills:
            level, at = 0.0, 0.0
            for sent in ended:
                level = max(0.0, level - (sent.seen - at) * limit / LENGTH_S[period]) + sent.amounts[place]
                at = sent.seen
            return held + max(0.0, level - (self.true - at) * limit / LENGTH_S[period])
        if period == "day":
            return held + sum(sent.amounts[place] for sent in ended if self.day in {sent.sent_day, sent.seen_day})
        return held + sum(sent.amounts[place] for sent in ended if sent.seen > self.true - LENGTH_S[period] - late_s)

    def fits(self, model, amounts, *, late_s=-0.002, slack=0.01):
        return all(
            self.held(whose, place, period, limit, late_s) + amounts[place] <= limit + slack
            for whose, place, period, limit in self.windows(model)
        )

    # What may happen

    @rule(model=MODELS, tokens=st.tuples(st.integers(0, 40), st.integers(0, 40)), times=st.integers(1, 4))
    def ask(self, model, tokens, times):
        for _ in range(times):
            self.ask_once(model, Estimate(*tokens))

    @rule(model=MODELS)
    def only_look(self, model):
        assert 0.0 <= self.quota.share_left(model, self.now) <= 1.0

    def ask_once(self, model, estimate):
        amounts = (1, estimate.input_tokens + estimate.output_tokens, estimate.input_tokens)
        spent = self.quota.spent(model, estimate, self.now)
        if spent is not None:
            assert spent.until > self.now.mono
            assert spent.why
            if self.only_we_count:
                slack = -0.01 if self.plan.refills else 0.0
                assert not self.fits(model, amounts, late_s=0.002, slack=slack), f"held back: {spent}"
            return
        assert self.fits(model, amounts)
        assert self.rests_until.get(model, 0.0) <= self.true
        self.under_way[len(self.log)] = self.quota.reserve(model, estimate, self.now)
        self.log.append(Sent(model, amounts, self.true, self.day))

    @rule(model=MODELS, tokens=st.integers(1, 40), wait_s=st.sampled_from([0.0, 1.0, 30.0]), share=st.floats(0, 1))
    def ask_and_settle(self, model, tokens, wait_s, share):
        self.ask_once(model, Estimate(tokens, tokens))
        self.true += wait_s
        if self.under_way:
            self.end(next(reversed(self.under_way)), share=share, cached=0, ago=0.0, known=True)

    @rule(data=st.data(), share=st.floats(0, 1), cached=st.integers(0, 20), ago=st.floats(0, 1), known=st.booleans())
    def settle(self, data, share, cached, ago, known):
        if self.under_way:
            number = data.draw(st.sampled_from(list(self.under_way)))
            self.end(number, share=share, cached=cached, ago=ago, known=known)

    def end(self, number, *, share, cached, ago, known):
        reservation, sent = self.under_way.pop(number), self.log[number]
        began = self.true - ago * (self.true - sent.sent)
        tokens = [int(share * sent.amounts[2]), int(share * (sent.amounts[1] - sent.amounts[2]))]
        used = Used(1, *tokens, min(cached, tokens[0])) if known else None
        self.quota.settle(reservation, used, self.now, began=began + self.base)
        self.quota.settle(reservation, used, self.now)
        began_day = self.day_at(began)
        if self.plan.refills and began < max((other.seen or 0.0 for other in self.log), default=0.0):
            self.only_we_count = False  # a bucket that is told of a use late lets it come back late
        amounts = sent.amounts
        if used is not None:
            counted = used.input_tokens - (0 if self.plan.counts_cached else used.cached_tokens)
            amounts = (1, counted + used.output_tokens, counted)
        self.log[number] = sent._replace(amounts=amounts, seen=began, seen_day=began_day)

    @rule(data=st.data(), more=st.integers(1, 200))
    def settle_for_more_than_estimated(self, data, more):
        if not self.under_way:
            return
        number = data.draw(st.sampled_from(list(self.under_way)))
        reservation, sent = self.under_way.pop(number), self.log[number]
        inputs = sent.amounts[2] + more
        self.quota.settle(reservation, Used(1, inputs, 0, 0), self.now)
        self.log[number] = sent._replace(amounts=(1, inputs, inputs), seen=self.true, seen_day=self.day)

    @rule(data=st.data())
    def release(self, data):
        if not self.under_way:
            return
        number = data.draw(st.sampled_from(list(self.under_way)))
        reservation = self.under_way.pop(number)
        self.quota.release(reservation, self.now)
        self.quota.settle(reservation, Used(1, 10, 10, 0), self.now)
        self.log[number] = self.log[number]._replace(amounts=(0, 0, 0))

    @rule(seconds=st.sampled_from([0.5, 7.0, 20.0, 61.0, 3_700.0, 9_000.0]))
    def wait(self, seconds):
        self.true += seconds

    @rule(hours=st.sampled_from([0.0, 1.0, 2.5, 25.0, -0.5]))
    def jump(self, hours):
        self.offset = hours * 3_600.0

    @rule(limits=LIMITS, daily=DAILY)
    def edit(self, limits, daily):
        if not self.plan.refills:
            self.limits = daily if self.limits.requests_per_minute is None else limits
            self.quota.configure(self.plan, {"*": self.limits}, self.key_limits)

    @invariant()
    def the_windows_say_what_is_under_way(self):
        if not hasattr(self, "quota"):
            return
        for window in self.quota.windows(self.now):
            under_way = [self.log[number] for number in self.under_way if window.model in {"", self.log[number].model}]
            assert window.reserved == sum(sent.amounts[COUNTS[window.counts]] for sent in under_way)
            assert 0 <= window.left <= window.limit
            assert window.used >= 0


class Restarted(Counting):
    """The process dies now and then, with requests under way."""

    @rule(down_s=st.sampled_from([0.0, 30.0, 4_000.0]), base=st.floats(0, 1e5))
    def restart(self, down_s, base):
        state = self.quota.state(self.now)
        for number in self.under_way:  # they are saved as used now, whatever day the clock showed when they were sent
            self.log[number] = self.log[number]._replace(seen=self.true, sent_day=self.day, seen_day=self.day)
        old, self.under_way = self.under_way, {}
        self.true += down_s
        self.base = base
        self.quota = self.new()
        assert self.quota.restore(state, self.now)
        for reservation in old.values():
            self.quota.release(reservation, self.now)
        self.only_we_count = False


class Hearing(Restarted):
    """The upstream has its say too."""

    @rule(
        model=MODELS,
        counts=st.sampled_from(["requests", "tokens"]),
        period=st.sampled_from(["minute", "hour", "day"]),
        remaining=st.integers(0, 5),
        reset_s=st.none() | st.floats(1, 5_000),
    )
    def hear(self, model, counts, period, remaining, reset_s):
        known = {(place, period) for whose, place, period, _ in self.windows(model) if whose}
        if (COUNTS["input_tokens" if (counts, self.plan.counts) == ("tokens", "input") else counts], period) in known:
            self.quota.heard(model, [Allowance(counts, period, 1_000, remaining, reset_s)], self.now)
            self.only_we_count = False
            if remaining == 0:
                self.rests_until[model] = max(self.rests_until.get(model, 0.0), self.true + (reset_s or 0.0))

    @rule(model=MODELS, window=st.sampled_from(["minute", "hour", "day", ""]), after_s=st.none() | st.floats(1, 9e5))
    def refuse(self, model, window, after_s):
        failure = Failure("rate_limited", "too many", 429, window=window, retry_after_s=after_s)
        rest = self.quota.limited(model, failure, self.now)
        assert rest.model == model
        assert self.now.mono < rest.until <= self.now.mono + 86_400.0
        self.only_we_count = False
        self.rests_until[model] = max(self.rests_until.get(model, 0.0), rest.until - self.base)

    @rule()
    def resume(self):
        self.quota.resume()
        self.rests_until.clear()


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
TestRestarted = Restarted.TestCase
TestRestarted.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)
TestHearing = Hearing.TestCase
TestHearing.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
