"""Answers that the simulators do not give by themselves: tokens from a cache, and ends by a filter, in each dialect."""

import json
from typing import Any

from matrix import Ask

from cortex.simulate.fault import Fault

CACHED = 20
"""Tokens of the prompt that came from a cache."""


def caches(ask: Ask, *, is_completion: bool = False) -> None:
    """Let the next answer say that CACHED tokens were read from a cache; an Ollama cannot say so."""
    if ask.provider != "ollama":
        _says(ask, "stop", is_completion=is_completion)


def heard(cached: int) -> str | None:
    """Return what became of the figure, from what the client read of it."""
    assert cached in {0, CACHED}
    return None if cached else "not told"


def filters(ask: Ask, *, is_completion: bool = False) -> None:
    """Let the next answer end by a filter."""
    if ask.provider == "gemini":
        ask.sim.fault(Fault("empty", flavour="SAFETY"))
    else:
        _says(ask, "content_filter", is_completion=is_completion)


def _says(ask: Ask, finish: str, *, is_completion: bool) -> None:
    writers = {"gemini": _gemini, "cohere": _cohere, "anthropic": _anthropic}
    events = _completion if is_completion else writers.get(ask.provider, _openai)
    body = events(finish, stream=ask.stream)
    ask.sim.fault(Fault("error_status", status=200, body=body))


def _openai(finish: str, *, stream: bool) -> str:
    usage = _openai_usage()
    head = {"id": "chatcmpl-1", "created": 1, "model": "x"}
    said = {"role": "assistant", "content": "Well"}
    if not stream:
        choice = {"index": 0, "message": said, "finish_reason": finish}
        return json.dumps({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    choices = [{"index": 0, "delta": said, "finish_reason": None}, {"index": 0, "delta": {}, "finish_reason": finish}]
    chunk = {**head, "object": "chat.completion.chunk"}
    return _sse([*({**chunk, "choices": [choice]} for choice in choices), {**chunk, "choices": [], "usage": usage}])


def _completion(finish: str, *, stream: bool) -> str:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "x"}
    whole = {**head, "choices": [{"index": 0, "text": "Well", "logprobs": None, "finish_reason": finish}]}
    if not stream:
        return json.dumps({**whole, "usage": _openai_usage()})
    return _sse([whole, {**head, "choices": [], "usage": _openai_usage()}])


def _openai_usage() -> dict[str, Any]:
    counts = {"prompt_tokens": 30, "completion_tokens": 2, "total_tokens": 32}
    return {**counts, "prompt_tokens_details": {"cached_tokens": CACHED}}


def _gemini(finish: str, *, stream: bool) -> str:
    assert finish == "stop"
    candidate = {"content": {"role": "model", "parts": [{"text": "Well"}]}, "finishReason": "STOP"}
    counts = {"promptTokenCount": 30, "cachedContentTokenCount": CACHED, "candidatesTokenCount": 2}
    answer = json.dumps({"candidates": [candidate], "usageMetadata": {**counts, "totalTokenCount": 32}})
    return f"data: {answer}\r\n\r\n" if stream else answer


def _cohere(finish: str, *, stream: bool) -> str:
    reason = {"stop": "COMPLETE", "content_filter": "ERROR_TOXIC"}[finish]
    usage = {"tokens": {"input_tokens": 30.0, "output_tokens": 2.0}, "cached_tokens": float(CACHED)}
    content = {"type": "text", "text": "Well"}
    if not stream:
        message = {"role": "assistant", "content": [content]}
        return json.dumps({"id": "1", "finish_reason": reason, "message": message, "usage": usage})
    events: list[tuple[str, dict[str, Any]]] = [
        ("message-start", {"id": "1", "delta": {"message": {"role": "assistant", "content": []}}}),
        ("content-start", {"index": 0, "delta": {"message": {"content": content}}}),
        ("content-end", {"index": 0}),
        ("message-end", {"id": "1", "delta": {"finish_reason": reason, "usage": usage}}),
    ]
    return _named(events)


def _anthropic(finish: str, *, stream: bool) -> str:
    reason = {"stop": "end_turn", "content_filter": "refusal"}[finish]
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "x"}
    usage = {"input_tokens": 10, "cache_read_input_tokens": CACHED, "output_tokens": 2}
    end = {"stop_reason": reason, "stop_sequence": None}
    if not stream:
        return json.dumps({**head, "content": [{"type": "text", "text": "Well"}], **end, "usage": usage})
    begun = {**head, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    events: list[tuple[str, dict[str, Any]]] = [
        ("message_start", {"message": begun}),
        ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
        ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "Well"}}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": end, "usage": usage}),
        ("message_stop", {}),
    ]
    return _named(events)


def _named(events: list[tuple[str, dict[str, Any]]]) -> str:
    return "".join(f"event: {kind}\ndata: {json.dumps({'type': kind, **event})}\n\n" for kind, event in events)


def _sse(events: list[dict[str, Any]]) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
