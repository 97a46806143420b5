"""The provider for Cohere's native v2 API. Pure.

Its layer in the OpenAI dialect is not used: that one knows no billed units, two efforts of thinking, and no documents
(docs.cohere.com, 20 Aug 2026). The parts: `cohere_request`, `cohere_tools` and `cohere_json` write a chat, `cohere_answer`
reads it, `cohere_embedding` does embeddings, `cohere_errors` classifies. The worker's base URL is
`https://api.cohere.com`, without a version.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from cortex.chat import Ask, Delta, Embed, Need, Vectors
from cortex.messages import Allowance, Failure, Request
from cortex.providers.base import Decoder, Findings, Model, Wire
from cortex.providers.cohere_answer import Reader, read_whole
from cortex.providers.cohere_embedding import MAX_TEXTS, embed_wire, read_vectors
from cortex.providers.cohere_errors import classified_of
from cortex.providers.cohere_json import CheckedDecoder, checked, is_spoken
from cortex.providers.cohere_request import PATH, thinks, written
from cortex.providers.foreign import UNREADABLE
from cortex.providers.sse_decoder import EventDecoder
from cortex.providers.translated import Translated

_BY_ENDPOINT = {"chat": "completion", "embed": "embedding"}
_BY_FEATURE = {"tools": "tools", "vision": "vision", "reasoning": "thinking"}


class _Listed(Struct):
    """One entry of /v1/models."""

    name: str
    endpoints: list[str] | None = None
    is_deprecated: bool | None = None
    context_length: float | None = None
    features: list[str] | None = None


class _Models(Struct):
    models: list[msgspec.Raw]


class Cohere(Translated):
    """Translates to and from Cohere's API."""

    name = "cohere"
    key_header = ("Authorization", "Bearer ")
    tells_limits = False
    texts_at_once = MAX_TEXTS
    lacks: frozenset[Need] = frozenset(
        {
            "audio",
            "custom_tools",
            "files",
            "legacy_completion",
            "local_sampling",
            "logit_bias",
            "logprobs",  # they are told for chunks of several tokens, and without alternatives
            "n",
            "raw_prompt",
            "token_inputs",
        }
    )

    def normal_name(self, name: str) -> str:
        """Return `name` itself: Cohere tells names apart by every letter."""
        return name

    def encode(self, request: Request, ask: Ask | None, model: str) -> Wire:
        """Write `ask` for `model`."""
        assert ask is not None, f"{request!r} has no neutral form"  # noqa: S101  only what `passes` comes without one
        return embed_wire(ask, model) if isinstance(ask, Embed) else Wire(PATH, written(ask, model))

    def vectors(self, request: Request, body: bytes) -> Vectors | Failure:
        """Read the vectors of one answer."""
        del request  # part of the protocol; an answer says all by itself
        return read_vectors(body)

    def decode(self, request: Request, body: bytes) -> list[Delta] | Failure:
        """Read a whole answer."""
        deltas = read_whole(body, request.id)
        return deltas if isinstance(deltas, Failure) or not is_spoken(request.needs) else checked(deltas)

    def decoder(self, request: Request) -> Decoder:
        """Make the decoder of one streamed answer."""
        decoder = EventDecoder(Reader(request.id), "message-end")
        return CheckedDecoder(decoder) if is_spoken(request.needs) else decoder

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Read an HTTP error."""
        return classified_of(status, headers, body)

    def allowances(self, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
        """Return nothing: no headers about limits are documented (rate-limits page, 2026)."""
        del headers
        return ()

    def probes(self) -> Mapping[str, str]:
        """Return the list of models, all on one page. Whether it counts against a trial key's month is not known."""
        return {"models": "/v1/models?page_size=1000"}

    def findings(self, answers: Mapping[str, bytes]) -> Findings | Failure:
        """Read the list of models: those that chat or embed and are not deprecated."""
        if "models" not in answers:
            return Findings()
        try:
            entries = msgspec.json.decode(answers["models"], type=_Models).models
            listed = [(msgspec.json.decode(entry, type=_Listed), msgspec.json.decode(entry)) for entry in entries]
        except UNREADABLE as error:
            return Failure("malformed", f"the list of models cannot be read: {error}")
        models = (_model(entry, raw) for entry, raw in listed if not entry.is_deprecated)
        return Findings(models=tuple(model for model in models if model.capabilities))

    def warm(self, model: str) -> Wire | None:
        """Return None: nothing has to be loaded."""
        del model  # part of the protocol
        return None


def _model(entry: _Listed, raw: Mapping[str, object]) -> Model:
    return Model(
        name=entry.name,
        context_length=int(entry.context_length or 0),
        capabilities=_capabilities(entry),
        raw=raw,
    )


def _capabilities(entry: _Listed) -> frozenset[str]:
    """Return what a model can do; what a chat model can beside chatting is known from its features and its name."""
    found = {word for endpoint, word in _BY_ENDPOINT.items() if endpoint in (entry.endpoints or ())}
    if "completion" in found:
        found |= {word for feature, word in _BY_FEATURE.items() if feature in (entry.features or ())}
        found |= {word for word, is_so in _by_name(entry).items() if is_so}
    return frozenset(found)


def _by_name(entry: _Listed) -> dict[str, bool]:
    """Return what to believe of a model whose features are not told."""
    return {"tools": entry.features is None, "vision": "-vision" in entry.name, "thinking": thinks(entry.name)}
