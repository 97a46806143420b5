"""Every row of Anthropic's error table, as a word, and what headers and texts say of its limits."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.messages import Allowance, Failure
from cortex.providers.anthropic import Anthropic
from cortex.providers.anthropic_errors import RULES
from cortex.providers.errors import inband

ANTHROPIC = Anthropic()
CREDIT = "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade."
SPENT = "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
EXTRA = "context_management: Extra inputs are not permitted"
SCHEMA = "output_config.format.schema: For 'number' type, properties maximum, minimum are not supported"
PREFILL = "This model does not support assistant message prefill. The conversation must end with a user message."
ROWS = {
    "bad value": (
        400,
        "invalid_request_error",
        "max_tokens: Input should be greater than or equal to 1",
        "bad_request",
    ),
    "too long": (400, "invalid_request_error", "prompt is too long: 205000 tokens > 200000 maximum", "bad_request"),
    "too long with the answer": (
        400,
        "invalid_request_error",
        "input length and `max_tokens` exceed context limit: 180000 + 64000 > 200000, decrease input length",
        "bad_request",
    ),
    "filtered": (400, "invalid_request_error", "Output blocked by content filtering policy", "bad_request"),
    "extra": (400, "invalid_request_error", EXTRA, "unsupported"),
    "schema": (400, "invalid_request_error", SCHEMA, "unsupported"),
    "prefill": (400, "invalid_request_error", PREFILL, "unsupported"),
    "sampling": (400, "invalid_request_error", "`temperature` is deprecated for this model.", "unsupported"),
    "thinking": (
        400,
        "invalid_request_error",
        '"thinking.type.disabled" is not supported for this model.',
        "unsupported",
    ),
    "signature": (
        400,
        "invalid_request_error",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        "unsupported",
    ),
    "stop": (
        400,
        "invalid_request_error",
        "stop_sequences: each stop sequence must contain non-whitespace",
        "unsupported",
    ),
    "credit": (400, "invalid_request_error", CREDIT, "rate_limited"),
    "spent": (400, "invalid_request_error", SPENT, "rate_limited"),
    "key": (401, "authentication_error", "invalid x-api-key", "unauthorized"),
    "billing": (402, "billing_error", "Your payment method was declined.", "rate_limited"),
    "forbidden": (
        403,
        "permission_error",
        "Your API key does not have permission to use this resource",
        "unauthorized",
    ),
    "model forbidden": (403, "permission_error", "You do not have access to model claude-mythos-5", "model_missing"),
    "no model": (404, "not_found_error", "model: claude-2", "model_missing"),
    "no path": (404, "not_found_error", "Not found", "server_error"),
    "client timeout": (408, "timeout_error", "timed out", "timeout"),
    "conflict": (409, "conflict_error", "in conflict", "server_error"),
    "too large": (413, "request_too_large", "Request exceeds the maximum size", "bad_request"),
    "limit": (429, "rate_limit_error", "Number of requests has exceeded your limit", "rate_limited"),
    "long": (429, "rate_limit_error", "Usage credits are required for long context requests.", "unsupported"),
    "internal": (500, "api_error", "Internal server error", "server_error"),
    "unavailable": (503, "overloaded_error", "Overloaded", "busy"),
    "timeout": (504, "timeout_error", "Request timed out", "timeout"),
    "overloaded": (529, "overloaded_error", "Overloaded", "busy"),
}
DATE = {"date": "Tue, 24 Nov 2026 12:00:00 GMT"}
LIMITS = {
    **DATE,
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-requests-reset": "2026-11-24T12:00:01Z",
    "anthropic-ratelimit-input-tokens-limit": "30000",
    "anthropic-ratelimit-input-tokens-remaining": "0",
    "anthropic-ratelimit-input-tokens-reset": "2026-11-24T12:00:42Z",
    "anthropic-ratelimit-output-tokens-limit": "8000",
    "anthropic-ratelimit-output-tokens-remaining": "8000",
    "anthropic-ratelimit-output-tokens-reset": "2026-11-24T12:00:00Z",
}
TOLD = (Allowance("requests", "minute", 50, 49, 1.0), Allowance("input_tokens", "minute", 30_000, 0, 42.0))


def body(kind, message):
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}).encode()


def refused(status, message, headers=None, kind="rate_limit_error"):
    return ANTHROPIC.classify(status, headers or {}, body(kind, message))


@pytest.mark.parametrize("row", ROWS)
def test_row_of_the_error_table(row):
    status, kind, message, word = ROWS[row]

    failure = ANTHROPIC.classify(status, {}, body(kind, message))

    assert (failure.word, failure.status, failure.detail) == (word, status, message)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("bad value", ""),
        ("too long", "context_length_exceeded"),
        ("too long with the answer", "context_length_exceeded"),
        ("filtered", "content_filter"),
        ("too large", "request_too_large"),
    ],
)
def test_clients_are_told_the_code_that_they_know(row, code):
    status, kind, message, _ = ROWS[row]

    assert ANTHROPIC.classify(status, {}, body(kind, message)).code == code


@pytest.mark.parametrize("row", ["credit", "billing"])
def test_key_without_money_rests_as_a_whole_for_a_day(row):
    status, kind, message, _ = ROWS[row]

    failure = ANTHROPIC.classify(status, {}, body(kind, message))

    assert (failure.window, failure.scope, failure.retry_after_s) == ("day", "key", None)


def test_spent_month_says_when_it_ends_against_the_answers_own_date():
    failure = refused(400, SPENT, DATE, "invalid_request_error")

    assert (failure.window, failure.scope, failure.retry_after_s) == ("month", "key", 6.5 * 86_400)


def test_text_of_a_429_names_its_window_and_its_model():
    message = "would exceed your organization's rate limit of 30,000 input tokens per minute (org: x, model: claude-y)."

    failure = refused(429, message, {"retry-after": "7"})

    assert (failure.window, failure.scope, failure.retry_after_s) == ("minute", "model", 7.0)
    assert failure.allowances == (Allowance("input_tokens", "minute", 30_000),)


@pytest.mark.parametrize("what", ["8,000 output tokens per minute", "your per-minute rate limit"])
def test_minute_without_a_count_that_is_counted_is_a_minute_all_the_same(what):
    failure = refused(429, f"would exceed {what}")

    assert (failure.window, failure.scope, failure.allowances) == ("minute", "", ())


def test_429_that_names_no_window_has_those_of_its_headers():
    failure = refused(429, "slow down", {**LIMITS, "retry-after": "42"})

    assert (failure.window, failure.retry_after_s, failure.allowances) == ("minute", 42.0, TOLD)


@pytest.mark.parametrize(("headers", "window"), [({}, "day"), ({"retry-after": "5"}, "")])
def test_429_that_is_not_to_be_tried_again_rests_for_a_day_unless_it_says_when(headers, window):
    assert refused(429, "spend limit", {**headers, "x-should-retry": "false"}).window == window


def test_headers_of_an_answer_tell_what_is_left_of_the_minute():
    assert ANTHROPIC.tells_limits
    assert ANTHROPIC.allowances(LIMITS) == TOLD


@pytest.mark.parametrize(
    ("reset", "date", "reset_s"),
    [
        ("2026-11-24T11:59:00Z", DATE["date"], 0.0),
        ("2026-11-24T12:00:01.5+00:00", DATE["date"], 1.5),
        ("2026-11-24T12:00:01", DATE["date"], None),
        ("soon", DATE["date"], None),
        ("2026-11-24T12:00:01Z", "today", None),
        ("2026-11-24T12:00:01Z", "Tue, 24 Nov 2026 12:00:00 -0000", None),
    ],
)
def test_reset_is_read_against_the_answers_own_date_and_never_lies_behind_it(reset, date, reset_s):
    headers = {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-reset": reset, "date": date}

    assert ANTHROPIC.allowances(headers) == (Allowance("requests", "minute", 50, None, reset_s),)


@pytest.mark.parametrize("headers", [{}, {"anthropic-ratelimit-requests-limit": "many"}])
def test_headers_that_say_nothing_do_no_harm(headers):
    assert all(allowance.limit is None for allowance in ANTHROPIC.allowances(headers))


def test_blocked_network_is_nothing_wrong_with_the_key():
    assert ANTHROPIC.classify(403, {}, b"<html><title>Just a moment...</title></html>").word == "server_error"


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("overloaded_error", "busy"),
        ("api_error", "server_error"),
        ("rate_limit_error", "rate_limited"),
        ("billing_error", "rate_limited"),
        ("authentication_error", "unauthorized"),
        ("permission_error", "unauthorized"),
        ("invalid_request_error", "bad_request"),
        ("request_too_large", "bad_request"),
        ("timeout_error", "timeout"),
    ],
)
def test_error_without_a_status_is_known_by_its_type(kind, word):
    assert inband(RULES, {"type": kind, "message": "x"}).word == word


@given(status=st.integers(100, 599), said=st.one_of(st.binary(), st.text().map(lambda text: body("x", text))))
def test_any_error_is_some_word(status, said):
    failure = ANTHROPIC.classify(status, DATE, said)

    assert isinstance(failure, Failure)
    assert len(failure.detail) <= 500
