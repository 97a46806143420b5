"""The messages that keep the tree itself going; everything else in a mailbox is an actor's own affair.

A signal has no bound in a mailbox and is never handed on to a later incarnation: it concerns the one it was sent to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cortex.actors.reason import SHUTDOWN, Reason

if TYPE_CHECKING:
    import asyncio

    from pykka._envelope import Envelope

    from cortex.actors.ref import Ref


class Signal:
    """What all of them are."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Stop(Signal):
    """End, when what is in the mailbox before this has been handled."""

    reason: Reason = SHUTDOWN


@dataclass(frozen=True, slots=True)
class Kill(Signal):
    """Crash, as if the handler of this message had raised. For tests and chaos."""

    reason: str


@dataclass(frozen=True, slots=True)
class Started(Signal):
    """A child acknowledges its start to its supervisor."""

    name: str
    ref: "Ref[Any]"


@dataclass(frozen=True, slots=True)
class Down(Signal):
    """A child has ended; sent once for each incarnation, to its supervisor."""

    name: str
    ref: "Ref[Any] | None"
    """Which incarnation; None when the start made no actor at all."""
    reason: Reason
    leftovers: "tuple[Envelope[Any], ...]" = ()
    """What it had not begun to handle, in order."""
    trouble: BaseException | None = None
    """What its `on_terminate` raised."""


@dataclass(frozen=True, slots=True)
class Late(Signal):
    """Messages that reached a mailbox just after its actor had ended (from other threads)."""

    name: str
    leftovers: "tuple[Envelope[Any], ...]"


@dataclass(frozen=True, slots=True)
class FromSelf(Signal):
    """An actor's message to itself, from one of its timers."""

    message: Any


@dataclass(frozen=True, slots=True)
class TaskEnded(Signal):
    """A task that the actor owns is done."""

    task: "asyncio.Task[Any]"
    then: Callable[[Any], object] | None
