"""The provider for Anthropic as a whole: what passes, what is translated, whole answers, models."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Embed, Finish, Message, Need, ReasoningDelta, Text, TextDelta, ToolCall, Usage
from cortex.config.model import Worker
from cortex.config.workers import PRESETS
from cortex.messages import Failure
from cortex.providers.anthropic import Anthropic
from cortex.providers.base import Findings, Whole, Wire
from cortex.providers.catalogue import provider_for

ANTHROPIC = Anthropic()
USED = Usage(9, 4)
CHAT = Chat(messages=(Message("user", (Text("Hi"),)),))
READ = {
    "whole": [TextDelta("Hi there"), Finish("stop"), USED],
    "whole_thinking": [ReasoningDelta("hm"), TextDelta("Yes"), Finish("stop"), USED],
    "whole_tools": [
        TextDelta("Let me look."),
        ToolCall("toolu_1", "weather", '{"city": "Köln"}'),
        ToolCall("toolu_2", "clock", "{}"),
        Finish("tool_calls"),
        USED,
    ],
}


def test_preset_makes_the_provider_and_sends_the_version():
    preset = PRESETS["anthropic"]
    worker = Worker(name="a", pool="a", provider="anthropic", speaks=preset.speaks, url=preset.url)

    assert isinstance(provider_for(worker), Anthropic)
    assert (preset.url, preset.free, dict(preset.headers)) == (
        "https://api.anthropic.com",
        False,
        {"anthropic-version": "2023-06-01"},
    )


def test_what_it_cannot_do_is_named_and_what_can_pass_is_not():
    assert ANTHROPIC.lacks <= set(get_args(Need))
    assert not ANTHROPIC.lacks & {"chat", "tools", "tool_choice", "images", "image_urls", "json_schema", "top_k"}
    assert not ANTHROPIC.lacks & {"files", "custom_tools", "documents"}


@pytest.mark.parametrize(
    ("dialect", "operation", "passes"),
    [("anthropic", "chat", True), ("anthropic", "count", False), ("openai", "chat", False), ("ollama", "chat", False)],
)
def test_only_chats_of_its_own_dialect_pass(dialect, operation, passes, asked):
    assert ANTHROPIC.passes(asked(dialect, operation=operation)) is passes


def sent(asked, body, model="m"):
    return ANTHROPIC.encode(asked("anthropic", body), None, model)


BLOCK = rb'{"type":"text","text":"\u00e9","cache_control":{}}'
BODY = b'{ "model":"m", "max_tokens":5, "messages":[{"role":"user","content":[%s]}] }' % BLOCK


def test_body_that_passes_is_the_clients_own_byte_for_byte(asked):
    assert sent(asked, BODY) == Wire("/v1/messages", BODY)
    assert sent(asked, BODY).body is BODY


def test_only_the_name_of_the_model_changes(asked):
    changed = sent(asked, BODY, "claude-x").body

    assert json.loads(changed) == {**json.loads(BODY), "model": "claude-x"}
    assert BLOCK in changed


def test_key_that_stands_twice_is_the_last_one_that_was_read(asked):
    twice = b'{"model":"m","messages":[],"messages":[{"role":"user","content":"Hi"}]}'

    assert json.loads(sent(asked, twice).body)["messages"] == [{"role": "user", "content": "Hi"}]
    assert sent(asked, twice).body.count(b'"messages"') == 1


def test_field_whose_header_does_not_come_this_far_is_taken_out(asked):
    body = b'{"model":"m","context_management":{"edits":[]},"messages":[{"role":"user","content":"Hi"}]}'

    assert sent(asked, body).body == b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'


SIGNED = {"type": "thinking", "thinking": "hm", "signature": "EqQ"}
UNSIGNED = {"type": "thinking", "thinking": "hm", "signature": ""}
NAKED = {"type": "thinking", "thinking": "hm"}
SAID = {"type": "text", "text": 'he said "signature":""'}
USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_thoughts_that_nobody_signed_are_taken_out_and_those_that_anthropic_signed_stay(separators, asked):
    turns = [
        USER,
        {"role": "assistant", "content": [UNSIGNED, SIGNED, NAKED, SAID]},
        USER,
        {"role": "assistant", "content": [UNSIGNED]},
        {"role": "assistant", "content": "plain"},
    ]
    body = json.dumps({"model": "m", "messages": turns}, separators=separators).encode()

    assert json.loads(sent(asked, body).body)["messages"] == [
        USER,
        {"role": "assistant", "content": [SIGNED, SAID]},
        USER,
        {"role": "assistant", "content": "plain"},
    ]


BLOCKS = st.lists(st.sampled_from([SIGNED, UNSIGNED, SAID, {"type": "text", "text": ""}]), min_size=1, max_size=4)
TURNS = st.lists(st.builds(lambda content: {"role": "assistant", "content": content}, BLOCKS), max_size=4)


@given(turns=TURNS, model=st.sampled_from(["m", "x"]))
def test_nothing_but_unsigned_thoughts_is_ever_lost_of_a_conversation_that_passes(turns, model, asked):
    passed = json.loads(sent(asked, json.dumps({"model": "m", "messages": turns}).encode(), model).body)
    kept = [[block for block in turn["content"] if block != UNSIGNED] for turn in turns]

    assert passed["model"] == model
    assert [turn["content"] for turn in passed["messages"]] == [content for content in kept if content]


def test_others_are_translated(asked):
    wire = ANTHROPIC.encode(asked("openai"), CHAT, "claude-x")

    assert (wire.path, json.loads(wire.body)["model"]) == ("/v1/messages", "claude-x")


def test_it_makes_no_vectors(asked):
    assert "embeddings" in ANTHROPIC.lacks
    assert ANTHROPIC.vectors(asked("openai"), b"{}").word == "unsupported"
    with pytest.raises(AssertionError):
        ANTHROPIC.encode(asked("openai"), Embed(inputs=("a",)), "m")


@pytest.mark.parametrize("name", READ)
def test_whole_answer_says_what_it_says_and_goes_through_untouched(name, recorded, asked):
    body = recorded(f"anthropic/{name}.json")

    assert ANTHROPIC.decode(asked("openai"), body) == READ[name]
    assert ANTHROPIC.whole(asked("anthropic"), body) == Whole(body, USED)


def answer(**fields):
    return json.dumps({"type": "message", "content": [], "stop_reason": "end_turn", **fields}).encode()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"<html>", "malformed"),
        (b"{}", "malformed"),
        (answer(content=None), "malformed"),
        (answer(stop_reason=None), "malformed"),
        (answer(content=[{"type": "tool_use", "id": "a", "name": "f", "input": "text"}]), "malformed"),
        (answer(content=[{"type": "tool_use", "id": "a", "input": {}}]), "malformed"),
        (b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', "busy"),
    ],
)
def test_body_that_is_no_answer_is_a_failure(body, word, asked):
    assert ANTHROPIC.decode(asked("openai"), body).word == word
    assert ANTHROPIC.whole(asked("anthropic"), body).word == word


def test_answer_may_be_empty_and_not_counted(asked):
    assert ANTHROPIC.decode(asked("openai"), answer()) == [Finish("stop")]
    assert ANTHROPIC.whole(asked("anthropic"), answer()) == Whole(answer(), None)


@given(body=st.binary())
def test_no_body_makes_it_raise(body, asked):
    assert isinstance(ANTHROPIC.decode(asked("openai"), body), Failure)
    assert isinstance(ANTHROPIC.findings({"models": body}), Failure)


def test_models_are_listed_with_what_they_can_and_the_retired_ones_not(recorded):
    found = ANTHROPIC.findings({"models": recorded("anthropic/models.json")})
    everything = {"completion", "tools", "vision", "thinking"}

    assert {model.name: model.capabilities for model in found.models} == {
        "claude-sonnet-5-5": everything,
        "claude-haiku-4-5-20251001": {"completion", "tools"},
        "claude-next": everything,
        "claude-sonnet-4-5-20250929": everything,
    }
    assert found.models[0].context_length == 1_000_000
    assert found.models[0].raw["display_name"] == "Claude-Sonnet-5-5"


def test_probe_is_the_free_list_and_its_silence_says_nothing():
    assert ANTHROPIC.probes() == {"models": "/v1/models?limit=1000"}
    assert ANTHROPIC.findings({}) == Findings()
    assert ANTHROPIC.warm("m") is None


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("claude-haiku-4-5-20251001", "claude-haiku-4-5"),
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("claude-opus-5", "claude-opus-5"),
    ],
)
def test_name_with_its_date_and_without_is_one_model(name, normal):
    assert ANTHROPIC.normal_name(name) == normal
