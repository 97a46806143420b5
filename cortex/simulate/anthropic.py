"""A simulated Anthropic: messages, the count of their tokens, the list of models.

Sources: the SDK anthropic 2.13.0, Anthropic's API reference (Nov 2026). Not simulated: caching of prompts (marks for it are
taken), batches, files, and the tools that Anthropic runs itself.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from aiohttp import web
from msgspec import structs

from cortex.simulate.answer import Prompt, Script, compose
from cortex.simulate.anthropic_answer import AnswerWriter, first_of
from cortex.simulate.anthropic_check import check
from cortex.simulate.anthropic_family import alias, family_of, model_entry
from cortex.simulate.anthropic_refusal import ANTHROPIC_REFUSALS, anthropic_error, invalid, limit_headers, limit_reached
from cortex.simulate.anthropic_wire import CountBody, MessagesBody, read
from cortex.simulate.cloud import SimulatedCloud, json_response
from cortex.simulate.delivery import Received
from cortex.simulate.model import SimulatedModel
from cortex.simulate.quota import Spent
from cortex.simulate.refusal import Refused, Table

ABILITIES = ("completion", "tools", "thinking", "vision")
MODELS = (
    SimulatedModel("claude-sonnet-5-5", ABILITIES, context_length=1_000_000),
    SimulatedModel("claude-opus-5-5", ABILITIES, context_length=1_000_000),
    SimulatedModel("claude-haiku-5-5", ABILITIES, context_length=1_000_000),
    SimulatedModel("claude-fable-5-1", ABILITIES, context_length=1_000_000),
    SimulatedModel("claude-sonnet-4-6", ABILITIES, context_length=1_000_000),
    SimulatedModel("claude-haiku-4-5-20251001", ABILITIES, context_length=200_000),
)
VERSIONS = frozenset({"2023-06-01", "2026-10-21"})
PAGE, MAX_PAGE = 20, 1_000


class SimulatedAnthropic(SimulatedCloud):
    """Anthropic, on a real port."""

    dialect: ClassVar[str] = "anthropic"
    generating = frozenset({"/v1/messages"})
    catalogue: ClassVar[tuple[SimulatedModel, ...]] = MODELS
    refusals: ClassVar[Table] = ANTHROPIC_REFUSALS

    async def respond(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        """Answer one request. Raises Refused."""
        self.account_of(received)
        if received.headers.get("anthropic-version") not in VERSIONS:
            raise invalid("anthropic-version: header is required")
        method, path = received.method, received.path
        if (method, path) == ("POST", "/v1/messages"):
            return await self._message(request, received)
        if (method, path) == ("POST", "/v1/messages/count_tokens"):
            body = read(received.body, CountBody)
            return json_response({"input_tokens": body.prompt(self.find(body.model)).tokens})
        if (method, path) == ("GET", "/v1/models"):
            return json_response(self._page(received.query))
        if method == "GET" and path.startswith("/v1/models/"):
            return json_response(model_entry(self.find(path.removeprefix("/v1/models/"))))
        raise anthropic_error(404, "Not found")

    def key_of(self, received: Received) -> str:
        """Return the key: what `x-api-key` says counts before the bearer's."""
        bearer = received.headers.get("authorization", "").removeprefix("Bearer ")
        return received.headers.get("x-api-key", bearer)

    def no_key(self, key: str) -> Refused:
        """Return the refusal of a wrong key, or of none."""
        return self.refusals["unauthorized"]("") if key else anthropic_error(401, "x-api-key header is required")

    def find(self, name: str) -> SimulatedModel:
        """Return the model of that name, with its date or without. Raises Refused."""
        return super().find(next((model.name for model in self.models if name == alias(model.name)), name))

    def over_quota(self, spent: tuple[Spent, ...], received: Received) -> Refused:
        """Return the 429 for the window that is full the longest."""
        no = limit_reached(spent[0], received.model)
        no.headers |= self._headers(received)
        return no

    def failed(self, status: int, message: str) -> Refused:
        """Return any other error in Anthropic's shape."""
        return anthropic_error(status, message)

    async def _message(self, request: web.BaseRequest, received: Received) -> web.StreamResponse:
        body = read(received.body, MessagesBody)
        model = self.find(body.model)
        check(body, model, received.headers["anthropic-version"])
        stops = tuple(body.stop_sequences or ())
        endless = body.prompt(model, thinks=_thinks(body, model))
        script = self._compose(structs.replace(endless, max_tokens=body.max_tokens, stop=stops))
        stop = first_of(stops, "".join(self._compose(endless).text))
        self.take(received, script.prompt_tokens)
        writer = AnswerWriter(body, script, self.served, stop=stop, shows_thinking=_shows(body, model))
        return await self.deliver(request, received, writer.reply(self._headers(received), stream=body.stream))

    def _compose(self, prompt: Prompt) -> Script:
        return compose(prompt, name=self.name, seed=self.seed, length=self.answer_tokens)

    def _headers(self, received: Received) -> dict[str, str]:
        """Return what comes with an answer."""
        left = self.meter(received).left(self.now)
        return {"request-id": f"req_{self.served:08d}", **limit_headers(left, self.wall())}

    def _page(self, query: Mapping[str, str]) -> dict[str, Any]:
        size, after = query.get("limit", str(PAGE)), query.get("after_id", "")
        if not size.isdecimal() or not 0 < int(size) <= MAX_PAGE:
            raise invalid(f"limit: Input should be between 1 and {MAX_PAGE}")
        ids = [model.name for model in self.models]
        start = ids.index(after) + 1 if after in ids else 0
        page = self.models[start : start + int(size)]
        return {
            "data": [model_entry(model) for model in page],
            "has_more": start + len(page) < len(ids),
            "first_id": page[0].name if page else None,
            "last_id": page[-1].name if page else None,
        }


def _thinks(body: MessagesBody, model: SimulatedModel) -> bool:
    """Return whether a model thinks: where it is told to, or cannot be told not to."""
    if body.thinking is None:
        return "disabled" not in family_of(model).thinking
    return body.thinking.type in {"enabled", "adaptive"}


def _shows(body: MessagesBody, model: SimulatedModel) -> bool:
    display = body.thinking.display if body.thinking else None
    return family_of(model).shows_thinking if display is None else display == "summarized"
