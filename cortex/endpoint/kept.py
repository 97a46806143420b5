"""What an upstream sent, kept while it passes, so that its answer can be stored in no dialect afterwards.

The bytes are only held; they are read again when the answer is whole, after its client has it. What cannot be read without a
failure, or is too long, is not stored.
"""

import re
from collections.abc import Sequence

from cortex.cache.answer import is_worth_keeping, packed
from cortex.chat import Delta, Vectors
from cortex.endpoint.flow import first_calls
from cortex.messages import Failure, Request
from cortex.providers.base import Provider

LOST = re.compile(
    rb'"(?:refusal|signature|encrypted_content)"\s*:\s*"[^"]'  # a refusal; the seal on a thought
    rb'|"(?:annotations|citations)"\s*:\s*\[\s*[^]\s]|"citations_delta"|"redacted_thinking"'  # where it has that from
)
"""What an upstream may say that the neutral form has no room for; text that says the same has its quotes escaped."""

LIMIT_BYTES = 8_000_000
"""Of an upstream's bytes; events are some ten times as long as the text they carry."""


class Kept:
    """See the module's docstring. One for each answer; a new attempt begins anew."""

    __slots__ = ("_parts", "_size", "is_one_call", "provider", "vectors")

    def __init__(self) -> None:
        self.is_one_call = False
        """Only the first tool call went to the client."""
        self.vectors: Vectors | None = None
        """Of a request for embeddings that was translated."""
        self.provider: Provider | None = None
        self._parts: list[bytes] = []
        self._size = 0

    def begin(self, provider: Provider) -> None:
        """Forget what another attempt brought."""
        self.provider = provider
        self.vectors, self.is_one_call = None, False
        self._parts, self._size = [], 0

    def add(self, data: bytes) -> None:
        """Hold more of the answer."""
        self._size += len(data)
        if self._size <= LIMIT_BYTES:
            self._parts.append(data)
        else:
            self._parts.clear()

    def read(self, request: Request) -> Sequence[Delta] | Vectors | None:
        """Return the answer in no dialect; None where it is not fit to be kept."""
        if self.vectors is not None:
            return self.vectors
        if self.provider is None or not self._parts:
            return None
        data = b"".join(self._parts)
        if LOST.search(data):
            return None
        if "embeddings" in request.needs:
            vectors = self.provider.vectors(request, data)
            return None if isinstance(vectors, Failure) else vectors
        deltas = _streamed(self.provider, request, data) if request.stream else self.provider.decode(request, data)
        if isinstance(deltas, Failure):
            return None
        if self.is_one_call:
            deltas = first_calls(deltas, set())
        return packed(deltas) if is_worth_keeping(deltas, is_bounded=request.max_tokens is not None) else None


def _streamed(provider: Provider, request: Request, data: bytes) -> list[Delta] | Failure:
    decoder = provider.decoder(request)
    deltas: list[Delta] = []
    for item in (*decoder.feed(data), *decoder.close()):
        if isinstance(item, Failure):
            return item
        deltas.append(item)
    return deltas if decoder.finished else Failure("malformed", "the stream was not whole")
