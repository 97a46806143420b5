"""Every row of the error tables of the OpenAI-like servers, as a word."""

import json
from pathlib import Path

import pytest

from cortex.messages import Allowance, Failure
from cortex.providers.openai import OpenAI

OPENAI = OpenAI()
LLAMACPP = Path(__file__).parent / "data" / "llamacpp"


def openai(message, kind="invalid_request_error", code=None, param=None):
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


def relayed(code, raw):
    metadata = {"provider_name": "X", "raw": raw}
    return json.dumps({"error": {"code": code, "message": "Provider returned error", "metadata": metadata}}).encode()


NGINX = b"<html><head><title>503 Service Temporarily Unavailable</title></head></html>"

ROWS = {
    # OpenAI
    "400": (400, {}, openai("Unrecognized request argument supplied: x"), "bad_request"),
    "400 context": (400, {}, openai("maximum context length is 8192", code="context_length_exceeded"), "bad_request"),
    "400 unsupported_parameter": (400, {}, openai("no max_tokens", code="unsupported_parameter"), "bad_request"),
    "400 unsupported_value": (400, {}, openai("no temperature", code="unsupported_value"), "bad_request"),
    "400 content_filter": (400, {}, openai("flagged", code="content_filter"), "bad_request"),
    "401": (401, {}, openai("Incorrect API key provided: sk-abc", code="invalid_api_key"), "unauthorized"),
    "403 country": (403, {}, openai("no", code="unsupported_country_region_territory"), "unauthorized"),
    "403 model": (
        403,
        {},
        openai("Project does not have access to model `m`", code="model_not_found"),
        "model_missing",
    ),
    "404 model": (404, {}, openai("The model `m` does not exist", code="model_not_found"), "model_missing"),
    "405": (405, {}, b'{"detail":"Method Not Allowed"}', "server_error"),
    "408": (408, {}, openai("timed out"), "timeout"),
    "409": (409, {}, openai("conflict"), "server_error"),
    "413": (413, {}, openai("body too large"), "bad_request"),
    "422": (422, {}, b'{"detail":[{"msg":"field required"}]}', "bad_request"),
    "425": (425, {}, b"", "server_error"),
    "429 requests": (429, {}, openai("Rate limit", "requests", "rate_limit_exceeded"), "rate_limited"),
    "429 quota": (429, {}, openai("You exceeded your current quota", "insufficient_quota"), "rate_limited"),
    "500": (500, {}, openai("oops", "server_error"), "server_error"),
    "502 html": (502, {}, b"<html><title>502 Bad Gateway</title></html>", "server_error"),
    "503 overloaded": (503, {}, openai("overloaded", "overloaded_error"), "busy"),
    "503 of a proxy": (503, {}, NGINX, "server_error"),
    "503 with retry-after": (503, {"retry-after": "7"}, b"", "busy"),
    "504": (504, {}, b"", "timeout"),
    "529": (529, {}, b"", "busy"),
    "302": (302, {"location": "/login"}, b"", "server_error"),
    "202 queued (NIM)": (202, {}, b"", "malformed"),
    "404 of another path": (404, {}, b"404 page not found", "server_error"),
    # Groq
    "400 tool_use_failed": (400, {}, openai("Failed to call a function", code="tool_use_failed"), "malformed"),
    "400 json_validate_failed": (400, {}, openai("Failed to generate JSON", code="json_validate_failed"), "malformed"),
    "400 decommissioned": (
        400,
        {},
        openai("The model has been decommissioned", code="model_decommissioned"),
        "model_missing",
    ),
    "403 permissions": (403, {}, openai("no", "permissions_error"), "unauthorized"),
    "403 blocked page": (403, {}, b"<html><title>Attention Required! | Cloudflare</title></html>", "server_error"),
    "413 too large": (413, {}, openai("Request Entity Too Large", code="request_too_large"), "unsupported"),
    "413 TPM": (
        413,
        {},
        openai("Request too large on tokens per minute (TPM)", "tokens", "rate_limit_exceeded"),
        "unsupported",
    ),
    "424": (424, {}, openai("mcp"), "server_error"),
    "498": (498, {}, openai("full", code="capacity_exceeded"), "busy"),
    "499": (499, {}, openai("cancelled"), "server_error"),
    # OpenRouter
    "429 upstream": (
        429,
        {},
        b'{"error":{"code":429,"message":"Provider returned error","metadata":{"provider_name":"X","raw":"y"}}}',
        "busy",
    ),
    "429 free": (
        429,
        {},
        b'{"error":{"code":429,"message":"Rate limit exceeded: free-models-per-day"}}',
        "rate_limited",
    ),
    "402": (402, {}, b'{"error":{"code":402,"message":"Insufficient credits"}}', "rate_limited"),
    "403 flagged": (
        403,
        {},
        (
            b'{"error":{"code":403,"message":"Your chosen model requires moderation and your input was flagged",'
            b'"metadata":{"provider_name":"X","flagged_input":"y"}}}'
        ),
        "bad_request",
    ),
    "403 upstream": (403, {}, relayed(403, "no"), "busy"),
    "502 model down": (502, {}, relayed(502, "Bad gateway"), "busy"),
    "503 no provider": (
        503,
        {},
        b'{"error":{"code":503,"message":"There is no available model provider that meets your requirements"}}',
        "busy",
    ),
    "400 upstream context": (400, {}, relayed(400, "This model's maximum context length is 4096"), "bad_request"),
    "404 no endpoints": (404, {}, b'{"error":{"code":404,"message":"No endpoints found for x/y"}}', "model_missing"),
    "404 no endpoints with tools": (
        404,
        {},
        b'{"error":{"code":404,"message":"No endpoints found that support tool use"}}',
        "unsupported",
    ),
    # Mistral, Cerebras, DeepSeek, Cloudflare, GitHub, NIM, SambaNova, xAI
    "429 mistral": (429, {}, b'{"object":"error","message":"x","type":"rate_limited","code":"1300"}', "rate_limited"),
    "429 mistral capacity": (
        429,
        {},
        b'{"message":"Service tier capacity exceeded for this model.","code":"3505"}',
        "busy",
    ),
    "429 mistral old": (429, {}, b'{"message":"Requests rate limit exceeded"}', "rate_limited"),
    "429 cerebras queue": (429, {}, b'{"message":"high traffic","code":"queue_exceeded"}', "busy"),
    "503 cerebras queue": (503, {}, b'{"message":"x","type":"too_many_requests_error"}', "busy"),
    "402 deepseek": (402, {}, openai("Insufficient Balance"), "rate_limited"),
    "503 deepseek": (503, {}, openai("Server overloaded"), "busy"),
    "429 cloudflare day": (429, {}, b'{"success":false,"errors":[{"code":3036,"message":"daily"}]}', "rate_limited"),
    "429 cloudflare full": (429, {}, b'{"success":false,"errors":[{"code":3040,"message":"x"}]}', "busy"),
    "410 github": (410, {}, b"Gone", "server_error"),
    "429 nim": (429, {}, b'{"status":429,"title":"Too Many Requests"}', "rate_limited"),
    "400 nim": (400, {}, b'{"type":"u","title":"t","status":400,"detail":"extra fields"}', "bad_request"),
    "422 mistral": (422, {}, b'{"detail":[{"loc":["body"],"msg":"Extra inputs are not permitted"}]}', "bad_request"),
    "429 cerebras second": (
        429,
        {},
        (
            b'{"message":"Requests per second limit exceeded - too many requests sent.",'
            b'"type":"too_many_requests_error","param":"quota","code":"request_quota_exceeded"}'
        ),
        "rate_limited",
    ),
    "422 deepseek": (422, {}, openai("Invalid Parameters"), "bad_request"),
    "429 deepseek": (429, {}, openai("Too many concurrent requests"), "busy"),
    "429 together": (429, {"x-ratelimit-reset": "2"}, openai("You are being rate limited"), "rate_limited"),
    "503 together": (503, {}, openai("The server is overloaded or not ready yet"), "busy"),
    "together without an error key": (400, {}, b'{"id":"x","error":{"message":"no"}}', "bad_request"),
    "402 huggingface": (402, {}, b'{"error":"You have exceeded your monthly included credits"}', "rate_limited"),
    "429 huggingface": (429, {}, b'{"error":"Too many requests"}', "rate_limited"),
    "429 ollama cloud": (429, {}, b'{"error":"you have reached your session usage limit"}', "rate_limited"),
    "503 ollama cloud": (503, {}, b'{"error":"Server overloaded, please retry shortly (ref: 1)"}', "busy"),
    "429 xai": (429, {}, openai("Too many requests for team"), "rate_limited"),
    "403 no right": (403, {}, openai("You have insufficient permissions for this operation"), "unauthorized"),
    "422 nim": (422, {}, b'{"type":"u","title":"t","status":422,"detail":"extra fields"}', "bad_request"),
    "402 sambanova": (402, {}, openai("x", code="PAYMENT_METHOD_REQUIRED"), "rate_limited"),
    "403 xai credits": (403, {}, b'{"code":"c","error":"Your team has no credits"}', "rate_limited"),
    # vLLM
    "404 vllm": (404, {}, openai("The model `m` does not exist.", "NotFoundError", 404), "model_missing"),
    "404 vllm old": (
        404,
        {},
        b'{"object":"error","message":"The model `m` does not exist.","code":404}',
        "model_missing",
    ),
    "400 vllm tools": (400, {}, openai('"auto" tool choice requires --enable-auto-tool-choice'), "unsupported"),
    "503 vllm": (503, {}, b"", "server_error"),
    # LM Studio
    "500 lm studio": (500, {}, b'{"error":"The model has crashed"}', "server_error"),
    "400 lm studio": (400, {}, b'{"error":"Trying to keep the first 5000 tokens"}', "bad_request"),
    "404 lm studio": (404, {}, b'{"error":"Model \\"m\\" not found"}', "model_missing"),
    # llama.cpp, forks
    "500 context": (500, {}, openai("the request exceeds the available context size", "server_error"), "bad_request"),
    "500 jinja": (500, {}, openai("tools param requires --jinja flag", "server_error"), "unsupported"),
}


@pytest.mark.parametrize("row", ROWS)
def test_row_of_the_error_table(row):
    status, headers, body, word = ROWS[row]

    failure = OPENAI.classify(status, headers, body)

    assert (failure.word, failure.status) == (word, status)
    assert failure.detail


@pytest.mark.parametrize(
    ("name", "status", "word"),
    [
        ("error_loading_chat", 503, "busy"),
        ("error_too_long", 400, "bad_request"),
        ("error_image", 500, "unsupported"),
        ("error_unauthorized", 401, "unauthorized"),
        ("error_unknown_path", 404, "server_error"),
        ("error_embeddings", 501, "unsupported"),
        ("error_bad_json", 400, "bad_request"),
        ("error_no_messages", 400, "bad_request"),
    ],
)
def test_recorded_error_of_llamacpp(name, status, word):
    head = (LLAMACPP / f"{name}.head").read_text()

    assert head.split()[1] == str(status)
    assert OPENAI.classify(status, {}, (LLAMACPP / f"{name}.json").read_bytes()).word == word


def test_bad_request_carries_message_param_and_code():
    body = openai("Unsupported value", code="unsupported_value", param="temperature")

    assert OPENAI.classify(400, {}, body) == Failure(
        "bad_request", "Unsupported value", 400, param="temperature", code="unsupported_value"
    )


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, openai("too long", code="context_length_exceeded")),
        (400, (LLAMACPP / "error_too_long.json").read_bytes()),
        (400, openai("This model's maximum context length is 4096 tokens", "BadRequestError", 400)),
    ],
)
def test_every_way_to_say_too_long_has_one_code(status, body):
    assert OPENAI.classify(status, {}, body).code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("headers", "message", "window"),
    [
        ({}, "Rate limit reached on tokens per minute (TPM): Limit 8000", "minute"),
        ({}, "Rate limit reached on requests per day (RPD): Limit 1000", "day"),
        ({}, "Rate limit exceeded: free-models-per-day", "day"),
        ({}, "Rate limit exceeded: free-models-per-min", "minute"),
        ({}, "weekly usage limit", "day"),
        ({"x-ratelimit-remaining-requests-day": "0"}, "slow down", "day"),
        ({"x-ratelimit-remaining-tokens-minute": "0"}, "see the plans with more per day", "minute"),
        ({}, "slow down", ""),
        ({}, "Rate limit reached. Please try again in 2 hours", ""),
    ],
)
def test_window_is_read_from_headers_and_text(headers, message, window):
    assert OPENAI.classify(429, headers, openai(message)).window == window


@pytest.mark.parametrize("body", [openai("x", "insufficient_quota"), openai("x", code="insufficient_quota")])
def test_spent_money_rests_the_whole_key_by_the_day(body):
    for failure in (OPENAI.classify(429, {}, body), OPENAI.classify(402, {}, b"")):
        assert (failure.window, failure.scope) == ("day", "key")


@pytest.mark.parametrize(
    ("body", "window", "scope", "retry_after_s"),
    [
        (b'{"success":false,"errors":[{"code":3036,"message":"daily free allocation used"}]}', "day", "key", None),
        (b'{"object":"error","message":"Requests rate limit exceeded","code":"1300"}', "second", "", None),
        (b'{"message":"Requests per second limit exceeded - too many requests sent."}', "second", "", None),
        (b'{"message":"Tokens per minute limit exceeded - too many tokens processed."}', "minute", "", None),
        (b'{"message":"Tokens per hour limit exceeded"}', "hour", "", None),
        (b'{"message":"You have exceeded your monthly token limit"}', "month", "", None),
        (b'{"error":"daily limit reached, try again in 3 hours"}', "day", "", 10_800.0),
        (
            openai("Rate limit reached for gpt-5.5 in organization o on requests per min (RPM): Limit 3, Used 3"),
            "minute",
            "model",
            None,
        ),
    ],
)
def test_429_says_which_window_is_spent_for_what_and_how_long(body, window, scope, retry_after_s):
    failure = OPENAI.classify(429, {}, body)

    assert (failure.word, failure.window, failure.scope) == ("rate_limited", window, scope)
    assert failure.retry_after_s == retry_after_s


def test_of_two_quotas_at_zero_the_longer_counts():
    headers = {"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-remaining-requests-day": "0"}

    assert OPENAI.classify(429, headers, b"").window == "day"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, relayed(429, "google/gemma:free is temporarily rate-limited upstream. Please retry shortly")),
        (429, relayed(429, "insufficient_quota")),
        (502, relayed(502, "")),
        (429, b'{"message":"Service tier capacity exceeded for this model.","code":"3505"}'),
        (429, b'{"success":false,"errors":[{"code":3040,"message":"no more capacity"}]}'),
        (503, openai("openai/gpt-oss-20b is currently over capacity. Please try again")),
    ],
)
def test_busy_model_is_no_matter_of_the_key(status, body):
    failure = OPENAI.classify(status, {}, body)

    assert (failure.word, failure.scope) == ("busy", "model")


def test_what_a_relayed_error_said_is_told():
    assert "retry shortly" in OPENAI.classify(429, {}, relayed(429, "Please retry shortly")).detail


def test_openrouter_repeats_its_headers_in_the_body():
    """The free models' limit of a day has size and reset in the body too, which is all there is inside a 200."""
    headers = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1795514430000"}
    message = "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"
    body = json.dumps({"error": {"message": message, "code": 429, "metadata": {"headers": headers}}}).encode()

    failure = OPENAI.classify(429, {"date": "Tue, 24 Nov 2026 10:00:00 GMT"}, body)

    assert (failure.window, failure.retry_after_s) == ("day", 30.0)
    assert failure.allowances == (Allowance("requests", "day", 50, 0, 30.0),)


def test_request_above_the_whole_limit_is_for_another_upstream():
    body = openai("Request too large for m on tokens per min (TPM): Limit 10000, Requested 13000.", "tokens")

    assert OPENAI.classify(429, {}, body).word == "unsupported"


def test_wait_is_given_for_limits_and_full_servers_only():
    headers = {"retry-after": "7"}

    assert OPENAI.classify(429, headers, b"").retry_after_s == 7
    assert OPENAI.classify(503, headers, b"").retry_after_s == 7
    assert OPENAI.classify(400, headers, b"").retry_after_s is None


def test_key_in_an_error_is_not_repeated():
    failure = OPENAI.classify(401, {}, openai("Incorrect API key provided: sk-secret123456. Find yours"))

    assert "secret" not in repr(failure)
    assert "Find yours" in failure.detail
