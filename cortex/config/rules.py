"""`[smart] rules`: what a user knows better than the table, one line each. Pure.

A rule is a condition, an arrow and names, best first: `code > 0.6 and tools → qwen3-coder, best`. The condition asks for a
kind of prompt, how hard it is, and what comes with it; the names are models, or aliases of `[models]`. The first rule that
fits a prompt is the one that counts.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from cortex.config.problem import nearest, one_of

KINDS = ("code", "writing", "translation", "math", "extraction", "summary", "question", "chat")
"""The kinds of prompts, as `routing.prompt` tells them apart; tables have their columns in this order."""

WORDS = (*KINDS, "any", "images", "tools")
"""What a condition may begin with; only a kind and `any` may be compared with a number."""

SHAPE = "a condition, an arrow and names, as in 'code > 0.6 → qwen3-coder, best'"

_ARROW = re.compile(r"→|->")
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_TERM = re.compile(r"(?P<word>[^\s<>=]+)\s*(?:(?P<sign>[<>]=?)\s*(?P<bound>[^\s<>=]+))?")
_NAME = re.compile(r"[^\s,\[\]\"']+")


class Traits(Protocol):
    """What a rule looks at; `routing.prompt.Traits` has it."""

    @property
    def kind(self) -> str:
        """One of `KINDS`."""

    @property
    def difficulty(self) -> float:
        """From 0 to 1."""

    @property
    def has_images(self) -> bool:
        """Whether pictures come with it."""

    @property
    def has_tools(self) -> bool:
        """Whether the model may call tools."""


class RuleError(ValueError):
    """A line that is no rule: what was expected, what was found, and the nearest right word where there is one."""

    def __init__(self, expected: str, found: str, hint: str = "") -> None:
        self.expected, self.found, self.hint = expected, found, hint
        super().__init__(f"expected {expected}, found {found}" + (f" (did you mean {hint}?)" if hint else ""))


class Term(NamedTuple):
    """One demand of a condition."""

    word: str
    """One of `WORDS`."""
    sign: str = ""
    """How the difficulty compares with `bound`; empty where any difficulty will do."""
    bound: float = 0.0

    def fits(self, traits: Traits) -> bool:
        """Whether the prompt is as demanded."""
        word, sign, bound = self
        if word == "images":
            return traits.has_images
        if word == "tools":
            return traits.has_tools
        return word in {traits.kind, "any"} and (not sign or _compares(traits.difficulty, sign, bound))

    def __str__(self) -> str:
        return f"{self.word} {self.sign} {self.bound}" if self.sign else self.word


class Rule(Struct, frozen=True):
    """Which models a kind of prompt goes to. As text it is the line that `parse` reads."""

    terms: tuple[Term, ...]
    """All must fit."""
    names: tuple[str, ...]
    """Models or aliases, best first."""

    def fits(self, traits: Traits) -> bool:
        """Whether the rule is about this prompt."""
        return all(term.fits(traits) for term in self.terms)

    @property
    def condition(self) -> str:
        """The part before the arrow."""
        return " and ".join(str(term) for term in self.terms)

    def __str__(self) -> str:
        return f"{self.condition} → {', '.join(self.names)}"


def parse(line: str) -> Rule:
    """Read one rule. Raises RuleError.

    >>> parse("code > 0.6 and images -> [best]").names
    ('best',)
    """
    arrow = _ARROW.search(line)
    if arrow is None:
        raise RuleError(SHAPE, _quoted(line) if line.strip() else "nothing")
    terms = tuple(_term(text) for text in _AND.split(line[: arrow.start()].strip()))
    _check_together(terms)
    return Rule(terms, _names(line[arrow.end() :]))


def _term(text: str) -> Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise RuleError("a kind, or a kind and a bound such as '> 0.6'", _quoted(text) if text else "nothing")
    word = found["word"].lower()
    if word not in WORDS:
        raise RuleError(one_of(WORDS), _quoted(found["word"]), nearest(word, WORDS))
    if found["sign"] is None:
        return Term(word)
    if word in {"images", "tools"}:
        raise RuleError(f"{word} without a number, since it has no difficulty", _quoted(text))
    return Term(word, found["sign"], _bound(found["bound"]))


def _bound(text: str) -> float:
    try:
        bound = float(text)
    except ValueError:
        bound = -1.0
    if not 0.0 <= bound <= 1.0:
        raise RuleError("a difficulty between 0 and 1", _quoted(text))
    return bound


def _names(text: str) -> tuple[str, ...]:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    names = tuple(_unquoted(part.strip()) for part in text.split(","))
    for name in names:
        if not _NAME.fullmatch(name):
            raise RuleError("names of models or aliases, parted by commas", _quoted(text) if text else "nothing")
    return names


def _check_together(terms: Sequence[Term]) -> None:
    """Refuse a condition that no prompt can meet. Raises RuleError."""
    kinds = list(dict.fromkeys(term.word for term in terms if term.word in KINDS))
    if len(kinds) > 1:
        raise RuleError("one kind, since a prompt has one (write a rule for each)", f"'{' and '.join(kinds)}'")
    bounds = [term for term in terms if term.sign]
    edges = {0.0, 1.0, *(term.bound for term in bounds)}
    between = {(low + high) / 2 for low in edges for high in edges}
    if not any(all(_compares(at, term.sign, term.bound) for term in bounds) for at in edges | between):
        raise RuleError("bounds that some difficulty from 0 to 1 meets", f"'{' and '.join(map(str, bounds))}'")


def _compares(difficulty: float, sign: str, bound: float) -> bool:
    if sign == ">":
        return difficulty > bound
    if sign == ">=":
        return difficulty >= bound
    return difficulty < bound if sign == "<" else difficulty <= bound


def _unquoted(text: str) -> str:
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _quoted(text: str) -> str:
    return f"'{text.strip()[:60]}'"
