"""In which order workers are asked: the strategies. Pure.

A strategy is a function from candidates (a worker's standing and the model it would use) to the same candidates in order,
best first, each with a few words of why. It never asks, stores or logs; the state that smooth round robin and fair draws
need is handed in. It sees only candidates that can take the request now; whether waiting for another is the shorter way
is asked of `worth_waiting`.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from cortex.chat import Usage
from cortex.ledger.prices import cost
from cortex.messages import Request
from cortex.routing.affinity import Affinity
from cortex.routing.entry import Entry
from cortex.routing.learner import Learner
from cortex.routing.preference import Smart
from cortex.routing.rotation import is_cold
from cortex.workers.standing import NEVER, Standing

ASSUMED_LOAD_S = 15.0
"""What a load is taken to cost before one was seen: some seconds for a few GB from an SSD."""

ASSUMED_ANSWER_S = 10.0
"""What an answer is taken to last before one was seen: some 300 tokens at 30 a second."""

NEAR = 0.1
"""Loads this close to the least one tie, and two of those are drawn by lot."""


class State:
    """What strategies remember between requests; the dispatcher keeps it."""

    __slots__ = ("affinity", "credits", "learner", "random", "shadow_credits", "smart", "waiting")

    def __init__(self, random: Random, learner: Learner | None = None) -> None:
        self.random = random
        self.learner = learner or Learner(wall=lambda: 0.0)
        """What `learned` knows; without one, what nobody keeps."""
        self.smart = Smart()
        """`[smart]` of the settings in force."""
        self.affinity = Affinity()
        self.waiting = 0
        """Requests in the line just now."""
        self.credits: dict[str, float] = {}
        """Smooth weighted round robin: what each worker is owed."""
        self.shadow_credits: dict[str, float] = {}
        """The same, where it is only asked what it would have done."""


class Ranked(NamedTuple):
    """A candidate at its place in the order."""

    entry: Entry
    why: str


Strategy = Callable[[Request, Sequence[Entry], State, float], list[Ranked]]


def local_first(request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
    """Take own hardware before free keys before paid ones.

    Among those the loaded model, the one that holds the conversation, the key with the most left, the idler.
    """
    if len(entries) == 1:
        return [Ranked(entries[0], tier_word(entries[0]))]
    holder = state.affinity.holder(request.conversation, entries, now)
    order = sorted(entries, key=lambda entry: _local_first(entry, now, is_holder=entry is holder))
    return [Ranked(entry, f"{tier_word(entry)}, {_warmth(entry)}{held(entry, holder)}") for entry in order]


def round_robin(request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
    """Take smooth weighted turns, as in nginx: 5:1:1 gives a a b a c a a, never five in a row.

    The turn is counted for whoever comes first; one that cannot take it keeps no claim to the next.
    """
    owed = state.credits
    total = 0.0
    for entry in entries:
        standing = entry.standing
        total += standing.settings.weight
        owed[standing.name] = owed.get(standing.name, 0.0) + standing.settings.weight
    order = sorted(entries, key=lambda entry: -owed[entry.standing.name])
    if order:
        owed[order[0].standing.name] -= total
    return [
        Ranked(entry, "its turn" if place == 0 else f"turn {place + 1}, weight {entry.standing.settings.weight}")
        for place, entry in enumerate(order)
    ]


def least_loaded(request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
    """Take the least share of slots in use, weighed by how long answers take there, failures of late counted as load.

    Where several tie, the one that holds the conversation, else the better of two drawn by lot: deterministic ties would
    send every burst to one worker.
    """
    holder = state.affinity.holder(request.conversation, entries, now)
    loads = {entry: load(entry, now) for entry in entries}
    order = sorted(entries, key=lambda entry: loads[entry])
    if len(order) > 1:
        least = loads[order[0]]
        ties = [entry for entry in order if loads[entry] <= least + NEAR]
        if len(ties) > 1:
            two = state.random.sample(ties, 2)
            first = holder if holder in ties else min(two, key=lambda entry: loads[entry])
            order.remove(first)
            order.insert(0, first)
    return [Ranked(entry, f"load {loads[entry]:.2f}, {_warmth(entry)}{held(entry, holder)}") for entry in order]


def cost_optimized(request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
    """Take what this request is expected to cost least with; among equals the faster, the one with more left, the idler.

    Own machines cost their `cost_per_hour`, keys nothing while their free quota lasts (one that is spent is no candidate),
    others their price for the estimated prompt and an answer as long as that model's usually are. Where nobody knows a price,
    that comes last.
    """
    if len(entries) == 1:
        return [Ranked(entries[0], cost_word(expected_usd(request, entries[0])))]
    costs = {entry: expected_usd(request, entry) for entry in entries}
    holder = state.affinity.holder(request.conversation, entries, now)
    order = sorted(
        entries,
        key=lambda entry: (
            costs[entry],
            entry is not holder,
            load_time_s(entry) + (entry.standing.pace.total_s(entry.model) or 0.0),
            -entry.standing.account.share_left(entry.model, now),
            load(entry, now),
            entry.standing.granted_at,
        ),
    )
    return [Ranked(entry, f"{cost_word(costs[entry])}, {tier_word(entry)}{held(entry, holder)}") for entry in order]


def order_of(strategy: Strategy, request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
    """Order by rank first (an alias names the best first), by the strategy within each rank."""
    if not any(entry.rank for entry in entries):
        return strategy(request, entries, state, now)
    ranks = sorted({entry.rank for entry in entries})
    return [
        Ranked(ranked.entry, f"choice {rank + 1}, {ranked.why}")
        for rank in ranks
        for ranked in strategy(request, [entry for entry in entries if entry.rank == rank], state, now)
    ]


def worth_waiting(busy: Entry, free: Entry, *, ahead: int) -> bool:
    """Whether a busy worker is the shorter way than a free one: it has the model loaded, the free one does not.

    `ahead` requests of the line come first. Unknown times are no reason to wait.
    """
    if not free.standing.is_cold(free.model) or busy.standing.is_cold(busy.model):
        return False
    usual_s = busy.standing.pace.total_s(busy.model)
    if usual_s is None or busy.standing.slots == 0:
        return False
    load_s = free.standing.pace.load_s(free.model) or ASSUMED_LOAD_S
    return usual_s * (1 + ahead) / busy.standing.slots < load_s


def expected_usd(request: Request, entry: Entry) -> float:
    """Return what `request` is expected to cost there; infinite where nobody knows."""
    standing = entry.standing
    settings = standing.settings
    if standing.local:
        return settings.cost_per_hour * (standing.pace.total_s(entry.model) or ASSUMED_ANSWER_S) / 3600.0
    if settings.free:
        return 0.0
    rate = standing.account.rate(entry.model)
    if rate is None:
        return NEVER
    tokens = standing.estimate(request)
    usual = standing.pace.output_tokens(entry.model)
    output = min(tokens.output_tokens, round(usual)) if usual is not None else tokens.output_tokens
    return cost(rate, Usage(input_tokens=tokens.input_tokens, output_tokens=output)) / 1e9


def spent_usd(standing: Standing, model: str, usage: Usage | None, took_s: float) -> float:
    """Return what an attempt there cost; 0 where it cost nothing or nobody knows."""
    if standing.local:
        return standing.settings.cost_per_hour * took_s / 3600.0
    rate = None if standing.settings.free or usage is None else standing.account.rate(model)
    return 0.0 if rate is None or usage is None else cost(rate, usage) / 1e9


def cost_word(usd: float) -> str:
    """Say what it costs."""
    if usd == 0.0:
        return "costs nothing"
    return "price unknown" if usd == NEVER else f"about ${usd:.2g}"


def held(entry: Entry, holder: Entry | None) -> str:
    """Say that it is the one that holds the conversation."""
    return ", has this conversation" if entry is holder else ""


def _local_first(entry: Entry, now: float, *, is_holder: bool) -> tuple[float, ...]:
    standing = entry.standing
    return (
        tier(entry),
        load_time_s(entry),
        not is_holder,
        -standing.account.share_left(entry.model, now),
        load(entry, now),
        _first_token_s(entry),
        standing.granted_at,  # of equals, the one that has waited longest
    )


def tier(entry: Entry) -> int:
    """Return 0 for own hardware, 1 for a free key, 2 for one that costs."""
    standing = entry.standing
    if standing.local:
        return 0
    return 1 if standing.settings.free else 2


def tier_word(entry: Entry) -> str:
    """Say whose it is."""
    return ("local", "free", "paid")[tier(entry)]


def _warmth(entry: Entry) -> str:
    if not is_cold(entry):
        return "loaded" if entry.standing.local else "ready"
    load_s = entry.standing.pace.load_s(entry.model)
    return "has to load" if load_s is None else f"loads in {load_s:.0f} s"


def load_time_s(entry: Entry) -> float:
    """Return how long its model has to be loaded first; 0 where it has not."""
    if not is_cold(entry):
        return 0.0
    return entry.standing.pace.load_s(entry.model) or ASSUMED_LOAD_S


def _first_token_s(entry: Entry) -> float:
    return entry.standing.pace.first_token_s(entry.model) or 0.0


def load(entry: Entry, now: float) -> float:
    """Return how busy it is: its share of slots in use, weighed by how long answers take there."""
    standing = entry.standing
    if standing.settings.weight <= 0:
        return NEVER
    share = (standing.in_flight + standing.pace.error_penalty(now)) / standing.slots
    slowness = standing.pace.total_s(entry.model) or 0.0
    cold = 1.0 if is_cold(entry) else 0.0
    return (share * (1.0 + slowness / 10.0) + cold) / standing.settings.weight
