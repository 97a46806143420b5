"""Embeddings in the Ollama provider: passed through, written for a translation, read and checked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Embed, Usage
from cortex.messages import Failure
from cortex.providers.ollama import Ollama

OLLAMA = Ollama()
ANSWER = {
    "model": "nomic-embed-text",
    "embeddings": [[0.01, -0.02], [0.5, 0.25]],
    "total_duration": 14_143_917,
    "load_duration": 1_019_500,
    "prompt_eval_count": 8,
}
"""As in docs/api.md (ollama/ollama, 21 Aug 2026), with a second text."""


def encoded(**fields):
    return json.dumps(fields).encode()


class TestPassing:
    @pytest.mark.parametrize(("operation", "path"), [("embed", "/api/embed"), ("embed_one", "/api/embeddings")])
    def test_each_has_its_own_path(self, operation, path, asked):
        body = b'{"model":"m","input":"a"}'
        wire = OLLAMA.encode(asked("ollama", body, operation=operation), None, "m")

        assert OLLAMA.passes(asked("ollama", operation=operation))
        assert (wire.path, wire.body, wire.more) == (path, body, ())

    def test_what_the_worker_fixes_is_in_it_as_for_a_chat(self, asked):
        provider = Ollama(num_ctx=4096, keep_alive="10m")
        body = b'{"model":"fast","input":["a"],"keep_alive":0,"options":{"num_ctx":1,"seed":7}}'
        wire = provider.encode(asked("ollama", body, operation="embed", model="fast"), None, "m")

        assert json.loads(wire.body) == {
            "model": "m",
            "input": ["a"],
            "keep_alive": "10m",
            "options": {"num_ctx": 4096, "seed": 7},
        }

    def test_vectors_are_let_through_untouched(self, asked):
        body = encoded(**ANSWER)
        whole = OLLAMA.whole(asked("ollama", operation="embed"), body)

        assert whole.body is body
        assert (whole.usage.input_tokens, whole.usage.load_s) == (8, pytest.approx(0.0010195))
        assert whole.usage.eval_s == pytest.approx(0.013124417)

    def test_the_older_way_has_one_vector(self, asked):
        body = b'{"embedding":[0.5,1]}'

        assert OLLAMA.whole(asked("ollama", operation="embed_one"), body).body is body

    @pytest.mark.parametrize(
        ("operation", "body"), [("embed", b'{"embeddings":[]}'), ("embed_one", b'{"embedding":[]}')]
    )
    def test_none_are_right_only_where_none_were_asked_for(self, operation, body, asked):
        request = asked("ollama", operation=operation)
        assert OLLAMA.whole(request, body).word == "malformed"
        request.is_load = True

        assert OLLAMA.whole(request, body).body is body

    @pytest.mark.parametrize(
        ("operation", "body"),
        [("embed", b'{"embedding":[1]}'), ("embed_one", b'{"embeddings":[[1]]}'), ("embed", b"{}")],
    )
    def test_an_answer_of_another_path_is_malformed(self, operation, body, asked):
        request = asked("ollama", operation=operation)
        request.is_load = True

        assert OLLAMA.whole(request, body).word == "malformed"


class TestWritten:
    def test_texts_go_in_one_request_however_many(self, asked):
        texts = tuple(map(str, range(5000)))
        wire = OLLAMA.encode(asked("openai", operation="embed"), Embed(inputs=texts), "m")

        assert (wire.path, wire.more) == ("/api/embed", ())
        assert json.loads(wire.body) == {"model": "m", "input": list(texts)}

    @given(
        dimensions=st.none() | st.integers(1, 4096),
        truncate=st.none() | st.booleans(),
        num_ctx=st.none() | st.integers(1, 4096),
    )
    def test_what_was_asked_and_what_is_fixed_are_in_it_and_nothing_else(self, dimensions, truncate, num_ctx):
        embed = Embed(inputs=("a",), dimensions=dimensions, truncate=truncate, purpose="search_query")
        wire = Ollama(num_ctx=num_ctx).encode(None, embed, "m")
        wanted = {"model": "m", "input": ["a"], "dimensions": dimensions, "truncate": truncate}
        wanted["options"] = None if num_ctx is None else {"num_ctx": num_ctx}

        assert {name: value for name, value in wanted.items() if value is not None} == json.loads(wire.body)

    def test_it_can_embed_texts_but_no_token_ids(self):
        assert {"embeddings", "token_inputs"} & OLLAMA.lacks == {"token_inputs"}


class TestVectors:
    def test_they_are_read_with_their_counts(self, asked):
        vectors = OLLAMA.vectors(asked("openai", operation="embed"), encoded(**ANSWER))

        assert vectors.values == ((0.01, -0.02), (0.5, 0.25))
        assert (vectors.usage.input_tokens, vectors.usage.output_tokens) == (8, 0)

    def test_counts_may_be_left_out(self, asked):
        assert OLLAMA.vectors(asked("openai"), b'{"embeddings":[[1]]}').usage == Usage()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"", "malformed"),
        (b"<html>", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (b'{"embeddings":null}', "malformed"),
        (b'{"embeddings":[]}', "malformed"),
        (b'{"embeddings":[0.5]', "malformed"),
        (b'{"embeddings":' + b"[" * 100_000, "malformed"),
        (b'{"error":"server busy, please try again."}', "busy"),
        (b'{"error":"model \\"x\\" not found, try pulling it first"}', "model_missing"),
        (b'{"error":"this model does not support embeddings"}', "unsupported"),
    ],
)
def test_what_is_no_answer_is_a_failure(body, word, asked):
    request = asked("ollama", operation="embed")
    read, whole = OLLAMA.vectors(request, body), OLLAMA.whole(request, body)

    assert isinstance(read, Failure)
    assert isinstance(whole, Failure)
    assert (read.word, whole.word) == (word, word)


def test_vectors_that_hold_no_numbers_are_malformed(asked):
    assert OLLAMA.vectors(asked("openai"), b'{"embeddings":[[null]]}').word == "malformed"
