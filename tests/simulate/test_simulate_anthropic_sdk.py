"""The official `anthropic` package as a client of the simulated Anthropic."""

import json

import anthropic as package
import pytest
from simulate_client import KEY

from cortex.simulate import Fault, SimulatedAnthropic

SONNET, HAIKU = "claude-sonnet-5-5", "claude-haiku-4-5"
HELLO = [{"role": "user", "content": "Hello"}]
ASKED = {"model": SONNET, "max_tokens": 100}
WEATHER = {
    "name": "get_weather",
    "description": "Tells it",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
NOW = {"name": "now", "input_schema": {"type": "object", "properties": {}}}
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture
async def claude(start):
    return await start(SimulatedAnthropic(instant=True, keys=KEY))


def client_of(sim, key=KEY):
    return package.AsyncAnthropic(api_key=key, base_url=sim.url, max_retries=0)


@pytest.fixture
async def sdk(claude):
    async with client_of(claude) as client:
        yield client


async def final(sdk, **given):
    async with sdk.messages.stream(**ASKED | given) as stream:
        return await stream.get_final_message()


async def test_a_whole_answer_has_text_and_its_counts(sdk):
    answer = await sdk.messages.create(**ASKED, messages=HELLO)
    (block,) = answer.content

    assert "You said: Hello" in block.text
    assert (answer.stop_reason, answer.usage.input_tokens, answer.usage.output_tokens) == ("end_turn", 5, 32)
    assert answer._request_id == "req_00000001"


async def test_a_stream_puts_together_the_same_message(sdk):
    whole = await sdk.messages.create(**ASKED, messages=HELLO)
    streamed = await final(sdk, messages=HELLO)

    assert [block.text for block in streamed.content] == [block.text for block in whole.content]
    assert (streamed.stop_reason, streamed.usage.output_tokens) == (whole.stop_reason, whole.usage.output_tokens)


async def test_instructions_are_taken_as_text_and_as_blocks(sdk):
    text = await sdk.messages.create(**ASKED, messages=HELLO, system="Be kind")
    blocks = [{"type": "text", "text": "Be kind", "cache_control": {"type": "ephemeral"}}]
    block = await sdk.messages.create(**ASKED, messages=HELLO, system=blocks)

    assert text.content == block.content


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        (SONNET, {"type": "adaptive", "display": "summarized"}),
        (HAIKU, {"type": "enabled", "budget_tokens": 1024}),
    ],
)
async def test_thinking_comes_first_and_is_signed(model, thinking, sdk):
    asked = {"model": model, "max_tokens": 2000, "messages": HELLO, "thinking": thinking}
    whole = await sdk.messages.create(**asked)
    streamed = await final(sdk, **asked)

    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["thinking", "text"]
        assert message.content[0].thinking.startswith("The user wants")
        assert message.content[0].signature
    assert whole.usage.output_tokens_details.thinking_tokens == 7


@pytest.mark.parametrize("stream", [False, True])
async def test_calls_are_made_and_their_results_answered(stream, sdk):
    asked = [{"role": "user", "content": "use tools"}]
    given = {"messages": asked, "tools": [WEATHER, NOW]}
    answer = await (final(sdk, **given) if stream else sdk.messages.create(**ASKED | given))
    weather, now = answer.content
    results = [
        {"type": "tool_result", "tool_use_id": weather.id, "content": [{"type": "text", "text": "17 degrees"}]},
        {"type": "tool_result", "tool_use_id": now.id, "content": "noon", "is_error": True},
    ]
    turns = [*asked, {"role": "assistant", "content": answer.content}, {"role": "user", "content": results}]
    last = await sdk.messages.create(**ASKED, messages=turns, tools=[WEATHER, NOW])

    assert (answer.stop_reason, weather.name, list(weather.input), now.input) == (
        "tool_use",
        "get_weather",
        ["city"],
        {},
    )
    assert "The tool says: noon" in last.content[0].text


@pytest.mark.parametrize(("choice", "reason"), [("any", "tool_use"), ("none", "end_turn")])
async def test_a_call_can_be_forced_and_forbidden(choice, reason, sdk):
    text = "Hello" if choice == "any" else "get_weather"
    asked = [{"role": "user", "content": text}]
    answer = await sdk.messages.create(**ASKED, messages=asked, tools=[WEATHER], tool_choice={"type": choice})

    assert answer.stop_reason == reason


async def test_json_is_bound_to_a_schema(sdk):
    schema = {**WEATHER["input_schema"], "additionalProperties": False}
    config = {"format": {"type": "json_schema", "schema": schema}}
    answer = await sdk.messages.create(**ASKED, messages=HELLO, output_config=config)

    assert list(json.loads(answer.content[0].text)) == ["city"]


async def test_images_are_seen_by_their_bytes_and_by_their_address(sdk):
    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
        {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
        {"type": "text", "text": "What?"},
    ]
    answer = await sdk.messages.create(**ASKED, messages=[{"role": "user", "content": content}])

    assert "I see 2 images." in answer.content[0].text


async def test_the_bound_cuts_an_answer(sdk):
    answer = await sdk.messages.create(model=SONNET, max_tokens=3, messages=HELLO)

    assert (answer.stop_reason, answer.usage.output_tokens) == ("max_tokens", 3)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("unauthorized"), package.AuthenticationError),
        (Fault("model_missing"), package.NotFoundError),
        (Fault("model_missing", flavour="access"), package.PermissionDeniedError),
        (Fault("rate_limited"), package.RateLimitError),
        (Fault("busy"), package.InternalServerError),
        (Fault("error_status", flavour="conflict"), package.ConflictError),
        (Fault("error_status", flavour="too_long"), package.BadRequestError),
        (Fault("error_in_stream", after_tokens=1), package.InternalServerError),
    ],
)
async def test_trouble_is_raised_as_what_it_is(fault, error, claude, sdk):
    claude.fault(fault)

    with pytest.raises(error):
        await sdk.messages.create(**ASKED, messages=HELLO)


async def test_trouble_in_a_stream_is_raised(claude, sdk):
    claude.fault(Fault("error_in_stream", after_tokens=2, body="it broke"))

    with pytest.raises(package.APIStatusError, match="it broke"):
        await final(sdk, messages=HELLO)


async def test_limit_that_is_worth_waiting_for_is_waited_for(claude):
    claude.fault(Fault("rate_limited", retry_after=0.01))
    async with package.AsyncAnthropic(api_key=KEY, base_url=claude.url, max_retries=1) as patient:
        answer = await patient.messages.create(**ASKED, messages=HELLO)

    assert answer.stop_reason == "end_turn"
    assert len(claude.requests) == 2


async def test_models_are_listed_page_by_page_and_shown_one_by_one(claude, sdk):
    names = [model.id async for model in sdk.models.list(limit=2)]
    one = await sdk.models.retrieve(HAIKU)

    assert names == [model.name for model in claude.models]
    assert (one.id, one.max_tokens, one.capabilities.thinking.types.adaptive.supported) == (
        "claude-haiku-4-5-20251001",
        64_000,
        False,
    )


async def test_tokens_are_counted_before_they_are_used(sdk):
    counted = await sdk.messages.count_tokens(model=SONNET, messages=HELLO, system="Be kind")
    answer = await sdk.messages.create(**ASKED, messages=HELLO, system="Be kind")

    assert counted.input_tokens == answer.usage.input_tokens
