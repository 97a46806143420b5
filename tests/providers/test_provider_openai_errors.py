"""Every row of the error tables of the OpenAI-like servers, as a word."""

import json
from pathlib import Path

import pytest

from cortex.messages import Failure
from cortex.providers.openai import OpenAI

OPENAI = OpenAI()
LLAMACPP = Path(__file__).parent / "data" / "llamacpp"


def openai(message, kind="invalid_request_error", code=None, param=None):
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


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
    # LM Studio
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
    ],
)
def test_window_is_read_from_headers_and_text(headers, message, window):
    assert OPENAI.classify(429, headers, openai(message)).window == window


@pytest.mark.parametrize("body", [openai("x", "insufficient_quota"), openai("x", code="insufficient_quota")])
def test_spent_money_rests_by_the_day(body):
    assert OPENAI.classify(429, {}, body).window == "day"
    assert OPENAI.classify(402, {}, b"").window == "day"


def test_wait_is_given_for_limits_and_full_servers_only():
    headers = {"retry-after": "7"}

    assert OPENAI.classify(429, headers, b"").retry_after_s == 7
    assert OPENAI.classify(503, headers, b"").retry_after_s == 7
    assert OPENAI.classify(400, headers, b"").retry_after_s is None


def test_key_in_an_error_is_not_repeated():
    failure = OPENAI.classify(401, {}, openai("Incorrect API key provided: sk-secret123456. Find yours"))

    assert "secret" not in repr(failure)
    assert "Find yours" in failure.detail
