"""Whole answers, vectors, probes, and what the Gemini provider is."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Embed, Finish, ReasoningDelta, TextDelta, ToolCall, Usage, Vectors
from cortex.messages import Failure
from cortex.providers.base import Findings, Provider
from cortex.providers.gemini import Gemini
from cortex.providers.signatures import Signatures

GEMINI = Gemini(signatures=Signatures())


def embedded(embed, model="gemini-embedding-001"):
    wire = GEMINI.encode(None, embed, model)
    return [(one.path, json.loads(one.body)["requests"]) for one in (wire, *wire.more)]


def test_it_is_a_provider_that_no_client_speaks_to():
    provider: Provider = GEMINI

    assert (provider.name, provider.dialect, provider.key_header) == ("gemini", "", ("x-goog-api-key", ""))
    assert provider.allowances({"x-ratelimit-remaining-requests": "1"}) == ()
    assert provider.warm("gemini-3.8-flash") is None


@pytest.mark.parametrize("dialect", ["openai", "ollama", "anthropic", ""])
def test_nothing_passes(dialect, asked):
    request = asked(dialect)

    assert not GEMINI.passes(request)
    with pytest.raises(AssertionError, match="does not pass"):
        GEMINI.passage(request)
    with pytest.raises(AssertionError, match="does not pass"):
        GEMINI.whole(request, b"{}")
    with pytest.raises(AssertionError, match="was not translated"):
        GEMINI.encode(request, None, "m")


@pytest.mark.parametrize("name", ["gemini-3.8-flash", "models/gemini-3.8-flash", " models/gemini-3.8-flash "])
def test_prefix_of_the_listing_is_no_part_of_a_name(name):
    assert GEMINI.normal_name(name) == "gemini-3.8-flash"


def test_whole_answer_is_read(recorded, asked):
    assert GEMINI.decode(asked("openai"), recorded("gemini/whole.json")) == [
        ReasoningDelta("hm"),
        TextDelta("Hello"),
        Finish("stop"),
        Usage(5, 31, 2, 30),
    ]


def test_whole_answer_with_calls_is_read(recorded, asked):
    text, weather, clock, finish, usage = GEMINI.decode(asked("openai"), recorded("gemini/whole_call.json"))

    assert text == TextDelta("Let me look.")
    assert weather == ToolCall("call_1", "weather", '{"city":"Köln"}', signature="c2lnLTE=")
    assert (clock.name, clock.arguments, clock.signature) == ("clock", "{}", "")
    assert (finish, usage) == (Finish("tool_calls"), Usage(5, 12))


def test_blocked_prompt_is_an_empty_answer(recorded, asked):
    body = recorded("gemini/whole_blocked.json")

    assert GEMINI.decode(asked("openai"), body) == [Finish("content_filter"), Usage(5)]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (b"[]", "malformed"),
        (b"3", "malformed"),
        (b'{"x":' + b"[" * 100_000, "malformed"),
        (b"{}", "malformed"),
        (b'{"candidates":[]}', "malformed"),
        (b'{"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}', "malformed"),
        (b'{"candidates":[{"content":{"parts":[{"functionCall":{"args":{}}}]},"finishReason":"STOP"}]}', "malformed"),
        (
            b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":"x"}}]},"finishReason":"STOP"}]}',
            "malformed",
        ),
        (b'{"candidates":5}', "malformed"),
        (b'{"candidates":5,"error":{"code":503,"message":"The model is overloaded."}}', "busy"),
        (b'{"error":{"code":500,"message":"Internal error","status":"INTERNAL"}}', "server_error"),
        (b'{"error":"broken"}', "server_error"),
        (b'[{"error":{"code":429,"message":"x","status":"RESOURCE_EXHAUSTED"}}]', "rate_limited"),
    ],
)
def test_what_is_no_answer_is_a_failure(body, word, asked):
    failure = GEMINI.decode(asked("openai"), body)

    assert isinstance(failure, Failure)
    assert failure.word == word


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MISSING_THOUGHT_SIGNATURE", "TOO_MANY_TOOL_CALLS"])
def test_whole_answer_that_failed_is_no_answer_though_it_holds_text(reason, asked):
    """Nothing of it has gone to the client, so the next candidate can be asked."""
    body = {"candidates": [{"content": {"parts": [{"text": "Let me"}]}, "finishReason": reason}]}

    assert isinstance(GEMINI.decode(asked("openai"), json.dumps(body).encode()), Failure)


@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_without_a_crash(body, asked):
    assert isinstance(GEMINI.decode(asked("openai"), body), Failure)
    assert isinstance(GEMINI.vectors(asked("openai"), body), Failure)
    assert isinstance(GEMINI.findings({"models": body}), Failure)


# Vectors


def test_each_text_is_a_request_of_its_own_in_one_batch():
    assert embedded(Embed(inputs=("a", "b"), dimensions=768, purpose="search_query")) == [
        (
            "/models/gemini-embedding-001:batchEmbedContents",
            [
                {
                    "model": "models/gemini-embedding-001",
                    "taskType": "RETRIEVAL_QUERY",
                    "outputDimensionality": 768,
                    "content": {"parts": [{"text": text}]},
                }
                for text in ("a", "b")
            ],
        )
    ]


@pytest.mark.parametrize(
    ("purpose", "task"),
    [
        ("search_document", "RETRIEVAL_DOCUMENT"),
        ("search_query", "RETRIEVAL_QUERY"),
        ("classification", "CLASSIFICATION"),
        ("clustering", "CLUSTERING"),
        ("", None),
        ("image", None),
    ],
)
def test_purpose_becomes_a_task(purpose, task):
    ((_, (request,)),) = embedded(Embed(inputs=("a",), purpose=purpose), "models/gemini-embedding-2")

    assert request.get("taskType") == task
    assert request["model"] == "models/gemini-embedding-2"


@given(st.integers(0, 450))
def test_batches_hold_all_texts_in_order_and_at_most_a_hundred(count):
    texts = tuple(map(str, range(count)))
    batches = [requests for _, requests in embedded(Embed(inputs=texts))]

    assert all(len(batch) <= 100 for batch in batches)
    assert len(batches) == max(1, math.ceil(count / 100))
    assert [request["content"]["parts"][0]["text"] for batch in batches for request in batch] == list(texts)


def test_vectors_come_normalised(recorded, asked):
    """Only the full 3072 of gemini-embedding-001 are; clients of other dialects count on it."""
    read = GEMINI.vectors(asked("openai"), recorded("gemini/vectors.json"))

    assert read == Vectors(((0.6, 0.8), (0.6, -0.8)), Usage(7))


def test_vector_of_nothing_stays_nothing_and_usage_may_be_missing(asked):
    assert GEMINI.vectors(asked("openai"), b'{"embeddings":[{"values":[0,0]}]}') == Vectors(((0.0, 0.0),))


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"{}", "malformed"),
        (b'{"embeddings":[]}', "malformed"),
        (b'{"embeddings":[{}]}', "malformed"),
        (b'{"error":{"code":503,"message":"The model is overloaded."}}', "busy"),
        (b'[{"error":{"code":400,"message":"bad"}}]', "bad_request"),
    ],
)
def test_what_holds_no_vectors_is_a_failure(body, word, asked):
    assert GEMINI.vectors(asked("openai"), body).word == word


# Probes


def test_probe_is_one_page_of_the_listing():
    assert GEMINI.probes() == {"models": "/models?pageSize=1000"}


def test_findings_are_the_models_that_chat_or_embed(recorded):
    found = {model.name: model for model in GEMINI.findings({"models": recorded("gemini/models.json")}).models}

    assert {name: model.capabilities for name, model in found.items()} == {
        "gemini-3.8-flash": {"completion", "vision", "tools", "thinking"},
        "gemma-3-12b-it": {"completion", "vision"},
        "gemma-4-31b-it": {"completion", "vision", "tools", "thinking"},
        "gemini-2.5-flash-image": {"completion", "vision"},
        "gemini-embedding-001": {"embedding"},
    }
    assert found["gemini-3.8-flash"].context_length == 1_048_576
    assert found["gemini-3.8-flash"].raw["displayName"] == "Gemini 3.8 Flash"


def test_without_an_answer_the_configured_models_stand():
    assert GEMINI.findings({}) == Findings()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"3", b'{"models":5}', b'{"models":[{"version":"1"}]}'])
def test_listing_that_cannot_be_read_is_a_failure(body):
    assert GEMINI.findings({"models": body}).word == "malformed"
