"""What a sender may be told instead of an answer.

ActorDeadError          pykka's: the actor ended before it took the message, or before it answered
  NoSuchActor           nobody has that name now
MailboxFull             the actor lives, and has too much to do
HandlerCrashed          the message itself made the actor crash; do not send it again
AlreadyAnswered         a second answer to one question: a bug of the answering side
ChildError              a supervisor's no
  ChildExists, NoSuchChild, StartFailed
"""

# ruff: noqa: N818  they are named for what happened

from pykka import ActorDeadError

from cortex.actors.reason import Reason

__all__ = [
    "ActorDeadError",
    "AlreadyAnswered",
    "ChildError",
    "ChildExists",
    "HandlerCrashed",
    "MailboxFull",
    "NoSuchActor",
    "NoSuchChild",
    "StartFailed",
]


class NoSuchActor(ActorDeadError):
    """Nobody has the name, now; a restart may be going on."""


class MailboxFull(Exception):
    """The bounded mailbox of a living actor has no room."""


class HandlerCrashed(Exception):
    """The actor crashed, or hung, on this very message; `__cause__` is what it raised."""


class AlreadyAnswered(Exception):
    """A future was given a second answer."""


class ChildError(Exception):
    """A supervisor cannot do what it is asked."""


class ChildExists(ChildError):
    """A child of that name is there already, running or not."""


class NoSuchChild(ChildError):
    """The supervisor has no child of that name."""


class StartFailed(ChildError):
    """The child did not start."""

    def __init__(self, name: str, reason: Reason) -> None:
        super().__init__(f"{name} did not start: {reason}")
        self.name = name
        self.reason = reason
        self.__cause__ = reason.cause
