"""Which word an error of Gemini is, with what a 429 says of the quota (`gemini_quota`).

`{"error": {code, message, status, details}}`, at times in a list; a front end may answer HTML. Rows are tried from the
top; the statuses that no row knows are decided in `errors`. An invalid key is a 400 here. What only this upstream, or
this model, refuses is `unsupported`: no strike, and the next candidate is asked. That holds for a thought signature as
well: it is Córtex's to send the right one (a client gave a foreign one back, or the key's project is another), the
upstream is sound, and the client's request is in order. Sources: ai.google.dev/gemini-api/docs/troubleshooting (Nov
2026), LiteLLM 1.110.2, the issues named beside the rows.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from cortex.messages import Failure
from cortex.providers.errors import Rule, Said, classified, heard, safe
from cortex.providers.foreign import UNREADABLE
from cortex.providers.gemini_quota import Violation, with_quota

_BAD = frozenset({400})
_AUTH = frozenset({401, 403})

RULES: tuple[Rule, ...] = (
    # The key: unknown (a 400), or not allowed here (no free tier in the country, billing needed, leaked, API disabled)
    Rule("unauthorized", _BAD, r"API_KEY_INVALID|API key (?:not valid|not found|expired)|FAILED_PRECONDITION"),
    # A network that is blocked answers with a page: nothing is wrong with the key
    Rule("server_error", _AUTH, json=False),
    Rule("model_missing", frozenset({404}), "NOT_FOUND"),
    # "The input token count (1200293) exceeds the maximum number of tokens allowed (1048576)." (gemini-cli #6678, 2025)
    Rule(
        "bad_request", _BAD, r"exceeds? the maximum number of tokens|input token count", code="context_length_exceeded"
    ),
    # "Corrupted thought signature.", "Invalid thought signature.", "Function call is missing a thought_signature in …"
    Rule("unsupported", _BAD, r"thought.?signature"),
    # "Penalty is not enabled for models/…" and alike for functions, JSON, instructions (vercel/ai #4022, agno #3505)
    Rule("unsupported", _BAD, r"is not enabled|\b(?:not |un)supported|does(?: not|n't) support"),
    # Bounds that are Gemini's own: five stop sequences, names of functions, 20 MB, thinking (texts not all confirmed)
    Rule("unsupported", _BAD, r"stop.?sequence|invalid function name|payload size exceeds|thinking.?(?:budget|level)"),
    Rule("unsupported", frozenset({413})),
    # "The model is overloaded. Please try again later.", "This model is currently experiencing high demand."
    Rule("busy", frozenset({503}), r"overloaded|high demand|try again"),
    # Paid tiers: so many dollars in rolling ten minutes
    Rule("rate_limited", frozenset({429}), r"\bspend", window="minute"),
)


class _Detail(Struct, rename="camel"):
    """One of `details`, whichever of google.rpc's kinds it is."""

    reason: str = ""
    """ErrorInfo."""
    violations: list[Violation] = field(default_factory=list)
    """QuotaFailure."""
    retry_delay: str = ""
    """RetryInfo: a protobuf duration, `"20s"`."""


class _Error(Struct):
    code: int | None = None
    message: str = ""
    status: str = ""
    details: list[_Detail] = field(default_factory=list)


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Read an HTTP error."""
    error = _error(body)
    return classified(RULES, status, headers, heard(body)) if error is None else _failure(error, status, headers)


def said_in(text: bytes) -> Failure | None:
    """Read the error that came inside a 200, as an event or as the body; None where there is none."""
    error = _error(text)
    if error is None:
        return None
    failure = _failure(error, error.code or 500, {})
    return msgspec.structs.replace(failure, status=error.code or 0)


def _failure(error: _Error, status: int, headers: Mapping[str, str]) -> Failure:
    reasons = " ".join(detail.reason for detail in error.details if detail.reason)
    said = Said(message=safe(error.message), code=safe(error.status), kind=safe(reasons))
    failure = classified(RULES, status, headers, said)
    if failure.word != "rate_limited":
        return failure
    violations = [violation for detail in error.details for violation in detail.violations]
    delay = next((detail.retry_delay for detail in error.details if detail.retry_delay), "")
    return with_quota(failure, error.message, violations, delay)


def _error(body: bytes) -> _Error | None:
    """Find the error in any body; one in another shape is read for its message alone."""
    try:
        value: Any = msgspec.json.decode(body)
    except UNREADABLE:
        return None
    if isinstance(value, list):  # some front ends wrap it (Nov 2026)
        value = next((item for item in value if isinstance(item, dict) and item.get("error")), None)
    if not isinstance(value, dict) or not value.get("error"):
        return None
    try:
        return msgspec.convert(value["error"], _Error)
    except UNREADABLE:
        said = heard(body)
        return _Error(int(said.code) if said.code.isdecimal() else None, said.message, said.code)
