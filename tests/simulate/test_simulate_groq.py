"""A simulated Groq, byte by byte: what it refuses that OpenAI takes, its headers, its buckets."""

import json

import pytest
from simulate_client import KEY, Clock

from cortex.simulate import GROQ_FREE, Fault, SimulatedGroq

OSS, QWEN = "openai/gpt-oss-120b", "qwen/qwen3.8-27b"
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}}
JSON_MODE, SCHEMA = {"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}


def said(**message):
    return {"messages": [{"role": "user", "content": "a"}, message]}


REFUSED = {
    "logprobs": (OSS, {"logprobs": True}, "`logprobs` is not supported"),
    "top_logprobs": (OSS, {"top_logprobs": 2}, "`top_logprobs` is not supported"),
    "logit_bias": (OSS, {"logit_bias": {"1": 1}}, "`logit_bias` is not supported"),
    "n": (OSS, {"n": 2}, "'n' : number must be at most 1"),
    "store": (OSS, {"store": True}, "`store` is not supported"),
    "a null": (OSS, {"seed": None}, "'seed' : value must not be null"),
    "five stops": (OSS, {"stop": list("abcde")}, "'stop'"),
    "too many tools": (OSS, {"tools": [TOOL] * 129}, "'tools'"),
    "a name": (OSS, said(role="user", content="a", name="b"), "property 'name' is unsupported"),
    "reasoning_content": (
        OSS,
        said(role="assistant", content="a", reasoning_content="b"),
        "for 'role:assistant' the following must be satisfied[('messages.1' : property 'reasoning_content' is unsupported)]",
    ),
    "a null call": (OSS, said(role="assistant", content="a", function_call=None), "property 'function_call'"),
    "null calls": (OSS, said(role="assistant", content="a", tool_calls=None), "property 'tool_calls' must not be null"),
    "null content": (OSS, said(role="assistant", content=None), "property 'content' must not be null"),
    "a function": (OSS, said(role="function", content="a"), "discriminator property 'role'"),
    "effort of gpt-oss": (OSS, {"reasoning_effort": "none"}, "`reasoning_effort` must be one of"),
    "effort of qwen": (QWEN, {"reasoning_effort": "xhigh"}, "`reasoning_effort` must be one of"),
    "two ways to show": (QWEN, {"reasoning_format": "parsed", "include_reasoning": True}, "cannot specify both"),
    "a format of gpt-oss": (OSS, {"reasoning_format": "parsed"}, "`reasoning_format` is not supported"),
    "raw with tools": (QWEN, {"reasoning_format": "raw", "tools": [TOOL]}, "must be `hidden` or `parsed`"),
    "raw with JSON": (QWEN, {"reasoning_format": "raw", "response_format": JSON_MODE}, "must be `hidden` or `parsed`"),
    "a schema for qwen": (QWEN, {"response_format": SCHEMA, "stream": False}, "does not support response format"),
    "a schema with a stream": (OSS, {"response_format": SCHEMA}, "cannot be used with streaming"),
    "a schema with tools": (OSS, {"response_format": SCHEMA, "stream": False, "tools": [TOOL]}, "streaming or tools"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_openai_takes_and_groq_does_not_is_a_400(groq, client, what):
    model, body, words = REFUSED[what]
    seen = await client.ask(groq, model=model, **body)
    error = json.loads(seen.body)["error"]

    assert (seen.status, error["type"], "param" in error) == (400, "invalid_request_error", False)
    assert words in error["message"]


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    "body",
    [
        {"n": 1, "frequency_penalty": 0.5, "user": "me", "seed": 7, "service_tier": "auto"},
        said(role="assistant", content=None, tool_calls=[CALL]),
        said(role="developer", content="Be brief"),
        {"reasoning_effort": "low"},
    ],
)
async def test_what_groq_takes_is_taken(groq, client, body):
    assert (await client.ask(groq, model=OSS, **body)).status == 200


async def test_an_error_in_a_stream_is_an_event_of_its_own_kind(groq, client):
    groq.fault(Fault("error_in_stream", after_tokens=1))
    seen = await client.ask(groq, model=OSS)

    assert b'\n\nevent: error\ndata: {"error":{"message":' in seen.body
    assert b"[DONE]" not in seen.body


async def test_there_is_no_path_for_bare_texts_or_embeddings(groq, client):
    for path in ("/openai/v1/completions", "/openai/v1/embeddings", "/v1/chat/completions"):
        assert (await client.post(groq, path, {"model": OSS})).status == 404


async def test_a_missing_key_is_the_same_as_a_wrong_one(groq, client):
    bodies = [json.loads((await client.ask(groq, key=key)).body)["error"] for key in ("", "wrong")]

    assert bodies == [{"message": "Invalid API Key", "type": "invalid_request_error", "code": "invalid_api_key"}] * 2


# Buckets


@pytest.fixture
async def organisation(start):
    """Two keys of one organisation, and the clock that its buckets go by."""
    clock = Clock()
    keys = {KEY: "home", "other": "home", "third": "apart"}
    sim = SimulatedGroq(keys=keys, quota=GROQ_FREE, clock=clock, wall=clock.wall, instant=True)
    return await start(sim), clock


async def ask(client, sim, *, tokens=100, key=KEY, model=OSS):
    return await client.ask(sim, model=model, key=key, max_completion_tokens=tokens, stream=False)


async def test_headers_tell_of_requests_of_the_day_and_tokens_of_the_minute(organisation, client):
    sim, _ = organisation
    headers = (await ask(client, sim, tokens=795)).headers
    limits = {name.removeprefix("x-ratelimit-"): value for name, value in headers.items() if "ratelimit" in name}

    assert limits == {
        "limit-requests": "1000",
        "remaining-requests": "999",
        "reset-requests": "1m26.4s",
        "limit-tokens": "8000",
        "remaining-tokens": "7200",
        "reset-tokens": "6s",
    }
    assert "Retry-After" not in headers


async def test_tokens_that_are_only_allowed_are_counted_and_come_back_all_the_time(organisation, client):
    sim, clock = organisation
    seen = [await ask(client, sim, tokens=4000) for _ in range(2)]
    message = json.loads(seen[1].body)["error"]["message"]

    assert [answer.status for answer in seen] == [200, 429]
    assert "tokens per minute (TPM): Limit 8000, Used 4005, Requested 4005. Please try again in 75ms." in message
    clock.now += 0.075
    assert (await ask(client, sim, tokens=4000)).status == 200


async def test_keys_of_one_organisation_share_a_bucket_and_models_do_not(organisation, client):
    sim, _ = organisation
    statuses = [(await ask(client, sim, tokens=5000, key=key)).status for key in (KEY, "other", "third")]

    assert statuses == [200, 429, 200]
    assert (await ask(client, sim, tokens=5000, model=QWEN)).status == 200
    assert (sim.quota.of("home").granted, sim.quota.of("home").refused) == (2, 1)


async def test_a_request_larger_than_the_bucket_is_a_413_for_ever(organisation, client):
    sim, clock = organisation
    seen = await ask(client, sim, tokens=8001)
    clock.now += 3600

    assert (seen.status, "Retry-After" in seen.headers) == (413, False)
    assert b"on tokens per minute (TPM): Limit 8000, Requested 8006" in seen.body
    assert (await ask(client, sim, tokens=8001)).status == 413


async def test_a_spent_day_of_tokens_clears_in_minutes_for_a_small_request(organisation, client):
    sim, clock = organisation
    statuses = []
    while 429 not in statuses:
        statuses.append((await ask(client, sim, tokens=7000)).status)
        clock.now += 53
    seen = await ask(client, sim, tokens=7000)

    assert b"tokens per day (TPD): Limit 200000" in seen.body
    assert int(seen.headers["Retry-After"]) < 3600
    clock.now += int(seen.headers["Retry-After"])
    assert (await ask(client, sim, tokens=7000)).status == 200


@pytest.mark.parametrize(
    ("flavour", "kind", "words"),
    [
        ("", "tokens", "(TPM): Limit 8000"),
        ("requests", "requests", "(RPM): Limit 30"),
        ("day", "requests", "(RPD): Limit 1000"),
        ("tokens_day", "tokens", "(TPD): Limit 200000, Used 199850, Requested 400. Please try again in 1m47.585s"),
    ],
)
async def test_every_true_body_of_a_429_can_be_ordered(groq, client, flavour, kind, words):
    groq.fault(Fault("rate_limited", flavour=flavour))
    seen = await client.ask(groq, model=OSS)
    error = json.loads(seen.body)["error"]

    assert (seen.status, error["type"], error["code"]) == (429, kind, "rate_limit_exceeded")
    assert words in error["message"]
    assert seen.headers["Retry-After"]
