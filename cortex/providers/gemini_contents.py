"""Writing the turns of a conversation as Gemini's `contents`, whose order it checks.

What Gemini wants, else 400 (ai.google.dev and forum threads, 2025 and 2026): only roles `user` and `model`, the first
one `user`; no content without parts; and directly behind a model turn with N function calls one user content with
exactly N responses. Clients trim histories and put a message between a call and its result, so here a result is written
behind its call wherever it stood, a call without a result gets a response that says so, and a result without a call
becomes text. Nothing stands beside the responses in their content: what the user says next is a content of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from cortex.chat import Image, Message, Part, Text, ToolCall
from cortex.providers.calls import object_text
from cortex.providers.foreign import UNREADABLE

Json = dict[str, Any]
Signed = Callable[[ToolCall, bool], str]
"""Gives the signature to send with a call; True: it is the first of its turn. Empty for none."""

_BLANK = {"text": " "}
"""Says nothing, where a turn of the user must stand and the client gave none; an empty text is refused."""
_NO_RESULT = {"error": "the history holds no result of this call"}

_Place = tuple[int, int]
"""Of a call: the index of its message, and its own in it."""


def system_of(messages: Sequence[Message]) -> str:
    """Return what all system messages say, wherever they stand."""
    return "\n\n".join(text for message in messages if message.role == "system" and (text := _text(message)))


def contents_of(messages: Sequence[Message], signed: Signed) -> list[Json]:
    """Return the turns; never empty."""
    writer = _Writer(messages, signed)
    for at, message in enumerate(messages):
        writer.write(at, message)
    return writer.close()


class _Writer:
    """The contents in the making."""

    def __init__(self, messages: Sequence[Message], signed: Signed) -> None:
        self._messages = messages
        self._results = _results(messages)
        self._placed = set(self._results.values())
        self._signed = signed
        self._contents: list[Json] = []
        self._calls: list[tuple[_Place, ToolCall]] = []
        """Of the model's turn that is being written: their responses must follow it."""
        self._is_sealed = False
        """The last content holds responses, and nothing may join them."""

    def write(self, at: int, message: Message) -> None:
        if message.role == "assistant":
            self._add("model", [*_parts(message.parts), *self._called(at, message)])
            return
        images_only = message.role == "system"  # its texts are the system instruction
        parts = _parts(_images(message)) if images_only else _said(message)
        if images_only and not parts:
            return
        self._respond()
        if at not in self._placed:
            self._add("user", parts)

    def close(self) -> list[Json]:
        self._respond()
        return self._contents or [{"role": "user", "parts": [_BLANK]}]

    def _called(self, at: int, message: Message) -> list[Json]:
        parts = []
        for nth, call in enumerate(message.tool_calls):
            part: Json = {"functionCall": {"id": call.id, "name": call.name, "args": _arguments(call.arguments)}}
            signature = self._signed(call, not self._calls)
            if signature:
                part["thoughtSignature"] = signature
            parts.append(part)
            self._calls.append(((at, nth), call))
        return parts

    def _respond(self) -> None:
        """Write the responses to the calls of the turn that ends here, and what cannot stand among them behind them."""
        if not self._calls:
            return
        calls, self._calls = self._calls, []
        responses, images = [], []
        for place, call in calls:
            result = self._messages[self._results[place]] if place in self._results else None
            responses.append(_response(call, result))
            images += _parts(_images(result)) if result else []
        self._contents.append({"role": "user", "parts": responses})
        self._is_sealed = True
        self._add("user", images)

    def _add(self, role: str, parts: list[Json]) -> None:
        if not parts:
            return
        if self._contents and self._contents[-1]["role"] == role and not self._is_sealed:
            self._contents[-1]["parts"] += parts
            return
        if not self._contents and role == "model":
            self._contents.append({"role": "user", "parts": [_BLANK]})
        self._contents.append({"role": role, "parts": parts})
        self._is_sealed = False


def _results(messages: Sequence[Message]) -> dict[_Place, int]:
    """Return where the result of each call stands: behind it, under its id, and for a used id with the latest call."""
    waiting: dict[str, list[_Place]] = {}
    found: dict[_Place, int] = {}
    for at, message in enumerate(messages):
        if message.role == "assistant":
            for nth, call in enumerate(message.tool_calls):
                waiting.setdefault(call.id, []).append((at, nth))
        elif message.role == "tool" and waiting.get(message.tool_call_id):
            places = waiting[message.tool_call_id]
            place = max(places, key=lambda place: (place[0], -place[1]))
            places.remove(place)
            found[place] = at
    return found


def _said(message: Message) -> list[Json]:
    """Return what a user said; or a tool, whose result belongs to no call."""
    if message.role == "user":
        return _parts(message.parts)
    text = f"Result of {message.name or message.tool_call_id or 'a tool'}:\n{_text(message)}"
    return [{"text": text}, *_parts(_images(message))]


def _parts(parts: Iterable[Part]) -> list[Json]:
    written: list[Json] = []
    for part in parts:
        if isinstance(part, Image):
            written.append({"inlineData": {"mimeType": part.media_type or "image/png", "data": part.data}})
        elif part.text:
            written.append({"text": part.text})
    return written


def _images(message: Message) -> list[Image]:
    return [part for part in message.parts if isinstance(part, Image)]


def _text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text) and part.text)


def _response(call: ToolCall, result: Message | None) -> Json:
    """Return the response under the call's own id and name, which must be equal (3.5 and newer)."""
    response = _NO_RESULT if result is None else _wrapped(_text(result))
    return {"functionResponse": {"id": call.id, "name": call.name, "response": response}}


def _wrapped(text: str) -> Json | Raw:
    """Return a result as an object: itself when it is the JSON of one, else a list or a text in one."""
    start = text.lstrip()[:1]
    if start in {"{", "["}:
        try:
            msgspec.json.decode(text, type=dict[str, Raw] if start == "{" else list[Raw])
        except UNREADABLE:
            return {"result": text}
        return Raw(text) if start == "{" else {"result": Raw(text)}
    return {"result": text}


def _arguments(text: str) -> Json | Raw:
    """Return the object that `text` is; a client's history may hold a call whose arguments are none."""
    written = object_text(text)
    return {"input": text} if written is None else Raw(written)
