"""OpenAI's `POST /v1/embeddings`: what may be asked, and the answer. Pure.

Facts: OpenAI's document 2.3.0 (21 August 2026) and SDK 3.57.0, which asks for base64 unless its caller names a format.
"""

import sys
from array import array
from base64 import b64encode
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from cortex.chat import Embed, Vectors, needs_of_embed
from cortex.endpoint.openai_embedding_input import INPUT, Input, Texts, texts_of
from cortex.endpoint.problems import echo, refuse
from cortex.endpoint.reading import read_as
from cortex.messages import Request

MAX_TEXTS = 2048

_PURPOSES = {
    "query": "search_query",
    "passage": "search_document",
    "document": "search_document",
    "search_query": "search_query",
    "search_document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
}
"""`input_type` in the words of NIM, Voyage and Cohere (their documents, read Nov 2026) → `Embed.purpose`."""


class EmbeddingBody(Struct, frozen=True):
    """A request for embeddings."""

    input: Input
    model: str | None = None
    dimensions: Annotated[int, Meta(ge=1)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None
    input_type: str | None = None
    """No official field: what the vectors are for."""


EXPECTED = {"input": INPUT, "input[]": "a string, a token id or an array of token ids"}

_decoder = msgspec.json.Decoder(EmbeddingBody)


class Embeddings:
    """The operation `embed`."""

    def read(self, body: bytes) -> Request:
        """Read and check a body. Raises BadRequest."""
        parsed = read_as(_decoder, body, EXPECTED)
        texts = texts_of(parsed.input, "input")
        _check(parsed, texts)
        return Request(
            dialect="openai",
            operation="embed",
            model=parsed.model or "",
            stream=False,
            body=body,
            parsed=parsed,
            needs=needs_of_embed(Embed(inputs=texts.words, token_inputs=texts.ids)),
        )

    def neutral(self, request: Request) -> Embed:
        """Translate a request. Raises BadRequest for an `input_type` that only the upstream it was meant for knows."""
        body: EmbeddingBody = request.parsed
        texts = texts_of(body.input, "input")
        if body.input_type and body.input_type not in _PURPOSES:
            known = ", ".join(_PURPOSES)
            raise refuse(f"expected one of {known}, found {echo(body.input_type)!r}", "input_type")
        return Embed(
            inputs=texts.words,
            token_inputs=texts.ids,
            dimensions=body.dimensions,
            purpose=_PURPOSES[body.input_type] if body.input_type else "",
        )

    def embedded(self, request: Request, model: str, vectors: Vectors) -> bytes:
        """Write the answer."""
        in_base64 = request.parsed.encoding_format == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(vector) if in_base64 else vector}
            for index, vector in enumerate(vectors.values)
        ]
        used = vectors.usage.input_tokens
        usage = {"prompt_tokens": used, "total_tokens": used}
        return msgspec.json.encode({"object": "list", "data": data, "model": model, "usage": usage})


def _check(body: EmbeddingBody, texts: Texts) -> None:
    count = len(texts.words) + len(texts.ids)
    if count > MAX_TEXTS:
        raise refuse(f"expected at most {MAX_TEXTS} texts in one request, found {count}", "input")
    for index, text in enumerate(texts.words):
        if not text:
            param = "input" if isinstance(body.input, str) else f"input[{index}]"
            raise refuse("expected a text that is not empty, found an empty one", param)


def _base64(vector: tuple[float, ...]) -> str:
    """Return the numbers as base64 of little-endian 32-bit floats."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return b64encode(numbers.tobytes()).decode()
