"""Embeddings as OpenAI's /embeddings has them: writing a request, reading its vectors, checking an answer that passes.

Facts: OpenAI's OpenAPI document 2.3.0, 21 Aug 2026; at most 2,048 texts a request (a limit on their tokens together,
300,000, is left to the upstream: only its tokenizer can count them).
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from cortex.chat import Embed, Usage, Vectors
from cortex.messages import Failure
from cortex.providers.base import Whole
from cortex.providers.errors import heard, inband, safe
from cortex.providers.foreign import UNREADABLE
from cortex.providers.openai_answer import UsageBody, unreadable
from cortex.providers.openai_errors import RULES
from cortex.providers.rewrite import Fields, raw

MAX_TEXTS = 2048


class _Vector(Struct):
    embedding: tuple[float, ...]
    index: int | None = None
    """Left out by some servers, which then answer in order."""


class _Read(Struct):
    data: list[_Vector] | None = None
    usage: UsageBody | None = None
    error: Any = None


class _Checked(Struct):
    data: list[Raw] | None = None
    usage: UsageBody | None = None
    error: Any = None


T = TypeVar("T", _Read, _Checked)

_read = msgspec.json.Decoder(_Read)
_checked = msgspec.json.Decoder(_Checked)


def written(embed: Embed, model: str) -> list[Fields]:
    """Return the fields of as many requests as it takes.

    `truncate` and `purpose` have no words here: a text that is too long is always refused, and vectors serve any purpose.
    """
    texts = embed.token_inputs or embed.inputs
    return [
        {name: raw(value) for name, value in _fields(embed, model, texts[at : at + MAX_TEXTS])}
        for at in range(0, len(texts) or 1, MAX_TEXTS)
    ]


def _fields(embed: Embed, model: str, texts: tuple[Any, ...]) -> list[tuple[str, Any]]:
    fields = [("model", model), ("input", texts), ("encoding_format", "float")]
    return fields if embed.dimensions is None else [*fields, ("dimensions", embed.dimensions)]


def vectors(body: bytes) -> Vectors | Failure:
    """Read an answer; its vectors are put in order by their index, of which each must be there once."""
    answer = _good(_read, body)
    if isinstance(answer, Failure):
        return answer
    placed = {at if one.index is None else one.index: one.embedding for at, one in enumerate(answer.data or ())}
    if placed.keys() != set(range(len(answer.data or ()))):
        return Failure("malformed", "the vectors of the answer are not numbered from 0 on, each once")
    return Vectors(tuple(placed[at] for at in range(len(placed))), _usage(answer))


def whole(body: bytes) -> Whole | Failure:
    """Check an answer that is let through: it has data. The vectors are not looked into."""
    answer = _good(_checked, body)
    return answer if isinstance(answer, Failure) else Whole(body, _usage(answer))


def _good(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T | Failure:
    try:
        answer = decoder.decode(body)
    except UNREADABLE as error:
        return unreadable(body, error, RULES)
    if answer.error:
        return inband(RULES, answer.error)
    if not answer.data:
        return Failure("malformed", safe(f"the answer has no vectors: {heard(body).message}"))
    return answer


def _usage(answer: _Read | _Checked) -> Usage:
    return answer.usage.usage() if answer.usage else Usage()
