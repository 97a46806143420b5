"""Reading what Ollama answers, one JSON object at a time: a line of a stream or a whole body, into deltas.

Tool calls come whole, in any line, the last included (new-api #7252), while `done_reason` stays `stop`. Counts and
durations are left out when they are zero. An error in a stream is a line of its own. Source: ollama/ollama api/types.go
and server/routes.go, 21 Aug 2026.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Raw, Struct

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.calls import made_id, object_text
from cortex.providers.errors import Rule, heard, inband, inband_text, safe
from cortex.providers.foreign import UNREADABLE

_S = 1e-9
"""Seconds in a nanosecond, Ollama's unit of durations."""
_ABSENT = Raw()


class _Function(Struct):
    name: str | None = None
    arguments: Raw = _ABSENT


class _Call(Struct):
    id: str | None = None
    function: _Function | None = None


class _Message(Struct):
    content: str | None = None
    thinking: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(Struct):
    message: _Message | None = None
    response: str | None = None
    thinking: str | None = None
    logprobs: list[Mapping[str, Any]] | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    load_duration: int | None = None
    eval_duration: int | None = None
    error: Any = None


class _End(Struct):
    """The few fields that say whether a body is a whole answer."""

    message: Raw = _ABSENT
    response: Raw = _ABSENT
    done: bool = False
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    load_duration: int | None = None
    eval_duration: int | None = None
    error: Any = None


_line = msgspec.json.Decoder(_Line)
_end = msgspec.json.Decoder(_End)


class Reader:
    """The reader of one answer, line by line."""

    def __init__(self, rules: Sequence[Rule], seed: str) -> None:
        """Make one that classifies errors by `rules`; `seed` goes into made-up ids."""
        self._rules = rules
        self._seed = seed
        self._calls = 0
        self.has_content = False
        """Text, thinking or a tool call has been read."""
        self.is_finished = False
        """The line with `done: true` has been read."""
        self.reason: FinishReason | Literal[""] = ""
        """Why it ended."""

    def read(self, text: bytes) -> list[Delta | Failure]:
        """Return what one JSON object says; a failure is the last item."""
        try:
            line = _line.decode(text)
        except UNREADABLE as error:
            return [_unreadable(text, error, self._rules)]
        if line.error:
            return [inband_text(self._rules, text)]
        deltas = self._content(line)
        self.has_content = self.has_content or bool(deltas)
        if deltas and isinstance(deltas[-1], Failure):
            return deltas
        if line.done:
            self.is_finished = True
            self.reason = self._reason(line.done_reason)
            deltas += [Finish(self.reason), _usage(line)]
        return deltas

    def _content(self, line: _Line) -> list[Delta | Failure]:
        said = line.message
        text = (said and said.content) or line.response or ""
        thought = (said and said.thinking) or line.thinking
        deltas: list[Delta | Failure] = []
        if thought:
            deltas.append(ReasoningDelta(thought))
        if text or line.logprobs:
            deltas.append(TextDelta(text, logprobs=tuple(line.logprobs or ())))
        for call in (said and said.tool_calls) or ():
            deltas.append(self._call(call))
            if isinstance(deltas[-1], Failure):
                break
        return deltas

    def _call(self, call: _Call) -> ToolCall | Failure:
        function = call.function
        if function is None or not function.name:
            return Failure("malformed", "a tool call has no name")
        arguments = object_text(bytes(function.arguments))
        if arguments is None:
            return Failure("malformed", f"the arguments of the call of {function.name} are no JSON object")
        self._calls += 1
        return ToolCall(call.id or made_id(self._seed, 0, self._calls - 1), function.name, arguments)

    def _reason(self, reason: str | None) -> FinishReason:
        """Return why it ended; `load`, `unload` and an empty reason are an ordinary end."""
        if reason == "length":
            return "length"
        return "tool_calls" if self._calls else "stop"


def checked(rules: Sequence[Rule], body: bytes) -> Usage | Failure:
    """Read of a whole body only whether it is a whole answer, and what it used."""
    try:
        end = _end.decode(body)
    except UNREADABLE as error:
        return _unreadable(body, error, rules)
    if end.error:
        return inband_text(rules, body)
    if end.message == end.response == _ABSENT:
        return Failure("malformed", "the answer has neither a message nor a response")
    if not end.done:
        return Failure("malformed", "the answer says itself that it is not done")
    return _usage(end)


def _usage(line: _Line | _End) -> Usage:
    return Usage(
        input_tokens=line.prompt_eval_count or 0,
        output_tokens=line.eval_count or 0,
        load_s=(line.load_duration or 0) * _S,
        eval_s=(line.eval_duration or 0) * _S,
    )


def _unreadable(text: bytes, error: Exception, rules: Sequence[Rule]) -> Failure:
    """Say why an object is none of Ollama's; one whose other fields are odd may still be an error."""
    try:
        value = msgspec.json.decode(text)
    except UNREADABLE:
        value = None
    if isinstance(value, dict) and value.get("error"):
        return inband(rules, value)
    return Failure("malformed", safe(f"this is not in Ollama's dialect ({error}): {heard(text).message}"))
