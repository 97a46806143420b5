"""What a 429 comes to: every kind that the three providers are known to send, and the rules behind them."""

import pytest

from cortex.config.model import Limits, Plan
from cortex.messages import Allowance, Estimate, Failure
from cortex.quota.quota import Quota
from cortex.quota.terms import Now, Used

ONE = Estimate(10, 10)
HOUR = 3_600.0
DAY = 24 * HOUR
TO_PACIFIC_MIDNIGHT = 20 * HOUR


def refused(window="", after_s=None, scope="", *said) -> Failure:
    return Failure(
        "rate_limited", "too many", 429, retry_after_s=after_s, window=window, scope=scope, allowances=tuple(said)
    )


def per(counts, period, limit) -> Allowance:
    return Allowance(counts, period, limit=limit)


GEMINI = "gemini-3.5-flash"
GROQ = "openai/gpt-oss-20b"
COHERE = "command-a-03-2025"


@pytest.mark.parametrize(
    ("provider", "model", "failure", "rests_s"),
    [
        pytest.param("gemini", GEMINI, refused("day", 20.0, "model"), TO_PACIFIC_MIDNIGHT, id="a day, retryDelay 20s"),
        pytest.param("gemini", GEMINI, refused("day", 35_675.5, "model"), TO_PACIFIC_MIDNIGHT, id="a day, 9h54m"),
        pytest.param("gemini", GEMINI, refused("day", 22 * HOUR), 22 * HOUR, id="a day, longer than to midnight"),
        pytest.param("gemini", GEMINI, refused("day"), TO_PACIFIC_MIDNIGHT, id="a day, no retryDelay"),
        pytest.param("gemini", GEMINI, refused("minute", 46.2, "model"), 46.2, id="a minute"),
        pytest.param("gemini", GEMINI, refused("minute"), 60.0, id="a minute, no retryDelay"),
        pytest.param(
            "gemini",
            "gemini-x",
            refused("day", 37_020.0, "model", per("requests", "day", 0)),
            TO_PACIFIC_MIDNIGHT,
            id="limit: 0",
        ),
        pytest.param("gemini", GEMINI, refused(), 5.0, id="check quota, without details"),
        pytest.param("groq", GROQ, refused("minute", 7.66, "model", per("tokens", "minute", 8_000)), 7.66, id="TPM"),
        pytest.param("groq", GROQ, refused("minute", 2.0, "model", per("requests", "minute", 30)), 2.0, id="RPM"),
        pytest.param("groq", GROQ, refused("day", 577.0, "model", per("tokens", "day", 200_000)), 577.0, id="TPD"),
        pytest.param("groq", GROQ, refused("day", 86.4, "model", per("requests", "day", 1_000)), 86.4, id="RPD"),
        pytest.param("groq", GROQ, refused("minute"), 60.0, id="a minute of a bucket, without a time"),
        pytest.param("groq", GROQ, refused("day"), HOUR, id="a day of a bucket, without a time"),
        pytest.param("groq", GROQ, refused("hour", 300.0), 300.0, id="audio seconds an hour"),
        pytest.param("groq", GROQ, refused("hour"), HOUR, id="an hour, without a time"),
        pytest.param("groq", GROQ, refused("second"), 1.0, id="a second"),
        pytest.param(
            "cohere", COHERE, refused("minute", None, "model", per("requests", "minute", 20)), 60.0, id="20 a minute"
        ),
        pytest.param(
            "cohere", COHERE, refused("month", None, "key", per("requests", "month", 1_000)), DAY, id="1000 a month"
        ),
        pytest.param(
            "cohere", COHERE, refused("minute", None, "", per("tokens", "minute", 100_000)), 60.0, id="trial tokens"
        ),
        pytest.param("cohere", COHERE, refused("", 3.5), 3.5, id="try again later, with a header"),
        pytest.param("cohere", COHERE, refused(), 5.0, id="try again later"),
    ],
)
def test_it_rests_as_long_as_that_kind_asks(provider, model, failure, rests_s, preset, now, later):
    quota = preset(provider)
    rest = quota.limited(model, failure, now)

    assert rest.until - now.mono == pytest.approx(rests_s)
    assert rest.model == ("" if failure.scope == "key" else model)
    assert quota.share_left(model, now) == 0.0
    assert quota.spent(model, ONE, later(rests_s - 0.01)) is not None
    assert quota.spent(model, ONE, later(rests_s + 0.01)) is None


def test_a_models_rest_leaves_the_others_alone(preset, now):
    quota = preset("groq")
    quota.limited("a", refused("minute", 30.0), now)

    assert quota.spent("b", ONE, now) is None


def test_where_limits_are_of_the_key_all_its_models_rest(now):
    quota = Quota("test", Plan(scope="key"), {}, Limits())
    rest = quota.limited("a", refused("minute", 30.0), now)

    assert rest == ("", now.mono + 30.0, "rate limited for the minute, back in 30 s")
    assert quota.spent("b", ONE, now).why == rest.why


def test_the_failures_own_scope_counts_more_than_the_plans(preset, now):
    quota = preset("cohere")
    quota.limited("a", refused("minute", 30.0, "key"), now)

    assert quota.spent("b", ONE, now) is not None


def test_of_two_rests_the_longer_one_counts(preset, now, later):
    quota = preset("groq")
    quota.limited(GROQ, refused("minute", 50.0), now)
    rest = quota.limited(GROQ, refused("minute", 5.0), later(1))

    assert rest.until == now.mono + 50.0


def test_a_month_is_tried_again_each_day_and_says_until_when_it_would_be(preset, now):
    quota = preset("cohere")
    rest = quota.limited(COHERE, refused("month", None, "key"), now)

    assert rest.why == "rate limited for the month until 1 Dec, tried again in 24 h"


def test_an_absurd_rest_is_kept_but_tried_again(preset, now, later):
    quota = preset("groq")
    quota.limited(GROQ, refused("", 30 * DAY), now)

    assert quota.spent(GROQ, ONE, later(HOUR)).why == "rate limited until 25 Dec, tried again in 23 h"
    assert quota.spent(GROQ, ONE, later(DAY + 1)) is None


class TestSilent:
    """429s that say neither what is spent nor for how long."""

    def test_each_doubles_the_rest_up_to_five_minutes(self, preset, now):
        quota, rests = preset("cohere"), []
        for _ in range(9):
            rest = quota.limited("m", refused(), now)
            rests.append(round(rest.until - now.mono, 3))
            now = Now(rest.until, now.wall + rests[-1])

        assert rests == [5, 10, 20, 40, 80, 160, 300, 300, 300]

    def test_those_of_requests_that_were_under_way_together_are_one(self, preset, now, later):
        quota = preset("cohere")
        for _ in range(5):
            rest = quota.limited("m", refused(), later(0.1))

        assert rest.until - now.mono == pytest.approx(5.1)

    def test_a_success_begins_the_row_anew(self, preset, now):
        quota = preset("cohere")
        for _ in range(3):
            rest = quota.limited("m", refused(), now)
            now = Now(rest.until, now.wall + rest.until - now.mono)
        quota.settle(quota.reserve("m", ONE, now), Used(1, 1, 1, 0), now)

        assert quota.limited("m", refused(), now).until - now.mono == 5.0

    def test_an_end_without_a_verdict_does_not(self, preset, now):
        quota = preset("cohere")
        rest = quota.limited("m", refused(), now)
        now = Now(rest.until, now.wall + 5)
        quota.settle(quota.reserve("m", ONE, now), None, now)

        assert quota.limited("m", refused(), now).until - now.mono == 10.0


class TestFull:
    """The window that a 429 names is full."""

    def test_its_count_is_raised_until_the_reset(self, preset, now, later):
        quota = preset("gemini")
        quota.limited(GEMINI, refused("day", 20.0, "model", per("requests", "day", 20)), now)
        daily = {window.period: window for window in quota.windows(later(HOUR)) if window.counts == "requests"}["day"]

        assert (daily.left, daily.used) == (0, 0)
        assert daily.rests_until == pytest.approx(now.wall + TO_PACIFIC_MIDNIGHT)
        assert daily.reset_at == pytest.approx(now.wall + TO_PACIFIC_MIDNIGHT)

    def test_the_only_window_of_its_period_needs_no_name(self, preset, now):
        quota = preset("gemini")
        quota.limited(GEMINI, refused("day"), now)
        scope = quota._scopes.model(GEMINI, now)

        assert [key.period for key in scope.claims] == ["day"]

    def test_two_windows_of_its_period_are_not_guessed_between(self, preset, now):
        quota = preset("gemini")
        quota.limited(GEMINI, refused("minute"), now)

        assert not quota._scopes.model(GEMINI, now).claims

    def test_a_size_in_it_is_learned_where_nobody_else_knows_one(self, now):
        quota = Quota("test", Plan(scope="model"), {}, Limits())
        quota.limited("m", refused("minute", 1.0, "model", per("requests", "minute", 20)), now)

        assert [(window.limit, window.source) for window in quota.windows(now)] == [(20, "error")]

    def test_a_size_of_none_is_no_size(self, now):
        quota = Quota("test", Plan(scope="model"), {}, Limits())
        quota.limited("m", refused("day", 1.0, "model", per("requests", "day", 0)), now)

        assert quota.windows(now) == []


def test_a_person_ends_all_rests_and_keeps_the_counts(preset, now):
    quota = preset("gemini")
    quota.settle(quota.reserve(GEMINI, ONE, now), Used(1, 10, 10, 0), now)
    quota.limited(GEMINI, refused("day", None, "model", per("requests", "day", 20)), now)
    assert len(quota.rests(now)) == 1
    quota.resume()

    assert quota.rests(now) == []
    assert quota.spent(GEMINI, ONE, now) is None
    assert [window.used for window in quota.windows(now)] == [1, 1, 10]
