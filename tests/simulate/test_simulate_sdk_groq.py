"""The official `groq` package, and `openai`, as clients of the simulated Groq."""

import json

import groq as package
import openai
import pytest
from simulate_client import KEY, Clock

from cortex.simulate import GROQ_FREE, Fault, SimulatedGroq

OSS, QWEN = "openai/gpt-oss-120b", "qwen/qwen3.8-27b"
HELLO = [{"role": "user", "content": "Hello"}]
USAGE = {"stream_options": {"include_usage": True}}
"""The package has no word for it."""
USE_TOOL = [{"role": "user", "content": "get_weather please"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}


@pytest.fixture
async def chat(groq):
    async with package.AsyncGroq(api_key=KEY, base_url=groq.origin, max_retries=0) as sdk:
        yield sdk.chat.completions.create


@pytest.fixture
async def models(groq):
    async with package.AsyncGroq(api_key=KEY, base_url=groq.origin, max_retries=0) as sdk:
        yield sdk.models


async def gather(stream):
    return [chunk async for chunk in stream]


async def test_a_whole_answer_has_text_reasoning_usage_and_times(chat):
    answer = await chat(model=OSS, messages=HELLO)
    message = answer.choices[0].message

    assert "You said: Hello" in message.content
    assert message.reasoning.startswith("The user wants")
    assert answer.usage.completion_tokens_details.reasoning_tokens == 7
    assert answer.usage.total_time == pytest.approx(answer.usage.prompt_time + answer.usage.completion_time)
    assert answer.service_tier == "on_demand"


async def test_a_stream_has_its_id_first_and_its_usage_last_though_nobody_asked(chat):
    whole = await chat(model=OSS, messages=HELLO)
    first, *_, last = chunks = await gather(await chat(model=OSS, messages=HELLO, stream=True))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert (first.x_groq.id, first.x_groq.usage) == (last.x_groq.id, None)
    assert (last.choices[0].finish_reason, last.x_groq.usage.completion_tokens) == ("stop", 39)
    assert all(chunk.usage is None for chunk in chunks)


async def test_usage_comes_twice_when_it_is_asked_for(chat):
    stream = await chat(model=OSS, messages=HELLO, stream=True, extra_body=USAGE)
    *_, finish, usage = await gather(stream)

    assert finish.x_groq.usage.total_tokens == usage.usage.total_tokens > 0
    assert usage.choices == []


@pytest.mark.parametrize(
    ("model", "asked", "has_reasoning", "begins"),
    [
        (OSS, {}, True, "[simulated"),
        (OSS, {"include_reasoning": False}, False, "[simulated"),
        (QWEN, {}, False, "<think>The user"),
        (QWEN, {"reasoning_format": "parsed"}, True, "[simulated"),
        (QWEN, {"reasoning_format": "hidden"}, False, "[simulated"),
        (QWEN, {"reasoning_effort": "none"}, False, "[simulated"),
    ],
)
async def test_reasoning_is_shown_as_it_is_asked_for(chat, model, asked, has_reasoning, begins):
    message = (await chat(model=model, messages=HELLO, **asked)).choices[0].message

    assert bool(message.reasoning) == has_reasoning
    assert message.content.startswith(begins)


async def test_reasoning_that_is_hidden_is_counted_all_the_same(chat):
    answer = await chat(model=OSS, messages=HELLO, include_reasoning=False)

    assert (answer.usage.completion_tokens, answer.usage.completion_tokens_details.reasoning_tokens) == (39, 7)


async def test_a_tool_is_called_and_its_result_answered(chat):
    answer = await chat(model=OSS, messages=USE_TOOL, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls
    turns = [
        *USE_TOOL,
        {"role": "assistant", "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "17 degrees"},
    ]
    final = await chat(model=OSS, messages=turns, tools=[WEATHER])

    assert (answer.choices[0].finish_reason, answer.choices[0].message.content) == ("tool_calls", None)
    assert "The tool says: 17 degrees" in final.choices[0].message.content


async def test_a_schema_is_kept_and_json_given(chat):
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": CITY}}
    bound = await chat(model=OSS, messages=HELLO, response_format=form)
    loose = await chat(model=QWEN, messages=HELLO, response_format={"type": "json_object"})

    assert list(json.loads(bound.choices[0].message.content)) == ["city"]
    assert "Hello" in json.loads(loose.choices[0].message.content)["answer"]


async def test_an_image_is_seen(chat):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    content = [{"type": "text", "text": "What?"}, picture]

    assert (
        "I see 1 image."
        in (await chat(model=QWEN, messages=[{"role": "user", "content": content}])).choices[0].message.content
    )


async def test_models_are_listed_with_what_they_hold(models):
    listed = (await models.list()).data

    assert [model.id for model in listed] == [OSS, "openai/gpt-oss-20b", QWEN]
    assert (listed[0].active, listed[0].context_window) == (True, 131_072)
    assert (await models.retrieve(OSS)).owned_by == "openai"


@pytest.mark.parametrize(
    ("fault", "kind", "status", "code"),
    [
        (Fault("rate_limited"), package.RateLimitError, 429, "rate_limit_exceeded"),
        (Fault("unauthorized"), package.AuthenticationError, 401, "invalid_api_key"),
        (Fault("unauthorized", flavour="blocked"), package.PermissionDeniedError, 403, None),
        (Fault("model_missing"), package.NotFoundError, 404, "model_not_found"),
        (Fault("model_missing", flavour="decommissioned"), package.BadRequestError, 400, "model_decommissioned"),
        (Fault("busy"), package.InternalServerError, 503, None),
        (Fault("busy", flavour="flex"), package.APIStatusError, 498, "capacity_exceeded"),
        (Fault("error_status", flavour="too_large"), package.APIStatusError, 413, "rate_limit_exceeded"),
        (Fault("error_status", flavour="tool_use_failed"), package.BadRequestError, 400, "tool_use_failed"),
        (Fault("error_status", flavour="json_validate_failed"), package.BadRequestError, 400, "json_validate_failed"),
        (
            Fault("error_status", flavour="context_length_exceeded"),
            package.BadRequestError,
            400,
            "context_length_exceeded",
        ),
        (Fault("error_status", status=500), package.InternalServerError, 500, None),
    ],
)
async def test_each_error_is_the_packages_own_exception(groq, chat, fault, kind, status, code):
    groq.fault(fault)
    with pytest.raises(kind) as error:
        await chat(model=OSS, messages=HELLO)

    assert (error.value.status_code, error.value.body["error"].get("code")) == (status, code)


async def test_a_call_that_failed_comes_with_what_was_generated(groq, chat):
    groq.fault(Fault("error_status", flavour="tool_use_failed"))
    with pytest.raises(package.BadRequestError) as error:
        await chat(model=OSS, messages=HELLO)

    assert "get_weather" in error.value.body["error"]["failed_generation"]


async def test_an_error_in_a_stream_is_raised(groq, chat):
    groq.fault(Fault("error_in_stream", after_tokens=2, body="engine died"))
    with pytest.raises(package.APIError, match="engine died"):
        await gather(await chat(model=OSS, messages=HELLO, stream=True))


async def test_a_spent_minute_is_a_rate_limit_error_that_says_when(start):
    sim = await start(SimulatedGroq(keys=KEY, quota=GROQ_FREE, clock=Clock(), instant=True))
    async with package.AsyncGroq(api_key=KEY, base_url=sim.origin, max_retries=0) as sdk:
        for _ in range(30):
            await sdk.chat.completions.create(model=OSS, messages=HELLO)
        with pytest.raises(package.RateLimitError) as error:
            await sdk.chat.completions.create(model=OSS, messages=HELLO)

    assert error.value.body["error"]["type"] == "requests"
    assert "requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 2s." in str(error.value)
    assert error.value.response.headers["retry-after"] == "2"


async def test_the_package_openai_is_served_too(groq):
    async with openai.AsyncOpenAI(api_key=KEY, base_url=groq.url, max_retries=0) as sdk:
        answer = await sdk.chat.completions.create(model=OSS, messages=HELLO)
        with pytest.raises(openai.NotFoundError) as error:
            await sdk.completions.create(model=OSS, prompt="Hello")

    assert "You said: Hello" in answer.choices[0].message.content
    assert error.value.code == "unknown_url"
