"""What differs between Gemini's models, by their names: thinking, sampling, what they can do. Tables with their source.

The models' listing tells little of it and an error comes too late, so the name decides; a name that no row knows is
taken for a newest model, since those are the ones that appear. Sources: ai.google.dev (latest-model page, developer
guides of the 4 series; Oct and Nov 2026), LiteLLM 1.110.2 (Nov 2026), as noted in each table. Pure.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

from cortex.chat import ReasoningEffort

Generation = tuple[int, int]

NOT_GEMINI: Generation = (0, 0)
"""Gemma: no thinking to configure, no signatures, and all of the sampling."""

SIGNED: Generation = (3, 0)
"""From here on a tool call must come back with its thought signature (Jan 2026)."""

_NEWEST: Generation = (99, 0)
_VERSION = re.compile(r"gemini-(\d{1,2})(?:\.(\d{1,2}))?(?![\d.])")


@lru_cache(maxsize=256)
def generation(model: str) -> Generation:
    """Return the version in a model's name.

    >>> generation("gemini-3.5-flash-lite"), generation("gemini-3-pro-preview"), generation("gemma-4-31b-it")
    ((3, 5), (3, 0), (0, 0))
    """
    if model.startswith("gemma"):
        return NOT_GEMINI
    version = _VERSION.match(model)
    return (int(version[1]), int(version[2] or 0)) if version else _NEWEST


# --- Thinking -------------------------------------------------------------------------------------------------------


class Budget(Struct, frozen=True):
    """A model that takes its thinking as a number of tokens."""

    least: int
    most: int
    off: int
    """What comes nearest to no thinking."""


class Levels(Struct, frozen=True):
    """A model that takes its thinking as a level."""

    names: tuple[str, ...]
    """From the least to the most."""
    on: str = ""
    """The level for a client that wants thinking and does not say how much; empty for the model's own, which is one."""


_LOW_TO_HIGH = Levels(("low", "medium", "high"))
_THINKING: tuple[tuple[str, Budget | Levels | None], ...] = (
    (r"gemma", None),
    (r"gemini-2\.5-pro", Budget(128, 32_768, off=128)),
    (r"gemini-2\.5-flash-lite", Budget(512, 24_576, off=0)),
    (r"gemini-2\.5", Budget(0, 24_576, off=0)),
    (r"gemini-3-pro", Levels(("low", "high"))),
    (r"gemini-3\.1-pro", _LOW_TO_HIGH),
    # The default differs by model, and may be minimal
    (r"gemini-3-flash|gemini-3\.1-flash|gemini-3\.[56]-", Levels(("minimal", "low", "medium", "high"), on="medium")),
    (r"gemini-4-(?:hydrogen|neon)", Levels(("low", "medium", "high", "xhigh"))),
)
"""The first row that matches the name; no row: 3.7 and newer, of which all know these three levels and no `minimal`
(400). A budget together with a level is refused, and so is a budget in the 4 series (LiteLLM, Oct 2026)."""

_SCALE = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TOKENS = {"minimal": 512, "low": 1_024, "medium": 8_192, "high": 24_576, "xhigh": 32_768, "max": 32_768}
"""Google's own mapping for 2.5 is not confirmed; these are LiteLLM's, rounded up (Nov 2026)."""


def thinking_config(model: str, effort: ReasoningEffort | None) -> dict[str, Any]:
    """Return `thinkingConfig`; empty where the client did not say, or the model has nothing to configure.

    An effort that the model does not have becomes the next higher that it has, else its highest; thoughts are asked for
    whenever the client asked for thinking, and never otherwise.
    """
    known = _thinking(model)
    if effort is None or known is None:
        return {}
    shown: dict[str, Any] = {} if effort == "none" else {"includeThoughts": True}
    if isinstance(known, Budget):
        return shown | {"thinkingBudget": _budget(known, effort)}
    level = known.on if effort == "on" else _level(known.names, effort)
    return shown | {"thinkingLevel": level} if level else shown


@lru_cache(maxsize=256)
def _thinking(model: str) -> Budget | Levels | None:
    return next((known for pattern, known in _THINKING if re.match(pattern, model)), _LOW_TO_HIGH)


def _budget(known: Budget, effort: ReasoningEffort) -> int:
    if effort == "none":
        return known.off
    return -1 if effort == "on" else min(max(_TOKENS[effort], known.least), known.most)  # -1: the model decides


def _level(names: tuple[str, ...], effort: ReasoningEffort) -> str:
    wanted = _SCALE.index(effort)
    return next((name for name in names if _SCALE.index(name) >= wanted), names[-1])


# --- Sampling -------------------------------------------------------------------------------------------------------

_GONE_SINCE: Mapping[str, Generation] = {
    # Documented as deprecated and ignored, a 400 is announced (ai.google.dev, Aug 2026); "no sampling params" in
    # LiteLLM's entries of 3.6 to 3.8 (Nov 2026). Whether the 4 series refuses them already is not confirmed.
    "temperature": (3, 5),
    "topP": (3, 5),
    "topK": (3, 5),
    # 400 "Penalty is not enabled for …" (openai-gemini #63, Jul 2025, for 2.5; MisakaNet #1473, Sep 2026, for 3.7, 3.8)
    "presencePenalty": (2, 5),
    "frequencyPenalty": (2, 5),
}


def takes(model: str, option: str) -> bool:
    """Tell whether a field of `generationConfig` still has a meaning for `model`."""
    since = _GONE_SINCE.get(option)
    return since is None or generation(model) < since


# --- What they can do -----------------------------------------------------------------------------------------------

_SPEAKS = re.compile(r".*-tts\b")
_NO_TOOLS = re.compile(r"gemma-[123]|.*-image\b")
"""400 "Function calling is not enabled for models/gemma-3-12b-it" (agno #3505, 2025); and those that paint."""


def speaks(model: str) -> bool:
    """Tell whether a model answers in sound alone, which no client dialect of Córtex takes."""
    return _SPEAKS.match(model) is not None


def capabilities(model: str, methods: frozenset[str], *, thinks: bool) -> frozenset[str]:
    """Return what a listed model can do, in the words of `base.Model`, from its methods and its name."""
    if "generateContent" not in methods:
        return frozenset({"embedding"})
    able = {"completion", "vision"}
    if not _NO_TOOLS.match(model):
        able.add("tools")
    if thinks:
        able.add("thinking")
    return frozenset(able)
