"""What the generations of Claude models take, and how the list of models tells of it. Pure.

Sources: the model list of LiteLLM 1.108.7 (Nov 2026), the SDK anthropic 2.13.0 (`ModelCapabilities`), bodies of 400 quoted in
cline/cline#13203 and code-yeongyu/oh-my-openagent#5098 (2026).
"""

import re
from typing import Any

from msgspec import Struct

from cortex.simulate.model import SimulatedModel

EFFORTS = ("low", "medium", "high", "xhigh", "max")
CREATED = "2026-10-01T00:00:00Z"
DATE = re.compile(r"-20\d{6}$")


class Family(Struct, frozen=True):
    """One generation."""

    max_tokens: int = 128_000
    thinking: tuple[str, ...] = ("adaptive", "between_tools", "disabled")
    """The types of `thinking` that it takes."""
    efforts: tuple[str, ...] = EFFORTS
    is_sampled: bool = False
    can_prefill: bool = False
    shows_thinking: bool = False
    """Where the request does not say."""


FAMILIES = (
    (
        re.compile(r"-4-5"),
        Family(64_000, ("enabled", "disabled"), (), is_sampled=True, can_prefill=True, shows_thinking=True),
    ),
    (
        re.compile(r"-4-6"),
        Family(
            thinking=("adaptive", "enabled", "disabled"),
            efforts=("low", "medium", "high", "max"),
            is_sampled=True,
            shows_thinking=True,
        ),
    ),
    (re.compile(r"fable|mythos"), Family(thinking=("adaptive",))),
)


def family_of(model: SimulatedModel) -> Family:
    """Return what a model takes."""
    return next((family for pattern, family in FAMILIES if pattern.search(model.name)), Family())


def alias(name: str) -> str:
    """Return the name of a model without its date."""
    return DATE.sub("", name)


def model_entry(model: SimulatedModel) -> dict[str, Any]:
    """Write a model as `/v1/models` lists it."""
    return {
        "type": "model",
        "id": model.name,
        "display_name": alias(model.name).replace("-", " ").title(),
        "created_at": CREATED,
        "lifecycle": "active",
        "line": None,
        "max_input_tokens": model.context_length,
        "max_tokens": family_of(model).max_tokens,
        "capabilities": _capabilities(model),
    }


def _capabilities(model: SimulatedModel) -> dict[str, Any]:
    family = family_of(model)
    kinds = ("adaptive", "between_tools", "disabled", "enabled")
    efforts: dict[str, Any] = {effort: _is(effort in family.efforts) for effort in EFFORTS}
    types = {kind: _is(kind in family.thinking) for kind in kinds}
    is_there = {
        "batch": True,
        "citations": True,
        "code_execution": False,
        "context_management": False,
        "image_input": model.can("vision"),
        "pdf_input": model.can("vision"),
        "server_tools": False,
        "structured_outputs": True,
    }
    return {
        **{name: _is(supported) for name, supported in is_there.items()},
        "effort": efforts | _is(bool(family.efforts)),
        "thinking": {**_is(model.can("thinking")), "types": types},
    }


def _is(supported: bool) -> dict[str, bool]:  # noqa: FBT001  the one thing that it says
    return {"supported": supported}
