"""Writing a neutral chat as a body of Anthropic's Messages API. Pure.

Facts: the official SDK 2.13.0 (Nov 2026) and what issues quote, named where they count; what differs by model is in
`anthropic_models`. Left out
is what has no word here and changes only which of many good answers comes: penalties, a seed, sampling where the
model refuses it. What must not be left out and may be refused (an opening of the answer, blank stop sequences) is written
all the same: Anthropic answers 400, and the next candidate is asked.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from cortex.chat import Chat, JsonSchema, ReasoningEffort, Sampling, Tool
from cortex.providers.anthropic_messages import messages_of, system_of
from cortex.providers.anthropic_models import Family, family_of

Json = dict[str, Any]

_MIN_BUDGET = 1_024
_BUDGETS: Mapping[ReasoningEffort, int] = {
    "minimal": _MIN_BUDGET,
    "low": 2_048,
    "medium": 8_192,
    "on": 8_192,
    "high": 16_384,
    "xhigh": 32_768,
    "max": 48_000,
}
"""Tokens of thinking where a budget is what the model takes; no document says what an effort is worth."""
_EFFORTS: Mapping[ReasoningEffort, str] = {"minimal": "low", "none": "low"}
"""Efforts under another name; `none` where thinking cannot be turned off."""
_OPEN_SCHEMA = {"type": "object", "properties": {}}
_NAMED = ("properties", "$defs", "definitions")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAX_DEPTH = 32


def written(chat: Chat, model: str) -> bytes:
    """Return the body for `model`."""
    family = family_of(model)
    max_tokens = min(chat.max_tokens or family.max_tokens, family.max_tokens)
    thought = _thinking(chat, family, max_tokens)
    named = {
        "model": model,
        "max_tokens": max_tokens,
        "messages": messages_of(chat.messages, chat.documents),
        "system": system_of(chat.messages) or None,
        "stream": chat.stream or None,
        "stop_sequences": list(chat.stop) or None,
        **_tools(chat),
        **thought,
        **(_sampling(chat.sampling) if family.is_sampled and "thinking" not in thought else {}),
    }
    if isinstance(chat.response_format, JsonSchema):
        shape = {"type": "json_schema", "schema": closed(chat.response_format.schema)}
        named["output_config"] = {**named.get("output_config", {}), "format": shape}
    return msgspec.json.encode({name: value for name, value in named.items() if value is not None})


def closed(schema: Any, depth: int = _MAX_DEPTH) -> Any:
    """Return `schema` with every object in it closed, which Anthropic demands: any answer still fits what was given.

    An object that is open by its own word stays so, and Anthropic refuses it.
    """
    if not isinstance(schema, Mapping) or not depth:
        return schema
    made = dict(schema)
    for key in _NAMED:
        if isinstance(made.get(key), Mapping):
            made[key] = {name: closed(inner, depth - 1) for name, inner in made[key].items()}
    for key in _LISTED:
        if isinstance(made.get(key), list | tuple):
            made[key] = [closed(inner, depth - 1) for inner in made[key]]
    if "items" in made:
        made["items"] = closed(made["items"], depth - 1)
    if made.get("type") == "object" or "properties" in made:
        made.setdefault("additionalProperties", False)
    return made


def _tools(chat: Chat) -> Json:
    if not chat.tools:
        return {}
    choice: Json = {"type": {"required": "any"}.get(chat.tool_choice, chat.tool_choice)}
    if chat.tool_choice.startswith("="):
        choice = {"type": "tool", "name": chat.tool_choice[1:]}
    if chat.parallel_tool_calls is False and chat.tool_choice != "none":
        choice["disable_parallel_tool_use"] = True
    return {
        "tools": [_tool(tool) for tool in chat.tools],
        "tool_choice": None if choice == {"type": "auto"} else choice,
    }


def _tool(tool: Tool) -> Json:
    schema = {**_OPEN_SCHEMA, **tool.parameters}
    fields: Json = {"name": tool.name, "input_schema": closed(schema) if tool.strict else schema}
    if tool.description:
        fields["description"] = tool.description
    return {**fields, "strict": True} if tool.strict else fields


def _thinking(chat: Chat, family: Family, max_tokens: int) -> Json:
    """Return what says how much to think; nothing leaves it to the model.

    A call that is demanded and thinking are refused together, and newer models think unless they are told not to
    (oh-my-pi #341, #6589, 2026).
    """
    is_forced = bool(chat.tools) and chat.tool_choice not in {"auto", "none"}
    effort = "none" if is_forced else chat.reasoning
    if effort is None:
        return {}
    if effort == "none" and family.can_stop_thinking:
        return {"thinking": {"type": "disabled"}} if family.is_adaptive else {}
    if is_forced:
        return {}
    if family.is_adaptive:
        return _adaptive(effort, family)
    budget = min(_BUDGETS[effort], max_tokens // 2)  # it is a part of max_tokens, and the answer wants its own
    if budget < _MIN_BUDGET or any(last.role == "tool" for last in chat.messages[-1:]):
        return {}  # amid calls the thoughts that led to them would have to come back, and they are not kept
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _adaptive(effort: ReasoningEffort, family: Family) -> Json:
    """Return adaptive thinking, which is shown: by default the newer models hide it."""
    fields: Json = {"thinking": {"type": "adaptive", "display": "summarized"}}
    word = _EFFORTS.get(effort, effort)
    if word == "xhigh" and not family.has_xhigh:
        word = "max"  # the next higher one that it has
    return fields if word == "on" else {**fields, "output_config": {"effort": word}}


def _sampling(drawn: Sampling) -> Json:
    """Return how tokens are drawn; of temperature and top_p these models take only one (LiteLLM #15097, 4.5 and newer)."""
    temperature = None if drawn.temperature is None else min(max(drawn.temperature, 0.0), 1.0)
    return {
        "temperature": temperature,
        "top_p": drawn.top_p if temperature is None else None,
        "top_k": drawn.top_k or None,
    }
