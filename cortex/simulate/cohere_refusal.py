"""How Cohere says no: true bodies. Pure.

Sources: docs.cohere.com/reference/errors (20 Aug 2026); the texts of 429, which alone tell the window, as quoted in issues
(2024 to Sep 2026, that of the month in diegosouzapw/OmniRoute#12252). No header tells of a limit.
"""

from collections.abc import Callable, Mapping

import msgspec

from cortex.simulate.quota import Spent
from cortex.simulate.refusal import Refused, Table

UPGRADE = (
    "You can continue to use the Trial key for free or upgrade to a Production key with higher rate limits at "
    "'https://dashboard.cohere.com/api-keys'. Contact us on 'https://discord.gg/XW44jPfYJu' or email us at "
    "support@cohere.com with any questions"
)
WINDOWS: Mapping[str, str] = {"minute": "minute", "month": "month"}


def cohere_error(status: int, message: str) -> Refused:
    """Say no as Cohere does."""
    return Refused(status, msgspec.json.encode({"message": message}))


def invalid(message: str) -> Refused:
    """Return the refusal of a request that is wrong."""
    return cohere_error(400, f"invalid request: {message}")


def limit_reached(spent: Spent) -> Refused:
    """Return the 429 of a spent window."""
    if spent.what == "tokens":
        return cohere_error(429, f"trial token rate limit exceeded, limit is {spent.limit} tokens per {spent.window}")
    what = "inputs" if spent.what == "inputs" else "API calls"
    limited = f"limited to {spent.limit} {what} / {WINDOWS.get(spent.window, spent.window)}"
    return cohere_error(429, f"You are using a Trial key, which is {limited}. {UPGRADE}")


def _says(status: int, message: str) -> Callable[[str], Refused]:
    return lambda _model: cohere_error(status, message)


def _limit(spent: Spent) -> Callable[[str], Refused]:
    return lambda _model: limit_reached(spent)


COHERE_REFUSALS: Table = {
    "rate_limited": _limit(Spent("minute", 20, 60.0)),
    "rate_limited:month": _limit(Spent("month", 1_000, 86_400.0)),
    "rate_limited:tokens": _limit(Spent("minute", 100_000, 60.0, "tokens")),
    "rate_limited:production": _says(
        429, "You are past the per minute request limit, please wait and try again later."
    ),
    "rate_limited:short": _says(429, "Please wait and try again later"),
    "busy": _says(503, "service unavailable, please try again later"),
    "busy:timeout": _says(504, "the request timed out, please try again later"),
    "model_missing": lambda model: cohere_error(
        404,
        f"model '{model}' not found, make sure the correct model ID was used and that you have access to the model.",
    ),
    "unauthorized": _says(401, "invalid api token"),
    "unauthorized:billing": _says(
        402, "Please add or update your payment method at https://dashboard.cohere.com/billing?tab=payment to continue"
    ),
    "unauthorized:forbidden": _says(403, "you do not have permission to use this resource"),
    "error_status:blocked": _says(498, "request blocked due to usage guidelines"),
    "error_status:unprocessable": _says(422, "unprocessable entity"),
    "error_status:plain": lambda _model: Refused(500, b"internal server error", content_type="text/plain"),
    "error_status:data": lambda _model: Refused(500, b'{"data":"internal server error"}'),
}
