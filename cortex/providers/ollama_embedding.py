"""Embeddings as Ollama has them, today's /api/embed and the older /api/embeddings of one text.

Only the former is written; an answer of either is let through to a client that asked for it, since the two are not the
same: /api/embed gives vectors of length 1, /api/embeddings as the model made them. Source: ollama/ollama
server/routes.go, 21 Aug 2026.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from cortex.chat import Embed, Usage, Vectors
from cortex.messages import Failure, Request
from cortex.providers.base import Whole
from cortex.providers.errors import heard, inband_text, safe
from cortex.providers.foreign import UNREADABLE
from cortex.providers.ollama_errors import RULES
from cortex.providers.rewrite import Fields, raw

EMBED = "/api/embed"
EMBED_ONE = "/api/embeddings"

_S = 1e-9
"""Seconds in a nanosecond, Ollama's unit of durations."""


class _Counts(Struct):
    prompt_eval_count: int | None = None
    load_duration: int | None = None
    total_duration: int | None = None
    error: Any = None


class _Read(_Counts):
    embeddings: tuple[tuple[float, ...], ...] | None = None


class _Checked(_Counts):
    embeddings: list[Raw] | None = None
    embedding: list[Raw] | None = None


T = TypeVar("T", _Read, _Checked)

_read = msgspec.json.Decoder(_Read)
_checked = msgspec.json.Decoder(_Checked)


def written(embed: Embed, model: str) -> Fields:
    """Return the fields of the request body; `purpose` has no word here, since the text itself says it (a prefix)."""
    fields: dict[str, Any] = {"model": model, "input": embed.inputs}
    if embed.dimensions is not None:
        fields["dimensions"] = embed.dimensions
    if embed.truncate is not None:
        fields["truncate"] = embed.truncate
    return {name: raw(value) for name, value in fields.items()}


def vectors(body: bytes) -> Vectors | Failure:
    """Read the answer of /api/embed."""
    answer = _good(_read, body)
    if isinstance(answer, Failure):
        return answer
    return Vectors(answer.embeddings, _usage(answer)) if answer.embeddings else _none(body)


def whole(request: Request, body: bytes) -> Whole | Failure:
    """Check an answer that is let through: it has vectors, unless the request only loads a model."""
    answer = _good(_checked, body)
    if isinstance(answer, Failure):
        return answer
    found = answer.embedding if request.operation == "embed_one" else answer.embeddings
    return Whole(body, _usage(answer)) if found or (request.is_load and found is not None) else _none(body)


def _good(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T | Failure:
    try:
        answer = decoder.decode(body)
    except UNREADABLE as error:
        return Failure("malformed", safe(f"this is not in Ollama's dialect ({error}): {heard(body).message}"))
    return inband_text(RULES, body) if answer.error else answer


def _none(body: bytes) -> Failure:
    return Failure("malformed", safe(f"the answer has no vectors: {heard(body).message}"))


def _usage(answer: _Counts) -> Usage:
    load_s = (answer.load_duration or 0) * _S
    total_s = (answer.total_duration or 0) * _S
    return Usage(input_tokens=answer.prompt_eval_count or 0, load_s=load_s, eval_s=max(0.0, total_s - load_s))
