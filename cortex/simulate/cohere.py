"""A simulated Cohere: its second API for chats and embeddings, its list of models, its trial keys.

Sources: Cohere's OpenAPI document (20 Aug 2026), the SDK cohere 7.3.1 (Nov 2026), docs.cohere.com/docs/rate-limits (2026). Not
simulated: reranking, tokenising, the first API's chat, the endpoint that speaks OpenAI's dialect.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web

from cortex.simulate.answer import compose, tokens_of
from cortex.simulate.cloud import SimulatedCloud, json_response
from cortex.simulate.cohere_answer import AnswerWriter, embedded, model_entry
from cortex.simulate.cohere_refusal import COHERE_REFUSALS, cohere_error, invalid, limit_reached
from cortex.simulate.cohere_wire import ChatBody, EmbedBody, check_chat, check_embed, read
from cortex.simulate.delivery import Received
from cortex.simulate.model import SimulatedModel
from cortex.simulate.quota import Limit, Quota, Spent
from cortex.simulate.refusal import Refused, Table

MODELS = (
    SimulatedModel("command-a-03-2025", context_length=256_000),
    SimulatedModel("command-a-reasoning-08-2025", ("completion", "tools", "thinking"), context_length=256_000),
    SimulatedModel("command-a-vision-07-2025", ("completion", "vision"), context_length=128_000),
    SimulatedModel("command-r7b-12-2024", context_length=128_000),
    SimulatedModel("embed-v4.0", ("embedding",), context_length=128_000, dimensions=1536),
)
PAGE = 20
MAX_PAGE = 1000
ENDPOINTS = {"chat": "completion", "embed": "embedding"}

MONTH = Limit(1_000, "month", each="account")
COHERE_TRIAL: Mapping[str, Quota] = {
    "embed-v4.0": Quota(limits=(Limit(2_000, "minute", "inputs"), MONTH)),
    "*": Quota(limits=(Limit(20, "minute"), MONTH)),
}
"""A trial key: calls of all models together in a month (docs.cohere.com/docs/rate-limits, 2026)."""


class SimulatedCohere(SimulatedCloud):
    """Cohere, on a real port."""

    dialect: ClassVar[str] = "cohere"
    generating = frozenset({"/v2/chat", "/v2/embed"})
    catalogue: ClassVar[tuple[SimulatedModel, ...]] = MODELS
    refusals: ClassVar[Table] = COHERE_REFUSALS

    async def respond(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        """Answer one request. Raises Refused."""
        self.account_of(received)
        method, path = received.method, received.path
        if (method, path) == ("POST", "/v2/chat"):
            return await self._chat(request, received)
        if (method, path) == ("POST", "/v2/embed"):
            return await self._embed(request, received)
        if (method, path) == ("GET", "/v1/models"):
            return json_response(self._page(received.query))
        if method == "GET" and path.startswith("/v1/models/"):
            return json_response(model_entry(self.find(path.removeprefix("/v1/models/"))))
        raise cohere_error(404, "the requested resource was not found")

    def key_of(self, received: Received) -> str:
        """Return the bearer's key."""
        return received.headers.get("authorization", "").removeprefix("Bearer ")

    def no_key(self, key: str) -> Refused:
        """Return the refusal of a wrong key, or of none."""
        return self.refusals["unauthorized"]("") if key else cohere_error(401, "no api key supplied")

    def over_quota(self, spent: tuple[Spent, ...], _received: Received) -> Refused:
        """Return the 429 for the window that is full the longest."""
        return limit_reached(spent[0])

    def failed(self, status: int, message: str) -> Refused:
        """Return any other error in Cohere's shape."""
        return cohere_error(status, message)

    async def _chat(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read(received.body, ChatBody)
        model = self.find(body.model)
        if not model.can("completion"):
            raise invalid(f"model '{model.name}' is not supported by the chat API")
        check_chat(body, model)
        script = compose(body.prompt(model), name=self.name, seed=self.seed, length=self.answer_tokens)
        self.take(received, script.prompt_tokens)
        return await self.deliver(request, received, AnswerWriter(body, script, self.served).reply(stream=body.stream))

    async def _embed(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read(received.body, EmbedBody)
        model = self.find(body.model)
        if not model.can("embedding"):
            raise invalid(f"model '{model.name}' is not supported by the embed API")
        check_embed(body, model)
        self.take(received, sum(len(tokens_of(item)) for item in body.items), inputs=len(body.items))
        return await self.deliver(request, received, embedded(body, model, self.served))

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        ability = ENDPOINTS.get(query.get("endpoint", ""))
        models = [model for model in self.models if ability is None or model.can(ability)]
        start, size = query.get("page_token") or "0", query.get("page_size") or str(PAGE)
        if not (start.isdecimal() and size.isdecimal()):
            raise invalid("page_size and page_token must be numbers")
        last = int(start) + min(int(size), MAX_PAGE)
        page: dict[str, Any] = {"models": [model_entry(model) for model in models[int(start) : last]]}
        return page | ({"next_page_token": str(last)} if last < len(models) else {})
