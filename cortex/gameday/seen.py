"""What one client saw of one answer, in the OpenAI dialect. Pure: bytes in, facts out."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field

DONE = "[DONE]"


class Seen(Struct, kw_only=True):
    """One answer as a client has it."""

    status: int
    headers: dict[str, str] = {}
    text: str = ""
    calls: list[dict[str, str]] = field(default_factory=list)
    """Tool calls: name and arguments, put together."""
    finish: str = ""
    error: str = ""
    """What an error says, whether it came as a status or in the stream."""
    is_done: bool = False
    """The stream's own terminator came."""
    is_stream: bool = False
    strangeness: list[str] = field(default_factory=list)
    """What no valid stream has: two ids, two models, a second role, something after its end."""
    worker: str = ""
    """Who answered last, and …"""
    attempts: int = 0
    """… how many were tried, as Córtex recorded it: a stream that had to wait has told nothing in its head."""
    first_s: float | None = None
    total_s: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether the client has a whole answer and nothing beside it."""
        return (
            self.status == 200
            and not self.error
            and bool(self.finish)
            and (self.is_done or not self.is_stream)
            and not self.strangeness
        )

    def says(self) -> str:
        """Return it in a few words for a scorecard."""
        if self.is_whole:
            what = "a whole answer"
        elif self.error:
            what = (
                f"{self.status}: {self.error[:120]}" if not self.text else f"a begun answer, then: {self.error[:120]}"
            )
        else:
            what = f"{self.status}, an answer without its end"
        strange = f", {'; '.join(self.strangeness)}" if self.strangeness else ""
        return f"{what}{strange}, after {self.total_s:.1f} s"


def read(status: int, headers: dict[str, str], body: bytes) -> Seen:
    """Read an answer, whole or streamed."""
    seen = Seen(status=status, headers=headers, is_stream="event-stream" in headers.get("Content-Type", ""))
    if seen.is_stream:
        _stream(seen, body)
        return seen
    try:
        value = json.loads(body)
    except ValueError:
        seen.error = "a body that is no JSON"
        return seen
    if "error" in value:
        seen.error = str(value["error"].get("message"))
        return seen
    for choice in value.get("choices", ()):
        message = choice["message"]
        seen.text += message.get("content") or ""
        seen.calls += [_call(call) for call in message.get("tool_calls") or ()]
        seen.finish = choice["finish_reason"] or ""
    return seen


def _stream(seen: Seen, body: bytes) -> None:
    ids: set[str] = set()
    models: set[str] = set()
    roles = 0
    for data in _events(body):
        if seen.is_done:
            seen.strangeness.append("something after its end")
            return
        if data == DONE:
            seen.is_done = True
            continue
        try:
            event = json.loads(data)
        except ValueError:
            seen.strangeness.append("an event that is no JSON")
            return
        if "error" in event:
            seen.error = str(event["error"].get("message"))
            continue
        ids.add(event.get("id", ""))
        models.add(event.get("model", ""))
        for choice in event.get("choices", ()):
            delta = choice.get("delta", {})
            roles += "role" in delta
            seen.text += delta.get("content") or ""
            _add_calls(seen, delta.get("tool_calls") or ())
            if choice.get("finish_reason"):
                if seen.finish:
                    seen.strangeness.append("two ends")
                seen.finish = choice["finish_reason"]
    seen.strangeness += [f"{len(ids)} ids"] if len(ids) > 1 else []
    seen.strangeness += [f"{len(models)} models"] if len(models) > 1 else []
    seen.strangeness += [f"{roles} roles"] if roles > 1 else []


def _events(body: bytes) -> Iterator[str]:
    for block in body.decode(errors="replace").split("\n\n"):
        lines = [line[5:].strip() for line in block.splitlines() if line.startswith("data:")]
        if lines:
            yield "\n".join(lines)


def _add_calls(seen: Seen, calls: Iterable[dict[str, Any]]) -> None:
    for call in calls:
        index, function = call.get("index", 0), call.get("function", {})
        while len(seen.calls) <= index:
            seen.calls.append({"name": "", "arguments": ""})
        seen.calls[index]["name"] += function.get("name") or ""
        seen.calls[index]["arguments"] += function.get("arguments") or ""


def _call(call: dict[str, Any]) -> dict[str, str]:
    return {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
