"""One streamed answer as Ollama's lines of JSON (NDJSON). Pure.

Most lines carry a piece of text and nothing else, so the JSON around it is made once for a stream. The last line
(`done: true`, with the counts) is written by `close`, since usage may come after the finish. There are no comments here
and never an empty line: the Python client parses every line, and fails on one that is not JSON.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.dialect import Problem
from cortex.endpoint.ollama_shape import Stamp, call_of, counts_of, done_of

_encode = msgspec.json.Encoder().encode


class _Named(msgspec.Struct):
    model: str = ""


_named = msgspec.json.Decoder(_Named).decode


class OllamaRenderer:
    """Writes the lines of a `chat` or a `generate`; `now` is the wall clock in seconds."""

    def __init__(self, *, model: str, operation: str, now: Callable[[], float], stamp: Stamp) -> None:
        self._now = now
        self._started = now()
        self._first: float | None = None
        self._is_chat = operation == "chat"
        self._head = _head(model)
        self._text_head = b'","message":{"role":"assistant","content":' if self._is_chat else b'","response":'
        self._text_tail = b'},"done":false}\n' if self._is_chat else b',"done":false}\n'
        self._stamp = stamp
        self._usage = Usage()
        self._finish: FinishReason = "length"
        self._calls = 0

    def render(self, deltas: list[Delta]) -> bytes:
        """Return the lines for `deltas`; those of one call bear the same time."""
        now = self._now()
        if self._first is None:
            self._first = now
        head = self._head + self._stamp(now)
        lines: list[bytes] = []
        for delta in deltas:
            if isinstance(delta, TextDelta) and not delta.logprobs:
                lines += (head, self._text_head, _encode(delta.text), self._text_tail)
            else:
                lines.append(self._other(head, delta))
        return b"".join(lines)

    def _other(self, head: bytes, delta: Delta) -> bytes:
        """Return the line of a delta that is not plain text; none for what belongs into the last line."""
        match delta:
            case TextDelta():
                return self._line(head, {"logprobs": delta.logprobs}, text=delta.text)
            case ReasoningDelta():
                return self._line(head, {}, thinking=delta.text)
            case ToolCall():
                self._calls += 1
                return self._line(head, {}, tool_calls=[call_of(delta, self._calls - 1)])
            case Finish():
                self._finish = delta.reason
            case Usage():
                self._usage = delta
        return b""

    def go_on(self, sent: bytes, said: list[Delta]) -> None:
        """Write on as whoever wrote `sent`, under the same name of the model."""
        self._head = _head(_named(sent.partition(b"\n")[0]).model)
        self.render(said)

    def close(self) -> bytes:
        """Return the last line."""
        now = self._now()
        first = now if self._first is None else self._first
        counts = counts_of(self._usage, total_s=now - self._started, eval_s=now - first)
        last = {"done": True, "done_reason": done_of(self._finish), **counts}
        return self._line(self._head + self._stamp(now), last)

    def comment(self, text: str) -> bytes:
        """Return nothing: any line that is no answer breaks the official clients."""
        return b""

    def error(self, problem: Problem) -> bytes:
        """Return the error line."""
        return _encode({"error": problem.message}) + b"\n"

    def _line(self, head: bytes, fields: dict[str, Any], text: str = "", **more: Any) -> bytes:
        """Return one line; `more` belongs to the message of a chat, and stands by itself in a generate."""
        content = {"role": "assistant", "content": text} if self._is_chat else {"response": text}
        content |= more
        rest = {"message": content} if self._is_chat else content
        return head + b'",' + _encode({**rest, "done": False, **fields})[1:] + b"\n"


def _head(model: str) -> bytes:
    return b'{"model":' + _encode(model) + b',"created_at":"'
