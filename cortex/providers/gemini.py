"""The provider for Gemini's own API with a key of Google AI Studio.

Its OpenAI-compatible layer is not used: thought signatures get lost there, unknown fields are refused, and errors come
as a list (fact sheet of Nov 2026). The parts: `gemini_request` and `gemini_contents` write, `gemini_answer` and
`gemini_stream` read, `gemini_vectors` does both for embeddings, `gemini_errors` and `gemini_quota` classify,
`gemini_models` knows what a model's name means, `signatures` remembers. The worker's base URL ends in `/v1beta`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from cortex.chat import Ask, Chat, Delta, Embed, Need, Vectors
from cortex.messages import Allowance, Failure, Request
from cortex.providers.base import Decoder, Findings, Model, Wire
from cortex.providers.foreign import UNREADABLE
from cortex.providers.gemini_answer import Reader
from cortex.providers.gemini_errors import failure_of
from cortex.providers.gemini_models import capabilities, speaks
from cortex.providers.gemini_request import written
from cortex.providers.gemini_stream import StreamDecoder
from cortex.providers.gemini_vectors import MAX_TEXTS, embed_written, vectors_read
from cortex.providers.signatures import SIGNATURES, Signatures
from cortex.providers.translated import Translated

_PREFIX = "models/"
_USED = frozenset({"generateContent", "embedContent"})


class _Entry(Struct, rename="camel"):
    name: str
    input_token_limit: int = 0
    supported_generation_methods: frozenset[str] = field(default_factory=frozenset)
    thinking: bool = False


class Gemini(Translated):
    """Translates to and from Gemini with one key."""

    name = "gemini"
    key_header = ("x-goog-api-key", "")
    tells_limits = False
    texts_at_once = MAX_TEXTS
    lacks: frozenset[Need] = frozenset(
        {
            "audio",
            "custom_tools",
            "documents",
            "files",
            "image_urls",
            "legacy_completion",
            "local_sampling",
            "logit_bias",
            "logprobs",
            "n",
            "raw_prompt",
            "token_inputs",
        }
    )

    def __init__(self, *, signatures: Signatures = SIGNATURES) -> None:
        """Keep thought signatures in `signatures`, which all workers share, since a next step may come to another."""
        self._signatures = signatures

    def normal_name(self, name: str) -> str:
        """Return `name` without the `models/` that Google's listing puts before it."""
        return name.strip().removeprefix(_PREFIX)

    def encode(self, request: Request, ask: Ask | None, model: str) -> Wire:
        """Write what is asked of `model`."""
        model = self.normal_name(model)
        match ask:
            case Chat():
                return written(ask, model, self._signatures)
            case Embed():
                return embed_written(ask, model)
            case None:
                raise AssertionError(f"{request!r} was not translated, and nothing passes here")

    def vectors(self, request: Request, body: bytes) -> Vectors | Failure:
        """Read the vectors of an answer, each normalised."""
        del request  # part of the protocol; an answer says all by itself
        return vectors_read(body)

    def decode(self, request: Request, body: bytes) -> list[Delta] | Failure:
        """Read a whole answer."""
        reader = Reader(request.id, self._signatures)
        read = reader.read(body)
        if not (read and isinstance(read[-1], Failure)):
            read += reader.done(was_sent=False)
        failure = next((delta for delta in read if isinstance(delta, Failure)), None)
        return failure or [delta for delta in read if not isinstance(delta, Failure)]

    def decoder(self, request: Request) -> Decoder:
        """Make the decoder of one streamed answer."""
        return StreamDecoder(Reader(request.id, self._signatures))

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Read an HTTP error."""
        return failure_of(status, headers, body)

    def allowances(self, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
        """Return nothing: a good answer tells nothing of the quota, only a 429 does (Nov 2026)."""
        del headers
        return ()

    def probes(self) -> Mapping[str, str]:
        """Return the listing of models, in one page: the most that a page holds is far above what there is."""
        return {"models": "/models?pageSize=1000"}

    def findings(self, answers: Mapping[str, bytes]) -> Findings | Failure:
        """Read the list of models; those that neither chat nor embed (video, speech) are left out."""
        if "models" not in answers:
            return Findings()
        try:
            listed = msgspec.convert(msgspec.json.decode(answers["models"])["models"], list[dict[str, Any]])
            entries = [(msgspec.convert(entry, _Entry), entry) for entry in listed]
        except (*UNREADABLE, KeyError, TypeError) as error:
            return Failure("malformed", f"the list of models cannot be read: {error}")
        used = [pair for pair in entries if pair[0].supported_generation_methods & _USED and not speaks(pair[0].name)]
        return Findings(models=tuple(self._model(entry, raw) for entry, raw in used))

    def warm(self, model: str) -> Wire | None:
        """Return None: Google keeps its models loaded."""
        del model  # part of the protocol
        return None

    def _model(self, entry: _Entry, raw: dict[str, Any]) -> Model:
        name = self.normal_name(entry.name)
        return Model(
            name=name,
            context_length=entry.input_token_limit,
            capabilities=capabilities(name, entry.supported_generation_methods, thinks=entry.thinking),
            raw=raw,
        )
