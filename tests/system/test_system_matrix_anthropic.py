"""Every feature of the `anthropic` package in front of every provider; what is expected is in `features.py`."""

import json
from typing import Any

import anthropic
import pytest
import pytest_asyncio
from matrix import Ask, Operation, fails
from matrix_answers import caches, filters, heard
from matrix_words import (
    ADDRESS,
    CALL_ONE,
    CALL_TWO,
    EFFORT,
    MAX_TOKENS,
    NOON,
    RESULT,
    STOP,
    SYSTEM,
    TEMPERATURE,
    TEXT,
    THOUGHT,
    TOP_K,
    TOP_P,
)
from upstream_kinds import PICTURE, SCHEMA, tool

from cortex.simulate.anthropic_check import SIGNATURE

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refusal(error: BaseException, said: str) -> None:
    assert isinstance(error, anthropic.BadRequestError), repr(error)
    assert error.status_code == 400
    assert error.body["error"]["type"] == "invalid_request_error"
    assert said in error.body["error"]["message"]


MESSAGES = Operation("anthropic: messages", refusal)
COUNT = Operation("anthropic: messages.count_tokens", refusal, streams=False)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stand):
    http = anthropic.DefaultAsyncHttpxClient(event_hooks={"request": [stand.saw]})
    async with anthropic.AsyncAnthropic(
        base_url=stand.home.url, api_key="any", max_retries=0, http_client=http
    ) as client:
        yield client


@pytest.mark.parametrize(("case", "stream"), MESSAGES.params())
async def test_messages(stand, client, case, stream):
    await stand.prove(MESSAGES, client, case, stream=stream)


@pytest.mark.parametrize(("case", "stream"), COUNT.params())
async def test_count_tokens(stand, client, case, stream):
    await stand.prove(COUNT, client, case, stream=stream)


@pytest.mark.parametrize("operation", [MESSAGES, COUNT], ids=lambda operation: operation.name)
async def test_each_row_has_its_proof(operation):
    assert operation.lacks_no_proof()


def flat(name: str = "weather") -> dict[str, Any]:
    """Return a tool as this API has it."""
    function = tool(name)["function"]
    return {"name": name, "description": function["description"], "input_schema": function["parameters"]}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": parts[0] if isinstance(parts[0], str) else list(parts)}


async def message(ask: Ask, *messages: Any, **more: Any) -> Any:
    """Return a message; a stream is put together by the package."""
    given = {"model": ask.model, "max_tokens": 200, "messages": list(messages) or [user(TEXT)], **more}
    if not ask.stream:
        return await ask.client.messages.create(**given)
    async with ask.client.messages.stream(**given) as stream:
        return await stream.get_final_message()


def text_of(answer: Any) -> str:
    return "".join(block.text for block in answer.content if block.type == "text")


def calls_of(answer: Any) -> list[Any]:
    return [block for block in answer.content if block.type == "tool_use"]


@MESSAGES.proves("stream")
async def message_stream(ask):
    given = {"model": ask.model, "max_tokens": 200, "messages": [user(TEXT)]}
    async with ask.client.messages.stream(**given) as stream:
        pieces = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()

    assert len(pieces) > 3
    assert "".join(pieces) == text_of(final)


@MESSAGES.proves("text")
async def message_text(ask):
    answer = await message(ask)

    assert f"You said: {TEXT}" in text_of(answer)
    assert (answer.role, answer.stop_reason, answer.model) == ("assistant", "end_turn", ask.model)


@MESSAGES.proves("instructions")
async def message_instructions(ask):
    await message(ask, system=SYSTEM)


@MESSAGES.proves("tools")
async def message_tools(ask):
    answer = await message(ask, user(CALL_ONE), tools=[flat()])
    (call,) = calls_of(answer)

    assert (call.name, call.input.keys(), bool(call.id)) == ("weather", {"city"}, True)
    assert answer.stop_reason == "tool_use"


@MESSAGES.proves("parallel tools")
async def message_parallel_tools(ask):
    calls = calls_of(await message(ask, user(CALL_TWO), tools=[flat(), flat("clock")]))

    assert [call.name for call in calls] == ["weather", "clock"]
    assert len({call.id for call in calls}) == 2


@MESSAGES.proves("at most one call")
async def message_at_most_one_call(ask):
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    answer = await message(ask, user(CALL_TWO), tools=[flat(), flat("clock")], tool_choice=choice)

    # An upstream that is told of the bound is trusted to keep to it, and the simulator does not.
    assert len(calls_of(answer)) == (2 if ask.fate == "passed" else 1)


@MESSAGES.proves("tool results")
async def message_tool_results(ask):
    answer = await message(ask, user(CALL_ONE), tools=[flat()])
    (call,) = calls_of(answer)
    kept = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.input}
    result = {"type": "tool_result", "tool_use_id": call.id, "content": RESULT}
    turns = [user(CALL_ONE), {"role": "assistant", "content": [kept]}, user(result)]
    final = await message(ask, *turns, tools=[flat()])

    assert f"The tool says: {RESULT}" in text_of(final)


@MESSAGES.proves("parallel tool results")
async def message_parallel_tool_results(ask):
    """The results come in another order than the calls."""
    tools = [flat(), flat("clock")]
    calls = calls_of(await message(ask, user(CALL_TWO), tools=tools))
    kept = [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input} for call in calls]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": said}
        for call, said in zip(calls, (RESULT, NOON), strict=True)
    ]
    turns = [user(CALL_TWO), {"role": "assistant", "content": kept}, user(*reversed(results))]
    final = await message(ask, *turns, tools=tools)

    assert "The tool says" in text_of(final)


@MESSAGES.proves("forced tool")
async def message_forced_tool(ask):
    choice = {"type": "tool", "name": "weather"}
    answer = await message(ask, tools=[flat("clock"), flat()], tool_choice=choice)

    assert [call.name for call in calls_of(answer)] == ["weather"]


@MESSAGES.proves("some tool")
async def message_some_tool(ask):
    assert calls_of(await message(ask, tools=[flat()], tool_choice={"type": "any"}))


@MESSAGES.proves("no tool")
async def message_no_tool(ask):
    answer = await message(ask, user(CALL_ONE), tools=[flat()], tool_choice={"type": "none"})

    assert not calls_of(answer)
    assert answer.stop_reason == "end_turn"


@MESSAGES.proves("images")
async def message_images(ask):
    source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
    answer = await message(ask, user({"type": "text", "text": TEXT}, {"type": "image", "source": source}))

    assert "I see 1 image." in text_of(answer)


@MESSAGES.proves("image addresses")
async def message_image_addresses(ask):
    shown = {"type": "image", "source": {"type": "url", "url": ADDRESS}}
    answer = await message(ask, user({"type": "text", "text": TEXT}, shown))

    assert "I see 1 image." in text_of(answer)


@MESSAGES.proves("images in tool results")
async def message_images_in_tool_results(ask):
    """No tool is offered any more: the simulator would call it, since its name is said beside the image."""
    call = {"type": "tool_use", "id": "call_12345678", "name": "weather", "input": {"city": "Paris"}}
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}
    result = {
        "type": "tool_result",
        "tool_use_id": "call_12345678",
        "content": [{"type": "text", "text": RESULT}, image],
    }
    answer = await message(ask, user(TEXT), {"role": "assistant", "content": [call]}, user(result))

    assert "I see 1 image." in text_of(answer)


@MESSAGES.proves("JSON schema", "JSON schema in a stream")
async def message_json_schema(ask):
    answer = await message(ask, output_config={"format": {"type": "json_schema", "schema": SCHEMA}})

    assert json.loads(text_of(answer)).keys() == {"name", "age"}


SHOWN = {"type": "adaptive", "display": "summarized"}
"""Newer models of Anthropic hide what they think unless they are asked for it."""


@MESSAGES.proves("reasoning")
async def message_reasoning(ask):
    answer = await message(ask, thinking=SHOWN, output_config={"effort": EFFORT})
    (thought,) = [block for block in answer.content if block.type == "thinking"]

    assert thought.thinking.startswith("The user wants")
    assert bool(thought.signature) == (ask.fate == "passed")
    assert "The user wants" not in text_of(answer)


@MESSAGES.proves("no reasoning")
async def message_no_reasoning(ask):
    await message(ask, thinking={"type": "disabled"})


async def thinks_back(ask: Ask, signature: str) -> None:
    thought = {"type": "thinking", "thinking": THOUGHT, "signature": signature}
    before = {"role": "assistant", "content": [thought, {"type": "text", "text": "Yes"}]}
    await message(ask, user("Is it?"), before, user(TEXT))


@MESSAGES.proves("earlier reasoning")
async def message_earlier_reasoning(ask):
    """Its signature is empty, as Córtex writes it behind the thoughts of any other provider."""
    await thinks_back(ask, "")


@MESSAGES.proves("signed reasoning")
async def message_signed_reasoning(ask):
    await thinks_back(ask, f"{SIGNATURE}1")


@MESSAGES.proves("JSON schema beside tools")
async def message_json_schema_beside_tools(ask):
    bound = {"format": {"type": "json_schema", "schema": SCHEMA}}

    assert calls_of(await message(ask, user(CALL_ONE), tools=[flat()], output_config=bound))


@MESSAGES.proves("stop")
async def message_stop(ask):
    answer = await message(ask, stop_sequences=[STOP])

    assert text_of(answer).endswith("You ")


@MESSAGES.proves("max tokens")
async def message_max_tokens(ask):
    assert (await message(ask, max_tokens=MAX_TOKENS)).stop_reason == "max_tokens"


@MESSAGES.proves("sampling")
async def message_sampling(ask):
    await message(ask, extra_body={"temperature": TEMPERATURE, "top_p": TOP_P})


@MESSAGES.proves("top_k")
async def message_top_k(ask):
    await message(ask, extra_body={"top_k": TOP_K})


@MESSAGES.proves("files")
async def message_files(ask):
    source = {"type": "base64", "media_type": "application/pdf", "data": PICTURE}
    await message(ask, user({"type": "document", "source": source}))


async def test_a_file_goes_to_the_one_that_takes_it_from_this_client(stand, client):
    """As the page says of `refused`: the first worker takes files too, but only from clients of its own dialect."""
    source = {"type": "base64", "media_type": "application/pdf", "data": PICTURE}
    asked = user({"type": "document", "source": source})
    for sim in stand.sims.values():
        sim.requests.clear()
    await client.messages.create(model="claude-last", max_tokens=200, messages=[asked])

    assert stand.received("openai") == []
    assert stand.received("anthropic")[-1].json["messages"] == [asked]


@MESSAGES.proves("tools of its own")
async def message_tools_of_its_own(ask):
    await message(ask, tools=[{"type": "web_search_20260318", "name": "web_search"}])


@MESSAGES.proves("usage")
async def message_usage(ask):
    usage = (await message(ask)).usage

    assert usage.input_tokens > 0
    assert usage.output_tokens > 0


@MESSAGES.proves("cached tokens")
async def message_cached_tokens(ask):
    caches(ask)
    usage = (await message(ask)).usage

    assert usage.input_tokens > 0
    return heard(usage.cache_read_input_tokens)


@MESSAGES.proves("content filter")
async def message_content_filter(ask):
    filters(ask)

    assert (await message(ask)).stop_reason == "refusal"


@MESSAGES.proves("errors")
async def message_errors(ask):
    said = fails(ask)
    with pytest.raises(anthropic.BadRequestError) as caught:
        await message(ask)

    refusal(caught.value, said)
    return "translated"


@COUNT.proves("usage")
async def count_usage(ask):
    counts = [
        (await ask.client.messages.count_tokens(model=ask.model, messages=[user(text)])).input_tokens
        for text in (TEXT, TEXT * 100)
    ]

    assert 0 < counts[0] < counts[1]
