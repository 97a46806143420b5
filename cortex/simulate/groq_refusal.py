"""How Groq says no: true bodies and headers. Pure.

Sources: console.groq.com/docs/errors and /docs/rate-limits (Oct and Nov 2026); the words of its schema as quoted in
BerriAI/litellm#5839, those of a request larger than its bucket in elizaOS/eliza#4040. Names and numbers are made up.
"""

import math
from collections.abc import Callable
from typing import Any

import msgspec

from cortex.simulate.quota import Spent, duration
from cortex.simulate.refusal import Refused, Table

LIMITED = {
    ("requests", "minute"): "requests per minute (RPM)",
    ("requests", "day"): "requests per day (RPD)",
    ("tokens", "minute"): "tokens per minute (TPM)",
    ("tokens", "day"): "tokens per day (TPD)",
}
"""How a spent window is named; a bucket by the time in which it fills."""
UPGRADE = "Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
FAILED_GENERATION = '<function=get_weather>{"city": "Valparaíso"</function>'


def groq_error(status: int, message: str, kind: str = "invalid_request_error", **more: Any) -> Refused:
    """Say no as Groq does: what there is nothing to say about is left out."""
    return Refused(status, msgspec.json.encode({"error": {"message": message, "type": kind, **more}}))


def limit_reached(spent: Spent, model: str) -> Refused:
    """Return the 429 of a spent bucket, or the 413 of a request that is larger than its bucket."""
    limited = LIMITED.get((spent.what, spent.window.removesuffix("_bucket")), f"{spent.what} per {spent.window}")
    where = (
        f"model `{model}` in organization `org_simulated` service tier `on_demand` on {limited}: Limit {spent.limit}"
    )
    if spent.is_hopeless and spent.what == "tokens":
        message = f"Request too large for {where}, Requested {spent.requested}, please reduce your message size and try again."
        return groq_error(413, f"{message} {UPGRADE}", spent.what, code="rate_limit_exceeded")
    wait = f"Please try again in {duration(spent.again_s)}"
    message = f"Rate limit reached for {where}, Used {spent.used}, Requested {spent.requested}. {wait}. {UPGRADE}"
    no = groq_error(429, message, spent.what, code="rate_limit_exceeded")
    no.headers["Retry-After"] = str(math.ceil(spent.again_s))
    return no


def _limit(spent: Spent) -> Callable[[str], Refused]:
    """Return a 429 with the headers that come with each, which tell of the day's requests and the minute's tokens."""

    def refuse(model: str) -> Refused:
        no = limit_reached(spent, model)
        no.headers |= {
            "x-ratelimit-limit-requests": "1000",
            "x-ratelimit-remaining-requests": "612",
            "x-ratelimit-reset-requests": "9h18m43.2s",
            "x-ratelimit-limit-tokens": "8000",
            "x-ratelimit-remaining-tokens": "200",
            "x-ratelimit-reset-tokens": "58.5s",
        }
        return no

    return refuse


GROQ_REFUSALS: Table = {
    "rate_limited": _limit(Spent("minute_bucket", 8000, 7.155, "tokens", 0, 954)),
    "rate_limited:requests": _limit(Spent("minute_bucket", 30, 1.9, "requests")),
    "rate_limited:day": _limit(Spent("day_bucket", 1000, 86.4, "requests")),
    "rate_limited:tokens_day": _limit(Spent("day_bucket", 200_000, 107.5854, "tokens", 150, 400)),
    "busy": lambda model: groq_error(
        503,
        f"{model} is currently over capacity. Please try again and back off exponentially. Visit "
        "https://groqstatus.com to see if there is an active incident.",
        "internal_server_error",
    ),
    "busy:flex": lambda _model: groq_error(
        498, "Flex tier capacity exceeded. Please try again later.", "capacity_exceeded", code="capacity_exceeded"
    ),
    "model_missing": lambda model: groq_error(
        404, f"The model `{model}` does not exist or you do not have access to it.", code="model_not_found"
    ),
    "model_missing:decommissioned": lambda model: groq_error(
        400,
        f"The model `{model}` has been decommissioned and is no longer supported. Please refer to "
        "https://console.groq.com/docs/deprecations for a recommendation on which model to use instead.",
        code="model_decommissioned",
    ),
    "unauthorized": lambda _model: groq_error(401, "Invalid API Key", code="invalid_api_key"),
    "unauthorized:blocked": lambda model: groq_error(
        403, f"The model `{model}` is blocked at the organization level.", "permissions_error"
    ),
    "error_status:tool_use_failed": lambda _model: groq_error(
        400,
        "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
        code="tool_use_failed",
        failed_generation=FAILED_GENERATION,
    ),
    "error_status:json_validate_failed": lambda _model: groq_error(
        400,
        "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
        code="json_validate_failed",
        failed_generation='{"city": ',
    ),
    "error_status:context_length_exceeded": lambda _model: groq_error(
        400,
        "Please reduce the length of the messages or completion.",
        param="messages",
        code="context_length_exceeded",
    ),
    "error_status:too_large": _limit(Spent("minute_bucket", 6000, 60.0, "tokens", 6000, 6294)),
}
