"""How hard a prompt each model still answers well: `strengths.toml`, and what the user says otherwise. Pure.

A name is first made plain: without its vendor, `:latest` and `:free`, in lower case, `llama-3.3` and `llama3.3` alike. Then
the pattern with the most letters of its own that meets it decides. A row of `[models]` gives the strengths; a row of
`[families]` what to add to a formula of the size, which is read from the name (`:4b`, `-27b`, `26b-a4b`, `8x7b`). A name that
no row meets is worth what its size says, and one without a size what the formula says of a small model.
"""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.resources import files
from math import log10, sqrt
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec import Struct

from cortex.config.rules import KINDS

Overrides = Mapping[str, Mapping[str, float] | float]
"""By a model's name or a pattern of names: one strength for all kinds, or strengths by kind."""

NONE: Overrides = MappingProxyType({})

Row = tuple[float, ...]
"""A value for each of `KINDS`, in their order."""

MODELS_KEPT = 4096
"""Names whose strengths are remembered; more than any fleet has."""

_VARIANT = re.compile(r":(?:latest|free)$")
_DASH = re.compile(r"(?<=[a-z])-(?=\d)")
_SIZE = re.compile(r"(?<![a-z0-9.])(?:(?P<experts>\d+)x)?e?(?P<number>\d+(?:\.\d+)?)(?P<unit>[bm])(?![a-z0-9])")
_ACTIVE = re.compile(r"(?<![a-z0-9])a(?P<number>\d+(?:\.\d+)?)b(?![a-z0-9])")


class Size(Struct, frozen=True, forbid_unknown_fields=True):
    """Strength by size: `base + per_decade · log10(billions of parameters)`, and what the kind adds."""

    base: float
    per_decade: float
    unknown: float
    """Billions of parameters of what nobody knows."""
    least: float
    most: float
    kinds: Row


class Family(Struct, frozen=True, forbid_unknown_fields=True):
    """Models of one make in several sizes."""

    latest: float
    """Billions of parameters behind the bare name."""
    above: Row
    """What it adds to the formula."""
    active: float | None = None
    """Of a mixture of experts, how many billions work at once, where the tag does not tell."""


class Table(Struct, frozen=True, forbid_unknown_fields=True):
    """What `strengths.toml` says; patterns as they are compared."""

    kinds: tuple[str, ...]
    size: Size
    models: Mapping[str, Row]
    families: Mapping[str, Family]


def read_table(text: str) -> Table:
    """Read a table. Raises msgspec.ValidationError, and ValueError where the columns are not those of `KINDS`."""
    table = msgspec.toml.decode(text, type=Table)
    if table.kinds != KINDS:
        raise ValueError(f"the columns are {table.kinds}, not {KINDS}")
    rows = [table.size.kinds, *table.models.values(), *(family.above for family in table.families.values())]
    if any(len(row) != len(KINDS) for row in rows):
        raise ValueError(f"a row has not {len(KINDS)} values")
    return msgspec.structs.replace(
        table,
        models={plain(name): row for name, row in table.models.items()},
        families={plain(name): family for name, family in table.families.items()},
    )


def strength(model: str, kind: str, overrides: Overrides = NONE) -> float:
    """Return how hard a prompt of that kind, from 0 to 1, `model` still answers well.

    An override counts for the kinds that it names, the table for the others. Raises KeyError for what is no kind.
    """
    if overrides:
        own = _override(model, overrides)
        said = own if not isinstance(own, Mapping) else own.get(kind)
        if said is not None:
            return float(said)
    return _profile(model)[kind]


@lru_cache(MODELS_KEPT)
def plain(model: str) -> str:
    """Return the name that patterns are compared with.

    >>> plain("@cf/meta/Llama-3.3-70b"), plain("qwen3:latest"), plain("gpt-oss:20b:free")
    ('llama3.3-70b', 'qwen3', 'gpt-oss:20b')
    """
    return _DASH.sub("", _bare(model))


class Billions(NamedTuple):
    """A model's parameters as its name tells them; None where it does not."""

    whole: float | None
    active: float | None
    """Of a mixture of experts."""


def billions(model: str) -> Billions:
    """Read a model's size in its name.

    >>> billions("qwen3:4b-q4_K_M"), billions("gemma-4-26b-a4b-it"), billions("mistral")
    (Billions(whole=4.0, active=None), Billions(whole=26.0, active=4.0), Billions(whole=None, active=None))
    """
    name = _bare(model)
    found = _SIZE.search(name)
    if found is None:
        return Billions(None, None)
    each = float(found["number"]) / (1000.0 if found["unit"] == "m" else 1.0)
    if found["experts"]:
        return Billions(each * float(found["experts"]), each)
    active = _ACTIVE.search(name)
    return Billions(each, float(active["number"]) if active else None)


def _bare(model: str) -> str:
    return _VARIANT.sub("", model.rpartition("/")[2].lower())


@lru_cache(MODELS_KEPT)
def _profile(model: str) -> Mapping[str, float]:
    pattern = _closest((plain(model),), (*TABLE.models, *TABLE.families))
    row = TABLE.models.get(pattern) or _by_size(billions(model), TABLE.families.get(pattern) or _unknown())
    return dict(zip(KINDS, row, strict=True))


def _by_size(size: Billions, family: Family) -> Row:
    """Apply the formula; what works at once of a mixture counts as much as how much there is."""
    whole = size.whole or family.latest
    active = size.active or family.active or whole
    formula = TABLE.size
    base = formula.base + formula.per_decade * log10(sqrt(whole * active))
    return tuple(
        round(min(formula.most, max(formula.least, base + kind + more)), 3)
        for kind, more in zip(formula.kinds, family.above, strict=True)
    )


def _unknown() -> Family:
    return Family(TABLE.size.unknown, (0.0,) * len(KINDS))


def _override(model: str, overrides: Overrides) -> Mapping[str, float] | float | None:
    """Return the nearest override; only a pattern may speak of vendors and variants (`openai/*`, `*:free`)."""
    by_pattern = {_DASH.sub("", name.lower()) if "*" in name else plain(name): own for name, own in overrides.items()}
    return by_pattern.get(_closest((plain(model), _DASH.sub("", model.lower())), tuple(by_pattern)))


def _closest(names: tuple[str, ...], patterns: tuple[str, ...]) -> str:
    """Return the pattern that meets one of `names` with the most letters of its own; empty for none."""
    meeting = [pattern for pattern in patterns if any(fnmatchcase(name, pattern) for name in names)]
    return max(meeting, key=lambda pattern: len(pattern.replace("*", "")), default="")


TABLE = read_table(files("cortex.routing").joinpath("strengths.toml").read_text("utf-8"))
"""Read once."""
