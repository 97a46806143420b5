"""Whole answers, lists of models, and what the OpenAI provider is."""

import json

import pytest

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.base import Findings, Model, Provider
from cortex.providers.openai import OpenAI
from cortex.providers.openai_switches import Switches

OPENAI = OpenAI()
USED = Usage(9, 2, 4, 1)


def answer(**choice):
    return json.dumps(
        {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "a"}, **choice}]}
    ).encode()


def test_it_is_a_provider():
    provider: Provider = OpenAI(name="groq")

    assert (provider.name, provider.dialect) == ("groq", "openai")


def test_whole_answer_is_read(recorded, asked):
    assert OPENAI.decode(asked("ollama"), recorded("openai/whole.json")) == [
        TextDelta("Hi there"),
        Finish("stop"),
        USED,
    ]


def test_whole_answer_with_tool_calls_is_read(recorded, asked):
    assert OPENAI.decode(asked("ollama"), recorded("openai/whole_tools.json")) == [
        ToolCall("call_1", "weather", '{"city":"Köln"}'),
        ToolCall("call_2", "clock", "{}"),
        Finish("tool_calls"),
        USED,
    ]


@pytest.mark.parametrize("name", ["chat", "chat_length", "json_schema", "tool", "logprobs"])
def test_recorded_whole_answer_is_read_and_let_through(name, recorded, asked):
    body = recorded(f"llamacpp/{name}.json")
    told = json.loads(body)

    deltas = OPENAI.decode(asked("ollama"), body)
    whole = OPENAI.whole(asked("openai"), body)

    assert "".join(d.text for d in deltas if isinstance(d, TextDelta)) == (
        told["choices"][0]["message"]["content"] if name != "logprobs" else "Hello!"
    )
    assert Finish(told["choices"][0]["finish_reason"]) in deltas
    assert whole.body is body
    assert whole.usage == deltas[-1]
    assert whole.usage.output_tokens == told["usage"]["completion_tokens"]


def test_whole_answer_is_let_through_with_its_usage(recorded, asked):
    body = recorded("openai/whole.json")
    whole = OPENAI.whole(asked("openai"), body)

    assert whole.body is body
    assert whole.usage == USED


@pytest.mark.parametrize(
    ("body", "deltas"),
    [
        (answer(message={"content": ""}), [Finish("stop")]),
        (answer(message={"content": None}), [Finish("stop")]),
        (answer(message={"reasoning": "hm"}, finish_reason="length"), [ReasoningDelta("hm"), Finish("length")]),
        (answer(finish_reason=None), [TextDelta("a"), Finish("stop")]),
        (answer(finish_reason=""), [TextDelta("a"), Finish("stop")]),
        (answer(message=None, text="a"), [TextDelta("a"), Finish("stop")]),
        (b"\n\n  " + answer(), [TextDelta("a"), Finish("stop")]),
    ],
)
def test_unusual_answer_is_an_answer(body, deltas, asked):
    assert OPENAI.decode(asked("ollama"), body) == deltas
    assert OPENAI.whole(asked("openai"), body).body is body


def test_calls_of_a_message_are_each_a_call_although_all_say_index_0(asked):
    calls = [{"index": 0, "function": {"name": "clock", "arguments": arguments}} for arguments in ("", "{}")]
    deltas = OPENAI.decode(asked("ollama"), answer(message={"tool_calls": calls}))

    assert [delta.name for delta in deltas[:2]] == ["clock", "clock"]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (b"[]", "malformed"),
        (b'{"choices":' + b"[" * 100_000, "malformed"),
        (b'{"x":' + b"[" * 100_000, "malformed"),
        (b'{"choices":5,"error":{"message":"m","code":429}}', "rate_limited"),
        (b"{}", "malformed"),
        (b'{"choices":[]}', "malformed"),
        (b'{"choices":null}', "malformed"),
        (b'{"choices":[{"finish_reason":"stop"}]}', "malformed"),
        (b'{"choices":[{"message":{"content":"a"', "malformed"),
        (answer(message={"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}), "malformed"),
        (b'{"error":"text"}', "server_error"),
        (b'{"error":{"message":"m","code":429}}', "rate_limited"),
        (b'{"choices":[],"error":{"message":"m","code":502}}', "server_error"),
        (b'{"object":"error","message":"m","code":"model_not_found"}', "model_missing"),
        (answer(finish_reason="error"), "server_error"),
        (answer(error={"code": 429, "message": "m"}), "rate_limited"),
    ],
)
def test_what_is_no_answer_is_a_failure(body, word, asked):
    decoded, whole = OPENAI.decode(asked("ollama"), body), OPENAI.whole(asked("openai"), body)

    assert isinstance(decoded, Failure)
    assert decoded == whole
    assert whole.word == word


def test_every_cut_of_a_whole_answer_is_malformed(recorded, asked):
    body = recorded("openai/whole_tools.json")

    assert {OPENAI.whole(asked("openai"), body[:size]).word for size in range(len(body))} == {"malformed"}


def test_models_are_found_with_their_context(recorded):
    found = OPENAI.findings({"models": recorded("openai/models.json")})

    assert [(model.name, model.context_length, model.loaded) for model in found.models] == [
        ("org/m:x", 32_768, None),
        ("groq-m", 131_072, None),
    ]
    assert found.models[0].raw["owned_by"] == "o"


def test_bare_array_of_models_is_read(recorded):
    found = OPENAI.findings({"models": recorded("openai/models_array.json")})

    assert [(model.name, model.context_length) for model in found.models] == [("org/Model", 4096)]


def test_recorded_models_of_llamacpp_have_the_context_that_it_was_started_with(recorded):
    found = OPENAI.findings({"models": recorded("llamacpp/models.json")})

    assert [(model.name, model.context_length) for model in found.models] == [("smollm2:135m", 2048)]


def test_null_list_is_an_empty_one():
    assert OPENAI.findings({"models": b'{"object":"list","data":null}'}) == Findings(models=())


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"data":[1]}', b'{"data":[{}]}', b"3", b'{"error":"no"}'])
def test_list_that_cannot_be_read_is_a_failure(body):
    assert OPENAI.findings({"models": body}).word == "malformed"


def test_server_without_a_list_is_not_asked():
    provider = OpenAI(switches=Switches(models_response="none"))

    assert provider.probes() == {}
    assert provider.findings({}) == Findings()
    assert OPENAI.probes() == {"models": "/models"}


def test_nothing_warms_a_model_without_generating():
    assert OPENAI.warm("m") is None


def test_names_differ_by_every_letter():
    assert OPENAI.normal_name("Org/M") == "Org/M"
    assert Model("a") == Model("a")
