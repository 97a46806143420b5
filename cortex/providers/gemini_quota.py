"""What a 429 of Gemini says of the quota: which window is spent, of what, how large it is, and when to come back.

The window stands in a violation's `quotaId` (`GenerateRequestsPerDayPerProjectPerModel-FreeTier`); of several violations
the longest window counts, since the shorter ones end within it. `retryDelay` is handed on as it came, though for a day it
was 8 to 57 s in 2025 and early 2026, and 9 h 54 min on 7 Oct 2026: whoever keeps the windows knows when a day ends. And
`limit: 0` means that this tier has nothing of this model: waiting never helps. Sources: bodies measured and quoted Jul to
Oct 2026; ai.google.dev/gemini-api/docs/rate-limits (Nov 2026).
"""

import re
from collections.abc import Sequence
from typing import cast

from msgspec import Struct, field, structs

from cortex.messages import Allowance, Counts, Failure, Period
from cortex.providers.durations import duration_s

_PERIODS: tuple[Period, ...] = ("second", "minute", "hour", "day", "month")
_PERIOD = re.compile(r"Per(Second|Minute|Hour|Day|Month)(?![a-z])")
_NOTHING = re.compile(r"\blimit: 0\b(?!\.\d)")
_FOR_MODEL = re.compile(r"\bmodel: \S")
_DAY_S = 86_400.0


class Violation(Struct, rename="camel"):
    """One spent quota."""

    quota_metric: str = ""
    quota_id: str = ""
    quota_dimensions: dict[str, str] = field(default_factory=dict)
    quota_value: str | int | None = None
    """Its size; left out when it is zero."""

    @property
    def period(self) -> Period | None:
        """Over what it is counted; None where its id does not say."""
        named = _PERIOD.search(self.quota_id)
        return cast("Period", named[1].lower()) if named else None

    @property
    def limit(self) -> int | None:
        """Its size as a number."""
        value = str(self.quota_value)
        return int(value) if value.isdecimal() else None

    @property
    def is_of_model(self) -> bool:
        """Whether other models have a quota of their own beside it."""
        return "PerModel" in self.quota_id or "model" in self.quota_dimensions

    @property
    def counts(self) -> Counts:
        """What it counts."""
        name = f"{self.quota_id} {self.quota_metric}".lower().replace("_", "")
        if "inputtoken" in name:
            return "input_tokens"
        return "tokens" if "token" in name else "requests"


def with_quota(failure: Failure, message: str, violations: Sequence[Violation], retry_delay: str) -> Failure:
    """Return a `rate_limited` failure with all that the 429 said; `retry_delay` is RetryInfo's, empty for none.

    `retry_after_s` of `failure` is what the text asked for; the longer of the two counts, and for a model without any
    quota it is at least a day. When a day's quota is whole again is not decided here.
    """
    periods = [violation.period for violation in violations if violation.period is not None]
    window = max(periods, key=_PERIODS.index) if periods else failure.window
    retry_s = _longest(failure.retry_after_s, duration_s(retry_delay))
    is_nothing = any(violation.limit == 0 for violation in violations) or _NOTHING.search(message) is not None
    if is_nothing:
        window, retry_s = "day", _longest(retry_s, _DAY_S)
    is_of_model = all(violation.is_of_model for violation in violations) if violations else _FOR_MODEL.search(message)
    return structs.replace(
        failure,
        window=window,
        retry_after_s=retry_s,
        scope="model" if is_nothing or is_of_model else "key" if violations else "",
        allowances=tuple(
            Allowance(violation.counts, violation.period, limit=violation.limit)
            for violation in violations
            if violation.period is not None
        ),
    )


def _longest(*waits: float | None) -> float | None:
    return max((wait for wait in waits if wait is not None), default=None)
