"""Embeddings in the OpenAI provider: passed through, written for a translation, read and checked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Embed, Usage, Vectors
from cortex.messages import Failure, Request
from cortex.providers.openai import OpenAI
from cortex.providers.openai_switches import Switches

OPENAI = OpenAI()
REQUEST = Request(
    dialect="ollama",
    operation="embed",
    model="m",
    stream=False,
    body=b"",
    parsed=None,
    needs=frozenset({"embeddings"}),
)


def bodies(embed, provider=OPENAI):
    wire = provider.encode(REQUEST, embed, "m")
    assert {one.path for one in (wire, *wire.more)} == {"/embeddings"}
    return [json.loads(one.body) for one in (wire, *wire.more)]


def answer(*vectors, **more):
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return json.dumps({"object": "list", "data": data, **more}).encode()


class TestPassing:
    def test_embeddings_and_completions_of_its_dialect_pass(self, asked):
        assert [OPENAI.passes(asked("openai", operation=name)) for name in ("chat", "complete", "embed")] == [True] * 3

    @pytest.mark.parametrize(("dialect", "operation"), [("openai", "respond"), ("ollama", "embed"), ("ollama", "chat")])
    def test_what_is_in_no_path_of_its_own_does_not(self, dialect, operation, asked):
        assert not OPENAI.passes(asked(dialect, operation=operation))

    def test_the_very_bytes_go_on(self, asked):
        body = b'{"model": "m", "input": ["a", "b"], "encoding_format": "base64", "input_type": "query"}'
        wire = OPENAI.encode(asked("openai", body, operation="embed", stream=False), None, "m")

        assert (wire.path, wire.more) == ("/embeddings", ())
        assert wire.body is body

    def test_only_the_name_of_the_model_is_changed(self, asked):
        body = b'{"model":"fast","input":"a","dimensions":64.0}'
        wire = OPENAI.encode(asked("openai", body, operation="embed", model="fast", stream=False), None, "m")

        assert wire.body == b'{"model":"m","input":"a","dimensions":64.0}'

    def test_of_a_field_that_stands_twice_the_upstream_sees_the_one_that_was_read(self, asked):
        body = b'{"model":"m","input":"a","input":"b"}'
        wire = OPENAI.encode(asked("openai", body, operation="embed", stream=False), None, "m")

        assert wire.body == b'{"model":"m","input":"b"}'

    def test_completions_pass_to_their_own_path(self, asked):
        body = b'{"model":"m","prompt":"Hi"}'
        wire = OPENAI.encode(asked("openai", body, operation="complete", stream=False), None, "m")

        assert (wire.path, wire.body) == ("/completions", body)

    def test_a_stream_of_completions_passes_but_for_the_usage_that_nobody_asked_for(self, asked, fed):
        text = b'data: {"object":"text_completion","choices":[{"text":"Hi","index":0,"finish_reason":null}]}\n\n'
        scored = b'data: {"choices":[{"text":"!","index":0,"logprobs":{"tokens":["!"]},"finish_reason":"stop"}]}\n\n'
        usage = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
        passage = OPENAI.passage(asked("openai", operation="complete", include_usage=False))

        assert fed(passage, [text, scored, usage, b"data: [DONE]\n\n"]) == text + scored + b"data: [DONE]\n\n"
        assert (passage.finished, passage.failure, passage.usage) == (True, None, Usage(1, 2))

    @pytest.mark.parametrize("body", [answer([0.5], usage={"prompt_tokens": 3}), answer("AAAAPw==")])
    def test_an_answer_with_data_is_let_through_untouched(self, body, asked):
        whole = OPENAI.whole(asked("openai", operation="embed"), body)

        assert whole.body is body
        assert whole.usage == Usage(input_tokens=3 if b"usage" in body else 0)


class TestWritten:
    def test_texts_become_floats(self):
        assert bodies(Embed(inputs=("a", "b"))) == [{"model": "m", "input": ["a", "b"], "encoding_format": "float"}]

    def test_token_ids_and_dimensions_go_on(self):
        (body,) = bodies(Embed(token_inputs=((1, 2), (3,)), dimensions=64))

        assert (body["input"], body["dimensions"]) == ([[1, 2], [3]], 64)

    def test_fields_that_the_server_refuses_are_left_out(self):
        provider = OpenAI(switches=Switches(drop_fields=("encoding_format",)))

        assert bodies(Embed(inputs=("a",)), provider) == [{"model": "m", "input": ["a"]}]

    @given(count=st.integers(1, 7000), ids=st.booleans())
    def test_more_than_it_takes_at_once_are_several_requests_in_order(self, count, ids):
        texts = tuple((n,) for n in range(count)) if ids else tuple(map(str, range(count)))
        sent = bodies(Embed(token_inputs=texts) if ids else Embed(inputs=texts))

        assert [len(body["input"]) for body in sent[:-1]] == [2048] * (len(sent) - 1)
        assert 0 < len(sent[-1]["input"]) <= 2048
        assert [tuple(text) if ids else text for body in sent for text in body["input"]] == list(texts)

    def test_it_says_that_it_can(self):
        assert not {"embeddings", "token_inputs"} & OPENAI.lacks


class TestVectors:
    def test_they_are_read_with_their_usage(self):
        body = answer([0.5, -1], [2, 0.25], usage={"prompt_tokens": 8, "total_tokens": 8})

        assert Vectors(((0.5, -1.0), (2.0, 0.25)), Usage(input_tokens=8)) == OPENAI.vectors(REQUEST, body)

    @given(order=st.permutations(range(6)))
    def test_they_are_put_in_order_by_their_index(self, order):
        data = [{"index": index, "embedding": [float(index)]} for index in order]
        vectors = OPENAI.vectors(REQUEST, json.dumps({"data": data}).encode())

        assert tuple((float(index),) for index in range(6)) == vectors.values

    def test_without_an_index_they_are_in_order(self):
        body = b'{"data":[{"embedding":[1]},{"embedding":[2]}]}'

        assert OPENAI.vectors(REQUEST, body) == Vectors(((1.0,), (2.0,)))

    @pytest.mark.parametrize("indices", [(0, 0), (1, 2), (0, 2), (-1, 0)])
    def test_one_that_is_missing_is_noticed(self, indices):
        body = json.dumps({"data": [{"index": index, "embedding": [1]} for index in indices]}).encode()

        assert OPENAI.vectors(REQUEST, body).word == "malformed"

    @pytest.mark.parametrize("body", [b'{"data":[{"embedding":[null]}]}', b'{"data":[{"embedding":"AAAAPw=="}]}'])
    def test_numbers_that_are_none_are_malformed(self, body):
        assert OPENAI.vectors(REQUEST, body).word == "malformed"


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (b'{"data":null}', "malformed"),
        (b'{"data":[]}', "malformed"),
        (b'{"data":"x"}', "malformed"),
        (b'{"data":[{"embedding":[0.5', "malformed"),
        (b'{"data":' + b"[" * 100_000, "malformed"),
        (b'{"choices":[{"message":{"content":"a"}}]}', "malformed"),
        (b'{"error":{"message":"m","code":429}}', "rate_limited"),
        (b'{"data":"x","error":{"message":"m","code":"model_not_found"}}', "model_missing"),
        (b'{"data":[],"error":"text"}', "server_error"),
    ],
)
def test_what_is_no_answer_is_a_failure(body, word, asked):
    read, whole = OPENAI.vectors(REQUEST, body), OPENAI.whole(asked("openai", operation="embed"), body)

    assert isinstance(read, Failure)
    assert isinstance(whole, Failure)
    assert (read.word, whole.word) == (word, word)


def test_every_cut_of_an_answer_is_malformed(asked):
    body = answer([0.5, 1.0], [2.0, 3.0])
    request = asked("openai", operation="embed")

    assert {OPENAI.whole(request, body[:size]).word for size in range(len(body))} == {"malformed"}
    assert {OPENAI.vectors(request, body[:size]).word for size in range(len(body))} == {"malformed"}
