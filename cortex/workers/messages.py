"""What is said to workers, and between them, the dispatcher and the health actor."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from msgspec import Struct

from cortex.config.model import Breaker, Routing, Worker
from cortex.messages import Failure, Request
from cortex.providers.base import Findings
from cortex.telemetry.record import NOBODY
from cortex.transport.response import Response
from cortex.workers.continues import Verdict
from cortex.workers.standing import Standing


class Tried(NamedTuple):
    """A worker that was asked for this request already, with no luck."""

    failure: Failure
    again_at: float
    """Monotonic seconds from which it may be asked once more; infinity for never."""


class Onward(NamedTuple):
    """Of a request whose client has the beginning of its answer: what is wanted of whoever goes on."""

    model: str
    """The model that began it, by its normal name."""
    digest: str
    """Of its weights; empty where nobody tells."""
    verdict: Callable[[Standing, str], Verdict | None]
    """What is known of a worker's model and begun answers; None where nothing has to be continued, only asked anew."""


class Dispatch:
    """Asked of the dispatcher: a `Lease` for this request, or a `Refusal`."""

    __slots__ = ("declined", "least_context", "looked_at", "onward", "queued_at", "request", "tried", "waited_s")

    def __init__(
        self,
        request: Request,
        tried: "dict[str | tuple[str, str], Tried]",
        onward: Onward | None = None,
        least_context: int = 0,
    ) -> None:
        self.request = request
        self.onward = onward
        """Its client has the beginning of an answer already."""
        self.least_context = least_context
        """Tokens of context that a model must be known to have, since the prompt was too long for another; 0: any will do."""
        self.tried = tried
        """By worker, or by worker and model where the failure was about that model only; grows from attempt to attempt."""
        self.declined: dict[str, str] = {}
        """Workers that refused this very dispatch, and why; written by them, cleared when it waits."""
        self.looked_at = NOBODY
        """Who was looked at last: ranked, and passed over; for the request's story."""
        self.queued_at = 0.0
        self.waited_s = 0.0
        """Seconds in the line so far; written by the dispatcher."""

    def __repr__(self) -> str:
        return f"<Dispatch {self.request!r} tried {list(self.tried)}>"


class Grant:
    """Forwarded by the dispatcher to the worker it chose; that worker answers the asker with a `Lease`."""

    __slots__ = ("dispatch", "model", "why")

    def __init__(self, dispatch: Dispatch, model: str, why: str) -> None:
        self.dispatch = dispatch
        self.model = model
        """The upstream's own name."""
        self.why = why

    def __repr__(self) -> str:
        return f"<Grant {self.model} to {self.dispatch!r}: {self.why}>"


class SlotFree(Struct, frozen=True):
    """Told to the dispatcher while requests wait: this worker can take one more."""

    worker: str


class WorkersChanged(Struct, frozen=True):
    """Told to the dispatcher: who is there, or what they have, is not what it was."""


class Probed(Struct, frozen=True):
    """Told to a worker: what a round of probes found."""

    result: Findings | Failure
    took_s: float


class ProbeNow(Struct, frozen=True):
    """Asked of the health actor: do not wait for the next interval. Answered when the probe has ended."""

    worker: str


class Configure(Struct, frozen=True):
    """Told to a worker: its settings after an edit. Running leases go on."""

    worker: Worker
    routing: Routing
    breaker: Breaker


class Drain(Struct, frozen=True):
    """Asked of a worker: take no new work; running answers end. Answered at once."""

    stop_when_idle: bool = False
    """It was removed from the configuration: tell the workers' supervisor to stop it once the last answer ended."""


class Resume(Struct, frozen=True):
    """Asked of a worker: take work again, whatever kept it from it (drain, rest, a retired key, an open breaker)."""


class Retire(Struct, frozen=True):
    """Asked of a worker: use its key no more, until the settings change or it is resumed."""


class RefusedTogether(Struct, frozen=True):
    """Told to each worker of a pool: all its keys were refused at once, so it is hardly the keys."""

    why: str


class Rest(Struct, frozen=True):
    """Asked of a worker: take no new work for so long, or until it is resumed."""

    seconds: float | None = None


class KeepLoading(Struct, frozen=True):
    """Told to a worker: the client of a cold request left; the load that it began must still end."""

    model: str
    pending: "asyncio.Task[Response]"
    """The request that began it, still running: to be cancelled once another one holds the load."""
