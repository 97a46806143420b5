"""What a supervisor can be asked, and its answers."""

from dataclasses import dataclass
from typing import Any

from cortex.actors.ref import Ref
from cortex.actors.roster import State
from cortex.actors.spec import ChildKind, ChildSpec, Restart


@dataclass(frozen=True, slots=True)
class StartChild:
    """Add a child and start it, the last in order. Answered with its Ref, when it has acknowledged its start.

    Fails with ChildExists, a SpecError, or StartFailed; a spec whose first start fails is not kept.
    """

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class TerminateChild:
    """Stop a child and keep its spec (a temporary child's goes). Answered when it has ended; fails with NoSuchChild."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteChild:
    """Stop a child if it runs, and drop its spec. Answered when it has ended; fails with NoSuchChild."""

    name: str


@dataclass(frozen=True, slots=True)
class RestartChild:
    """Stop a child if it runs, and start it; does not count against the intensity. Answered with its Ref.

    Fails with NoSuchChild, or with StartFailed; then it is tried again like any restart.
    """

    name: str


@dataclass(frozen=True, slots=True)
class WhichChildren:
    """Answered at once with a list of ChildInfo, in the order of their start."""


@dataclass(frozen=True, slots=True)
class CountChildren:
    """Answered at once with Counts."""


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """One child, as WhichChildren answers it."""

    name: str
    kind: ChildKind
    restart: Restart
    state: State
    restarts: int
    """Since its spec was added."""
    ref: Ref[Any] | None
    """None while it is stopped."""


@dataclass(frozen=True, slots=True)
class Counts:
    """The children in numbers, as CountChildren answers it."""

    specs: int
    active: int
    """Those that have an actor, starting and stopping ones included."""
    supervisors: int
    workers: int
