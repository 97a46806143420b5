"""What each service of the OpenAI dialect is sent and tells, by the data of its preset alone."""

import json

import msgspec
import pytest

from cortex.chat import Chat, Message, Sampling, Text, Tool, ToolCall
from cortex.config.presets import PRESETS
from cortex.messages import Allowance
from cortex.providers.openai import OpenAI
from cortex.providers.openai_switches import Switches

OPENAI_LIKE = [name for name, preset in PRESETS.items() if preset.speaks == "openai"]
USER = {"role": "user", "content": "Hi"}
CALL = ToolCall("call_1", "f", "{}")


def provider(name):
    return OpenAI(name=name, switches=msgspec.convert(PRESETS[name].switches, Switches))


@pytest.fixture(scope="session")
def sent(asked):
    """Return what a client's own body, or a chat, becomes on the wire to a service."""

    def encode(name, given, *, stream=False):
        if isinstance(given, Chat):
            return json.loads(provider(name).encode(asked("ollama", stream=given.stream), given, "up/m").body)
        body = json.dumps({"model": "m", "messages": [USER]} | given).encode()
        return json.loads(provider(name).encode(asked("openai", body, stream=stream), None, "up/m").body)

    return encode


@pytest.mark.parametrize("name", OPENAI_LIKE)
def test_plain_chat_reaches_each_service_as_it_is(name, sent):
    said = sent(name, {"temperature": 0.5, "top_p": 0.9, "stop": ["x"]})

    assert said.pop("max_tokens", None) in {None, 2048}
    assert said == {"model": "up/m", "messages": [USER], "temperature": 0.5, "top_p": 0.9, "stop": ["x"]}


@pytest.mark.parametrize("name", OPENAI_LIKE)
def test_bound_and_tools_reach_each_service(name, sent):
    tools = Chat(messages=(Message("user", (Text("Hi"),)),), tools=(Tool("f"),), max_tokens=7)

    said = sent(name, tools)

    assert said["tools"][0]["function"]["name"] == "f"
    assert [said[field] for field in said if field.startswith("max_")] == [7]


@pytest.mark.parametrize("name", OPENAI_LIKE)
def test_what_a_service_has_not_does_not_pass_and_is_lacking(name, asked):
    service, switches = provider(name), PRESETS[name].switches

    assert service.passes(asked("openai", operation="complete")) is switches.get("completions", True)
    assert service.passes(asked("openai", operation="embed")) is switches.get("embeddings", True)
    assert ("legacy_completion" in service.lacks) is not switches.get("completions", True)
    assert ("embeddings" in service.lacks) is not switches.get("embeddings", True)


@pytest.mark.parametrize("name", ["openai-compatible", "lmstudio", "llamacpp"])
def test_own_server_gets_the_very_bytes(name, asked):
    body = b'{ "model": "m", "messages": [ {"role":"user","content":"H\\u0069"} ] }'

    assert provider(name).encode(asked("openai", body, stream=False), None, "m").body is body


def test_openai_gets_the_role_and_the_bound_that_its_newer_models_want(sent):
    messages = [{"role": "developer", "content": "x"}]

    said = sent("openai", {"messages": messages, "max_tokens": 5})

    assert said == {"model": "up/m", "messages": messages, "max_completion_tokens": 5}
    assert {"top_k", "local_sampling"} <= provider("openai").lacks


def test_mistral_is_spoken_to_in_its_own_words(sent):
    chat = Chat(
        messages=(
            Message("assistant", reasoning="hm", tool_calls=(CALL,)),
            Message("tool", (Text("y"),), tool_call_id="call_1"),
        ),
        tools=(Tool("f"),),
        tool_choice="required",
        sampling=Sampling(seed=1),
        stream=True,
    )

    said = sent("mistral", chat)

    assert (said["random_seed"], said["tool_choice"]) == (1, "any")
    assert "stream_options" not in said
    assert said["messages"][0]["tool_calls"][0]["id"] == said["messages"][1]["tool_call_id"]
    assert len(said["messages"][1]["tool_call_id"]) == 9
    assert "reasoning" not in said["messages"][0]


@pytest.mark.parametrize("field", ["user", "store", "service_tier"])
def test_mistral_gets_no_field_that_it_does_not_know(field, sent):
    assert sent("mistral", {field: "x"}) == sent("mistral", {})


def test_cloudflare_is_asked_for_more_than_its_256_tokens_where_the_client_said_nothing(sent):
    assert sent("cloudflare", {})["max_tokens"] == 2048
    assert sent("cloudflare", {"max_tokens": 9})["max_tokens"] == 9
    assert sent("cloudflare", {"max_completion_tokens": 9})["max_tokens"] == 9
    assert provider("cloudflare").probes() == {}


@pytest.mark.parametrize(
    ("given_fields", "fields"),
    [
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"reasoning_effort": "none", "thinking": {"type": "enabled"}}, {"thinking": {"type": "enabled"}}),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "high"}),
        ({}, {}),
    ],
)
def test_deepseek_is_told_not_to_think_in_a_field_of_its_own(given_fields, fields, sent):
    said = sent("deepseek", given_fields)

    assert {name: said[name] for name in ("reasoning_effort", "thinking") if name in said} == fields


@pytest.mark.parametrize(
    ("name", "field"), [("deepseek", "reasoning_content"), ("openrouter", "reasoning"), ("vllm", "reasoning")]
)
@pytest.mark.parametrize("sent_as", ["reasoning", "reasoning_content"])
def test_earlier_thinking_goes_back_under_the_name_of_the_service(name, field, sent_as, sent):
    said = sent(name, {"messages": [{"role": "assistant", "content": "x", sent_as: "hm"}]})

    assert said["messages"] == [{"role": "assistant", "content": "x", field: "hm"}]


@pytest.mark.parametrize("name", ["openrouter", "openrouter-free", "together", "vllm"])
def test_repeat_penalty_has_the_name_of_the_service(name, sent):
    chat = Chat(messages=(Message("user", (Text("Hi"),)),), sampling=Sampling(repeat_penalty=1.1))

    assert sent(name, chat)["repetition_penalty"] == 1.1


def listing(*names):
    return {"models": json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()}


def test_free_openrouter_worker_has_only_what_costs_nothing():
    listed = listing("x/big", "x/small:free", "openrouter/free", "openrouter/auto")

    assert [model.name for model in provider("openrouter-free").findings(listed).models] == [
        "x/small:free",
        "openrouter/free",
    ]
    assert len(provider("openrouter").findings(listed).models) == 4


def test_models_for_other_things_than_text_are_no_models_here():
    listed = listing("gpt-6-luna", "whisper-1", "tts-1", "gpt-image-2", "omni-moderation-latest", "gpt-realtime")

    assert [model.name for model in provider("openai").findings(listed).models] == ["gpt-6-luna"]


def test_model_of_embeddings_is_known_by_its_name():
    found = provider("mistral").findings(listing("mistral-embed", "mistral-small-latest")).models

    assert [model.capabilities for model in found] == [frozenset({"embedding"}), None]


def test_cerebras_tells_of_its_day_and_its_minute():
    headers = {
        "x-ratelimit-limit-requests-day": "14400",
        "x-ratelimit-remaining-requests-day": "14399",
        "x-ratelimit-reset-requests-day": "33011.5",
        "x-ratelimit-limit-tokens-minute": "30000",
        "x-ratelimit-remaining-tokens-minute": "29000",
        "x-ratelimit-reset-tokens-minute": "11.5",
    }

    assert provider("cerebras").allowances(headers) == (
        Allowance("requests", "day", 14400, 14399, 33011.5),
        Allowance("tokens", "minute", 30000, 29000, 11.5),
    )


@pytest.mark.parametrize("name", OPENAI_LIKE)
def test_answer_without_such_headers_says_nothing_of_the_quota(name):
    assert provider(name).allowances({"content-type": "application/json"}) == ()


def test_stream_of_deepseek_and_openrouter_may_begin_with_comments(asked, fed):
    """They say that they are at work before the answer begins, with comments or with blank lines."""
    chunk = b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    begin = b": keep-alive\n\n: OPENROUTER PROCESSING\n\n\n\n"

    passage = provider("deepseek").passage(asked("openai"))

    assert fed(passage, [begin, chunk, b"data: [DONE]\n\n"]).endswith(chunk + b"data: [DONE]\n\n")
    assert passage.failure is None


def test_error_of_openrouter_inside_a_200_is_an_error(asked):
    body = json.dumps(
        {"error": {"code": 429, "message": "Provider returned error", "metadata": {"provider_name": "X", "raw": "r"}}}
    ).encode()

    failure = provider("openrouter").whole(asked("openai"), body)

    assert (failure.word, failure.scope, failure.status) == ("busy", "model", 429)
