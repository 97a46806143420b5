"""Every feature of the `openai` package in front of every provider; what is expected is in `features.py`."""

import json
from collections import defaultdict
from types import SimpleNamespace as Namespace
from typing import Any

import openai
import pytest
import pytest_asyncio
from matrix import Ask, Operation, fails
from matrix_answers import caches, filters, heard
from matrix_words import (
    ADDRESS,
    BIAS,
    CALL_ONE,
    CALL_TWO,
    DIMENSIONS,
    EFFORT,
    FREQUENCY,
    MAX_TOKENS,
    MIN_P,
    NOON,
    PRESENCE,
    REPEAT,
    RESULT,
    SEED,
    STOP,
    SUFFIX,
    SYSTEM,
    TEMPERATURE,
    TEXT,
    TEXTS,
    THOUGHT,
    TOP_K,
    TOP_P,
)
from openai.lib.streaming.chat import ChatCompletionStreamState
from upstream_kinds import PICTURE, SCHEMA, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refusal(error: BaseException, said: str) -> None:
    assert isinstance(error, openai.BadRequestError), repr(error)
    assert error.status_code == 400
    assert said in str(error)
    if "no worker with this model can do" in str(error):
        assert error.code == "unsupported_parameter"


CHAT = Operation("openai: chat.completions", refusal)
COMPLETIONS = Operation("openai: completions", refusal, needs={"logprobs": "legacy_completion"})
EMBEDDINGS = Operation(
    "openai: embeddings", refusal, streams=False, needs=dict.fromkeys(("dimensions", "usage"), "embeddings")
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stand):
    http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [stand.saw]})
    async with openai.AsyncOpenAI(
        base_url=f"{stand.home.url}/v1", api_key="any", max_retries=0, http_client=http
    ) as client:
        yield client


@pytest.mark.parametrize(("case", "stream"), CHAT.params())
async def test_chat_completions(stand, client, case, stream):
    await stand.prove(CHAT, client, case, stream=stream)


@pytest.mark.parametrize(("case", "stream"), COMPLETIONS.params())
async def test_completions(stand, client, case, stream):
    await stand.prove(COMPLETIONS, client, case, stream=stream)


@pytest.mark.parametrize(("case", "stream"), EMBEDDINGS.params())
async def test_embeddings(stand, client, case, stream):
    await stand.prove(EMBEDDINGS, client, case, stream=stream)


@pytest.mark.parametrize("operation", [CHAT, COMPLETIONS, EMBEDDINGS], ids=lambda operation: operation.name)
async def test_each_row_has_its_proof(operation):
    assert operation.lacks_no_proof()


# Chat completions


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": parts[0] if isinstance(parts[0], str) else list(parts)}


def worded(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


async def chat(ask: Ask, *messages: Any, **more: Any) -> Any:
    """Return an answer; a stream is put together by the package."""
    asked = list(messages) or [user(TEXT)]
    if not ask.stream:
        return await ask.client.chat.completions.create(model=ask.model, messages=asked, **more)
    more = {"stream_options": {"include_usage": True}, **more}
    state = ChatCompletionStreamState()
    async for chunk in await ask.client.chat.completions.create(model=ask.model, messages=asked, stream=True, **more):
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


@CHAT.proves("stream")
async def chat_stream(ask):
    chunks = [
        c async for c in await ask.client.chat.completions.create(model=ask.model, messages=[user(TEXT)], stream=True)
    ]
    deltas = [chunk.choices[0].delta for chunk in chunks]

    assert sum(bool(delta.content) for delta in deltas) > 3
    assert f"You said: {TEXT}" in "".join(delta.content or "" for delta in deltas)
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["stop"]


@CHAT.proves("text")
async def chat_text(ask):
    answer = await chat(ask)

    assert f"You said: {TEXT}" in answer.choices[0].message.content
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", ask.model)
    assert (answer.system_fingerprint == "fp_simulated") == (ask.fate == "passed")


@CHAT.proves("instructions")
async def chat_instructions(ask):
    await chat(ask, {"role": "system", "content": SYSTEM}, user(TEXT))


@CHAT.proves("tools")
async def chat_tools(ask):
    answer = await chat(ask, user(CALL_ONE), tools=[tool()])
    (call,) = answer.choices[0].message.tool_calls

    assert (call.type, call.function.name, set(json.loads(call.function.arguments))) == (
        "function",
        "weather",
        {"city"},
    )
    assert call.id
    assert answer.choices[0].finish_reason == "tool_calls"


@CHAT.proves("parallel tools")
async def chat_parallel_tools(ask):
    answer = await chat(ask, user(CALL_TWO), tools=[tool(), tool("clock")])
    calls = answer.choices[0].message.tool_calls

    assert [call.function.name for call in calls] == ["weather", "clock"]
    assert len({call.id for call in calls}) == 2


@CHAT.proves("at most one call")
async def chat_at_most_one_call(ask):
    answer = await chat(ask, user(CALL_TWO), tools=[tool(), tool("clock")], parallel_tool_calls=False)

    # An upstream that is told of the bound is trusted to keep to it, and the simulator does not.
    assert len(answer.choices[0].message.tool_calls) == (2 if ask.fate == "passed" else 1)


@CHAT.proves("tool results")
async def chat_tool_results(ask):
    answer = await chat(ask, user(CALL_ONE), tools=[tool()])
    called = answer.choices[0].message
    (call,) = called.tool_calls
    # The client keeps of the call what the standard has, and puts in the city that the proof of the wire looks for.
    function = {"name": call.function.name, "arguments": call.function.arguments}
    kept = {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": function}]}
    result = {"role": "tool", "tool_call_id": call.id, "content": RESULT}
    final = await chat(ask, user(CALL_ONE), kept, result, tools=[tool()])

    assert f"The tool says: {RESULT}" in final.choices[0].message.content


@CHAT.proves("parallel tool results")
async def chat_parallel_tool_results(ask):
    """The results come in another order than the calls."""
    tools = [tool(), tool("clock")]
    called = (await chat(ask, user(CALL_TWO), tools=tools)).choices[0].message
    functions = [{"name": call.function.name, "arguments": call.function.arguments} for call in called.tool_calls]
    ids = [call.id for call in called.tool_calls]
    calls = [
        {"id": id_, "type": "function", "function": function} for id_, function in zip(ids, functions, strict=True)
    ]
    results = [
        {"role": "tool", "tool_call_id": id_, "content": said} for id_, said in zip(ids, (RESULT, NOON), strict=True)
    ]
    turns = [user(CALL_TWO), {"role": "assistant", "tool_calls": calls}, *reversed(results)]
    final = await chat(ask, *turns, tools=tools)

    assert "The tool says" in final.choices[0].message.content


FORCED = {"type": "function", "function": {"name": "weather"}}


@CHAT.proves("forced tool")
async def chat_forced_tool(ask):
    answer = await chat(ask, tools=[tool("clock"), tool()], tool_choice=FORCED)

    assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["weather"]


@CHAT.proves("some tool")
async def chat_some_tool(ask):
    answer = await chat(ask, tools=[tool()], tool_choice="required")

    assert answer.choices[0].message.tool_calls


@CHAT.proves("no tool")
async def chat_no_tool(ask):
    answer = await chat(ask, user(CALL_ONE), tools=[tool()], tool_choice="none")

    assert not answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "stop"


@CHAT.proves("images")
async def chat_images(ask):
    shown = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
    answer = await chat(ask, user(worded(TEXT), shown))

    assert "I see 1 image." in answer.choices[0].message.content


@CHAT.proves("image addresses")
async def chat_image_addresses(ask):
    answer = await chat(ask, user(worded(TEXT), {"type": "image_url", "image_url": {"url": ADDRESS}}))

    assert "I see 1 image." in answer.choices[0].message.content


@CHAT.proves("JSON mode")
async def chat_json_mode(ask):
    answer = await chat(ask, user("In JSON, please"), response_format={"type": "json_object"})

    assert isinstance(json.loads(answer.choices[0].message.content), dict)


@CHAT.proves("JSON schema", "JSON schema in a stream")
async def chat_json_schema(ask):
    bound = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    answer = await chat(ask, response_format=bound)

    assert set(json.loads(answer.choices[0].message.content)) == {"name", "age"}


@CHAT.proves("reasoning")
async def chat_reasoning(ask):
    message = (await chat(ask, reasoning_effort=EFFORT)).choices[0].message
    thought = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)

    assert thought.startswith("The user wants")
    assert "The user wants" not in message.content


@CHAT.proves("no reasoning")
async def chat_no_reasoning(ask):
    await chat(ask, reasoning_effort="none")


@CHAT.proves("earlier reasoning")
async def chat_earlier_reasoning(ask):
    before = {"role": "assistant", "content": "Yes", "reasoning_content": THOUGHT}
    await chat(ask, user("Is it?"), before, user(TEXT))


@CHAT.proves("JSON schema beside tools")
async def chat_json_schema_beside_tools(ask):
    bound = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    answer = await chat(ask, user(CALL_ONE), tools=[tool()], response_format=bound)

    assert answer.choices[0].message.tool_calls


@CHAT.proves("audio")
async def chat_audio(ask):
    sound = {"type": "input_audio", "input_audio": {"data": PICTURE, "format": "wav"}}
    await chat(ask, user(worded(TEXT), sound))


@CHAT.proves("stop")
async def chat_stop(ask):
    choice = (await chat(ask, stop=[STOP])).choices[0]

    assert choice.message.content.endswith("You ")
    assert choice.finish_reason == "stop"


@CHAT.proves("seed")
async def chat_seed(ask):
    await chat(ask, seed=SEED)


@CHAT.proves("max tokens")
async def chat_max_tokens(ask):
    answer = await chat(ask, max_tokens=MAX_TOKENS)

    assert answer.choices[0].finish_reason == "length"


@CHAT.proves("sampling")
async def chat_sampling(ask):
    await chat(ask, temperature=TEMPERATURE, top_p=TOP_P)


@CHAT.proves("top_k")
async def chat_top_k(ask):
    await chat(ask, extra_body={"top_k": TOP_K})


@CHAT.proves("penalties")
async def chat_penalties(ask):
    await chat(ask, presence_penalty=PRESENCE, frequency_penalty=FREQUENCY)


@CHAT.proves("local sampling")
async def chat_local_sampling(ask):
    await chat(ask, extra_body={"min_p": MIN_P, "repeat_penalty": REPEAT})


@CHAT.proves("logit bias")
async def chat_logit_bias(ask):
    await chat(ask, logit_bias=BIAS)


@CHAT.proves("n")
async def chat_n(ask):
    answer = await chat(ask, n=2)

    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all("You said" in choice.message.content for choice in answer.choices)


@CHAT.proves("logprobs")
async def chat_logprobs(ask):
    choice = (await chat(ask, logprobs=True, top_logprobs=2)).choices[0]

    assert "".join(token.token for token in choice.logprobs.content) == choice.message.content
    assert all(len(token.top_logprobs) == 2 for token in choice.logprobs.content)


@CHAT.proves("documents")
async def chat_documents(ask):
    answer = await chat(ask, extra_body={"documents": [{"id": "d1", "data": {"text": RESULT}}]})

    assert answer.choices[0].message.content


@CHAT.proves("files")
async def chat_files(ask):
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{PICTURE}"}}
    await chat(ask, user(worded(TEXT), file))


@CHAT.proves("usage")
async def chat_usage(ask):
    usage = (await chat(ask)).usage

    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0


@CHAT.proves("cached tokens")
async def chat_cached_tokens(ask):
    caches(ask)
    details = (await chat(ask)).usage.prompt_tokens_details

    return heard(details.cached_tokens if details else 0)


@CHAT.proves("content filter")
async def chat_content_filter(ask):
    filters(ask)

    assert (await chat(ask)).choices[0].finish_reason == "content_filter"


@CHAT.proves("errors")
async def chat_errors(ask):
    said = fails(ask)
    with pytest.raises(openai.BadRequestError) as caught:
        await chat(ask)

    refusal(caught.value, said)
    return "translated"


# Completions


async def complete(ask: Ask, prompt: Any = TEXT, **more: Any) -> Any:
    """Return an answer; a stream is put together into one."""
    more = {"max_tokens": 60, **more}
    if not ask.stream:
        return await ask.client.completions.create(model=ask.model, prompt=prompt, **more)
    texts: dict[int, str] = defaultdict(str)
    ends: dict[int, str] = {}
    last = None
    stream = await ask.client.completions.create(
        model=ask.model, prompt=prompt, stream=True, stream_options={"include_usage": True}, **more
    )
    scores: dict[int, Any] = {}
    async for last in stream:
        for choice in last.choices:
            texts[choice.index] += choice.text
            ends[choice.index] = choice.finish_reason or ends.get(choice.index, "")
            scores[choice.index] = choice.logprobs or scores.get(choice.index)
    choices = [
        Namespace(index=index, text=texts[index], finish_reason=ends[index], logprobs=scores[index])
        for index in sorted(texts)
    ]
    return Namespace(choices=choices, usage=last.usage, model=last.model, system_fingerprint=last.system_fingerprint)


@COMPLETIONS.proves("stream")
async def complete_stream(ask):
    stream = await ask.client.completions.create(model=ask.model, prompt=TEXT, max_tokens=60, stream=True)
    choices = [chunk.choices[0] async for chunk in stream]

    assert sum(bool(choice.text) for choice in choices) > 3
    assert f"You said: {TEXT}" in "".join(choice.text for choice in choices)
    assert [choice.finish_reason for choice in choices if choice.finish_reason] == ["stop"]


@COMPLETIONS.proves("text")
async def complete_text(ask):
    answer = await complete(ask)

    assert f"You said: {TEXT}" in answer.choices[0].text
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", ask.model)
    assert (answer.system_fingerprint == "fp_simulated") == (ask.fate == "passed")


@COMPLETIONS.proves("stop")
async def complete_stop(ask):
    choice = (await complete(ask, stop=[STOP])).choices[0]

    assert choice.text.endswith("You ")
    assert choice.finish_reason == "stop"


@COMPLETIONS.proves("seed")
async def complete_seed(ask):
    await complete(ask, seed=SEED)


@COMPLETIONS.proves("max tokens")
async def complete_max_tokens(ask):
    answer = await complete(ask, max_tokens=MAX_TOKENS)

    assert answer.choices[0].finish_reason == "length"


@COMPLETIONS.proves("sampling")
async def complete_sampling(ask):
    await complete(ask, temperature=TEMPERATURE, top_p=TOP_P)


@COMPLETIONS.proves("top_k")
async def complete_top_k(ask):
    await complete(ask, extra_body={"top_k": TOP_K})


@COMPLETIONS.proves("penalties")
async def complete_penalties(ask):
    await complete(ask, presence_penalty=PRESENCE, frequency_penalty=FREQUENCY)


@COMPLETIONS.proves("local sampling")
async def complete_local_sampling(ask):
    await complete(ask, extra_body={"min_p": MIN_P, "repeat_penalty": REPEAT})


@COMPLETIONS.proves("logit bias")
async def complete_logit_bias(ask):
    await complete(ask, logit_bias=BIAS)


@COMPLETIONS.proves("n")
async def complete_n(ask):
    answer = await complete(ask, n=2)

    assert [choice.index for choice in answer.choices] == [0, 1]


@COMPLETIONS.proves("logprobs")
async def complete_logprobs(ask):
    assert (await complete(ask, logprobs=2)).choices[0].logprobs.tokens


@COMPLETIONS.proves("several prompts")
async def complete_several_prompts(ask):
    answer = await complete(ask, TEXTS)

    assert ["One" in answer.choices[0].text, "Two" in answer.choices[1].text] == [True, True]


@COMPLETIONS.proves("suffix")
async def complete_suffix(ask):
    await complete(ask, suffix=SUFFIX)


@COMPLETIONS.proves("usage")
async def complete_usage(ask):
    usage = (await complete(ask)).usage

    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.completion_tokens > 0


@COMPLETIONS.proves("cached tokens")
async def complete_cached_tokens(ask):
    caches(ask, is_completion=ask.fate == "passed")
    details = (await complete(ask)).usage.prompt_tokens_details

    return heard(details.cached_tokens if details else 0)


@COMPLETIONS.proves("content filter")
async def complete_content_filter(ask):
    filters(ask, is_completion=ask.fate == "passed")

    assert (await complete(ask)).choices[0].finish_reason == "content_filter"


@COMPLETIONS.proves("errors")
async def complete_errors(ask):
    said = fails(ask)
    with pytest.raises(openai.BadRequestError) as caught:
        await complete(ask)

    refusal(caught.value, said)
    return "translated"


# Embeddings


async def embed(ask: Ask, given: Any = None, **more: Any) -> Any:
    return await ask.client.embeddings.create(model=ask.model, input=given or TEXTS, **more)


@EMBEDDINGS.proves("embeddings")
async def embed_texts(ask):
    answer = await embed(ask)

    assert [item.index for item in answer.data] == [0, 1]
    assert answer.data[0].embedding != answer.data[1].embedding
    assert sum(number * number for number in answer.data[0].embedding) == pytest.approx(1, abs=1e-3)


@EMBEDDINGS.proves("dimensions")
async def embed_dimensions(ask):
    answer = await embed(ask, dimensions=DIMENSIONS)

    assert [len(item.embedding) for item in answer.data] == [DIMENSIONS, DIMENSIONS]


@EMBEDDINGS.proves("token ids")
async def embed_token_ids(ask):
    answer = await embed(ask, [[1, 2], [3]])

    assert len(answer.data) == 2


@EMBEDDINGS.proves("usage")
async def embed_usage(ask):
    used = (await embed(ask)).usage.prompt_tokens

    return None if used else "not told"


@EMBEDDINGS.proves("errors")
async def embed_errors(ask):
    said = fails(ask)
    with pytest.raises(openai.BadRequestError) as caught:
        await embed(ask)

    refusal(caught.value, said)
    return "translated"
