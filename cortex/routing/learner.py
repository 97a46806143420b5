"""What `learned` knows, and how it comes to know it: from what was drawn to what it was worth, and on to the disk. Pure.

Theory of operation: a draw counts once a worker was really asked (`granted`), and is worth what that first attempt was worth
(`finished`); a failover to another worker is not its merit. Much later a client may say what the answer was worth, or
ask the same again: then the reward is amended, and the decision written once more. What is believed stands in a `Bandit` and
is kept by the ledger, an entry a kind of prompt; the decisions themselves go to a log, for `cortex evaluate`.

It outlives every actor, as the journal does. All of it is bounded: what nobody asks for again is forgotten first.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import msgspec

from cortex.chat import Usage
from cortex.messages import FINAL, Request
from cortex.routing.bandit import VERSION, Bandit, Belief
from cortex.routing.decisions import Choice, Decision, encode
from cortex.routing.entry import Entry
from cortex.routing.reward import Result, reward
from cortex.telemetry.record import Attempt, Record

K = TypeVar("K")
V = TypeVar("V")

KEPT = 10_000
"""Decisions of which feedback is taken, and requests of which a repeat is noticed; the oldest goes first."""

REPEATED_WITHIN_S = 120.0
"""The same request of the same client so soon says that the answer was not used as it was."""

LINES_KEPT = 20_000
"""Lines for the log that nobody took; what comes after is given up, since they are evidence and no state."""

LEARNED = "learned/"
"""What the ledger's entries begin with; after it, the kind of prompt."""

Spent = Callable[[str, str, Usage | None, float], float]
"""Worker, model, usage, seconds → USD."""


class Drawn(NamedTuple):
    """A choice by lot among candidates of one rank, before anything has come of it."""

    kind: str
    difficulty: float
    choices: list[Choice]
    taken: int
    others: dict[str, int]
    at: float
    """Wall clock seconds."""
    deadline_s: float
    """Monotonic; of the request."""
    asked: tuple[str, int]
    """The client, and a digest of what it asked."""

    @property
    def choice(self) -> Choice:
        """What the lot fell on."""
        return self.choices[self.taken]


class Learner:
    """See the module's docstring."""

    def __init__(self, *, wall: Callable[[], float], spent: Spent = lambda *_: 0.0) -> None:
        self.bandit = Bandit()
        self._wall = wall
        self._spent = spent
        self._offered: tuple[Request, Drawn, Entry] | None = None
        """The last draw; it counts when its request goes there."""
        self._asked: OrderedDict[tuple[str, int], tuple[str, float]] = OrderedDict()
        self._decisions: OrderedDict[str, Decision] = OrderedDict()
        self._repeated: OrderedDict[str, None] = OrderedDict()
        """Requests that were asked again before they had ended."""
        self._changed: set[str] = set()
        self._lines: list[bytes] = []

    def __repr__(self) -> str:
        return f"<Learner {len(self._decisions)} decisions>"

    def now(self) -> float:
        """Return wall clock seconds."""
        return self._wall()

    def offer(self, request: Request, drawn: Drawn, entry: Entry) -> None:
        """Note a draw for `request`, which fell on `entry`."""
        self._offered = request, drawn, entry

    def offered_rank(self, request: Request) -> int | None:
        """Return the rank among whose candidates something was drawn for this request just now; None for none."""
        offered = self._offered
        return offered[2].rank if offered is not None and offered[0] is request else None

    def granted(self, request: Request, entry: Entry) -> None:
        """Note that a request goes to `entry`: what was drawn for it, if that is it, is its decision."""
        offered, self._offered = self._offered, None
        if offered is None or offered[0] is not request or offered[2] is not entry:
            return
        request.decision = drawn = offered[1]
        earlier = self._asked.get(drawn.asked)
        if earlier is not None and earlier[0] != request.id and drawn.at - earlier[1] < REPEATED_WITHIN_S:
            self._was_repeated(earlier[0])
        _keep(self._asked, drawn.asked, (request.id, drawn.at))

    def finished(self, record: Record) -> None:
        """Learn from a request that has ended; nothing, where nothing was drawn for it or nobody was asked."""
        drawn: Drawn | None = record.decision
        first = record.attempts[0] if record.attempts else None
        if drawn is None or first is None or (first.worker, first.model) != (drawn.choice.worker, drawn.choice.model):
            return
        outcome = _outcome(record, first)
        output = record.usage.output_tokens if record.usage is not None and len(record.attempts) == 1 else 0
        ended_s = record.total_s if first.ended_s is None else first.ended_s
        usage = record.usage if outcome == "answered" else None
        decision = Decision(
            id=record.id,
            at=drawn.at,
            kind=drawn.kind,
            difficulty=drawn.difficulty,
            choices=drawn.choices,
            taken=drawn.taken,
            others=drawn.others,
            outcome=outcome,
            first_token_s=None if first.first_token_s is None else first.first_token_s - first.began_s,
            total_s=ended_s - first.began_s,
            output_tokens=output,
            budget_s=drawn.deadline_s - record.arrived_s - first.began_s,
            usd=self._spent(first.worker, first.model, usage, ended_s - first.began_s),
            retried=record.id in self._repeated,
        )
        self._repeated.pop(record.id, None)
        decision = _rewarded(decision)
        if decision.reward is not None:
            self.bandit.learn(drawn.kind, drawn.choice.arm, decision.reward, self._wall())
            self._changed.add(drawn.kind)
        self._put(decision)

    def feedback(self, request_id: str, score: float) -> bool:
        """Take in what a client says that an answer was worth, 0 to 1; False where no decision of that request is known."""
        decision = self._decisions.get(request_id)
        if decision is None:
            return False
        self._amend(msgspec.structs.replace(decision, feedback=score))
        return True

    def facts(self) -> dict[str, dict[str, Belief]]:
        """Return what is believed, by kind of prompt and arm."""
        return self.bandit.means(self._wall())

    def restore(self, entries: Mapping[str, bytes]) -> int:
        """Take what the disk has; return how much of it was of no use."""
        damaged = 0
        for name, value in entries.items():
            if name.startswith(LEARNED):
                try:
                    kinds = {name.removeprefix(LEARNED): msgspec.json.decode(value)}
                except msgspec.DecodeError:
                    damaged += 1
                    continue
                self.bandit.take({"version": VERSION, "kinds": kinds}, self._wall())
                damaged += self.bandit.damaged
        return damaged

    def collect(self) -> dict[str, bytes | None]:
        """Return what has changed since the last call, for the ledger."""
        if not self._changed:
            return {}
        changed, self._changed = self._changed, set()
        kinds: dict[str, Any] = self.bandit.state()["kinds"]
        return {LEARNED + kind: msgspec.json.encode(kinds[kind]) for kind in sorted(changed) if kind in kinds}

    def take_lines(self) -> list[bytes]:
        """Return the lines for the log of decisions that came since the last call."""
        lines, self._lines = self._lines, []
        return lines

    def _was_repeated(self, request_id: str) -> None:
        decision = self._decisions.get(request_id)
        if decision is None:
            _keep(self._repeated, request_id, None)
        elif not decision.retried:
            self._amend(msgspec.structs.replace(decision, retried=True))

    def _amend(self, decision: Decision) -> None:
        """Put a decision in the place of what it was before, and have the difference learned."""
        before, decision = decision.reward, _rewarded(decision)
        if before is not None and decision.reward is not None:
            arm = decision.choices[decision.taken].arm
            self.bandit.amend(decision.kind, arm, decision.reward - before, decision.at, self._wall())
            self._changed.add(decision.kind)
        self._put(decision)

    def _put(self, decision: Decision) -> None:
        _keep(self._decisions, decision.id, decision)
        if len(self._lines) < LINES_KEPT:
            self._lines.append(encode(decision))


def _outcome(record: Record, first: Attempt) -> str:
    """Return how the attempt that was drawn ended."""
    if first.failure is not None:
        return first.failure.word
    return "answered" if record.outcome == "ok" else record.outcome


def _rewarded(decision: Decision) -> Decision:
    """Return it with what it was worth; None where that says nothing of the worker: the client's fault, or it left."""
    if decision.outcome in FINAL or decision.outcome in {"client_gone", "client_error", "shutdown"}:
        return decision
    result = Result(
        success=decision.outcome == "answered",
        first_token_s=decision.first_token_s,
        total_s=decision.total_s,
        output_tokens=decision.output_tokens,
        budget_s=decision.budget_s,
        usd=decision.usd,
        retried=decision.retried,
        feedback=decision.feedback,
    )
    return msgspec.structs.replace(decision, reward=reward(result))


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > KEPT:
        kept.popitem(last=False)
