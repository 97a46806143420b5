"""What another strategy would have brought: against worlds where the truth is known."""

from collections.abc import Callable
from random import Random

import pytest

from cortex.routing.bandit import Bandit, draw
from cortex.routing.decisions import Choice, Decision
from cortex.routing.evaluation import (
    LEAST_DECISIONS,
    MOST_WEIGHT,
    evaluate,
    strategies,
)

ARMS = ("desk/small", "rack/large", "groq/fast")
KINDS = ("chat", "code", "maths")
WORTH = {
    "chat": (0.8, 0.6, 0.7),
    "code": (0.3, 0.8, 0.6),
    "maths": (0.2, 0.7, 0.4),
}
"""Mean reward by kind and arm of a prompt of middling difficulty."""


def worth(kind, arm, difficulty):
    """The reward falls with the difficulty, for the small model most: what the model of the evaluation does not know."""
    return WORTH[kind][arm] - (0.3, 0.05, 0.15)[arm] * (difficulty - 0.5)


def careful(kind, difficulty):
    return 1 if difficulty > 0.6 or kind == "maths" else 0


def only_fast(kind, difficulty):
    return 2


OTHERS: dict[str, Callable[[str, float], int]] = {"careful": careful, "only_fast": only_fast}


def choices(shares):
    return [Choice(arm, arm.partition("/")[0], "m", share) for arm, share in zip(ARMS, shares, strict=True)]


def logged(lots, count, shares_of, learn=lambda *_: None):
    """Let a world of known truth be decided `count` times with the shares of a policy, and return its log."""
    log = []
    for number in range(count):
        kind, difficulty = lots.choice(KINDS), lots.random()
        shares = shares_of(kind, number)
        taken = draw(shares, lots.random())
        reward = float(lots.random() < worth(kind, taken, difficulty))
        learn(kind, taken, reward, number)
        log.append(
            Decision(
                id=f"r-{number}",
                at=float(number),
                kind=kind,
                difficulty=difficulty,
                choices=choices(shares),
                taken=taken,
                others={name: other(kind, difficulty) for name, other in OTHERS.items()},
                reward=reward,
            )
        )
    return log


def fixed(kind, number):
    """Shares as a bandit has that has learned a while: each kind has its favourite, and nothing is impossible."""
    return {"chat": (0.7, 0.2, 0.1), "code": (0.1, 0.8, 0.1), "maths": (0.15, 0.6, 0.25)}[kind]


def truth(strategy, steps=2000):
    other = OTHERS[strategy]
    values = [
        worth(kind, other(kind, (step + 0.5) / steps), (step + 0.5) / steps) for kind in KINDS for step in range(steps)
    ]
    return sum(values) / len(values)


def coverage(repetitions, count, log_of):
    """Return by strategy and estimate how often the 95 % interval held the truth."""
    truths = {name: truth(name) for name in OTHERS}
    held = {(name, which): 0 for name in OTHERS for which in ("ips", "snips", "dr")}
    for seed in range(repetitions):
        log = log_of(Random(seed), count)
        for name, which in held:
            estimate = getattr(evaluate(log, name), which)
            held[name, which] += estimate.low <= truths[name] <= estimate.high
    return {key: value / repetitions for key, value in held.items()}


def test_intervals_hold_the_truth_at_their_rate():
    """200 worlds of 400 decisions each; measured: 0.95 to 0.98 ips, 0.95 to 0.965 snips, 0.94 to 0.965 dr."""
    rates = coverage(200, 400, lambda lots, count: logged(lots, count, fixed))
    assert min(rates.values()) >= 0.90


def test_they_hold_it_in_the_log_of_a_bandit_that_learns_meanwhile():
    """There each share depends on the rewards before it. Measured in 100 worlds: 0.90 to 0.99 snips, 0.94 to 0.98 dr."""

    def log_of(lots, count):
        bandit = Bandit(floor=0.1)
        return logged(
            lots,
            count,
            lambda kind, number: bandit.shares(kind, ARMS, float(number)),
            lambda kind, arm, reward, number: bandit.learn(kind, ARMS[arm], reward, float(number)),
        )

    rates = coverage(100, 600, log_of)
    assert min(rate for (_, which), rate in rates.items() if which != "ips") >= 0.85


def test_doubly_robust_is_the_narrowest():
    log = logged(Random(1), 2000, fixed)
    for name in OTHERS:
        result = evaluate(log, name)
        widths = {which: getattr(result, which).high - getattr(result, which).low for which in ("ips", "snips", "dr")}
        assert widths["dr"] <= widths["snips"] * 1.02
        assert widths["dr"] < widths["ips"]


def test_more_decisions_make_narrower_intervals_and_less_confidence_too():
    log = logged(Random(2), 2000, fixed)
    some, every = evaluate(log[:500], "careful").dr, evaluate(log, "careful").dr
    sure = evaluate(log, "careful", confidence=0.99).dr
    assert every.high - every.low < 0.7 * (some.high - some.low)
    assert sure.high - sure.low > every.high - every.low


def one(taken, reward, *, shares=(0.5, 0.3, 0.2), other=0, number=0, **more):
    return Decision(
        id=f"r-{number}", at=0.0, kind="chat", difficulty=0.5, choices=choices(shares), taken=taken,
        **({"others": {"other": other}, "reward": reward} | more),
    )  # fmt: skip


def test_the_estimates_are_what_their_formulas_say():
    """Two of four agree, with weights of 2: worth 1.0 and 0.5."""
    log = [one(0, 1.0), one(1, 0.2), one(0, 0.5), one(2, 0.6)]
    result = evaluate(log, "other")
    assert (result.decisions, result.agreeing, result.effective) == (4, 2, 2.0)
    assert result.logged.value == pytest.approx(2.3 / 4)
    assert result.ips.value == pytest.approx((2 * 1.0 + 2 * 0.5) / 4)
    assert result.snips.value == pytest.approx(0.75)
    # Halves: (1.0 and 0.5 of arm 0) and (0.2 of arm 1, 0.6 of arm 2); the other half knows 0.4 of all, or 0.75 of arm 0.
    assert result.dr.value == pytest.approx((0.4 + 2 * 0.6 + 0.4 + 2 * 0.1 + 0.75 + 0.75) / 4)


def test_a_strategy_that_takes_what_was_taken_is_worth_what_was_logged():
    log = [one(0, (number % 5) / 4, shares=(1.0, 0.0, 0.0), number=number) for number in range(200)]
    result = evaluate(log, "other")
    for estimate in (result.ips, result.snips, result.dr):
        assert estimate == pytest.approx(result.logged)
    assert result.words == ""


def test_what_was_never_tried_is_left_out_and_said():
    good = [one(0, 0.5, shares=(1.0, 0.0, 0.0), number=number) for number in range(150)]
    unseen = [one(0, 0.9, shares=(1.0, 0.0, 0.0), other=1, number=number) for number in range(50)]
    result = evaluate(good + unseen, "other")
    assert (result.decisions, result.unseen, result.snips.value) == (150, 50, 0.5)
    assert result.words == "nothing is said of 25%, where its choice was never tried"


def test_what_came_to_no_reward_is_left_out():
    result = evaluate([one(0, 0.5), one(0, None)], "other")
    assert (result.decisions, result.unrewarded) == (1, 1)


def test_decisions_in_which_the_strategy_had_no_say_do_not_count():
    result = evaluate([one(0, 0.5), one(0, 0.5, others={"smart": 1})], "other")
    assert (result.decisions, result.unrewarded, result.unseen) == (1, 0, 0)


def test_where_nothing_agrees_nothing_is_estimated():
    result = evaluate([one(1, 0.5)] * 200, "other")
    assert (result.ips, result.snips, result.dr, result.effective) == (None, None, None, 0.0)
    assert not result.is_enough
    assert result.words == "too few: 0 agree, worth 0 of at least 30"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_the_smallest_logs_do_no_harm(count):
    result = evaluate([one(0, 0.5)] * count, "other")
    assert result.decisions == count
    assert not result.is_enough
    assert result.words == f"too few: {count} decisions of at least {LEAST_DECISIONS}"


def test_a_weight_beyond_the_bound_is_clipped_and_said():
    rare = one(0, 1.0, shares=(1e-5, 0.5, 0.49999))
    log = [rare] + [one(0, 0.0) for _ in range(199)]
    result = evaluate(log, "other")
    assert result.clipped == pytest.approx(1 / 200)
    assert result.ips.value == pytest.approx(MOST_WEIGHT / 200)
    assert "0.5% of the weights were clipped" in result.words


def test_few_effective_decisions_are_too_few_however_many_there_are():
    rare = one(0, 1.0, shares=(0.002, 0.5, 0.498))
    result = evaluate([rare] + [one(0, 0.0, shares=(1.0, 0.0, 0.0)) for _ in range(500)], "other")
    assert result.effective < 5
    assert not result.is_enough


def test_the_strategies_of_a_log_are_all_that_it_names():
    assert strategies([one(0, 1.0), one(0, 1.0, others={"smart": 1, "a": 0})]) == ["a", "other", "smart"]


def test_weights_that_are_all_larger_change_nothing_of_the_self_normalised():
    taken_and_rewards = [(0, 1.0), (0, 0.4), (1, 0.0), (0, 0.1), (2, 0.3)]
    often = evaluate([one(*each, shares=(0.5, 0.3, 0.2)) for each in taken_and_rewards], "other").snips
    seldom = evaluate([one(*each, shares=(0.1, 0.5, 0.4)) for each in taken_and_rewards], "other").snips
    assert often == pytest.approx(seldom)
    assert often.low < often.value < often.high
