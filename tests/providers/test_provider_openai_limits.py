"""What headers and the texts of 429s say of quotas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.messages import Allowance, Failure
from cortex.providers.errors import Said
from cortex.providers.openai_limits import (
    STYLES,
    free_limits,
    header_allowances,
    is_too_large,
    text_allowances,
    with_headers,
)

NOW = "Tue, 24 Nov 2026 10:00:00 GMT"
OPENAI = {
    "x-ratelimit-limit-requests": "5000",
    "x-ratelimit-remaining-requests": "4999",
    "x-ratelimit-reset-requests": "12ms",
    "x-ratelimit-limit-tokens": "800000",
    "x-ratelimit-remaining-tokens": "799990",
    "x-ratelimit-reset-tokens": "6m0s",
}
GROQ = {
    "x-ratelimit-limit-requests": "1000",
    "x-ratelimit-remaining-requests": "999",
    "x-ratelimit-reset-requests": "1m26.4s",
    "x-ratelimit-limit-tokens": "8000",
    "x-ratelimit-remaining-tokens": "7800",
    "x-ratelimit-reset-tokens": "577.5ms",
}
CEREBRAS = {
    "x-ratelimit-limit-requests-day": "14400",
    "x-ratelimit-remaining-requests-day": "14399",
    "x-ratelimit-reset-requests-day": "33011.382867",
    "x-ratelimit-limit-tokens-minute": "30000",
    "x-ratelimit-remaining-tokens-minute": "0",
    "x-ratelimit-reset-tokens-minute": "11.38",
}


def read(headers, style):
    return header_allowances(headers, STYLES[style])


@pytest.mark.parametrize(
    ("style", "headers", "allowances"),
    [
        (
            "openai",
            OPENAI,
            [Allowance("requests", "minute", 5000, 4999, 0.012), Allowance("tokens", "minute", 800000, 799990, 360.0)],
        ),
        (
            "groq",
            GROQ,
            [Allowance("requests", "day", 1000, 999, 86.4), Allowance("tokens", "minute", 8000, 7800, 0.5775)],
        ),
        (
            "cerebras",
            CEREBRAS,
            [Allowance("requests", "day", 14400, 14399, 33011.382867), Allowance("tokens", "minute", 30000, 0, 11.38)],
        ),
        (
            "mistral",
            {"x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-req-minute": "59"},
            [Allowance("requests", "minute", 60, 59, None)],
        ),
        ("openrouter", {"x-ratelimit-limit": "20", "x-ratelimit-remaining": "1"}, []),
        ("none", OPENAI, []),
    ],
)
def test_each_style_reads_its_own_headers(style, headers, allowances):
    assert list(read(headers, style)) == allowances


@pytest.mark.parametrize("style", STYLES)
def test_answer_without_such_headers_says_nothing(style):
    assert read({"content-type": "application/json", "date": NOW}, style) == ()


def test_requests_that_come_back_after_more_than_a_minute_are_those_of_a_day():
    """OpenAI's lowest tier has 200 requests a day under the names that elsewhere are of a minute."""
    headers = OPENAI | {"x-ratelimit-limit-requests": "200", "x-ratelimit-reset-requests": "7m12s"}

    assert read(headers, "openai")[0] == Allowance("requests", "day", 200, 4999, 432.0)


@pytest.mark.parametrize("value", ["", "many", "-1", "9" * 40, "٣", "1e3"])
def test_count_that_is_none_is_not_known(value):
    (requests, _) = read(GROQ | {"x-ratelimit-remaining-requests": value, "x-ratelimit-limit-requests": value}, "groq")

    assert (requests.limit, requests.remaining) == (None, None)


@given(
    headers=st.dictionaries(st.sampled_from([*GROQ, *CEREBRAS, "x-ratelimit-limit", "date"]), st.text(max_size=20)),
    style=st.sampled_from(list(STYLES)),
)
def test_any_headers_are_read_without_an_exception(headers, style):
    for allowance in read(headers, style):
        assert allowance.limit is None or allowance.limit >= 0
        assert allowance.remaining is None or allowance.remaining >= 0
        assert allowance.reset_s is None or allowance.reset_s >= 0


def said(message):
    return Said(message=message)


HEAD = "Rate limit reached for model `m` in organization `org_1` service tier `on_demand` on"


@pytest.mark.parametrize(
    ("message", "allowance"),
    [
        (
            f"{HEAD} tokens per minute (TPM): Limit 8000, Used 7800, Requested 954. Please try again in 5.655s. Need",
            Allowance("tokens", "minute", 8000, 200, 5.655),
        ),
        (
            f"{HEAD} tokens per day (TPD): Limit 200000, Used 199850, Requested ~400. Please try again in 1m47.5s.",
            Allowance("tokens", "day", 200_000, 150, 107.5),
        ),
        (
            f"{HEAD} requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 2s.",
            Allowance("requests", "minute", 30, 0, 2.0),
        ),
        (
            f"{HEAD} requests per day (RPD): Limit 1,000, Used 1,000, Requested 1. Please try again in 1m26.4s.",
            Allowance("requests", "day", 1000, 0, 86.4),
        ),
        (
            f"{HEAD} input tokens per minute (ITPM): Limit 9, Used 12, Requested 1. Please try again in 577ms.",
            Allowance("input_tokens", "minute", 9, 0, 0.577),
        ),
        (
            "Rate limit reached for gpt-5.5 in organization org-1 on tokens per min (TPM): Limit 30000, Requested 9",
            Allowance("tokens", "minute", 30000),
        ),
    ],
)
def test_text_of_a_429_names_its_window_and_size(message, allowance):
    assert text_allowances(said(message), {}) == (allowance,)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "slow down",
        f"{HEAD} : Limit 8000, Used 7800, Requested 954.",
        f"{HEAD} seconds of audio per hour (ASH): Limit 7200, Used 7190, Requested 60.",
        f"{HEAD} output tokens per minute (OTPM): Limit 100, Used 90, Requested 60.",
    ],
)
def test_text_without_a_window_that_is_counted_here_names_none(message):
    assert text_allowances(said(message), {}) == ()


@pytest.mark.parametrize(
    ("message", "is_larger"),
    [
        ("on tokens per minute (TPM): Limit 6000, Requested 6294, please reduce your message size", True),
        ("on tokens per minute (TPM): Limit 6000, Used 12, Requested ~6294.", True),
        ("on : Limit 6,000, Used 0, Requested 6,294.", True),
        ("on tokens per minute (TPM): Limit 8000, Used 7800, Requested 954.", False),
        ("on tokens per minute (TPM): Limit 8000, Used 7800, Requested 8000.", False),
        ("Limit 8000", False),
        ("", False),
    ],
)
def test_request_is_too_large_when_it_alone_is_above_the_limit(message, is_larger):
    assert is_too_large(said(message)) is is_larger


@given(limit=st.integers(0, 10**9), used=st.integers(0, 10**9), requested=st.integers(0, 10**9))
def test_whatever_the_numbers_they_are_read_as_they_stand(limit, used, requested):
    """The grammar's numbers come back as they were written, and what remains is never negative."""
    error = said(f"{HEAD} tokens per day (TPD): Limit {limit}, Used {used}, Requested {requested}. Please")

    (allowance,) = text_allowances(error, {})

    assert (allowance.limit, allowance.remaining) == (limit, max(0, limit - used))
    assert is_too_large(error) is (requested > limit)


def test_free_models_have_their_size_in_the_headers_of_the_error():
    headers = {"x-ratelimit-limit": "50", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795514430000"}
    error = said("Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000")

    assert free_limits(error, headers | {"date": NOW}) == (Allowance("requests", "day", 50, 0, 30.0),)
    assert free_limits(error, headers)[0].reset_s is None
    assert free_limits(said("Rate limit exceeded: free-models-per-min"), {}) == (Allowance("requests", "minute"),)
    assert free_limits(said("slow down"), headers) == ()


SPENT = (Allowance("requests", "day", 1000, 0, 86.4), Allowance("tokens", "minute", 8000, 0, 1.0))


def test_429_without_words_gets_the_longest_window_that_its_headers_show_as_spent():
    assert with_headers(Failure("rate_limited", ""), SPENT) == Failure(
        "rate_limited", "", window="day", allowances=SPENT
    )


@pytest.mark.parametrize(
    "failure",
    [
        Failure("busy", ""),
        Failure("rate_limited", "", window="minute", allowances=(Allowance("tokens", "minute", 8000),)),
    ],
)
def test_headers_add_nothing_to_what_is_no_limit_or_named_itself(failure):
    assert with_headers(failure, SPENT) is failure


def test_window_that_the_text_names_stays():
    assert with_headers(Failure("rate_limited", "", window="hour"), SPENT).window == "hour"
