"""Whole answers, probes, and what the Ollama provider is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Finish, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.base import Findings, Provider
from cortex.providers.ollama import Ollama, normal_name

OLLAMA = Ollama()


def test_it_is_a_provider():
    provider: Provider = OLLAMA

    assert (provider.name, provider.dialect) == ("ollama", "ollama")
    assert provider.normal_name("A") == "a:latest"


def test_whole_answer_is_read_and_let_through(recorded, asked):
    body = recorded("ollama/whole.json")

    text, finish, usage = OLLAMA.decode(asked("openai"), body)
    whole = OLLAMA.whole(asked("ollama"), body)

    assert (text, finish) == (TextDelta("Hello"), Finish("stop"))
    assert (whole.body, whole.usage) == (body, usage)
    assert (usage.input_tokens, usage.output_tokens) == (26, 2)
    assert usage.load_s == pytest.approx(0.051234567)


def test_whole_answer_with_tool_calls_is_read(recorded, asked):
    first, second, finish, _ = OLLAMA.decode(asked("openai"), recorded("ollama/whole_tools.json"))

    assert first == ToolCall("call_1", "weather", '{"city":"Köln"}')
    assert (second.name, finish) == ("clock", Finish("tool_calls"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"message":{"role":"assistant","content":""},"done":true}',
        b'{"response":"","done":true,"done_reason":"load"}',
        b'{"message":{"content":"","thinking":"hm"},"done":true,"done_reason":"length"}',
        b'{"message":{"content":"a"},"done":true,"error":null}',
    ],
)
def test_unusual_answer_is_an_answer(body, asked):
    assert OLLAMA.whole(asked("ollama"), body).usage == Usage()
    assert isinstance(OLLAMA.decode(asked("openai"), body), list)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (b"[]", "malformed"),
        (b'{"x":' + b"[" * 100_000, "malformed"),
        (b"{}", "malformed"),
        (b'{"done":true}', "malformed"),
        (b'{"message":{"content":"Hel"},"done":false}', "malformed"),
        (b'{"message":{"content":"Hel"}}', "malformed"),
        (b'{"error":"server busy, please try again."}', "busy"),
        (b'{"error":"x","done":"odd"}', "server_error"),
        (b'{"error":"unauthorized","status":401,"signin_url":"https://x"}', "unauthorized"),
    ],
)
def test_what_is_no_answer_is_a_failure(body, word, asked):
    whole = OLLAMA.whole(asked("ollama"), body)

    assert isinstance(whole, Failure)
    assert whole.word == word
    assert OLLAMA.decode(asked("openai"), body) == whole


def test_call_without_a_name_in_a_whole_answer_is_malformed(asked):
    body = b'{"message":{"tool_calls":[{"function":{"arguments":{}}}]},"done":true}'

    assert OLLAMA.decode(asked("openai"), body).word == "malformed"


def test_probes_ask_for_nothing_that_costs():
    assert OLLAMA.probes() == {"version": "/api/version", "tags": "/api/tags", "ps": "/api/ps"}


def test_findings_join_what_there_is_with_what_is_loaded(recorded):
    found = OLLAMA.findings({name: recorded(f"ollama/{name}.json") for name in ("version", "tags", "ps")})
    cold, warm = found.models

    assert found.version == "0.33.0"
    assert (cold.name, cold.loaded, cold.digest, cold.context_length) == ("llama3.2:latest", False, "a80c4f17acd5", 0)
    assert cold.capabilities == {"completion", "tools"}
    assert cold.size_bytes == 2019393189
    assert cold.raw["details"]["parameter_size"] == "3.2B"
    assert (warm.name, warm.loaded, warm.digest, warm.context_length) == ("Qwen3:4B", True, "beef", 4096)
    assert (warm.vram_bytes, warm.expires_at) == (5137025024, "2026-11-24T10:05:00.123456789Z")
    assert warm.capabilities is None


def test_without_ps_nobody_says_what_is_loaded(recorded):
    found = OLLAMA.findings({"tags": recorded("ollama/tags.json")})

    assert [(model.loaded, model.context_length) for model in found.models] == [(None, 0), (None, 40_960)]


def test_without_tags_the_configured_models_stand(recorded):
    assert OLLAMA.findings({"version": recorded("ollama/version.json")}) == Findings(version="0.33.0")


@pytest.mark.parametrize("body", [b'{"models":[]}', b'{"models":null}'])
def test_empty_list_is_an_empty_list(body):
    assert OLLAMA.findings({"tags": body}) == Findings(models=())


@pytest.mark.parametrize("probe", ["version", "tags", "ps"])
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"3"])
def test_probe_that_cannot_be_read_is_a_failure(probe, body):
    assert OLLAMA.findings({probe: body}).word == "malformed"


def test_warming_loads_and_generates_nothing():
    wire = Ollama(num_ctx=8192, keep_alive="10m").warm("m")

    assert wire.path == "/api/generate"
    assert json.loads(wire.body) == {"model": "m", "options": {"num_ctx": 8192}, "keep_alive": "10m"}


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("llama3.2", "llama3.2:latest"),
        ("LLaMA3.2:Latest", "llama3.2:latest"),
        ("library/qwen3:4b", "qwen3:4b"),
        ("registry.ollama.ai/library/qwen3", "qwen3:latest"),
        ("hf.co/Org/Model", "hf.co/org/model:latest"),
        ("localhost:5000/ns/m", "localhost:5000/ns/m:latest"),
        ("", ""),
    ],
)
def test_name_has_one_spelling(name, normal):
    assert normal_name(name) == normal


@given(st.text("aB/:.-_", max_size=12))
def test_normal_name_is_its_own_normal_name(name):
    assert normal_name(normal_name(name)) == normal_name(name)
