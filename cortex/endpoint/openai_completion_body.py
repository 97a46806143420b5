"""The body of `POST /v1/completions`, as a typed struct; what its fields say together, and what they need. Pure.

The API of before chats, still in use by editors and by scripts that score texts. Facts: OpenAI's document 2.3.0 (21
August 2026). Unknown fields are ignored.
"""

from typing import Annotated

from msgspec import Meta, Struct

from cortex.chat import Need
from cortex.endpoint.openai_body import Bias, Penalty, StreamOptions
from cortex.endpoint.openai_embedding_input import INPUT, Input, texts_of
from cortex.endpoint.problems import refuse


class CompletionBody(Struct, frozen=True):
    """A request for a completion of a text."""

    prompt: Input
    model: str | None = None
    suffix: str | None = None
    """What comes after the answer: the model fills the middle."""
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    best_of: Annotated[int, Meta(ge=1)] | None = None
    """How many are made, of which the best `n` come back."""
    echo: bool | None = None
    """The prompt is to stand before the answer."""
    logprobs: Annotated[int, Meta(ge=0)] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    """OpenAI takes 16 where it is absent; here that is left to the upstream. 0 only scores the prompt."""
    stop: str | list[str] | None = None
    seed: int | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | None = None
    user: str | None = None

    top_k: int | None = None
    """Of servers at home (vLLM, llama.cpp, LM Studio), as are the next three."""
    min_p: float | None = None
    repeat_penalty: float | None = None
    repetition_penalty: float | None = None


EXPECTED = {"prompt": INPUT, "prompt[]": "a string, a token id or an array of token ids"}
"""What is allowed where msgspec only says that a value is not."""


def check(body: CompletionBody) -> None:
    """Raise BadRequest for fields that are each right and wrong together."""
    texts_of(body.prompt, "prompt")
    if body.best_of is not None and body.best_of < (body.n or 1):
        raise refuse(f"expected at least n, which is {body.n}, found {body.best_of}", "best_of")


def is_conversation(body: CompletionBody) -> bool:
    """Say whether it asks for what a conversation can say as well: one text, and nothing but its continuation."""
    texts = texts_of(body.prompt, "prompt")
    is_chosen = body.best_of is not None and body.best_of > (body.n or 1)
    is_scored = body.logprobs is not None or body.max_tokens == 0
    return not (body.echo or is_chosen or is_scored) and len(texts.words) == 1 and bool(texts.words[0])


def needs_of_completion(body: CompletionBody) -> frozenset[Need]:
    """Return what a provider must be able to express so that nothing of the request is lost."""
    needs: set[Need] = {"legacy_completion"}
    if is_conversation(body):
        needs = {"raw_prompt" if body.suffix else "chat"}
    texts = texts_of(body.prompt, "prompt")
    if (body.n or 1) * max(len(texts.words), len(texts.ids)) > 1:  # each prompt has its own choices
        needs.add("n")
    if body.logit_bias:
        needs.add("logit_bias")
    if body.top_k is not None:
        needs.add("top_k")
    if not (body.min_p is body.repeat_penalty is body.repetition_penalty is None):
        needs.add("local_sampling")
    return frozenset(needs)
