"""The JSON shapes that Anthropic's whole answers, events and errors have in common. Pure.

Facts: the official SDK 2.13.0 and Anthropic's pages on its API of 21 October 2026, read and tried on 24 November 2026.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from cortex.chat import FinishReason, ToolCall, Usage
from cortex.endpoint.anthropic_names import fitting_id
from cortex.endpoint.arguments import object_text
from cortex.endpoint.dialect import Problem

_STOP_REASONS: dict[FinishReason, str] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
"""Which stop sequence ended an answer is not known, so that is an `end_turn` as well."""

_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The `type` of an error where the class of its status does not say enough; clients switch on it."""

_TOO_LONG = "prompt is too long"
_NUMBER = r"(?<![\w.-])(\d[\d,]*)(?![\w-])"
_NUMBERS = re.compile(_NUMBER)
_BOUND = re.compile(rf"(?i)(?:maximum|available|allowed|limit|context)\D{{0,40}}?{_NUMBER}")
"""The first number behind a word for a bound, as in all of these upstreams' sentences (November 2026): OpenAI's and
vLLM's "maximum context length is 8192 tokens. However, you requested 9000", llama.cpp's "request (9000 tokens) exceeds
the available context size (8192 tokens)", Gemini's "token count (9000) exceeds the maximum number … allowed (8192)"."""


def message_of(answer_id: str, model: str, content: list[dict[str, Any]], end: dict[str, Any]) -> dict[str, Any]:
    """Return a message; `end` has its `stop_reason` and `usage`."""
    return {
        "id": answer_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        **end,
    }


def thinking_of(reasoning: str) -> dict[str, Any]:
    """Return a block of thinking; the signature is Anthropic's to give, and clients want the key."""
    return {"type": "thinking", "thinking": reasoning, "signature": ""}


def call_of(call: ToolCall, names: Mapping[str, str]) -> dict[str, Any]:
    """Return a block that calls a tool by its true name; `names` has those of the names that were shortened."""
    return {
        "type": "tool_use",
        "id": fitting_id(call.id),
        "name": names.get(call.name, call.name),
        "input": Raw(object_text(call.arguments).encode()),
    }


def stop_of(reason: FinishReason, *, has_calls: bool) -> str:
    """Return `stop_reason`; clients run the tools only at `tool_use`, and not every upstream ends a call that way."""
    return "tool_use" if has_calls and reason == "stop" else _STOP_REASONS[reason]


def usage_of(usage: Usage, estimate: int) -> dict[str, Any]:
    """Return the counts; `estimate` stands in where the upstream did not count its input, since clients divide by it.

    Anthropic counts what was read from a cache apart from the rest of the input, all others as a part of it.
    """
    counts: dict[str, Any] = {
        "input_tokens": max(0, (usage.input_tokens or estimate) - usage.cached_tokens),
        "output_tokens": usage.output_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
    }
    if usage.reasoning_tokens:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts


def error_of(problem: Problem) -> dict[str, Any]:
    """Return the error envelope."""
    if problem.code == "context_length_exceeded":
        kind, message = "invalid_request_error", _too_long(problem.message)
    else:
        by_class = "api_error" if problem.status >= 500 else "invalid_request_error"
        kind, message = _ERROR_TYPES.get(problem.status, by_class), problem.message
    return {"type": "error", "error": {"type": kind, "message": message}}


def _too_long(message: str) -> str:
    """Return `message` behind the words at which Claude Code begins to compact its history, with both numbers if there."""
    if _TOO_LONG in message:
        return message
    bound = _BOUND.search(message)
    if bound is not None:
        most = _number(bound[1])
        found = max(map(_number, _NUMBERS.findall(message)))
        if found > most:
            return f"{_TOO_LONG}: {found} tokens > {most} maximum ({message})"
    return f"{_TOO_LONG}: {message}"


def _number(digits: str) -> int:
    return int(digits.replace(",", "")[:18])
