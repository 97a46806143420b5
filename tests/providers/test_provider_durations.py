"""Seconds to wait, from headers and text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.providers.durations import duration_s, retry_after_s, spent_quotas, stated_wait_s, without_waits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12ms", 0.012),
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("1m47.5854s", 107.5854),
        ("9m38.016s", 578.016),
        ("86.4s", 86.4),
        ("1d", 86_400.0),
        ("250us", 0.00025),
        ("250µs", 0.00025),
        ("5ns", 5e-9),
        ("7", 7.0),
        (" 7.66 ", 7.66),
        ("0", 0.0),
    ],
)
def test_duration_reads_every_form_that_vendors_use(text, seconds):
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "soon", "-1", "-5s", "1x", "s", "1h-2m", "Wed, 21 Oct 2026 07:28:00 GMT", "1 h"])
def test_what_is_no_duration_is_none(text):
    assert duration_s(text) is None


@given(st.lists(st.tuples(st.integers(0, 999), st.sampled_from(["d", "h", "m", "s", "ms"])), min_size=1, max_size=5))
def test_duration_is_the_sum_of_its_terms(terms):
    """A duration of several terms is as long as each of them, one after the other."""
    whole = duration_s("".join(f"{number}{unit}" for number, unit in terms))

    assert whole == pytest.approx(sum(duration_s(f"{number}{unit}") for number, unit in terms))


@given(st.text())
def test_any_text_is_read_without_an_exception(text):
    seconds = duration_s(text)

    assert seconds is None or seconds >= 0


NOW = "Tue, 24 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "message", "seconds"),
    [
        ({"retry-after": "2"}, "", 2.0),
        ({"retry-after": "2.5"}, "", 2.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:30 GMT", "date": NOW}, "", 30.0),
        ({"retry-after": "Tue, 24 Nov 2026 09:00:00 GMT", "date": NOW}, "", 0.0),
        ({"retry-after": "Tue, 24 Nov 2026 10:00:30 GMT"}, "", None),
        ({"retry-after": "x", "x-ratelimit-reset-requests": "6m0s"}, "", 360.0),
        (
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2m59.56s",
                "x-ratelimit-remaining-tokens": "7800",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            "",
            179.56,
        ),
        ({"x-ratelimit-reset-requests": "60", "x-ratelimit-reset-tokens": "7.66s"}, "", 7.66),
        ({"x-ratelimit-reset-requests-day": "33011.382", "x-ratelimit-remaining-requests-day": "0"}, "", 33011.382),
        ({"x-ratelimit-reset": "1795514430000", "date": NOW}, "", 30.0),
        ({"x-ratelimit-reset": "1795514430", "date": NOW}, "", 30.0),
        ({"x-ratelimit-reset": "1795514430000"}, "", None),
        ({"x-ratelimit-reset-tokens": "2026-11-24T10:00:05Z", "date": NOW}, "", 5.0),
        ({}, "Limit 8000, Used 8000, Requested 9. Please try again in 1m47.5854s. Upgrade", 107.5854),
        ({}, "Rate limit reached. Please try again in 577ms.", 0.577),
        ({}, "Please retry after 20 seconds.", 20.0),
        ({"retry-after": "3"}, "try again in 9s", 3.0),
        ({}, "try again later", None),
        ({}, "", None),
    ],
)
def test_wait_is_taken_from_the_most_exact_source(headers, message, seconds):
    assert retry_after_s(headers, message) == (None if seconds is None else pytest.approx(seconds))


def test_spent_quotas_are_those_at_zero():
    headers = {"x-ratelimit-remaining-tokens-minute": "5", "x-ratelimit-remaining-requests-day": "0"}

    assert spent_quotas(headers) == ["requests-day"]


def test_no_quota_is_spent_while_all_have_something_left():
    assert spent_quotas({"x-ratelimit-remaining-tokens": "5", "x-other": "0"}) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 20 seconds.", 20.0),
        ("try again in 1 second", 1.0),
        ("try again in 5 minutes", 300.0),
        ("Retry after 2 hours", 7_200.0),
        ("try again in 1 day", 86_400.0),
        ("try again in 1h2m3s", 3_723.0),
        ("try again in 20s", 20.0),
        ("try again in 20", 20.0),
        ("try again in a while", None),
        ("20 minutes", None),
    ],
)
def test_wait_in_a_text_may_be_in_words(text, seconds):
    assert stated_wait_s(text) == seconds


def test_text_without_its_waits_names_only_quotas():
    assert (
        without_waits("The daily quota is spent. Try again in 3 hours, please") == "The daily quota is spent. , please"
    )
