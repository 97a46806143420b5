"""The kinds of value a key may have: how each is read, and the words in which it is asked for. Pure.

A kind is a function from a TOML value and its place to what the model holds. One that cannot use the value reports what
it expected and raises Unusable; the readers of arrays and tables go on to the next entry first, so that one pass finds
all. Types are strict: a boolean is no number and "5" is not 5.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from cortex.config import units
from cortex.config.addresses import UrlError, base_url
from cortex.config.plugins import OWN_STRATEGIES, PluginError, load_strategy, strategy_names
from cortex.config.problem import Place, Unusable, kind_of, nearest, one_of, shown
from cortex.config.references import Resolved
from cortex.config.rules import KINDS, Rule, RuleError, parse
from cortex.config.secret import Secret

T = TypeVar("T")
Kind = Callable[[object, Place], T]

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_KEY = re.compile(r"[!-~]+")  # what may stand in a header's value: no space, no line break, ASCII only
_LONGEST_S = 366 * 86_400.0
_LARGEST_BYTES = 1024**5


def text(value: object, place: Place) -> str:
    """Read a string that says something."""
    if isinstance(value, str) and value.strip():
        return str(value)
    return place.refuse("a string that is not empty", shown(value))


def boolean(value: object, place: Place) -> bool:
    """Read true or false."""
    return value if isinstance(value, bool) else place.refuse("true or false", shown(value))


def integer(low: int, high: int) -> Kind[int]:
    """Make the kind of whole numbers from `low` to `high`."""

    def read(value: object, place: Place) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        return place.refuse(f"a whole number from {low} to {high}", shown(value))

    return read


def number(low: float, high: float, *, above: bool = False) -> Kind[float]:
    """Make the kind of numbers from `low` (with `above`: from just above it) to `high`; never nan."""
    bounds = f"above {low:g} and up to {high:g}" if above else f"from {low:g} to {high:g}"

    def read(value: object, place: Place) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            within = low < value <= high if above else low <= value <= high  # nan is not
            if within:
                return float(value)
        return place.refuse(f"a number {bounds}", shown(value))

    return read


def duration(value: object, place: Place) -> float:
    """Read a duration above zero, in seconds."""
    with suppress(ValueError):
        if isinstance(value, str) and 0 < (value_s := units.seconds(value)) <= _LONGEST_S:
            return value_s
    expected = f"a duration above zero and up to 366d, as a string with a unit ({' '.join(units.DURATIONS)})"
    return place.refuse(expected, shown(value), _with_unit(value, "s"))


def size(value: object, place: Place) -> int:
    """Read a size of at least one byte, in bytes."""
    with suppress(ValueError):
        if isinstance(value, str) and 0 < (value_bytes := units.size_bytes(value)) <= _LARGEST_BYTES:
            return value_bytes
    return place.refuse(
        'a size above zero, as a string with a unit ("32MB", "1GiB")', shown(value), _with_unit(value, "MB")
    )


def _with_unit(value: object, unit: str) -> str:
    """Guess what was meant by a bare number: most often it lacks just its unit."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1_000_000:
        return f'"{value}{unit}"'
    if isinstance(value, str) and not isinstance(value, Resolved) and re.fullmatch("[1-9][0-9]{0,5}", value):
        return f'"{value}{unit}"'
    return ""


def keep_alive(value: object, place: Place) -> str:
    """Read how long Ollama keeps a model: a duration, zero included, or -1 for ever.

    Returned in the notation of Go, which has no days.
    """
    if isinstance(value, int | str) and str(value) in {"-1", "-1s", "-1m"}:
        return "-1s"
    with suppress(ValueError):
        if isinstance(value, str) and (value_s := units.seconds(value)) <= _LONGEST_S:
            return f"{value_s:g}s" if "d" in value else str(value)
    return place.refuse('a duration with a unit ("10m", "0s"), or -1 for ever', shown(value), _with_unit(value, "s"))


def choice(*words: str) -> Kind[Any]:
    """Make the kind of one of `words`."""

    def read(value: object, place: Place) -> str:
        if value in words:
            return str(value)
        return place.refuse(one_of(words), shown(value), nearest(value, words) if isinstance(value, str) else "")

    return read


def strategy(value: object, place: Place) -> str:
    """Read the name of a routing strategy: one of Córtex's own, or of an installed package, which is loaded at once."""
    if value in OWN_STRATEGIES:
        return str(value)
    words = strategy_names()
    if value not in words:
        place.refuse(one_of(words), shown(value), nearest(value, words) if isinstance(value, str) else "")
    try:
        load_strategy(str(value))
    except PluginError as error:
        place.refuse("a strategy that can be loaded", f"{shown(value)}: {error}")
    return str(value)


def rule(value: object, place: Place) -> Rule:
    """Read one line of `[smart] rules`."""
    try:
        return parse(text(value, place))
    except RuleError as error:
        return place.refuse(error.expected, error.found, error.hint)


def strength(value: object, place: Place) -> Mapping[str, float] | float:
    """Read how strong a model is: one number from 0 to 1, or a table of them by kind of prompt."""
    share = number(0, 1)
    return named(share, _kind_of_prompt)(value, place) if isinstance(value, dict) else share(value, place)


def _kind_of_prompt(name: str, place: Place) -> None:
    if name not in KINDS:
        place.refuse(f"a kind of prompt ({', '.join(KINDS)})", shown(name), nearest(name, KINDS))


def host(value: object, place: Place) -> str:
    """Read what to listen on: a host name or an IP address, nothing more."""
    if isinstance(value, str):
        with suppress(ValueError):
            return str(ipaddress.ip_address(value))
        if _HOST.fullmatch(value):
            return str(value)
    return place.refuse("a host name or an IP address, without scheme or port", shown(value))


def url(value: object, place: Place) -> str:
    """Read the base URL of an upstream."""
    if not isinstance(value, str):
        place.refuse("an http:// or https:// URL", shown(value))
    try:
        return base_url(value)
    except UrlError as problem:
        hint = "" if isinstance(value, Resolved) else problem.hint
        return place.refuse("an http:// or https:// URL", problem.found or shown(value), hint)


def secret(value: object, place: Place) -> Secret:
    """Read a key. What is wrong with it is told without showing it."""
    if isinstance(value, str) and _KEY.fullmatch(value):
        return Secret(str(value))
    found = "a string with other characters, or with none" if isinstance(value, str) else kind_of(value)
    return place.refuse("a key: a string of visible ASCII characters, best as $NAME", found)


def many(kind: Kind[T], *, least: int = 0, once: bool = True) -> Kind[tuple[T, ...]]:
    """Make the kind of an array of `kind`, with at least `least` entries and, with `once`, none of them twice."""

    def read(value: object, place: Place) -> tuple[T, ...]:
        if not isinstance(value, list):
            place.refuse("an array [ … ]", kind_of(value))
        if len(value) < least:
            place.refuse(f"an array of at least {least}", "an empty one")
        entries: list[T] = []
        for index, entry in enumerate(value):
            with suppress(Unusable):
                item = kind(entry, place.into(index))
                if once and item in entries:
                    place.into(index).add("each entry once", f"the same as entry {entries.index(item) + 1}")
                entries.append(item)
        if len(entries) < len(value):
            raise Unusable
        return tuple(entries)

    return read


def named(kind: Kind[T], name: Callable[[str, Place], None] | None = None) -> Kind[Mapping[str, T]]:
    """Make the kind of a table whose keys are free names (checked by `name`) and whose values are of `kind`."""

    def read(value: object, place: Place) -> Mapping[str, T]:
        if not isinstance(value, dict):
            place.refuse("a table", kind_of(value))
        entries: dict[str, T] = {}
        for key, entry in value.items():
            with suppress(Unusable):
                if name is not None:
                    name(key, place.into(key))
                entries[key] = kind(entry, place.into(key))
        if len(entries) < len(value):
            raise Unusable
        return entries

    return read
