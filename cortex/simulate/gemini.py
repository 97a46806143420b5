"""A simulated Gemini: the API of Google AI Studio, its projects, its quotas, its many refusals.

Sources: the SDK google-genai 3.6.1, ai.google.dev/api and /gemini-api/docs (Oct and Nov 2026). Not simulated: a stream without
`alt=sse`, the Interactions API, files, caches, tools that Google runs itself, several candidates, the endpoint that speaks
OpenAI's dialect. A key is read from `x-goog-api-key` and from nowhere else, so that one in an address is no key.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Unpack

from aiohttp import web

from cortex.simulate.answer import compose
from cortex.simulate.cloud import CloudSettings, SimulatedCloud, json_response
from cortex.simulate.delivery import Received
from cortex.simulate.gemini_answer import BLOCK_REASONS, AnswerWriter, counted, embedded
from cortex.simulate.gemini_check import check
from cortex.simulate.gemini_family import family_of
from cortex.simulate.gemini_refusal import GEMINI_REFUSALS, gemini_error, invalid_key, over_quota
from cortex.simulate.gemini_wire import BatchBody, CountBody, EmbedBody, GenerateBody, model_entry, read
from cortex.simulate.model import SimulatedModel
from cortex.simulate.quota import Limit, Quota, Spent
from cortex.simulate.refusal import Refused, Table

FULL = ("completion", "tools", "vision", "thinking")
CONTEXT = 1_048_576
MODELS = (
    SimulatedModel("gemini-4-hydrogen", FULL, context_length=CONTEXT),
    SimulatedModel("gemini-3.8-flash", FULL, context_length=CONTEXT),
    SimulatedModel("gemini-3.5-flash", FULL, context_length=CONTEXT),
    SimulatedModel("gemini-3.5-flash-lite", FULL, context_length=CONTEXT),
    SimulatedModel("gemini-2.5-flash-lite", (*FULL, "penalties", "logprobs"), context_length=CONTEXT),
    SimulatedModel("gemma-4-31b-it", ("completion", "tools", "vision"), context_length=262_144),
    SimulatedModel("gemini-embedding-001", ("embedding",), context_length=2_048),
    SimulatedModel("veo-3.1-generate-preview", ("video",), context_length=480),
)
VERSIONS = ("v1beta", "v1")
MODEL_PATH = re.compile(r"/(?:v1beta|v1)/models/(?P<model>[^:]+)(?::(?P<action>\w+))?")
ACTIONS = ("generateContent", "streamGenerateContent", "embedContent", "batchEmbedContents")
PAGE = 50
MAX_PAGE = 1000

Answer = Callable[[web.BaseRequest, Received, SimulatedModel], Awaitable[web.StreamResponse]]


def gemini_quota(per_minute: int, tokens_per_minute: int, per_day: int) -> Quota:
    """Return what a project may ask of one model."""
    return Quota(
        limits=(
            Limit(per_minute, "minute"),
            Limit(tokens_per_minute, "minute", "tokens"),
            Limit(per_day, "pacific_day"),
        )
    )


GEMINI_FREE: Mapping[str, Quota] = {
    "gemini-3.5-flash": gemini_quota(5, 250_000, 20),
    "gemini-3.8-flash": gemini_quota(5, 250_000, 20),
    "gemini-3.5-flash-lite": gemini_quota(15, 250_000, 500),
    "gemini-2.5-flash-lite": gemini_quota(10, 250_000, 20),
    "gemma-4-31b-it": gemini_quota(30, 15_000, 14_400),
    "gemini-embedding-001": gemini_quota(100, 30_000, 1_000),
    "*": gemini_quota(0, 0, 0),
}
"""The free tier of one project: copies of AI Studio's page (18 Jul and 3 Aug 2026), measured 7 Oct 2026."""


class SimulatedGemini(SimulatedCloud):
    """Gemini, on a real port."""

    dialect: ClassVar[str] = "gemini"
    catalogue: ClassVar[tuple[SimulatedModel, ...]] = MODELS
    refusals: ClassVar[Table] = GEMINI_REFUSALS
    silences: ClassVar[frozenset[str]] = BLOCK_REASONS

    def __init__(self, **settings: Unpack[CloudSettings]) -> None:
        """`keys` may name a project for each, which is what a quota belongs to; see SimulatedCloud."""
        super().__init__(**settings)
        self.generating = frozenset(
            f"/{version}/models/{model.name}:{action}"
            for version in VERSIONS
            for model in self.models
            for action in ACTIONS
        )
        self._actions: Mapping[str, Answer] = {
            "generateContent": self._generate,
            "streamGenerateContent": self._generate,
            "countTokens": self._count,
            "embedContent": self._embed,
            "batchEmbedContents": self._embed,
        }

    @property
    def url(self) -> str:
        """What a worker's `url` is set to; an SDK's `base_url` is the origin."""
        return f"{self.origin}/{VERSIONS[0]}"

    async def respond(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        """Answer one request. Raises Refused."""
        self.account_of(received)
        if received.method == "GET" and received.path in {f"/{version}/models" for version in VERSIONS}:
            return json_response(self._page(received.query))
        found = MODEL_PATH.fullmatch(received.path)
        if found is None:
            raise Refused(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", content_type="text/html")
        model = self.find(received.model)
        if received.method == "GET" and not found["action"]:
            return json_response(model_entry(model))
        answer = self._actions.get(found["action"] or "")
        if received.method != "POST" or answer is None:
            raise GEMINI_REFUSALS["model_missing"](received.model)
        return await answer(request, received, model)

    def asked_model(self, path: str, _json: Any) -> str:
        """Return the model that a path names."""
        found = MODEL_PATH.fullmatch(path)
        return found["model"] if found else ""

    def key_of(self, received: Received) -> str:
        """Return the key in the header."""
        return received.headers.get("x-goog-api-key", "")

    def no_key(self, key: str) -> Refused:
        """Return the refusal of a wrong key, or of none."""
        if key:
            return invalid_key()
        return gemini_error(
            403,
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other "
            "form of API consumer identity to call this API.",
        )

    def over_quota(self, spent: tuple[Spent, ...], received: Received) -> Refused:
        """Return the 429 for the windows that have no room."""
        return over_quota(spent, received.model)

    def failed(self, status: int, message: str) -> Refused:
        """Return any other error in Gemini's shape."""
        return gemini_error(status, message)

    async def _generate(
        self, request: web.BaseRequest, received: Received, model: SimulatedModel
    ) -> web.StreamResponse:
        stream = received.path.endswith(":streamGenerateContent")
        if stream and received.query.get("alt") != "sse":
            raise self.failed(501, "a stream without alt=sse is not simulated")
        body = read(received.body, GenerateBody)
        self._need(model, "completion")
        check(body, model, self.name)
        prompt = body.prompt(model, thinks=self._thinks(body, model))
        script = compose(prompt, name=self.name, seed=self.seed, length=self.answer_tokens)
        self.take(received, script.prompt_tokens)
        writer = AnswerWriter(body, script, model, family_of(model.name), self.name)
        return await self.deliver(request, received, writer.reply(stream=stream))

    async def _count(self, _request: web.BaseRequest, received: Received, model: SimulatedModel) -> web.StreamResponse:
        self._need(model, "completion")
        return json_response(counted(read(received.body, CountBody).prompt(model).tokens))

    async def _embed(self, request: web.BaseRequest, received: Received, model: SimulatedModel) -> web.StreamResponse:
        self._need(model, "embedding")
        batch = received.path.endswith(":batchEmbedContents")
        bodies = read(received.body, BatchBody).requests if batch else [read(received.body, EmbedBody)]
        reply = embedded(bodies, model, batch=batch)
        tokens = sum(GenerateBody(contents=[body.content]).prompt(model, thinks=False).tokens for body in bodies)
        self.take(received, tokens, inputs=len(bodies))
        return await self.deliver(request, received, reply)

    def _thinks(self, body: GenerateBody, model: SimulatedModel) -> bool:
        config = body.generation_config.thinking_config
        is_off = config.thinking_budget == 0 or config.thinking_level.lower() == "minimal"
        return model.can("thinking") and not is_off

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        size, start = query.get("pageSize") or PAGE, query.get("pageToken") or 0
        try:
            first, last = int(start), int(start) + min(int(size), MAX_PAGE)
        except ValueError:
            raise self.failed(400, "Invalid value at 'page_size' or 'page_token'") from None
        page: dict[str, Any] = {"models": [model_entry(model) for model in self.models[first:last]]}
        return page | ({"nextPageToken": str(last)} if last < len(self.models) else {})

    def _need(self, model: SimulatedModel, ability: str) -> None:
        if not model.can(ability):
            raise GEMINI_REFUSALS["model_missing"](model.name)
