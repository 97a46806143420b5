"""A simulated Ollama machine: its native API, its scheduler, its errors.

Source: ollama/ollama server, main of 21 Aug 2026. Not simulated: pulling and creating models, the layers that speak other
dialects.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Unpack

import msgspec
from aiohttp import web

from cortex.simulate.answer import Prompt, Tool, Turn, compose
from cortex.simulate.delivery import Received
from cortex.simulate.fault import Fault
from cortex.simulate.model import CHATML, SimulatedModel, tagged
from cortex.simulate.ollama_embed import EmbedBody, EmbeddingsBody, reply
from cortex.simulate.ollama_wire import (
    NANOSECONDS,
    AnswerWriter,
    ChatBody,
    GenerateBody,
    Options,
    Timing,
    keep_alive_s,
    loaded,
    ps_entry,
    read,
    show,
    stamp,
    tags_entry,
)
from cortex.simulate.refusal import OLLAMA_REFUSALS, Refused, ollama_error, refusal
from cortex.simulate.runner import KEEP_ALIVE_S, Loads, QueueFull, Runner
from cortex.simulate.server import Settings, SimulatedServer

VERSION = "0.33.0"
MODELS = ("llama3.2:latest", SimulatedModel("qwen3:4b", ("completion", "tools", "thinking"), family="qwen3"))

Answer = Callable[[web.BaseRequest, Received], Awaitable[web.StreamResponse]]


class SimulatedOllama(SimulatedServer):
    """An Ollama machine of its own, on a real port."""

    dialect: ClassVar[str] = "ollama"
    generating = frozenset({"/api/chat", "/api/generate", "/api/embed", "/api/embeddings"})

    def __init__(
        self,
        *,
        models: Iterable[str | SimulatedModel] = MODELS,
        load_s: float = 2.0,
        slots: int = 1,
        max_loaded: int = 3,
        max_queue: int = 512,
        **settings: Unpack[Settings],
    ) -> None:
        """`slots` is its OLLAMA_NUM_PARALLEL, `load_s` what a cold model takes that says nothing else."""
        super().__init__(models=models, **settings)
        self._by_name = {tagged(model.name): model for model in self.models}
        self._runner = Runner(
            slots=slots,
            load_s=load_s,
            clock=self.clock,
            sleep=self.sleep,
            changed=self.note,
            max_loaded=max_loaded,
            max_queue=max_queue,
        )
        self._modified_at = stamp(time.time_ns())
        self._routes: dict[str, tuple[frozenset[str], Answer]] = {
            "/": (frozenset({"GET", "HEAD"}), self._root),
            "/api/version": (frozenset({"GET", "HEAD"}), self._version),
            "/api/tags": (frozenset({"GET", "HEAD"}), self._tags),
            "/api/ps": (frozenset({"GET"}), self._ps),
            "/api/show": (frozenset({"POST"}), self._show),
            "/api/chat": (frozenset({"POST"}), self._chat),
            "/api/generate": (frozenset({"POST"}), self._generate),
            "/api/embed": (frozenset({"POST"}), self._embed),
            "/api/embeddings": (frozenset({"POST"}), self._embeddings),
        }

    @property
    def loads(self) -> Loads:
        """Counters of loads started, finished, aborted, and of reloads."""
        return self._runner.loads

    @property
    def loaded(self) -> set[str]:
        """Names of the models in memory; those that are still loading are not."""
        return {resident.model.name for resident in self._runner.residents()}

    @property
    def loading(self) -> set[str]:
        """Names of the models that are being loaded, or wait for it."""
        return {name for name, _ in self._runner.loading()}

    async def stop(self) -> None:
        """Go off: connections are reset, and no model is in memory any more."""
        self._runner.forget()
        await super().stop()
        self._runner.forget()

    def state(self) -> dict[str, Any]:
        """Return what it is doing, for people."""
        loads = {"started": self.loads.started, "finished": self.loads.finished, "aborted": self.loads.aborted}
        return super().state() | {"loaded": sorted(self.loaded), "loading": sorted(self.loading), "loads": loads}

    async def respond(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        """Answer one request. Raises Refused."""
        route = self._routes.get(received.path)
        if route is None:
            raise Refused(404, b"404 page not found", content_type="text/plain")
        methods, answer = route
        if received.method not in methods:
            raise Refused(405, b"405 method not allowed", content_type="text/plain")
        return await answer(request, received)

    def refused(self, kind: str, fault: Fault, model: str) -> Refused:
        """Return Ollama's refusal of that kind."""
        return refusal(OLLAMA_REFUSALS, kind, fault.flavour, model, fault.retry_after)

    def failed(self, status: int, message: str) -> Refused:
        """Return any other error in Ollama's shape."""
        return ollama_error(status, message)

    async def _root(self, _request: web.BaseRequest, _received: Received) -> web.Response:
        return web.Response(text="Ollama is running")

    async def _version(self, _request: web.BaseRequest, _received: Received) -> web.Response:
        return _json({"version": VERSION})

    async def _tags(self, _request: web.BaseRequest, _received: Received) -> web.Response:
        return _json({"models": [tags_entry(model, name, self._modified_at) for name, model in self._by_name.items()]})

    async def _ps(self, _request: web.BaseRequest, _received: Received) -> web.Response:
        now_s, wall_ns = self.clock(), time.time_ns()
        entries = []
        for resident in self._runner.residents():
            left_s = resident.expires_s - now_s if resident.expires_s else KEEP_ALIVE_S
            expires_at = stamp(wall_ns + round(left_s * NANOSECONDS))
            entries.append(ps_entry(resident.model, tagged(resident.model.name), resident.num_ctx, expires_at))
        for name, num_ctx in self._runner.loading():
            model, expires_at = self._by_name[tagged(name)], stamp(wall_ns + round(KEEP_ALIVE_S * NANOSECONDS))
            entries.append(ps_entry(model, tagged(name), num_ctx, expires_at))
        return _json({"models": entries})

    async def _show(self, _request: web.BaseRequest, received: Received) -> web.Response:
        asked = received.json if isinstance(received.json, dict) else {}
        model = self._model(str(asked.get("model") or asked.get("name") or ""))
        return _json(show(model, CHATML, self._modified_at))

    async def _chat(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read(received.body, ChatBody)
        model = self._model(body.model)
        _need(model, "completion", "chat")
        tools = tuple(Tool(tool.function.name, tool.function.parameters) for tool in body.tools or ())
        if tools:
            _need(model, "tools")
        turns = tuple(message.turn() for message in body.messages or ())
        return await self._answer(request, received, body, model, turns, tools)

    async def _generate(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read(received.body, GenerateBody)
        model = self._model(body.model)
        _need(model, "completion", "generate")
        if body.suffix:
            _need(model, "insert")
        if body.raw and (body.template or body.system or body.context):
            raise ollama_error(400, "raw mode does not support template, system, or context")
        return await self._answer(request, received, body, model, body.turns() if body.prompt_ else ())

    async def _embed(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        return await self._embedded(request, received, read(received.body, EmbedBody))

    async def _embeddings(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        return await self._embedded(request, received, read(received.body, EmbeddingsBody))

    async def _embedded(
        self, request: web.BaseRequest, received: Received, body: EmbedBody | EmbeddingsBody
    ) -> web.StreamResponse:
        model = self._model(body.model)
        stays_s = keep_alive_s(body.keep_alive, KEEP_ALIVE_S)
        async with self._loaded(model, body.options, stays_s) as load_s:
            timing = Timing(load_s, self.pace.first_token_s, self.pace.tokens_per_s)
            return await self.deliver(request, received, reply(body.write(model, timing)))

    @asynccontextmanager
    async def _loaded(self, model: SimulatedModel, options: Options | None, stays_s: float) -> AsyncIterator[float]:
        try:
            async with self._runner.use(model, (options or Options()).context, stays_s) as load_s:
                yield load_s
        except QueueFull:
            raise OLLAMA_REFUSALS["busy"](model.name) from None

    async def _answer(
        self,
        request: web.BaseRequest,
        received: Received,
        body: ChatBody | GenerateBody,
        model: SimulatedModel,
        turns: tuple[Turn, ...],
        tools: tuple[Tool, ...] = (),
    ) -> web.StreamResponse:
        if body.think:
            _need(model, "thinking")
        if any(turn.images for turn in turns):
            _need(model, "vision")
        prompt = body.prompt(model, turns, tools)
        stays_s = keep_alive_s(body.keep_alive, KEEP_ALIVE_S)
        if not turns and not stays_s:
            self._runner.unload(model)
            return web.Response(body=loaded(body, "unload", time.time_ns()), content_type="application/json")
        async with self._loaded(model, body.options, stays_s) as load_s:
            if not turns:
                return web.Response(body=loaded(body, "load", time.time_ns()), content_type="application/json")
            return await self._generated(request, received, body, prompt, load_s)

    async def _generated(
        self,
        request: web.BaseRequest,
        received: Received,
        body: ChatBody | GenerateBody,
        prompt: Prompt,
        load_s: float,
    ) -> web.StreamResponse:
        script = compose(prompt, name=self.name, seed=self.seed, length=self.answer_tokens)
        timing = Timing(load_s, self.pace.first_token_s, self.pace.tokens_per_s)
        return await self.deliver(request, received, AnswerWriter(body, script, timing, time.time_ns()).reply())

    def _model(self, name: str) -> SimulatedModel:
        if not name:
            raise ollama_error(400, "model is required")
        model = self._by_name.get(tagged(name))
        if model is None:
            raise OLLAMA_REFUSALS["model_missing"](name)
        return model


def _need(model: SimulatedModel, capability: str, name: str = "") -> None:
    if not model.can(capability):
        raise ollama_error(400, f'"{model.name}" does not support {name or capability}')


def _json(value: Any) -> web.Response:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    return web.Response(body=msgspec.json.encode(value), headers=headers)
