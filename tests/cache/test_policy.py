"""Whether a request may be answered from the cache, and by which key."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cortex.cache.policy import Control, is_deterministic, key_of, may_be_kept, read_control
from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.ollama import Ollama
from cortex.endpoint.openai import OpenAI
from cortex.messages import Request

CHAT = {"model": "m", "temperature": 0, "messages": [{"role": "user", "content": "Why?"}]}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def parsed(body):
    """Return a body as a dialect reads it: what it knows, by attribute."""
    options = body.get("options")
    said = {name: body.get(name) for name in ("temperature", "seed")}
    return SimpleNamespace(**said, options=SimpleNamespace(**options) if options else None)


def request(body=CHAT, *, dialect="openai", operation="chat", needs=(), model="m", strategy="", is_load=False):
    made = Request(
        dialect=dialect,
        operation=operation,
        model=model,
        stream=bool(body.get("stream")),
        body=json.dumps(body).encode(),
        parsed=parsed(body),
        needs=frozenset(needs),
    )
    made.strategy, made.is_load = strategy, is_load
    return made


def key(body=CHAT, *, always=False, tenant=b"", **more):
    return key_of(request(body, **more), always=always, tenant=tenant)


@pytest.mark.parametrize(
    "more",
    [
        {"stream": True, "stream_options": {"include_usage": True}},
        {"user": "ana"},
        {"metadata": {"a": "b"}},
        {"keep_alive": "5m"},
        {"store": True},
    ],
)
def test_what_changes_no_answer_is_no_part_of_the_key(more):
    assert key(CHAT | more) == key()


@given(data=st.data(), name=st.text(max_size=8), value=VALUES)
def test_anything_else_in_the_body_is(data, name, value):
    assume(name not in {*CHAT, "stream", "stream_options", "user", "metadata", "store", "keep_alive"})
    assume(name not in {"safety_identifier", "prompt_cache_key"})
    assert key(CHAT | {name: value}) != key()
    changed = data.draw(VALUES)
    assume(json.dumps(changed, sort_keys=True) != json.dumps(value, sort_keys=True))
    assert key(CHAT | {name: changed}) != key(CHAT | {name: value})


def shuffled(value, order):
    if isinstance(value, dict):
        names = list(value)
        order.shuffle(names)
        return {name: shuffled(value[name], order) for name in names}
    return [shuffled(each, order) for each in value] if isinstance(value, list) else value


@given(more=st.dictionaries(st.text(max_size=4), VALUES, max_size=4), order=st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(more, order):
    body = {**more, **CHAT}
    assert key(shuffled(body, order)) == key(body)


@given(first=st.integers(0, 4), second=st.integers(0, 4))
def test_the_order_of_messages_does(first, second):
    turns = [{"role": "user", "content": str(number)} for number in range(5)]
    moved = list(turns)
    moved[first], moved[second] = moved[second], moved[first]
    assert (key(CHAT | {"messages": moved}) == key(CHAT | {"messages": turns})) == (first == second)


@pytest.mark.parametrize(
    "other",
    [
        {"dialect": "ollama"},
        {"operation": "respond"},
        {"model": "another"},
        {"strategy": "round_robin"},
        {"tenant": b"another client"},
    ],
)
def test_who_asks_whom_is_part_of_the_key(other):
    assert key(**other) != key()


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        ({"temperature": 0}, True),
        ({"temperature": 0.0}, True),
        ({"seed": 0}, True),
        ({"options": {"temperature": 0}}, True),
        ({"options": {"seed": 7}}, True),
        ({}, False),
        ({"temperature": 0.7}, False),
        ({"temperature": None, "seed": None}, False),
        ({"options": None}, False),
        ({"options": {"top_k": 3}}, False),
        ({"seed": -1}, False),
        ({"options": {"seed": -1, "temperature": 0.8}}, False),
        ({"seed": -1, "temperature": 0}, True),
    ],
)
def test_temperature_0_or_a_seed_makes_it_deterministic(body, is_one):
    assert is_deterministic(parsed(body)) is is_one
    assert (key(body) is not None) is is_one
    assert key(body, always=True) is not None


@pytest.mark.parametrize(
    "odd",
    [b'"\\ud800"', b"1e999", b'"\xff"', b"[" * 5_000 + b"]" * 5_000, b"9" * 5_000],
    ids=["half a character", "too large", "no UTF-8", "too deep", "too long"],
)
def test_a_body_that_cannot_be_spelled_again_has_no_key(odd):
    asked = request()
    asked.body = asked.body[:-1] + b', "unknown": ' + odd + b"}"
    assert key_of(asked, always=False) is None


@pytest.mark.parametrize(
    ("dialect", "operation", "path", "said"),
    [
        (OpenAI(lambda: 1.0), "chat", "messages", {"seed": 3}),
        (OpenAI(lambda: 1.0), "respond", "input", {"temperature": 0}),
        (Ollama(lambda: 1.0), "chat", "messages", {"options": {"seed": 3}}),
        (Ollama(lambda: 1.0), "generate", "prompt", {"options": {"temperature": 0}}),
        (Anthropic(lambda: 1.0), "chat", "messages", {"temperature": 0, "max_tokens": 5}),
    ],
)
def test_each_dialects_own_words_for_it_are_known(dialect, operation, path, said):
    what = CHAT["messages"] if path == "messages" else "Why?"
    body = {"model": "m", path: what, "max_tokens": 5} if said.get("max_tokens") else {"model": "m", path: what}
    assert not is_deterministic(dialect.read(operation, json.dumps(body).encode()).parsed)
    assert is_deterministic(dialect.read(operation, json.dumps(body | said).encode()).parsed)


def test_embeddings_always_are():
    body = {"model": "m", "input": "a"}
    assert may_be_kept(request(body, operation="embed", needs={"embeddings"}), always=False)
    assert key(body, operation="embed", needs={"embeddings"}) is not None


@pytest.mark.parametrize("need", ["raw_prompt", "legacy_completion", "logprobs", "image_urls", "audio"])
def test_what_a_normalised_answer_would_lose_is_never_kept(need):
    assert not may_be_kept(request(needs={"chat", need}), always=True)


def test_a_load_and_a_request_left_to_chance_are_not_kept():
    assert not may_be_kept(request(is_load=True), always=True)
    assert not may_be_kept(request({"model": "m", "messages": []}), always=False)


@pytest.mark.parametrize(
    ("value", "control"),
    [
        ("no-store", Control(no_store=True)),
        ("No-Cache , foo=bar", Control(no_cache=True)),
        ("only-if-cached", Control(only_if_cached=True)),
        ("max-age=90", Control(max_age_s=90.0)),
        ('max-age="10m"', Control(max_age_s=600.0)),
        ("max-age=soon", Control(max_age_s=0.0)),
        ("max-stale", Control()),
        ("", Control()),
    ],
)
def test_the_header_is_read(value, control):
    assert read_control(value) == control


@given(st.text())
def test_no_header_breaks_it(value):
    read_control(value)
