"""One streamed answer as the server-sent events of a chat completion. Pure.

Theory of operation: most events carry a piece of text and nothing else, so the JSON around it is made once for a stream
and such an event costs one encoded string between two byte strings. What clients rely on:

- the first chunk of a choice carries the role, no later one does; it goes out with the first delta, never before;
- a tool call is one delta with everything (index, id, type, name, whole arguments), the index counted in its choice;
- the chunk that finishes a choice has an empty delta;
- usage is a last chunk without choices, only for a client that asked for it; then all other chunks have `"usage":null`;
- `[DONE]` says that the answer is whole. It never follows an error: SDKs stop reading at either.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from cortex.chat import Delta, Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import Problem
from cortex.endpoint.openai_shape import (
    call_of,
    error_of,
    finish_of,
    function_call_of,
    logprobs_of,
    thoughts_of,
    usage_of,
)
from cortex.providers.sse import datas

if TYPE_CHECKING:
    from cortex.endpoint.openai_body import ChatBody
    from cortex.endpoint.openai_completion_body import CompletionBody

_HEAD = ("id", "object", "created", "model", "system_fingerprint")
"""The fields that are the same in every event."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def wants_usage(body: "ChatBody | CompletionBody") -> bool:
    """Say whether the answer is to end with its counts: a whole one always, a stream only where asked."""
    options = body.stream_options
    return not body.stream or (options is not None and bool(options.include_usage))


class Chunks:
    """What the streams of chat and of text completions have in common: how an event begins, the counts, the end."""

    def __init__(self, *, answer_id: str, kind: str, created: int, model: str, include_usage: bool) -> None:
        """Begin every event as an object of that kind; with `include_usage` the counts come last."""
        self._begin({"id": answer_id, "object": kind, "created": created, "model": model, "system_fingerprint": None})
        self._tail = b',"usage":null}\n\n' if include_usage else b"}\n\n"
        self._include_usage = include_usage
        self._usage = Usage()

    def _begin(self, head: dict[str, Any]) -> None:
        """Let every event begin with these fields."""
        self._head = b"data: " + _encode(head)[:-1]

    def go_on(self, sent: bytes, said: list[Delta]) -> None:
        """Write on as whoever wrote `sent`: under the same id, time and name of the model."""
        first = _decode(datas(sent)[0])
        head = {key: first[key] for key in _HEAD if key in first}
        if head:  # else there is nothing to be true to
            self._begin(head)

    def close(self) -> bytes:
        """Return the usage, where it was asked for, and `[DONE]`."""
        if not self._include_usage:
            return b"data: [DONE]\n\n"
        return self._head + b',"choices":[],"usage":' + _encode(usage_of(self._usage)) + b"}\n\ndata: [DONE]\n\n"

    def comment(self, text: str) -> bytes:
        """Return a comment."""
        return comment_of(text)

    def error(self, problem: Problem) -> bytes:
        """Return the error event; the SDKs raise at any event with a truthy `error`."""
        return b"data: " + _encode(error_of(problem)) + b"\n\n"


def comment_of(text: str) -> bytes:
    """Return a comment that clients ignore, on one line whatever is in it."""
    return f": {' '.join(text.split())}\n\n".encode()


class OpenAIRenderer(Chunks):
    """Writes the events of a chat completion; see the module's docstring."""

    def __init__(self, *, answer_id: str, created: int, model: str, include_usage: bool, is_legacy: bool) -> None:
        """Write for a client that knows functions and no tools where `is_legacy`."""
        super().__init__(
            answer_id=answer_id,
            kind="chat.completion.chunk",
            created=created,
            model=model,
            include_usage=include_usage,
        )
        self._text_tail = b'},"logprobs":null,"finish_reason":null}]' + self._tail
        self._is_legacy = is_legacy
        self._calls: dict[int, int] = {}
        """How many tool calls each choice has had; a choice is in it once its role is written."""

    def _begin(self, head: dict[str, Any]) -> None:
        super()._begin(head)
        self._text_head = self._head + b',"choices":[{"index":0,"delta":{"content":'

    def go_on(self, sent: bytes, said: list[Delta]) -> None:
        """Write on as whoever wrote `sent`."""
        super().go_on(sent, said)
        self.render(said)  # for the roles and the calls that the client has

    def render(self, deltas: list[Delta]) -> bytes:
        """Return the events for `deltas`."""
        events: list[bytes] = []
        for delta in deltas:
            if isinstance(delta, Usage):
                self._usage = delta
                continue
            choice = delta.choice
            if choice not in self._calls:
                self._calls[choice] = 0
                events.append(self._chunk(choice, {"role": "assistant", "content": "", "refusal": None}))
            if isinstance(delta, TextDelta) and not choice and not delta.logprobs:
                events += (self._text_head, _encode(delta.text), self._text_tail)
            else:
                events.append(self._event(delta))
        return b"".join(events)

    def _event(self, delta: "TextDelta | ReasoningDelta | ToolCall | Finish") -> bytes:
        match delta:
            case TextDelta():
                return self._chunk(delta.choice, {"content": delta.text}, logprobs=logprobs_of(delta.logprobs))
            case ReasoningDelta():
                return self._chunk(delta.choice, thoughts_of(delta.text))
            case ToolCall():
                return self._chunk(delta.choice, self._call(delta))
            case Finish():
                return self._chunk(delta.choice, {}, finish=finish_of(delta.reason, is_legacy=self._is_legacy))

    def _call(self, call: ToolCall) -> dict[str, Any]:
        index = self._calls[call.choice]
        self._calls[call.choice] += 1
        if self._is_legacy:
            return {"function_call": function_call_of(call)}
        return {"tool_calls": [{"index": index, **call_of(call)}]}

    def _chunk(
        self,
        choice: int,
        delta: dict[str, Any],
        *,
        logprobs: dict[str, Any] | None = None,
        finish: str | None = None,
    ) -> bytes:
        choices = [{"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish}]
        return self._head + b',"choices":' + _encode(choices) + self._tail
