"""`smart`: the cheapest and fastest model that is good enough for this prompt. Pure.

Theory of operation: a prompt has a kind and a difficulty (`Request.traits`), a model a strength for each kind (`strengths`).
Whoever is strong enough may answer, so among those cost decides, then whose hardware it is, then time. Where nobody is, the
strongest goes first: a poor answer for nothing is no bargain. A rule of the user's stands above all that; it names models,
and they come first in its order.

What depends on the settings and a model's name alone is kept from one request to the next in a `Smart`, which lives as long
as the settings do. Of many candidates only the foremost by rule, strength, cost and load are weighed against each other in
full: the request goes to one of them, and weighing the two hundredth would take longer than it could ever gain.
"""

from collections.abc import Mapping, Sequence
from itertools import repeat
from operator import itemgetter
from typing import NamedTuple

from cortex.messages import Request
from cortex.routing.entry import Entry
from cortex.routing.rules import Rule, Traits
from cortex.routing.strategies import (
    Ranked,
    State,
    _cost_word,
    _held,
    _load,
    _load_time_s,
    _tier,
    _tier_word,
    cost_optimized,
    expected_usd,
)
from cortex.routing.strengths import Overrides, plain, strength
from cortex.workers.standing import Standing

MARGIN = 0.05
"""A model has to be that much stronger than the prompt is hard, since both are estimates."""

ROUNDING = 1e-9
"""So that 0.60 is 0.05 more than 0.55."""

WEIGHED = 8
"""Candidates that are weighed in full; the others stand behind them."""

KEPT = 4096
"""Facts about names that a `Smart` remembers, of each sort; then it begins anew."""

UNNAMED = 1_000
"""The place of a model that a rule does not name: behind all that it names."""


class Preference(dict[Entry, int]):
    """A rule with its aliases resolved: candidate → how many of its names come before the one that means it.

    Filled as candidates are asked for; `UNNAMED` where no name means one.
    """

    __slots__ = ("_names", "rule", "said")

    def __init__(self, rule: Rule, aliases: Mapping[str, tuple[str, ...]]) -> None:
        self.rule = rule
        self.said = f"rule '{rule.condition}'"
        self._names = [real for name in rule.names for real in aliases.get(name, (name,))]

    def __missing__(self, entry: Entry) -> int:
        if len(self) >= KEPT:
            self.clear()
        place = next((at for at, name in enumerate(self._names) if is_meant(name, entry)), UNNAMED)
        self[entry] = place
        return place


class Smart:
    """`[smart]` of the settings as the strategy reads it; new settings need a new one."""

    __slots__ = ("_overrides", "_preferences", "_strengths")

    def __init__(
        self,
        rules: Sequence[Rule] = (),
        strengths: Overrides | None = None,
        aliases: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        self._preferences = [Preference(rule, aliases or {}) for rule in rules]
        self._overrides: Overrides = strengths or {}
        self._strengths: dict[tuple[str, str], float] = {}

    def preference(self, traits: Traits) -> Preference | None:
        """Return the first rule that is about this prompt."""
        return next((each for each in self._preferences if each.rule.fits(traits)), None)

    def strength(self, model: str, kind: str) -> float:
        """Return how hard a prompt of that kind `model` still answers well."""
        value = self._strengths.get((model, kind))
        if value is None:
            if len(self._strengths) >= KEPT:
                self._strengths.clear()
            value = self._strengths[model, kind] = strength(model, kind, self._overrides)
        return value


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
    known: Smart = state.smart  # type: ignore[attr-defined]  # the dispatcher's state has it
    needed = traits.difficulty + MARGIN - ROUNDING
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
        Ranked(each.entry, asked + _why(each, needed, preference, is_first=place == 0) + _held(each.entry, holder))
        for place, each in enumerate(weighed)
    ]
    return ranked + list(map(Ranked, rest, repeat(f"{asked}behind the first {WEIGHED}")))


def is_meant(name: str, entry: Entry) -> bool:
    """Whether a rule's `name` means this candidate: as it would in a request, and whatever vendor or tag it leaves open."""
    standing, model, _ = entry
    if standing.model_named(name) == model:
        return True
    scope, colon, scoped = name.partition(":")
    if colon and scope in {standing.name, standing.settings.pool, standing.settings.provider}:
        return is_meant(scoped, entry)
    here, meant = plain(model), plain(name)
    return meant in {here, here.partition(":")[0]}


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
                    _tier(entry),
                    _load_time_s(entry),
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
        _tier(entry),
        _load_time_s(entry),
        entry is not holder,
        standing.pace.total_s(model) or 0.0,
        -standing.account.share_left(model, now),
        _load(entry, now),
        standing.granted_at,
    )
    return Weighed(key, entry, value, usd, preference is not None and place < UNNAMED)


def _why(weighed: Weighed, needed: float, preference: Preference | None, *, is_first: bool) -> str:
    _, entry, value, usd, is_named = weighed
    if preference is not None and is_named:
        return f"{preference.said}, {entry.model}"
    if value >= needed:
        return f"good enough ({value:.2f}), {_cost_word(usd)}, {_tier_word(entry)}"
    return f"the strongest of those free now ({value:.2f})" if is_first else f"not strong enough ({value:.2f})"
