"""Writing the turns of a conversation as Anthropic's `messages`, whose order it checks. Pure.

What Anthropic wants, else 400 (the SDK 2.13.0, Nov 2026; claude-code #8004, #59807): the first turn
is the user's; directly behind a turn with calls a turn of the user that begins with one result for each; ids of calls of
letters, digits, `_` and `-`, none twice; no text that is empty or blank. Clients trim histories and other upstreams make
other ids, so here a result is written behind its call wherever it stood, a call without a result gets one that says
so, a result without a call becomes text, and an id that does not fit, or is there already, is made anew from its place.

Turns of one side in a row become one. What was thought in earlier turns is left out: Anthropic takes only its own thoughts
back, and knows them by a signature that the neutral form does not keep.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from cortex.chat import Image, Message, Part, Text, ToolCall
from cortex.providers.calls import made_id, object_text

Json = dict[str, Any]

_FITTING = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_NOTHING = "…"
"""Where a turn of the user must stand and the client gave none; a blank text is refused."""
_NO_RESULT = "(no result: this call was never answered)"


def system_of(messages: Sequence[Message]) -> str:
    """Return what all system messages say, wherever they stand."""
    return "\n\n".join(text for message in messages if message.role == "system" and (text := _text(message).strip()))


def messages_of(messages: Sequence[Message], documents: Sequence[Mapping[str, Any] | str]) -> list[Json]:
    """Return the turns, never none; `documents` stand at the beginning of the first turn of the user."""
    writer = _Writer(messages)
    for at, message in enumerate(messages):
        writer.write(at, message)
    turns = writer.close()
    turns[0]["content"][:0] = [_document(document) for document in documents]
    return turns


class _Writer:
    """The turns in the making."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        self._results = _results(messages)
        self._placed = set(self._results.values())
        self._turns: list[Json] = []
        self._ids: set[str] = set()
        self._open: list[tuple[str, int | None]] = []
        """Calls of the turn that is being written: the id of each, and where its result stands."""

    def write(self, at: int, message: Message) -> None:
        if message.role == "assistant":
            self._respond()
            self._add("assistant", [*_blocks(message.parts), *self._called(at, message)])
        elif message.role == "system":
            self._say([part for part in message.parts if isinstance(part, Image)])
        elif message.role == "tool" and at not in self._placed:
            self._say([Text(f"Result of {message.name or message.tool_call_id or 'a tool'}:"), *message.parts])
        elif message.role == "user":
            self._say(message.parts)

    def close(self) -> list[Json]:
        self._respond()
        if not self._turns or self._turns[0]["role"] == "assistant":
            self._turns.insert(0, {"role": "user", "content": [_said(_NOTHING)]})
        last = self._turns[-1]
        if last["role"] == "assistant" and "text" in last["content"][-1]:  # the beginning of the answer to come
            last["content"][-1]["text"] = last["content"][-1]["text"].rstrip()
        return self._turns

    def _say(self, parts: Iterable[Part]) -> None:
        self._respond()
        self._add("user", _blocks(parts))

    def _called(self, at: int, message: Message) -> list[Json]:
        blocks = []
        for nth, call in enumerate(message.tool_calls):
            call_id = self._id_of(call, f"{at}/{nth}")
            self._open.append((call_id, self._results.get((at, nth))))
            blocks.append({"type": "tool_use", "id": call_id, "name": call.name, "input": _input(call.arguments)})
        return blocks

    def _id_of(self, call: ToolCall, place: str) -> str:
        fits = _FITTING.fullmatch(call.id) is not None and call.id not in self._ids
        call_id = call.id if fits else made_id(place, 0, 0)
        self._ids.add(call_id)
        return call_id

    def _respond(self) -> None:
        """Write the results of the calls of the turn that ends here."""
        results = []
        for call_id, at in self._open:
            parts = (Text(_NO_RESULT),) if at is None else self._messages[at].parts
            content = _blocks(parts)
            result: Json = {"type": "tool_result", "tool_use_id": call_id}
            results.append({**result, "content": content} if content else result)
        self._open = []
        self._add("user", results)

    def _add(self, role: str, blocks: list[Json]) -> None:
        if not blocks:
            return
        if self._turns and self._turns[-1]["role"] == role:
            self._turns[-1]["content"] += blocks
        else:
            self._turns.append({"role": role, "content": blocks})


def _results(messages: Sequence[Message]) -> dict[tuple[int, int], int]:
    """Return where the result of each call stands: behind it, under its id, and for a used id with the latest call."""
    waiting: dict[str, list[tuple[int, int]]] = {}
    found: dict[tuple[int, int], int] = {}
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


def _blocks(parts: Iterable[Part]) -> list[Json]:
    return [_image(part) if isinstance(part, Image) else _said(part.text) for part in parts if not _is_blank(part)]


def _is_blank(part: Part) -> bool:
    return isinstance(part, Text) and not part.text.strip()


def _said(text: str) -> Json:
    return {"type": "text", "text": text}


def _image(image: Image) -> Json:
    if image.url:
        return {"type": "image", "source": {"type": "url", "url": image.url}}
    source = {"type": "base64", "media_type": image.media_type or "image/png", "data": image.data}
    return {"type": "image", "source": source}


def _document(document: Mapping[str, Any] | str) -> Json:
    """Return a text to answer from; the answer's citations would be for nobody, and are not asked for."""
    data = document if isinstance(document, str) else document.get("data", "")
    text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    block = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": text}}
    title = "" if isinstance(document, str) else str(document.get("id") or "")
    return {**block, "title": title} if title else block


def _text(message: Message) -> str:
    return "\n".join(part.text for part in message.parts if isinstance(part, Text))


def _input(arguments: str) -> Json | Raw:
    """Return the object that `arguments` is; a client's history may hold a call whose arguments are none."""
    written = object_text(arguments)
    return {"input": arguments} if written is None else Raw(written)
