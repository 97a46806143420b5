"""What the families of Gemini's models differ in: thinking, signatures, sampling. Pure.

Sources: ai.google.dev/gemini-api/docs/thinking and the guides to the newest models (Oct and Nov 2026).
"""

import re
from collections.abc import Mapping

from msgspec import Struct

VERSION = re.compile(r"gemini-(?P<major>\d+)(?:\.(?P<minor>\d+))?")
LOW_HIGH = frozenset({"low", "high"})
USUAL = frozenset({"low", "medium", "high"})
LEVELS: Mapping[str, frozenset[str]] = {
    "gemini-4-hydrogen": USUAL | {"xhigh"},
    "gemini-4-neon": USUAL | {"xhigh"},
    "gemini-4": USUAL,
    "gemini-3.8-flash": USUAL,
    "gemini-3.7-flash": USUAL,
    "gemini-3-pro": LOW_HIGH,
    "gemini-3.1-pro": USUAL,
    "gemini-3": USUAL | {"minimal"},
}
"""By the beginning of a name, the first that fits: which `thinkingLevel` may be asked for. Others have none."""
OFF = (0, 0)
BUDGETS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "gemini-2.5-pro": ((128, 32_768),),
    "gemini-2.5-flash-lite": (OFF, (512, 24_576)),
    "gemini-2.5-flash": ((0, 24_576),),
    "gemini-3": ((0, 32_768),),
}
"""By the beginning of a name: the least and the most `thinkingBudget`. Others have none."""


class Family(Struct, frozen=True):
    """What is known of a model by its name."""

    version: tuple[int, int]
    """(0, 0) for what is no Gemini, as Gemma."""
    levels: frozenset[str]
    budgets: tuple[tuple[int, int], ...]

    @property
    def needs_signatures(self) -> bool:
        """Whether a call in the history must have the signature that came with it."""
        return self.version >= (3, 0)

    @property
    def takes_budget(self) -> bool:
        """Whether it takes a `thinkingBudget`."""
        return bool(self.budgets)

    @property
    def matches_ids(self) -> bool:
        """Whether the result of a call must have its id."""
        return self.version >= (3, 5)

    @property
    def ignores_sampling(self) -> bool:
        """Whether temperature and the like are taken and ignored."""
        return self.version >= (3, 5)

    @property
    def finishes_apart(self) -> bool:
        """Whether a stream ends with a chunk of its own; older ones finish with every chunk."""
        return self.version >= (3, 0)


def family_of(model: str) -> Family:
    """Return what the name of a model tells.

    >>> family_of("gemini-3.8-flash").version, "minimal" in family_of("gemini-3.8-flash").levels
    ((3, 8), False)
    """
    found = VERSION.match(model)
    version = (int(found["major"]), int(found["minor"] or 0)) if found else (0, 0)
    levels = next((levels for name, levels in LEVELS.items() if model.startswith(name)), frozenset[str]())
    budgets = next((budgets for name, budgets in BUDGETS.items() if model.startswith(name)), ())
    return Family(version, levels, budgets)
