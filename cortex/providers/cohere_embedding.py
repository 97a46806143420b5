"""Embeddings by Cohere's /v2/embed: writing the requests, reading their vectors. Pure.

Every request must say what its vectors are for; where the client did not, they are taken for documents to be searched.
A wrong purpose costs quality and is no error, so a client that searches should say so. At most 96 texts go into one
request (OpenAPI document, 20 Aug 2026). What is counted is what is billed: no other number is told.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field, structs

from cortex.chat import Embed, Usage, Vectors
from cortex.messages import Failure
from cortex.providers.base import Wire
from cortex.providers.cohere_errors import RULES
from cortex.providers.errors import heard, inband_text, safe
from cortex.providers.foreign import UNREADABLE

PATH = "/v2/embed"
MAX_TEXTS = 96
_PURPOSE = "search_document"
_TRUNCATE = {True: "END", False: "NONE"}


class _ByType(Struct):
    floats: tuple[tuple[float, ...], ...] | None = field(default=None, name="float")


class _Billed(Struct):
    input_tokens: float | None = None


class _Meta(Struct):
    billed_units: _Billed | None = None


class _Answer(Struct):
    embeddings: _ByType | None = None
    meta: _Meta | None = None
    message: str | None = None
    """In the body of an error."""


_answer = msgspec.json.Decoder(_Answer)


def embed_wire(embed: Embed, model: str) -> Wire:
    """Return the request for the vectors, with further ones where there are more texts than one may have."""
    texts = embed.inputs
    starts = range(0, max(len(texts), 1), MAX_TEXTS)
    first, *more = (Wire(PATH, _written(embed, texts[at : at + MAX_TEXTS], model)) for at in starts)
    return structs.replace(first, more=tuple(more))


def read_vectors(body: bytes) -> Vectors | Failure:
    """Read the answer to one request."""
    try:
        answer = _answer.decode(body)
    except UNREADABLE as error:
        return Failure("malformed", safe(f"these are no embeddings of Cohere's ({error}): {heard(body).message}"))
    if answer.embeddings is None or answer.embeddings.floats is None:
        if answer.message:
            return inband_text(RULES, body)
        return Failure("malformed", "the answer has no embeddings of type float")
    billed = answer.meta.billed_units if answer.meta else None
    return Vectors(answer.embeddings.floats, Usage(input_tokens=int((billed and billed.input_tokens) or 0)))


def _written(embed: Embed, texts: Sequence[str], model: str) -> bytes:
    fields: dict[str, Any] = {
        "model": model,
        "input_type": embed.purpose or _PURPOSE,
        "texts": texts,
        "embedding_types": ["float"],
    }
    if embed.dimensions is not None:
        fields["output_dimension"] = embed.dimensions
    if embed.truncate is not None:
        fields["truncate"] = _TRUNCATE[embed.truncate]
    return msgspec.json.encode(fields)
