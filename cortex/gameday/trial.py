"""One fault of the wall: what happens, what is expected, and what came of it. Pure."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct, field

from cortex.gameday.seen import Seen


class Outcome(Struct, kw_only=True):
    """What a trial found."""

    saw: str = ""
    """What the client saw, in a few words."""
    attempts: int | None = None
    """At the request of which that is told; None where it is about many."""
    seconds: float = 0.0
    """How long that client waited in all."""
    missed: list[str] = field(default_factory=list)
    """What was expected and did not hold; empty when it passed."""

    @classmethod
    def of(cls, seen: Seen, *, attempts: int | None = None) -> "Outcome":
        """Begin with one answer."""
        tried = seen.attempts if attempts is None else attempts
        return cls(saw=seen.says(), attempts=tried, seconds=round(seen.total_s, 2))

    def expect(self, what: str, holds: object) -> None:
        """Note what should hold."""
        if not holds:
            self.missed.append(what)


class Trial(Struct, frozen=True):
    """One fault."""

    name: str
    happens: str
    expected: str
    run: Callable[[Any], Awaitable[Outcome]]
    """Called with an `arena.Arena` in which nothing is started yet."""


class Result(Struct, frozen=True, kw_only=True):
    """One line of the card."""

    name: str
    happens: str
    expected: str
    passed: bool
    saw: str
    attempts: int | None
    seconds: float
    missed: list[str]


def result_of(trial: Trial, outcome: Outcome) -> Result:
    """Put a trial and what came of it together."""
    return Result(
        name=trial.name,
        happens=trial.happens,
        expected=trial.expected,
        passed=not outcome.missed,
        saw=outcome.saw,
        attempts=outcome.attempts,
        seconds=outcome.seconds,
        missed=outcome.missed,
    )
