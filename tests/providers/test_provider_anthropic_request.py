"""What is sent to Anthropic for a chat."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Image, JsonSchema, Message, Sampling, Text, Tool, ToolCall
from cortex.providers.anthropic import Anthropic
from cortex.providers.anthropic_request import closed

NEW, SIX, OLD, FABLE = "claude-sonnet-5-5", "claude-sonnet-4-6", "claude-haiku-4-5-20251001", "claude-fable-5-1"
USER = Message("user", (Text("Hi"),))
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Tool("weather", "Tells it", CITY)
CLOCK = Tool("clock")
WRITTEN_CLOCK = {"name": "clock", "input_schema": {"type": "object", "properties": {}}}
ADAPTIVE = {"type": "adaptive", "display": "summarized"}


@pytest.fixture(scope="session")
def sent(asked):
    """Return the body that a chat becomes on the wire."""

    def encode(chat, model=NEW):
        wire = Anthropic().encode(asked("openai", stream=chat.stream), chat, model)
        assert (wire.path, wire.method, wire.more) == ("/v1/messages", "POST", ())
        return json.loads(wire.body)

    return encode


def chat(*messages, **given):
    return Chat(messages=messages or (USER,), **given)


def said(text):
    return {"type": "text", "text": text}


def turn(role, *blocks):
    return {"role": role, "content": list(blocks)}


def test_plain_chat_is_written_in_the_fewest_words(sent):
    assert sent(chat()) == {"model": NEW, "max_tokens": 128_000, "messages": [turn("user", said("Hi"))]}


def test_every_part_of_a_chat_is_written(sent):
    full = chat(
        Message("system", (Text("Be kind"),)),
        USER,
        stream=True,
        tools=(WEATHER, CLOCK),
        tool_choice="auto",
        parallel_tool_calls=False,
        max_tokens=5,
        sampling=Sampling(temperature=0.5, top_k=40),
        stop=("a",),
        response_format=JsonSchema(CITY),
        documents=("one", {"id": "2", "data": {"text": "two"}}),
    )
    sources = [{"type": "text", "media_type": "text/plain", "data": text} for text in ("one", '{"text":"two"}')]

    assert sent(full, OLD) == {
        "model": OLD,
        "system": "Be kind",
        "messages": [
            turn(
                "user",
                {"type": "document", "source": sources[0]},
                {"type": "document", "source": sources[1], "title": "2"},
                said("Hi"),
            )
        ],
        "stream": True,
        "tools": [{"name": "weather", "description": "Tells it", "input_schema": CITY}, WRITTEN_CLOCK],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "max_tokens": 5,
        "temperature": 0.5,
        "top_k": 40,
        "stop_sequences": ["a"],
        "output_config": {"format": {"type": "json_schema", "schema": {**CITY, "additionalProperties": False}}},
    }


@pytest.mark.parametrize(
    ("model", "asked_for", "written"),
    [
        (NEW, None, 128_000),
        (OLD, None, 64_000),
        (SIX, None, 128_000),
        ("claude-something-new", None, 128_000),
        (NEW, 7, 7),
        (OLD, 100_000, 64_000),
    ],
)
def test_bound_is_the_clients_or_else_the_models_own_and_never_above_that(sent, model, asked_for, written):
    assert sent(chat(max_tokens=asked_for), model)["max_tokens"] == written


@pytest.mark.parametrize(
    ("choice", "written"),
    [
        ("auto", None),
        ("none", {"type": "none"}),
        ("required", {"type": "any"}),
        ("=clock", {"type": "tool", "name": "clock"}),
    ],
)
def test_choice_of_a_tool_is_written(sent, choice, written):
    assert sent(chat(tools=(CLOCK,), tool_choice=choice)).get("tool_choice") == written


def test_only_one_call_may_be_asked_for_with_a_choice_and_not_with_none(sent):
    one, none = (
        {"tools": (CLOCK,), "tool_choice": word, "parallel_tool_calls": False} for word in ("required", "none")
    )

    assert sent(chat(**one))["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert sent(chat(**none))["tool_choice"] == {"type": "none"}


def test_strict_tool_is_strict_and_closed(sent):
    strict = Tool("weather", parameters=CITY, strict=True)

    assert sent(chat(tools=(strict,)))["tools"] == [
        {"name": "weather", "input_schema": {**CITY, "additionalProperties": False}, "strict": True}
    ]


@pytest.mark.parametrize(
    ("model", "effort", "fields"),
    [
        (NEW, None, {}),
        (NEW, "none", {"thinking": {"type": "disabled"}}),
        (NEW, "on", {"thinking": ADAPTIVE}),
        (NEW, "minimal", {"thinking": ADAPTIVE, "output_config": {"effort": "low"}}),
        (NEW, "xhigh", {"thinking": ADAPTIVE, "output_config": {"effort": "xhigh"}}),
        (SIX, "xhigh", {"thinking": ADAPTIVE, "output_config": {"effort": "max"}}),
        (SIX, "max", {"thinking": ADAPTIVE, "output_config": {"effort": "max"}}),
        (FABLE, "none", {"thinking": ADAPTIVE, "output_config": {"effort": "low"}}),
        (OLD, "none", {}),
        (OLD, "low", {"thinking": {"type": "enabled", "budget_tokens": 2_048}}),
        (OLD, "on", {"thinking": {"type": "enabled", "budget_tokens": 8_192}}),
    ],
)
def test_thinking_is_asked_for_in_the_words_of_the_model(sent, model, effort, fields):
    body = sent(chat(reasoning=effort), model)

    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == fields


def test_budget_of_thinking_leaves_room_for_the_answer_or_is_not_asked_for(sent):
    assert sent(chat(reasoning="high", max_tokens=4_000), OLD)["thinking"]["budget_tokens"] == 2_000
    assert "thinking" not in sent(chat(reasoning="high", max_tokens=2_000), OLD)


@pytest.mark.parametrize("effort", [None, "none", "high"])
@pytest.mark.parametrize(("model", "written"), [(NEW, {"type": "disabled"}), (FABLE, None), (OLD, None)])
def test_thinking_gives_way_to_a_call_that_is_demanded(sent, model, written, effort):
    body = sent(chat(reasoning=effort, tools=(CLOCK,), tool_choice="required"), model)

    assert (body.get("thinking"), body.get("output_config")) == (written, None)


def test_thinking_with_a_budget_rests_amid_calls(sent):
    """The thoughts that led to the call would have to come back with it."""
    turns = (
        USER,
        Message("assistant", reasoning="hm", tool_calls=(ToolCall("1", "clock", ""),)),
        Message("tool", (Text("noon"),), tool_call_id="1"),
    )

    assert "thinking" not in sent(chat(*turns, reasoning="high"), OLD)
    assert "thinking" in sent(chat(*turns, reasoning="high"), NEW)


@pytest.mark.parametrize(
    ("model", "sampling", "fields"),
    [
        (OLD, Sampling(temperature=1.7), {"temperature": 1.0}),
        (OLD, Sampling(temperature=0.0), {"temperature": 0.0}),
        (OLD, Sampling(temperature=0.5, top_p=0.9), {"temperature": 0.5}),
        (SIX, Sampling(top_p=0.9), {"top_p": 0.9}),
        (NEW, Sampling(temperature=0.5, top_p=0.9, top_k=4), {}),
        (OLD, Sampling(top_k=0), {}),
        (OLD, Sampling(seed=1, presence_penalty=1, frequency_penalty=1), {}),
    ],
)
def test_sampling_is_written_where_the_model_takes_it(sent, model, sampling, fields):
    body = sent(chat(sampling=sampling), model)

    assert {name: body[name] for name in body if name not in {"model", "max_tokens", "messages"}} == fields


def test_model_that_thinks_is_not_told_how_to_draw(sent):
    assert "temperature" not in sent(chat(reasoning="low", sampling=Sampling(temperature=0.5)), OLD)


def test_effort_and_schema_stand_side_by_side(sent):
    config = sent(chat(reasoning="high", response_format=JsonSchema(CITY)))["output_config"]

    assert (config["effort"], config["format"]["type"]) == ("high", "json_schema")


SCHEMAS = st.recursive(
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {}, True]),
    lambda inner: st.one_of(
        st.builds(lambda a: {"type": "object", "properties": {"a": a}}, inner),
        st.builds(lambda a: {"type": "array", "items": a}, inner),
        st.builds(lambda a, b: {"anyOf": [a, b]}, inner, inner),
        st.builds(lambda a: {"$defs": {"a": a}, "$ref": "#/$defs/a"}, inner),
        st.just({"type": "object", "additionalProperties": {"type": "string"}}),
    ),
    max_leaves=8,
)


def objects(schema):
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for inner in schema.values():
            yield from objects(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects(inner)


def opened(schema):
    """Take out what closes an object."""
    if isinstance(schema, dict):
        return {
            name: opened(value) for name, value in schema.items() if (name, value) != ("additionalProperties", False)
        }
    return [opened(inner) for inner in schema] if isinstance(schema, list) else schema


@given(SCHEMAS)
def test_every_object_of_a_schema_says_what_else_it_takes_and_nothing_else_changes(schema):
    before = json.dumps(schema)
    made = closed(schema)

    assert all("additionalProperties" in found for found in objects(made))
    assert opened(made) == schema
    assert json.dumps(schema) == before


def test_image_is_written_by_its_bytes_or_its_address(sent):
    parts = (Image("image/jpeg", "QUJD"), Image(data="QUJD"), Image(url="https://x/y.png"))

    assert [block["source"] for block in sent(chat(Message("user", parts)))["messages"][0]["content"]] == [
        {"type": "base64", "media_type": "image/jpeg", "data": "QUJD"},
        {"type": "base64", "media_type": "image/png", "data": "QUJD"},
        {"type": "url", "url": "https://x/y.png"},
    ]
