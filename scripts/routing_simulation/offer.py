"""What stands in for the parts of Córtex around a strategy: what it remembers, and what a classifier would say."""

from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from cortex.routing.learner import Learner, Spent
from cortex.routing.preference import Smart
from cortex.routing.strategies import State


def remembering(
    seed: int, aliases: Mapping[str, tuple[str, ...]], wall: Callable[[], float], spent: Spent = lambda *_: 0.0
) -> State:
    """Return what strategies remember at their start; of `[smart]` the settings say nothing."""
    state = State(Random(seed), Learner(wall=wall, spent=spent))
    state.smart = Smart(aliases=aliases)
    return state


class Traits(NamedTuple):
    """What a classifier says of a prompt."""

    kind: str
    difficulty: float
    certainty: float = 1.0
    has_images: bool = False
    has_tools: bool = False
