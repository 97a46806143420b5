"""A simulated cloud that speaks the OpenAI dialect: keys, quotas with their headers, chats, completions, embeddings.

Sources: OpenAI's OpenAPI document 2.3.0 (21 Aug 2026), platform.openai.com/docs/guides/rate-limits (Nov 2026). Not
simulated: responses.

Another cloud with this dialect derives from it and says where it differs: what is a class variable or a public method.
"""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, Unpack
from urllib.parse import unquote

from aiohttp import web

from cortex.simulate.answer import compose
from cortex.simulate.cloud import CloudSettings, SimulatedCloud, json_response
from cortex.simulate.delivery import Received
from cortex.simulate.model import SimulatedModel
from cortex.simulate.openai_embed import EmbedBody, embedded
from cortex.simulate.openai_text import TextBody, TextWriter
from cortex.simulate.openai_wire import AnswerWriter, ChatBody, bad_request, model_entry, read, read_chat
from cortex.simulate.quota import Spent, duration
from cortex.simulate.refusal import OPENAI_REFUSALS, Refused, Table, openai_error

MODELS = (SimulatedModel("sim-small"), SimulatedModel("sim-large", ("completion", "tools", "vision", "thinking")))
LIMITED = {
    ("requests", "minute"): "requests per min (RPM)",
    ("requests", "day"): "requests per day (RPD)",
    ("tokens", "minute"): "tokens per min (TPM)",
    ("tokens", "day"): "tokens per day (TPD)",
}
"""How a spent window is named."""

Answer = Callable[[web.BaseRequest, Received], Awaitable[web.StreamResponse]]


class SimulatedOpenAI(SimulatedCloud):
    """A cloud with OpenAI's dialect, on a real port."""

    dialect: ClassVar[str] = "openai"
    base: ClassVar[str] = "/v1"
    generating = frozenset({"/v1/chat/completions", "/v1/completions", "/v1/embeddings"})
    catalogue: ClassVar[tuple[SimulatedModel, ...]] = MODELS
    refusals: ClassVar[Table] = OPENAI_REFUSALS
    chat_body: ClassVar[type[ChatBody]] = ChatBody
    answer_writer: ClassVar[type[AnswerWriter]] = AnswerWriter

    def __init__(self, *, api_key: str | None = None, **settings: Unpack[CloudSettings]) -> None:
        """`api_key` is the only key; see SimulatedCloud for several."""
        super().__init__(**settings if api_key is None else {**settings, "keys": api_key})
        self._posts: Mapping[str, Answer] = {
            "/chat/completions": self._chat,
            "/completions": self._complete,
            "/embeddings": self._embed,
        }

    @property
    def url(self) -> str:
        """What a worker's `url` is set to, and an SDK's `base_url`."""
        return f"{self.origin}{self.base}"

    async def respond(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        """Answer one request. Raises Refused."""
        self.account_of(received)
        method, path = received.method, received.path.removeprefix(self.base)
        if method == "GET" and path == "/models":
            return json_response({"object": "list", "data": [self.model_entry(model) for model in self.models]})
        if method == "GET" and path.startswith("/models/"):
            return json_response(self.model_entry(self.find(unquote(path.removeprefix("/models/")))))
        if method != "POST" or received.path not in self.generating:
            raise self.unknown_path(received)
        return await self._posts[path](request, received)

    def key_of(self, received: Received) -> str:
        """Return the bearer's key."""
        return received.headers.get("authorization", "").removeprefix("Bearer ")

    def no_key(self, key: str) -> Refused:
        """Return the refusal of a wrong key, or of none."""
        if key:
            return self.refusals["unauthorized"]("")
        message = "You didn't provide an API key. You need to provide your API key in an Authorization header."
        return openai_error(401, message, "invalid_request_error")

    def failed(self, status: int, message: str) -> Refused:
        """Return any other error in OpenAI's shape."""
        return openai_error(status, message, "server_error" if status >= 500 else "invalid_request_error")

    def model_entry(self, model: SimulatedModel) -> dict[str, Any]:
        """Write a model as the list has it."""
        return model_entry(model)

    def unknown_path(self, received: Received) -> Refused:
        """Return the refusal of a path that there is not."""
        return openai_error(404, f"Invalid URL ({received.method} {received.path})", "invalid_request_error")

    def check(self, received: Received, body: ChatBody, model: SimulatedModel) -> None:
        """Raise Refused for a chat that the model cannot have."""
        if not model.can("completion"):
            message = "This is not a chat model and thus not supported in the v1/chat/completions endpoint."
            raise openai_error(404, message, "invalid_request_error", param="model")
        if body.tools and not model.can("tools"):
            raise openai_error(400, "tools is not supported in this model.", "invalid_request_error", param="tools")
        if not model.can("vision") and any(message.turn().images for message in body.messages):
            message = "Invalid content type. image_url is only supported by certain models."
            raise bad_request(message, "messages.[0].content.[1].type")

    def over_quota(self, spent: tuple[Spent, ...], received: Received) -> Refused:
        """Return the 429 for the windows that have no room: it tells of the one that is full the longest."""
        no = self.spent(spent[0], received.model)
        no.headers |= self.limit_headers(received)
        return no

    def spent(self, spent: Spent, model: str) -> Refused:
        """Return the 429 for a window that has no room."""
        limited = LIMITED.get((spent.what, spent.window), f"{spent.what} per {spent.window}")
        no = openai_error(
            429,
            f"Rate limit reached for {model} in organization org-simulated on {limited}: Limit {spent.limit}, "
            f"Used {spent.used}, Requested {spent.requested}. Please try again in {duration(spent.again_s)}. Visit "
            "https://platform.openai.com/account/rate-limits to learn more.",
            spent.what,
            "rate_limit_exceeded",
        )
        no.headers["Retry-After"] = str(math.ceil(spent.again_s))
        return no

    def headers(self, received: Received) -> dict[str, str]:
        """Return what comes with an answer."""
        processing_ms = round(self.pace.first_token_s * 1000)
        head = {"x-request-id": f"req_{self.served:08d}", "openai-processing-ms": str(processing_ms)}
        return head | self.limit_headers(received)

    def limit_headers(self, received: Received) -> dict[str, str]:
        """Return what an answer says of what is left."""
        return self.meter(received).headers(*self.now)

    async def _chat(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read_chat(received.body, self.chat_body)
        model = self.find(body.model)
        self.check(received, body, model)
        scripts = [
            compose(body.prompt(model, choice), name=self.name, seed=self.seed, length=self.answer_tokens)
            for choice in range(body.choices)
        ]
        answer_tokens = body.most_tokens or sum(script.answer_tokens for script in scripts)
        self.take(received, scripts[0].prompt_tokens + answer_tokens)
        writer = self.answer_writer(body, scripts, int(self.wall()), self.served)
        return await self.deliver(request, received, writer.reply(self.headers(received)))

    async def _complete(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read(received.body, TextBody)
        model = self.find(body.model)
        scripts = [
            compose(prompt, name=self.name, seed=self.seed, length=self.answer_tokens) for prompt in body.prompts(model)
        ]
        self.take(received, sum(script.prompt_tokens + script.answer_tokens for script in scripts))
        reply = TextWriter(body, scripts, int(self.wall()), self.served).reply(self.headers(received))
        return await self.deliver(request, received, reply)

    async def _embed(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read(received.body, EmbedBody)
        model = self.find(body.model)
        if not model.can("embedding"):
            message = "You are not allowed to generate embeddings from this model"
            raise openai_error(403, message, "invalid_request_error")
        texts = body.texts()
        self.take(received, body.tokens, inputs=len(texts))
        return await self.deliver(request, received, embedded(body, model, self.headers(received)))
