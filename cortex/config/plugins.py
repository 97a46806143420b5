"""Strategies that other packages bring: their names, and the functions behind them.

A package that declares an entry point in the group `cortex.strategies` adds a strategy of that name. What is installed is looked
up only when a name is none of Córtex's own, since that takes some milliseconds, and what was loaded is kept: code does
not change while it runs.
"""

from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

GROUP = "cortex.strategies"

OWN_STRATEGIES = ("local_first", "round_robin", "least_loaded", "cost_optimized", "smart", "learned")
"""The names that need no package; `routing.registry` has a function for each."""


class PluginError(Exception):
    """A strategy that is not there, or cannot be loaded; says why."""


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def strategy_names() -> tuple[str, ...]:
    """Return every name that `routing.strategy` may have."""
    return (*OWN_STRATEGIES, *(name for name in sorted(_installed()) if name not in OWN_STRATEGIES))


@cache
def load_strategy(name: str) -> Callable[..., Any]:
    """Return the function of an installed strategy. Raises PluginError."""
    point = _installed().get(name)
    if point is None:
        raise PluginError(f"no installed package has a strategy {name!r}")
    try:
        strategy: Callable[..., Any] = point.load()
    except Exception as error:  # other people's code, on import
        raise PluginError(f"{point.value} cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(strategy):
        raise PluginError(f"{point.value} is no function")
    return strategy
