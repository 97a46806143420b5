"""The two kinds of upstream as the tests of the official packages see them: a simulator, a model it has, its words."""

import json
from typing import Any, NamedTuple

from cortex.simulate import Received, SimulatedServer
from cortex.simulate.fault import Fault

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel, in base64."""

PARIS, ROME = {"city": "Paris"}, {"city": "Rome"}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}


class Upstream(NamedTuple):
    """A simulator that Córtex asks."""

    sim: SimulatedServer
    model: str
    """One of its models that can do everything."""

    @property
    def is_ollama(self) -> bool:
        return self.sim.dialect == "ollama"

    def asked(self) -> Received:
        """Return the last request for a model, probes left out."""
        return next(received for received in reversed(self.sim.requests) if received.path in self.sim.generating)

    def sent(self) -> Any:
        """Return the body of the last request for a model."""
        return self.asked().json

    def options(self) -> Any:
        """Return where its dialect has the options of sampling."""
        return self.sent()["options"] if self.is_ollama else self.sent()

    def says(self, body: str) -> None:
        """Let it answer the next request with these bytes."""
        self.sim.fault(Fault("error_status", status=200, body=body))

    def calls_two(self, *, stream: bool) -> None:
        """Let it answer the next request with two calls, the weather of Paris and that of Rome."""
        lines = two_calls_of_ollama(stream=stream) if self.is_ollama else two_calls_of_openai(stream=stream)
        self.says(lines)


def tool(name: str = "weather") -> dict[str, Any]:
    """Return a tool as both packages take it."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    function = {"name": name, "description": f"Tells the {name} of a city", "parameters": parameters}
    return {"type": "function", "function": function}


def two_calls_of_ollama(*, stream: bool) -> str:
    calls = [{"function": {"name": "weather", "arguments": arguments}} for arguments in (PARIS, ROME)]
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 30, "eval_count": 12}
    empty = {"role": "assistant", "content": ""}
    if not stream:
        return _json({"model": "x", "message": {**empty, "tool_calls": calls}, **end})
    lines = [{"model": "x", "message": {**empty, "tool_calls": [call]}, "done": False} for call in calls]
    return "".join(f"{_json(line)}\n" for line in (*lines, {"model": "x", "message": empty, **end}))


def two_calls_of_openai(*, stream: bool) -> str:
    """Write two calls; in a stream the arguments of each come in pieces, as OpenAI sends them."""
    texts = [_json(PARIS), _json(ROME)]
    head = {"id": "chatcmpl-1", "created": 1, "model": "x"}
    usage = {"prompt_tokens": 30, "completion_tokens": 12, "total_tokens": 42}
    calls = [
        {"id": f"call_{index}", "type": "function", "function": {"name": "weather", "arguments": text}}
        for index, text in enumerate(texts)
    ]
    if not stream:
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return _json({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    for index, (call, text) in enumerate(zip(calls, texts, strict=True)):
        deltas.append({"tool_calls": [{**call, "index": index, "function": {"name": "weather", "arguments": ""}}]})
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": c}}]} for c in (text[:4], text[4:])]
    choices = [[{"index": 0, "delta": delta, "finish_reason": None}] for delta in deltas]
    choices += [[{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]]
    events = [{**head, "object": "chat.completion.chunk", "choices": choice} for choice in choices]
    events.append({**head, "object": "chat.completion.chunk", "choices": [], "usage": usage})
    return "".join(f"data: {_json(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def _json(value: Any) -> str:
    return json.dumps(value)
