"""`learned`: who answered this kind of prompt well, soon and for little is asked more often. Pure.

Theory of operation: a candidate is an *arm*, `pool/model` (on own machines `worker/model`, and apart from that the same model
not yet in memory: a load is dear). How likely each is the best for a kind of prompt is believed by a `Bandit`; one is drawn
with that probability, and the others follow in its order. So what is good is taken, and what is not known is tried now and then.

It explores only where it may: among the candidates that a rule of the user's names, where one is about the prompt; else
among those that are not clearly too weak for it; of an alias only at its first place. Never with a request that names its
strategy, and never after a failure: then the best that is known goes first.
"""

from collections.abc import Mapping, Sequence

from cortex.config.rules import Traits
from cortex.messages import Request
from cortex.routing.bandit import draw
from cortex.routing.decisions import Choice
from cortex.routing.entry import Entry
from cortex.routing.learner import Drawn
from cortex.routing.preference import UNNAMED
from cortex.routing.rotation import is_cold
from cortex.routing.smart import smart
from cortex.routing.strategies import (
    Ranked,
    State,
    Strategy,
    cost_optimized,
    least_loaded,
    local_first,
    round_robin,
)

SLACK = 0.1
"""By so much a model may be rated weaker than the prompt is hard: the table is right within that."""

COLD = 0.02
"""By so much less a candidate is drawn that would have to load its model, and may put another's out of memory."""

HOLDER = 5.0
"""By so much more the one that holds the conversation."""

CHOICES = 16
"""Candidates that are drawn among; the others stand behind."""

OTHERS: Mapping[str, Strategy] = {
    "cost_optimized": cost_optimized,
    "least_loaded": least_loaded,
    "local_first": local_first,
    "round_robin": round_robin,
    "smart": smart,
}
"""What they would have taken of the same choices goes into the log, …"""

OTHERS_ASKED = 0.25
"""… of one decision in four, by lot: to ask all five takes longer than the decision."""


def learned(request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
    """Draw one of those that may be drawn; the others follow as they are believed in.

    A prompt of which nothing is known goes where it costs least.
    """
    traits: Traits | None = request.traits
    if traits is None:
        return cost_optimized(request, entries, state, now)
    learner = state.learner
    allowed, behind = _part(entries, traits, state)
    arms = [arm_of(entry) for entry in allowed]
    holder = state.affinity.holder(request.conversation, allowed, now)
    shares = _leaning(learner.bandit.shares(traits.kind, arms, learner.now()), allowed, holder)
    order = sorted(range(len(allowed)), key=shares.__getitem__, reverse=True)
    asked = f"{traits.kind} {traits.difficulty:.2f}: "
    first = order[0]
    said = f"{asked}the best known, {shares[first]:.0%} likely"
    if _may_explore(request, allowed, state):
        choices, places = _choices(allowed, arms, shares, order)
        taken = draw([choice.share for choice in choices], state.random.random())
        first = places[taken]
        among = [allowed[place] for place in places]
        drawn = Drawn(
            traits.kind,
            traits.difficulty,
            choices,
            taken,
            _others(request, among, state, now) if state.random.random() < OTHERS_ASKED else {},
            learner.now(),
            request.deadline_s,
            (request.client, hash(request.body)),
        )
        learner.offer(request, drawn, allowed[first])
        said = f"{asked}drawn, {choices[taken].share:.0%} likely the best"
    rest = [place for place in order if place != first]
    return [
        Ranked(allowed[first], said),
        *(Ranked(allowed[place], f"{asked}{shares[place]:.0%} likely the best") for place in rest),
        *(Ranked(entry, f"{asked}not among those that are drawn from") for entry in behind),
    ]


def arm_of(entry: Entry) -> str:
    """Return what is learned about: keys of one pool are alike, machines are not."""
    settings = entry.standing.settings
    arm = f"{settings.name if entry.standing.local else settings.pool}/{entry.model}"
    return f"{arm} (cold)" if is_cold(entry) else arm


def _leaning(shares: Sequence[float], allowed: Sequence[Entry], holder: Entry | None) -> list[float]:
    """Return the shares with what a reward does not tell counted in: what a load costs others, what a held prompt spares."""
    weights = [
        share * (COLD if is_cold(entry) else HOLDER if entry is holder else 1.0)
        for share, entry in zip(shares, allowed, strict=True)
    ]
    total = sum(weights)
    return [weight / total for weight in weights]


def _part(entries: Sequence[Entry], traits: Traits, state: State) -> tuple[Sequence[Entry], list[Entry]]:
    """Part those that may be drawn from the others, which stay in their order."""
    preference = state.smart.preference(traits)
    if preference is not None:
        allowed = [entry for entry in entries if preference[entry] < UNNAMED]
    else:
        needed = traits.difficulty - SLACK
        allowed = [entry for entry in entries if state.smart.strength(entry.model, traits.kind) >= needed]
    if not allowed or len(allowed) == len(entries):
        return entries, []
    return allowed, [entry for entry in entries if entry not in allowed]


def _may_explore(request: Request, allowed: Sequence[Entry], state: State) -> bool:
    if request.strategy or request.decision is not None:
        return False
    drawn_rank = state.learner.offered_rank(request)
    return drawn_rank is None or allowed[0].rank <= drawn_rank


def _choices(
    allowed: Sequence[Entry], arms: Sequence[str], shares: Sequence[float], order: Sequence[int]
) -> tuple[list[Choice], Sequence[int]]:
    """Return what may be drawn with its probabilities, which sum to 1, and each one's place among the allowed."""
    places = sorted(order[:CHOICES])
    total = sum(shares[place] for place in places)
    return [
        Choice(arms[place], allowed[place].standing.name, allowed[place].model, shares[place] / total)
        for place in places
    ], places


def _others(request: Request, among: Sequence[Entry], state: State, now: float) -> dict[str, int]:
    """Return the place of what each other strategy would have taken. Their memory of turns is not the running one's."""
    shadow = State(state.random, state.learner)
    shadow.affinity, shadow.smart, shadow.credits = state.affinity, state.smart, state.shadow_credits
    return {name: among.index(strategy(request, among, shadow, now)[0].entry) for name, strategy in OTHERS.items()}
