"""Every error of Groq's, as a word; and what its 429s say of the quota."""

import json

import msgspec
import pytest

from cortex.config.presets import PRESETS
from cortex.messages import Allowance
from cortex.providers.openai import OpenAI
from cortex.providers.openai_switches import Switches

GROQ = OpenAI(name="groq", switches=msgspec.convert(PRESETS["groq"].switches, Switches))
HEADERS = {
    "x-ratelimit-limit-requests": "1000",
    "x-ratelimit-remaining-requests": "612",
    "x-ratelimit-reset-requests": "9h18m43.2s",
    "x-ratelimit-limit-tokens": "8000",
    "x-ratelimit-remaining-tokens": "7800",
    "x-ratelimit-reset-tokens": "1.5s",
}


def groq(message, kind="invalid_request_error", code=None, **more):
    error = {"message": message, "type": kind} | ({"code": code} if code else {}) | more
    return json.dumps({"error": error}).encode()


HTML = b"<html><head><title>Access denied | api.groq.com</title></head>Error 1010</html>"
ROWS = {
    "400 tool_use_failed": (
        400,
        groq("Failed to call a function", code="tool_use_failed", failed_generation="<function=f>"),
        "malformed",
    ),
    "400 json_validate_failed": (400, groq("Failed to generate JSON", code="json_validate_failed"), "malformed"),
    "400 invalid_request_error": (400, groq("messages must not be empty"), "bad_request"),
    "400 decommissioned": (
        400,
        groq("The model `m` has been decommissioned", code="model_decommissioned"),
        "model_missing",
    ),
    "404 decommissioned": (
        404,
        groq("The model `m` has been decommissioned", code="model_decommissioned"),
        "model_missing",
    ),
    "400 context": (400, groq("Please reduce the length", code="context_length_exceeded"), "bad_request"),
    "401": (401, groq("Invalid API Key", code="invalid_api_key"), "unauthorized"),
    "403 permissions": (403, groq("Not allowed", "permissions_error"), "unauthorized"),
    "403 blocked model": (
        403,
        groq("The model `m` is blocked at the project level", "permissions_error", "model_permission_blocked_project"),
        "model_missing",
    ),
    "403 blocked network": (403, HTML, "server_error"),
    "401 governor": (401, b"Authentication Fails (governor)", "server_error"),
    "404 model_not_found": (404, groq("The model `m` does not exist", code="model_not_found"), "model_missing"),
    "413 request_too_large": (413, groq("Request Entity Too Large", code="request_too_large"), "unsupported"),
    "413 above TPM": (
        413,
        groq(
            "Request too large for model `m` in organization `org_1` service tier `on_demand` on tokens per minute (TPM): "
            "Limit 6000, Requested 6294, please reduce your message size and try again.",
            "tokens",
            "rate_limit_exceeded",
        ),
        "unsupported",
    ),
    "422": (422, groq("semantic error"), "bad_request"),
    "424": (424, groq("remote MCP server refused", "dependency_failed"), "server_error"),
    "429": (429, groq("Rate limit reached", "tokens", "rate_limit_exceeded"), "rate_limited"),
    "498": (498, groq("Flex tier capacity exceeded", code="capacity_exceeded"), "busy"),
    "499": (499, groq("cancelled"), "server_error"),
    "500": (500, groq("Internal Server Error", "internal_server_error"), "server_error"),
    "502": (502, b"<html><title>502 Bad Gateway</title></html>", "server_error"),
    "503": (503, groq("Service Unavailable", "service_unavailable"), "server_error"),
    # What one of its models cannot do, another upstream may
    "400 schema in a stream": (400, groq("`response_format` does not support streaming"), "unsupported"),
    "400 schema beside tools": (
        400,
        groq("response_format `json_schema` cannot be used with streaming or tools"),
        "unsupported",
    ),
    "400 schema for another model": (
        400,
        groq("This model does not support response format `json_schema`. See supported models at https://x"),
        "unsupported",
    ),
    "400 schema too rich": (
        400,
        groq("invalid schema for response format: response_format/json_schema/a: minItems is not supported"),
        "unsupported",
    ),
    "400 effort": (400, groq("`reasoning_effort` must be one of `none` or `default`"), "unsupported"),
    "400 no effort": (400, groq("`reasoning_effort` is not supported with this model"), "unsupported"),
    "400 unknown field": (400, groq("property 'verbosity' is unsupported, did you mean 'x'?"), "unsupported"),
}


@pytest.mark.parametrize("row", ROWS)
def test_row_of_groqs_error_table(row):
    status, body, word = ROWS[row]

    failure = GROQ.classify(status, {}, body)

    assert (failure.word, failure.status) == (word, status)
    assert failure.detail


HEAD = "Rate limit reached for model `m` in organization `org_1` service tier `on_demand` on"


@pytest.mark.parametrize(
    ("message", "window", "allowances", "retry_after_s"),
    [
        (
            f"{HEAD} tokens per minute (TPM): Limit 8000, Used 7800, Requested 954. Please try again in 5.289s. Need more",
            "minute",
            (Allowance("tokens", "minute", 8000, 200, 5.289),),
            5.289,
        ),
        (
            f"{HEAD} tokens per day (TPD): Limit 200000, Used 199850, Requested ~400. Please try again in 9m38.5s.",
            "day",
            (Allowance("tokens", "day", 200_000, 150, 578.5),),
            578.5,
        ),
        (
            f"{HEAD} requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 577ms.",
            "minute",
            (Allowance("requests", "minute", 30, 0, 0.577),),
            0.577,
        ),
        (
            f"{HEAD} requests per day (RPD): Limit 1000, Used 1000, Requested 1. Please try again in 1h2m3s.",
            "day",
            (Allowance("requests", "day", 1000, 0, 3723.0),),
            3723.0,
        ),
        (
            f"{HEAD} seconds of audio per hour (ASH): Limit 7200, Used 7190, Requested 60. Please try again in 25s.",
            "hour",
            (),
            25.0,
        ),
        (
            f"{HEAD} seconds of audio per day (ASD): Limit 28800, Used 28790, Requested 60. Please try again in 25s.",
            "day",
            (),
            25.0,
        ),
        (
            f"{HEAD} output tokens per minute (OTPM): Limit 900, Used 890, Requested 60. Please try again in 25s.",
            "minute",
            (),
            25.0,
        ),
        (f"{HEAD} : Limit 8000, Used 7800, Requested 954. Please try again in 2s.", "", (), 2.0),
    ],
)
def test_429_names_window_size_wait_and_the_model(message, window, allowances, retry_after_s):
    failure = GROQ.classify(429, {}, groq(message, "tokens", "rate_limit_exceeded"))

    assert (failure.word, failure.scope, failure.window) == ("rate_limited", "model", window)
    assert failure.allowances == allowances
    assert failure.retry_after_s == retry_after_s


@pytest.mark.parametrize("status", [413, 429])
@pytest.mark.parametrize("used", ["", " Used 3,"])
def test_request_above_the_whole_window_is_for_another_upstream(status, used):
    message = f"{HEAD} tokens per minute (TPM): Limit 6000,{used} Requested 6294. Please try again in 2s."

    assert GROQ.classify(status, {}, groq(message, "tokens", "rate_limit_exceeded")).word == "unsupported"


def test_retry_after_counts_more_than_the_text():
    message = f"{HEAD} tokens per day (TPD): Limit 200000, Used 199850, Requested 400. Please try again in 1m47.5s."

    failure = GROQ.classify(429, HEADERS | {"retry-after": "108"}, groq(message))

    assert (failure.retry_after_s, failure.window) == (108.0, "day")
    assert failure.allowances == (Allowance("tokens", "day", 200_000, 150, 107.5),)


def test_headers_tell_where_the_text_does_not():
    """Requests are of a day here: at zero, the rest is the day's and not a minute's."""
    failure = GROQ.classify(429, HEADERS | {"x-ratelimit-remaining-requests": "0"}, groq("slow down"))

    assert failure.window == "day"
    assert failure.retry_after_s == 33_523.2
    assert failure.allowances[0] == Allowance("requests", "day", 1000, 0, 33_523.2)


def test_good_answer_tells_of_the_day_and_of_the_minute():
    assert GROQ.allowances(HEADERS) == (
        Allowance("requests", "day", 1000, 612, 33_523.2),
        Allowance("tokens", "minute", 8000, 7800, 1.5),
    )
    assert GROQ.allowances({"content-type": "text/event-stream"}) == ()
