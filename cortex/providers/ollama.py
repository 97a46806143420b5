"""The provider for Ollama's native API: a machine of one's own, or the hosted service with a key.

Its OpenAI-compatible layer is not used: it takes no `num_ctx`, no `keep_alive`, and swallows errors in mid-stream
(ollama.com docs and source, 21 Aug 2026). The parts: `ollama_request` writes, `ollama_answer` and `ollama_stream` read,
`ollama_embedding` does both for vectors, `ollama_errors` classifies. The worker's base URL is Ollama's root, without
`/api`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from cortex.chat import Ask, Chat, Delta, Embed, Need, Vectors
from cortex.messages import Allowance, Failure, Request
from cortex.providers import ollama_embedding as embedding
from cortex.providers.base import Decoder, Findings, Model, Passage, Whole, Wire
from cortex.providers.errors import classified, heard
from cortex.providers.foreign import UNREADABLE
from cortex.providers.ollama_answer import Reader, checked
from cortex.providers.ollama_errors import RULES
from cortex.providers.ollama_request import CHAT, GENERATE, settled, written
from cortex.providers.ollama_stream import StreamDecoder, StreamPassage
from cortex.providers.rewrite import opened, raw, sealed

_PATHS = {"chat": CHAT, "generate": GENERATE, "embed": embedding.EMBED, "embed_one": embedding.EMBED_ONE}
_REGISTRY = ("registry.ollama.ai/", "library/")


class _Details(Struct):
    context_length: int | None = None


class _Entry(Struct):
    """One entry of /api/tags or /api/ps."""

    name: str = ""
    model: str = ""
    digest: str | None = None
    size: int | None = None
    size_vram: int | None = None
    context_length: int | None = None
    expires_at: str | None = None
    capabilities: list[str] | None = None
    details: _Details | None = None


class Ollama:
    """Translates to and from one Ollama instance."""

    name = "ollama"
    dialect = "ollama"
    key_header = ("Authorization", "Bearer ")
    tells_limits = False
    only_passes: frozenset[Need] = frozenset()
    texts_at_once = 1_000_000_000  # it takes any number
    lacks: frozenset[Need] = frozenset(
        {
            "audio",
            "custom_tools",
            "documents",
            "files",
            "image_urls",
            "legacy_completion",
            "logit_bias",
            "n",
            "token_inputs",
            "tool_choice",
        }
    )

    def __init__(self, *, num_ctx: int | None = None, keep_alive: str | float | None = None) -> None:
        """Fix `num_ctx` (tokens) and `keep_alive` (Ollama's forms) for every request; None leaves them to clients."""
        self._num_ctx = num_ctx
        self._keep_alive = keep_alive

    def normal_name(self, name: str) -> str:
        """Return the one spelling of a model's name; see the function."""
        return normal_name(name)

    def passes(self, request: Request) -> bool:
        """Tell whether a request is in this dialect."""
        return request.dialect == "ollama"

    def encode(self, request: Request, ask: Ask | None, model: str) -> Wire:
        """Write `request` for `model`; without an `ask` the client's bytes go on, with what this worker fixes."""
        if isinstance(ask, Chat):
            path, fields = written(ask, model)
            return Wire(path, sealed(settled(fields, self._num_ctx, self._keep_alive), {}, b""))
        if isinstance(ask, Embed):
            fields = settled(embedding.written(ask, model), self._num_ctx, self._keep_alive)
            return Wire(embedding.EMBED, sealed(fields, {}, b""))
        before = opened(request.body)
        fields = settled(before, self._num_ctx, self._keep_alive)
        fields["model"] = raw(model)
        return Wire(_PATHS[request.operation], sealed(fields, before, request.body))

    def vectors(self, request: Request, body: bytes) -> Vectors | Failure:
        """Read the vectors of an answer."""
        del request  # part of the protocol; an answer says all by itself
        return embedding.vectors(body)

    def decode(self, request: Request, body: bytes) -> list[Delta] | Failure:
        """Read a whole answer."""
        usage = checked(RULES, body)
        if isinstance(usage, Failure):
            return usage
        deltas = Reader(RULES, request.id).read(body)
        failure = next((delta for delta in deltas if isinstance(delta, Failure)), None)
        return failure or [delta for delta in deltas if not isinstance(delta, Failure)]

    def decoder(self, request: Request) -> Decoder:
        """Make the decoder of one streamed answer."""
        return StreamDecoder(RULES, request.id)

    def passage(self, request: Request) -> Passage:
        """Make the watcher of one streamed answer to a client of Ollama's dialect."""
        return StreamPassage(RULES, request.id)

    def whole(self, request: Request, body: bytes) -> Whole | Failure:
        """Check a whole answer: it has a message or a response, and says that it is done; or it has vectors."""
        if request.operation in {"embed", "embed_one"}:
            return embedding.whole(request, body)
        usage = checked(RULES, body)
        return usage if isinstance(usage, Failure) else Whole(body, usage)

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Read an HTTP error."""
        return classified(RULES, status, headers, heard(body))

    def allowances(self, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
        """Return nothing: a machine of one's own has no quota, and the hosted service does not tell of its."""
        del headers
        return ()

    def probes(self) -> Mapping[str, str]:
        """Return what is asked: never a generation, which would load a model."""
        return {"version": "/api/version", "tags": "/api/tags", "ps": "/api/ps"}

    def findings(self, answers: Mapping[str, bytes]) -> Findings | Failure:
        """Read what there is and what is loaded; without an answer to `ps` what is loaded stays unknown."""
        try:
            version = msgspec.json.decode(answers["version"])["version"] if "version" in answers else ""
            loaded = {normal_name(entry.name or entry.model): entry for entry, _ in _entries(answers.get("ps"))}
            models = tuple(
                _model(entry, listed, loaded if "ps" in answers else None)
                for entry, listed in _entries(answers.get("tags"))
            )
        except (*UNREADABLE, KeyError, TypeError) as error:
            return Failure("malformed", f"a probe's answer cannot be read: {error}")
        return Findings(models=models if "tags" in answers else None, version=str(version))

    def warm(self, model: str) -> Wire | None:
        """Write a generate without a prompt: it loads the model and generates nothing."""
        fields = settled({"model": raw(model)}, self._num_ctx, self._keep_alive)
        return Wire(GENERATE, sealed(fields, {}, b""))


def normal_name(name: str) -> str:
    """Return the one spelling of a model's name: lower case, with its tag, without the default registry.

    >>> normal_name("Llama3.2"), normal_name("registry.ollama.ai/library/qwen3:4b")
    ('llama3.2:latest', 'qwen3:4b')
    """
    name = name.strip().lower()
    for prefix in _REGISTRY:
        name = name.removeprefix(prefix)
    return name if not name or ":" in name.rpartition("/")[2] else f"{name}:latest"


def _entries(body: bytes | None) -> list[tuple[_Entry, dict[str, Any]]]:
    if body is None:
        return []
    listed = msgspec.json.decode(body)["models"] or []
    return [(msgspec.convert(entry, _Entry), entry) for entry in listed]


def _model(entry: _Entry, listed: dict[str, Any], loaded: Mapping[str, _Entry] | None) -> Model:
    """Join an entry of tags with that of ps, by name."""
    name = entry.name or entry.model
    running = (loaded or {}).get(normal_name(name))
    trained = (entry.details and entry.details.context_length) or 0
    return Model(
        name=name,
        digest=(entry.digest or "").removeprefix("sha256:"),
        loaded=None if loaded is None else running is not None,
        context_length=(running and running.context_length) or trained,
        loaded_context=(running and running.context_length) or 0,
        size_bytes=entry.size or 0,
        vram_bytes=(running and running.size_vram) or 0,
        expires_at=(running and running.expires_at) or "",
        capabilities=None if entry.capabilities is None else frozenset(entry.capabilities),
        raw=listed,
    )
