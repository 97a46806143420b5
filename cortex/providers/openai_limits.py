"""What an OpenAI-like upstream says of its quotas, in the headers of every answer and in the text of a 429. Pure.

The same header means different things: `x-ratelimit-limit-requests` is of a minute at OpenAI and of a day at Groq, where a
gateway that takes it for a minute throttles wrongly. So the styles are a table. The text of a 429 names what no header
shows (Groq's tokens of a day), in one grammar that OpenAI and Groq share:

    … on tokens per day (TPD): Limit 200000, Used 199850, Requested ~400. Please try again in 1m47.5854s. …

Sources, read 24 Nov 2026: OpenAI's API reference, rate-limit headers; console.groq.com/docs/rate-limits (Oct 2026); the
docs of Cerebras, Mistral (names of headers not confirmed) and OpenRouter (17 Oct 2026).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec import structs

from cortex.messages import Allowance, Counts, Failure, Period
from cortex.providers.durations import stated_wait_s, wait_s
from cortex.providers.errors import Said, longest

Style = Literal["openai", "groq", "cerebras", "mistral", "openrouter", "none"]

_MINUTE_S = 60.0
_RATE = "x-ratelimit-"


class Window(NamedTuple):
    """One quota window and the headers that tell of it."""

    counts: Counts
    period: Period
    limit: str
    remaining: str
    reset: str


def _window(name: str, counts: Counts, period: Period) -> Window:
    return Window(counts, period, *(f"{_RATE}{what}-{name}" for what in ("limit", "remaining", "reset")))


STYLES: Mapping[Style, tuple[Window, ...]] = {
    "openai": (_window("requests", "requests", "minute"), _window("tokens", "tokens", "minute")),
    "groq": (_window("requests", "requests", "day"), _window("tokens", "tokens", "minute")),
    "cerebras": (_window("requests-day", "requests", "day"), _window("tokens-minute", "tokens", "minute")),
    "mistral": (_window("req-minute", "requests", "minute"), _window("tokens-minute", "tokens", "minute")),
    "openrouter": (),  # only with a 429: see `free_limits`
    "none": (),
}

_COUNT = r"\d+(?:,\d{3})*"
_GRAMMAR = re.compile(rf"\((?P<dimension>[A-Z]{{3,4}})\): Limit (?P<limit>{_COUNT})(?:, Used ~?(?P<used>{_COUNT}))?")
_TOO_LARGE = re.compile(rf": Limit (?P<limit>{_COUNT}),(?: Used ~?{_COUNT},)? Requested ~?(?P<requested>{_COUNT})")
_DIMENSIONS: Mapping[str, tuple[Counts, Period]] = {
    "RPS": ("requests", "second"),
    "RPM": ("requests", "minute"),
    "RPD": ("requests", "day"),
    "TPM": ("tokens", "minute"),
    "TPD": ("tokens", "day"),
    "ITPM": ("input_tokens", "minute"),
    "ITPD": ("input_tokens", "day"),
}
"""What Groq counts and Córtex can. Seconds of audio (ASH, ASD) and output tokens alone (OTPM) are none of its counts: of
those only the window is known, by its name."""

_FREE = re.compile(r"free-models-per-(day|min)", re.IGNORECASE)


def header_allowances(headers: Mapping[str, str], windows: Sequence[Window]) -> tuple[Allowance, ...]:
    """Read the windows of one style from an answer's headers, whose names are in lower case; what is missing is None.

    A window whose size is not told is left out: it costs one look to see that.
    """
    return tuple([_allowance(headers, window) for window in windows if window.limit in headers])


def text_allowances(said: Said, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
    """Read the window that a 429 in the common grammar is about."""
    del headers  # they tell of every window, the text of the one that is spent
    found = _GRAMMAR.search(said.message)
    counted = _DIMENSIONS.get(found["dimension"]) if found else None
    if found is None or counted is None:
        return ()
    limit, used = _number(found["limit"]), _number(found["used"])
    remaining = None if limit is None or used is None else max(0, limit - used)
    return (Allowance(*counted, limit=limit, remaining=remaining, reset_s=stated_wait_s(said.message)),)


def free_limits(said: Said, headers: Mapping[str, str]) -> tuple[Allowance, ...]:
    """Read OpenRouter's 429 for its free models: the text names the window, the headers of the error its size."""
    found = _FREE.search(said.message)
    if found is None:
        return ()
    return (
        Allowance(
            "requests",
            "day" if found[1].lower() == "day" else "minute",
            limit=_number(headers.get(f"{_RATE}limit")),
            remaining=_number(headers.get(f"{_RATE}remaining")),
            reset_s=wait_s(headers.get(f"{_RATE}reset", ""), headers),
        ),
    )


def is_too_large(said: Said) -> bool:
    """Tell whether one request alone is above the limit: waiting cannot help it, another upstream may."""
    found = _TOO_LARGE.search(said.message)
    limit, requested = (_number(found["limit"]), _number(found["requested"])) if found else (None, None)
    return limit is not None and requested is not None and requested > limit


def with_headers(failure: Failure, allowances: tuple[Allowance, ...]) -> Failure:
    """Return a 429 that named no window itself with those of its headers; any other failure as it is."""
    if failure.word != "rate_limited" or failure.allowances or not allowances:
        return failure
    spent = longest([allowance.period for allowance in allowances if allowance.remaining == 0])
    return structs.replace(failure, allowances=allowances, window=failure.window or spent)


def _allowance(headers: Mapping[str, str], window: Window) -> Allowance:
    reset_s = wait_s(headers.get(window.reset, ""), headers)
    period = window.period
    if period == "minute" and window.counts == "requests" and reset_s is not None and reset_s > _MINUTE_S:
        # No minute takes longer than that: OpenAI's lowest tiers have requests by the day, under the same names (7m12s)
        period = "day"
    limit, remaining = _number(headers.get(window.limit)), _number(headers.get(window.remaining))
    return Allowance(window.counts, period, limit, remaining, reset_s)


def _number(text: str | None) -> int | None:
    """Read a count, perhaps with commas in it or a fraction behind it; None for anything else."""
    whole = (text or "").strip().replace(",", "").partition(".")[0]
    return int(whole) if whole.isascii() and whole.isdecimal() and len(whole) < 16 else None
