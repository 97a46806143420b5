"""What Claude models take, by their names, and what the list of models says of them. Pure.

The generations differ in the words for thinking and in what they refuse: up to 4.5 thinking has a budget; from 4.6 on it
is adaptive and an effort says how much; from 4.7 on nothing may be sampled, and an opening of the answer (prefill) is
refused from 4.6 on. Sources, read 25 Nov 2026: the model list of LiteLLM 1.108.7 (bounds, sampling,
prefill, efforts), the SDK 2.13.0, bodies of 400 in oh-my-openagent #5098, opencode-anthropic-auth #159, cline #13203.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec
from msgspec import Struct

from cortex.messages import Failure
from cortex.providers.base import Findings, Model
from cortex.providers.foreign import UNREADABLE


class Family(NamedTuple):
    """What models of one generation take."""

    max_tokens: int = 128_000
    """The longest answer."""
    is_adaptive: bool = True
    """Thinking is `adaptive` with an effort; else `enabled` with a budget."""
    can_stop_thinking: bool = True
    is_sampled: bool = False
    """It takes `temperature`, `top_p` and `top_k`."""
    has_xhigh: bool = True
    """It knows the effort between `high` and `max`."""


_BUDGETED = Family(64_000, is_adaptive=False, is_sampled=True)
_SIX = Family(is_sampled=True, has_xhigh=False)

FAMILIES: tuple[tuple[str, Family], ...] = (
    ("claude-fable-*", Family(can_stop_thinking=False)),
    ("claude-mythos-*", Family(can_stop_thinking=False)),
    ("claude-*-4-5*", _BUDGETED),
    ("claude-*-4-6*", _SIX),
    # Opus 4.7 and 4.8, the line of 5, and whatever comes after them
    ("*", Family()),
)
"""The first whose pattern fits counts. What is older than 4.5 has retired, or does within the month (4 Opus and 4.1)."""


def family_of(model: str) -> Family:
    """Return what is known of `model`; of a name that nobody knows, what the newest take."""
    return next(family for pattern, family in FAMILIES if fnmatchcase(model.lower(), pattern))


_DATE = re.compile(r"-20\d{6}$")


def normal_name(name: str) -> str:
    """Return `name` without its date: the list has it, and the same name without is taken too.

    >>> normal_name("claude-haiku-4-5-20251001")
    'claude-haiku-4-5'
    """
    return _DATE.sub("", name)


class _Support(Struct):
    supported: bool = False


class _Capabilities(Struct):
    image_input: _Support | None = None
    thinking: _Support | None = None


class _Listed(Struct):
    """One entry of /v1/models."""

    id: str
    lifecycle: str | None = None
    max_input_tokens: int | None = None
    capabilities: _Capabilities | None = None


class _Page(Struct):
    data: list[msgspec.Raw]


def findings_of(body: bytes) -> Findings | Failure:
    """Read the list of models: those that are not retired."""
    try:
        entries = msgspec.json.decode(body, type=_Page).data
        listed = [(msgspec.json.decode(entry, type=_Listed), msgspec.json.decode(entry)) for entry in entries]
    except UNREADABLE as error:
        return Failure("malformed", f"the list of models cannot be read: {error}")
    return Findings(models=tuple(_model(entry, raw) for entry, raw in listed if entry.lifecycle != "retired"))


def _model(entry: _Listed, raw: Mapping[str, object]) -> Model:
    return Model(
        name=entry.id,
        context_length=entry.max_input_tokens or 0,
        capabilities=_capabilities(entry.capabilities),
        raw=raw,
    )


def _capabilities(told: _Capabilities | None) -> frozenset[str]:
    """Return what a model can do; one of which nothing is told can do what every Claude can."""
    found = {"completion", "tools"}
    if told is None or told.image_input is None or told.image_input.supported:
        found.add("vision")
    if told is None or told.thinking is None or told.thinking.supported:
        found.add("thinking")
    return frozenset(found)
