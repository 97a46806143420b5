"""Every mistake in an Anthropic body is a 400 that says where it is, what was expected and what was found."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.dialect import BadRequest

DIALECT = Anthropic(now=lambda: 0.0)
TOOL = {"name": "f", "input_schema": {"type": "object"}}


def body(**fields):
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **fields}


def without(field):
    return {key: value for key, value in body().items() if key != field}


def says(*blocks, role="user"):
    return body(messages=[{"role": role, "content": list(blocks)}])


def shows(**source):
    return says({"type": "image", "source": source})


def problem_of(asked, operation="chat"):
    raw = asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    with pytest.raises(BadRequest) as caught:
        DIALECT.read(operation, raw)
    return caught.value.problem


@pytest.mark.parametrize("raw", [b"", b"{", b"hello", b'{"model":"\xff"}', b'{"x":' + b"[" * 100_000])
@pytest.mark.parametrize("operation", ["chat", "count"])
def test_what_is_not_json_is_refused_as_such(raw, operation):
    assert problem_of(raw, operation).code == "invalid_json"


MISSING = {
    "model": (without("model"), "model"),
    "the bound of tokens": (without("max_tokens"), "max_tokens"),
    "messages": (without("messages"), "messages"),
    "a role": (body(messages=[{"content": "Hi"}]), "messages[0].role"),
    "content": (body(messages=[{"role": "user"}]), "messages[0].content"),
    "the type of a block": (says({"text": "x"}), "messages[0].content[0].type"),
    "the text of a block": (says({"type": "text"}), "messages[0].content[0].text"),
    "the source of an image": (says({"type": "image"}), "messages[0].content[0].source"),
    "the data of an image": (shows(type="base64", media_type="image/png"), "messages[0].content[0].source.data"),
    "the call of an answer": (says({"type": "tool_result", "content": "x"}), "messages[0].content[0].tool_use_id"),
    "the input of a call": (
        says({"type": "tool_use", "id": "c", "name": "f"}, role="assistant"),
        "messages[0].content[0].input",
    ),
    "the name of a tool": (body(tools=[{"input_schema": {}}]), "tools[0].name"),
    "the schema of a tool": (body(tools=[TOOL, {"name": "g", "type": "custom"}]), "tools[1].input_schema"),
    "the tool of a choice": (body(tools=[TOOL], tool_choice={"type": "tool"}), "tool_choice.name"),
    "a budget": (body(thinking={"type": "enabled"}), "thinking.budget_tokens"),
    "the schema of a format": (body(output_config={"format": {"type": "json_schema"}}), "output_config.format.schema"),
}


@pytest.mark.parametrize(("asked", "param"), MISSING.values(), ids=MISSING.keys())
def test_what_is_missing_is_named(asked, param):
    problem = problem_of(asked)

    assert (400, param) == (problem.status, problem.param)
    assert (problem.code, problem.message) == ("missing_required_parameter", f"{param}: required, but missing")


MISTAKES = {
    "no model": (body(model=""), "model", 'found ""'),
    "a bound of nothing": (body(max_tokens=0), "max_tokens", "expected integer >= 1, found 0"),
    "no messages": (body(messages=[]), "messages", "expected an array of at least one message, found []"),
    "a role of another dialect": (
        body(messages=[{"role": "tool", "content": "x"}]),
        "messages[0].role",
        'expected one of user, assistant, system, found "tool"',
    ),
    "content that is a number": (
        body(messages=[{"role": "user", "content": 5}]),
        "messages[0].content",
        "expected a string or an array of blocks, found 5",
    ),
    "a call in a user's message": (
        says({"type": "tool_use", "id": "c", "name": "f", "input": {}}),
        "messages[0].content[0].type",
        'found "tool_use"',
    ),
    "an image in an assistant's message": (
        says({"type": "image", "source": {"type": "url", "url": "http://x"}}, role="assistant"),
        "messages[0].content[0].type",
        'found "image"',
    ),
    "a block of a tool that Anthropic runs": (
        says({"type": "server_tool_use"}, role="assistant"),
        "messages[0].content[0].type",
        'found "server_tool_use"',
    ),
    "an input that is text": (
        says({"type": "tool_use", "id": "c", "name": "f", "input": "{}"}, role="assistant"),
        "messages[0].content[0].input",
        'found "{}"',
    ),
    "an unknown source": (
        shows(type="path", path="/x"),
        "messages[0].content[0].source.type",
        "expected one of base64, url, file",
    ),
    "an image with a prefix": (
        shows(type="base64", media_type="image/png", data="data:image/png;base64,aGk="),
        "messages[0].content[0].source.data",
        "expected base64 without a data: prefix",
    ),
    "an address of another kind": (
        shows(type="url", url="ftp://x/a.png"),
        "messages[0].content[0].source.url",
        "expected an http(s) address, found 'ftp://x/a.png'",
    ),
    "a mistake in what a tool answered": (
        says({"type": "tool_result", "tool_use_id": "c", "content": [shows(type="url", url="x")["messages"][0]]}),
        "messages[0].content[0].content[0].type",
        "required",
    ),
    "an image in an answer": (
        says(
            {
                "type": "tool_result",
                "tool_use_id": "c",
                "content": [{"type": "image", "source": {"type": "url", "url": "x"}}],
            }
        ),
        "messages[0].content[0].content[0].source.url",
        "expected an http(s) address",
    ),
    "an image in a document": (
        says(
            {
                "type": "document",
                "source": {
                    "type": "content",
                    "content": [{"type": "image", "source": {"type": "url", "url": "x"}}],
                },
            }
        ),
        "messages[0].content[0].source.content[0].source.url",
        "expected an http(s) address",
    ),
    "instructions that are an image": (
        body(system=[{"type": "image"}]),
        "system[0].type",
        'expected text, found "image"',
    ),
    "instructions that are a number": (body(system=1), "system", "expected a string or an array of text blocks"),
    "a choice of nothing": (
        body(tool_choice={"type": "any"}),
        "tool_choice",
        "expected tools to choose from, found none",
    ),
    "a choice of a tool that is not there": (
        body(tools=[TOOL], tool_choice={"type": "tool", "name": "g"}),
        "tool_choice.name",
        "expected the name of one of the tools, found 'g'",
    ),
    "an unknown choice": (
        body(tools=[TOOL], tool_choice={"type": "required"}),
        "tool_choice.type",
        'expected one of auto, any, tool, none, found "required"',
    ),
    "an unknown kind of thinking": (
        body(thinking={"type": "on"}),
        "thinking.type",
        'expected one of enabled, disabled, adaptive, between_tools, found "on"',
    ),
    "a budget of too little": (
        body(thinking={"type": "enabled", "budget_tokens": 1023}),
        "thinking.budget_tokens",
        "expected integer >= 1024, found 1023",
    ),
    "an unknown effort": (
        body(output_config={"effort": "minimal"}),
        "output_config.effort",
        "expected one of low, medium, high, xhigh, max",
    ),
    "an unknown format": (
        body(output_config={"format": {"type": "json"}}),
        "output_config.format.type",
        'expected json_schema, found "json"',
    ),
    "too hot": (body(temperature=1.5), "temperature", "expected number <= 1.0, found 1.5"),
    "a negative top_k": (body(top_k=-1), "top_k", "expected integer >= 0, found -1"),
    "one stop sequence": (body(stop_sequences="x"), "stop_sequences", 'found "x"'),
}


@pytest.mark.parametrize(("asked", "param", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place_and_what_was_found(asked, param, words):
    problem = problem_of(asked)

    assert (400, param) == (problem.status, problem.param)
    assert problem.message.startswith(f"{param}: ")
    assert words in problem.message


def test_a_message_never_repeats_much_of_what_was_sent():
    data = "data:" + "s" * 10_000

    assert len(problem_of(shows(type="base64", media_type="image/png", data=data)).message) < 250


PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
RICH = {
    "model": "m",
    "max_tokens": 9,
    "stream": True,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "t"}, PNG]},
        {"role": "system", "content": "s"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "x"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "t"},
                {"type": "tool_use", "id": "c", "name": "f", "input": {"a": [1]}},
            ],
        },
        {
            "role": "user",
            "content": [
                {
                    "type": "tool_result",
                    "tool_use_id": "c",
                    "is_error": True,
                    "content": [
                        {"type": "text", "text": "x"},
                        {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}},
                        {"type": "tool_reference", "tool_name": "g"},
                    ],
                },
                {"type": "document", "title": "T", "source": {"type": "text", "data": "x"}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x"}]}},
                {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
            ],
        },
    ],
    "tools": [TOOL | {"description": "d", "strict": True}, {"name": "g", "input_schema": {}}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
    "stop_sequences": ["a"],
    "temperature": 0.5,
    "top_p": 0.5,
    "top_k": 5,
    "metadata": {"user_id": "u"},
}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)


def places(value, path=()):
    """Return the path of every value inside `value`."""
    found = [path] if path else []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(inner, (*path, key))
    return found


@st.composite
def mutations(draw):
    changed = copy.deepcopy(RICH)
    *way, last = draw(st.sampled_from(places(RICH)))
    inner = changed
    for key in way:
        inner = inner[key]
    if isinstance(inner, dict) and draw(st.booleans()):
        del inner[last]
    else:
        inner[last] = draw(values)
    return json.dumps(changed).encode()


def test_the_body_that_is_changed_is_good():
    assert len(DIALECT.neutral(DIALECT.read("chat", json.dumps(RICH).encode())).messages) == 7


@settings(deadline=None, max_examples=500)
@given(raw=mutations() | st.binary(max_size=60), operation=st.sampled_from(["chat", "count"]))
def test_whatever_comes_is_read_or_refused_in_few_words(raw, operation):
    refused = None
    try:
        request = DIALECT.read(operation, raw)
        assert json.loads(DIALECT.counted(request))["input_tokens"] >= 1
        DIALECT.neutral(request)
    except BadRequest as refusal:
        refused = refusal.problem

    assert refused is None or (refused.status == 400 and refused.code and len(refused.message) < 300)
