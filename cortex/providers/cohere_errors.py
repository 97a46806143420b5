"""Which word an error of Cohere is, and which of its limits a 429 is about.

Cohere says `{"message": "text"}` and documents no rate-limit headers, so the text alone tells a spent minute from a spent
month: taken for a passing thing, the month's 429 is asked for again all day (OmniRoute #12252, Sep 2026: 481 of 752 429s).
Sources, read 24 Nov 2026: Cohere's OpenAPI document and errors page (20 Aug 2026), its rate-limits page (2026), 429
texts of issue threads (2024 to Sep 2026).

When a month ends (calendar month, whose time zone) is not documented; no date is made up here, and the worker tries such
a key again from time to time.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, structs

from cortex.messages import Allowance, Counts, Failure, Period
from cortex.providers.errors import Rule, classified, heard, inband, safe

_REFUSED = frozenset({400, 422})
_CONTEXT = r"too many tokens|exceeds? the (?:maximum |available )?context|context length|size limit exceeded"
_NO_MODEL = r"\bmodel\b.*(?:not found|was removed|no longer|does not exist|deprecated)"
_CANNOT = (
    r"does(?: not|n't) support|(?:is|are) not (?:yet )?supported|only supported (?:by|with|for)|unsupported"
    r"|not (?:yet )?configurable|incompatible|not compatible|cannot (?:be used|specify|be specified|be combined)"
    r"|response_format|json_?schema|invalid schema|stop_sequences"
)

RULES: tuple[Rule, ...] = (
    Rule("model_missing", frozenset({400, 403, 404, 410}), _NO_MODEL),
    Rule("unauthorized", frozenset({401}), r"api (?:key|token)"),
    # A network that is blocked answers with a page: nothing is wrong with the key
    Rule("server_error", frozenset({401, 403}), json=False),
    Rule("bad_request", frozenset({400, 413, 422}), _CONTEXT, code="context_length_exceeded"),
    # The request was checked before it was sent, so what only Cohere or this model of its refuses, another may take
    Rule("unsupported", _REFUSED, _CANNOT),
    # Blocked by the usage guidelines (a deny-listed token): never sent again. Elsewhere the same number means busy
    Rule("bad_request", frozenset({498}), code="content_filter"),
)


class _Limit(Struct, frozen=True):
    """One text of a 429; the group `size` of `says`, if it has one, is how much the window allows."""

    says: re.Pattern[str]
    counts: Counts
    window: Period
    scope: Literal["model", "key", ""]


def _limit(says: str, counts: Counts, window: Period, scope: Literal["model", "key", ""]) -> _Limit:
    return _Limit(re.compile(says, re.IGNORECASE), counts, window, scope)


_SIZE = r"(?P<size>\d[\d,]*)"
_LIMITS = (
    # A trial key has 1,000 calls a month over all models and endpoints. With a production key only the newer models are
    # bound so, and the others must not rest with them
    _limit(rf"trial key.*?{_SIZE} (?:api )?calls? ?(?:/|per) ?month", "requests", "month", "key"),
    _limit(rf"(?:{_SIZE} )?(?:api )?calls? ?(?:/|per) ?month", "requests", "month", "model"),
    # 20 a minute for each chat model with a trial key, 500 with another
    _limit(rf"(?:{_SIZE} )?(?:api )?calls? ?(?:/|per) ?minute", "requests", "minute", "model"),
    _limit(rf"(?:{_SIZE} )?tokens ?(?:/|per) ?minute", "tokens", "minute", ""),
    _limit(r"per[ -]minute request limit", "requests", "minute", "model"),
)


def classified_of(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """Find the word for an error answered with `status`, and for a 429 the limit that is spent."""
    failure = classified(RULES, status, headers, heard(body))
    if status == 402:
        return structs.replace(failure, scope="key")
    return _limited(failure) if failure.word == "rate_limited" else failure


def broken(reason: str, error: Any) -> Failure | None:
    """Find the word for a finish reason that is no end of an answer; None for one that is."""
    if reason == "TIMEOUT":
        return Failure("timeout", safe(str(error or "")) or "the generation took longer than Cohere allows")
    if reason == "ERROR":
        return inband(RULES, {"message": error or "Cohere ended the answer with an error"})
    return None


def _limited(failure: Failure) -> Failure:
    """Return a 429 with what its text says of the limit; one whose text is not known stays as it is."""
    for limit in _LIMITS:
        found = limit.says.search(failure.detail)
        if found:
            size = found.groupdict().get("size")
            named = (Allowance(limit.counts, limit.window, limit=int(size.replace(",", ""))),) if size else ()
            # Whatever a header may say, it is not in a minute that a month is over
            retry_after_s = None if limit.window == "month" else failure.retry_after_s
            return structs.replace(
                failure, window=limit.window, scope=limit.scope, allowances=named, retry_after_s=retry_after_s
            )
    return failure
