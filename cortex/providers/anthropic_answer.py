"""Anthropic's answers as deltas: one event of a stream after another (`Reader`), or a whole message. Pure.

Theory of operation: an answer is a row of blocks, in a stream one open at a time. Text and thinking are given as they come;
a call of a tool when its block closes and its arguments are JSON. A call that the bound on the answer's length cut open
has closed as well, before anything says so: it waits for the stop reason, which tells an answer that was cut from one
that is broken. Blocks of what Anthropic runs itself (searches, code) have no neutral form and are left out; the text
that follows them says what came of them.

The signature of a thought is left out too: a neutral message has no room for it, and without it Anthropic does not take
its own thoughts back (`anthropic_messages`). Only a client of its own dialect keeps both.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import msgspec
from msgspec import Raw, Struct

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.messages import Failure
from cortex.providers.anthropic_errors import RULES
from cortex.providers.calls import made_id, object_text
from cortex.providers.errors import inband, safe
from cortex.providers.foreign import UNREADABLE

_FINISH: Mapping[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "pause_turn": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
"""Why an answer ends (SDK 2.13.0, Nov 2026); a word that is not known is an end as well."""


class _ThinkingTokens(Struct):
    thinking_tokens: int | None = None


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: _ThinkingTokens | None = None


_COUNTS = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class _Block(Struct):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    id: str | None = None
    name: str | None = None
    input: Raw = Raw(b"{}")


class _Message(Struct):
    type: str | None = None
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: _Usage | None = None
    error: Any = None


class _Change(Struct):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None


class _Event(Struct):
    type: str | None = None
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Change | None = None
    usage: _Usage | None = None
    error: Any = None


_event = msgspec.json.Decoder(_Event)
_message = msgspec.json.Decoder(_Message)


class _Counts:
    """Tokens as they were told so far: the input at the start, the output at the end, each perhaps again."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self.usage: Usage | None = None
        """As Córtex counts: what was read from a cache, or written to it, is a part of the input. None before any."""

    def take(self, usage: _Usage | None) -> None:
        if usage is None:
            return
        details = usage.output_tokens_details
        new = {name: getattr(usage, name) for name in _COUNTS}
        new["thinking_tokens"] = details.thinking_tokens if details else None
        self._told |= {name: count for name, count in new.items() if count is not None}
        told = self._told.get
        cached = told("cache_read_input_tokens", 0)
        self.usage = Usage(
            input_tokens=told("input_tokens", 0) + told("cache_creation_input_tokens", 0) + cached,
            output_tokens=told("output_tokens", 0),
            cached_tokens=cached,
            reasoning_tokens=told("thinking_tokens", 0),
        )


class Reader:
    """Reads the events of one stream, whole ones and in order."""

    def __init__(self, seed: str) -> None:
        """Make one; `seed` goes into made-up ids."""
        self._seed = seed
        self._counts = _Counts()
        self._call: _Block | None = None
        """The call whose block is open, or closed with arguments that are no JSON."""
        self._pieces: list[str] = []
        self._calls = 0
        self._reason = ""
        self.held_size = 0
        """Characters of a call that is not whole yet."""
        self.has_content = False
        """Something of the answer was told."""
        self.is_finished = False
        """The event `message_stop` came."""
        self.reason: FinishReason | Literal[""] = ""
        """Why it ended."""

    @property
    def is_holding(self) -> bool:
        """A call was begun that is not whole."""
        return self._call is not None

    @property
    def is_ending(self) -> bool:
        """Why the answer ends was told, and not yet that it is whole."""
        return bool(self._reason) and not self.is_finished

    @property
    def usage(self) -> Usage | None:
        """Tokens as told so far."""
        return self._counts.usage

    def read(self, data: bytes) -> list[Delta | Failure]:
        """Read the data of one event; a failure is the last that it returns."""
        try:
            event = _event.decode(data)
        except UNREADABLE as error:
            return [Failure("malformed", safe(f"an event of the stream cannot be read: {error}"))]
        if event.error or event.type == "error":
            return [inband(RULES, event.error or "the upstream ended the answer with an error")]
        step = self._steps.get(event.type or "")
        return step(self, event) if step else []

    def _started(self, event: _Event) -> list[Delta | Failure]:
        self._counts.take(event.message.usage if event.message else None)
        return []

    def _changed(self, event: _Event) -> list[Delta | Failure]:
        return self._told(event.delta or _Change())

    def _told(self, piece: _Change) -> list[Delta | Failure]:
        if piece.text:
            self.has_content = True
            return [TextDelta(piece.text)]
        if piece.thinking:
            self.has_content = True
            return [ReasoningDelta(piece.thinking)]
        if self._call is not None:
            self._pieces.append(piece.partial_json or "")
            self.held_size += len(self._pieces[-1])
        return []

    def _begun(self, event: _Event) -> list[Delta | Failure]:
        """Begin a block; one that follows a call whose arguments are no JSON shows that nothing cut that call."""
        block = event.content_block or _Block()
        if self._call is not None:
            return [_no_object(self._call)]
        if block.type == "tool_use":
            self._call, self._pieces, self.held_size = block, [], 0
            return []
        if block.type in {"text", "thinking"}:
            return self._told(_Change(text=block.text, thinking=block.thinking))
        self.has_content = True  # a thought that is hidden, or what Anthropic runs itself
        return []

    def _closed(self, event: _Event) -> list[Delta | Failure]:
        del event  # blocks are closed in the order they were begun
        if self._call is None:
            return []
        given = "".join(self._pieces)
        arguments = object_text(given) if given else _input_of(self._call)
        return [] if arguments is None else [self._given(self._call, arguments)]

    def _judged(self, event: _Event) -> list[Delta | Failure]:
        self._counts.take(event.usage)
        self._reason = (event.delta.stop_reason if event.delta else None) or self._reason
        return []

    def _given(self, block: _Block, arguments: str) -> ToolCall | Failure:
        self._call, self._pieces, self.held_size = None, [], 0
        self.has_content = True
        call = _call(block, arguments, self._seed, self._calls)
        self._calls += 1
        return call

    def _end(self, event: _Event) -> list[Delta | Failure]:
        del event  # it says nothing more
        reason = _FINISH.get(self._reason, "stop")
        if self._call is not None and reason != "length":
            return [_no_object(self._call)]
        self._call = None
        self.is_finished = True
        self.reason = reason
        usage = self.usage
        return [Finish(reason), usage] if usage else [Finish(reason)]

    _steps: ClassVar[Mapping[str, Callable[["Reader", _Event], list[Delta | Failure]]]] = {
        "message_start": _started,
        "content_block_start": _begun,
        "content_block_delta": _changed,
        "content_block_stop": _closed,
        "message_delta": _judged,
        "message_stop": _end,
    }
    """What each type of event does; others (`ping`, and what is yet to come) do nothing."""


def read_whole(body: bytes, seed: str) -> tuple[list[Delta], Usage | None] | Failure:
    """Read a whole message: its deltas with the usage last, and that usage again; `seed` goes into made-up ids."""
    try:
        message = _message.decode(body)
    except UNREADABLE as error:
        return Failure("malformed", safe(f"the answer cannot be read: {error}"))
    if message.error:
        return inband(RULES, message.error)
    if message.content is None or message.stop_reason is None:
        return Failure("malformed", "the answer has no content or no stop reason")
    deltas: list[Delta] = []
    for position, block in enumerate(message.content):
        delta = _delta(block, seed, position)
        if isinstance(delta, Failure):
            return delta
        deltas += [delta] if delta else []
    counts = _Counts()
    counts.take(message.usage)
    usage = counts.usage
    deltas.append(Finish(_FINISH.get(message.stop_reason, "stop")))
    return [*deltas, *([usage] if usage else [])], usage


def _delta(block: _Block, seed: str, position: int) -> Delta | Failure | None:
    match block.type:
        case "text" if block.text:
            return TextDelta(block.text)
        case "thinking" if block.thinking:
            return ReasoningDelta(block.thinking)
        case "tool_use":
            arguments = _input_of(block)
            return _no_object(block) if arguments is None else _call(block, arguments, seed, position)
    return None


def _input_of(block: _Block) -> str | None:
    return object_text(bytes(block.input))


def _call(block: _Block, arguments: str, seed: str, position: int) -> ToolCall | Failure:
    if not block.name:
        return Failure("malformed", "a tool call has no name")
    return ToolCall(block.id or made_id(seed, 0, position), block.name, arguments)


def _no_object(block: _Block) -> Failure:
    return Failure("malformed", f"the arguments of the call of {block.name or 'a tool'} are no JSON object")
