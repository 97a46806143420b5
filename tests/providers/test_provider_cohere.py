"""Whole answers, embeddings, probes, and what the Cohere provider is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Embed, Finish, ReasoningDelta, TextDelta, ToolCall, Usage, Vectors
from cortex.messages import Failure
from cortex.providers.base import Findings, Provider
from cortex.providers.cohere import Cohere
from cortex.providers.cohere_embedding import MAX_TEXTS

COHERE = Cohere()
USED = Usage(71, 4, 8)
SPOKEN = frozenset({"chat", "documents", "json_schema"})


def test_it_is_a_provider(asked):
    provider: Provider = COHERE

    assert (provider.name, provider.dialect, provider.key_header) == ("cohere", "", ("Authorization", "Bearer "))
    assert provider.normal_name("Command-A") == "Command-A"
    assert not provider.passes(asked("openai"))
    assert provider.warm("command-a-03-2025") is None
    assert provider.allowances({"x-ratelimit-remaining": "1"}) == ()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("whole", [TextDelta("Hi"), Finish("stop"), Usage(71, 4)]),
        ("whole_thinking", [ReasoningDelta("hm"), TextDelta("Yes"), Finish("stop"), USED]),
        (
            "whole_tools",
            [
                ReasoningDelta("I will look."),
                ToolCall("clock_1", "clock", "{}"),
                ToolCall("weather_2", "get-weather", '{"city":"Köln"}'),
                Finish("tool_calls"),
                USED,
            ],
        ),
    ],
)
def test_whole_answer_is_read(name, said, recorded, asked):
    assert COHERE.decode(asked("openai"), recorded(f"cohere/{name}.json")) == said


def test_counts_are_whole_numbers(recorded, asked):
    usage = COHERE.decode(asked("openai"), recorded("cohere/whole_thinking.json"))[-1]

    assert {type(count) for count in (usage.input_tokens, usage.output_tokens, usage.cached_tokens)} == {int}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (b'{"x":' + b"[" * 100_000, "malformed"),
        (b'{"finish_reason":"COMPLETE"}', "malformed"),
        (b'{"message":{"content":[{"type":"text","text":"Hi"}]}}', "malformed"),
        (b'{"message":{"content":5},"finish_reason":"COMPLETE"}', "malformed"),
        (b'{"message":{},"finish_reason":"TOOL_CALL"}', "malformed"),
        (
            b'{"message":{"tool_calls":[{"function":{"name":"a","arguments":"["}}]},"finish_reason":"TOOL_CALL"}',
            "malformed",
        ),
        (b'{"message":"the engine died"}', "server_error"),
        (b'{"finish_reason":"ERROR"}', "server_error"),
        (b'{"message":{},"finish_reason":"TIMEOUT"}', "timeout"),
    ],
)
def test_what_is_no_answer_is_a_failure(body, word, asked):
    failure = COHERE.decode(asked("openai"), body)

    assert isinstance(failure, Failure)
    assert failure.word == word


@pytest.mark.parametrize(
    "message", [{}, {"content": None}, {"content": []}, {"content": [{"type": "text", "text": ""}]}]
)
def test_empty_answer_is_an_answer(message, asked):
    body = json.dumps({"message": message, "finish_reason": "COMPLETE"}).encode()

    assert COHERE.decode(asked("openai"), body) == [Finish("stop")]


def test_call_cut_by_the_length_is_no_call(recorded, asked):
    body = recorded("cohere/whole_tools.json").replace(b'ln\\"}', b"").replace(b"TOOL_CALL", b"MAX_TOKENS")

    assert COHERE.decode(asked("openai"), body)[1:3] == [ToolCall("clock_1", "clock", "{}"), Finish("length")]


@pytest.mark.parametrize("arguments", [None, "", {}, "null", "{}"])
def test_call_without_arguments_has_an_empty_object(arguments, asked):
    call = {"id": "1", "function": {"name": "a", "arguments": arguments}}
    body = json.dumps({"message": {"tool_calls": [call]}, "finish_reason": "TOOL_CALL"}).encode()

    assert COHERE.decode(asked("openai"), body) == [ToolCall("1", "a", "{}"), Finish("tool_calls")]


def test_arguments_that_are_an_object_are_read(asked):
    body = (
        b'{"message":{"tool_calls":{"id":"1","function":{"name":"a","arguments":{"x":1}}}},"finish_reason":"COMPLETE"}'
    )

    assert COHERE.decode(asked("openai"), body) == [ToolCall("1", "a", '{"x":1}'), Finish("tool_calls")]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ('{"a":1}', '{"a":1}'),
        (' {"a":1}\n', '{"a":1}'),
        ('```json\n{"a":1}\n```', '{"a":1}'),
        ('```\n{"a":1}```', '{"a":1}'),
        ("Hi", None),
        ("", None),
        ("null", None),
        ("[1]", None),
        ('Here: {"a":1}', None),
        ('{"a":1', None),
        ("```json\n```", None),
    ],
)
def test_answer_beside_documents_that_must_be_json_is_checked(text, given, asked):
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": text}]
    body = json.dumps({"message": {"content": content}, "finish_reason": "COMPLETE"}).encode()

    answer = COHERE.decode(asked("openai", needs=SPOKEN), body)

    if given is None:
        assert answer.word == "unsupported"
    else:
        assert answer == [ReasoningDelta("hm"), TextDelta(given), Finish("stop")]


def test_answer_that_must_be_json_and_was_cut_says_so(asked):
    body = b'{"message":{"content":[{"text":"{\\"a\\""}]},"finish_reason":"MAX_TOKENS"}'

    assert COHERE.decode(asked("openai", needs=SPOKEN), body) == [TextDelta('{"a"'), Finish("length")]


def test_failure_of_an_answer_that_must_be_json_stays_what_it_is(asked):
    assert COHERE.decode(asked("openai", needs=SPOKEN), b'{"message":"died"}') == Failure("server_error", "died")


@pytest.fixture(scope="session")
def embedded(asked):
    """Return the bodies that an Embed becomes on the wire."""

    def encode(**given):
        wire = COHERE.encode(asked("openai", operation="embed", stream=False), Embed(**given), "embed-v4.0")
        assert {each.path for each in (wire, *wire.more)} == {"/v2/embed"}
        return [json.loads(each.body) for each in (wire, *wire.more)]

    return encode


def test_texts_without_a_purpose_are_documents(embedded):
    assert embedded(inputs=("a", "b")) == [
        {"model": "embed-v4.0", "input_type": "search_document", "texts": ["a", "b"], "embedding_types": ["float"]}
    ]


@pytest.mark.parametrize(("truncate", "word"), [(True, "END"), (False, "NONE")])
def test_all_that_an_embed_says_is_written(truncate, word, embedded):
    body = embedded(inputs=("a",), dimensions=256, purpose="search_query", truncate=truncate)[0]

    assert (body["input_type"], body["output_dimension"], body["truncate"]) == ("search_query", 256, word)


@given(size=st.integers(0, 300))
def test_no_request_has_more_texts_than_cohere_takes_and_none_is_lost(size, embedded):
    texts = tuple(map(str, range(size)))
    bodies = embedded(inputs=texts)

    assert [text for body in bodies for text in body["texts"]] == list(texts)
    assert all(len(body["texts"]) <= MAX_TEXTS for body in bodies)
    assert len(bodies) == max(1, -(-size // MAX_TEXTS))


def test_vectors_are_read_in_order(recorded, asked):
    vectors = COHERE.vectors(asked("openai"), recorded("cohere/embed.json"))

    assert vectors == Vectors(((0.5, -0.25), (1.0, 0.0)), Usage(input_tokens=8))
    assert type(vectors.usage.input_tokens) is int


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"{}", "malformed"),
        (b'{"embeddings":{"base64":["AAA="]}}', "malformed"),
        (b'{"embeddings":{"float":[[null]]}}', "malformed"),
        (b'{"message":"the engine died"}', "server_error"),
    ],
)
def test_what_is_no_vectors_is_a_failure(body, word, asked):
    assert COHERE.vectors(asked("openai"), body).word == word


def test_vectors_whose_cost_is_not_told_cost_nothing_known(asked):
    assert COHERE.vectors(asked("openai"), b'{"embeddings":{"float":[[1]]}}') == Vectors(((1.0,),))


def test_probe_asks_once_for_all_models_and_for_nothing_that_costs():
    assert COHERE.probes() == {"models": "/v1/models?page_size=1000"}


def test_findings_are_the_models_that_chat_or_embed(recorded):
    found = COHERE.findings({"models": recorded("cohere/models.json")})

    assert {model.name: model.capabilities for model in found.models} == {
        "command-a-03-2025": {"completion", "tools"},
        "command-a-reasoning-08-2025": {"completion", "tools", "thinking"},
        "command-a-vision-07-2025": {"completion", "vision"},
        "c4ai-aya-expanse-32b": {"completion", "tools"},
        "embed-v4.0": {"embedding"},
    }
    assert [model.context_length for model in found.models] == [256_000, 256_000, 128_000, 128_000, 128_000]
    assert found.models[0].raw["endpoints"] == ["generate", "chat"]


def test_without_an_answer_the_configured_models_stand():
    assert COHERE.findings({}) == Findings()


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"models":null}', b'{"models":[{}]}', b'{"models":[{"name":5}]}']
)
def test_list_that_cannot_be_read_is_a_failure(body):
    assert COHERE.findings({"models": body}).word == "malformed"
