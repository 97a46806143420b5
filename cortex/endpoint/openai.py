"""The OpenAI dialect: chat completions, completions, embeddings and responses. Pure.

Each operation is an object of its own that reads its body and writes its answers; the dialect finds it by the request's
`operation`. Here is the one of `POST /v1/chat/completions` too: what its body may hold is in `openai_body`, what it means
in `openai_check` and `openai_chat`, what goes back in `openai_shape` and `openai_stream`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from cortex.chat import Ask, Chat, Delta, Vectors
from cortex.endpoint.dialect import Problem, Renderer
from cortex.endpoint.openai_body import EXPECTED, ChatBody
from cortex.endpoint.openai_chat import to_chat
from cortex.endpoint.openai_check import check, needs_of_body
from cortex.endpoint.openai_completion import Completions
from cortex.endpoint.openai_embedding import Embeddings
from cortex.endpoint.openai_responses import Responses
from cortex.endpoint.openai_shape import (
    call_of,
    error_of,
    finish_of,
    function_call_of,
    logprobs_of,
    thoughts_of,
    usage_of,
)
from cortex.endpoint.openai_stream import OpenAIRenderer, wants_usage
from cortex.endpoint.openai_tools import is_legacy
from cortex.endpoint.reading import read_as
from cortex.endpoint.whole import Choice, put_together
from cortex.messages import Request

_decoder = msgspec.json.Decoder(ChatBody)


class Operation(Protocol):
    """One of the API's paths, as far as its requests go."""

    def read(self, body: bytes) -> Request:
        """Read and check a body. Raises BadRequest."""
        ...

    def neutral(self, request: Request) -> Ask:
        """Translate a request. Raises BadRequest."""
        ...


class Talk(Operation, Protocol):
    """One that is answered with text."""

    def answer(self, request: Request, model: str, deltas: list[Delta]) -> bytes:
        """Write a whole answer."""
        ...

    def renderer(self, request: Request, model: str) -> Renderer:
        """Make the writer of one streamed answer."""
        ...


class OpenAI:
    """The client dialect; `now` is the wall clock in seconds, for `created`."""

    name = "openai"
    stream_type = "text/event-stream; charset=utf-8"
    id_header = "x-request-id"

    def __init__(self, now: Callable[[], float]) -> None:
        self._talks: dict[str, Talk] = {
            "chat": ChatCompletions(now),
            "complete": Completions(now),
            "respond": Responses(now),
        }
        self._embeddings = Embeddings()
        self._operations: dict[str, Operation] = {**self._talks, "embed": self._embeddings}

    def read(self, operation: str, body: bytes) -> Request:
        """Read and check a body; `operation` is `chat`, `complete`, `embed` or `respond`. Raises BadRequest."""
        return self._operations[operation].read(body)

    def neutral(self, request: Request) -> Ask:
        """Translate a request. Raises BadRequest for what can only pass through."""
        return self._operations[request.operation].neutral(request)

    def answer(self, request: Request, model: str, deltas: list[Delta]) -> bytes:
        """Write a whole answer."""
        return self._talks[request.operation].answer(request, model, deltas)

    def embedded(self, request: Request, model: str, vectors: Vectors) -> bytes:
        """Write the answer to a request for embeddings."""
        return self._embeddings.embedded(request, model, vectors)

    def renderer(self, request: Request, model: str) -> Renderer:
        """Make the writer of one streamed answer."""
        return self._talks[request.operation].renderer(request, model)

    def error(self, problem: Problem) -> bytes:
        """Write the error envelope."""
        return msgspec.json.encode(error_of(problem))


class ChatCompletions:
    """The operation `chat`; `now` is the wall clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def read(self, body: bytes) -> Request:
        """Read and check a body. Raises BadRequest."""
        parsed = read_as(_decoder, body, EXPECTED)
        check(parsed)
        return Request(
            dialect="openai",
            operation="chat",
            model=parsed.model or "",
            stream=bool(parsed.stream),
            body=body,
            parsed=parsed,
            needs=needs_of_body(parsed),
            include_usage=wants_usage(parsed),
            max_tokens=parsed.max_completion_tokens or parsed.max_tokens,
        )

    def neutral(self, request: Request) -> Chat:
        """Translate a request. Raises BadRequest for audio, files and custom tools: those can only pass through."""
        return to_chat(request.parsed, request.needs)

    def answer(self, request: Request, model: str, deltas: list[Delta]) -> bytes:
        """Write a `chat.completion`."""
        choices, usage = put_together(deltas)
        legacy = is_legacy(request.parsed)
        return msgspec.json.encode(
            {
                "id": _answer_id(request),
                "object": "chat.completion",
                "created": int(self._now()),
                "model": model,
                "choices": [_choice(choice, is_legacy=legacy) for choice in choices],
                "usage": usage_of(usage),
                "system_fingerprint": None,
            }
        )

    def renderer(self, request: Request, model: str) -> OpenAIRenderer:
        """Make the writer of one stream of chunks."""
        return OpenAIRenderer(
            answer_id=_answer_id(request),
            created=int(self._now()),
            model=model,
            include_usage=request.include_usage,
            is_legacy=is_legacy(request.parsed),
        )


def _answer_id(request: Request) -> str:
    return f"chatcmpl-{request.id}"


def _choice(choice: Choice, *, is_legacy: bool) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": choice.text or (None if choice.calls else ""),
        "refusal": None,
        "annotations": [],
    }
    if choice.reasoning:
        message |= thoughts_of(choice.reasoning)
    if choice.calls and is_legacy:
        message["function_call"] = function_call_of(choice.calls[0])
    elif choice.calls:
        message["tool_calls"] = [call_of(call) for call in choice.calls]
    return {
        "index": choice.index,
        "message": message,
        "logprobs": logprobs_of(choice.logprobs),
        "finish_reason": finish_of(choice.finish, is_legacy=is_legacy),
    }
