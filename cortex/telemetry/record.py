"""The life of one request: the one place where log, metrics, trace, page and `X-Cortex-Why` take it from. Pure."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from cortex.chat import Usage
from cortex.messages import Failure, Request

NOBODY: tuple[Sequence[Any], Sequence[Any]] = ((), ())


class Attempt(Struct, omit_defaults=True):
    """One worker's try at a request. Times are seconds since the request arrived."""

    worker: str
    model: str
    why: str
    cold: bool
    began_s: float
    first_token_s: float | None = None
    ended_s: float | None = None
    failure: Failure | None = None
    told: bool = False
    """Something of its answer went to the client."""
    resumed: str = ""
    """Of one that was to go on with a begun answer: `continued`, `overlapped` or `restarted` (both cut to what was new), `anew`
    (nothing but thoughts was out), `failed`."""


class Record(Struct, kw_only=True, eq=False, omit_defaults=True):
    """What is known of one request so far; written by the task that answers it.

    It is kept for a day as it stands (`stories`), so a field that is added needs a default.
    """

    id: str
    client: str
    dialect: str
    arrived_s: float
    """Monotonic."""
    arrived_at: float
    """Wall clock, for people."""
    operation: str = ""
    model: str = ""
    """As asked for."""
    stream: bool = False
    attempts: list[Attempt] = []
    broke: str = ""
    """The word of a break that the client was told of: nobody could go on with what it had."""
    queued_s: float = 0.0
    usage: Usage | None = None
    outcome: str = ""
    """`ok`, `client_gone`, `client_error`, or the word of what went wrong; empty while it runs."""
    detail: str = ""
    """Of an outcome that is not `ok`, for people."""
    status: int = 0
    total_s: float = 0.0
    decision: Any = None
    """What was drawn for it, where the strategy learns (`routing.learner.Drawn`); nothing once that is learned."""
    cache: str = "bypass"
    """How the cache had part in it: `hit`, `miss`, `shared` or `bypass`."""
    pays: bool = True
    """Its attempts and tokens count as its own; not where a kept answer or another's call spared them."""
    looked_at: tuple[Sequence[Any], Sequence[Any]] = NOBODY
    """Who was looked at when a worker was last chosen: those that could take it, ranked, and those that could not."""
    refused_by: Sequence[Any] = ()
    """Of a request that nobody took: every worker with why."""
    candidates: list[tuple[str, str | None, str, int | None]] = []
    """The same in words, of one that is kept on disk: worker, model, reason, and its place among those that could take it."""
    given: tuple[str, str, float] | None = None
    """Of an answer that was kept: the worker and the model that gave it, and how many seconds ago."""
    traceparent: str = ""
    """The W3C trace context that the client sent, where traces are on."""
    trace_id: str = ""
    """Of its span, where traces are on."""

    def __repr__(self) -> str:
        return f"<Record {self.id} {self.outcome or 'running'} {[attempt.worker for attempt in self.attempts]}>"

    def describe(self, request: Request) -> None:
        """Take over what was read of the request."""
        self.operation = request.operation
        self.model = request.model
        self.stream = request.stream

    @property
    def answered_by(self) -> Attempt | None:
        """The attempt that the client heard of: the last."""
        return self.attempts[-1] if self.attempts else None

    @property
    def why(self) -> str:
        """A few words for `X-Cortex-Why`: why this worker, and what came before it."""
        if not self.attempts:
            return self.detail
        last = self.attempts[-1].why
        if len(self.attempts) == 1:
            return last
        before = ", ".join(
            f"{attempt.worker} {attempt.failure.word.replace('_', ' ')}"
            for attempt in self.attempts[:-1]
            if attempt.failure
        )
        return f"{last}; before: {before}" if before else last

    @property
    def first_token_s(self) -> float | None:
        """Seconds from arrival to the first content that went to the client."""
        for attempt in self.attempts:  # next() of a generator costs three times as much, for every request
            if attempt.first_token_s is not None:
                return attempt.first_token_s
        return None

    @property
    def overhead_s(self) -> float:
        """Córtex's own time: all but the waiting for a slot and for upstreams."""
        upstream_s = 0.0
        for attempt in self.attempts:
            ended_s = self.total_s if attempt.ended_s is None else attempt.ended_s
            upstream_s += ended_s - attempt.began_s
        return max(0.0, self.total_s - self.queued_s - upstream_s)

    def line(self) -> dict[str, Any]:
        """Return the facts of the one log line; no prompt, no answer, no key."""
        attempts, usage, first_s = self.attempts, self.usage, self.first_token_s
        attempt = attempts[-1] if attempts else None
        facts: dict[str, Any] = {
            "id": self.id,
            "client": self.client,
            "dialect": self.dialect,
            "asked": self.model or "auto",
            "worker": attempt.worker if attempt else self.given[0] if self.given else None,
            "model": attempt.model if attempt else self.given[1] if self.given else None,
            "cache": self.cache,
            "attempts": len(attempts),
            "why": attempt.why if attempt and len(attempts) == 1 else self.why,
            "first_token_s": None
            if first_s is None
            else int(first_s * 1e4 + 0.5) / 1e4,  # round() takes four times as long
            "total_s": int(self.total_s * 1e4 + 0.5) / 1e4,
            "tokens_in": usage.input_tokens if usage else None,
            "tokens_out": usage.output_tokens if usage else None,
            "outcome": self.outcome,
            "status": self.status,
        }
        if attempt is not None and attempt.resumed:
            facts["resumed"] = attempt.resumed
        if self.detail and attempt is not None:
            facts["detail"] = self.detail
        return facts

    def trace(self) -> dict[str, Any]:
        """Return everything, for `/cortex/v1/requests/ID`."""
        return {
            **self.line(),
            "operation": self.operation,
            "stream": self.stream,
            "arrived_at": self.arrived_at,
            "queued_s": _rounded(self.queued_s),
            "overhead_s": _rounded(self.overhead_s, 6) if self.outcome else None,
            **({"trace_id": self.trace_id} if self.trace_id else {}),
            "attempts_made": [
                {
                    "worker": attempt.worker,
                    "model": attempt.model,
                    "why": attempt.why,
                    "cold": attempt.cold,
                    "began_s": _rounded(attempt.began_s),
                    "first_token_s": _rounded(attempt.first_token_s),
                    "ended_s": _rounded(attempt.ended_s),
                    "resumed": attempt.resumed or None,
                    "failure": str(attempt.failure) if attempt.failure else None,
                }
                for attempt in self.attempts
            ],
        }


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
