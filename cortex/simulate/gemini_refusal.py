"""How Gemini says no: true bodies. Pure.

Sources: ai.google.dev/gemini-api/docs/troubleshooting and /docs/rate-limits (Nov 2026); the bodies of 429 as measured with
free keys (2025 to 7 Oct 2026) and quoted in issues; those of wrong requests as quoted in BerriAI/litellm, maximhq/bifrost
and google-gemini/gemini-cli (2025 to Sep 2026). No `Retry-After` is sent. Names and numbers are made up.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from cortex.simulate.quota import Spent, duration
from cortex.simulate.refusal import Refused, Table

STATUS: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
DOMAIN = "generativelanguage.googleapis.com"
EXCEEDED = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "head over to: https://ai.google.dev/gemini-api/docs/rate-limits. To monitor your current usage, head over to: "
    "https://ai.dev/rate-limit. "
)
QUOTAS: Mapping[tuple[str, bool], tuple[str, str]] = {
    ("requests", False): (
        "generate_content_free_tier_requests",
        "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    ),
    ("requests", True): ("generate_content_free_tier_requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
    ("tokens", False): (
        "generate_content_free_tier_input_token_count",
        "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    ),
    ("tokens", True): (
        "generate_content_free_tier_input_token_count",
        "GenerateContentInputTokensPerModelPerDay-FreeTier",
    ),
}
"""What is counted, and whether by the day → metric and id."""


def gemini_error(code: int, message: str, status: str = "", details: Sequence[Mapping[str, Any]] = ()) -> Refused:
    """Say no as Gemini does."""
    error = {"code": code, "message": message, "status": status or STATUS.get(code, "UNKNOWN")}
    return Refused(code, msgspec.json.encode({"error": error | ({"details": details} if details else {})}))


def invalid(message: str) -> Refused:
    """Return the refusal of a request that is wrong."""
    return gemini_error(400, message)


def over_quota(spent: Sequence[Spent], model: str) -> Refused:
    """Return the 429 for all windows that have no room."""
    wait_s = max(one.again_s for one in spent)
    lines, violations = [], []
    for one in spent:
        metric, quota_id = QUOTAS["tokens" if one.what == "tokens" else "requests", "day" in one.window]
        lines.append(f"\n* Quota exceeded for metric: {DOMAIN}/{metric}, limit: {one.limit}, model: {model}")
        dimensions = {"location": "global", "model": model}
        value = {"quotaValue": str(one.limit)} if one.limit else {}
        violation = {"quotaMetric": f"{DOMAIN}/{metric}", "quotaId": quota_id, "quotaDimensions": dimensions}
        violations.append(violation | value)
    message = f"{EXCEEDED}{''.join(lines)}\nPlease retry in {duration(wait_s)}."
    return gemini_error(
        429,
        message,
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.Help",
                "links": [
                    {
                        "description": "Learn more about Gemini API quotas",
                        "url": "https://ai.google.dev/gemini-api/docs/rate-limits",
                    }
                ],
            },
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": violations},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{round(wait_s, 1):g}s"},
        ],
    )


def invalid_key() -> Refused:
    """Return the refusal of a wrong key: a 400, not a 401."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": DOMAIN},
    }
    return gemini_error(400, "API key not valid. Please pass a valid API key.", details=[info])


def in_a_list(no: Refused) -> Refused:
    """Wrap an error in a list, as some of Gemini's front ends do."""
    return Refused(no.status, b"[" + no.body + b"]", no.headers)


def _spent(*spent: Spent) -> Callable[[str], Refused]:
    return lambda model: over_quota(spent, model)


MINUTE, DAY = Spent("minute", 5, 20.04466179), Spent("pacific_day", 20, 35_643.1)
BARE = "Resource has been exhausted (e.g. check quota)."
OVERLOADED = "The model is overloaded. Please try again later."
INTERNAL = "An internal error has occurred. Please retry or report in https://developers.generativeai.google/guide/troubleshooting"

GEMINI_REFUSALS: Table = {
    "rate_limited": _spent(MINUTE),
    "rate_limited:day": _spent(DAY),
    "rate_limited:short_day": _spent(msgspec.structs.replace(DAY, again_s=35.6)),
    "rate_limited:both": _spent(DAY, MINUTE),
    "rate_limited:tokens": _spent(Spent("minute", 250_000, 46.2, "tokens", 1_000, 20_000)),
    "rate_limited:zero": _spent(Spent("pacific_day", 0, 37_020.5), Spent("minute", 0, 37_020.5)),
    "rate_limited:bare": lambda _model: gemini_error(429, BARE),
    "rate_limited:list": lambda model: in_a_list(over_quota([MINUTE], model)),
    "busy": lambda _model: gemini_error(503, OVERLOADED),
    "busy:list": lambda _model: in_a_list(gemini_error(503, OVERLOADED)),
    "busy:internal": lambda _model: gemini_error(500, INTERNAL),
    "busy:deadline": lambda _model: gemini_error(504, "Deadline expired before operation could complete."),
    "model_missing": lambda model: gemini_error(
        404,
        f"models/{model} is not found for API version v1beta, or is not supported for generateContent. Call ListModels to "
        "see the list of available models and their supported methods.",
    ),
    "unauthorized": lambda _model: invalid_key(),
    "unauthorized:list": lambda _model: in_a_list(invalid_key()),
    "unauthorized:denied": lambda _model: gemini_error(
        403, "Your project has been denied access. Please contact support."
    ),
    "unauthorized:leaked": lambda _model: gemini_error(
        403, "Your API key was reported as leaked. Please use another API key."
    ),
    "unauthorized:region": lambda _model: gemini_error(
        400, "User location is not supported for the API use.", "FAILED_PRECONDITION"
    ),
    "error_status:list": lambda _model: in_a_list(gemini_error(500, INTERNAL)),
    "error_status:corrupted_signature": lambda _model: invalid("Corrupted thought signature."),
    "error_status:cancelled": lambda _model: gemini_error(499, "The operation was cancelled."),
}
