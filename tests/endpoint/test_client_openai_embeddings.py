"""OpenAI's embeddings: what a body means, what is wrong with it, and the vectors that go back."""

import base64
import json
import struct

import httpx2
import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Embed, Usage, Vectors, needs_of_embed
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.openai import OpenAI

DIALECT = OpenAI(now=lambda: 0.0)
VECTORS = Vectors(((0.5, -1.0), (0.25, 2.0)), Usage(input_tokens=8))


def read(**fields):
    return DIALECT.read("embed", json.dumps({"input": "Hi", **fields}).encode())


def embed(**fields):
    return DIALECT.neutral(read(**fields))


def problem_of(**fields):
    with pytest.raises(BadRequest) as caught:
        DIALECT.neutral(read(**fields))
    return caught.value.problem


def embedded(vectors=VECTORS, **fields):
    return json.loads(DIALECT.embedded(read(**fields), "m", vectors))


class TestRequest:
    def test_it_holds_the_bytes_and_what_was_asked(self):
        body = b'{"model":"embedder","input":["a","b"],"stream":true}'
        request = DIALECT.read("embed", body)

        assert (request.dialect, request.operation, request.model) == ("openai", "embed", "embedder")
        assert (request.stream, request.body) == (False, body)
        assert request.needs == {"embeddings"}

    @pytest.mark.parametrize(
        ("given", "texts", "ids"),
        [
            ("a", ("a",), ()),
            (["a", "b"], ("a", "b"), ()),
            ([1, 2], (), ((1, 2),)),
            ([[1, 2], [3]], (), ((1, 2), (3,))),
        ],
    )
    def test_its_four_kinds_of_input_are_two(self, given, texts, ids):
        request = read(input=given)
        asked = DIALECT.neutral(request)

        assert (asked.inputs, asked.token_inputs) == (texts, ids)
        assert request.needs == needs_of_embed(asked)

    @pytest.mark.parametrize("dimensions", [None, 64])
    def test_dimensions_go_on(self, dimensions):
        assert embed(dimensions=dimensions).dimensions == dimensions

    @pytest.mark.parametrize(
        ("word", "purpose"),
        [
            ("query", "search_query"),
            ("passage", "search_document"),
            ("search_document", "search_document"),
            ("classification", "classification"),
            ("", ""),
            (None, ""),
        ],
    )
    def test_what_they_are_for_has_one_word(self, word, purpose):
        assert embed(input_type=word).purpose == purpose

    def test_a_word_that_only_its_own_upstream_knows_can_pass_and_not_be_translated(self):
        assert read(input_type="image").needs == {"embeddings"}
        assert problem_of(input_type="image").param == "input_type"

    def test_every_field_but_the_input_may_be_null(self):
        nullable = type(read().parsed).__struct_fields__[1:]

        assert embed() == embed(**dict.fromkeys(nullable)) == Embed(inputs=("Hi",))

    def test_as_many_texts_as_the_api_allows_are_read(self):
        assert len(embed(input=["x"] * 2048).inputs) == 2048


MISTAKES = {
    "null": ({"input": None}, "input", "expected a string, an array of strings"),
    "an object": ({"input": {"text": "a"}}, "input", "found {"),
    "nothing": ({"input": []}, "input", "found []"),
    "an empty text": ({"input": ""}, "input", "not empty"),
    "an empty text among others": ({"input": ["a", "", "b"]}, "input[1]", "not empty"),
    "no ids": ({"input": [[1], []]}, "input[1]", "found []"),
    "an id below zero": ({"input": [[1, -2]]}, "input[0][1]", "found -2"),
    "mixed": ({"input": ["a", 1]}, "input", "more than one kind"),
    "too many": ({"input": ["x"] * 2049}, "input", "at most 2048 texts in one request, found 2049"),
    "too many ids": ({"input": [[1]] * 2049}, "input", "found 2049"),
    "no dimension": ({"dimensions": 0}, "dimensions", "found 0"),
    "another format": ({"encoding_format": "int8"}, "encoding_format", 'found "int8"'),
}


@pytest.mark.parametrize(("fields", "param", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_says_where_it_is_and_what_was_found(fields, param, words):
    problem = problem_of(**fields)

    assert (problem.status, problem.param) == (400, param)
    assert words in problem.message


def test_without_input_it_is_refused():
    with pytest.raises(BadRequest) as caught:
        DIALECT.read("embed", b"{}")

    assert caught.value.problem == Problem(
        400, "input: required, but missing", code="missing_required_parameter", param="input"
    )


class TestAnswer:
    @pytest.mark.parametrize("fields", [{}, {"encoding_format": "float"}])
    def test_it_has_every_field(self, fields):
        assert embedded(**fields) == {
            "object": "list",
            "data": [
                {"object": "embedding", "index": 0, "embedding": [0.5, -1.0]},
                {"object": "embedding", "index": 1, "embedding": [0.25, 2.0]},
            ],
            "model": "m",
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
        }

    def test_base64_is_of_little_endian_floats_of_four_bytes(self):
        (first, _) = embedded(encoding_format="base64")["data"]

        assert base64.b64decode(first["embedding"]) == struct.pack("<2f", 0.5, -1.0)

    def test_a_number_too_large_for_four_bytes_is_no_crash(self):
        (one,) = embedded(Vectors(((1e300,),)), encoding_format="base64")["data"]

        assert struct.unpack("<f", base64.b64decode(one["embedding"])) == (float("inf"),)

    @settings(deadline=None)
    @given(values=st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False)), min_size=1))
    def test_both_forms_say_the_same(self, values):
        vectors = Vectors(tuple(map(tuple, values)))
        plain = [entry["embedding"] for entry in embedded(vectors)["data"]]
        packed = [base64.b64decode(e["embedding"]) for e in embedded(vectors, encoding_format="base64")["data"]]

        assert plain == values
        assert [list(struct.unpack(f"<{len(data) // 4}f", data)) for data in packed] == values


class TestPackage:
    """The official `openai` package, in front of bytes of ours."""

    def client(self, seen=None):
        def handle(http):
            try:
                request = DIALECT.read("embed", http.content)
            except BadRequest as refused:
                return httpx2.Response(refused.problem.status, content=DIALECT.error(refused.problem))
            if seen is not None:
                seen.append(request.parsed)
            return httpx2.Response(200, content=DIALECT.embedded(request, "m", VECTORS))

        transport = httpx2.Client(transport=httpx2.MockTransport(handle))
        return openai.OpenAI(base_url="http://cortex/v1", api_key="k", http_client=transport, max_retries=0)

    @pytest.mark.parametrize("fields", [{}, {"encoding_format": "float"}])
    def test_it_reads_the_vectors(self, fields):
        with self.client() as client:
            answer = client.embeddings.create(model="m", input=["a", "b"], **fields)

        assert [list(entry.embedding) for entry in answer.data] == [[0.5, -1.0], [0.25, 2.0]]
        assert (answer.model, answer.usage.prompt_tokens) == ("m", 8)

    def test_it_asks_for_base64_unless_told_otherwise_and_decodes_it(self):
        seen = []
        with self.client(seen) as client:
            client.embeddings.create(model="m", input="a")

        assert seen[0].encoding_format == "base64"

    def test_it_hands_base64_on_where_its_caller_asked_for_it(self):
        with self.client() as client:
            answer = client.embeddings.create(model="m", input="a", encoding_format="base64")

        assert answer.data[0].embedding == base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()

    def test_it_raises_its_own_error_for_a_bad_request(self):
        with self.client() as client, pytest.raises(openai.BadRequestError) as caught:
            client.embeddings.create(model="m", input=["a", ""])

        assert (caught.value.param, caught.value.code) == ("input[1]", "invalid_value")
