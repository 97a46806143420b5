"""What crosses a mailbox on the way of a request, and the vocabulary of failure.

On the hot path (`Request`, `Dispatch`, `Lease`, `Outcome`) these are plain slotted classes: three frozen ones would cost
0.9 µs more for each request. They are treated as immutable all the same, but for the fields whose docstring says who writes.
"""

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from cortex.chat import Ask, Need, Usage

Word = Literal[
    "unreachable",  # no connection, or it ended before an answer began
    "timeout",  # connect, first byte, silence between chunks, or the whole
    "server_error",  # the upstream says that it broke
    "busy",  # it works, but not for one more
    "rate_limited",  # this key has used what it may
    "unauthorized",  # this key is not valid, or may not do this
    "model_missing",  # this upstream does not have that model
    "bad_request",  # the client's request is wrong everywhere
    "malformed",  # what came back is no answer in its dialect, or ended before it was whole
    "unsupported",  # this upstream says that it cannot do what is asked (tools, thinking, images)
]
"""What an upstream's trouble means, whatever its dialect called it; nothing above `providers` reads a status code."""

STRIKES: frozenset[Word] = frozenset({"unreachable", "timeout", "server_error", "malformed"})
"""The words that count against a worker's circuit breaker."""

FINAL: frozenset[Word] = frozenset({"bad_request"})
"""The words after which no other candidate is asked: the fault is the client's."""

Period = Literal["second", "minute", "hour", "day", "month"]
Counts = Literal["requests", "tokens", "input_tokens"]

Phase = Literal["connect", "first_byte", "stall", "deadline", ""]


class Allowance(Struct, frozen=True):
    """What an upstream says of one quota window, in the headers of an answer or in the text of a 429."""

    counts: Counts
    period: Period
    limit: int | None = None
    """How much the whole window allows."""
    remaining: int | None = None
    reset_s: float | None = None
    """Seconds until the window is whole again; of a bucket that refills, until there is some."""


class Failure(Struct, frozen=True):
    """One attempt's trouble, in one of the words."""

    word: Word
    detail: str
    """What the upstream said, in its own words, cut to 500 characters; never a key."""
    status: int = 0
    """The upstream's HTTP status, 0 where there was none."""
    phase: Phase = ""
    """For `timeout`: which budget ran out."""
    retry_after_s: float | None = None
    """For `rate_limited` and `busy`: seconds until the upstream says it may be asked again."""
    window: Period | Literal[""] = ""
    """For `rate_limited`: which quota window is spent, where the upstream says; of several, the longest."""
    scope: Literal["model", "key", ""] = ""
    """For `rate_limited` and `busy`: whether it is about this model or the whole key; empty where nobody says."""
    allowances: tuple[Allowance, ...] = ()
    """For `rate_limited`: the windows that the upstream named, with their sizes."""
    param: str = ""
    """For `bad_request`: the field at fault, where known."""
    code: str = ""
    """For `bad_request`: the upstream's own code (`context_length_exceeded`, …)."""

    def __str__(self) -> str:
        """Return it as a log line and the why of a final error show it."""
        what = f"{self.word} ({self.phase})" if self.phase else self.word
        return f"{what}: {self.detail}" if self.detail else what


BYTES_PER_TOKEN = 4
"""Of a request's body: rather too many tokens than too few, since the JSON around the text counts as well."""

ASSUMED_OUTPUT_TOKENS = 1024
"""Reserved for an answer whose client set no bound."""


class Estimate(NamedTuple):
    """What one request will use, before it is sent; the larger, the safer."""

    input_tokens: int
    output_tokens: int
    requests: int = 1
    """More where an upstream takes fewer texts to embed at once."""

    def covers(self, other: "Estimate") -> bool:
        """Whether it is in nothing less than `other`: where that does not fit, this does not either."""
        return all(mine >= its for mine, its in zip(self, other, strict=True))


class Request:
    """A client's request, read once; it belongs to the task that answers it."""

    __slots__ = (
        "arrived_s",
        "ask",
        "body",
        "client",
        "conversation",
        "deadline_s",
        "decision",
        "dialect",
        "id",
        "include_usage",
        "input_tokens",
        "is_load",
        "max_tokens",
        "model",
        "needs",
        "operation",
        "parsed",
        "strategy",
        "stream",
        "texts",
        "traits",
    )

    def __init__(  # noqa: PLR0913  what a dialect reads
        self,
        *,
        dialect: str,
        operation: str,
        model: str,
        stream: bool,
        body: bytes,
        parsed: Any,
        needs: "frozenset[Need]",
        include_usage: bool = True,
        max_tokens: int | None = None,
    ) -> None:
        self.dialect = dialect
        """`openai`, `ollama`, …: whose shape the answer and every error takes."""
        self.operation = operation
        """`chat`; Ollama's `generate`, OpenAI's `complete` and `respond`; `embed`, and Ollama's older `embed_one`."""
        self.model = model
        """As the client asked for it; empty or `auto` leaves the choice to the strategy."""
        self.stream = stream
        self.body = body
        """The raw JSON, for passing through."""
        self.ask: Ask | None = None
        """The same in no dialect, from when on somebody needed it (`endpoint.dialect.neutral_of`)."""
        self.parsed = parsed
        """The body as the dialect's own typed struct; `Dialect.neutral(request)` makes a `Chat` or an `Embed` of it."""
        self.needs = needs
        self.include_usage = include_usage
        """Whether the client wants the final usage event of a stream."""
        self.max_tokens = max_tokens
        """The most that the client wants generated; None where it set no bound."""
        self.input_tokens = 0
        """Estimated by the endpoint where the length of the body says nothing of it; 0 elsewhere."""
        self.texts = 1
        """How many are to be embedded; written by the endpoint."""
        self.is_load = False
        """It asks for no answer, only that the model be in memory (Ollama's empty chat)."""
        self.id = ""
        """Written by the endpoint, as are those below."""
        self.client = ""
        self.conversation = 0
        """The same for every request of one conversation; 0 where there is none to speak of."""
        self.traits: Any = None
        """What kind of prompt it is and how hard (`routing.prompt.Traits`), where the strategy wants to know."""
        self.decision: Any = None
        """What `learned` chose among (`routing.decisions.Decision`); written by the dispatcher."""
        self.strategy = ""
        """From `X-Cortex-Strategy`; empty for the configured one."""
        self.arrived_s = 0.0
        """Monotonic seconds."""
        self.deadline_s = 0.0
        """Monotonic seconds at which every attempt must have ended."""

    @property
    def tokens(self) -> Estimate:
        """What to reserve before it is sent."""
        bound = ASSUMED_OUTPUT_TOKENS if self.max_tokens is None else self.max_tokens
        is_answered = "embeddings" not in self.needs
        return Estimate(self.input_tokens or len(self.body) // BYTES_PER_TOKEN, bound if is_answered else 0)

    def __repr__(self) -> str:
        return f"<Request {self.id} {self.dialect} {self.operation} {self.model or 'auto'!r}{' stream' * self.stream}>"


class Outcome(Struct, frozen=True):
    """How a lease ended: the only thing that moves a worker's breaker, quota and latency figures."""

    failure: Failure | None = None
    """None when the answer was whole."""
    cancelled: bool = False
    """The client left, or Córtex gave the attempt up: says nothing about the worker."""
    usage: "Usage | None" = None
    first_token_s: float | None = None
    """Seconds from sending to the first content."""
    total_s: float = 0.0


class Candidate(Struct, frozen=True):
    """A worker as the dispatcher saw it for one request, and a few words why it was, or was not, asked."""

    worker: str
    why: str


class Refusal(Struct, frozen=True):
    """No lease: the answer of the dispatcher when nothing can take a request now, or in time."""

    kind: Literal[
        "no_workers", "unknown_model", "unsupported", "too_large", "exhausted", "quota", "queue_full", "deadline"
    ]
    detail: str
    candidates: tuple[Candidate, ...] = ()
    retry_after_s: float | None = None
    nearest: tuple[str, ...] = ()
    """For `unknown_model`: the names most like the one asked for."""
