"""What tokens cost: the built-in price book, and what the settings say instead. Pure.

A table of prices is wrong within a week: launch prices end, long prompts cost more, one provider has peak hours. So a
price is asked for at a moment, and a row of `prices.json` may hold dates, tiers by the length of the prompt and peak
hours beside its base. Money is whole nano-dollars: a thousandth of the price of the cheapest token.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Literal

import msgspec
from msgspec import Struct, field

from cortex.chat import Usage
from cortex.config.model import Price as Override

_NANO_PER_PRICE = 1_000
"""A price of 1 USD for a million tokens is so many nano-dollars for one."""


class Rate(Struct, frozen=True, kw_only=True):
    """USD for a million tokens."""

    input: float
    output: float
    cached_input: float | None = None
    """Of the part of a prompt that the provider had cached; None: as `input`."""


class Tier(Rate, frozen=True, kw_only=True):
    """The rate of a whole request whose prompt is longer than this."""

    above_input_tokens: int


class Dated(Rate, frozen=True, kw_only=True):
    """The rate from a day on (UTC)."""

    since: date = field(name="from")


class Peak(Struct, frozen=True, kw_only=True):
    """When a row's base holds, in UTC; at other times `off_peak` does."""

    weekdays: tuple[int, ...]
    """0 is Monday."""
    hours: tuple[tuple[int, int], ...]
    """From the first of each pair until before the second."""


class Price(Rate, frozen=True, kw_only=True):
    """What a model costs at one moment."""

    tiers: tuple[Tier, ...] = ()
    """By rising length of the prompt."""


class Row(Price, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of `prices.json`."""

    provider: str
    model: str
    """May hold `*`; a row without is asked first."""
    kind: Literal["chat", "embedding"] = "chat"
    schedule: tuple[Dated, ...] = ()
    """By rising date."""
    off_peak: Rate | None = None
    peak_utc: Peak | None = None
    source: str
    date: str
    """When the source was read."""
    note: str = ""


def read_rows(text: bytes) -> tuple[Row, ...]:
    """Read a price book. Raises msgspec.ValidationError with the place of what is wrong."""
    return msgspec.json.decode(text, type=tuple[Row, ...])


class PriceBook:
    """The built-in prices with those of the settings in front."""

    def __init__(self, rows: tuple[Row, ...], overrides: Mapping[str, Override]) -> None:
        self._exact = {(row.provider, row.model): row for row in rows if "*" not in row.model}
        self._wild = [row for row in rows if "*" in row.model]
        self._overrides = {
            model: Price(input=said.input, output=said.output, cached_input=said.cached_input)
            for model, said in overrides.items()
        }

    def price_of(self, provider: str, model: str, at: float) -> Price | None:
        """Return what `model` costs at `at` (wall-clock seconds); None where nobody knows, as of a local machine's.

        A price of the settings counts whoever answers; without a `provider` the first row of that model does.
        """
        override = self._overrides.get(model)
        if override is not None:
            return override
        row = self._exact.get((provider, model)) or next(
            (row for row in self._wild if row.provider == provider and fnmatchcase(model, row.model)), None
        )
        if row is None and not provider:
            row = next((row for (_, name), row in self._exact.items() if name == model), None)
        return None if row is None else _at(row, datetime.fromtimestamp(at, UTC))


def cost(price: Price, usage: Usage) -> int:
    """Return what `usage` costs, in nano-dollars. Long prompts cost their tier's rate as a whole."""
    tiers = [tier for tier in price.tiers if usage.input_tokens > tier.above_input_tokens]
    rate: Rate = tiers[-1] if tiers else price
    cached_rate = rate.input if rate.cached_input is None else rate.cached_input
    cached = min(usage.cached_tokens, usage.input_tokens)
    fresh = usage.input_tokens - cached
    return round((fresh * rate.input + cached * cached_rate + usage.output_tokens * rate.output) * _NANO_PER_PRICE)


def _at(row: Row, moment: datetime) -> Price:
    rate: Rate = row
    if row.off_peak is not None and row.peak_utc is not None and not _is_peak(row.peak_utc, moment):
        rate = row.off_peak
    for dated in row.schedule:
        if moment.date() >= dated.since:
            rate = dated
    tiers = row.tiers if rate is row else ()
    return Price(input=rate.input, output=rate.output, cached_input=rate.cached_input, tiers=tiers)


def _is_peak(peak: Peak, moment: datetime) -> bool:
    return moment.weekday() in peak.weekdays and any(start <= moment.hour < end for start, end in peak.hours)


ROWS = read_rows(files("cortex.config").joinpath("prices.json").read_bytes())
"""The built-in price book."""
