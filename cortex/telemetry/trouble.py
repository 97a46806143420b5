"""A trouble that is told when it begins and when it is over, and not at each try between. Pure."""

from collections.abc import Callable
from typing import Any

from cortex.telemetry.events import Report


class Trouble:
    """One thing that may fail for a while, such as the writing to a disk."""

    __slots__ = ("_began", "_is_on", "_over", "_report")

    def __init__(self, report: Callable[[Report], None], *, began: str, over: str) -> None:
        """Take the events that say that it `began`, and that it is `over`."""
        self._report = report
        self._began = began
        self._over = over
        self._is_on = False

    def note(self, why: str, *, worker: str = "", **facts: Any) -> None:
        """Note how a try went: why it failed, empty when it did not; `facts` are told where the trouble begins."""
        if why and not self._is_on:
            self._report(Report(self._began, worker=worker, facts={**facts, "why": why}))
        elif self._is_on and not why:
            self._report(Report(self._over, worker=worker))
        self._is_on = bool(why)
