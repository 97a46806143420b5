"""Chats that mean the same in every client dialect have one key, and only those."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.cache.plain import plain
from cortex.cache.policy import key_of
from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.ollama import Ollama
from cortex.endpoint.openai import OpenAI

DIALECTS = {"openai": OpenAI(float), "ollama": Ollama(float), "anthropic": Anthropic(float)}
TEXTS = st.text(min_size=1, max_size=8).filter(str.strip)
TURNS = st.lists(TEXTS, min_size=1, max_size=5).filter(lambda texts: len(texts) % 2)
TEMPERATURES = st.sampled_from([0, 0.0, 0.5, 1])
MORE = st.fixed_dictionaries(
    {"max_tokens": st.integers(1, 99), "temperature": TEMPERATURES},
    optional={"top_p": st.sampled_from([0.1, 0.9]), "stop": st.lists(TEXTS, min_size=1, max_size=2)},
)


def bodies(system, turns, more, *, as_parts=False):
    """Return the same chat as each dialect has it."""

    def content(text):
        return [{"type": "text", "text": text}] if as_parts else text

    said = [{"role": "assistant" if at % 2 else "user", "content": content(text)} for at, text in enumerate(turns)]
    flat = [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(turns)]
    first = [{"role": "system", "content": system}] if system else []
    renamed = {"max_tokens": "num_predict"}
    anthropic = {{"stop": "stop_sequences"}.get(name, name): value for name, value in more.items()}
    return {
        "openai": {"model": "m", "messages": [*first, *said], **more},
        "ollama": {
            "model": "m",
            "messages": [*first, *flat],
            "options": {renamed.get(name, name): value for name, value in more.items()},
        },
        "anthropic": {"model": "m", "messages": said, **({"system": system} if system else {}), **anthropic},
    }


def read(dialect, body):
    return DIALECTS[dialect].read("chat", json.dumps(body).encode())


def key(dialect, body):
    return key_of(read(dialect, body), always=True)


def meaning(dialect, body):
    """Return what an upstream is asked, whatever the manner of the answer."""
    return msgspec.structs.replace(DIALECTS[dialect].neutral(read(dialect, body)), stream=False)


@given(system=st.none() | TEXTS, turns=TURNS, more=MORE, as_parts=st.booleans())
def test_the_same_chat_in_each_dialect_is_asked_the_same_and_has_one_key(system, turns, more, as_parts):
    same = bodies(system, turns, more, as_parts=as_parts)

    assert len({key(dialect, body) for dialect, body in same.items()}) == 1
    assert len({repr(meaning(dialect, body)) for dialect, body in same.items()}) == 1


@given(one=st.tuples(st.none() | TEXTS, TURNS, MORE), other=st.tuples(st.none() | TEXTS, TURNS, MORE))
def test_chats_that_mean_something_else_have_another_key_in_every_dialect(one, other):
    left, right = bodies(*one), bodies(*other)

    for dialect in DIALECTS:
        for another in DIALECTS:
            is_same = repr(meaning(dialect, left[dialect])) == repr(meaning(another, right[another]))
            assert (key(dialect, left[dialect]) == key(another, right[another])) is is_same


@pytest.mark.parametrize(
    ("dialect", "more"),
    [
        ("openai", {"tools": []}),
        ("openai", {"response_format": {"type": "json_object"}}),
        ("openai", {"max_tokens": 5, "max_completion_tokens": 5}),
        ("openai", {"something_new": 1}),
        ("openai", {"messages": [{"role": "user", "content": "Why?", "name": "ana"}]}),
        ("openai", {"messages": [{"role": "tool", "content": "x", "tool_call_id": "1"}]}),
        ("openai", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}),
        ("ollama", {"options": {"num_ctx": 8192}}),
        ("ollama", {"options": {"num_predict": -1}}),
        ("ollama", {"think": True}),
        ("ollama", {"format": "json"}),
        ("anthropic", {"thinking": {"type": "disabled"}}),
        ("anthropic", {"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]}),
    ],
)
def test_anything_else_in_a_body_is_a_matter_of_its_dialect(dialect, more):
    body = {"model": "m", "messages": [{"role": "user", "content": "Why?"}]}

    assert plain(dialect, "chat", body) is not None
    assert plain(dialect, "chat", body | more) is None


@pytest.mark.parametrize("operation", ["complete", "respond", "embed", "generate"])
def test_only_chats_are_plain(operation):
    assert plain("openai", operation, {"model": "m", "messages": [{"role": "user", "content": "Why?"}]}) is None


def test_what_changes_no_answer_does_not_keep_dialects_apart():
    same = bodies(None, ["Why?"], {"max_tokens": 9, "temperature": 0})
    same["openai"] |= {"user": "ana", "stream": True}
    same["ollama"] |= {"keep_alive": "5m"}
    same["anthropic"] |= {"metadata": {"user_id": "ana"}}

    assert len({key(dialect, body) for dialect, body in same.items()}) == 1
