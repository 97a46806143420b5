"""Which models the built-in price book knows, for names in the settings. Pure but for one file of the package."""

from functools import cache
from importlib.resources import files

import msgspec


class _Row(msgspec.Struct, frozen=True):
    model: str


@cache
def priced_models() -> frozenset[str]:
    """Return the names in `prices.json`, patterns left out."""
    rows = msgspec.json.decode(files("cortex.config").joinpath("prices.json").read_bytes(), type=tuple[_Row, ...])
    return frozenset(row.model for row in rows if "*" not in row.model)
