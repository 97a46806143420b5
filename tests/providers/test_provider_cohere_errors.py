"""Every row of Cohere's error table, as a word, and every text of a 429, as a limit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.messages import Allowance
from cortex.providers.cohere import Cohere

COHERE = Cohere()
GONE = "model 'command-x' not found, make sure the correct model ID was used and that you have access to the model."
ROWS = {
    "bad value": (400, "invalid request: temperature must be between 0 and 1.0 inclusive.", "bad_request"),
    "too long": (400, "too many tokens: size limit exceeded by 2326 tokens. Try using shorter inputs.", "bad_request"),
    "format with tools": (400, "invalid request: response_format is not supported with tools", "unsupported"),
    "schema": (400, "invalid 'json_schema' provided: 'anyOf' is not allowed", "unsupported"),
    "no tools": (400, "model 'c4ai-aya' does not support tool use", "unsupported"),
    "no images": (400, "image content is not supported by this model", "unsupported"),
    "no key": (401, "no api key supplied", "unauthorized"),
    "bad key": (401, "invalid api token", "unauthorized"),
    "billing": (402, "Please add a payment method or raise your billing limit", "rate_limited"),
    "forbidden": (403, "forbidden", "unauthorized"),
    "no such model": (404, GONE, "model_missing"),
    "model removed": (404, "model 'command-r-03-2024' was removed on September 15, 2025.", "model_missing"),
    "no such path": (404, "not found", "server_error"),
    "client timeout": (408, "request timeout", "timeout"),
    "unknown field": (422, "unknown field: parameter 'x' is not a valid field.", "bad_request"),
    "rate": (429, "Please wait and try again later", "rate_limited"),
    "usage guidelines": (498, "request blocked by the usage guidelines", "bad_request"),
    "client went": (499, "request cancelled", "server_error"),
    "internal": (500, "internal server error", "server_error"),
    "not implemented": (501, "not implemented", "server_error"),
    "unavailable": (503, "service unavailable", "server_error"),
    "gateway": (504, "gateway timeout", "timeout"),
}
TRIAL = "You are using a Trial key, which is limited to {}. You can continue to use the Trial key for free."
LIMITS = {
    "month": (TRIAL.format("1000 API calls / month"), "month", "key", Allowance("requests", "month", 1_000)),
    "month, comma": (TRIAL.format("1,000 API calls / month"), "month", "key", Allowance("requests", "month", 1_000)),
    "month, other key": ("limited to 1000 API calls / month", "month", "model", Allowance("requests", "month", 1_000)),
    "minute": (TRIAL.format("20 API calls / minute"), "minute", "model", Allowance("requests", "minute", 20)),
    "tokens": (
        "trial token rate limit exceeded, limit is 100000 tokens per minute",
        "minute",
        "",
        Allowance("tokens", "minute", 100_000),
    ),
    "requests": (
        "You are past the per minute request limit, please wait and try again later.",
        "minute",
        "model",
        None,
    ),
    "unknown": ("Please wait and try again later", "", "", None),
}


def refused(status, message, headers=None):
    return COHERE.classify(status, headers or {}, json.dumps({"message": message, "id": "x"}).encode())


@pytest.mark.parametrize("row", ROWS)
def test_row_of_the_error_table(row):
    status, message, word = ROWS[row]

    failure = refused(status, message)

    assert (failure.word, failure.status, failure.detail) == (word, status, message)


@pytest.mark.parametrize("row", LIMITS)
def test_text_of_a_429_says_which_limit_is_spent(row):
    message, window, scope, allowance = LIMITS[row]

    failure = refused(429, message)

    assert (failure.word, failure.window, failure.scope) == ("rate_limited", window, scope)
    assert failure.allowances == ((allowance,) if allowance else ())
    assert failure.retry_after_s is None


def test_month_is_over_no_sooner_for_what_a_header_says():
    assert refused(429, LIMITS["month"][0], {"retry-after": "60"}).retry_after_s is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"x-ratelimit-reset": "1795600010", "date": "Wed, 25 Nov 2026 09:46:40 GMT"}, 10.0),
    ],
)
def test_minute_is_over_when_a_header_says_so(headers, seconds):
    assert refused(429, LIMITS["minute"][0], headers).retry_after_s == seconds


@given(limit=st.integers(1, 10**7), is_written_with_commas=st.booleans())
def test_any_size_of_a_limit_is_read(limit, is_written_with_commas):
    size = f"{limit:,}" if is_written_with_commas else str(limit)

    assert refused(429, TRIAL.format(f"{size} API calls / minute")).allowances == (
        Allowance("requests", "minute", limit),
    )


def test_spent_billing_limit_is_the_keys_and_is_tried_again():
    failure = refused(402, "billing limit reached")

    assert (failure.window, failure.scope) == ("day", "key")


@pytest.mark.parametrize(
    ("row", "code"), [("too long", "context_length_exceeded"), ("usage guidelines", "content_filter")]
)
def test_word_that_clients_know_is_given_with_it(row, code):
    assert refused(*ROWS[row][:2]).code == code


def test_text_under_another_key_is_searched_as_well():
    body = json.dumps({"data": LIMITS["month"][0]}).encode()

    assert COHERE.classify(429, {}, body).window == "month"


@pytest.mark.parametrize(
    ("status", "body", "word"),
    [
        (401, b"invalid api token", "unauthorized"),
        (429, b"Please wait and try again later", "rate_limited"),
        (403, b"<html><title>Access denied</title></html>", "server_error"),
        (502, b"<html><h1>502 Bad Gateway</h1></html>", "server_error"),
        (500, b"", "server_error"),
    ],
)
def test_body_that_is_no_json_is_read(status, body, word):
    assert COHERE.classify(status, {}, body).word == word


def test_detail_has_no_key():
    assert "co-secret" not in refused(401, "invalid api token: Bearer co-secret-123").detail
