"""What the headers of an answer do: they may fill in sizes, and leave less than our own count, never more."""

import pytest

from cortex.config.model import Limits, Plan
from cortex.messages import Allowance, Estimate
from cortex.quota.quota import Quota
from cortex.quota.terms import Used

ONE = Estimate(10, 10)


@pytest.fixture
def quota():
    return Quota("test", Plan(scope="model"), {"*": Limits(requests_per_minute=10)}, Limits())


def left(quota, now, counts="requests", period="minute"):
    return next(window.left for window in quota.windows(now) if (window.counts, window.period) == (counts, period))


def test_less_than_we_thought_is_believed_until_the_reset(quota, now, later):
    quota.heard("m", [Allowance("requests", "minute", 10, 3, 20.0)], now)

    assert left(quota, later(19.9)) == 3
    assert left(quota, later(20.1)) == 10


def test_more_than_we_thought_is_not(quota, now):
    quota.settle(quota.reserve("m", ONE, now), Used(1, 10, 10, 0), now)
    quota.heard("m", [Allowance("requests", "minute", 10, 10, 20.0)], now)

    assert left(quota, now) == 9


def test_hearing_the_same_twice_takes_once(quota, now):
    for _ in range(3):
        quota.heard("m", [Allowance("requests", "minute", 10, 3, 20.0)], now)

    assert left(quota, now) == 3


def test_what_we_use_ourselves_comes_off_what_was_left(quota, now):
    quota.heard("m", [Allowance("requests", "minute", 10, 3, 20.0)], now)
    quota.reserve("m", ONE, now)

    assert left(quota, now) == 2


def test_nothing_left_is_a_rest_even_if_we_counted_less(quota, now, later):
    reservation = quota.reserve("m", ONE, now)
    quota.heard("m", [Allowance("requests", "minute", 10, 0, 90.0)], now)
    quota.release(reservation, now)

    assert quota.spent("m", ONE, later(89)).why == "no requests left for the minute, back in 1 s"
    assert quota.spent("m", ONE, later(90)) is None


@pytest.mark.parametrize(
    ("plan", "allowance", "wait_s"),
    [
        (Plan(scope="model"), Allowance("requests", "minute", 10, 0), 60.0),
        (Plan(scope="model"), Allowance("requests", "day", 10, 0), 12 * 3_600.0),
        (Plan(scope="model", refills=True), Allowance("requests", "day", 1_000, 0), 86.4),
        (Plan(scope="model", refills=True), Allowance("tokens", "hour", None, 0), 3_600.0),
    ],
)
def test_where_no_reset_is_named_it_is_when_the_window_has_some_again(plan, allowance, wait_s, now):
    quota = Quota("test", plan, {}, Limits())
    quota.heard("m", [allowance], now)

    assert quota.spent("m", ONE, now).until - now.mono == pytest.approx(wait_s, abs=0.01)


def test_sizes_fill_in_what_nobody_else_says(quota, now):
    quota.heard("m", [Allowance("requests", "day", 1_000, 900), Allowance("requests", "minute", 99)], now)
    sizes = {window.period: (window.limit, window.left, window.source) for window in quota.windows(now)}

    assert sizes == {"minute": (10, 10, "file"), "day": (1_000, 900, "headers")}


def test_a_size_in_headers_counts_more_than_one_in_a_429(quota, now):
    scope = quota._scopes.model("m", now)
    for limit, source in ((5, "error"), (7, "headers"), (9, "error")):
        quota._learn(scope, [Allowance("requests", "day", limit)], source, now)

    assert {window.period: window.limit for window in quota.windows(now)}["day"] == 7


def test_tokens_are_those_that_the_plan_counts(now):
    quota = Quota("test", Plan(scope="model", counts="input"), {}, Limits())
    quota.heard("m", [Allowance("tokens", "minute", 500, 400)], now)

    assert [window.counts for window in quota.windows(now)] == ["input_tokens"]


def test_a_bucket_refills_from_what_was_said(now, later):
    quota = Quota("test", Plan(scope="model", refills=True), {"*": Limits(tokens_per_minute=6_000)}, Limits())
    quota.heard("m", [Allowance("tokens", "minute", 6_000, 1_000, 5.0)], now)

    assert left(quota, now, "tokens") == 1_000
    assert left(quota, later(10), "tokens") == 2_000


def test_limits_of_a_key_are_heard_for_the_key(now):
    quota = Quota("test", Plan(scope="key"), {}, Limits())
    quota.heard("m", [Allowance("requests", "minute", 10, 0, 30.0)], now)

    assert quota.spent("another", ONE, now) is not None


def test_headers_that_say_nothing_change_nothing(quota, now):
    quota.heard("m", [], now)

    assert not quota.changed
