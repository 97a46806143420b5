"""Every strategy by its name: Córtex's own, and those of installed packages. What it calls is pure; loading is not.

A strategy of another package is other people's code on the way of every request, so what it returns is checked here: each
candidate once and nothing else. Where it raises or breaks that rule, `local_first` orders instead and its why says so.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from cortex.config.plugins import OWN_STRATEGIES, load_strategy
from cortex.messages import Request
from cortex.routing.entry import Entry
from cortex.routing.learned import learned
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

WHY_LENGTH = 200


class Known(NamedTuple):
    """A strategy, and what it wants to be told."""

    order: Strategy
    reads_prompt: bool = False
    """It looks at `Request.traits`, so the endpoint finds out what kind of prompt it is."""
    chooses_model: bool = False
    """For `auto` it is given every model of each worker, not only the one that the worker would answer with."""


OWN: Mapping[str, Known] = {
    "local_first": Known(local_first),
    "round_robin": Known(round_robin),
    "least_loaded": Known(least_loaded),
    "cost_optimized": Known(cost_optimized),
    "smart": Known(smart, reads_prompt=True, chooses_model=True),
    "learned": Known(learned, reads_prompt=True, chooses_model=True),
}


@cache
def find(name: str) -> Known:
    """Return the strategy `name`. Raises PluginError for one that no installed package has."""
    if name in OWN_STRATEGIES:
        return OWN[name]
    strategy = load_strategy(name)
    return Known(
        Guarded(name, strategy),
        reads_prompt=bool(getattr(strategy, "reads_prompt", False)),
        chooses_model=bool(getattr(strategy, "chooses_model", False)),
    )


class Guarded:
    """See the module's docstring."""

    def __init__(self, name: str, strategy: Any) -> None:
        self._name = name
        self._strategy = strategy

    def __call__(self, request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
        """Order `entries`, whatever the strategy does."""
        try:
            ranked = [
                Ranked(one.entry, str(one.why)[:WHY_LENGTH]) for one in self._strategy(request, entries, state, now)
            ]
        except Exception as error:  # noqa: BLE001  other people's code; it must not take a request along
            return self._instead(f"{type(error).__name__}", request, entries, state, now)
        if len(ranked) != len(entries) or {one.entry for one in ranked} != set(entries):
            return self._instead("did not return each candidate once", request, entries, state, now)
        return ranked

    def _instead(self, what: str, request: Request, entries: Sequence[Entry], state: State, now: float) -> list[Ranked]:
        said = f"strategy {self._name} failed ({what}), so "
        return [Ranked(one.entry, said + one.why) for one in local_first(request, entries, state, now)]
