"""One streamed answer as Anthropic's server-sent events. Pure.

Theory of operation: an answer is a row of blocks, one open at a time, so the state is which kind of block is open and how
many there were. Most events carry a piece of text into the open block, and the JSON around it is made once a block. What
clients rely on:

- every event has its name twice, as `event:` and as `type`; the SDKs skip one that has no `event:`;
- `message_start` goes out with the first thing there is to show, never before; its count of the input is an estimate unless
  the upstream has told it by then, and `message_delta` brings the true ones, which replace it;
- a call's arguments come as one `input_json_delta`: clients ignore an `input` at the start of its block;
- `message_delta` and `message_stop` say that the answer is whole. They never follow an error, and there is no `[DONE]`.

Thinking that the client does not want to see is left out before all this, so that a client that is kept waiting by it
is still kept alive with pings.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.anthropic_shape import call_of, error_of, message_of, stop_of, thinking_of, usage_of
from cortex.endpoint.dialect import Problem
from cortex.providers.sse import datas

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

_TEXT = b'text_delta","text":'
_THINKING = b'thinking_delta","thinking":'
_PIECES: "Mapping[str, tuple[type[Delta], bytes]]" = {
    "text": (TextDelta, _TEXT),
    "thinking": (ReasoningDelta, _THINKING),
}
"""Which deltas go into a block of that type, and how the JSON of such a piece begins."""

_encode = msgspec.json.Encoder().encode


class _Block(msgspec.Struct, frozen=True):
    type: str = ""


class _Placed(msgspec.Struct):
    """Of an event, where it belongs."""

    type: str = ""
    index: int = 0
    content_block: _Block = _Block()


_placed = msgspec.json.Decoder(_Placed).decode


class AnthropicRenderer:
    """Writes the events; see the module's docstring."""

    def __init__(
        self,
        *,
        answer_id: str,
        model: str,
        names: Mapping[str, str],
        estimate: Callable[[], int],
        shows_thinking: bool,
    ) -> None:
        """Make one; `names` are the true names of tools whose names were shortened, `estimate` counts the input."""
        self._answer_id = answer_id
        self._model = model
        self._names = names
        self._estimate = estimate
        self._shows_thinking = shows_thinking
        self._estimated = 0
        """Input tokens as `message_start` told them; 0 while it is not written."""
        self._usage = Usage()
        self._index = -1
        """Of the last block that was opened."""
        self._open: type[Delta] | None = None
        """The kind of delta that goes into the open block."""
        self._head = b""
        self._has_calls = False
        self._finish: FinishReason = "length"

    def render(self, deltas: list[Delta]) -> bytes:
        """Return the events for `deltas`."""
        events: list[bytes] = []
        for delta in deltas:
            if isinstance(delta, TextDelta):
                if delta.text:
                    if self._open is not TextDelta:
                        events.append(self._begin(TextDelta, {"type": "text", "text": ""}, _TEXT))
                    events += (self._head, _encode(delta.text), b"}}\n\n")
            else:
                events.append(self._other(delta))
        return b"".join(events)

    def go_on(self, sent: bytes, said: list[Delta]) -> None:
        """Write on as whoever wrote `sent`: into the block that is open, under the next number where none is."""
        del said  # the events tell more
        self._estimated = max(1, self._estimate())
        for event in map(_placed, datas(sent)):
            if event.type == "content_block_start":
                self._index = event.index
                self._open, piece = _PIECES.get(event.content_block.type, (ToolCall, b""))
                self._into(piece)
                self._has_calls |= event.content_block.type == "tool_use"
            elif event.type == "content_block_stop":
                self._open = None

    def close(self) -> bytes:
        """Return how the answer ended, what it cost, and that it is whole."""
        counts = usage_of(self._usage, self._estimated)
        delta = {"stop_reason": stop_of(self._finish, has_calls=self._has_calls), "stop_sequence": None}
        return self._start() + self._end() + _event("message_delta", delta=delta, usage=counts) + _STOP

    def comment(self, text: str) -> bytes:
        """Return a ping, which has no room for `text`; it may come at any time, before the message starts too."""
        return PING

    def error(self, problem: Problem) -> bytes:
        """Return the error event; the SDKs raise at it."""
        return b"event: error\ndata: " + _encode(error_of(problem)) + b"\n\n"

    def _other(self, delta: "ReasoningDelta | ToolCall | Finish | Usage") -> bytes:
        match delta:
            case ReasoningDelta(text=text) if text and self._shows_thinking:
                begin = b""
                if self._open is not ReasoningDelta:
                    begin = self._begin(ReasoningDelta, thinking_of(""), _THINKING)
                return begin + self._head + _encode(text) + b"}}\n\n"
            case ToolCall():
                return self._call(delta)
            case Finish(reason=reason):
                self._finish = reason
                return self._start() + self._end()
            case Usage():
                self._usage = delta
        return b""

    def _call(self, call: ToolCall) -> bytes:
        self._has_calls = True
        block = call_of(call, self._names)
        arguments = block["input"]
        begin = self._begin(ToolCall, {**block, "input": {}}, b'input_json_delta","partial_json":')
        return begin + self._head + _encode(bytes(arguments).decode()) + b"}}\n\n" + self._end()

    def _start(self) -> bytes:
        """Return the start of the message, once."""
        if self._estimated:
            return b""
        self._estimated = self._usage.input_tokens or self._estimate()
        begun = {"usage": usage_of(Usage(self._estimated, cached_tokens=self._usage.cached_tokens), 0)}
        return _event("message_start", message=message_of(self._answer_id, self._model, [], begun))

    def _begin(self, kind: type[Delta], block: dict[str, Any], delta: bytes) -> bytes:
        """Return what opens a block, after whatever is to come before; `delta` is how the JSON of its pieces begins."""
        before = self._start() + self._end()
        self._open = kind
        self._index += 1
        self._into(delta)
        return before + _event("content_block_start", index=self._index, content_block=block)

    def _into(self, delta: bytes) -> None:
        """Let pieces of text go into the block of the last number."""
        self._head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b'
            % (self._index, delta)
        )

    def _end(self) -> bytes:
        """Return what closes the open block, if one is."""
        if self._open is None:
            return b""
        self._open = None
        return _event("content_block_stop", index=self._index)


def _event(name: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _encode({"type": name, **fields}))
