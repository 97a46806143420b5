"""OpenAI's embeddings as bytes: floats, or little-endian float32 in base64, which its own client asks for. Pure.

Sources: OpenAI's OpenAPI document 2.3.0 (21 Aug 2026), platform.openai.com/docs/guides/embeddings (Nov 2026): vectors
are normalised, also those that `dimensions` shortens; at most 2,048 texts, 8,192 tokens each, 300,000 together.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from cortex.simulate.answer import tokens_of
from cortex.simulate.embedding import in_base64, scaled, vector
from cortex.simulate.model import SimulatedModel
from cortex.simulate.openai_wire import Texts, bad_request, broke_off, texts_of
from cortex.simulate.reply import Reply, plain

MAX_TEXTS = 2048
MAX_TOKENS_A_TEXT = 8192
MAX_TOKENS = 300_000


class EmbedBody(Struct, kw_only=True):
    """`POST /v1/embeddings`."""

    model: str
    input: Texts
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] | None = None

    @property
    def tokens(self) -> int:
        """How long all of it is."""
        return sum(_length(text) for text in self.texts())

    def texts(self) -> list[str]:
        """Return what to embed, tokens written as text. Raises Refused."""
        texts = texts_of(self.input)
        if not 0 < len(texts) <= MAX_TEXTS:
            raise bad_request(f"Invalid 'input': expected an array of 1 to {MAX_TEXTS} items.", "input")
        if not all(texts):
            raise bad_request("Invalid 'input': input cannot be an empty string.", "input")
        longest, total = max(map(_length, texts)), sum(map(_length, texts))
        if longest > MAX_TOKENS_A_TEXT or total > MAX_TOKENS:
            raise bad_request(
                f"This model's maximum context length is {MAX_TOKENS_A_TEXT} tokens, however you requested {longest} "
                f"tokens ({total} in your prompt). Please reduce your prompt.",
                "input",
            )
        return texts


def embedded(body: EmbedBody, model: SimulatedModel, headers: Mapping[str, str]) -> Reply:
    """Return the vectors in the order of the texts. Raises Refused."""
    length = model.dimensions if body.dimensions is None else body.dimensions
    if not 0 < length <= model.dimensions:
        raise bad_request(
            f"Invalid value for 'dimensions' = {length}. Must be at most {model.dimensions}.", "dimensions"
        )
    vectors = [scaled(vector(f"{model.digest} {text}", length, of=model.dimensions), 1.0) for text in body.texts()]
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": in_base64(numbers) if body.encoding_format == "base64" else numbers,
        }
        for index, numbers in enumerate(vectors)
    ]
    usage = {"prompt_tokens": body.tokens, "total_tokens": body.tokens}
    whole = msgspec.json.encode({"object": "list", "data": data, "model": body.model, "usage": usage})
    return plain(whole, broke_off, headers)


def _length(text: str) -> int:
    return len(tokens_of(text))
