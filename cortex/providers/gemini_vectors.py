"""Texts to vectors, in Gemini's batchEmbedContents: the requests and their answers.

A request takes at most 100 texts, so more become several requests. Each text is a content of its own: several parts in
one content give one vector (gemini-embedding-2). Nothing says whether a text may be cut, so `Embed.truncate` has no
counterpart. Source: google-genai 3.6.1, ai.google.dev (Nov 2026).
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from cortex.chat import Embed, Usage, Vectors
from cortex.messages import Failure
from cortex.providers.base import Wire
from cortex.providers.foreign import UNREADABLE
from cortex.providers.gemini_answer import Counts, unreadable
from cortex.providers.gemini_errors import said_in
from cortex.providers.gemini_request import path_of

MAX_TEXTS = 100
"""Texts in one request."""

_TASKS: Mapping[str, str] = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_UNIT = 1e-3
"""How far from 1 the length of a vector may be that counts as normalised."""


class _Embedding(Struct):
    values: tuple[float, ...]


class _Answer(Struct, rename="camel"):
    embeddings: list[_Embedding] | None = None
    usage_metadata: Counts | None = None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Answer)


def embed_written(embed: Embed, model: str) -> Wire:
    """Return the request for the vectors of all texts, with more behind it where they are more than 100."""
    batches = [embed.inputs[start : start + MAX_TEXTS] for start in range(0, len(embed.inputs) or 1, MAX_TEXTS)]
    first, *more = (_wire(embed, batch, model) for batch in batches)
    return msgspec.structs.replace(first, more=tuple(more))


def vectors_read(body: bytes) -> Vectors | Failure:
    """Read the answer to one request."""
    try:
        answer = _decoder.decode(body)
    except UNREADABLE as error:
        return unreadable(body, error)
    if not answer.embeddings:
        return said_in(body) or Failure("malformed", "the answer has no embeddings")
    usage = answer.usage_metadata.usage() if answer.usage_metadata else Usage()
    return Vectors(tuple(_of_length_one(embedding.values) for embedding in answer.embeddings), usage)


def _wire(embed: Embed, texts: tuple[str, ...], model: str) -> Wire:
    common: dict[str, Any] = {"model": f"models/{model}"}
    if embed.purpose in _TASKS:
        common["taskType"] = _TASKS[embed.purpose]
    if embed.dimensions is not None:
        common["outputDimensionality"] = embed.dimensions
    requests = [{**common, "content": {"parts": [{"text": text}]}} for text in texts]
    return Wire(path_of(model, "batchEmbedContents"), _encoder.encode({"requests": requests}))


def _of_length_one(values: tuple[float, ...]) -> tuple[float, ...]:
    """Return a vector normalised, as clients of the other dialects count on; gemini-embedding-001 does so at 3072 only."""
    length = math.hypot(*values)
    if length == 0 or abs(length - 1) < _UNIT:
        return values
    return tuple(value / length for value in values)
