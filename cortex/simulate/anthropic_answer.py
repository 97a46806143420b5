"""Anthropic's answers as bytes: a `Script` written as a message or as its events. Pure.

Source: the SDK anthropic 2.13.0 and Anthropic's page on streaming (Nov 2026). Each event has its name twice; blocks are
opened and closed one after the other; usage comes with the first event and, of the answer, with the last but one.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cortex.simulate.answer import Call, Script
from cortex.simulate.anthropic_check import SIGNATURE
from cortex.simulate.anthropic_refusal import envelope
from cortex.simulate.anthropic_wire import MessagesBody
from cortex.simulate.reply import Reply

EVENT_STREAM = "text/event-stream"
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
FRAGMENT_CHARACTERS = 7
STOP = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


class AnswerWriter:
    """Writes one answer."""

    def __init__(
        self, body: MessagesBody, script: Script, serial: int, *, stop: str | None, shows_thinking: bool
    ) -> None:
        """`stop` is the stop sequence that ends it."""
        self._script = script
        self._shows_thinking = shows_thinking
        self._stop_sequence = stop if script.finish == "stop" else None
        id_ = f"msg_{script.fingerprint}{serial:06d}"
        self._head = {"id": id_, "type": "message", "role": "assistant", "model": body.model}

    def reply(self, headers: Mapping[str, str], *, stream: bool) -> Reply:
        """Return the answer, streamed and whole."""
        return Reply(
            stream=stream,
            content_type=EVENT_STREAM,
            opening=self._start(),
            tokens=tuple(self._events()),
            closing=(self._end(), _event("message_stop")),
            whole=msgspec.json.encode(self._whole(self._stop())),
            unfinished=msgspec.json.encode(self._whole({"stop_reason": None, "stop_sequence": None})),
            error=lambda message: b"event: error\ndata: " + envelope("api_error", message) + b"\n\n",
            whole_error=lambda message: (500, envelope("api_error", message)),
            garbage=lambda text: f"event: content_block_delta\ndata: {text}\n\n".encode(),
            headers=headers,
        )

    def _start(self) -> bytes:
        usage = self._usage() | {"output_tokens": 1}
        nothing: dict[str, Any] = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}
        return _event("message_start", message=self._head | nothing)

    def _events(self) -> Iterator[bytes]:
        """Write all between the first event and the last two; what only opens or closes goes with a token's."""
        script = self._script
        index = 0
        if script.thinking:
            shown = script.thinking if self._shows_thinking else ("",)
            signature = [{"type": "signature_delta", "signature": self._signature}]
            deltas = [{"type": "thinking_delta", "thinking": token} for token in shown if token]
            yield from _block(index, {"type": "thinking", "thinking": "", "signature": ""}, deltas + signature)
            index += 1
        if script.text:
            deltas = [{"type": "text_delta", "text": token} for token in script.text]
            yield from _block(index, {"type": "text", "text": ""}, deltas)
            index += 1
        for place, call in enumerate(script.calls, index):
            yield from _block(place, _called(call) | {"input": {}}, _fragments(call))

    def _end(self) -> bytes:
        return _event("message_delta", delta=self._stop(), usage=self._usage())

    def _stop(self) -> dict[str, Any]:
        if self._stop_sequence is not None:
            return {"stop_reason": "stop_sequence", "stop_sequence": self._stop_sequence}
        return {"stop_reason": STOP[self._script.finish], "stop_sequence": None}

    def _whole(self, stop: Mapping[str, Any]) -> dict[str, Any]:
        script = self._script
        thought = "".join(script.thinking) if self._shows_thinking else ""
        content: list[dict[str, Any]] = []
        if script.thinking:
            content.append({"type": "thinking", "thinking": thought, "signature": self._signature})
        if script.text:
            content.append({"type": "text", "text": "".join(script.text)})
        content += [_called(call) for call in script.calls]
        return {**self._head, "content": content, **stop, "usage": self._usage()}

    @property
    def _signature(self) -> str:
        return f"{SIGNATURE}{self._script.fingerprint}"

    def _usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self._script.prompt_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": self._script.answer_tokens,
            "output_tokens_details": {"thinking_tokens": len(self._script.thinking)},
        }


def first_of(stops: Sequence[str], text: str) -> str | None:
    """Return the stop sequence that stands first in what an answer would have been; None where none does.

    >>> first_of(["c", "b"], "abc"), first_of(["d"], "abc")
    ('b', None)
    """
    found = [stop for stop in stops if stop and stop in text]
    return min(found, key=text.index, default=None)


def _block(index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> Iterator[bytes]:
    opening = _event("content_block_start", index=index, content_block=start) + (b"" if index else PING)
    closing = _event("content_block_stop", index=index)
    for number, delta in enumerate(deltas, 1):
        event = _event("content_block_delta", index=index, delta=delta)
        yield (opening if number == 1 else b"") + event + (closing if number == len(deltas) else b"")


def _fragments(call: Call) -> list[dict[str, Any]]:
    """Write the arguments as Anthropic does: nothing first, then in pieces."""
    text = msgspec.json.encode(call.arguments).decode()
    pieces = ["", *(text[at : at + FRAGMENT_CHARACTERS] for at in range(0, len(text), FRAGMENT_CHARACTERS))]
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def _called(call: Call) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": call.arguments}


def _event(name: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode({"type": name, **fields}))
