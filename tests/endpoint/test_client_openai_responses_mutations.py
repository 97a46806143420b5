"""Whatever one value of a rich body beyond chats is replaced by, it is read and translated, or refused in few words."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_client_mutations import PARAMETERS, places, values

from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.ollama import Ollama
from cortex.endpoint.openai import OpenAI

TOOL = {"type": "function", "name": "f", "description": "d", "parameters": PARAMETERS, "strict": True}
RESPONSES_BODY = {
    "model": "m",
    "instructions": "i",
    "input": [
        {"role": "developer", "content": "d"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "t"}]},
        {"role": "user", "content": [{"type": "input_image", "image_url": "http://x/a.png", "detail": "low"}]},
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "r"}]},
        {"role": "assistant", "content": [{"type": "output_text", "text": "o"}, {"type": "refusal", "refusal": "n"}]},
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "t"}]},
    ],
    "include": ["message.output_text.logprobs"],
    "top_logprobs": 2,
    "tools": [TOOL],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    "text": {"format": {"type": "json_schema", "name": "s", "schema": PARAMETERS}, "verbosity": "low"},
    "reasoning": {"effort": "low", "summary": "auto"},
    "metadata": {"a": "b"},
    "stream": True,
    "previous_response_id": None,
}
COMPLETION_BODY = {
    "model": "m",
    "prompt": ["p"],
    "suffix": "s",
    "stream_options": {"include_usage": True},
    "stop": ["a"],
    "logit_bias": {"1": 5},
    "best_of": 1,
    "top_k": 5,
}
EMBEDDING_BODY = {
    "model": "m",
    "input": [[1, 2], [3]],
    "dimensions": 64,
    "encoding_format": "base64",
    "input_type": "query",
}
EMBED_BODY = {
    "model": "m",
    "input": ["a"],
    "truncate": True,
    "keep_alive": "5m",
    "options": {"num_ctx": 4096, "stop": ["a"]},
}
BODIES = [
    (OpenAI, "respond", RESPONSES_BODY),
    (OpenAI, "complete", COMPLETION_BODY),
    (OpenAI, "embed", EMBEDDING_BODY),
    (Ollama, "embed", EMBED_BODY),
    (Ollama, "embed_one", {"model": "m", "prompt": "a", "keep_alive": 5}),
]


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
    request = made.read(operation, json.dumps(body).encode())

    assert made.neutral(request) is not None


@settings(deadline=None, max_examples=600)
@given(mutation=mutations())
def test_a_changed_value_is_read_or_refused(mutation):
    dialect, operation, body = mutation
    refused = None
    try:
        dialect.neutral(dialect.read(operation, body))
    except BadRequest as refusal:
        refused = refusal.problem

    assert refused is None or (refused.status == 400 and refused.code and len(refused.message) < 300)


@settings(deadline=None, max_examples=300)
@given(mutation=mutations())
def test_what_is_read_can_be_answered(mutation):
    dialect, operation, body = mutation
    try:
        request = dialect.read(operation, body)
    except BadRequest:
        return
    if operation in {"respond", "complete"}:
        renderer = dialect.renderer(request, "m")

        assert json.loads(dialect.answer(request, "m", []))["object"] in {"response", "text_completion"}
        assert renderer.close()
