"""A bucket's state on the disk: it goes on where it was, and no bytes whatever keep a key from starting."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.model import Limits, Plan
from cortex.messages import Allowance, Estimate, Failure
from cortex.quota.quota import Quota
from cortex.quota.scopes import MODELS_KEPT
from cortex.quota.terms import Now, Used

ONE = Estimate(10, 10)
LIMITS = {"*": Limits(requests_per_minute=5, requests_per_day=5, tokens_per_minute=1_000)}


def new(plan=None) -> Quota:
    return Quota("test", plan or Plan(scope="model"), LIMITS, Limits(requests_per_month=100))


def used_one(now) -> Quota:
    quota = new()
    quota.settle(quota.reserve("m", ONE, now), Used(1, 10, 10, 0), now)
    return quota


def restarted(quota, now, then, plan=None) -> Quota:
    fresh = new(plan)
    assert fresh.restore(quota.state(now), then) is True
    return fresh


@pytest.fixture
def after(now):
    """Return a moment of the next process, whose monotonic clock begins anew."""
    return lambda seconds: Now(7.0 + seconds, now.wall + seconds)


def test_it_counts_on_where_it_was(now, after):
    before = used_one(now)
    fresh = restarted(before, now, after(10))

    assert [(window.used, window.left) for window in fresh.windows(after(10))] == [
        (window.used, window.left) for window in before.windows(now)
    ]


def test_a_rolling_window_forgets_at_its_time(now, after):
    fresh = restarted(used_one(now), now, after(30))

    assert {window.period: window.used for window in fresh.windows(after(59)) if window.counts == "requests"} == {
        "month": 1, "minute": 1, "day": 1,
    }  # fmt: skip
    assert {window.period: window.used for window in fresh.windows(after(61)) if window.counts == "requests"} == {
        "month": 1, "minute": 0, "day": 1,
    }  # fmt: skip


def test_what_was_under_way_counts_as_used(now, after):
    quota = new()
    quota.reserve("m", ONE, now)
    fresh = restarted(quota, now, after(1))

    assert {window.used for window in fresh.windows(after(1)) if window.counts == "requests"} == {1}


def test_a_bucket_has_refilled_meanwhile(now, after):
    plan = Plan(scope="model", refills=True)
    quota = new(plan)
    quota.settle(quota.reserve("m", Estimate(500, 500), now), None, now)
    fresh = restarted(quota, now, after(30), plan)

    assert [window.used for window in fresh.windows(after(30)) if window.counts == "tokens"] == [500]


def test_a_clock_that_was_set_back_makes_it_count_as_of_now(now, after):
    fresh = restarted(used_one(now), now, after(-5_000))

    assert [window.used for window in fresh.windows(after(-4_990)) if window.period == "minute"] == [1, 20]


def test_rests_go_on_and_are_forgotten_when_over(now, after):
    quota = new()
    quota.limited("m", Failure("rate_limited", "", 429, window="minute", retry_after_s=100.0), now)
    fresh = restarted(quota, now, after(40))

    assert fresh.rests(after(40)) == [("m", after(100).mono, "rate limited for the minute, back in 60 s")]
    assert restarted(quota, now, after(101)).rests(after(101)) == []


def test_no_rest_grows_longer_than_a_day_by_a_clock_set_back(now, after):
    quota = new()
    quota.limited("m", Failure("rate_limited", "", 429, retry_after_s=1e6), now)
    (rest,) = restarted(quota, now, after(-1e7)).rests(after(-1e7))

    assert rest.until == after(-1e7).mono + 86_400.0


def test_what_the_upstream_said_is_kept(now, after):
    quota = new()
    quota.heard("m", [Allowance("requests", "hour", 50, 20, 900.0)], now)
    fresh = restarted(quota, now, after(1))
    hourly = next(window for window in fresh.windows(after(1)) if window.period == "hour")

    assert (hourly.limit, hourly.left, hourly.source) == (50, 20, "headers")


def test_windows_that_are_gone_from_the_settings_are_left_out(now, after):
    fresh = Quota("test", Plan(scope="model"), {}, Limits())

    assert fresh.restore(used_one(now).state(now), after(1)) is True
    assert fresh.windows(after(1)) == []


def test_a_bucket_that_holds_nothing_has_next_to_no_state(now):
    assert new().state(now) == b'{"version":1,"scopes":[]}'


def test_many_requests_make_no_large_state(now):
    quota = Quota("test", Plan(scope="model"), {"*": Limits(requests_per_hour=10**6, requests_per_day=10**6)}, Limits())
    for number in range(5_000):
        moment = Now(now.mono + number, now.wall + number)
        quota.settle(quota.reserve("m", ONE, moment), None, moment)

    assert len(quota.state(moment)) < 3_000
    assert 3_600 <= next(iter(quota.windows(moment))).used <= 3_660


@given(state=st.binary(max_size=200))
def test_any_bytes_are_survived(state):
    quota = new()

    assert quota.restore(state, Now(0.0, 1e9)) is False
    assert quota.spent("m", ONE, Now(0.0, 1e9)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["model", "windows", "rests"]), inner),
    max_leaves=8,
)


@given(rows=st.lists(JSON, max_size=4))
def test_what_cannot_be_read_is_left_out_and_the_rest_is_kept(rows):
    moment = Now(0.0, 1_795_608_000.0)
    state = msgspec.json.decode(used_one(moment).state(moment))
    state["scopes"] += rows
    quota = new()
    quota.restore(msgspec.json.encode(state), moment)

    assert quota.spent("m", Estimate(0, 981), moment) is not None
    assert quota.spent("m", Estimate(0, 980), moment) is None


@given(data=st.data())
def test_a_state_that_was_cut_or_scribbled_on_raises_nothing(data):
    moment = Now(0.0, 1_795_608_000.0)
    quota = used_one(moment)
    quota.limited("m", Failure("rate_limited", "", 429, window="day"), moment)
    quota.heard("m", [Allowance("requests", "hour", 50, 20, 900.0)], moment)
    state = bytearray(quota.state(moment))
    for _ in range(data.draw(st.integers(0, 4))):
        state[data.draw(st.integers(0, len(state) - 1))] = data.draw(st.integers(32, 126))
    fresh = new()
    fresh.restore(bytes(state[: data.draw(st.integers(0, len(state)))]), moment)
    fresh.windows(moment)
    fresh.spent("m", ONE, moment)
    fresh.state(moment)


def test_no_more_scopes_are_taken_in_than_are_kept(now):
    rows = [{"model": f"m{number}"} for number in range(2 * MODELS_KEPT)]
    quota = new()
    quota.restore(msgspec.json.encode({"version": 1, "scopes": rows}), now)

    assert len(list(quota._scopes)) <= MODELS_KEPT + 2
