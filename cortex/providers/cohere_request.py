"""Writing a conversation as Cohere's /v2/chat wants it. Pure.

What differs from OpenAI: `p`, `k` and `stop_sequences` are the names of the sampling, and every range is narrower, so
values are clamped that would be answered with 400; a message without content leaves the key out; what an assistant said
before it called tools is its `tool_plan`; thinking is bounded by tokens and known only to some models. Sources: Cohere's
OpenAPI document (20 Aug 2026), its Python SDK 7.3.1 (Nov 2026), LiteLLM #5382 (2024).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from cortex.chat import Chat, Image, Message, Part, Sampling, Text
from cortex.providers.cohere_json import form_of
from cortex.providers.cohere_tools import tools_of, written_call
from cortex.providers.tool_images import images_apart

PATH = "/v2/chat"

_THINKING_MODELS = ("command-a-reasoning", "command-a-plus")
"""How the names of the models begin that think, and do so unless told not to (docs.cohere.com, 20 Aug 2026)."""

_THINK: Mapping[str, dict[str, Any]] = {
    "none": {"type": "disabled"},
    "minimal": {"type": "enabled", "token_budget": 256},
    "low": {"type": "enabled", "token_budget": 1_024},
    "medium": {"type": "enabled", "token_budget": 4_096},
    "high": {"type": "enabled", "token_budget": 16_384},
    "xhigh": {"type": "enabled"},
    "max": {"type": "enabled"},
    "on": {"type": "enabled"},
}
"""Cohere knows no levels: a level is a budget here, of which the highest have none."""

_SEEDS = 2**64


def thinks(model: str) -> bool:
    """Tell whether a model takes `thinking`; the others answer it with 400."""
    return model.startswith(_THINKING_MODELS)


def written(chat: Chat, model: str) -> bytes:
    """Return the request body; every part of `chat` is in it that is not left to the upstream."""
    response_format, words = form_of(chat)
    fields: dict[str, Any] = {"model": model, "messages": _messages(chat, words, is_thinking=thinks(model))}
    if chat.stream:
        fields["stream"] = True
    fields |= tools_of(chat) | _sampling(chat.sampling)
    named: dict[str, Any] = {
        "response_format": response_format,
        "documents": chat.documents or None,
        "max_tokens": chat.max_tokens,
        "stop_sequences": list(chat.stop) or None,
        "thinking": _THINK[chat.reasoning] if chat.reasoning is not None and thinks(model) else None,
    }
    fields |= {name: value for name, value in named.items() if value is not None}
    return msgspec.json.encode(fields)


def _sampling(drawn: Sampling) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "temperature": _clamped(drawn.temperature, 0.0, 1.0),
        "p": _clamped(drawn.top_p, 0.01, 0.99),
        "k": _clamped(drawn.top_k, 0, 500),
        "seed": None if drawn.seed is None else drawn.seed % _SEEDS,  # there are no negative seeds
        **_penalty(drawn),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _penalty(drawn: Sampling) -> dict[str, float]:
    """Return the one penalty that may be set: of two, the stronger, and of two that are equal that of frequency."""
    given = {"frequency_penalty": drawn.frequency_penalty or 0.0, "presence_penalty": drawn.presence_penalty or 0.0}
    name = max(given, key=given.__getitem__)
    return {name: min(given[name], 1.0)} if given[name] > 0 else {}


def _clamped(value: float | None, low: float, high: float) -> float | None:
    return None if value is None else min(max(value, low), high)


def _messages(chat: Chat, words: str, *, is_thinking: bool) -> list[dict[str, Any]]:
    """Return the turns, with `words` of our own, if there are any, behind the client's instructions."""
    turns = [turn for message in images_apart(chat.messages) if (turn := _message(message, is_thinking=is_thinking))]
    if words:
        at = next((at for at, turn in enumerate(turns) if turn["role"] != "system"), len(turns))
        turns.insert(at, {"role": "system", "content": words})
    return turns


def _message(message: Message, *, is_thinking: bool) -> dict[str, Any]:
    """Return one turn; nothing for an instruction or an answer that says nothing, which Cohere would refuse."""
    if message.role == "assistant":
        return _assistant(message, is_thinking=is_thinking)
    if message.role == "system" and not message.parts:
        return {}
    turn = {"role": message.role, "content": _content([_part(part) for part in message.parts])}
    return {**turn, "tool_call_id": message.tool_call_id} if message.role == "tool" else turn


def _assistant(message: Message, *, is_thinking: bool) -> dict[str, Any]:
    """Return an answer of an earlier turn; its thinking goes back to a model that thinks, and never as text."""
    turn: dict[str, Any] = {"role": "assistant"}
    parts = [{"type": "thinking", "thinking": message.reasoning}] if message.reasoning and is_thinking else []
    if message.tool_calls:
        plan = _text(message.parts) or ("" if is_thinking else message.reasoning)
        turn |= {"tool_plan": plan} if plan else {}
        turn["tool_calls"] = [written_call(call) for call in message.tool_calls]
    else:
        parts += [_part(part) for part in message.parts]
    if parts:
        turn["content"] = _content(parts)
    return turn if len(turn) > 1 else {}


def _content(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Return one text as a string and anything else as parts."""
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and "text" in parts[0] else parts


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": _image(part)}


def _image(image: Image) -> dict[str, str]:
    address = image.url or f"data:{image.media_type or 'image/png'};base64,{image.data}"
    return {"url": address, "detail": image.detail} if image.detail else {"url": address}


def _text(parts: tuple[Part, ...]) -> str:
    return "\n".join(part.text for part in parts if isinstance(part, Text))
