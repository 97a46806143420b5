"""Ollama's embeddings, today's and the older: what a body means, what goes back, and what the official package reads."""

import json

import httpx
import ollama
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Embed, Usage, Vectors
from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.ollama import LOAD_NEEDS, Ollama

DIALECT = Ollama(now=lambda: 0.0)
VECTORS = Vectors(((0.5, -1.0), (0.25, 2.0)), Usage(input_tokens=8, load_s=0.001, eval_s=0.002))
OPERATIONS = {"embed": "input", "embed_one": "prompt"}
"""Each with the field of its text."""


def read(operation="embed", **fields):
    return DIALECT.read(operation, json.dumps(fields).encode())


def embed(operation="embed", **fields):
    return DIALECT.neutral(read(operation, **fields))


class TestRequest:
    @pytest.mark.parametrize(("operation", "field"), OPERATIONS.items())
    def test_it_holds_the_bytes_and_what_was_asked(self, operation, field):
        body = json.dumps({"model": "nomic-embed-text", field: "a", "stream": True}).encode()
        request = DIALECT.read(operation, body)

        assert (request.dialect, request.operation, request.model) == ("ollama", operation, "nomic-embed-text")
        assert (request.stream, request.is_load, request.body) == (False, False, body)
        assert request.needs == {"embeddings"}

    @pytest.mark.parametrize(("given", "texts"), [("a", ("a",)), (["a"], ("a",)), (["a", "", "b"], ("a", "", "b"))])
    def test_input_is_one_text_or_several(self, given, texts):
        assert embed(input=given) == Embed(inputs=texts, truncate=True)

    def test_the_older_way_is_one_text(self):
        assert embed("embed_one", prompt="a") == Embed(inputs=("a",), truncate=True)

    @pytest.mark.parametrize(
        ("fields", "dimensions", "truncate"),
        [
            ({}, None, True),
            ({"dimensions": 64, "truncate": False}, 64, False),
            ({"dimensions": 0, "truncate": True}, None, True),
            ({"dimensions": None, "truncate": None}, None, True),
        ],
    )
    def test_dimensions_and_cutting_go_on_as_ollama_means_them(self, fields, dimensions, truncate):
        asked = embed(input="a", **fields)

        assert (asked.dimensions, asked.truncate) == (dimensions, truncate)

    def test_options_change_nothing_of_what_is_asked(self):
        assert embed(input="a", options={"num_ctx": 4096, "seed": 1}, keep_alive="5m") == embed(input="a")

    @pytest.mark.parametrize(
        ("fields", "param"),
        [
            ({"input": 1}, "input"),
            ({"input": {"a": 1}}, "input"),
            ({"input": ["a", 1]}, "input[1]"),
            ({"input": "a", "dimensions": -1}, "dimensions"),
            ({"input": "a", "truncate": "yes"}, "truncate"),
            ({"input": "a", "keep_alive": "soon"}, "keep_alive"),
            ({"input": "a", "options": {"num_ctx": "x"}}, "options.num_ctx"),
        ],
    )
    def test_a_mistake_says_where_it_is(self, fields, param):
        with pytest.raises(BadRequest) as caught:
            read(**fields)

        assert (caught.value.problem.status, caught.value.problem.param) == (400, param)


class TestLoad:
    @pytest.mark.parametrize(
        ("operation", "fields"),
        [
            ("embed", {}),
            ("embed", {"input": ""}),
            ("embed", {"input": []}),
            ("embed", {"input": None}),
            ("embed_one", {}),
            ("embed_one", {"prompt": ""}),
        ],
    )
    def test_without_a_text_only_the_model_is_loaded(self, operation, fields):
        request = read(operation, model="m", **fields)

        assert (request.is_load, request.needs, request.parsed.unloads) == (True, LOAD_NEEDS, False)

    @pytest.mark.parametrize("keep_alive", [0, "0", "0s"])
    def test_or_unloaded(self, keep_alive):
        assert read(model="m", keep_alive=keep_alive).parsed.unloads

    def test_its_answer_has_no_vectors(self):
        assert json.loads(DIALECT.load_answer(read(model="m"), "m"))["embeddings"] == []
        assert json.loads(DIALECT.load_answer(read("embed_one", model="m"), "m")) == {"embedding": []}


class TestAnswer:
    def test_it_has_every_field(self):
        assert json.loads(DIALECT.embedded(read(input=["a", "b"]), "m", VECTORS)) == {
            "model": "m",
            "embeddings": [[0.5, -1.0], [0.25, 2.0]],
            "total_duration": 3_000_000,
            "load_duration": 1_000_000,
            "prompt_eval_count": 8,
        }

    def test_the_older_one_is_a_vector_and_nothing_else(self):
        vectors = Vectors(((0.5, -1.0),), Usage(input_tokens=8))

        assert DIALECT.embedded(read("embed_one", prompt="a"), "m", vectors) == b'{"embedding":[0.5,-1.0]}'

    @settings(deadline=None)
    @given(values=st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), min_size=1))
    def test_every_number_is_told_to_its_last_digit(self, values):
        told = json.loads(DIALECT.embedded(read(input="a"), "m", Vectors(tuple(map(tuple, values)))))

        assert told["embeddings"] == values


class TestPackage:
    """The official `ollama` package, in front of bytes of ours."""

    @pytest.fixture
    def client(self):
        def handle(http):
            operation = {"/api/embed": "embed", "/api/embeddings": "embed_one"}[http.url.path]
            try:
                request = DIALECT.read(operation, http.content)
            except BadRequest as refused:
                return httpx.Response(refused.problem.status, content=DIALECT.error(refused.problem))
            return httpx.Response(200, content=DIALECT.embedded(request, "m", VECTORS))

        with ollama.Client(host="http://cortex", transport=httpx.MockTransport(handle)) as client:
            yield client

    def test_it_reads_the_vectors(self, client):
        answer = client.embed("m", ["a", "b"], truncate=True, dimensions=2)

        assert answer.embeddings == [[0.5, -1.0], [0.25, 2.0]]
        assert (answer.model, answer.prompt_eval_count, answer.load_duration) == ("m", 8, 1_000_000)

    def test_it_reads_the_older_answer(self, client):
        assert client.embeddings("m", "a").embedding == [0.5, -1.0]

    def test_it_raises_its_own_error_for_a_bad_request(self, client):
        with pytest.raises(ollama.ResponseError, match="keep_alive: expected seconds") as caught:
            client.embed("m", "a", keep_alive="soon")

        assert caught.value.status_code == 400
