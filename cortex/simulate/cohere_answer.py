"""Cohere's answers as bytes: a `Script` written as JSON or as typed events. Pure.

Sources: Cohere's OpenAPI document (20 Aug 2026), the SDK cohere 7.3.1 (Nov 2026). In the events `tool_calls` and `citations`
are objects, not lists; usage and reason come with the last event only; numbers of tokens are floats.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cortex.simulate.answer import Call, Script, tokens_of
from cortex.simulate.cohere_wire import ChatBody, EmbedBody
from cortex.simulate.embedding import in_base64, vector
from cortex.simulate.model import SimulatedModel
from cortex.simulate.reply import Reply, plain

EVENT_STREAM = "text/event-stream"
FRAGMENT_CHARACTERS = 7
TEMPLATE_TOKENS = 66
"""What a hidden template adds to a prompt: counted, but not charged."""
FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS", "tool_calls": "TOOL_CALL"}


class AnswerWriter:
    """Writes one answer."""

    def __init__(self, body: ChatBody, script: Script, serial: int) -> None:
        self._script = script
        self._id = f"{script.fingerprint}-0000-4000-8000-{serial:012d}"
        self._plan = tokens_of(f"I will use {script.calls[0].name}.") if script.calls else []
        self._citation = _citation(body, script) if body.cites and script.text else None

    def reply(self, *, stream: bool) -> Reply:
        """Return the answer, streamed and whole."""
        message: dict[str, Any] = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}
        start = {"id": self._id, "delta": {"message": message | {"citations": []}}}
        return Reply(
            stream=stream,
            content_type=EVENT_STREAM,
            opening=_event("message-start", start),
            tokens=tuple(self._events()),
            closing=(self._end(FINISH[self._script.finish]),),
            whole=msgspec.json.encode(self._whole(FINISH[self._script.finish])),
            unfinished=msgspec.json.encode(self._whole("ERROR")),
            error=lambda message: self._end("ERROR", error=message),
            whole_error=lambda message: (500, msgspec.json.encode({"id": self._id, "message": message})),
            garbage=lambda text: f"data: {text}\n\n".encode(),
        )

    def _events(self) -> Iterator[bytes]:
        """Write all between the first event and the last; what only opens or closes goes with a token's."""
        for token in self._plan:
            yield _event("tool-plan-delta", {"delta": {"message": {"tool_plan": token}}})
        blocks = [("thinking", self._script.thinking), ("text", self._script.text)]
        for index, (kind, tokens) in enumerate((kind, tokens) for kind, tokens in blocks if tokens):
            yield from self._block(index, kind, tokens)
        for index, call in enumerate(self._script.calls):
            yield from _call_events(index, call)

    def _block(self, index: int, kind: str, tokens: tuple[str, ...]) -> Iterator[bytes]:
        opening = _event("content-start", {"index": index, "delta": {"message": {"content": {"type": kind, kind: ""}}}})
        closing = self._cited() if kind == "text" else b""
        closing += _event("content-end", {"index": index})
        for number, token in enumerate(tokens, 1):
            delta = _event("content-delta", {"index": index, "delta": {"message": {"content": {kind: token}}}})
            yield (opening if number == 1 else b"") + delta + (closing if number == len(tokens) else b"")

    def _cited(self) -> bytes:
        if self._citation is None:
            return b""
        start = _event("citation-start", {"index": 0, "delta": {"message": {"citations": self._citation}}})
        return start + _event("citation-end", {"index": 0})

    def _end(self, finish: str, **more: Any) -> bytes:
        return _event(
            "message-end", {"id": self._id, "delta": {"finish_reason": finish, "usage": self._usage(), **more}}
        )

    def _whole(self, finish: str) -> dict[str, Any]:
        script = self._script
        content = [{"type": "thinking", "thinking": "".join(script.thinking)}] if script.thinking else []
        content += [{"type": "text", "text": "".join(script.text)}] if script.text else []
        message: dict[str, Any] = {"role": "assistant"} | ({"content": content} if content else {})
        if script.calls:
            message |= {"tool_plan": "".join(self._plan), "tool_calls": [_called(call) for call in script.calls]}
        if self._citation is not None:
            message["citations"] = [self._citation]
        return {"id": self._id, "finish_reason": finish, "message": message, "usage": self._usage()}

    def _usage(self) -> dict[str, Any]:
        prompt, answer = float(self._script.prompt_tokens), float(self._script.answer_tokens + len(self._plan))
        return {
            "billed_units": {"input_tokens": prompt, "output_tokens": answer},
            "tokens": {"input_tokens": prompt + TEMPLATE_TOKENS, "output_tokens": answer + 2},
            "cached_tokens": 0.0,
        }


def model_entry(model: SimulatedModel) -> dict[str, Any]:
    """Write a model as `/v1/models` lists it."""
    features = {"tools": "tools", "vision": "vision", "thinking": "reasoning"}
    return {
        "name": model.name,
        "is_deprecated": False,
        "endpoints": ["chat"] * model.can("completion") + ["embed"] * model.can("embedding"),
        "finetuned": False,
        "context_length": float(model.context_length),
        "tokenizer_url": "",
        "default_endpoints": [],
        "features": [feature for ability, feature in features.items() if model.can(ability)],
    }


def embedded(body: EmbedBody, model: SimulatedModel, serial: int) -> Reply:
    """Return the vectors in every type that was asked for."""
    length = body.output_dimension or model.dimensions
    vectors = [vector(f"{model.digest} {item}", length, of=model.dimensions) for item in body.items]
    embeddings = {kind: [_as(kind, numbers) for numbers in vectors] for kind in body.embedding_types or ("float",)}
    tokens = sum(len(tokens_of(item)) for item in body.items)
    whole = {
        "id": f"00000000-0000-4000-8000-{serial:012d}",
        "embeddings": embeddings,
        "texts": body.texts or [],
        "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": float(tokens)}},
        "response_type": "embeddings_by_type",
    }
    return plain(msgspec.json.encode(whole), lambda message: (500, msgspec.json.encode({"message": message})))


def _as(kind: str, numbers: list[float]) -> Any:
    if kind == "float":
        return numbers
    if kind == "base64":
        return in_base64(numbers)
    if kind in {"int8", "uint8"}:
        return [round(number * 127) + (128 if kind == "uint8" else 0) for number in numbers]
    bits = "".join("1" if number > 0 else "0" for number in numbers)
    offset = 0 if kind == "ubinary" else 128
    return [int(bits[start : start + 8].ljust(8, "0"), 2) - offset for start in range(0, len(bits), 8)]


def _citation(body: ChatBody, script: Script) -> dict[str, Any]:
    """Return a citation: the first word of the answer, from the first document."""
    document = (body.documents or [""])[0]
    data = {"snippet": document} if isinstance(document, str) else document.get("data", document)
    identity = str(document.get("id", "doc:0")) if isinstance(document, Mapping) else "doc:0"
    word = script.text[0]
    source = {"type": "document", "id": identity, "document": {"id": identity, **data}}
    return {"start": 0, "end": len(word), "text": word, "sources": [source], "type": "TEXT_CONTENT"}


def _call_events(index: int, call: Call) -> Iterator[bytes]:
    """Write a call: id and name, the arguments in pieces, none at all where there are none, and its end."""
    arguments = msgspec.json.encode(call.arguments).decode() if call.arguments else ""
    opening = {"tool_calls": {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}}
    yield _event("tool-call-start", {"index": index, "delta": {"message": opening}})
    for start in range(0, len(arguments), FRAGMENT_CHARACTERS):
        piece = {"tool_calls": {"function": {"arguments": arguments[start : start + FRAGMENT_CHARACTERS]}}}
        yield _event("tool-call-delta", {"index": index, "delta": {"message": piece}})
    yield _event("tool-call-end", {"index": index})


def _called(call: Call) -> dict[str, Any]:
    function = {"name": call.name, "arguments": msgspec.json.encode(call.arguments).decode()}
    return {"id": call.id, "type": "function", "function": function}


def _event(kind: str, rest: Mapping[str, Any]) -> bytes:
    return f"event: {kind}\ndata: ".encode() + msgspec.json.encode({"type": kind, **rest}) + b"\n\n"
