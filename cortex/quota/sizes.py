"""Which windows a model, or a key, has by what the settings and the provider's plan say. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

from cortex.config.model import Limits, Plan
from cortex.messages import Allowance, Counts
from cortex.quota.terms import Key, Source

_KEYS: dict[str, Key] = {
    "requests_per_second": Key("requests", "second"),
    "requests_per_minute": Key("requests", "minute"),
    "requests_per_hour": Key("requests", "hour"),
    "requests_per_day": Key("requests", "day"),
    "requests_per_month": Key("requests", "month"),
    "tokens_per_minute": Key("tokens", "minute"),
    "tokens_per_hour": Key("tokens", "hour"),
    "tokens_per_day": Key("tokens", "day"),
    "tokens_per_month": Key("tokens", "month"),
}

_NONE = Limits()


class Size(NamedTuple):
    """How much a window allows, and who says so."""

    limit: int
    source: Source


def sizes_of_model(model: str, plan: Plan, limits: Mapping[str, Limits]) -> dict[Key, Size]:
    """Return the windows of one model: its line in the file, else the file's `*`, else the plan's first that fits.

    A line of the file replaces the plan's whole.
    """
    line = limits.get(model) or limits.get("*")
    if line is not None:
        return _sizes(line, "file", plan)
    for pattern, published in plan.limits.items():
        if fnmatchcase(model, pattern):
            return _sizes(published, "preset", plan)
    return {}


def sizes_of_key(plan: Plan, key_limits: Limits) -> dict[Key, Size]:
    """Return the windows of all models together: those of the file, where it says any, else the plan's."""
    return _sizes(key_limits, "file", plan) if key_limits != _NONE else _sizes(plan.key_limits, "preset", plan)


def key_of(allowance: Allowance, plan: Plan) -> Key:
    """Return which window an upstream means: its `tokens` are those that the plan counts."""
    return Key(_counts(allowance.counts, plan), allowance.period)


def _sizes(line: Limits, source: Source, plan: Plan) -> dict[Key, Size]:
    sizes: dict[Key, Size] = {}
    for field, key in _KEYS.items():
        limit = getattr(line, field)
        if limit is not None:
            sizes[Key(_counts(key.counts, plan), key.period)] = Size(limit, source)
    return sizes


def _counts(counts: Counts, plan: Plan) -> Counts:
    return "input_tokens" if counts == "tokens" and plan.counts == "input" else counts
