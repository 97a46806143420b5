"""What a provider is: the translation between Córtex and one kind of upstream. Pure: no socket, no clock, no actor.

A provider is made once for each worker, from that worker's settings, and is asked for these things:

- `encode`: a request as the HTTP request this upstream wants; the client's own bytes where the dialects agree;
- `decode` / `decoder`: an answer, whole or as it streams, as `Delta`s, or as a `Failure`;
- `passage`: for a client of the same dialect, a watcher that lets the bytes through untouched;
- `classify`: an HTTP error as one of the words of `messages.Word`; `allowances`: what an answer's headers say of the quota;
- `probes` and `findings`: which free GETs tell how it is, and what their answers say.

Decoders and passages share one rule. What they return is either a delta (or bytes) or a `Failure`, which ends them; and
`finished` is true only when the upstream's own terminal event was seen. An end of stream before that is a failure of
the caller's making (`close` returns it), never a success.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

from msgspec import Struct

from cortex.chat import Ask, Delta, FinishReason, Need, Usage, Vectors
from cortex.messages import Allowance, Failure, Request


class Wire(Struct, frozen=True):
    """An HTTP request to an upstream, without its origin, base path and key."""

    path: str
    """Below the worker's base URL, with a leading slash."""
    body: bytes
    method: str = "POST"
    more: "tuple[Wire, ...]" = ()
    """Further requests that only together with this one are what was asked: embeddings of more texts than the upstream
    takes at once. Their vectors follow in order. Never for a stream."""


class Model(Struct, frozen=True):
    """One model that an upstream has."""

    name: str
    digest: str = ""
    """What identifies its weights, where the upstream says so: two names with one digest are one model."""
    loaded: bool | None = None
    """In memory now; None where the upstream does not tell."""
    context_length: int = 0
    """Tokens; 0 where unknown."""
    loaded_context: int = 0
    """Tokens of context that it is loaded with; 0 where it is not loaded, or nobody tells."""
    size_bytes: int = 0
    vram_bytes: int = 0
    expires_at: str = ""
    """When it is unloaded if nobody asks, as the upstream wrote it."""
    capabilities: frozenset[str] | None = None
    """`tools`, `vision`, `thinking`, `embedding`, `completion`, …; None where the upstream does not tell."""
    raw: Mapping[str, object] = {}
    """The upstream's own entry, for the clients' listings."""


class Findings(Struct, frozen=True):
    """What one round of probes says about an upstream."""

    models: tuple[Model, ...] | None = None
    """All it has; None when this upstream cannot list (its configured models stand)."""
    version: str = ""
    slots: int | None = None
    """How many requests it runs at once, where it says so (llama.cpp's /props)."""


class Decoder(Protocol):
    """One streamed answer, turned into deltas as its bytes come, whatever way they are cut."""

    finished: bool
    """The terminal event came."""

    def feed(self, data: bytes) -> list[Delta | Failure]:
        """Return what `data` completes, in order; a `Failure` is the last item ever returned."""
        ...

    def close(self) -> list[Delta | Failure]:
        """Say that the stream ended: what was held back, or a `malformed` failure when it is not whole."""
        ...


class Passage(Protocol):
    """One streamed answer let through to a client of the same dialect: whole events only, untouched.

    Before `committed` everything is held back. What only Córtex asked for (a usage event) is taken out.
    """

    committed: bool
    """Content (text, reasoning, a whole tool call) has been let through: the client has heard of this attempt."""
    finished: bool
    failure: Failure | None
    usage: Usage | None

    @property
    def silent(self) -> FinishReason | Literal[""]:
        """Why an answer ended that is whole and says nothing; empty for any other."""
        ...

    def feed(self, data: bytes) -> bytes:
        """Return the bytes that may go to the client now; empty while nothing is committed or after a failure."""
        ...

    def close(self) -> bytes:
        """Say that the stream ended; sets `failure` when it was not whole."""
        ...


class Whole(Struct, frozen=True):
    """A whole answer of the same dialect, checked and let through."""

    body: bytes
    usage: Usage | None


class Provider(Protocol):
    """See the module's docstring."""

    name: str
    """As in `provider = "…"`."""
    dialect: str
    """The client dialect whose bytes this upstream takes as they are; empty for none."""
    key_header: tuple[str, str]
    """The header that carries the key, and what stands in it before the key: `("Authorization", "Bearer ")`."""
    tells_limits: bool
    """Whether the headers of its answers may say anything of a quota."""
    texts_at_once: int
    """How many texts it embeds in one request."""
    lacks: frozenset[Need]
    """What it cannot express: such a request never comes here."""
    only_passes: frozenset[Need]
    """What it can be asked for in its own clients' bytes alone (`passes`): the neutral form has no words for it."""

    def normal_name(self, name: str) -> str:
        """Return the form in which two spellings of one model's name are equal."""
        ...

    def passes(self, request: Request) -> bool:
        """Tell whether this upstream takes the client's own bytes: its dialect, and an operation that it has."""
        ...

    def encode(self, request: Request, ask: Ask | None, model: str) -> Wire:
        """Write `request` for `model` (the upstream's own name of it).

        Without an `ask` the client's bytes go on, but for what this worker's settings fix: only where it `passes`. Such a
        request comes with one as well, when an answer that was begun is to be gone on with.
        A stream is always asked to report its usage.
        """
        ...

    def vectors(self, request: Request, body: bytes) -> Vectors | Failure:
        """Read the answer to one `Wire` of an `Embed`, the vectors in the order of its texts."""
        ...

    def decode(self, request: Request, body: bytes) -> list[Delta] | Failure:
        """Read a whole answer to a `Chat`; a body that is no answer is a `malformed` failure, one with an error what it says."""
        ...

    def decoder(self, request: Request) -> Decoder:
        """Make the decoder of one streamed answer."""
        ...

    def passage(self, request: Request) -> Passage:
        """Make the watcher of one streamed answer to a client of the same dialect."""
        ...

    def whole(self, request: Request, body: bytes) -> Whole | Failure:
        """Check a whole answer to a client of the same dialect."""
        ...

    def classify(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """Read an HTTP error. Header names are in lower case; `body` may be anything."""
        ...

    def allowances(self, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
        """Read what the headers of a good answer say of this key's quota. Header names are in lower case."""
        ...

    def probes(self) -> Mapping[str, str]:
        """Return the free GETs that tell how it is: a name for each and its path below the base URL."""
        ...

    def findings(self, answers: Mapping[str, bytes]) -> Findings | Failure:
        """Read the bodies of the probes that were answered with 200, by their names."""
        ...

    def warm(self, model: str) -> Wire | None:
        """Write the request that loads `model` and generates nothing, or None where no such thing exists."""
        ...
