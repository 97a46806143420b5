"""Why an actor ended. Pure."""

import traceback
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "normal",  # it was done
    "shutdown",  # it was told to, or its supervisor gave up
    "crashed",  # a handler, its start or a task of its own raised
    "killed",  # it did not end in time when told to, or its supervisor went down
    "hung",  # it did not come back from a message
    "start_timeout",  # it did not acknowledge its start in time
    "start_failed",  # a supervisor whose first children did not all start
]

EXPECTED: frozenset[Kind] = frozenset({"normal", "shutdown"})
"""The ends that a transient child may come to without being restarted."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an actor ended, in one word, and in a few more for people."""

    kind: Kind
    detail: str = ""
    cause: BaseException | None = None

    @property
    def is_expected(self) -> bool:
        """Whether this end is no failure."""
        return self.kind in EXPECTED

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


NORMAL = Reason("normal")
SHUTDOWN = Reason("shutdown")


def trace_of(error: BaseException | None) -> str:
    """Return the traceback as text, without the values of variables: those may be prompts or keys."""
    return "".join(traceback.format_exception(error)) if error is not None else ""


def crashed(cause: BaseException, during: str = "") -> Reason:
    """Return the reason of an actor in which `cause` was raised; `during` names what it was at."""
    what = f"{type(cause).__name__}: {cause}"
    return Reason("crashed", f"{what} (in {during})" if during else what, cause)
