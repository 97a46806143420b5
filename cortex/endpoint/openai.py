"""The OpenAI dialect: `POST /v1/chat/completions`. Pure.

What a body may hold is in `openai_body`, what it means in `openai_check` and `openai_chat`, what goes back in
`openai_shape` and `openai_stream`; here is only how they fit together.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from cortex.chat import Ask, Delta, Vectors
from cortex.endpoint.dialect import Problem
from cortex.endpoint.openai_body import EXPECTED, ChatBody
from cortex.endpoint.openai_chat import to_chat
from cortex.endpoint.openai_check import check, needs_of_body
from cortex.endpoint.openai_shape import (
    call_of,
    error_of,
    finish_of,
    function_call_of,
    logprobs_of,
    thoughts_of,
    usage_of,
)
from cortex.endpoint.openai_stream import OpenAIRenderer
from cortex.endpoint.openai_tools import is_legacy
from cortex.endpoint.reading import read_as
from cortex.endpoint.whole import Choice, put_together
from cortex.messages import Request

_decoder = msgspec.json.Decoder(ChatBody)


class OpenAI:
    """The client dialect; `now` is the wall clock in seconds, for `created`."""

    name = "openai"
    stream_type = "text/event-stream; charset=utf-8"

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def read(self, operation: str, body: bytes) -> Request:
        """Read and check a body; `operation` is `chat`. Raises BadRequest."""
        parsed = read_as(_decoder, body, EXPECTED)
        check(parsed)
        stream = bool(parsed.stream)
        options = parsed.stream_options
        return Request(
            dialect="openai",
            operation=operation,
            model=parsed.model or "",
            stream=stream,
            body=body,
            parsed=parsed,
            needs=needs_of_body(parsed),
            include_usage=not stream or (options is not None and bool(options.include_usage)),
        )

    def neutral(self, request: Request) -> Ask:
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

    def embedded(self, request: Request, model: str, vectors: Vectors) -> bytes:
        """Write the answer to a request for embeddings."""
        raise NotImplementedError

    def renderer(self, request: Request, model: str) -> OpenAIRenderer:
        """Make the writer of one stream of chunks."""
        return OpenAIRenderer(
            answer_id=_answer_id(request),
            created=int(self._now()),
            model=model,
            include_usage=request.include_usage,
            is_legacy=is_legacy(request.parsed),
        )

    def error(self, problem: Problem) -> bytes:
        """Write the error envelope."""
        return msgspec.json.encode(error_of(problem))


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
