"""The items of one response as its deltas make them, and the events that tell each step. Pure.

Theory of operation: an answer is a row of items, what was thought, said and called. Text goes into the item that is open;
text of another kind, a call or the end closes it. A call is whole when it comes and so opens and closes at once. Whoever
wants the whole answer takes `items` at the end, whoever streams it sends the events on the way: both say the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from cortex.chat import Delta, Finish, FinishReason, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.openai_responses_shape import is_incomplete, logprobs_of, summary_of, text_of

Event = tuple[str, dict[str, Any]]
"""The type of an event and its fields, but for the type and the number that every event has."""

_State = Literal["in_progress", "completed", "incomplete"]


class _Kind(NamedTuple):
    """How the items of one kind are told; the API does it alike for both, under other names."""

    item: str
    prefix: str
    """Of the item's id."""
    holds: str
    """The field of the item that holds its parts, of which there is one."""
    number: str
    """The field that says which of its parts is meant."""
    part: str
    text: str
    blank: Mapping[str, Any]
    """The fields that only items of this kind have."""
    write: Callable[..., dict[str, Any]]


_MESSAGE = _Kind(
    item="message",
    prefix="msg",
    holds="content",
    number="content_index",
    part="response.content_part",
    text="response.output_text",
    blank={"role": "assistant"},
    write=text_of,
)
_REASONING = _Kind(
    item="reasoning",
    prefix="rs",
    holds="summary",
    number="summary_index",
    part="response.reasoning_summary_part",
    text="response.reasoning_summary_text",
    blank={"encrypted_content": None},
    write=summary_of,
)


class _Open:
    """An item of text that is being written."""

    def __init__(self, kind: _Kind, place: int, seed: str) -> None:
        self.kind = kind
        self.id = f"{kind.prefix}_{seed}_{place}"
        self.where: dict[str, Any] = {"item_id": self.id, "output_index": place, kind.number: 0}
        self.texts: list[str] = []
        self.logprobs: list[dict[str, Any]] = []

    def item(self, status: _State, parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        kind = self.kind
        return {"id": self.id, "type": kind.item, "status": status, **kind.blank, kind.holds: parts}


class Output:
    """See the module's docstring."""

    def __init__(self, seed: str) -> None:
        """Begin an answer; `seed` goes into the ids of its items."""
        self._seed = seed
        self._open: _Open | None = None
        self.items: list[dict[str, Any]] = []
        """Those that are whole, in order."""
        self.usage = Usage()
        self.finish: FinishReason = "length"
        """`length` where the upstream gave none: whoever reads on must not take a cut answer for a whole one."""

    def take(self, delta: Delta) -> Iterator[Event]:
        """Add a delta; its events must be taken for it to be added."""
        match delta:
            case TextDelta(text=text, logprobs=tokens):
                if text or tokens:
                    yield from self._write(_MESSAGE, text, logprobs_of(tokens))
            case ReasoningDelta(text=text):
                if text:
                    yield from self._write(_REASONING, text, [])
            case ToolCall():
                yield from self._close("completed")
                yield from self._call(delta)
            case Finish(reason=reason):
                self.finish = reason
                yield from self.end()
            case Usage():
                self.usage = delta

    def end(self) -> Iterator[Event]:
        """Close what is open; an answer of nothing but thoughts that is complete has said an empty text."""
        is_cut = is_incomplete(self.finish)
        said_nothing = (self._open is None or self._open.kind is _REASONING) and not self._has_spoken()
        if said_nothing and not is_cut:
            yield from self._begin(_MESSAGE)
        yield from self._close("incomplete" if is_cut else "completed")

    def _has_spoken(self) -> bool:
        return any(item["type"] != "reasoning" for item in self.items)

    def _write(self, kind: _Kind, text: str, logprobs: list[dict[str, Any]]) -> Iterator[Event]:
        if self._open is None or self._open.kind is not kind:
            yield from self._begin(kind)
        current = self._open
        assert current is not None  # noqa: S101  it was begun above
        current.texts.append(text)
        fields = {**current.where, "delta": text}
        if kind is _MESSAGE:
            current.logprobs += logprobs
            fields["logprobs"] = logprobs
        yield f"{kind.text}.delta", fields

    def _begin(self, kind: _Kind) -> Iterator[Event]:
        yield from self._close("completed")
        place = len(self.items)
        self._open = current = _Open(kind, place, self._seed)
        yield (
            "response.output_item.added",
            {"output_index": place, "item": current.item("in_progress", ())},
        )
        yield f"{kind.part}.added", {**current.where, "part": kind.write("")}

    def _close(self, status: _State) -> Iterator[Event]:
        current = self._open
        if current is None:
            return
        self._open = None
        kind, where, text = current.kind, current.where, "".join(current.texts)
        part = text_of(text, current.logprobs) if kind is _MESSAGE else summary_of(text)
        item = current.item(status, [part])
        place = len(self.items)
        self.items.append(item)
        scored = {"logprobs": current.logprobs} if kind is _MESSAGE else {}
        yield f"{kind.text}.done", {**where, "text": text, **scored}
        yield f"{kind.part}.done", {**where, "part": part}
        yield "response.output_item.done", {"output_index": place, "item": item}

    def _call(self, call: ToolCall) -> Iterator[Event]:
        place = len(self.items)
        item_id = f"fc_{self._seed}_{place}"
        item = {
            "id": item_id,
            "type": "function_call",
            "status": "completed",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }
        self.items.append(item)
        where = {"item_id": item_id, "output_index": place}
        begun = item | {"status": "in_progress", "arguments": ""}
        yield "response.output_item.added", {"output_index": place, "item": begun}
        yield "response.function_call_arguments.delta", {**where, "delta": call.arguments}
        yield (
            "response.function_call_arguments.done",
            {**where, "name": call.name, "arguments": call.arguments},
        )
        yield "response.output_item.done", {"output_index": place, "item": item}
