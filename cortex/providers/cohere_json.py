"""An answer that must be JSON: bound by Cohere where it can, else asked for in words, and checked. Pure.

Cohere refuses `response_format` together with tools or documents (OpenAPI document, 20 Aug 2026). The client asked for
both all the same, and neither may be dropped. So there the form is asked for in words, the answer is held back until
it is whole, and one that is no JSON object is `unsupported`: the next candidate is asked, and the client never gets prose
for JSON. A schema beyond what Cohere can be bound to (`cohere_schema`) is asked for in words as well, under the plain JSON
mode, which keeps to an object by itself. Whether words were kept to in each field of the schema is not checked.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from cortex.chat import Chat, Delta, Finish, JsonSchema, Need, ReasoningDelta, Text, TextDelta, ToolCall
from cortex.messages import Failure
from cortex.providers.base import Decoder
from cortex.providers.calls import object_text
from cortex.providers.cohere_schema import bindable

MAX_HELD = 8 * 1024 * 1024
"""Bytes of a stream that are held back; the longest answer of any model is far below."""

_JSON: frozenset[Need] = frozenset({"json_object", "json_schema"})
_BESIDE: frozenset[Need] = frozenset({"tools", "documents"})
_FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL | re.IGNORECASE)
_WORDS = "Answer with one JSON object and nothing else: no text around it and no code fence."
_UNLESS_CALLED = " This is about your answer, not about calls of tools."


def is_spoken(needs: frozenset[Need]) -> bool:
    """Tell whether a request's answer must be JSON that Cohere cannot be bound to, so that it must be checked."""
    return bool(needs & _JSON and needs & _BESIDE)


def form_of(chat: Chat) -> tuple[dict[str, Any] | None, str]:
    """Return the `response_format` of a chat, if any, and what must be said in words, if anything."""
    wanted = chat.response_format
    if wanted == "text":
        return None, ""
    has_tools = bool(chat.tools) and chat.tool_choice != "none"
    if has_tools or chat.documents:
        return None, _words(wanted) + _UNLESS_CALLED * has_tools
    bound = _bound(wanted) if isinstance(wanted, JsonSchema) else None
    if bound is not None:
        return {"type": "json_object", "json_schema": bound}, ""
    # Where nothing says JSON the model may write white space without end (Cohere's guide, 20 Aug 2026)
    is_said = wanted == "json" and _mentions_json(chat)
    return {"type": "json_object"}, "" if is_said else _words(wanted)


def checked(deltas: list[Delta]) -> list[Delta] | Failure:
    """Return a whole answer with its text as bare JSON, or a failure when that is not what it is.

    An answer that calls tools, or that was cut by the bound on its length, is returned as it is.
    """
    if any(isinstance(delta, ToolCall) or (isinstance(delta, Finish) and delta.reason != "stop") for delta in deltas):
        return deltas
    text = _bare("".join(delta.text for delta in deltas if isinstance(delta, TextDelta)))
    if text is None:
        return Failure(
            "unsupported", "Cohere cannot be bound to JSON beside tools or documents, and this answer is none"
        )
    thought: list[Delta] = [delta for delta in deltas if isinstance(delta, ReasoningDelta)]
    end = [delta for delta in deltas if not isinstance(delta, ReasoningDelta | TextDelta)]
    return [*thought, TextDelta(text), *end]


class CheckedDecoder:
    """A decoder that holds an answer back until it is whole, and gives it only when it is `checked`."""

    def __init__(self, decoder: Decoder) -> None:
        """Let `decoder` read."""
        self._decoder = decoder
        self._held: list[Delta] = []
        self._size = 0
        self._is_over = False
        self.finished = False

    def feed(self, data: bytes) -> list[Delta | Failure]:
        """Return nothing until `data` completes the answer."""
        self._size += len(data)
        if self._size > MAX_HELD and not self._is_over:
            return self._end(Failure("malformed", f"more than {MAX_HELD} bytes of an answer that is to be JSON"))
        return self._take(self._decoder.feed(data))

    def close(self) -> list[Delta | Failure]:
        """Say that the stream ended."""
        return self._take(self._decoder.close())

    def _take(self, items: Iterable[Delta | Failure]) -> list[Delta | Failure]:
        if self._is_over:
            return []
        for item in items:
            if isinstance(item, Failure):
                return self._end(item)
            self._held.append(item)
        return self._end(checked(self._held)) if self._decoder.finished else []

    def _end(self, whole: list[Delta] | Failure) -> list[Delta | Failure]:
        self._is_over = True
        self._held = []
        self.finished = not isinstance(whole, Failure)
        return [whole] if isinstance(whole, Failure) else [*whole]


def _words(wanted: JsonSchema | str) -> str:
    if not isinstance(wanted, JsonSchema) or not wanted.schema:
        return _WORDS
    schema = msgspec.json.encode(_described(wanted)).decode()
    return f"{_WORDS} It must be valid against this JSON Schema: {schema}"


def _bound(wanted: JsonSchema) -> dict[str, Any] | None:
    return bindable(_described(wanted))


def _described(wanted: JsonSchema) -> dict[str, Any]:
    """Return the schema with what it is for, which Cohere has no field for."""
    return {"description": wanted.description, **wanted.schema} if wanted.description else dict(wanted.schema)


def _mentions_json(chat: Chat) -> bool:
    texts = (part.text for message in chat.messages for part in message.parts if isinstance(part, Text))
    return any("json" in text.lower() for text in texts)


def _bare(text: str) -> str | None:
    """Return the JSON object that `text` is, without a code fence around it; None when it is none."""
    text = text.strip()
    fenced = _FENCE.fullmatch(text)
    text = fenced[1] if fenced else text
    return text if text.startswith("{") and object_text(text) is not None else None
