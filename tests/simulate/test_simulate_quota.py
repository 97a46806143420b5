"""What a simulated key may ask."""

from hypothesis import given
from hypothesis import strategies as st

from cortex.simulate.quota import DAY_S, MINUTE_S, Quota, QuotaMeter, Spent, duration


def test_the_request_beyond_the_limit_is_turned_away_until_the_oldest_leaves_the_window():
    meter = QuotaMeter(Quota(requests_per_minute=2))

    assert [meter.take(now) for now in (0.0, 10.0)] == [None, None]
    assert meter.take(15.0) == Spent("minute", 2, 45.0)
    assert meter.take(60.0) is None


def test_of_two_full_windows_the_one_that_lasts_longer_is_named():
    meter = QuotaMeter(Quota(requests_per_minute=1, requests_per_day=1))
    meter.take(0.0)

    assert meter.take(1.0) == Spent("day", 1, DAY_S - 1)


def test_without_a_quota_everything_goes_and_no_header_is_sent():
    meter = QuotaMeter(Quota())

    assert {meter.take(0.0) for _ in range(100)} == {None}
    assert meter.headers(0.0) == {}


def test_headers_tell_of_the_window_with_the_least_left():
    meter = QuotaMeter(Quota(requests_per_minute=3, requests_per_day=100))
    meter.take(0.0)

    assert meter.headers(20.0) == {
        "x-ratelimit-limit-requests": "3",
        "x-ratelimit-remaining-requests": "2",
        "x-ratelimit-reset-requests": "40s",
    }


def test_a_quota_of_nothing_turns_everything_away():
    assert QuotaMeter(Quota(requests_per_day=0)).take(5.0) == Spent("day", 0, DAY_S)


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=40))
def test_no_minute_ever_holds_more_than_the_limit(limit, pauses):
    meter = QuotaMeter(Quota(requests_per_minute=limit))
    now, taken = 0.0, []
    for pause in pauses:
        now += pause
        if meter.take(now) is None:
            taken.append(now)

    assert all(sum(start <= at < start + MINUTE_S for at in taken) <= limit for start in taken)


@given(st.integers(1, 5), st.lists(st.floats(0, 40), max_size=40))
def test_who_waits_as_long_as_told_is_served(limit, pauses):
    meter = QuotaMeter(Quota(requests_per_minute=limit))
    now = 0.0
    for pause in pauses:
        now += pause
        spent = meter.take(now)
        if spent is not None:
            now += spent.again_s + 1e-6

            assert meter.take(now) is None


@given(st.floats(0.001, 1e5))
def test_durations_can_be_read_back(seconds):
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    text = duration(seconds)
    total, number = 0.0, ""
    if text.endswith("ms"):
        total = float(text[:-2]) / 1000
    else:
        for character in text:
            if character in units:
                total, number = total + float(number) * units[character], ""
            else:
                number += character

    assert abs(total - seconds) <= 0.001
