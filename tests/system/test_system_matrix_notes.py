"""What the notes of `features.py` say, each shown by one request of the `openai` package or seen in a proof of its own row."""

import json
from typing import Any

import openai
import pytest
import pytest_asyncio
from features import NOTES, TABLES
from matrix import KINDS
from matrix_words import ABSENT, CALL_ONE, FREQUENCY, PRESENCE, RESULT, TEMPERATURE, TEXT, TOP_K, TOP_P, untold
from upstream_kinds import tool

pytestmark = pytest.mark.asyncio(loop_scope="module")

BY_THEIR_ROWS = frozenset(
    {"first-call", "signature", "groq-schema", "finish", "estimate", "one-message", "purpose", "max_completion_tokens"}
    | {"signed-thoughts", "unsigned-thoughts", "unnamed-thoughts", "claude-none", "as-reasoning", "groq-penalties"}
)
"""Notes that say no more than the proofs of their rows show."""

APART = {("gemini-stops", "gemini"), ("cohere-stops", "cohere"), ("claude-stops", "anthropic")}
"""Notes with their providers that have a test of their own below."""

SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer", "minimum": 3}},
    "required": ["age"],
    "additionalProperties": False,
}
DOCUMENTS = [{"id": "d1", "data": {"text": RESULT}}]
BOUND = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA}}
SONNET_4_6, HAIKU_4_5, FABLE = "claude-sonnet-4-6", "claude-haiku-4-5", "claude-fable-5-1"
OLD_FLASH, LITE = "gemini-2.0-flash", "gemini-2.5-flash-lite"
DRAWN = {"temperature": TEMPERATURE, "top_p": TOP_P, "extra_body": {"top_k": TOP_K}}
STOPS = ["a1", "b2", "c3", "d4", "e5", "f6"]
PENALTIES = {"presence_penalty": PRESENCE, "frequency_penalty": FREQUENCY}
BUDGETED = {"thinking": {"type": "enabled", "budget_tokens": 16_384}, "output_config": ABSENT}
NAMED = {"type": "object", "properties": {"name": {"type": "string"}}}
LISTED = {"type": "object", "properties": {"list": {"type": "array", "items": NAMED}}}
OPEN = {"type": "json_schema", "json_schema": {"name": "list", "schema": LISTED}}
CLOSED = {
    "type": "object",
    "properties": {"list": {"type": "array", "items": NAMED | {"additionalProperties": False}}},
    "additionalProperties": False,
}


def config(**options: Any) -> dict[str, Any]:
    return {f"generationConfig.{name}": value for name, value in options.items()}


def say(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


SHOWN: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    ("newest", "gemini", LITE, DRAWN, config(temperature=TEMPERATURE, topP=TOP_P, topK=TOP_K)),
    ("no-penalties", "gemini", LITE, PENALTIES, config(presencePenalty=ABSENT, frequencyPenalty=ABSENT)),
    ("no-penalties", "gemini", OLD_FLASH, PENALTIES, config(presencePenalty=PRESENCE, frequencyPenalty=FREQUENCY)),
    ("seed", "gemini", "", {"seed": 2**40 + 7}, config(seed=7)),
    ("level", "gemini", "", {"reasoning_effort": "minimal"}, {"generationConfig.thinkingConfig.thinkingLevel": "low"}),
    ("level", "groq", "", {"reasoning_effort": "minimal"}, {"reasoning_effort": "low"}),
    ("level", "groq", "", {"reasoning_effort": "xhigh"}, {"reasoning_effort": "high"}),
    ("budget", "cohere", "", {"reasoning_effort": "high"}, {"thinking": {"type": "enabled", "token_budget": 16_384}}),
    (
        "cohere-range",
        "cohere",
        "",
        {"temperature": 1.75, "top_p": 1.0, "extra_body": {"top_k": 900}},
        {"temperature": 1.0, "p": 0.99, "k": 500},
    ),
    (
        "cohere-range",
        "cohere",
        "",
        {"presence_penalty": -0.5, "frequency_penalty": -1.0},
        {"presence_penalty": ABSENT, "frequency_penalty": ABSENT},
    ),
    (
        "cohere-words",
        "cohere",
        "",
        {"messages": say(CALL_ONE), "tools": [tool()], "response_format": {"type": "json_object"}},
        {"response_format": ABSENT, "messages.0.role": "system"},
    ),
    (
        "cohere-schema",
        "cohere",
        "",
        {"response_format": BOUND},
        {"response_format": {"type": "json_object"}, "messages.0.role": "system"},
    ),
    (
        "cohere-forced",
        "cohere",
        "",
        {"tools": [tool("clock"), tool()], "tool_choice": {"type": "function", "function": {"name": "clock"}}},
        {"tools.1": ABSENT, "tools.0.function.name": "clock"},
    ),
    ("documents", "cohere", "", {"extra_body": {"documents": DOCUMENTS}}, {"citation_options": ABSENT}),
    (
        "documents",
        "anthropic",
        "",
        {"extra_body": {"documents": DOCUMENTS}},
        {"messages.0.content.0.citations": ABSENT},
    ),
    ("level", "anthropic", FABLE, {"reasoning_effort": "none"}, {"output_config": {"effort": "low"}}),
    ("level", "anthropic", FABLE, {"reasoning_effort": "none"}, {"thinking.type": "adaptive"}),
    ("claude-thinking", "anthropic", HAIKU_4_5, {"reasoning_effort": "high"}, BUDGETED),
    ("claude-thinking", "anthropic", "", {"reasoning_effort": "xhigh"}, {"output_config": {"effort": "xhigh"}}),
    ("claude-thinking", "anthropic", SONNET_4_6, {"reasoning_effort": "xhigh"}, {"output_config": {"effort": "max"}}),
    ("claude-longest", "anthropic", "", {}, {"max_tokens": 128_000}),
    ("claude-longest", "anthropic", HAIKU_4_5, {}, {"max_tokens": 64_000}),
    ("claude-sampling", "anthropic", SONNET_4_6, DRAWN, {"temperature": TEMPERATURE, "top_p": ABSENT, "top_k": TOP_K}),
    ("claude-schema", "anthropic", "", {"response_format": OPEN}, {"output_config.format.schema": CLOSED}),
]
"""Note, provider, model (empty: the usual one), what the client asks for, what the upstream is told."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(stand):
    async with openai.AsyncOpenAI(base_url=f"{stand.home.url}/v1", api_key="any", max_retries=0) as client:
        yield client


async def asked(stand, client, provider, model="", **more):
    """Ask a provider's model, and return the answer and what the provider received."""
    stand.sims[provider].clear()
    given = {"messages": say(TEXT), **more}
    answer = await client.chat.completions.create(model=model or KINDS[provider].model, **given)
    return answer, stand.received(provider)[-1].json


@pytest.mark.parametrize(
    ("provider", "model", "wanted", "told"),
    [row[1:] for row in SHOWN],
    ids=[f"{row[0]}-{index}" for index, row in enumerate(SHOWN)],
)
async def test_a_note_is_so(stand, client, provider, model, wanted, told):
    _, received = await asked(stand, client, provider, model, **wanted)

    assert untold(received, told) == {}


async def test_every_note_is_shown():
    shown = {row[0] for row in SHOWN} | {note for note, _ in APART}

    assert shown | BY_THEIR_ROWS == set(NOTES)
    assert not shown & BY_THEIR_ROWS


async def test_a_note_stands_only_where_it_was_shown():
    """A note of one provider says nothing of another."""
    places = {
        (cell.note, provider) for table in TABLES.values() for row in table.values() for provider, cell in row.items()
    }

    assert {provider for note, provider in places if note.startswith("cohere-")} == {"cohere"}
    assert {provider for note, provider in places if note.startswith("groq-")} == {"groq"}
    assert {provider for note, provider in places if note.startswith("claude-")} == {"anthropic"}
    shown = {(row[0], row[1]) for row in SHOWN} | APART
    assert {place for place in places if place[0] and place[0] not in BY_THEIR_ROWS} == shown


@pytest.mark.parametrize("provider", ["gemini", "cohere"])
async def test_more_than_five_stops_are_refused_and_none_is_left_out(stand, client, provider):
    """`gemini-stops` and `cohere-stops`: where another candidate takes them, that one is asked."""
    with pytest.raises(openai.BadRequestError, match="stop_sequences"):
        await asked(stand, client, provider, stop=STOPS)


async def test_a_blank_stop_is_refused_and_not_left_out(stand, client):
    """`claude-stops`."""
    with pytest.raises(openai.BadRequestError, match="stop_sequences"):
        await asked(stand, client, "anthropic", stop=["\n"])


async def test_a_schema_with_bounds_is_refused_by_anthropic_and_goes_to_one_that_can(stand, client):
    """`claude-schema`."""
    with pytest.raises(openai.BadRequestError, match="'minimum' is not supported"):
        await asked(stand, client, "anthropic", response_format=BOUND)
    await client.chat.completions.create(model="claude-first", messages=say(TEXT), response_format=BOUND)

    assert stand.received("openai")[-1].json["response_format"] == BOUND


async def test_answers_beside_tools_that_are_no_json_are_not_given_as_such(stand, client):
    """`cohere-words`: nobody else has the model, so the client hears of it."""
    with pytest.raises(openai.APIStatusError) as caught:
        await asked(stand, client, "cohere", tools=[tool()], response_format={"type": "json_object"})

    assert "cannot be bound to JSON" in str(caught.value)


async def test_openai_clients_are_given_the_signature(stand, client):
    answer, _ = await asked(stand, client, "gemini", messages=say(CALL_ONE), tools=[tool()])
    (call,) = answer.choices[0].message.tool_calls

    assert call.model_extra["extra_content"]["google"]["thought_signature"]


async def test_a_call_that_nobody_signed_is_sent_with_the_placeholder(stand, client):
    call = {"id": "call_foreign1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    turns = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": RESULT},
    ]
    answer, received = await asked(stand, client, "gemini", messages=[*say(CALL_ONE), *turns], tools=[tool()])

    assert received["contents"][1]["parts"][0]["thoughtSignature"] == "skip_thought_signature_validator"
    assert RESULT in answer.choices[0].message.content


async def test_the_one_model_of_groq_that_sees_takes_no_schema(stand, client):
    with pytest.raises(openai.BadRequestError, match="does not support response format"):
        await asked(stand, client, "groq", "qwen/qwen3.8-27b", response_format=BOUND)


async def test_a_refused_request_goes_to_one_that_can(stand, client):
    """As the page says of `refused`: of two workers with one name, the able one is asked."""
    answer = await client.chat.completions.create(model="both", messages=say(TEXT), n=2)

    assert len(answer.choices) == 2
    assert json.loads(stand.received("openai")[-1].body)["n"] == 2


async def test_a_file_goes_to_the_one_that_takes_it_from_this_client(stand, client):
    """The first worker takes files too, but only from clients of its own dialect."""
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}}
    asked = {"role": "user", "content": [{"type": "text", "text": TEXT}, file]}
    stand.sims["anthropic"].requests.clear()
    await client.chat.completions.create(model="claude-first", messages=[asked])

    assert stand.received("anthropic") == []
    assert stand.received("openai")[-1].json["messages"] == [asked]


async def test_what_an_upstream_refuses_for_itself_goes_to_one_that_can(stand, client):
    """As the page says of `its own 400`."""
    stand.sims["groq"].requests.clear()
    await client.chat.completions.create(model="bound", messages=say(CALL_ONE), tools=[tool()], response_format=BOUND)

    assert len(stand.received("groq")) == 1
    assert json.loads(stand.received("openai")[-1].body)["response_format"] == BOUND
