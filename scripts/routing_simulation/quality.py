"""How good an answer is, by the table of strengths.

An answer is worth 1 where the model is strong enough for the prompt, and less by `SHORT` times what it falls short of. The
table is an estimate, and a strategy that reads it must not be judged by it alone: so what a model is truly worth here is
the table's value and a seeded error, which nobody is told.
"""

from functools import cache
from random import Random

from cortex.routing.strengths import strength

SHORT = 2.0
ERROR = 0.08
"""Standard deviation of the table's errors."""


@cache
def truly(model: str, kind: str, seed: int) -> float:
    """Return how hard a prompt of that kind `model` answers well."""
    return strength(model, kind) + Random(f"{seed} {model} {kind}").gauss(0.0, ERROR)


def quality(model: str, kind: str, difficulty: float, seed: int) -> float:
    """Return an answer's worth, 0 to 1."""
    return max(0.0, 1.0 - SHORT * max(0.0, difficulty - truly(model, kind, seed)))
