"""Ollama's embeddings as bytes: `/api/embed`, and `/api/embeddings` for one text. Pure.

Source: ollama/ollama server and api types, main of 21 Aug 2026: the first normalises, the older one does not; a text
that is too long is cut unless `truncate` says no.
"""

from typing import Any

import msgspec
from msgspec import Struct, field

from cortex.simulate.answer import tokens_of
from cortex.simulate.embedding import RAW_LENGTH, scaled, vector
from cortex.simulate.model import SimulatedModel
from cortex.simulate.ollama_wire import NANOSECONDS, Options, Timing
from cortex.simulate.refusal import ollama_error
from cortex.simulate.reply import Reply, plain


class EmbedBody(Struct, kw_only=True):
    """`POST /api/embed`."""

    model: str = ""
    input: Any = None
    truncate: bool = True
    dimensions: int = 0
    options: Options | None = None
    keep_alive: float | str | None = None

    def texts(self) -> list[str]:
        """Return what to embed. Raises Refused for anything but strings."""
        given = [self.input] if isinstance(self.input, str) and self.input else self.input or []
        if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
            raise ollama_error(400, "invalid input type")
        return given

    def write(self, model: SimulatedModel, timing: Timing) -> bytes:
        """Write the answer. Raises Refused."""
        texts = self.texts()
        counts = [len(tokens_of(text)) for text in texts]
        if not self.truncate and any(count > model.context_length for count in counts):
            raise ollama_error(400, "the input length exceeds the context length")
        length = min(self.dimensions or model.dimensions, model.dimensions)
        embeddings = [scaled(_raw(text, model)[:length], 1.0) for text in texts]
        duration_s = timing.load_s + timing.first_token_s
        end = {
            "total_duration": round(duration_s * NANOSECONDS),
            "load_duration": round(timing.load_s * NANOSECONDS),
            "prompt_eval_count": sum(min(count, model.context_length) for count in counts),
        }
        head = {"model": self.model, "embeddings": embeddings}
        return msgspec.json.encode(head | {name: count for name, count in end.items() if count})


class EmbeddingsBody(Struct, kw_only=True):
    """`POST /api/embeddings`, the older way."""

    model: str = ""
    prompt_: str = field(default="", name="prompt")
    options: Options | None = None
    keep_alive: float | str | None = None

    def write(self, model: SimulatedModel, _timing: Timing) -> bytes:
        """Write the answer: no counts, and a vector that was not normalised."""
        numbers = scaled(_raw(self.prompt_, model), RAW_LENGTH) if self.prompt_ else []
        return msgspec.json.encode({"embedding": numbers})


def reply(body: bytes) -> Reply:
    """Return the answer to either."""
    return plain(body, lambda message: (500, msgspec.json.encode({"error": message})))


def _raw(text: str, model: SimulatedModel) -> list[float]:
    return vector(f"{model.digest} {text}", model.dimensions)
