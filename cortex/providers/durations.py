"""How long until an upstream may be asked again, from what its headers and its text say.

Vendors write the same fact in five ways: seconds (`2`, `7.66`), a duration as Go prints it (`1m26.4s`, `577ms`), an
HTTP date, an ISO date, and an epoch in seconds or milliseconds. The last three mean something only against a clock; the
upstream's own `date` header is that clock here, so that neither ours nor a skew between the two matters.
Sources: openai.com API reference, rate-limit headers (Nov 2026); Groq and OpenRouter docs (Oct 2026).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

_UNIT_S = {
    "d": 86_400.0,
    "h": 3_600.0,
    "m": 60.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,  # the micro sign, U+00B5
    "μs": 1e-6,  # the Greek letter, U+03BC, which Go also reads
    "ns": 1e-9,
}
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_UNIT = "|".join(sorted(_UNIT_S, key=len, reverse=True))
_TERM = re.compile(rf"({_NUMBER})({_UNIT})")
_DURATION = re.compile(rf"(?:{_NUMBER}(?:{_UNIT}))+")
_BARE = re.compile(_NUMBER)
_TERMS = rf"{_NUMBER}(?:(?:{_UNIT})(?:{_NUMBER}(?:{_UNIT}))*)?"
_AGAIN = re.compile(
    rf"(?:try again|retry)\s+(?:in|after)\s+(?:({_NUMBER})\s*(second|minute|hour|day)s?\b|({_TERMS}))", re.IGNORECASE
)
_EPOCH_S = 1e9
"""A bare number from here on is a date: as a duration it would be 31 years."""
_EPOCH_MS = 1e11
_RESET = "x-ratelimit-reset"
_REMAINING = "x-ratelimit-remaining"


def duration_s(text: str) -> float | None:
    """Read a duration in seconds: terms of number and unit (`d h m s ms us µs ns`), or a bare number of seconds.

    None for anything else: a sign, a date, an empty string.

    >>> duration_s("1h2m3.5s")
    3723.5
    >>> duration_s("577ms")
    0.577
    >>> duration_s("soon") is None
    True
    """
    text = text.strip()
    if _BARE.fullmatch(text):
        return float(text)
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in _TERM.findall(text))


def retry_after_s(headers: Mapping[str, str], message: str = "") -> float | None:
    """Return the seconds that the upstream asks to wait, never negative; None where it does not say.

    In order: `retry-after-ms`, `retry-after`, the reset of the quota that is spent, `try again in …` in the text.
    A date counts only where the answer carries its own `date`.
    """
    milliseconds = wait_s(headers.get("retry-after-ms", ""), headers)
    if milliseconds is not None:
        return milliseconds / 1000
    stated = wait_s(headers.get("retry-after", ""), headers)
    if stated is not None:
        return stated
    reset = _reset_s(headers)
    if reset is not None:
        return reset
    return stated_wait_s(message)


def stated_wait_s(message: str) -> float | None:
    """Return the seconds of a `try again in …` or `retry after …` in a text; None where there is none."""
    again = _AGAIN.search(message)
    if again is None:
        return None
    return float(again[1]) * _UNIT_S[again[2][0].lower()] if again[1] else duration_s(again[3])


def without_waits(message: str) -> str:
    """Return a text without what it says of waiting: an hour to wait is no quota by the hour."""
    return _AGAIN.sub("", message)


def wait_s(value: str, headers: Mapping[str, str]) -> float | None:
    """Read a duration or a date as the seconds from the answer's own `date`; None where that cannot be told."""
    seconds = duration_s(value)
    if seconds is not None and seconds < _EPOCH_S:
        return seconds
    then = _date_s(value) if seconds is None else seconds / (1000 if seconds >= _EPOCH_MS else 1)
    now = _date_s(headers.get("date", ""))
    return None if then is None or now is None else max(0.0, then - now)


def spent_quotas(headers: Mapping[str, str]) -> list[str]:
    """Return the names of quotas at zero: what follows `x-ratelimit-remaining-` (`requests-day`)."""
    return [
        name[len(_REMAINING) + 1 :]
        for name, value in headers.items()
        if name.startswith(_REMAINING + "-") and value.strip() in {"0", "0.0"}
    ]


def _reset_s(headers: Mapping[str, str]) -> float | None:
    """Return the longest reset among spent quotas; where none is shown as spent, the shortest of all."""
    spent: list[float] = []
    others: list[float] = []
    for name, value in headers.items():
        if not name.startswith(_RESET):
            continue
        wait = wait_s(value, headers)
        if wait is None:
            continue
        remaining = headers.get(_REMAINING + name[len(_RESET) :], "").strip()
        (spent if remaining in {"0", "0.0"} else others).append(wait)
    return max(spent) if spent else min(others, default=None)


def _date_s(text: str) -> float | None:
    """Return the epoch seconds of an HTTP or ISO date that says its zone."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            date = read(text.strip())
        except (ValueError, OverflowError, TypeError):
            continue
        if date.tzinfo is not None:
            return date.timestamp()
    return None
