"""One request of the trace on its way, and how it ended."""

from typing import NamedTuple

from cortex.routing.entry import Entry
from cortex.telemetry.record import Record
from cortex.workers.lease import Lease
from cortex.workers.messages import Dispatch

from .machine import Answer
from .trace import Ask


class End(NamedTuple):
    """How one request went."""

    ask: Ask
    worker: str
    """Empty where none answered."""
    model: str
    is_good: bool
    first_s: float
    total_s: float
    usd: float
    cached_tokens: int
    waited: bool
    quality: float
    reward: float
    """As `learned` has it, the line and the feedback that was given included."""
    why: str
    """Why it was not answered."""


class Job:
    """A request under way."""

    __slots__ = ("ask", "attempts_left", "dispatch", "has_waited", "record", "until")

    def __init__(self, ask: Ask, dispatch: Dispatch, attempts_left: int) -> None:
        self.ask = ask
        self.dispatch = dispatch
        self.attempts_left = attempts_left
        self.record = Record(
            id=dispatch.request.id, client=ask.client, dialect="openai", arrived_s=ask.at_s, arrived_at=ask.at_s
        )
        self.has_waited = False
        self.until = 0.0


class Attempt(NamedTuple):
    """A lease, and how its request goes."""

    job: Job
    entry: Entry
    lease: Lease
    answer: Answer
    began_s: float
