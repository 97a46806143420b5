"""The JSON shapes that OpenAI's whole answers, streamed chunks and errors have in common. Pure.

Facts: OpenAI's document 2.3.0 (21 August 2026), the official SDK 3.57.0 (read and tried on 24 November 2026).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from cortex.chat import ToolCall, Usage
from cortex.endpoint.dialect import Problem

_ERROR_TYPES = {408: "timeout", 429: "requests", 503: "overloaded_error", 504: "timeout"}
"""The `type` of an error where the class of its status does not say enough; clients switch on it and on `code`."""


def error_of(problem: Problem) -> dict[str, Any]:
    """Return the error envelope; all four keys are always there, since typed clients fail without them."""
    by_class = "server_error" if problem.status >= 500 else "invalid_request_error"
    kind = "insufficient_quota" if problem.code == "insufficient_quota" else _ERROR_TYPES.get(problem.status, by_class)
    return {
        "error": {
            "message": problem.message,
            "type": kind,
            "param": problem.param or None,
            "code": problem.code or None,
        }
    }


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return the counts; zeros where the upstream did not count."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def call_of(call: ToolCall) -> dict[str, Any]:
    """Return a whole tool call, without the index that a stream adds.

    A signature that the upstream wants back with it goes where Gemini's own OpenAI layer puts it: clients that know
    that one return it, others ignore it.
    """
    shape: dict[str, Any] = {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
    if call.signature:
        shape["extra_content"] = {"google": {"thought_signature": call.signature}}
    return shape


def function_call_of(call: ToolCall) -> dict[str, Any]:
    """Return a call for a client that knows functions and no tools."""
    return {"name": call.name, "arguments": call.arguments}


def logprobs_of(tokens: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the log probabilities with every key that typed clients want, or None where there are none."""
    content = [
        {**_token(token), "top_logprobs": [_token(other) for other in token.get("top_logprobs") or ()]}
        for token in tokens
    ]
    return {"content": content, "refusal": None} if content else None


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    return {"token": token.get("token", ""), "logprob": token.get("logprob", 0.0), "bytes": token.get("bytes")}


def thoughts_of(reasoning: str) -> dict[str, str]:
    """Return the keys of reasoning text; it has no official one, and clients read either of these two."""
    return {"reasoning_content": reasoning, "reasoning": reasoning}


def finish_of(reason: str, *, is_legacy: bool) -> str:
    """Return `finish_reason` in the words of the client's generation."""
    return "function_call" if is_legacy and reason == "tool_calls" else reason
