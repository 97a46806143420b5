"""What Anthropic says of its limits: in the headers of every answer, and in the text of a 429. Pure.

Each limit is of a minute, for an organisation and a class of models; a bucket that refills all the time. When it is whole
again is told as a date, which the answer's own `date` explains, so that no clock of ours matters. Córtex counts requests
and tokens of the prompt. The header of output tokens has no count here, and the one of all tokens only repeats
whichever limit is tightest. Sources: Anthropic's page on rate limits (read 24 Nov 2026), the text in claude-code #55132.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

from cortex.messages import Allowance, Counts
from cortex.providers.errors import Said

_WINDOWS: tuple[tuple[str, Counts], ...] = (
    ("anthropic-ratelimit-requests-", "requests"),
    ("anthropic-ratelimit-input-tokens-", "input_tokens"),
)
_NAMED: Mapping[str, Counts] = {"requests": "requests", "input tokens": "input_tokens", "tokens": "tokens"}
_LIMIT = re.compile(r"limit of ([\d,]{1,15}) (requests|input tokens|tokens) per minute", re.IGNORECASE)
_MAX_DIGITS = 15


def header_allowances(headers: Mapping[str, str]) -> tuple[Allowance, ...]:
    """Read the headers of an answer, whose names are in lower case; a window whose size is not told is left out."""
    told = [(name, counts) for name, counts in _WINDOWS if f"{name}limit" in headers]
    if not told:
        return ()
    now = _http_date(headers.get("date", ""))
    return tuple(
        [
            Allowance(
                counts,
                "minute",
                limit=_number(headers[f"{name}limit"]),
                remaining=_number(headers.get(f"{name}remaining", "")),
                reset_s=_until(headers.get(f"{name}reset", ""), now),
            )
            for name, counts in told
        ]
    )


def text_allowances(said: Said, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
    """Read the window that the text of a 429 names with its size."""
    del headers  # they tell of every window, the text of the one that is spent
    found = _LIMIT.search(said.message)
    if found is None:
        return ()
    return (Allowance(_NAMED[found[2].lower()], "minute", limit=_number(found[1].replace(",", ""))),)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _until(text: str, now: datetime | None) -> float | None:
    """Return the seconds until an RFC 3339 date, never negative; None where that cannot be told."""
    try:
        then = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if now is None or then.tzinfo is None else max(0.0, (then - now).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo is not None else None
