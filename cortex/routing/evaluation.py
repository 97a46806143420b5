"""What another strategy would have brought, answered from the log of decisions. Pure.

Theory of operation: each decision was drawn with known probabilities, and the log says what another strategy would have
taken. Where that is what was taken, its reward is known; such decisions, weighed by one over the probability with which they
came about, stand for all (`ips`). Divided by the sum of those weights instead of their number, the estimate is steadier and
slightly biased (`snips`). Doubly robust (`dr`) begins with what a model of the rewards expects of the other choice and
corrects that by the weighed error of the model: right if either is, and the steadiest of the three.

The model is the mean reward of a kind and an arm, drawn towards the mean of all; it is learned on one half of the decisions
and used on the other, for a model that has seen the very reward it is to foretell would make the intervals too narrow.
Intervals are normal, from the sample variance of the influence of each decision. They say how sure the *log* is; that
tomorrow is like yesterday is not theirs to say.

A strategy that takes a choice whose probability was 0 was never tried there. Such decisions are left out and counted
(`unseen`): nothing honest can be said of them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from cortex.routing.decisions import Decision

MOST_WEIGHT = 1_000.0
"""Weights are clipped there: twice that of the rarest choice of ten under the bandit's floor, so that only strange logs are."""

LEAST_DECISIONS = 100
LEAST_EFFECTIVE = 30.0
"""With fewer the normal interval is narrower than the truth allows."""

PRIOR_REWARDS = 2.0
"""The mean of all counts in each mean of the model as much as that many rewards."""


class Estimate(NamedTuple):
    """A mean reward and its interval; not cut to 0 and 1."""

    value: float
    low: float
    high: float


class Evaluation(NamedTuple):
    """What the log says about one strategy."""

    strategy: str
    confidence: float
    decisions: int
    """Those that could be used: with a reward, and a choice of this strategy's that might have been taken."""
    unrewarded: int
    """Those left out since nobody knows what came of them."""
    unseen: int
    """Those left out since this strategy's choice had no chance."""
    agreeing: int
    """Those where what was taken is what this strategy would have."""
    effective: float
    """Effective sample size: as many decisions, all of one weight, would tell as much."""
    clipped: float
    """Share of the weights that were clipped."""
    logged: Estimate | None
    """Mean reward of what was taken in the decisions that could be used."""
    ips: Estimate | None
    snips: Estimate | None
    dr: Estimate | None
    words: str
    """What a reader has to know; empty when there is nothing."""

    @property
    def is_enough(self) -> bool:
        """Whether the intervals can be relied on."""
        return self.decisions >= LEAST_DECISIONS and self.effective >= LEAST_EFFECTIVE


class Case(NamedTuple):
    """One decision as the estimates see it."""

    kind: str
    arm: str
    """That was taken."""
    other: str
    """The arm that the strategy would have taken."""
    weight: float
    """0 where that is another choice."""
    reward: float


Model = Callable[[str, str], float]
"""Kind and arm → the reward that is expected."""


def strategies(decisions: Iterable[Decision]) -> list[str]:
    """Return the names of all strategies of which the log says what they would have taken."""
    return sorted({name for decision in decisions for name in decision.others})


def evaluate(decisions: Sequence[Decision], strategy: str, *, confidence: float = 0.95) -> Evaluation:
    """Return what mean reward `strategy` would have had, by three estimates. Nothing is estimated where nothing agrees."""
    asked = [decision for decision in decisions if strategy in decision.others]
    rewarded = [decision for decision in asked if decision.reward is not None]
    seen = [decision for decision in rewarded if decision.choices[decision.others[strategy]].share > 0.0]
    cases = [_case(decision, strategy) for decision in seen]
    clipped = sum(case.weight > MOST_WEIGHT for case in cases)
    cases = [case._replace(weight=min(case.weight, MOST_WEIGHT)) for case in cases]
    weights = [case.weight for case in cases]
    total = sum(weights)
    agreeing = sum(weight > 0.0 for weight in weights)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    result = Evaluation(
        strategy=strategy,
        confidence=confidence,
        decisions=len(cases),
        unrewarded=len(asked) - len(rewarded),
        unseen=len(rewarded) - len(seen),
        agreeing=agreeing,
        effective=total**2 / sum(weight**2 for weight in weights) if agreeing else 0.0,
        clipped=clipped / agreeing if agreeing else 0.0,
        logged=_estimate([case.reward for case in cases], z),
        ips=_estimate([case.weight * case.reward for case in cases], z) if agreeing else None,
        snips=_self_normalised(cases, total / len(cases), z) if agreeing else None,
        dr=_estimate(_doubly_robust(cases), z) if agreeing else None,
        words="",
    )
    return result._replace(words=_words(result))


def _case(decision: Decision, strategy: str) -> Case:
    choices, taken, other = decision.choices, decision.taken, decision.others[strategy]
    return Case(
        decision.kind,
        choices[taken].arm,
        choices[other].arm,
        1.0 / choices[taken].share if taken == other else 0.0,
        decision.reward or 0.0,
    )


def _self_normalised(cases: Sequence[Case], mean_weight: float, z: float) -> Estimate | None:
    value = sum(case.weight * case.reward for case in cases) / (mean_weight * len(cases))
    return _estimate([value + case.weight * (case.reward - value) / mean_weight for case in cases], z)


def _doubly_robust(cases: Sequence[Case]) -> list[float]:
    """Return each decision's term: what the model of the other half expects, and its weighed error."""
    halves = cases[::2], cases[1::2]
    models = _model(halves[1]), _model(halves[0])
    return [
        model(case.kind, case.other) + case.weight * (case.reward - model(case.kind, case.arm))
        for half, model in zip(halves, models, strict=True)
        for case in half
    ]


def _model(cases: Sequence[Case]) -> Model:
    """Return the mean reward by kind and arm, each drawn towards the mean of all."""
    of_all = sum(case.reward for case in cases) / len(cases) if cases else 0.5
    sums: dict[tuple[str, str], list[float]] = defaultdict(list)
    for case in cases:
        sums[case.kind, case.arm].append(case.reward)
    means = {
        key: (sum(rewards) + PRIOR_REWARDS * of_all) / (len(rewards) + PRIOR_REWARDS) for key, rewards in sums.items()
    }
    return lambda kind, arm: means.get((kind, arm), of_all)


def _estimate(terms: Sequence[float], z: float) -> Estimate | None:
    """Return the mean of `terms` and its normal interval; None for fewer than two."""
    count = len(terms)
    if count < 2:
        return None
    mean = sum(terms) / count
    reach = z * sqrt(sum((term - mean) ** 2 for term in terms) / (count - 1) / count)
    return Estimate(mean, mean - reach, mean + reach)


def _words(result: Evaluation) -> str:
    said = []
    if result.decisions < LEAST_DECISIONS:
        said.append(f"too few: {result.decisions} decisions of at least {LEAST_DECISIONS}")
    elif not result.is_enough:
        said.append(f"too few: {result.agreeing} agree, worth {result.effective:.0f} of at least {LEAST_EFFECTIVE:.0f}")
    if result.unseen:
        share = result.unseen / (result.unseen + result.decisions)
        said.append(f"nothing is said of {share:.0%}, where its choice was never tried")
    if result.clipped:
        said.append(f"{result.clipped:.1%} of the weights were clipped")
    return "; ".join(said)
