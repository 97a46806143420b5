"""A simulated cloud that speaks the OpenAI dialect: keys, quotas with their headers, chat completions, models.

Sources: OpenAI's OpenAPI document 2.3.0 (21 Aug 2026), platform.openai.com/docs/guides/rate-limits (Nov 2026). Not
simulated: embeddings, completions, responses.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Unpack
from urllib.parse import unquote

import msgspec
from aiohttp import web

from cortex.simulate.answer import compose
from cortex.simulate.delivery import Received
from cortex.simulate.fault import Fault
from cortex.simulate.model import SimulatedModel
from cortex.simulate.openai_wire import AnswerWriter, ChatBody, bad_request, model_entry, read
from cortex.simulate.quota import Quota, QuotaMeter, Spent, duration
from cortex.simulate.refusal import OPENAI_REFUSALS, Refused, openai_error, refusal
from cortex.simulate.server import Settings, SimulatedServer

MODELS = (SimulatedModel("sim-small"), SimulatedModel("sim-large", ("completion", "tools", "vision", "thinking")))
BASE = "/v1"


class SimulatedOpenAI(SimulatedServer):
    """One account of a cloud, on a real port."""

    dialect: ClassVar[str] = "openai"
    generating: ClassVar[frozenset[str]] = frozenset({f"{BASE}/chat/completions"})

    def __init__(
        self,
        *,
        models: Iterable[str | SimulatedModel] = MODELS,
        api_key: str | None = None,
        quota: Quota | None = None,
        slots: int = 0,
        **settings: Unpack[Settings],
    ) -> None:
        """`slots` is how many it answers at once while others wait; 0 for no bound. No `api_key`: it asks for none."""
        super().__init__(models=models, **settings)
        self._by_name = {model.name: model for model in self.models}
        self._api_key = api_key
        self._slots = asyncio.Semaphore(slots) if slots else None
        self._meter = QuotaMeter(quota or Quota())
        self._served = 0

    @property
    def url(self) -> str:
        """What a worker's `url` is set to, and an SDK's `base_url`."""
        return f"{self.origin}{BASE}"

    async def respond(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        """Answer one request. Raises Refused."""
        self._check_key(received)
        method, path = received.method, received.path
        if path == f"{BASE}/models" and method == "GET":
            return _json({"object": "list", "data": [model_entry(model) for model in self.models]})
        if path.startswith(f"{BASE}/models/") and method == "GET":
            return _json(model_entry(self._model(unquote(path.removeprefix(f"{BASE}/models/")))))
        if path == f"{BASE}/chat/completions" and method == "POST":
            return await self._chat(request, received)
        raise openai_error(404, f"Invalid URL ({method} {path})", "invalid_request_error")

    def refused(self, kind: str, fault: Fault, model: str) -> Refused:
        """Return OpenAI's refusal of that kind, or that of another cloud that speaks its dialect."""
        return refusal(OPENAI_REFUSALS, kind, fault.flavour, model, fault.retry_after)

    def failed(self, status: int, message: str) -> Refused:
        """Return any other error in OpenAI's shape."""
        return openai_error(status, message, "server_error" if status >= 500 else "invalid_request_error")

    async def _chat(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read(received.body)
        model = self._model(body.model)
        self._check_abilities(body, model)
        self._check_quota(model)
        scripts = [
            compose(body.prompt(model, choice), name=self.name, seed=self.seed, length=self.answer_tokens)
            for choice in range(body.choices)
        ]
        self._served += 1
        reply = AnswerWriter(body, scripts, int(time.time()), self._served).reply(self._headers())
        async with self._slot():
            return await self.deliver(request, received, reply)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._slots is None:
            yield
            return
        async with self._slots:
            yield

    def _headers(self) -> dict[str, str]:
        processing_ms = round(self.pace.first_token_s * 1000)
        head = {"x-request-id": f"req_{self._served:08d}", "openai-processing-ms": str(processing_ms)}
        return head | self._meter.headers(self.clock())

    def _check_key(self, received: Received) -> None:
        if self._api_key is None:
            return
        given = received.headers.get("authorization", "")
        if not given:
            message = "You didn't provide an API key. You need to provide your API key in an Authorization header."
            raise openai_error(401, message, "invalid_request_error")
        if given != f"Bearer {self._api_key}":
            raise OPENAI_REFUSALS["unauthorized"]("")

    def _check_abilities(self, body: ChatBody, model: SimulatedModel) -> None:
        if body.tools and not model.can("tools"):
            raise openai_error(400, "tools is not supported in this model.", "invalid_request_error", param="tools")
        if not model.can("vision") and any(message.turn().images for message in body.messages):
            message = "Invalid content type. image_url is only supported by certain models."
            raise bad_request(message, "messages.[0].content.[1].type")

    def _check_quota(self, model: SimulatedModel) -> None:
        spent = self._meter.take(self.clock())
        if spent is not None:
            raise self._over_quota(spent, model)

    def _over_quota(self, spent: Spent, model: SimulatedModel) -> Refused:
        unit = "min (RPM)" if spent.window == "minute" else "day (RPD)"
        no = openai_error(
            429,
            f"Rate limit reached for {model.name} in organization org-simulated on requests per {unit}: Limit "
            f"{spent.limit}, Used {spent.limit}, Requested 1. Please try again in {duration(spent.again_s)}. Visit "
            "https://platform.openai.com/account/rate-limits to learn more.",
            "requests",
            "rate_limit_exceeded",
        )
        no.headers |= self._meter.headers(self.clock())
        no.headers["Retry-After"] = str(math.ceil(spent.again_s))
        return no

    def _model(self, name: str) -> SimulatedModel:
        model = self._by_name.get(name)
        if model is None:
            raise OPENAI_REFUSALS["model_missing"](name)
        return model


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")
