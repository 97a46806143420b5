"""Chats that mean the same in every client dialect, spelled in none. Pure.

Nearly every chat is some texts and a bound or two. What a body may hold for that, each dialect under its own names, stands in
`SAID`; a body with anything else is not plain, and nothing is guessed about it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

ROLES = frozenset({"system", "user", "assistant"})

NO_PART_OF_THE_ANSWER = frozenset(
    {"stream", "stream_options", "user", "metadata", "store", "keep_alive", "safety_identifier", "prompt_cache_key"}
)
"""Keys of a body that change how or where an answer is given, billed or kept, and not what it says."""

SPARES = NO_PART_OF_THE_ANSWER | {"model", "messages"}
"""Keys that are not looked at here: the model stands in the key beside it."""


class Names(NamedTuple):
    """Where a dialect says what."""

    max_tokens: tuple[str, ...]
    stop: str
    bounds_in: str = ""
    """The object that holds these; empty: the body itself."""
    system: str = ""
    """The key of a system prompt outside the messages."""
    seed: str = ""


SAID: Mapping[tuple[str, str], Names] = {
    ("openai", "chat"): Names(("max_tokens", "max_completion_tokens"), "stop", seed="seed"),
    ("ollama", "chat"): Names(("num_predict",), "stop", bounds_in="options", seed="seed"),
    ("anthropic", "chat"): Names(("max_tokens",), "stop_sequences", system="system"),
}


def plain(dialect: str, operation: str, body: Mapping[str, Any]) -> list[Any] | None:
    """Return what a plain chat asks for: messages, bound, temperature, top_p, seed, stop; None for any other body.

    >>> plain("ollama", "chat", {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "options": {"seed": 1}})
    [[['user', ['Hi']]], None, None, None, 1, []]
    """
    names = SAID.get((dialect, operation))
    if names is None:
        return None
    said = {key: value for key, value in body.items() if key not in SPARES}
    bounds = said.pop(names.bounds_in, None) or {} if names.bounds_in else said
    messages = _messages(body.get("messages"), said.pop(names.system, None) if names.system else None)
    if messages is None or not isinstance(bounds, dict):
        return None
    limits = [bounds.pop(name) for name in names.max_tokens if bounds.get(name) is not None]
    temperature, top_p = bounds.pop("temperature", None), bounds.pop("top_p", None)
    seed = bounds.pop(names.seed, None) if names.seed else None
    stop = bounds.pop(names.stop, None)
    stops = [] if stop is None else [stop] if isinstance(stop, str) else stop
    if said or bounds or len(limits) > 1 or not _are_numbers(temperature, top_p, seed, *limits):
        return None
    if any(limit <= 0 for limit in limits) or not isinstance(stops, list):
        return None
    limit = limits[0] if limits else None
    return [messages, limit, _float(temperature), _float(top_p), seed, stops]


def _messages(messages: Any, system: Any) -> list[list[Any]] | None:
    """Return each message's role and texts; None where one has more than that."""
    turns: list[list[Any]] = []
    for message in [*([{"role": "system", "content": system}] if system is not None else []), *(messages or [])]:
        if message.keys() != {"role", "content"} or message["role"] not in ROLES:
            return None
        texts = _texts(message["content"])
        if texts is None:
            return None
        turns.append([message["role"], texts])
    return turns or None


def _texts(content: Any) -> list[str] | None:
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list) or not content:
        return None
    if all(isinstance(part, dict) and part.keys() == {"type", "text"} and part["type"] == "text" for part in content):
        return [part["text"] for part in content]
    return None


def _are_numbers(*values: Any) -> bool:
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
