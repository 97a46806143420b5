"""Every feature of the `ollama` package in front of every provider; what is expected is in `features.py`."""

import json
from types import SimpleNamespace as Namespace
from typing import Any

import ollama
import pytest
import pytest_asyncio
from matrix import Ask, Operation, fails
from matrix_answers import filters
from matrix_words import (
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
    SYSTEM,
    TEMPERATURE,
    TEXT,
    TEXTS,
    THOUGHT,
    TOP_K,
    TOP_P,
)
from upstream_kinds import PICTURE, SCHEMA, tool

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refusal(error: BaseException, said: str) -> None:
    assert isinstance(error, ollama.ResponseError), repr(error)
    assert error.status_code == 400
    assert said in error.error


PROMPT_EVAL_NS = 150_000_000
"""As the simulator tells it; no other dialect has such a figure."""

CHAT = Operation("ollama: chat", refusal)
GENERATE = Operation("ollama: generate", refusal)
EMBED = Operation("ollama: embed", refusal, streams=False, needs=dict.fromkeys(("dimensions", "usage"), "embeddings"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stand):
    async with ollama.AsyncClient(host=stand.home.url, event_hooks={"request": [stand.saw]}) as client:
        yield client


@pytest.mark.parametrize(("case", "stream"), CHAT.params())
async def test_chat(stand, client, case, stream):
    await stand.prove(CHAT, client, case, stream=stream)


@pytest.mark.parametrize(("case", "stream"), GENERATE.params())
async def test_generate(stand, client, case, stream):
    await stand.prove(GENERATE, client, case, stream=stream)


@pytest.mark.parametrize(("case", "stream"), EMBED.params())
async def test_embed(stand, client, case, stream):
    await stand.prove(EMBED, client, case, stream=stream)


@pytest.mark.parametrize("operation", [CHAT, GENERATE, EMBED], ids=lambda operation: operation.name)
async def test_each_row_has_its_proof(operation):
    assert operation.lacks_no_proof()


# Chat and generate: both are asked the same way, and answer in one shape


class Said(Namespace):
    """An answer, of either operation, whole or put together from a stream."""

    text: str
    thinking: str
    calls: list[Any]
    tokens: list[Any]
    last: Any
    pieces: int


def put_together(parts: list[Any]) -> Said:
    said = [getattr(part, "message", None) or part for part in parts]
    texts = [getattr(one, "content", None) or getattr(one, "response", None) or "" for one in said]
    return Said(
        text="".join(texts),
        thinking="".join(one.thinking or "" for one in said),
        calls=[call for one in said for call in getattr(one, "tool_calls", None) or ()],
        tokens=[token for part in parts for token in part.logprobs or ()],
        last=parts[-1],
        pieces=sum(map(bool, texts)),
    )


async def chat(ask: Ask, *messages: Any, **more: Any) -> Said:
    asked = list(messages) or [{"role": "user", "content": TEXT}]
    answer = await ask.client.chat(ask.model, asked, stream=ask.stream, **more)
    return put_together([part async for part in answer] if ask.stream else [answer])


async def generate(ask: Ask, prompt: str = TEXT, **more: Any) -> Said:
    answer = await ask.client.generate(ask.model, prompt, stream=ask.stream, **more)
    return put_together([part async for part in answer] if ask.stream else [answer])


def both(*features: str):
    """Register one proof for both operations; it gets the way to ask."""

    def registered(proof):
        for operation, say in ((CHAT, chat), (GENERATE, generate)):
            operation.proves(*features)(lambda ask, say=say: proof(ask, say))
        return proof

    return registered


def user(text: str = TEXT, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": text, **more}


@both("stream")
async def says_stream(ask, say):
    answer = await say(ask)

    assert answer.pieces > 3
    assert f"You said: {TEXT}" in answer.text
    assert answer.last.done


@both("text")
async def says_text(ask, say):
    answer = await say(ask)

    assert f"You said: {TEXT}" in answer.text
    assert (answer.last.done, answer.last.done_reason, answer.last.model) == (True, "stop", ask.model)
    assert (answer.last.prompt_eval_duration == PROMPT_EVAL_NS) == (ask.fate == "passed")


@both("JSON mode")
async def says_json_mode(ask, say):
    assert isinstance(json.loads((await say(ask, format="json")).text), dict)


@both("JSON schema", "JSON schema in a stream")
async def says_json_schema(ask, say):
    assert json.loads((await say(ask, format=SCHEMA)).text).keys() == {"name", "age"}


@both("reasoning")
async def says_reasoning(ask, say):
    answer = await say(ask, think=EFFORT)

    assert answer.thinking.startswith("The user wants")
    assert "The user wants" not in answer.text


@both("no reasoning")
async def says_no_reasoning(ask, say):
    await say(ask, think=False)


@both("stop")
async def says_stop(ask, say):
    answer = await say(ask, options={"stop": [STOP]})

    assert answer.text.endswith("You ")
    assert answer.last.done_reason == "stop"


@both("seed")
async def says_seed(ask, say):
    await say(ask, options={"seed": SEED})


@both("max tokens")
async def says_max_tokens(ask, say):
    assert (await say(ask, options={"num_predict": MAX_TOKENS})).last.done_reason == "length"


@both("sampling")
async def says_sampling(ask, say):
    await say(ask, options={"temperature": TEMPERATURE, "top_p": TOP_P})


@both("top_k")
async def says_top_k(ask, say):
    await say(ask, options={"top_k": TOP_K})


@both("penalties")
async def says_penalties(ask, say):
    await say(ask, options={"presence_penalty": PRESENCE, "frequency_penalty": FREQUENCY})


@both("local sampling")
async def says_local_sampling(ask, say):
    await say(ask, options={"min_p": MIN_P, "repeat_penalty": REPEAT})


@both("logprobs")
async def says_logprobs(ask, say):
    answer = await say(ask, logprobs=True, top_logprobs=2)

    assert "".join(token.token for token in answer.tokens) == answer.text
    assert all(len(token.top_logprobs) == 2 for token in answer.tokens)


@both("usage")
async def says_usage(ask, say):
    last = (await say(ask)).last

    assert last.prompt_eval_count > 0
    assert last.eval_count > 0


@both("content filter")
async def says_content_filter(ask, say):
    filters(ask)

    assert (await say(ask)).last.done_reason == "content_filter"


@both("errors")
async def says_errors(ask, say):
    said = fails(ask)
    with pytest.raises(ollama.ResponseError) as caught:
        await say(ask)

    refusal(caught.value, said)
    return "translated"


@CHAT.proves("instructions")
async def chat_instructions(ask):
    await chat(ask, {"role": "system", "content": SYSTEM}, user())


@GENERATE.proves("instructions")
async def generate_instructions(ask):
    await generate(ask, system=SYSTEM)


@CHAT.proves("images")
async def chat_images(ask):
    assert "I see 1 image." in (await chat(ask, user(images=[PICTURE]))).text


@GENERATE.proves("images")
async def generate_images(ask):
    assert "I see 1 image." in (await generate(ask, images=[PICTURE])).text


@GENERATE.proves("bare prompt")
async def generate_bare_prompt(ask):
    answer = await generate(ask, f"<|im_start|>user\n{TEXT}<|im_end|>\n", raw=True)

    assert f"You said: {TEXT}" in answer.text


# Tools, which only chat has


@CHAT.proves("tools")
async def chat_tools(ask):
    (call,) = (await chat(ask, user(CALL_ONE), tools=[tool()])).calls

    assert (call.function.name, call.function.arguments.keys()) == ("weather", {"city"})


@CHAT.proves("parallel tools")
async def chat_parallel_tools(ask):
    calls = (await chat(ask, user(CALL_TWO), tools=[tool(), tool("clock")])).calls

    assert [call.function.name for call in calls] == ["weather", "clock"]


@CHAT.proves("tool results")
async def chat_tool_results(ask):
    (call,) = (await chat(ask, user(CALL_ONE), tools=[tool()])).calls
    kept = {"role": "assistant", "tool_calls": [call]}
    result = {"role": "tool", "tool_name": "weather", "content": RESULT}
    final = await chat(ask, user(CALL_ONE), kept, result, tools=[tool()])

    assert f"The tool says: {RESULT}" in final.text


@CHAT.proves("parallel tool results")
async def chat_parallel_tool_results(ask):
    """The results come in another order than the calls, and are told apart by the tools' names alone."""
    tools = [tool(), tool("clock")]
    calls = (await chat(ask, user(CALL_TWO), tools=tools)).calls
    results = [
        {"role": "tool", "tool_name": name, "content": said} for name, said in (("clock", NOON), ("weather", RESULT))
    ]
    final = await chat(ask, user(CALL_TWO), {"role": "assistant", "tool_calls": calls}, *results, tools=tools)

    assert "The tool says" in final.text


@CHAT.proves("images in tool results")
async def chat_images_in_tool_results(ask):
    """No tool is offered any more: the simulator would call it, since its name is said beside the image."""
    called = {"role": "assistant", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}]}
    result = {"role": "tool", "tool_name": "weather", "content": RESULT, "images": [PICTURE]}
    answer = await chat(ask, user(), called, result)

    assert "I see 1 image." in answer.text


@CHAT.proves("earlier reasoning")
async def chat_earlier_reasoning(ask):
    before = {"role": "assistant", "content": "Yes", "thinking": THOUGHT}
    await chat(ask, user("Is it?"), before, user())


@CHAT.proves("JSON schema beside tools")
async def chat_json_schema_beside_tools(ask):
    assert (await chat(ask, user(CALL_ONE), tools=[tool()], format=SCHEMA)).calls


# Embeddings


async def embed(ask: Ask, **more: Any) -> Any:
    return await ask.client.embed(ask.model, TEXTS, **more)


@EMBED.proves("embeddings")
async def embed_texts(ask):
    one, two = (await embed(ask)).embeddings

    assert one != two
    assert sum(number * number for number in one) == pytest.approx(1, abs=1e-3)


@EMBED.proves("dimensions")
async def embed_dimensions(ask):
    assert [len(vector) for vector in (await embed(ask, dimensions=DIMENSIONS)).embeddings] == [DIMENSIONS] * 2


@EMBED.proves("usage")
async def embed_usage(ask):
    used = (await embed(ask)).prompt_eval_count or 0

    return None if used else "not told"


@EMBED.proves("errors")
async def embed_errors(ask):
    said = fails(ask)
    with pytest.raises(ollama.ResponseError) as caught:
        await embed(ask)

    refusal(caught.value, said)
    return "translated"
