"""What one answer was worth, 0 to 1: what `learned` learns from. Pure.

A failure is worth nothing, whatever else. An answer has four parts, each 0 to 1, and the weights below: that it is one, how
soon it came against the request's budget, what it cost, and whether the client took it as given or asked again. Where the
client says what it was worth, that counts more than all of these together.
"""

from typing import NamedTuple

WEIGHTS = {"success": 0.4, "speed": 0.25, "cost": 0.15, "used": 0.2}
"""Of what is measured; they sum to 1."""

FEEDBACK_WEIGHT = 0.6
"""Of what the client says, where it does; what is measured has the rest."""

HALF_OF_BUDGET = 0.05
"""An answer that takes that part of its budget has half the speed: 15 s of the usual 5 min."""

USUAL_TOKENS = 300
"""A longer answer is taken to have been that long: no model is to gain by saying less."""

HALF_OF_COST_USD = 0.01
"""An answer of that price has half of what one for nothing has."""


class Result(NamedTuple):
    """How one attempt at one request ended."""

    success: bool
    first_token_s: float | None
    """None where nothing was streamed."""
    total_s: float
    output_tokens: int
    budget_s: float
    """What the request had left when this attempt began."""
    usd: float
    retried: bool
    """The client asked the same again soon after."""
    feedback: float | None
    """What the client said it was worth, 0 to 1."""


def reward(result: Result) -> float:
    """Return what a result was worth, 0 to 1.

    >>> fast = Result(True, 0.3, 2.0, 120, 300.0, 0.0, retried=False, feedback=None)
    >>> round(reward(fast), 2), round(reward(fast._replace(retried=True)), 2), reward(fast._replace(success=False))
    (0.97, 0.77, 0.0)
    """
    if not result.success:
        return 0.0
    measured = (
        WEIGHTS["success"]
        + WEIGHTS["speed"] * _halving(_usual_s(result), HALF_OF_BUDGET * result.budget_s)
        + WEIGHTS["cost"] * _halving(result.usd, HALF_OF_COST_USD)
        + WEIGHTS["used"] * (not result.retried)
    )
    if result.feedback is None:
        return measured
    said = max(0.0, min(result.feedback, 1.0))
    return FEEDBACK_WEIGHT * said + (1.0 - FEEDBACK_WEIGHT) * measured


def _usual_s(result: Result) -> float:
    """Return how long it took, had it been of usual length."""
    first_s = result.first_token_s or 0.0
    rest_s = max(0.0, result.total_s - first_s)
    return first_s + rest_s * min(1.0, USUAL_TOKENS / max(1, result.output_tokens))


def _halving(amount: float, half_at: float) -> float:
    """Return 1 for nothing, a half at `half_at`, and less and less beyond."""
    if half_at <= 0.0:
        return 0.0
    return half_at / (half_at + max(0.0, amount))
