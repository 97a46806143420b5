"""The Ollama dialect: `POST /api/chat`, `/api/generate`, `/api/embed` and `/api/embeddings`. Pure.

What the bodies may hold is in `ollama_body`, what they mean in `ollama_check` and `ollama_chat`, what goes back in
`ollama_shape` and `ollama_stream`, and all of it for embeddings in `ollama_embed`; here is only how they fit together.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from cortex.chat import Ask, Delta, Need, Vectors
from cortex.endpoint.dialect import Problem
from cortex.endpoint.ollama_body import EXPECTED, ChatBody, GenerateBody, Options
from cortex.endpoint.ollama_chat import chat_of, chat_of_generate
from cortex.endpoint.ollama_check import check_chat, check_generate, needs_of_chat, needs_of_generate
from cortex.endpoint.ollama_embed import (
    EmbedBody,
    EmbedOneBody,
    check_embed,
    embed_of,
    embed_of_one,
    embedded,
    needs_of_body,
)
from cortex.endpoint.ollama_shape import Stamp, call_of, counts_of, done_of
from cortex.endpoint.ollama_stream import OllamaRenderer
from cortex.endpoint.reading import read_as
from cortex.endpoint.whole import put_together
from cortex.messages import Request

LOAD_NEEDS: frozenset[Need] = frozenset({"raw_prompt"})
"""Only an Ollama has models to load."""


class _Operation(NamedTuple):
    """How one of the bodies is read."""

    decoder: "msgspec.json.Decoder[Any]"
    check: Callable[[Any], None]
    needs: Callable[[Any], frozenset[Need]]
    neutral: Callable[[Any], Ask]


_OPERATIONS = {
    "chat": _Operation(msgspec.json.Decoder(ChatBody), check_chat, needs_of_chat, chat_of),
    "generate": _Operation(msgspec.json.Decoder(GenerateBody), check_generate, needs_of_generate, chat_of_generate),
    "embed": _Operation(msgspec.json.Decoder(EmbedBody), check_embed, needs_of_body, embed_of),
    "embed_one": _Operation(msgspec.json.Decoder(EmbedOneBody), check_embed, needs_of_body, embed_of_one),
}


class Ollama:
    """The client dialect; `now` is the wall clock in seconds, for `created_at` and durations."""

    name = "ollama"
    id_header = "x-request-id"
    stream_type = "application/x-ndjson"

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._stamp = Stamp()

    def read(self, operation: str, body: bytes) -> Request:
        """Read and check a body. Raises BadRequest.

        A request that only loads or unloads a model is marked (`is_load`), never streams, and needs an Ollama.
        """
        how = _OPERATIONS[operation]
        parsed = read_as(how.decoder, body, EXPECTED)
        how.check(parsed)
        request = Request(
            dialect="ollama",
            operation=operation,
            model=parsed.model or "",
            stream=parsed.stream is not False,
            body=body,
            parsed=parsed,
            needs=how.needs(parsed),
            max_tokens=_bound(parsed.options),
        )
        if parsed.is_load:
            request.is_load, request.stream = True, False
            request.needs = LOAD_NEEDS
        return request

    def neutral(self, request: Request) -> Ask:
        """Translate a request. Raises BadRequest for JSON inside it that cannot be read."""
        return _OPERATIONS[request.operation].neutral(request.parsed)

    def answer(self, request: Request, model: str, deltas: list[Delta]) -> bytes:
        """Write a whole answer; its duration is what the upstream spent, where it says so."""
        choices, usage = put_together(deltas)
        choice = choices[0]
        said: dict[str, Any] = {}
        if choice.reasoning:
            said["thinking"] = choice.reasoning
        if choice.calls:
            said["tool_calls"] = [call_of(call, index) for index, call in enumerate(choice.calls)]
        end: dict[str, Any] = {"done_reason": done_of(choice.finish)}
        if choice.logprobs:
            end["logprobs"] = choice.logprobs
        end |= counts_of(usage, total_s=usage.load_s + usage.eval_s, eval_s=0.0)
        return self._object(request, model, choice.text, said, end)

    def load_answer(self, request: Request, model: str) -> bytes:
        """Write the answer to a request that only loads or unloads: one object, whatever `stream` says."""
        if request.operation in {"embed", "embed_one"}:
            return embedded(request, model, Vectors(()))
        reason = "unload" if request.parsed.unloads else "load"
        return self._object(request, model, "", {}, {"done_reason": reason})

    def embedded(self, request: Request, model: str, vectors: Vectors) -> bytes:
        """Write the answer to a request for embeddings."""
        return embedded(request, model, vectors)

    def renderer(self, request: Request, model: str) -> OllamaRenderer:
        """Make the writer of one stream of lines."""
        return OllamaRenderer(model=model, operation=request.operation, now=self._now, stamp=self._stamp)

    def error(self, problem: Problem) -> bytes:
        """Write the error object."""
        return msgspec.json.encode({"error": problem.message})

    def _object(self, request: Request, model: str, text: str, said: dict[str, Any], end: dict[str, Any]) -> bytes:
        """Return a whole answer; what is said belongs to the message of a chat, and stands by itself in a generate."""
        head = {"model": model, "created_at": self._stamp(self._now()).decode()}
        if request.operation == "chat":
            content: dict[str, Any] = {"message": {"role": "assistant", "content": text, **said}}
        else:
            content = {"response": text, **said}
        return msgspec.json.encode({**head, **content, "done": True, **end})


def _bound(options: Options | None) -> int | None:
    """Return the most tokens that a client wants; a negative `num_predict` is no bound."""
    bound = None if options is None else options.num_predict
    return None if bound is None or bound < 0 else int(bound)
