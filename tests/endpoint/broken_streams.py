"""The attempt loop in front of upstreams that die after so many bytes, without a socket; and each dialect's own grammar.

What an upstream says was recorded once from its simulator; what a second worker goes on with is asked of a simulator once
for each beginning. So a stream can be broken at every byte, some ten thousand times in a test.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
from fleet import standing

from cortex.config.model import Settings
from cortex.config.presets import PRESETS
from cortex.config.watcher import Current
from cortex.endpoint.anthropic import Anthropic
from cortex.endpoint.dialect import Dialect
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.flight import Tap
from cortex.endpoint.ollama import Ollama
from cortex.endpoint.openai import OpenAI
from cortex.endpoint.relay import Relay
from cortex.messages import Failure, Refusal
from cortex.simulate import (
    SimulatedAnthropic,
    SimulatedCohere,
    SimulatedGemini,
    SimulatedOllama,
    SimulatedOpenAI,
    SimulatedServer,
)
from cortex.simulate.model import SimulatedModel
from cortex.telemetry.record import Record
from cortex.transport.failures import TransportError
from cortex.transport.http1 import Budgets
from cortex.transport.response import Response
from cortex.workers.continues import Continues
from cortex.workers.lease import Lease

NO_ONE = Refusal("exhausted", "no worker can answer now")
BROKEN = Failure("malformed", "the connection broke off")
TOKENS = 7
SIMULATORS: Mapping[str, tuple[type[SimulatedServer], str]] = {
    "ollama": (SimulatedOllama, "qwen3:4b"),
    "openai": (SimulatedOpenAI, "cloud-70b"),
    "gemini": (SimulatedGemini, "gemini-3.8-flash"),
    "cohere": (SimulatedCohere, "command-a-plus-05-2026"),
    "anthropic": (SimulatedAnthropic, "claude-haiku-4-5-20251001"),
}


def _ask(**more: Any) -> dict[str, Any]:
    return {"model": "any", "messages": [{"role": "user", "content": "Go"}], "stream": True, **more}


class Client(NamedTuple):
    """One way to ask for a stream."""

    dialect: str
    operation: str
    body: Mapping[str, Any]


CLIENTS: Mapping[str, Client] = {
    "openai": Client("openai", "chat", _ask(stream_options={"include_usage": True})),
    "completions": Client("openai", "complete", {"model": "any", "prompt": "Go", "stream": True}),
    "responses": Client("openai", "respond", {"model": "any", "input": "Go", "stream": True}),
    "ollama": Client("ollama", "chat", _ask()),
    "generate": Client("ollama", "generate", {"model": "any", "prompt": "Go"}),
    "anthropic": Client("anthropic", "chat", _ask(max_tokens=100)),
}
DIALECTS: Mapping[str, Dialect] = {
    "openai": OpenAI(time.time),
    "ollama": Ollama(time.time),
    "anthropic": Anthropic(time.time),
}


class Source:
    """What an answer needs of a connection."""

    origin = "http://upstream"

    def resume(self) -> None:
        """Do nothing: all has come."""

    def abort(self) -> None:
        """Do nothing."""


class Upstream:
    """One simulator, and all it ever said, by the body of the request."""

    def __init__(self, kind: str, name: str, http: aiohttp.ClientSession, *abilities: str) -> None:
        make, self.model = SIMULATORS[kind]
        models = (SimulatedModel(self.model, ("completion", "tools", *abilities)),)
        self.sim = make(name=name, models=models, instant=True, answer_tokens=TOKENS)
        self.kind, self.name = kind, name
        self.said: dict[bytes, tuple[int, bytes]] = {}
        self._http = http

    async def start(self) -> None:
        """Listen."""
        await self.sim.start()
        url = self.sim.url
        made = {
            "name": self.name,
            "provider": self.kind,
            "url": url,
            "local": False,
            "headers": PRESETS[self.kind].headers,
        }
        if self.kind == "ollama":
            made = {"name": self.name, "local": True, "url": url}
        self.standing = standing(models=(self.model,), **made)

    async def answer(self, head: bytes, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to a request."""
        if body not in self.said:
            lines = head.decode().split("\r\n")
            path = lines[0].split(" ")[1]
            headers = dict(line.split(": ", 1) for line in lines[1:] if line)
            async with self._http.post(self.sim.origin + path, data=body, headers=headers) as said:
                self.said[body] = said.status, await said.read()
        return self.said[body]


class Wires:
    """A pool whose first answer dies: after `cut` bytes, and `cleanly` as if it had been all."""

    def __init__(self, upstreams: list[Upstream], cut: int, *, cleanly: bool) -> None:
        self._upstreams, self._cut, self._cleanly = list(upstreams), cut, cleanly
        self.total = 0
        """How many bytes the first would have sent."""
        self._is_first = True

    async def send(self, _origin: Any, head: bytes, body: bytes, _budgets: Budgets) -> Response:
        status, said = await self._upstreams.pop(0).answer(head, body)
        response = Response(status, [], Source())
        if not self._is_first:
            response.push(said)
            response.end()
            return response
        self._is_first, self.total = False, len(said)
        if self._cut:
            response.push(said[: self._cut])
        elif not self._cleanly:
            raise TransportError(BROKEN)
        response.end(None if self._cleanly else BROKEN)
        return response


class Names:
    """A dispatcher that grants one lease after the other."""

    def __init__(self, upstreams: list[Upstream]) -> None:
        self._waiting = list(upstreams)

    def ask(self, _name: str, _message: Any) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        future.set_result(self._lease(self._waiting.pop(0)) if self._waiting else NO_ONE)
        return future

    def tell(self, _name: str, _message: Any) -> bool:
        return True

    def _lease(self, upstream: Upstream) -> Lease:
        return Lease(
            standing=upstream.standing,
            names=self,
            link=upstream.standing.link,
            model=upstream.model,
            why="its turn",
            budgets=Budgets(1.0, 1.0, 1.0),
            cold=False,
            trial=False,
            request_id="r-1",
            reservation=None,
        )


class Run(NamedTuple):
    """What came of one request."""

    reply: Tap
    record: Record
    total: int

    @property
    def body(self) -> bytes:
        return b"".join(self.reply.parts)


async def run(
    client: Client, upstreams: list[Upstream], cut: int, *, cleanly: bool, continues: Continues, settings: Settings
) -> Run:
    """Ask once, of upstreams of which the first dies."""
    dialect = DIALECTS[client.dialect]
    request = dialect.read(client.operation, json.dumps(client.body).encode())
    now = time.monotonic()
    request.id, request.arrived_s, request.deadline_s = "r-1", now, now + 60.0
    record = Record(id="r-1", client="", dialect=client.dialect, arrived_s=now, arrived_at=0.0)
    exchange = Exchange(dialect=dialect, reply=Tap(), record=record, task=asyncio.current_task())
    exchange.request, exchange.deadline_s = request, request.deadline_s
    wires = Wires(upstreams, cut, cleanly=cleanly)
    relay = Relay(names=Names(upstreams), pool=wires, current=Current(settings), continues=continues)
    await relay.answer(exchange, request)
    return Run(exchange.reply, record, wires.total)


class Told(NamedTuple):
    """What a stream says by its dialect's grammar."""

    text: str
    is_whole: bool
    error: str


def read(client: Client, body: bytes) -> Told:
    """Read a stream strictly; anything that its grammar does not allow is an AssertionError."""
    if client.dialect == "ollama":
        return _ollama(body)
    assert body.endswith(b"\n\n"), "an event is cut"
    events = [event for event in body.decode().split("\n\n") if event and not event.startswith(":")]
    if client.dialect == "anthropic":
        return _anthropic(events)
    return _responses(events) if client.operation == "respond" else _chunks(events, client.operation)


def _chunks(events: list[str], operation: str) -> Told:
    assert all(event.startswith("data: ") for event in events)
    datas = [event[6:] for event in events]
    is_done = datas[-1] == "[DONE]"
    said = [json.loads(data) for data in datas[: -1 if is_done else None]]
    error = said.pop()["error"]["message"] if "error" in said[-1] else ""
    assert not (is_done and error), "an error and an end"
    for key in ("id", "model", "created", "object"):
        assert len({event[key] for event in said}) <= 1, key
    choices = [choice for event in said for choice in event["choices"]]
    if operation == "chat":
        roles = [number for number, choice in enumerate(choices) if choice["delta"].get("role")]
        assert roles in ([0], []) if error else roles == [0], "the role"
        text = "".join(choice["delta"].get("content") or "" for choice in choices)
    else:
        text = "".join(choice["text"] for choice in choices)
    finishes = [number for number, choice in enumerate(choices) if choice["finish_reason"]]
    assert finishes in ([], [len(choices) - 1]), "one finish, the last"
    assert bool(finishes) or not is_done, "an end without a finish"
    usages = [number for number, event in enumerate(said) if event.get("usage")]
    if is_done and operation == "chat":
        assert usages in ([], [len(said) - 1]), "the usage, last"
    return Told(text, is_done, error)


def _responses(events: list[str]) -> Told:
    said = [json.loads(event.partition("\ndata: ")[2]) for event in events]
    assert [event["sequence_number"] for event in said] == list(range(len(said)))
    names = [event["type"] for event in said]
    assert names[:2] == ["response.created", "response.in_progress"]
    assert len({event["response"]["id"] for event in said if "response" in event}) == 1
    text = "".join(event["delta"] for event in said if event["type"] == "response.output_text.delta")
    kinds = [event["item"]["type"] for event in said if event["type"] == "response.output_item.added"]
    assert len(kinds) == len(set(kinds))
    is_whole = names[-1] == "response.completed"
    if is_whole:
        *_, item = said[-1]["response"]["output"]
        assert item["content"][0]["text"] == text
        return Told(text, True, "")
    assert names[-2:] == ["error", "response.failed"]
    return Told(text, False, said[-1]["response"]["error"]["message"])


def _anthropic(events: list[str]) -> Told:
    said = [json.loads(event.partition("\ndata: ")[2]) for event in events]
    assert [event.split("\n")[0] for event in events] == [f"event: {event['type']}" for event in said]
    said = [event for event in said if event["type"] != "ping"]
    names = [event["type"] for event in said]
    assert names[0] == "message_start"
    assert names.count("message_start") == 1
    open_block, blocks, text = None, 0, ""
    for event in said[1:]:
        match event["type"]:
            case "content_block_start":
                assert open_block is None
                assert event["index"] == blocks
                open_block, blocks = event["index"], blocks + 1
            case "content_block_delta":
                assert event["index"] == open_block
                text += event["delta"].get("text", "")
            case "content_block_stop":
                assert event["index"] == open_block
                open_block = None
    if names[-1] == "message_stop":
        assert open_block is None
        assert names[-2] == "message_delta"
        assert names.count("message_delta") == 1
        return Told(text, True, "")
    assert names[-1] == "error"
    assert "message_delta" not in names
    return Told(text, False, said[-1]["error"]["message"])


def _ollama(body: bytes) -> Told:
    assert body.endswith(b"\n"), "a line is cut"
    said = [json.loads(line) for line in body.split(b"\n")[:-1]]
    error = said.pop()["error"] if "error" in said[-1] else ""
    assert len({line["model"] for line in said}) <= 1
    dones = [number for number, line in enumerate(said) if line["done"]]
    assert dones in ([], [len(said) - 1])
    assert not (dones and error)
    text = "".join(line.get("response", "") or line.get("message", {}).get("content", "") for line in said)
    return Told(text, bool(dones), error)
