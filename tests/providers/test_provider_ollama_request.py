"""What is sent to Ollama."""

import json

import pytest

from cortex.chat import Chat, Image, JsonSchema, Message, RawPrompt, Sampling, Text, Tool, ToolCall
from cortex.providers.ollama import Ollama

USER = Message("user", (Text("Hi"),))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.fixture(scope="session")
def sent(asked):
    """Return the path and the body that a chat, or a client's own body, becomes on the wire."""

    def encode(given, provider=None, **request):
        provider = provider or Ollama()
        if isinstance(given, Chat):
            wire = provider.encode(asked("openai", stream=given.stream), given, "qwen3:4b")
        else:
            body = given if isinstance(given, bytes) else json.dumps(given).encode()
            wire = provider.encode(asked("ollama", body, **request), None, "qwen3:4b")
        return wire.path, json.loads(wire.body)

    return encode


def chat(*messages, **given):
    return Chat(messages=messages or (USER,), **given)


def test_plain_chat_is_written_in_the_fewest_words(sent):
    """`stream` is always written, since Ollama streams where it is absent."""
    assert sent(chat()) == (
        "/api/chat",
        {"model": "qwen3:4b", "stream": False, "messages": [{"role": "user", "content": "Hi"}]},
    )


def test_every_part_of_a_chat_is_written(sent):
    full = chat(
        stream=True,
        tools=(Tool("weather", "Tells it", SCHEMA, strict=True), Tool("clock")),
        max_tokens=5,
        sampling=Sampling(0.0, 0.9, 40, 0.1, 7, 0.2, 0.3, 1.1),
        stop=("a",),
        response_format=JsonSchema(SCHEMA),
        reasoning="high",
        logprobs=True,
        top_logprobs=3,
        options={"num_ctx": 4096, "typical_p": 0.5},
    )

    assert sent(full)[1] == {
        "model": "qwen3:4b",
        "stream": True,
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [
            {"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": SCHEMA}},
            {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
        ],
        "format": SCHEMA,
        "think": "high",
        "logprobs": True,
        "top_logprobs": 3,
        "options": {
            "num_ctx": 4096,
            "typical_p": 0.5,
            "temperature": 0.0,
            "top_p": 0.9,
            "top_k": 40,
            "min_p": 0.1,
            "seed": 7,
            "presence_penalty": 0.2,
            "frequency_penalty": 0.3,
            "repeat_penalty": 1.1,
            "num_predict": 5,
            "stop": ["a"],
        },
    }


def test_messages_of_a_tool_turn_are_written(sent):
    turns = chat(
        Message("system", (Text("Be kind"), Text("and short"))),
        Message("user", (Text("Look"), Image("image/jpeg", "QUJD"))),
        Message("assistant", reasoning="hm", tool_calls=(ToolCall("call_1", "weather", '{"city":"Köln"}'),)),
        Message("tool", (Text("rain"),), tool_call_id="call_1"),
        Message("assistant", tool_calls=(ToolCall("call_2", "clock", ""), ToolCall("call_3", "shell", "ls"))),
        Message("tool", (Text("12"),), tool_call_id="call_2", name="clock"),
    )

    assert sent(turns)[1]["messages"] == [
        {"role": "system", "content": "Be kind\nand short"},
        {"role": "user", "content": "Look", "images": ["QUJD"]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [{"id": "call_1", "function": {"name": "weather", "arguments": {"city": "Köln"}}}],
        },
        {"role": "tool", "content": "rain", "tool_name": "weather", "tool_call_id": "call_1"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "call_2", "function": {"name": "clock", "arguments": {}}},
                {"id": "call_3", "function": {"name": "shell", "arguments": {"input": "ls"}}},
            ],
        },
        {"role": "tool", "content": "12", "tool_name": "clock", "tool_call_id": "call_2"},
    ]


@pytest.mark.parametrize(
    ("effort", "think"),
    [
        ("none", False),
        ("on", True),
        ("minimal", "low"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "max"),
        ("max", "max"),
    ],
)
def test_effort_becomes_a_level(effort, think, sent):
    assert sent(chat(reasoning=effort))[1]["think"] == think


def test_thinking_is_left_to_the_model_where_the_client_did_not_say(sent):
    assert "think" not in sent(chat())[1]


def test_json_without_a_schema_is_the_word(sent):
    assert sent(chat(response_format="json"))[1]["format"] == "json"


def test_tools_that_may_not_be_called_are_left_out(sent):
    """Ollama has no `tool_choice`; never forward one (LiteLLM removes it, since requests hung)."""
    body = sent(chat(tools=(Tool("t"),), tool_choice="none"))[1]

    assert "tools" not in body
    assert "tool_choice" not in body


def test_bare_prompt_goes_to_generate(sent):
    bare = Chat(
        messages=(Message("system", (Text("Be kind"),)), Message("user", (Image("image/png", "QUJD"),))),
        raw_prompt=RawPrompt("def f(", suffix="return", template="{{ .Prompt }}", context=(1, 2)),
        max_tokens=3,
    )

    assert sent(bare) == (
        "/api/generate",
        {
            "model": "qwen3:4b",
            "stream": False,
            "prompt": "def f(",
            "suffix": "return",
            "template": "{{ .Prompt }}",
            "context": [1, 2],
            "system": "Be kind",
            "images": ["QUJD"],
            "options": {"num_predict": 3},
        },
    )


def test_raw_prompt_has_nothing_beside_it(sent):
    assert sent(Chat(messages=(), raw_prompt=RawPrompt("x", raw=True)))[1] == {
        "model": "qwen3:4b",
        "stream": False,
        "prompt": "x",
        "raw": True,
    }


def test_own_dialect_goes_on_byte_for_byte(asked):
    body = b'{ "model": "m", "messages": [ {"role":"user", "content":"H\\u0069"} ], "options": {"num_ctx": 2048} }'

    assert Ollama().encode(asked("ollama", body), None, "m").body is body


def test_own_dialect_changes_only_the_name_of_the_model(asked):
    body = b'{"model":"fast","messages":[ {"role":"user", "content":"H\\u0069"} ],"options":{"temperature":0.10}}'
    wire = Ollama().encode(asked("ollama", body), None, "m")

    assert (wire.path, wire.body) == ("/api/chat", body.replace(b"fast", b"m"))


def test_generate_stays_generate(sent):
    assert sent({"model": "m", "prompt": "x"}, operation="generate") == (
        "/api/generate",
        {"model": "qwen3:4b", "prompt": "x"},
    )


@pytest.mark.parametrize(
    ("given_options", "options"),
    [
        ({}, {"num_ctx": 8192}),
        ({"options": None}, {"num_ctx": 8192}),
        ({"options": {"num_ctx": 2048, "seed": 1}}, {"num_ctx": 8192, "seed": 1}),
    ],
)
def test_workers_num_ctx_is_in_every_request(given_options, options, sent):
    provider = Ollama(num_ctx=8192)

    assert sent({"model": "m", **given_options}, provider)[1]["options"] == options
    assert sent(chat(options={"num_ctx": 1}), provider)[1]["options"] == {"num_ctx": 8192}


@pytest.mark.parametrize("theirs", [0, "5m", None, "x"])
def test_workers_keep_alive_wins(theirs, sent):
    provider = Ollama(keep_alive="10m")

    assert sent({"model": "m", "keep_alive": theirs}, provider)[1]["keep_alive"] == "10m"
    assert sent(chat(), provider)[1]["keep_alive"] == "10m"


@pytest.mark.parametrize("theirs", [300, 0.5, -1, "5m", "1h30m", "300ms", "-1m"])
def test_clients_keep_alive_is_kept_where_the_worker_has_none(theirs, sent):
    assert sent({"model": "m", "keep_alive": theirs})[1]["keep_alive"] == theirs


@pytest.mark.parametrize("theirs", [0, 0.0, "0", "0s", "0m0s", "300", "-300", "1.5", "", "soon", True, None, [], {}])
def test_keep_alive_that_unloads_or_does_not_parse_is_left_out(theirs, sent):
    assert "keep_alive" not in sent({"model": "m", "keep_alive": theirs})[1]
