"""`smart`: the cheapest and fastest model that is good enough for this prompt. Pure.

Theory of operation: a prompt has a kind and a difficulty (`Request.traits`), a model a strength for each kind (`strengths`).
Whoever is strong enough may answer, so among those cost decides, then whose hardware it is, then time. Where nobody is, the
strongest goes first: a poor answer for nothing is no bargain. A rule of the user's stands above all that; it names models,
and they come first in its order.

Of many candidates only the foremost by rule, strength, cost and load are weighed against each other in full: the request
goes to one of them, and weighing the two hundredth would take longer than it could ever gain.
"""

from collections.abc import Sequence
from itertools import repeat
from operator import itemgetter
from typing import NamedTuple

from cortex.config.rules import Traits
from cortex.messages import Request
from cortex.routing.entry import Entry
from cortex.routing.preference import UNNAMED, Preference, Smart
from cortex.routing.strategies import (
    Ranked,
    State,
    cost_optimized,
    cost_word,
    expected_usd,
    held,
    load,
    load_time_s,
    tier,
    tier_word,
)
from cortex.workers.standing import Standing

MARGIN = 0.05
"""A model has to be that much stronger than the prompt is hard, since both are estimates."""

EASED_BY = 0.05
EASED_MOST = 0.5
"""While requests wait, less is enough: by so much for each that waits, and at most. Strong models are slow, and a crowd that
waits for them waits for the largest machine."""

ROUNDING = 1e-9
"""So that 0.60 is 0.05 more than 0.55."""

WEIGHED = 8
"""Candidates that are weighed in full; the others stand behind them."""


class Weighed(NamedTuple):
    """A candidate in full."""

    key: tuple[float, ...]
    """Smaller is better."""
    entry: Entry
    strength: float
    usd: float
    is_named: bool
    """By the rule."""


def smart(request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
    """Take what a rule names; else the cheapest, nearest and fastest that is good enough; else the strongest.

    A prompt of which nothing is known goes where it costs least.
    """
    traits: Traits | None = request.traits
    if traits is None:
        return cost_optimized(request, entries, state, now)
    known = state.smart
    needed = traits.difficulty + MARGIN - ROUNDING - min(state.waiting * EASED_BY, EASED_MOST)
    preference = known.preference(traits)
    holder = state.affinity.holder(request.conversation, entries, now)
    front, rest = entries, list[Entry]()
    if len(entries) > WEIGHED:
        front, rest = _part(_alike(entries, traits.kind, needed, known, preference), request, holder)
    weighed = [
        _weigh(entry, known.strength(entry.model, traits.kind), request, needed, preference, holder, now)
        for entry in front
    ]
    weighed.sort(key=itemgetter(0))
    asked = f"{traits.kind} {traits.difficulty:.2f}: "
    ranked = [
        Ranked(each.entry, asked + _why(each, needed, preference, is_first=place == 0) + held(each.entry, holder))
        for place, each in enumerate(weighed)
    ]
    return ranked + list(map(Ranked, rest, repeat(f"{asked}behind the first {WEIGHED}")))


def _alike(
    entries: Sequence[Entry], kind: str, needed: float, known: Smart, preference: Preference | None
) -> list[list[Entry]]:
    """Sort candidates into groups, the foremost first, by what can be said of each in a quarter of a microsecond."""
    weak: dict[str, float] = {}  # by model; 0 where it is strong enough
    groups: dict[float, list[Entry]] = {}
    for entry in entries:
        standing, model, _ = entry
        if model not in weak:
            value = known.strength(model, kind)
            weak[model] = 0.0 if value >= needed else 10.0 - value
        place = weak[model] or _cost_class(standing)
        if preference is not None:
            place += 100.0 * preference[entry]
        if place in groups:
            groups[place].append(entry)
        else:
            groups[place] = [entry]
    return [groups[place] for place in sorted(groups)]


def _cost_class(standing: Standing) -> float:
    """Return 0 for own hardware that costs nothing, 1 for free keys, 2 for what costs."""
    if standing.local:
        return 2.0 if standing.settings.cost_per_hour else 0.0
    return 1.0 if standing.settings.free else 2.0


def _part(groups: Sequence[list[Entry]], request: Request, holder: Entry | None) -> tuple[Sequence[Entry], list[Entry]]:
    """Part the first `WEIGHED` from the others; only the group that is cut needs an order for it."""
    front: list[Entry] = []
    rest: list[Entry] = []
    for group in groups:
        left = WEIGHED - len(front)
        if 0 < left < len(group):
            group.sort(
                key=lambda entry: (
                    expected_usd(request, entry),
                    tier(entry),
                    load_time_s(entry),
                    entry is not holder,
                )
            )
        front += group[:left]
        rest += group[left:]
    return front, rest


def _weigh(
    entry: Entry,
    value: float,
    request: Request,
    needed: float,
    preference: Preference | None,
    holder: Entry | None,
    now: float,
) -> Weighed:
    standing, model, _ = entry
    usd = expected_usd(request, entry)
    place = 0 if preference is None else preference[entry]
    key = (
        place,
        0.0 if value >= needed else 1.0 - value,
        usd,
        tier(entry),
        load_time_s(entry),
        entry is not holder,
        standing.pace.total_s(model) or 0.0,
        -standing.account.share_left(model, now),
        load(entry, now),
        standing.granted_at,
    )
    return Weighed(key, entry, value, usd, preference is not None and place < UNNAMED)


def _why(weighed: Weighed, needed: float, preference: Preference | None, *, is_first: bool) -> str:
    _, entry, value, usd, is_named = weighed
    if preference is not None and is_named:
        return f"{preference.said}, {entry.model}"
    if value >= needed:
        return f"good enough ({value:.2f}), {cost_word(usd)}, {tier_word(entry)}"
    return f"the strongest of those free now ({value:.2f})" if is_first else f"not strong enough ({value:.2f})"
