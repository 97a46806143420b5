"""How Anthropic says no: true bodies and headers. Pure.

Sources, read 25 Nov 2026: the SDK anthropic 2.13.0 (types by status), Anthropic's page on rate limits (headers), texts as
quoted in anthropics/claude-code#55132 (429), #38035 (spent), #64982 (long context), #66314 (credit). Names and numbers are
made up.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec

from cortex.simulate.quota import Left, Spent
from cortex.simulate.refusal import Refused, Table

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
LIMITED = {"requests": "requests", "tokens": "input tokens"}
"""How what is counted is named; of tokens, only those of the prompt are."""
HEADERS = {"requests": ("requests",), "tokens": ("input-tokens", "tokens")}


def envelope(kind: str, message: str) -> bytes:
    """Write an error."""
    error = {"type": kind, "message": message}
    return msgspec.json.encode({"type": "error", "error": error, "request_id": "req_simulated"})


def anthropic_error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Refused:
    """Say no as Anthropic does."""
    return Refused(status, envelope(TYPES.get(status, "api_error"), message), headers)


def invalid(message: str) -> Refused:
    """Return the refusal of a request that is wrong."""
    return anthropic_error(400, message)


def limit_reached(spent: Spent, model: str) -> Refused:
    """Return the 429 of a spent minute."""
    message = (
        f"This request would exceed your organization's rate limit of {spent.limit:,} {LIMITED.get(spent.what, spent.what)} "
        f"per minute (org: 00000000-0000-4000-8000-000000000000, model: {model}). For details, refer to: "
        "https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please reduce "
        "the prompt length or the maximum tokens requested, or try again later."
    )
    return anthropic_error(429, message, {"Retry-After": str(math.ceil(spent.again_s))})


def limit_headers(windows: Iterable[Left], wall_s: float) -> dict[str, str]:
    """Write what is left of each window, and the date that the times in it are to be read against."""
    headers = {"Date": format_datetime(datetime.fromtimestamp(int(wall_s), UTC), usegmt=True)}
    for left in windows:
        reset = datetime.fromtimestamp(int(wall_s) + math.ceil(left.reset_s), UTC)
        for name in HEADERS.get(left.limit.what, ()):
            head = f"anthropic-ratelimit-{name}"
            headers |= {
                f"{head}-limit": str(left.limit.amount),
                f"{head}-remaining": str(left.amount),
                f"{head}-reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
    return headers


def _says(status: int, message: str, headers: Mapping[str, str] | None = None) -> Callable[[str], Refused]:
    return lambda _model: anthropic_error(status, message, headers)


def _limit(spent: Spent) -> Callable[[str], Refused]:
    return lambda model: limit_reached(spent, model)


ANTHROPIC_REFUSALS: Table = {
    "rate_limited": _limit(Spent("minute", 50, 12.0)),
    "rate_limited:tokens": _limit(Spent("minute", 30_000, 7.0, "tokens")),
    "rate_limited:acceleration": _says(
        429, "This request would exceed your organization's maximum usage increase rate for input tokens per minute."
    ),
    "rate_limited:hard": _says(429, "Your workspace has reached its spend limit.", {"x-should-retry": "false"}),
    "rate_limited:month": _says(
        400, "You have reached your specified API usage limits. You will regain access on 2026-12-01 at 00:00 UTC."
    ),
    "rate_limited:long_context": _says(429, "Usage credits are required for long context requests."),
    "busy": _says(529, "Overloaded", {"x-should-retry": "true"}),
    "busy:unavailable": _says(503, "Overloaded"),
    "model_missing": lambda model: anthropic_error(404, f"model: {model}"),
    "model_missing:access": lambda model: anthropic_error(
        403, f"Your organization does not have access to model {model}"
    ),
    "unauthorized": _says(401, "invalid x-api-key"),
    "unauthorized:billing": _says(402, "Your organization's payment method was declined."),
    "unauthorized:credit": _says(
        400,
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase "
        "credits.",
    ),
    "error_status:too_large": _says(413, "Request exceeds the maximum size"),
    "error_status:timeout": _says(504, "Request timed out"),
    "error_status:conflict": _says(409, "Another request is in conflict with this one"),
    "error_status:too_long": _says(400, "prompt is too long: 1000001 tokens > 1000000 maximum"),
}
