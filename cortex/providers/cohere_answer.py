"""Reading what Cohere answers to a chat: a whole body, or the events of a stream, into deltas. Pure.

The one message is told in both in nearly the same words, but for this: in events `content` and `tool_calls` are an object,
not an array (OpenAPI document, 20 Aug 2026). What the model plans before it calls tools (`tool_plan`) is thinking.
Tool calls are given with the end of the answer, when all is known of each: whether it had arguments, and whether the bound
on the length cut it. Citations are left out: no client has a place for them. Usage is `tokens`, all that the model saw
and wrote; `billed_units` is what is charged, and less.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.calls import CallPart, FunctionPart
from cortex.providers.cohere_errors import RULES, broken
from cortex.providers.cohere_tools import arguments_of, read_call
from cortex.providers.errors import heard, inband, inband_text, safe
from cortex.providers.foreign import UNREADABLE

T = TypeVar("T")

_FINISH: dict[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_LIMIT": "length",  # this and the next are of v1
    "ERROR_TOXIC": "content_filter",
}


class _Content(Struct):
    text: str | None = None
    thinking: str | None = None


class _Message(Struct):
    content: _Content | list[_Content] | None = None
    tool_plan: str | None = None
    tool_calls: CallPart | list[CallPart] | None = None


class _Counts(Struct):
    """Numbers of tokens, which come as floats."""

    input_tokens: float | None = None
    output_tokens: float | None = None


class _Usage(Struct):
    tokens: _Counts | None = None
    billed_units: _Counts | None = None
    cached_tokens: float | None = None

    def usage(self) -> Usage:
        """Return it in the neutral form; what is billed stands in where the tokens are not told."""
        counts = self.tokens or self.billed_units or _Counts()
        return Usage(
            input_tokens=int(counts.input_tokens or 0),
            output_tokens=int(counts.output_tokens or 0),
            cached_tokens=int(self.cached_tokens or 0),
        )


class _Answer(Struct):
    message: _Message | str | None = None
    """Text in the body of an error."""
    finish_reason: str | None = None
    usage: _Usage | None = None


class _EventDelta(Struct):
    message: _Message | None = None
    finish_reason: str | None = None
    usage: _Usage | None = None
    error: Any = None


class _Event(Struct):
    type: str = ""
    index: int | None = None
    delta: _EventDelta | None = None


_answer = msgspec.json.Decoder(_Answer)
_event = msgspec.json.Decoder(_Event)


def read_whole(body: bytes, seed: str) -> list[Delta] | Failure:
    """Read a whole answer; `seed` goes into made-up ids."""
    try:
        answer = _answer.decode(body)
    except UNREADABLE as error:
        return _unreadable(body, error)
    said = answer.message
    if isinstance(said, str):
        return inband_text(RULES, body)
    if not answer.finish_reason:
        return Failure("malformed", safe(f"the answer has no finish reason: {heard(body).message}"))
    ended = _ended(answer.finish_reason, None, _all(said.tool_calls) if said else [], seed)
    if isinstance(ended, Failure):
        return ended
    if said is None:
        return Failure("malformed", "the answer has no message")
    return [*_texts(said), *ended, *([answer.usage.usage()] if answer.usage else [])]


class _Call:
    """A tool call that is coming in."""

    __slots__ = ("index", "part", "pieces")

    def __init__(self, index: int | None, part: CallPart) -> None:
        self.index = index
        self.part = part
        self.pieces: list[str] = []

    def whole(self) -> CallPart:
        name = self.part.function.name if self.part.function else None
        return CallPart(id=self.part.id, function=FunctionPart(name, "".join(self.pieces)))


class Reader:
    """The reader of one stream, event by event."""

    def __init__(self, seed: str) -> None:
        """Make one; `seed` goes into made-up ids."""
        self._seed = seed
        self._calls: list[_Call] = []
        self.held_size = 0
        """Bytes of the events whose tool calls are held back."""
        self.is_finished = False
        """The event `message-end` has been read, and it was the end of an answer."""

    def read(self, text: bytes) -> list[Delta | Failure]:
        """Return what one event says; a failure is the last item. Kinds that are not known say nothing."""
        try:
            event = _event.decode(text)
        except UNREADABLE as error:
            return [_unreadable(text, error)]
        delta = event.delta or _EventDelta()
        match event.type:
            case "content-delta" | "content-start" | "tool-plan-delta":
                return [*_texts(delta.message)] if delta.message else []
            case "tool-call-start" | "tool-call-delta":
                self.held_size += len(text)
                for part in _all(delta.message.tool_calls) if delta.message else ():
                    self._hold(part, event.index, is_new=event.type == "tool-call-start")
            case "message-end":
                return self._end(delta)
            case "":
                return [_untyped(text)]
        return []

    def _hold(self, part: CallPart, index: int | None, *, is_new: bool) -> None:
        """Add a part to its call; one that nothing began gets a call of its own, and will fail for want of a name."""
        begun = None if is_new else next((call for call in reversed(self._calls) if call.index == index), None)
        if begun is None:
            begun = _Call(index, part)
            self._calls.append(begun)
        begun.pieces.append(arguments_of(part.function))

    def _end(self, delta: _EventDelta) -> list[Delta | Failure]:
        calls = [call.whole() for call in self._calls]
        ended = _ended(delta.finish_reason or "COMPLETE", delta.error, calls, self._seed)
        if isinstance(ended, Failure):
            return [ended]
        self.is_finished = True
        return [*ended, *([delta.usage.usage()] if delta.usage else [])]


def _ended(reason: str, error: Any, calls: list[CallPart], seed: str) -> list[Delta] | Failure:
    """Return the calls of an answer that ended for `reason`, and its finish."""
    failure = broken(reason, error)
    if failure is not None:
        return failure
    word = _FINISH.get(reason, "stop")
    given: list[Delta] = []
    for position, part in enumerate(calls):
        call = read_call(part, seed, position)
        if isinstance(call, ToolCall):
            given.append(call)
        elif word != "length":  # a call that the bound on the length cut is no call
            return call
    if word == "tool_calls" and not given:
        return Failure("malformed", "the answer ended for a tool call, and there is none")
    return [*given, Finish("tool_calls" if given and word == "stop" else word)]


def _texts(said: _Message) -> Iterator[Delta]:
    if said.tool_plan:
        yield ReasoningDelta(said.tool_plan)
    for part in _all(said.content):
        if part.thinking:
            yield ReasoningDelta(part.thinking)
        if part.text:
            yield TextDelta(part.text)


def _all(value: T | list[T] | None) -> list[T]:
    """Return as a list what an answer has as an array and an event as one object."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _untyped(text: bytes) -> Failure:
    """Say what an object is that is no event: the body of an error, or none of Cohere's."""
    try:
        value = msgspec.json.decode(text)
    except UNREADABLE as error:
        return _unreadable(text, error)
    if value.get("message") or value.get("error"):
        return inband(RULES, value)
    return Failure("malformed", safe(f"an event has no type: {heard(text).message}"))


def _unreadable(text: bytes, error: Exception) -> Failure:
    return Failure("malformed", safe(f"this is not in Cohere's dialect ({error}): {heard(text).message}"))
