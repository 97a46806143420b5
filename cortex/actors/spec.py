"""Child specs, and the two tables and one window that decide every restart. Pure.

Follows Erlang/OTP's `supervisor` (lib/stdlib/src/supervisor.erl): a spec is data, each of its fields has its own check
and its own error, and a bad one is found before anything starts.
"""

# ruff: noqa: N818  each check's error is named for what is wrong

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, get_args

from cortex.actors.reason import Reason

Restart = Literal["permanent", "transient", "temporary"]
Strategy = Literal["one_for_one", "one_for_all", "rest_for_one"]
ChildKind = Literal["worker", "supervisor"]


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How a supervisor starts, restarts and stops one child."""

    name: str
    """The name it is found by; unique in its tree."""
    start: Callable[[], Any]
    """Starts one actor and returns its Ref, at once: what takes time belongs into the actor's own start."""
    restart: Restart = "permanent"
    shutdown_s: float | None = 5.0
    """Seconds it may take to end when told to, before it is killed; 0 kills at once, None waits without end, which is
    right for a supervisor (its own children have their bounds)."""
    start_timeout_s: float = 5.0
    """Seconds until it must have acknowledged its start."""
    kind: ChildKind = "worker"


class SpecError(ValueError):
    """A child spec is wrong; nothing was started."""


class BadName(SpecError):
    """`name` is no text, or empty."""


class BadStart(SpecError):
    """`start` cannot be called."""


class BadRestart(SpecError):
    """`restart` is none of the three kinds."""


class BadShutdown(SpecError):
    """`shutdown_s` is neither None nor a number of seconds from 0."""


class BadStartTimeout(SpecError):
    """`start_timeout_s` is no number of seconds above 0."""


class BadKind(SpecError):
    """`kind` is neither worker nor supervisor."""


class DuplicateName(SpecError):
    """Two specs have one name."""


def _is_seconds(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0


_CHECKS: tuple[tuple[str, type[SpecError], str, Callable[[Any], bool]], ...] = (
    ("name", BadName, "a text that is not empty", lambda name: isinstance(name, str) and bool(name)),
    ("start", BadStart, "something to call", callable),
    ("restart", BadRestart, f"one of {get_args(Restart)}", lambda restart: restart in get_args(Restart)),
    ("shutdown_s", BadShutdown, "None or seconds from 0", lambda seconds: seconds is None or _is_seconds(seconds)),
    ("start_timeout_s", BadStartTimeout, "seconds above 0", lambda seconds: _is_seconds(seconds) and seconds > 0),
    ("kind", BadKind, f"one of {get_args(ChildKind)}", lambda kind: kind in get_args(ChildKind)),
)


def check_specs(specs: Iterable[ChildSpec]) -> tuple[ChildSpec, ...]:
    """Return `specs` when all are right; else raise the first wrong field's own SpecError.

    >>> check_specs([ChildSpec("a", start=print), ChildSpec("a", start=print)])
    Traceback (most recent call last):
    cortex.actors.spec.DuplicateName: two children are named 'a'
    """
    checked = tuple(specs)
    seen: set[str] = set()
    for spec in checked:
        for field, error, expected, is_right in _CHECKS:
            value = getattr(spec, field)
            if not is_right(value):
                raise error(f"child {spec.name!r}: {field}: expected {expected}, found {value!r}")
        if spec.name in seen:
            raise DuplicateName(f"two children are named {spec.name!r}")
        seen.add(spec.name)
    return checked


_RESTARTS: dict[tuple[Restart, bool], bool] = {
    # (restart, was the end expected?): start it again?
    ("permanent", True): True,
    ("permanent", False): True,
    ("transient", True): False,
    ("transient", False): True,
    ("temporary", True): False,
    ("temporary", False): False,
}


def should_restart(restart: Restart, reason: Reason) -> bool:
    """Tell whether a child that ended with `reason` is started again."""
    return _RESTARTS[restart, reason.is_expected]


_AFFECTED: dict[Strategy, Callable[[Sequence[str], int], Sequence[str]]] = {
    "one_for_one": lambda children, failed: children[failed : failed + 1],
    "one_for_all": lambda children, _failed: children,
    "rest_for_one": lambda children, failed: children[failed:],
}


def affected(strategy: Strategy, children: Sequence[str], failed: str) -> Sequence[str]:
    """Return whom the end of `failed` concerns, in the order of `children` (first started first).

    They are stopped latest first, then started again first first.

    >>> affected("rest_for_one", ["a", "b", "c"], "b")
    ['b', 'c']
    """
    return _AFFECTED[strategy](children, children.index(failed))


class RestartWindow:
    """Counts restarts: at most `max_restarts` within any `max_seconds`."""

    def __init__(self, max_restarts: int, max_seconds: float) -> None:
        self.max_restarts = max_restarts
        self.max_seconds = max_seconds
        self._stamps: list[float] = []

    def allow(self, now: float) -> bool:
        """Count one restart at `now` (monotonic seconds) and tell whether it may still be done.

        >>> window = RestartWindow(max_restarts=1, max_seconds=5.0)
        >>> window.allow(0.0), window.allow(5.0), window.allow(10.1)
        (True, False, True)
        """
        self._stamps = [stamp for stamp in self._stamps if now - stamp <= self.max_seconds]
        self._stamps.append(now)
        return len(self._stamps) <= self.max_restarts

    def __repr__(self) -> str:
        return f"<RestartWindow {len(self._stamps)} of {self.max_restarts} in {self.max_seconds:g} s>"
