"""Ollama's embeddings: `POST /api/embed`, and `/api/embeddings`, the older way for one text. Pure.

Facts: the server's source as of 21 August 2026 and the official Python client 0.6.3. One without a text loads the model,
as a chat without messages does. Of the `options` nothing changes a vector but how the model is loaded, which each worker
decides; they pass on to an Ollama and mean nothing elsewhere.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from cortex.chat import Embed, Need, Vectors, needs_of_embed
from cortex.endpoint.ollama_body import ChatBody, Options
from cortex.endpoint.ollama_check import check_chat
from cortex.endpoint.ollama_shape import counts_of
from cortex.messages import Request

_COUNTS = ("total_duration", "load_duration", "prompt_eval_count")
_NEEDS = needs_of_embed(Embed())


class _Body(Struct, frozen=True):
    model: str | None = None
    options: Options | None = None
    keep_alive: float | str | None = None
    """As in a chat."""

    @property
    def loading(self) -> ChatBody:
        """What it says of loading the model: the same as a chat that asks nothing."""
        return ChatBody(model=self.model, options=self.options, keep_alive=self.keep_alive)

    @property
    def unloads(self) -> bool:
        """The model is to leave memory at once."""
        return self.loading.unloads

    @property
    def stream(self) -> bool:
        """Vectors come in one piece."""
        return False


class EmbedBody(_Body, frozen=True):
    """A request for the vectors of some texts."""

    input: str | list[str] | None = None
    truncate: bool | None = None
    """Cut a text that is too long; absent means true."""
    dimensions: Annotated[int, Meta(ge=0)] | None = None
    """0 is as good as absent."""

    @property
    def is_load(self) -> bool:
        """Nothing is asked: the model is to be loaded, or unloaded where `unloads` is true."""
        return not self.input


class EmbedOneBody(_Body, frozen=True):
    """A request for the vector of one text."""

    prompt: str | None = None

    @property
    def is_load(self) -> bool:
        """Nothing is asked: the model is to be loaded, or unloaded where `unloads` is true."""
        return not self.prompt


def check_embed(body: EmbedBody | EmbedOneBody) -> None:
    """Raise BadRequest for what is wrong in a body."""
    check_chat(body.loading)


def needs_of_body(_: EmbedBody | EmbedOneBody) -> frozenset[Need]:
    """Return what a provider must be able to express."""
    return _NEEDS


def embed_of(body: EmbedBody) -> Embed:
    """Translate a body; a text that is too long is cut unless the client forbids it, as Ollama does."""
    texts = (body.input,) if isinstance(body.input, str) else tuple(body.input or ())
    return Embed(inputs=texts, dimensions=body.dimensions or None, truncate=body.truncate is not False)


def embed_of_one(body: EmbedOneBody) -> Embed:
    """Translate the older body."""
    return Embed(inputs=(body.prompt or "",), truncate=True)


def embedded(request: Request, model: str, vectors: Vectors) -> bytes:
    """Write the answer; without vectors the one to a request that only loads."""
    if request.operation == "embed_one":
        return msgspec.json.encode({"embedding": vectors.values[0] if vectors.values else ()})
    usage = vectors.usage
    counts = counts_of(usage, total_s=usage.load_s + usage.eval_s, eval_s=0.0)
    answer: dict[str, Any] = {"model": model, "embeddings": vectors.values}
    return msgspec.json.encode(answer | {name: counts[name] for name in _COUNTS})
