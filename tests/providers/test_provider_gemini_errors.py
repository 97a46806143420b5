"""Every row of Gemini's error table as a word, and the anatomy of its 429."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.messages import FINAL, Allowance
from cortex.providers.gemini import Gemini

GEMINI = Gemini()
INVALID = "INVALID_ARGUMENT"
ROWS = {
    "bad request": (400, INVALID, "Invalid JSON payload received. Unknown name", "bad_request"),
    "key unknown": (400, INVALID, "API key not valid. Please pass a valid API key.", "unauthorized"),
    "key expired": (400, INVALID, "API key expired. Please renew the API key.", "unauthorized"),
    "country": (400, "FAILED_PRECONDITION", "User location is not supported for the API use.", "unauthorized"),
    "billing": (400, "FAILED_PRECONDITION", "Please enable billing on your project", "unauthorized"),
    "wrong credentials": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", "unauthorized"),
    "leaked": (403, "PERMISSION_DENIED", "Your API key was reported as leaked.", "unauthorized"),
    "no such model": (404, "NOT_FOUND", "models/x is not found for API version v1beta", "model_missing"),
    "too many tokens": (
        400,
        INVALID,
        "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).",
        "bad_request",
    ),
    "corrupted signature": (400, INVALID, "Corrupted thought signature.", "unsupported"),
    "invalid signature": (400, INVALID, "Invalid thought signature.", "unsupported"),
    "missing signature": (
        400,
        INVALID,
        "Function call is missing a thought_signature in functionCall parts.",
        "unsupported",
    ),
    "penalty": (400, INVALID, "Penalty is not enabled for models/gemini-2.5-flash", "unsupported"),
    "functions": (400, INVALID, "Function calling is not enabled for models/gemma-3-12b-it", "unsupported"),
    "json with tools": (400, INVALID, "Function calling with mime type 'x' is unsupported", "unsupported"),
    "level": (400, INVALID, "Thinking level MINIMAL is not supported for this model.", "unsupported"),
    "budget": (400, INVALID, "The thinking budget 1 is invalid. Please choose a value", "unsupported"),
    "stop": (400, INVALID, "generation_config.stop_sequences: at most 5", "unsupported"),
    "function name": (400, INVALID, "Invalid function name. Must start with a letter", "unsupported"),
    "20 MB": (400, INVALID, "Request payload size exceeds the limit: 20971520 bytes.", "unsupported"),
    "too large": (413, "", "Request Entity Too Large", "unsupported"),
    "quota": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", "rate_limited"),
    "cancelled": (499, "CANCELLED", "The operation was cancelled.", "server_error"),
    "internal": (500, "INTERNAL", "An internal error has occurred.", "server_error"),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later.", "busy"),
    "demand": (503, "UNAVAILABLE", "This model is currently experiencing high demand.", "busy"),
    "down": (503, "UNAVAILABLE", "The service is currently unavailable.", "server_error"),
    "deadline": (504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.", "timeout"),
}


def body_of(status, name, message, **more):
    return {"error": {"code": status, "message": message, "status": name, **more}}


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "in a list"])
@pytest.mark.parametrize("row", ROWS)
def test_row_of_the_error_table(row, wrapped):
    status, name, message, word = ROWS[row]
    body = body_of(status, name, message)

    failure = GEMINI.classify(status, {}, json.dumps([body] if wrapped else body).encode())

    assert (failure.word, failure.status, failure.detail) == (word, status, message)


@pytest.mark.parametrize("row", ROWS)
def test_error_inside_an_answer_gets_the_same_word(row, asked):
    status, name, message, word = ROWS[row]
    event = b"data: " + json.dumps(body_of(status, name, message)).encode() + b"\r\n\r\n"

    (failure,) = GEMINI.decoder(asked("openai")).feed(event)

    assert (failure.word, failure.status) == (word, status)


def test_reason_in_the_details_tells_an_invalid_key():
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID", "domain": "x"}]
    body = body_of(400, INVALID, "Bad key.", details=details)

    assert GEMINI.classify(400, {}, json.dumps(body).encode()).word == "unauthorized"


def test_too_long_has_the_code_that_clients_know():
    status, name, message, _ = ROWS["too many tokens"]

    assert GEMINI.classify(status, {}, json.dumps(body_of(status, name, message)).encode()).code == (
        "context_length_exceeded"
    )


def test_signature_that_is_refused_leads_to_the_next_candidate():
    status, name, message, _ = ROWS["corrupted signature"]

    assert GEMINI.classify(status, {}, json.dumps(body_of(status, name, message)).encode()).word not in FINAL


@pytest.mark.parametrize("status", [401, 403, 404, 502])
def test_page_of_a_front_end_is_no_matter_of_key_or_model(status):
    failure = GEMINI.classify(status, {}, b"<html><title>Error (Forbidden)!!1</title></html>")

    assert (failure.word, failure.detail) == ("server_error", "Error (Forbidden)!!1")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"error":"broken"}', "broken"),
        (b'{"error":{"message":5,"code":"x"}}', "5"),
        (b'{"error":{"code":500,"details":7,"message":"odd"}}', "odd"),
        (b"[]", "HTTP 500 without a message"),
        (b"", "HTTP 500 without a message"),
    ],
)
def test_error_in_another_shape_is_read_for_its_message(body, detail):
    failure = GEMINI.classify(500, {}, body)

    assert (failure.word, failure.detail) == ("server_error", detail)


def test_key_in_a_message_is_masked():
    message = "API key AIzaSyA0123456789abcdefghijk is suspended"

    assert "0123456789" not in str(
        GEMINI.classify(403, {}, json.dumps(body_of(403, "PERMISSION_DENIED", message)).encode())
    )


@given(st.integers(400, 599), st.binary(max_size=200))
def test_any_body_is_classified(status, body):
    assert GEMINI.classify(status, {}, body).status == status


# 429

DAY = Allowance("requests", "day", limit=20)
MINUTE = Allowance("requests", "minute", limit=5)
TOKENS = Allowance("input_tokens", "minute", limit=250_000)


def limited(recorded, name):
    return GEMINI.classify(429, {}, recorded(f"gemini/quota_{name}.json"))


@pytest.mark.parametrize(
    ("name", "window", "retry_after_s", "scope", "allowances"),
    [
        ("day", "day", 20.04466179, "model", (DAY,)),
        ("day_long", "day", 35_675.675, "model", (DAY,)),
        ("minute", "minute", 46.2, "model", (MINUTE,)),
        ("tokens", "minute", 12.5, "model", (TOKENS,)),
        ("several", "day", 30.0, "model", (TOKENS, DAY, MINUTE)),
        ("zero", "day", 86_400.0, "model", (Allowance("requests", "day"),)),
        ("unknown", "", None, "", ()),
    ],
)
def test_429_says_what_is_spent_and_until_when(name, window, retry_after_s, scope, allowances, recorded):
    failure = limited(recorded, name)

    assert failure.word == "rate_limited"
    assert (failure.window, failure.scope) == (window, scope)
    assert failure.retry_after_s == (None if retry_after_s is None else pytest.approx(retry_after_s))
    assert failure.allowances == allowances


def violation(quota_id, value=None, **dimensions):
    return {"quotaMetric": "x/y", "quotaId": quota_id, "quotaDimensions": dimensions, "quotaValue": value}


def refused(*violations, message="Quota exceeded.", delay=None):
    details = [{"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": list(violations)}]
    if delay:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay})
    body = body_of(429, "RESOURCE_EXHAUSTED", message, details=details)
    return GEMINI.classify(429, {}, json.dumps(body).encode())


def test_quota_of_the_project_is_that_of_the_key():
    failure = refused(
        violation("GenerateRequestsPerMinutePerProject", "60"), violation("PerModelPerDay", "5", model="m")
    )

    assert (failure.scope, failure.window) == ("key", "day")


@pytest.mark.parametrize(
    ("quota_id", "counts", "period"),
    [
        ("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "requests", "day"),
        ("GenerateContentInputTokensPerModelPerMinute-FreeTier", "input_tokens", "minute"),
        ("GenerateContentPaidTierInputTokensPerModelPerMinute", "input_tokens", "minute"),
        ("BatchEnqueuedTokensPerModelPerMonth", "tokens", "month"),
        ("EmbedContentRequestsPerHourPerUser", "requests", "hour"),
        ("RequestsPerSecond", "requests", "second"),
    ],
)
def test_id_of_a_quota_tells_what_is_counted_over_what(quota_id, counts, period):
    assert refused(violation(quota_id, 7)).allowances == (Allowance(counts, period, limit=7),)


def test_quota_without_a_period_is_of_unknown_size_and_window():
    failure = refused(violation("ConcurrentRequestsPerModel", "3"), delay="2s")

    assert (failure.window, failure.allowances, failure.retry_after_s) == ("", (), 2.0)


@pytest.mark.parametrize("message", ["metric: x, limit: 0, model: m", "metric: x, limit: 0\nPlease retry in 5s."])
def test_model_that_the_tier_does_not_have_rests_for_a_day_at_least(message):
    failure = GEMINI.classify(429, {}, json.dumps(body_of(429, "RESOURCE_EXHAUSTED", message)).encode())

    assert (failure.window, failure.retry_after_s, failure.scope) == ("day", 86_400.0, "model")


def test_size_of_zero_is_the_same():
    assert refused(violation("RequestsPerMinutePerModel", "0"), delay="100000s").retry_after_s == 100_000.0


@pytest.mark.parametrize("message", ["limit: 05", "limit: 0.5", "limit: 10", "rate limit: 01"])
def test_other_sizes_are_not_zero(message):
    assert refused(message=message).window == ""


def test_size_in_the_text_alone_names_the_model():
    failure = refused(message="metric: generate_content_free_tier_requests, limit: 20, model: gemini-3.5-flash")

    assert (failure.scope, failure.window, failure.allowances) == ("model", "", ())


@pytest.mark.parametrize(
    ("message", "delay", "seconds"),
    [
        ("Please retry in 46.2s.", None, 46.2),
        ("Please retry in 9h54m3.1s.", None, 35_643.1),
        ("", "20s", 20.0),
        ("", "35675.5s", 35_675.5),
        ("Please retry in 20.04466179s.", "20s", 20.04466179),
        ("Please retry in 577.1ms.", "0s", 0.5771),
        ("", "soon", None),
    ],
)
def test_wait_is_read_in_all_its_forms(message, delay, seconds):
    failure = refused(violation("RequestsPerMinutePerModel"), message=message, delay=delay)

    assert failure.retry_after_s == (None if seconds is None else pytest.approx(seconds))


def test_spend_limit_is_a_matter_of_minutes():
    failure = refused(message="You have exceeded the spend limit of your tier.")

    assert (failure.word, failure.window, failure.retry_after_s) == ("rate_limited", "minute", None)


def test_quota_inside_a_stream_is_read_as_well(recorded, asked):
    event = b"data: " + recorded("gemini/quota_minute.json").replace(b"\n", b"") + b"\r\n\r\n"

    (failure,) = GEMINI.decoder(asked("openai")).feed(event)

    assert (failure.word, failure.window, failure.retry_after_s) == ("rate_limited", "minute", 46.2)
