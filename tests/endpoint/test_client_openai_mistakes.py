"""Every mistake in an OpenAI body is a 400 that says where it is, what was expected and what was found."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.openai import OpenAI

USER = {"role": "user", "content": "Hi"}
TOOL = {"type": "function", "function": {"name": "f"}}


def problem_of(body):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(BadRequest) as caught:
        OpenAI(now=lambda: 0.0).read("chat", raw)
    return caught.value.problem


NOT_JSON = [
    (b"", "missing request body"),
    (b"{", "truncated"),
    (b"hello", "not valid JSON"),
    (b"\xef\xbb\xbf{}", "not valid JSON"),
    (b'{"messages":[{"role":"user","content":"x"}]} {}', "trailing characters"),
    (b'{"messages":[{"role":"user","content":"\xff"}]}', "text that is not UTF-8"),
    (b'{"messages":[{"role":"user","content":"x"}],"unknown":"\xff"}', "text that is not UTF-8"),
    (b'{"x":' + b"[" * 100_000, "too many levels of nesting"),
]


@pytest.mark.parametrize(("body", "words"), NOT_JSON)
def test_what_is_not_json_is_refused_as_such(body, words):
    problem = problem_of(body)

    assert (problem.status, problem.code, problem.param) == (400, "invalid_json", "")
    assert words in problem.message


@pytest.mark.parametrize("body", [[], "x", 1, None])
def test_json_that_is_no_object_is_refused(body):
    assert Problem(400, f"the body: expected object, found {json.dumps(body)}", code="invalid_type") == problem_of(body)


def test_a_mistake_before_broken_json_is_told_without_what_was_found():
    assert problem_of(b'{"n":0,').message == "n: expected integer >= 1, found something else"


def message(**fields):
    return {"messages": [USER, fields]}


def chat(**fields):
    return {"messages": [USER], **fields}


IMAGE_PARAM = "messages[1].content[0].image_url.url"
MISTAKES = {
    "no messages": ({}, "missing_required_parameter", "messages", "required, but missing"),
    "empty messages": (
        {"messages": []},
        "invalid_value",
        "messages",
        "expected an array of at least one message, found []",
    ),
    "messages of another type": ({"messages": "Hi"}, "invalid_type", "messages", 'found "Hi"'),
    "no role": (message(content="x"), "missing_required_parameter", "messages[1].role", "required"),
    "unknown role": (
        message(role="boss", content="x"),
        "invalid_value",
        "messages[1].role",
        'one of developer, system, user, assistant, tool, function, found "boss"',
    ),
    "content of another type": (
        message(role="user", content=7),
        "invalid_type",
        "messages[1].content",
        "expected string or array, found 7",
    ),
    "no content": (message(role="user"), "missing_required_parameter", "messages[1].content", "required"),
    "null content of a user": (message(role="user", content=None), "invalid_type", "messages[1].content", "found null"),
    "unknown part": (
        message(role="user", content=[{"type": "video"}]),
        "invalid_value",
        "messages[1].content[0].type",
        'found "video"',
    ),
    "an image in a system message": (
        message(role="system", content=[{"type": "image_url"}]),
        "invalid_value",
        "messages[1].content[0].type",
        'found "image_url"',
    ),
    "a part without its text": (
        message(role="user", content=[{"type": "text"}]),
        "missing_required_parameter",
        "messages[1].content[0].text",
        "required",
    ),
    "an image that is no address": (
        message(role="user", content=[{"type": "image_url", "image_url": {"url": "cat.png"}}]),
        "invalid_value",
        IMAGE_PARAM,
        "found 'cat.png'",
    ),
    "a data URI without base64": (
        message(role="user", content=[{"type": "image_url", "image_url": {"url": "data:image/png,abc"}}]),
        "invalid_value",
        IMAGE_PARAM,
        "expected an http(s) address or data:image/",
    ),
    "a data URI without data": (
        message(role="user", content=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]),
        "invalid_value",
        IMAGE_PARAM,
        "base64",
    ),
    "a data URI of something else": (
        message(role="user", content=[{"type": "image_url", "image_url": {"url": "data:text/html;base64,aa"}}]),
        "invalid_value",
        IMAGE_PARAM,
        "data:image/",
    ),
    "a tool message without id": (
        message(role="tool", content="x"),
        "missing_required_parameter",
        "messages[1].tool_call_id",
        "required",
    ),
    "a tool message with an empty id": (
        message(role="tool", content="x", tool_call_id=""),
        "invalid_value",
        "messages[1].tool_call_id",
        'found ""',
    ),
    "a call without function": (
        message(role="assistant", tool_calls=[{"id": "1", "type": "function"}]),
        "missing_required_parameter",
        "messages[1].tool_calls[0].function",
        "required",
    ),
    "a call with object arguments": (
        message(role="assistant", tool_calls=[{"id": "1", "function": {"name": "f", "arguments": {"a": 1}}}]),
        "invalid_type",
        "messages[1].tool_calls[0].function.arguments",
        'expected string, found {"a":1}',
    ),
    "a function message without name": (
        message(role="function", content="x"),
        "missing_required_parameter",
        "messages[1].name",
        "required",
    ),
    "model of another type": (chat(model=5), "invalid_type", "model", "expected string or null, found 5"),
    "stream of another type": (chat(stream="yes"), "invalid_type", "stream", 'expected boolean or null, found "yes"'),
    "n below one": (chat(n=0), "invalid_value", "n", "expected integer >= 1, found 0"),
    "n above 128": (chat(n=129), "invalid_value", "n", "found 129"),
    "n of another type": (chat(n="2"), "invalid_type", "n", 'expected integer or null, found "2"'),
    "max_tokens below one": (chat(max_tokens=0), "invalid_value", "max_tokens", ">= 1, found 0"),
    "max_completion_tokens below one": (
        chat(max_completion_tokens=-1),
        "invalid_value",
        "max_completion_tokens",
        "found -1",
    ),
    "temperature too high": (chat(temperature=2.1), "invalid_value", "temperature", "<= 2.0, found 2.1"),
    "top_p too high": (chat(top_p=1.5), "invalid_value", "top_p", "found 1.5"),
    "penalty too low": (chat(presence_penalty=-3), "invalid_value", "presence_penalty", "found -3"),
    "stop of another type": (chat(stop=5), "invalid_type", "stop", "expected string or array or null, found 5"),
    "stop with another type in it": (chat(stop=["a", 5]), "invalid_type", "stop[1]", "expected string, found 5"),
    "a bias that is no number": (chat(logit_bias={"5": "x"}), "invalid_type", "logit_bias", 'found {"5":"x"}'),
    "a bias out of bounds": (chat(logit_bias={"5": 101}), "invalid_value", "logit_bias", 'found {"5":101}'),
    "top_logprobs without logprobs": (
        chat(top_logprobs=2),
        "invalid_value",
        "top_logprobs",
        "expected logprobs to be true",
    ),
    "top_logprobs above 20": (chat(logprobs=True, top_logprobs=21), "invalid_value", "top_logprobs", "found 21"),
    "unknown response format": (
        chat(response_format={"type": "xml"}),
        "invalid_value",
        "response_format.type",
        "one of text, json_object, json_schema",
    ),
    "a schema without name": (
        chat(response_format={"type": "json_schema", "json_schema": {}}),
        "missing_required_parameter",
        "response_format.json_schema.name",
        "required",
    ),
    "a schema that is no object": (
        chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": []}}),
        "invalid_type",
        "response_format.json_schema.schema",
        "found []",
    ),
    "a tool without function": (
        chat(tools=[{"type": "function"}]),
        "missing_required_parameter",
        "tools[0].function",
        "required",
    ),
    "a tool without type": (
        chat(tools=[{"function": {"name": "f"}}]),
        "missing_required_parameter",
        "tools[0].type",
        "required",
    ),
    "a tool without name": (
        chat(tools=[{"type": "function", "function": {"name": ""}}]),
        "invalid_value",
        "tools[0].function.name",
        'found ""',
    ),
    "parameters that are no object": (
        chat(tools=[{"type": "function", "function": {"name": "f", "parameters": 1}}]),
        "invalid_type",
        "tools[0].function.parameters",
        "found 1",
    ),
    "unknown tool choice": (
        chat(tools=[TOOL], tool_choice="any"),
        "invalid_value",
        "tool_choice",
        'none, auto, required, or an object that names a tool, found "any"',
    ),
    "unknown kind of tool choice": (
        chat(tools=[TOOL], tool_choice={"type": "any"}),
        "invalid_value",
        "tool_choice.type",
        "one of function, custom, allowed_tools",
    ),
    "a choice of a tool that is not there": (
        chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "g"}}),
        "invalid_value",
        "tool_choice",
        "one of the tools, found 'g'",
    ),
    "a tool required and none offered": (
        chat(tool_choice="required"),
        "invalid_value",
        "tool_choice",
        "expected tools to choose from, found none",
    ),
    "unknown mode of allowed tools": (
        chat(tools=[TOOL], tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "x", "tools": [TOOL]}}),
        "invalid_value",
        "tool_choice.allowed_tools.mode",
        "auto or required",
    ),
    "an allowed tool that is not there": (
        chat(
            tools=[TOOL],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]},
            },
        ),
        "invalid_value",
        "tool_choice",
        "found 'g'",
    ),
    "a function call that is not there": (
        chat(functions=[{"name": "f"}], function_call={"name": "g"}),
        "invalid_value",
        "function_call",
        "found 'g'",
    ),
    "unknown function call": (
        chat(functions=[{"name": "f"}], function_call="any"),
        "invalid_value",
        "function_call",
        "none, auto, or an object that names a function",
    ),
    "unknown effort": (
        chat(reasoning_effort="huge"),
        "invalid_value",
        "reasoning_effort",
        'one of none, minimal, low, medium, high, xhigh, max, found "huge"',
    ),
    "unknown modality": (chat(modalities=["smell"]), "invalid_value", "modalities[0]", "text or audio"),
    "metadata that is no text": (chat(metadata={"a": 1}), "invalid_type", "metadata", 'found {"a":1}'),
    "a stream option of another type": (
        chat(stream=True, stream_options={"include_usage": 1}),
        "invalid_type",
        "stream_options.include_usage",
        "found 1",
    ),
}


@pytest.mark.parametrize(("body", "code", "param", "words"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_told_with_its_place_and_what_was_found(body, code, param, words):
    problem = problem_of(body)

    assert (400, code, param) == (problem.status, problem.code, problem.param)
    assert problem.message.startswith(f"{param}: ")
    assert words in problem.message


@pytest.mark.parametrize("field", ["model", "stop", "tool_choice", "reasoning_effort"])
def test_a_message_never_repeats_much_of_what_was_sent(field):
    secret = "s" * 500
    value = {"secret": secret} if field in {"model", "stop"} else secret

    assert problem_of(chat(**{field: value})).message.count("s") < 80


def test_a_long_image_address_is_not_repeated_whole():
    parts = [{"type": "image_url", "image_url": {"url": "ftp://" + "x" * 10_000}}]

    assert len(problem_of(message(role="user", content=parts)).message) < 250


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["messages", "model", "stream", "n", "stop", "tools", "tool_choice", "response_format", "logit_bias", "functions"]
)


@settings(deadline=None)
@given(body=st.binary(max_size=60) | st.dictionaries(fields, json_values).map(lambda value: json.dumps(value).encode()))
def test_no_body_does_anything_but_read_or_be_refused(body):
    dialect = OpenAI(now=lambda: 0.0)
    with suppress(BadRequest):
        dialect.neutral(dialect.read("chat", body))
