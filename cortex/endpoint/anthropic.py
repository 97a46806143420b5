"""The Anthropic dialect: `POST /v1/messages` and `/v1/messages/count_tokens`. Pure.

What a body may hold is in `anthropic_body`, what it means in `anthropic_check`, `anthropic_turns` and `anthropic_chat`,
what goes back in `anthropic_shape` and `anthropic_stream`; here is only how they fit together.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from cortex.chat import Ask, Chat, Delta, Vectors
from cortex.endpoint import anthropic_body as sent
from cortex.endpoint.anthropic_chat import refuse_pass_only, to_chat
from cortex.endpoint.anthropic_check import check, needs_of_body
from cortex.endpoint.anthropic_names import true_names
from cortex.endpoint.anthropic_shape import call_of, error_of, message_of, stop_of, thinking_of, usage_of
from cortex.endpoint.anthropic_stream import AnthropicRenderer
from cortex.endpoint.dialect import Problem
from cortex.endpoint.reading import read_as
from cortex.endpoint.tokens import estimated_tokens
from cortex.endpoint.whole import put_together
from cortex.messages import Request

_decoders: "dict[str, msgspec.json.Decoder[Any]]" = {
    "chat": msgspec.json.Decoder(sent.MessagesBody),
    "count": msgspec.json.Decoder(sent.Body),
}


class Parsed:
    """A body, and its translation once somebody has asked for it: a stream needs it twice, and a retry again."""

    __slots__ = ("_chat", "body")

    def __init__(self, body: sent.Body) -> None:
        self.body = body
        self._chat: Chat | None = None

    def chat(self) -> Chat:
        """Return the translation. Raises BadRequest."""
        if self._chat is None:
            self._chat = to_chat(self.body)
        return self._chat


class Anthropic:
    """The client dialect. It is made like the others, with a clock; but nothing in its answers bears a time."""

    name = "anthropic"
    stream_type = "text/event-stream; charset=utf-8"
    id_header = "request-id"

    def __init__(self, now: Callable[[], float]) -> None:
        del now

    def read(self, operation: str, body: bytes) -> Request:
        """Read and check a body; `operation` is `chat`, or `count` for `counted`. Raises BadRequest."""
        parsed: sent.Body = read_as(_decoders[operation], body, sent.EXPECTED)
        check(parsed)
        return Request(
            dialect="anthropic",
            operation=operation,
            model=parsed.model,
            stream=bool(parsed.stream) and operation == "chat",
            body=body,
            parsed=Parsed(parsed),
            needs=needs_of_body(parsed),
            max_tokens=parsed.max_tokens,
        )

    def neutral(self, request: Request) -> Ask:
        """Translate a request. Raises BadRequest for files, citations and Anthropic's own tools."""
        refuse_pass_only(request.needs)
        return _parsed(request).chat()

    def counted(self, request: Request) -> bytes:
        """Write the answer to a `count`: an estimate, in which what can only pass through is not counted."""
        return msgspec.json.encode({"input_tokens": estimated_tokens(_parsed(request).chat())})

    def answer(self, request: Request, model: str, deltas: list[Delta]) -> bytes:
        """Write a message."""
        parsed = _parsed(request)
        choices, usage = put_together(deltas)
        choice = choices[0]
        names = _true_names(parsed.body)
        content: list[dict[str, Any]] = []
        if choice.reasoning and _shows_thinking(parsed.body):
            content.append(thinking_of(choice.reasoning))
        if choice.text:
            content.append({"type": "text", "text": choice.text})
        content += [call_of(call, names) for call in choice.calls]
        end = {
            "stop_reason": stop_of(choice.finish, has_calls=bool(choice.calls)),
            "usage": usage_of(usage, 0 if usage.input_tokens else estimated_tokens(parsed.chat())),
        }
        return msgspec.json.encode(message_of(_answer_id(request), model, content, end))

    def embedded(self, request: Request, model: str, vectors: Vectors) -> bytes:
        """Fail: this API has no embeddings, so no request of this dialect is for any."""
        raise NotImplementedError

    def renderer(self, request: Request, model: str) -> AnthropicRenderer:
        """Make the writer of one stream of events."""
        parsed = _parsed(request)
        return AnthropicRenderer(
            answer_id=_answer_id(request),
            model=model,
            names=_true_names(parsed.body),
            estimate=lambda: estimated_tokens(parsed.chat()),
            shows_thinking=_shows_thinking(parsed.body),
        )

    def error(self, problem: Problem) -> bytes:
        """Write the error envelope."""
        return msgspec.json.encode(error_of(problem))


def _parsed(request: Request) -> Parsed:
    parsed: Parsed = request.parsed
    return parsed


def _answer_id(request: Request) -> str:
    return f"msg_{request.id}"


def _true_names(body: sent.Body) -> dict[str, str]:
    return true_names(tool.name for tool in body.tools or () if tool.name is not None)


def _shows_thinking(body: sent.Body) -> bool:
    """Say whether the answer may show its thinking; some models think though they are told not to."""
    match body.thinking:
        case sent.Disabled():
            return False
        case sent.Enabled(display=display) | sent.Adaptive(display=display):
            return display != "omitted"
    return True
