"""Whatever one value of a rich body is replaced by, it is read and translated, or refused as a 400 in few words."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.ollama import Ollama
from cortex.endpoint.openai import OpenAI

PARAMETERS = {"type": "object", "properties": {"a": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": PARAMETERS, "strict": True}}
OPENAI_BODY = {
    "model": "m",
    "messages": [
        {"role": "developer", "content": "d"},
        {"role": "user", "name": "n", "content": [{"type": "text", "text": "t"}]},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/a.png", "detail": "low"}}]},
        {
            "role": "assistant",
            "content": None,
            "reasoning": "r",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "x"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "x"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "tools": [TOOL],
    "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOL]}},
    "functions": [TOOL["function"]],
    "function_call": {"name": "f"},
    "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": PARAMETERS}},
    "logit_bias": {"1": 5},
    "stop": ["a"],
    "modalities": ["text"],
    "metadata": {"a": "b"},
}
OPTIONS = {"temperature": 0.5, "stop": ["a"], "num_ctx": 4096, "mirostat": 1, "use_mmap": True, "seed": 1, "top_k": 5}
COMMON = {"model": "m", "stream": False, "format": PARAMETERS, "options": OPTIONS, "keep_alive": "5m", "think": "low"}
CHAT_BODY = COMMON | {
    "messages": [
        {"role": "user", "content": "c", "images": ["iVBORw0KGgo="]},
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "tool_name": "f", "tool_call_id": "c", "content": "x"},
    ],
    "tools": [TOOL],
}
GENERATE_BODY = COMMON | {
    "prompt": "p",
    "system": "s",
    "suffix": "x",
    "template": "t",
    "context": [1],
    "images": ["iVBO"],
}
BODIES = [(OpenAI, "chat", OPENAI_BODY), (Ollama, "chat", CHAT_BODY), (Ollama, "generate", GENERATE_BODY)]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
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
    dialect, operation, body = draw(st.sampled_from(BODIES))
    body = copy.deepcopy(body)
    *way, last = draw(st.sampled_from(places(body)))
    inner = body
    for key in way:
        inner = inner[key]
    inner[last] = draw(values)
    return dialect(lambda: 0.0), operation, json.dumps(body).encode()


@pytest.mark.parametrize(("dialect", "operation", "body"), BODIES)
def test_the_bodies_that_are_changed_are_good(dialect, operation, body):
    made = dialect(lambda: 0.0)

    assert made.neutral(made.read(operation, json.dumps(body).encode())).messages


@settings(deadline=None, max_examples=500)
@given(mutation=mutations())
def test_a_changed_value_is_read_or_refused(mutation):
    dialect, operation, body = mutation
    refused = None
    try:
        dialect.neutral(dialect.read(operation, body))
    except BadRequest as refusal:
        refused = refusal.problem

    assert refused is None or (refused.status == 400 and refused.code and len(refused.message) < 300)
