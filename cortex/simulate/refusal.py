"""How each dialect says no: true bodies and headers. Pure.

Sources, all read Nov 2026. Ollama: its server (main, 21 Aug 2026); the limits of its cloud as quoted in
continuedev/continue#11444 (Mar 2026) and HomericIntelligence/Scylla#346 (Feb 2026). OpenAI: bodies quoted in
feder-cr/invisible_playwright_mcp#249 (RPM), semanser/codel#72 (TPM), openai/openai-agents-js#1022 (RPD),
raznem/parsera#5 (quota), Wei-Shaw/sub2api#6631 (overload, Sep 2026). Groq: console.groq.com/docs/rate-limits and its
error catalogue (Oct 2026). llama.cpp: recorded from b11434 (24 Nov 2026). Names and numbers are made up.
"""

import math
from collections.abc import Callable, Mapping

import msgspec

JSON = "application/json"


class Refused(Exception):  # noqa: N818  it is an answer, not an error of the simulator
    """Raised to answer with an error instead."""

    def __init__(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None, content_type: str = JSON
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = dict(headers or {})
        self.content_type = content_type


Table = Mapping[str, Callable[[str], Refused]]
"""`kind` or `kind:flavour` → the refusal of a request for a model."""


def ollama_error(status: int, message: str) -> Refused:
    """Say no as Ollama does."""
    return Refused(status, msgspec.json.encode({"error": message}))


def openai_error(status: int, message: str, kind: str, code: str | None = None, param: str | None = None) -> Refused:
    """Say no as OpenAI does; all four keys are always there."""
    error = {"message": message, "type": kind, "param": param, "code": code}
    return Refused(status, msgspec.json.encode({"error": error}))


def _openai_limit(what: str, kind: str) -> Callable[[str], Refused]:
    """Return OpenAI's 429 for a spent window, as the SDK's users quote it."""
    tail = "Visit https://platform.openai.com/account/rate-limits to learn more."

    def refuse(model: str) -> Refused:
        message = f"Rate limit reached for {model} in organization org-simulated on {what}. {tail}"
        return openai_error(429, message, kind, "rate_limit_exceeded")

    return refuse


def _groq_limit(what: str) -> Callable[[str], Refused]:
    """Return Groq's 429, without `param`."""
    tail = "Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"

    def refuse(model: str) -> Refused:
        where = f"model `{model}` in organization `org_simulated` service tier `on_demand`"
        message = f"Rate limit reached for {where} on {what}. {tail}"
        error = {"message": message, "type": "tokens", "code": "rate_limit_exceeded"}
        return Refused(429, msgspec.json.encode({"error": error}))

    return refuse


OPENAI_REFUSALS: Table = {
    "rate_limited": _openai_limit(
        "requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s", "requests"
    ),
    "rate_limited:day": _openai_limit(
        "requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s", "requests"
    ),
    "rate_limited:tokens": _openai_limit(
        "tokens per min (TPM): Limit 30000, Used 29450, Requested 1120. Please try again in 1.14s", "tokens"
    ),
    "rate_limited:quota": lambda _model: openai_error(
        429,
        "You exceeded your current quota, please check your plan and billing details. For more information on this "
        "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "rate_limited:groq_minute": _groq_limit(
        "tokens per minute (TPM): Limit 8000, Used 7800, Requested 954. Please try again in 5.655s"
    ),
    "rate_limited:groq_day": _groq_limit(
        "tokens per day (TPD): Limit 200000, Used 199850, Requested ~400. Please try again in 1m47.5854s"
    ),
    "busy": lambda _model: openai_error(
        503,
        "Our servers are currently overloaded. Please try again later.",
        "service_unavailable_error",
        "server_is_overloaded",
    ),
    "busy:loading": lambda _model: Refused(
        503, b'{"error":{"message":"Loading model","type":"unavailable_error","code":503}}'
    ),
    "model_missing": lambda model: openai_error(
        404,
        f"The model `{model}` does not exist or you do not have access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    "unauthorized": lambda _model: openai_error(
        401,
        "Incorrect API key provided: ***. You can find your API key at https://platform.openai.com/account/api-keys.",
        "invalid_request_error",
        "invalid_api_key",
    ),
}

OLLAMA_REFUSALS: Table = {
    "rate_limited": lambda _model: ollama_error(
        429,
        "you (simulated) have reached your session usage limit, upgrade for higher limits: https://ollama.com/upgrade",
    ),
    "rate_limited:week": lambda _model: ollama_error(
        429, "you've reached your weekly usage limit, please wait or upgrade to continue"
    ),
    "busy": lambda _model: ollama_error(503, "server busy, please try again.  maximum pending requests exceeded"),
    "busy:hosted": lambda _model: ollama_error(503, "Server overloaded, please retry shortly (ref: simulated)"),
    "model_missing": lambda model: ollama_error(404, f"model '{model}' not found"),
    "unauthorized": lambda _model: Refused(
        401, b'{"error":"unauthorized","signin_url":"https://ollama.com/connect?name=simulated&key=simulated"}'
    ),
}

RETRY_AFTER_S = {"rate_limited": 20, "rate_limited:day": 432, "rate_limited:tokens": 2, "rate_limited:groq_minute": 6}
RETRY_AFTER_S |= {"rate_limited:groq_day": 108}
"""What those that send `Retry-After` say when no other time is asked for."""

RATE_LIMIT_HEADERS: Mapping[str, Mapping[str, str]] = {
    "rate_limited": {"limit-requests": "3", "remaining-requests": "0", "reset-requests": "20s"},
    "rate_limited:day": {"limit-requests": "200", "remaining-requests": "0", "reset-requests": "7m12s"},
    "rate_limited:tokens": {"limit-tokens": "30000", "remaining-tokens": "550", "reset-tokens": "58.9s"},
    "rate_limited:groq_minute": {"limit-tokens": "8000", "remaining-tokens": "200", "reset-tokens": "58.5s"},
    "rate_limited:groq_day": {"limit-requests": "1000", "remaining-requests": "612", "reset-requests": "9h18m43.2s"},
}
"""Under `x-ratelimit-`: what comes with each."""


def refusal(table: Table, kind: str, flavour: str, model: str, retry_after: float | None) -> Refused:
    """Return the true refusal of that kind and flavour. Raises KeyError for a flavour the dialect does not have."""
    name = f"{kind}:{flavour}" if flavour else kind
    refused = table[name](model)
    if table is OPENAI_REFUSALS:
        refused.headers |= {f"x-ratelimit-{key}": value for key, value in RATE_LIMIT_HEADERS.get(name, {}).items()}
        retry_after = RETRY_AFTER_S.get(name) if retry_after is None else retry_after
    if retry_after is not None:
        refused.headers["Retry-After"] = str(math.ceil(retry_after))
    return refused
