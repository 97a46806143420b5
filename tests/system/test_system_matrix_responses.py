"""Every feature of the `openai` package's responses in front of every provider; what is expected is in `features.py`."""

import json
from typing import Any

import openai
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
    SYSTEM,
    TEMPERATURE,
    TEXT,
    THOUGHT,
    TOP_P,
)
from upstream_kinds import PICTURE, SCHEMA, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refusal(error: BaseException, said: str) -> None:
    assert isinstance(error, openai.BadRequestError), repr(error)
    assert error.status_code == 400
    assert said in str(error)
    if "no worker with this model can do" in str(error):
        assert error.code == "unsupported_parameter"


RESPONSES = Operation("openai: responses", refusal)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stand):
    http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [stand.saw]})
    async with openai.AsyncOpenAI(
        base_url=f"{stand.home.url}/v1", api_key="any", max_retries=0, http_client=http
    ) as client:
        yield client


@pytest.mark.parametrize(("case", "stream"), RESPONSES.params())
async def test_responses(stand, client, case, stream):
    await stand.prove(RESPONSES, client, case, stream=stream)


async def test_each_row_has_its_proof():
    assert RESPONSES.lacks_no_proof()


def flat(name: str = "weather") -> dict[str, Any]:
    """Return a tool as this API has it."""
    return {"type": "function", **tool(name)["function"], "strict": False}


async def respond(ask: Ask, given: Any = TEXT, **more: Any) -> Any:
    """Return a response; of a stream that which its last event holds."""
    if not ask.stream:
        return await ask.client.responses.create(model=ask.model, input=given, **more)
    stream = await ask.client.responses.create(model=ask.model, input=given, stream=True, **more)
    last = [event async for event in stream][-1]
    assert last.type in {"response.completed", "response.incomplete"}
    return last.response


def items(response: Any, kind: str) -> list[Any]:
    return [item for item in response.output if item.type == kind]


@RESPONSES.proves("stream")
async def respond_stream(ask):
    stream = await ask.client.responses.create(model=ask.model, input=TEXT, stream=True)
    events = [event async for event in stream]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]

    assert len(deltas) > 3
    assert "".join(deltas) == events[-1].response.output_text
    assert events[-1].type == "response.completed"


@RESPONSES.proves("text")
async def respond_text(ask):
    response = await respond(ask)

    assert f"You said: {TEXT}" in response.output_text
    assert (response.status, response.model) == ("completed", ask.model)


@RESPONSES.proves("instructions")
async def respond_instructions(ask):
    await respond(ask, instructions=SYSTEM)


@RESPONSES.proves("tools")
async def respond_tools(ask):
    (call,) = items(await respond(ask, CALL_ONE, tools=[flat()]), "function_call")

    assert (call.name, set(json.loads(call.arguments)), bool(call.call_id)) == ("weather", {"city"}, True)


@RESPONSES.proves("parallel tools")
async def respond_parallel_tools(ask):
    calls = items(await respond(ask, CALL_TWO, tools=[flat(), flat("clock")]), "function_call")

    assert [call.name for call in calls] == ["weather", "clock"]
    assert len({call.call_id for call in calls}) == 2


@RESPONSES.proves("at most one call")
async def respond_at_most_one_call(ask):
    response = await respond(ask, CALL_TWO, tools=[flat(), flat("clock")], parallel_tool_calls=False)

    assert len(items(response, "function_call")) == 1


@RESPONSES.proves("tool results")
async def respond_tool_results(ask):
    asked = {"role": "user", "content": CALL_ONE}
    (call,) = items(await respond(ask, [asked], tools=[flat()]), "function_call")
    kept = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
    final = await respond(ask, [asked, kept, result], tools=[flat()])

    assert f"The tool says: {RESULT}" in final.output_text


@RESPONSES.proves("parallel tool results")
async def respond_parallel_tool_results(ask):
    """The results come in another order than the calls."""
    asked, tools = {"role": "user", "content": CALL_TWO}, [flat(), flat("clock")]
    calls = items(await respond(ask, [asked], tools=tools), "function_call")
    kept = [
        {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        for call in calls
    ]
    results = [
        {"type": "function_call_output", "call_id": call.call_id, "output": said}
        for call, said in zip(calls, (RESULT, NOON), strict=True)
    ]
    final = await respond(ask, [asked, *kept, *reversed(results)], tools=tools)

    assert "The tool says" in final.output_text


@RESPONSES.proves("forced tool")
async def respond_forced_tool(ask):
    choice = {"type": "function", "name": "weather"}
    response = await respond(ask, tools=[flat("clock"), flat()], tool_choice=choice)

    assert [call.name for call in items(response, "function_call")] == ["weather"]


@RESPONSES.proves("some tool")
async def respond_some_tool(ask):
    assert items(await respond(ask, tools=[flat()], tool_choice="required"), "function_call")


@RESPONSES.proves("no tool")
async def respond_no_tool(ask):
    response = await respond(ask, CALL_ONE, tools=[flat()], tool_choice="none")

    assert not items(response, "function_call")
    assert response.output_text


def shown(url: str) -> list[dict[str, Any]]:
    content = [{"type": "input_text", "text": TEXT}, {"type": "input_image", "image_url": url, "detail": "auto"}]
    return [{"role": "user", "content": content}]


@RESPONSES.proves("images")
async def respond_images(ask):
    assert "I see 1 image." in (await respond(ask, shown(f"data:image/png;base64,{PICTURE}"))).output_text


@RESPONSES.proves("image addresses")
async def respond_image_addresses(ask):
    assert "I see 1 image." in (await respond(ask, shown(ADDRESS))).output_text


@RESPONSES.proves("images in tool results")
async def respond_images_in_tool_results(ask):
    """No tool is offered any more: the simulator would call it, since its name is said beside the image."""
    call = {"type": "function_call", "call_id": "call_12345678", "name": "weather", "arguments": '{"city":"Paris"}'}
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}", "detail": "auto"}
    output = [{"type": "input_text", "text": RESULT}, image]
    result = {"type": "function_call_output", "call_id": "call_12345678", "output": output}
    response = await respond(ask, [{"role": "user", "content": TEXT}, call, result])

    assert "I see 1 image." in response.output_text


@RESPONSES.proves("JSON mode")
async def respond_json_mode(ask):
    response = await respond(ask, "In JSON, please", text={"format": {"type": "json_object"}})

    assert isinstance(json.loads(response.output_text), dict)


@RESPONSES.proves("JSON schema", "JSON schema in a stream")
async def respond_json_schema(ask):
    bound = {"type": "json_schema", "name": "person", "schema": SCHEMA, "strict": True}
    response = await respond(ask, text={"format": bound})

    assert set(json.loads(response.output_text)) == {"name", "age"}


@RESPONSES.proves("reasoning")
async def respond_reasoning(ask):
    response = await respond(ask, reasoning={"effort": EFFORT, "summary": "auto"})
    (thought,) = items(response, "reasoning")

    assert (thought.summary or thought.content)[0].text.startswith("The user wants")
    assert "The user wants" not in response.output_text


@RESPONSES.proves("no reasoning")
async def respond_no_reasoning(ask):
    await respond(ask, reasoning={"effort": "none"})


@RESPONSES.proves("earlier reasoning")
async def respond_earlier_reasoning(ask):
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": THOUGHT}]}
    before = {"role": "assistant", "content": "Yes"}
    await respond(ask, [{"role": "user", "content": "Is it?"}, thought, before, {"role": "user", "content": TEXT}])


@RESPONSES.proves("JSON schema beside tools")
async def respond_json_schema_beside_tools(ask):
    bound = {"type": "json_schema", "name": "person", "schema": SCHEMA, "strict": True}

    assert items(await respond(ask, CALL_ONE, tools=[flat()], text={"format": bound}), "function_call")


@RESPONSES.proves("max tokens")
async def respond_max_tokens(ask):
    response = await respond(ask, max_output_tokens=MAX_TOKENS)

    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


@RESPONSES.proves("sampling")
async def respond_sampling(ask):
    await respond(ask, temperature=TEMPERATURE, top_p=TOP_P)


@RESPONSES.proves("logprobs")
async def respond_logprobs(ask):
    response = await respond(ask, include=["message.output_text.logprobs"], top_logprobs=2)
    (message,) = items(response, "message")
    tokens = message.content[0].logprobs

    assert "".join(token.token for token in tokens) == response.output_text
    assert all(len(token.top_logprobs) == 2 for token in tokens)


@RESPONSES.proves("files")
async def respond_files(ask):
    file = {"type": "input_file", "filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PICTURE}"}
    await respond(ask, [{"role": "user", "content": [file]}])


@RESPONSES.proves("usage")
async def respond_usage(ask):
    usage = (await respond(ask)).usage

    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert usage.input_tokens > 0
    assert usage.output_tokens > 0


@RESPONSES.proves("cached tokens")
async def respond_cached_tokens(ask):
    caches(ask)

    return heard((await respond(ask)).usage.input_tokens_details.cached_tokens)


@RESPONSES.proves("content filter")
async def respond_content_filter(ask):
    filters(ask)
    response = await respond(ask)

    assert (response.status, response.incomplete_details.reason) == ("incomplete", "content_filter")


@RESPONSES.proves("errors")
async def respond_errors(ask):
    said = fails(ask)
    with pytest.raises(openai.BadRequestError) as caught:
        await respond(ask)

    refusal(caught.value, said)
    return "translated"
