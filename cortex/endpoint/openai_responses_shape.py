"""The JSON shapes of OpenAI's responses: the response object, its items and its usage. Pure.

Facts: OpenAI's document 2.3.0 (21 August 2026), the official SDK 3.57.0 (read and tried on 25 November 2026).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from cortex.chat import FinishReason, Usage
from cortex.endpoint import openai_responses_body as sent
from cortex.endpoint.dialect import Problem

_encode = msgspec.json.Encoder().encode

_INCOMPLETE: dict[FinishReason, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Why a response is incomplete; every other end is a complete one."""


def is_incomplete(finish: FinishReason) -> bool:
    """Say whether an answer that ended so lacks something."""
    return finish in _INCOMPLETE


class Envelope:
    """The response object around an answer; what stays the same while it is made is written once."""

    def __init__(self, body: sent.ResponsesBody, *, response_id: str, created: int, model: str) -> None:
        self._fixed = _encode({"id": response_id, "object": "response", "created_at": created} | _echo(body, model))[
            :-1
        ]

    def in_progress(self) -> Raw:
        """Return the object of an answer that has begun."""
        return self._object(status="in_progress")

    def ended(self, finish: FinishReason, output: Sequence[Mapping[str, Any]], usage: Usage, now: int) -> Raw:
        """Return the object of an answer that ended; `now` is the wall clock in seconds."""
        if not is_incomplete(finish):
            return self._object(status="completed", completed_at=now, output=output, usage=usage_of(usage))
        details = {"reason": _INCOMPLETE[finish]}
        return self._object(status="incomplete", incomplete_details=details, output=output, usage=usage_of(usage))

    def failed(self, problem: Problem, output: Sequence[Mapping[str, Any]]) -> Raw:
        """Return the object of an answer that broke off; of its items those that were whole."""
        return self._object(status="failed", error=failure_of(problem), output=output)

    def _object(self, **changing: Any) -> Raw:
        blank = {"completed_at": None, "error": None, "incomplete_details": None, "output": (), "usage": None}
        return Raw(self._fixed + b"," + _encode(blank | changing)[1:])


def _echo(body: sent.ResponsesBody, model: str) -> dict[str, Any]:
    """Return what the client asked for, with the API's defaults where it said nothing."""
    reasoning = body.reasoning or sent.ReasoningConfig()
    text = body.text or sent.TextConfig()
    return {
        "background": False,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "max_tool_calls": body.max_tool_calls,
        "metadata": body.metadata or {},
        "model": model,
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt_cache_key": body.prompt_cache_key,
        "reasoning": {"effort": reasoning.effort, "summary": reasoning.summary},
        "safety_identifier": body.safety_identifier,
        "service_tier": "default",
        "store": False,
        "temperature": 1.0 if body.temperature is None else body.temperature,
        "text": text if text.format else sent.TextConfig(sent.TextFormat(), text.verbosity),
        "tool_choice": "auto" if body.tool_choice is None else body.tool_choice,
        "tools": body.tools or (),
        "top_logprobs": body.top_logprobs or 0,
        "top_p": 1.0 if body.top_p is None else body.top_p,
        "truncation": body.truncation or "disabled",
        "user": body.user,
    }


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return the counts; zeros where the upstream did not count."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def failure_of(problem: Problem) -> dict[str, str]:
    """Return the `error` of a response, whose codes are a fixed list."""
    code = "rate_limit_exceeded" if problem.status == 429 else "server_error"
    return {"code": code, "message": problem.message}


def text_of(text: str, logprobs: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return the content of a message."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def summary_of(text: str) -> dict[str, Any]:
    """Return a piece of a summary of what was thought."""
    return {"type": "summary_text", "text": text}


def logprobs_of(tokens: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return log probabilities; here, unlike in chat completions, the bytes of a token are never null."""
    return [
        {**_token(token), "top_logprobs": [_token(other) for other in token.get("top_logprobs") or ()]}
        for token in tokens
    ]


def _token(token: Mapping[str, Any]) -> dict[str, Any]:
    text = str(token.get("token", ""))
    own = token.get("bytes")
    spelt = list(text.encode(errors="surrogatepass")) if own is None else own
    return {"token": text, "logprob": token.get("logprob", 0.0), "bytes": spelt}
