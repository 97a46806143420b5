"""Which candidate is the best one for a kind of prompt, learned from rewards: probability matching. Pure.

Theory of operation: this is Thompson sampling with its lottery written out. Of each arm (`pool/model`) the mean reward is
believed to be Normal; Thompson draws a mean for every arm and takes the largest, so each arm is taken with the probability
that it is the best. Here those probabilities, the shares, are computed first and the arm is drawn from them: only so is the
propensity that goes into the log exact, and what another strategy would have done can be answered from the log.

    P(i is the best) = ∫ Π_{j≠i} Φ_j(x) dΦ_i(x)

is summed over a fixed grid, by the increments of Φ_i, so that an arm that is known well is not lost between two points.
An arm's sums fade: with time, by half in a half-life, and with each newer reward once there are `MOST_WEIGHT` of them, so that
an arm that turns bad is found out in some hundred answers however many good ones it gave before. What has faded falls back
to the prior, which is wide: an arm that was bad once is tried again. Arms come and go as workers do; one that is away keeps
its sums until it is forgotten.

Shares are kept for each set of arms and computed anew after some rewards or seconds. `now` is wall clock seconds, since the
state outlives the process; a clock that goes back counts as one that stands.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import erf, sqrt
from typing import Any, NamedTuple, Self

HALF_LIFE_S = 86_400.0

PRIOR_MEAN = 0.6
"""Rather too much than too little: what is not known is tried."""

PRIOR_WEIGHT = 1.0
"""The prior counts as much as that many rewards."""

NOISE = 0.3
"""Standard deviation that one reward is taken to have: that of a good arm which fails one time in eight."""

FLOOR = 0.02
"""That part of the requests is spread evenly, so that no arm's share is 0."""

MOST_WEIGHT = 300.0
"""Rewards that an arm's sums hold at most."""

ARMS_KEPT = 256
"""Of one kind; beyond it the one that learned nothing for the longest time is forgotten."""

KINDS_KEPT = 64
"""Beyond it what is newest is not learned: a classifier has a dozen."""

FADED = 12.0
"""Half-lives after which an arm is forgotten whole: less than a tenth of a reward is left of it."""

ARMS_WEIGHED = 16
"""The most hopeful arms that are weighed against each other; the others have the floor."""

CELLS = 48
"""Of the grid. Shares are within 0.01 of the integral, where one arm is known 17 times as well as another."""

TAIL = 4.0
"""Standard deviations from an arm's mean to the end of the grid."""

STALE_S = 5.0
STALE_SHARE = 1 / 16
STALE_REWARDS = 64
"""Shares are computed anew after `STALE_S`, or once a sixteenth more rewards are known, or that many of them."""

SETS_KEPT = 512
"""Sets of arms whose shares are kept; then all are computed anew."""

VERSION = 1
"""Of the state."""

MOST_SECONDS = 1e15
"""No moment of any clock; NaN and the infinite are not below it either."""

ROUNDING = 1e-6


class Belief(NamedTuple):
    """What is believed of one arm's mean reward."""

    mean: float
    sd: float
    weight: float
    """How many rewards that rests on, as far as they have not faded."""


class Shares(NamedTuple):
    """How likely each arm of a set is the best, as computed at a time."""

    by_arm: Mapping[str, float]
    at: float
    due: int
    """Rewards of that kind at which it is computed anew."""


class Arm:
    """Discounted sums of one arm's rewards, as of `at`."""

    __slots__ = ("at", "total", "weight")

    def __init__(self, weight: float, total: float, at: float) -> None:
        self.weight = weight
        self.total = total
        self.at = at


class Kind:
    """All that is known about one kind of prompt."""

    __slots__ = ("arms", "rewards", "sets")

    def __init__(self) -> None:
        self.arms: dict[str, Arm] = {}
        """The one that learned last comes last."""
        self.rewards = 0
        """Learned since the start of the process."""
        self.sets: dict[frozenset[str], Shares] = {}


class Bandit:
    """Shares of arms by kind of prompt, learned from rewards. See the module's docstring."""

    __slots__ = ("_floor", "_half_life_s", "_kinds", "_noise", "_prior_mean", "_prior_weight", "damaged")

    def __init__(
        self,
        *,
        half_life_s: float = HALF_LIFE_S,
        prior_mean: float = PRIOR_MEAN,
        prior_weight: float = PRIOR_WEIGHT,
        noise: float = NOISE,
        floor: float = FLOOR,
    ) -> None:
        """Take settings as the constants are; `noise` and `prior_weight` are more than 0, `floor` is from 0 to 1."""
        self._half_life_s = half_life_s
        self._prior_mean = prior_mean
        self._prior_weight = prior_weight
        self._noise = noise
        self._floor = floor
        self._kinds: dict[str, Kind] = {}
        self.damaged = 0
        """Entries of a restored state that were of no use."""

    def shares(self, kind: str, arms: Sequence[str], now: float) -> list[float]:
        """Return with which probability each of `arms` is to be taken; they sum to 1, none is less than floor / len.

        An arm that is named twice has its share parted evenly.
        """
        best = self._best(kind, frozenset(arms), now)
        least = self._floor / len(arms) if arms else 0.0
        rest = 1.0 - self._floor
        if len(best) == len(arms):
            return [least + rest * best[arm] for arm in arms]
        return [least + rest * best[arm] / arms.count(arm) for arm in arms]

    def learn(self, kind: str, arm: str, reward: float, now: float) -> None:
        """Take in what an answer of `arm` to a prompt of `kind` was worth, 0 to 1; anything beyond is cut to that."""
        known = self._kind(kind)
        if known is None:
            return
        before = known.arms.get(arm)
        weight, total = (0.0, 0.0) if before is None else self._faded(before, now)
        kept = min(1.0, (MOST_WEIGHT - 1.0) / weight) if weight else 0.0
        at = now if before is None else max(now, before.at)
        _put(known, arm, Arm(weight * kept + 1.0, total * kept + max(0.0, min(reward, 1.0)), at))
        known.rewards += 1

    def amend(self, kind: str, arm: str, change: float, learned_at: float, now: float) -> None:
        """Change a reward that was learned at `learned_at` by `change`; what of it has faded is let go."""
        known = self._kinds.get(kind)
        before = known.arms.get(arm) if known is not None else None
        if known is None or before is None:
            return
        weight, total = self._faded(before, now)
        left = 0.5 ** (max(0.0, now - learned_at) / self._half_life_s)
        _put(known, arm, Arm(weight, max(0.0, min(total + change * left, weight)), max(now, before.at)))
        known.rewards += 1

    def means(self, now: float) -> dict[str, dict[str, Belief]]:
        """Return what is believed, by kind and arm, for people."""
        return {
            name: {arm: self._belief(known, arm, now) for arm in sorted(known.arms)}
            for name, known in self._kinds.items()
        }

    def state(self) -> dict[str, Any]:
        """Return what has to be kept, in JSON's types."""
        return {
            "version": VERSION,
            "kinds": {
                name: {arm: [sums.weight, sums.total, sums.at] for arm, sums in known.arms.items()}
                for name, known in self._kinds.items()
            },
        }

    @classmethod
    def restore(cls, state: Any, now: float, **settings: float) -> Self:
        """Return a bandit that knows what `state` says; the settings are those of the constructor. Never raises for `state`."""
        bandit = cls(**settings)
        bandit.take(state, now)
        return bandit

    def take(self, state: Any, now: float) -> None:
        """Take in what `state` says; what is damaged there is skipped and counted in `damaged`.

        What has faded is left out. A moment later than `now` is taken for `now`.
        """
        entries, self.damaged = _read(state)
        for name, arm, sums in sorted(entries, key=lambda entry: entry[2].at):
            if now - sums.at >= FADED * self._half_life_s:
                continue
            known = self._kind(name)
            if known is not None:
                sums.at = min(sums.at, now)
                _put(known, arm, sums)

    def _kind(self, name: str) -> Kind | None:
        known = self._kinds.get(name)
        if known is None and len(self._kinds) < KINDS_KEPT:
            known = self._kinds[name] = Kind()
        return known

    def _best(self, name: str, arms: frozenset[str], now: float) -> Mapping[str, float]:
        """Return how likely each arm is the best, as it is kept or computed anew."""
        known = self._kinds.get(name)
        if known is None:
            return dict.fromkeys(arms, 1.0 / len(arms)) if arms else {}
        kept = known.sets.get(arms)
        if kept is not None and known.rewards < kept.due and 0.0 <= now - kept.at < STALE_S:
            return kept.by_arm
        beliefs = {arm: self._belief(known, arm, now) for arm in sorted(arms)}
        by_arm = matched(beliefs)
        if len(known.sets) >= SETS_KEPT:
            known.sets.clear()
        more = STALE_SHARE * sum(belief.weight for belief in beliefs.values())
        due = known.rewards + max(1, min(int(more), STALE_REWARDS))
        known.sets[arms] = Shares(by_arm, now, due)
        return by_arm

    def _belief(self, known: Kind, arm: str, now: float) -> Belief:
        sums = known.arms.get(arm)
        weight, total = (0.0, 0.0) if sums is None else self._faded(sums, now)
        all_weight = self._prior_weight + weight
        mean = (self._prior_mean * self._prior_weight + total) / all_weight
        return Belief(mean, self._noise / sqrt(all_weight), weight)

    def _faded(self, sums: Arm, now: float) -> tuple[float, float]:
        """Return weight and total as they are now."""
        left: float = 0.5 ** (max(0.0, now - sums.at) / self._half_life_s)
        return sums.weight * left, sums.total * left


def draw(shares: Sequence[float], lot: float) -> int:
    """Return which arm a `lot` of [0, 1) falls to; uniform lots take each with exactly its share.

    >>> draw([0.25, 0.5, 0.25], 0.7)
    1
    """
    for place, share in enumerate(shares):
        lot -= share
        if lot < 0.0:
            return place
    return len(shares) - 1


def matched(beliefs: Mapping[str, Belief]) -> dict[str, float]:
    """Return how likely each arm has the largest mean; they sum to 1. Of many only `ARMS_WEIGHED` are weighed, the others get 0.

    >>> matched({"a": Belief(0.5, 0.1, 9), "b": Belief(0.5, 0.1, 9)})
    {'a': 0.5, 'b': 0.5}
    """
    best = dict.fromkeys(beliefs, 0.0)
    if len(beliefs) > ARMS_WEIGHED:
        hopeful = sorted(beliefs, key=lambda arm: (-beliefs[arm].mean - 2 * beliefs[arm].sd, arm))[:ARMS_WEIGHED]
        beliefs = {arm: beliefs[arm] for arm in hopeful}
    # From here on everything that may be the largest mean; below `low` no arm's distribution is 0, so one may divide by it.
    low = max((mean - TAIL * sd for mean, sd, _ in beliefs.values()), default=0.0)
    high = max((mean + TAIL * sd for mean, sd, _ in beliefs.values()), default=0.0)
    step = (high - low) / CELLS
    points = [low + step * number for number in range(CELLS + 1)]
    below = {arm: _below(mean, sd, points) for arm, (mean, sd, _) in beliefs.items()}
    all_below = [1.0] * CELLS
    for middles, _ in below.values():
        all_below = [product * middle for product, middle in zip(all_below, middles, strict=True)]
    for arm, (middles, rises) in below.items():
        best[arm] = sum(
            product * rise / middle for product, rise, middle in zip(all_below, rises, middles, strict=True)
        )
    total = sum(best.values())
    return {arm: share / total for arm, share in best.items()}


def _below(mean: float, sd: float, points: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return for each cell between two points the distribution at its middle (twice it), and by how much it rises there."""
    scale = 1.0 / (sd * sqrt(2.0))
    ends = [1.0 + erf((point - mean) * scale) for point in points]
    return [left + right for left, right in pairwise(ends)], [right - left for left, right in pairwise(ends)]


def _put(known: Kind, arm: str, sums: Arm) -> None:
    """Keep an arm's sums at the end of the row; for a new one too many, the first is forgotten."""
    if known.arms.pop(arm, None) is None and len(known.arms) >= ARMS_KEPT:
        del known.arms[next(iter(known.arms))]
    known.arms[arm] = sums


def _read(state: Any) -> tuple[list[tuple[str, str, Arm]], int]:
    """Return the entries of a state that are good, and how many are not; a state of which nothing can be read is one."""
    kinds = state.get("kinds") if isinstance(state, dict) and state.get("version") == VERSION else None
    if not isinstance(kinds, dict):
        return [], 0 if state is None else 1
    entries, damaged = [], 0
    for name, arms in kinds.items():
        if not isinstance(name, str) or not isinstance(arms, dict):
            damaged += 1
            continue
        for arm, values in arms.items():
            sums = _arm(values) if isinstance(arm, str) else None
            if sums is None:
                damaged += 1
            else:
                entries.append((name, arm, sums))
    return entries, damaged


def _arm(values: Any) -> Arm | None:
    """Return the sums that one entry says, or None for what no sums can be."""
    if not isinstance(values, list | tuple) or len(values) != 3:
        return None
    if not all(type(value) in {int, float} and abs(value) < MOST_SECONDS for value in values):
        return None
    weight, total, at = map(float, values)
    return Arm(weight, min(total, weight), at) if 0.0 <= total <= weight + ROUNDING <= MOST_WEIGHT + 1.0 else None
