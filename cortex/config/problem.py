"""A mistake in the settings, as a person needs it said: where, what was expected, what was found. Pure.

What is *found* never gives a key away: it shows text as the file has it (`$NAME`, not its value), cuts what is long,
and for a key says only what kind of value stands there.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn

from msgspec import Struct

from cortex.config.lines import Lines, Path

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST = 40
_CLOSE = 0.6
_LARGEST = 10**15  # a longer integer says nothing to a reader, and one of 5,000 digits cannot be written


class Problem(Struct, frozen=True):
    """One mistake; as text it is a line that editors and terminals can jump to."""

    file: str
    """As it was given on the command line; empty when `key` is an environment variable."""
    line: int
    """From 1, of the key or, for a missing key, of its table; 0 where there is none."""
    key: str
    """Dotted, in full; an environment variable's name; empty when the file as a whole is meant."""
    expected: str
    found: str
    hint: str = ""
    """The nearest right key or value, or empty."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        said = f"expected {self.expected}, found {self.found}" + (f" (did you mean {self.hint}?)" if self.hint else "")
        return ": ".join(part for part in (where, self.key, said) if part)


class Unusable(Exception):  # noqa: N818  it says what a value is; the mistakes are in the report
    """Raised where a value cannot be used, after its problem was reported."""


class Report:
    """All problems of one reading, in the order they were found."""

    def __init__(self, file: str, lines: Lines) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._lines = lines
        self._settled: set[Path] = set()

    def add(self, path: Path, expected: str, found: str, hint: str = "") -> None:
        """Report a mistake at `path`; a place that was `settled` is left alone."""
        if path not in self._settled:
            self.problems.append(Problem(self._file, self._lines.of(path), dotted(path), expected, found, hint))

    def settled(self, path: Path) -> None:
        """Take no more problems at `path`: its cause is reported already."""
        self._settled.add(path)

    def add_variable(self, name: str, expected: str, found: str, hint: str = "") -> None:
        """Report a mistake in the environment variable `name`."""
        self.problems.append(Problem("", 0, name, expected, found, hint))


class Place:
    """Where in the file a value stands, and how to refuse it."""

    __slots__ = ("path", "report")

    def __init__(self, report: Report, path: Path = ()) -> None:
        self.report = report
        self.path = path

    def into(self, step: str | int) -> "Place":
        """Return the place of one entry of the table or array here."""
        return Place(self.report, (*self.path, step))

    def add(self, expected: str, found: str, hint: str = "") -> None:
        """Report a mistake here and go on."""
        self.report.add(self.path, expected, found, hint)

    def refuse(self, expected: str, found: str, hint: str = "") -> NoReturn:
        """Report a mistake here. Raises Unusable."""
        self.add(expected, found, hint)
        raise Unusable


class Variable(Place):
    """A value that an environment variable gave; the variable is named instead of a line."""

    __slots__ = ("name",)

    def __init__(self, report: Report, name: str) -> None:
        super().__init__(report)
        self.name = name

    def add(self, expected: str, found: str, hint: str = "") -> None:
        """Report a mistake in the variable and go on."""
        self.report.add_variable(self.name, expected, found, hint)


def dotted(path: Path) -> str:
    """Write a path as TOML would, with `[n]` for an entry of an array.

    >>> dotted(("workers", "my gpu", "keys", 0))
    'workers."my gpu".keys[0]'
    """
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _BARE.fullmatch(step) else _quoted(step))
    return text


def shown(value: object) -> str:
    """Write a value of the file as `found` may show it: as written, cut when long, on one line.

    >>> shown("lokal_first"), shown(True), shown([1])
    ('"lokal_first"', 'true', 'an array')
    """
    if isinstance(value, str):
        return _quoted(getattr(value, "written", value))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) < _LARGEST:
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    return kind_of(value)


def kind_of(value: object) -> str:
    """Name the type of a TOML value, and nothing of what it says."""
    names = {
        bool: "a boolean",
        int: "an integer",
        float: "a number",
        str: "a string",
        dict: "a table",
        list: "an array",
    }
    return next((name for kind, name in names.items() if isinstance(value, kind)), "a date or time")


def nearest(word: str, words: Iterable[str]) -> str:
    """Return the one of `words` that `word` was most likely meant to be, or nothing."""
    by_lower = {candidate.lower(): candidate for candidate in words}
    close = get_close_matches(word[:_LONGEST].lower(), by_lower, n=1, cutoff=_CLOSE)
    return by_lower[close[0]] if close else ""


def one_of(words: Iterable[str]) -> str:
    """Write `a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _quoted(text: str) -> str:
    cut = text if len(text) <= _LONGEST else text[: _LONGEST // 2] + "…"
    return '"' + "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut).replace('"', '\\"') + '"'
