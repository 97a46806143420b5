"""The actor that opens the answers' disk, writes behind, and clears."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from cortex.actors.actor import NO_REPLY, LoopActor, Reason, handles
from cortex.cache.answers import Answers
from cortex.cache.disk import Disk
from cortex.telemetry.events import Report

EVERY_S = 0.4
"""Between two writes."""


class Due(Struct, frozen=True):
    """Message to itself: write what there is."""


class Clear(Struct, frozen=True):
    """Asked by a person: forget every answer; answered with how many were in memory."""


class Keeper(LoopActor):
    """See the module's docstring. The answers outlive it; what a crash finds taken and not written is lost with it."""

    def __init__(self, *, answers: Answers, folder: Path, limit_bytes: int, report: Callable[[Report], None]) -> None:
        super().__init__()
        self._answers = answers
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._report = report
        self._is_failing = False
        self._being_written: dict[bytes, tuple[bytes, float]] = {}

    def on_start(self) -> None:
        """Open the disk, unless an earlier incarnation has."""
        self.own(asyncio.to_thread(Disk.open, self._folder, self._limit_bytes), then=self._opened)

    def on_terminate(self, reason: Reason) -> None:
        """Write what is left, and let go of the file; what a thread may still be writing is written again."""
        disk, self._answers.disk = self._answers.disk, Disk(None)
        disk.put({**self._being_written, **self._answers.take_waiting()})
        disk.close()

    @handles(Due)
    def due(self, _: Due) -> None:
        """Write what there is."""
        entries = self._being_written = self._answers.take_waiting()
        if entries:
            self.own(asyncio.to_thread(_written, self._answers.disk, entries), then=self._wrote)
        else:
            self.after(EVERY_S, Due())

    @handles(Clear)
    def clear(self, _: Clear) -> object:
        """Forget every answer."""
        count = self._answers.clear()
        asker = self.defer()
        self.own(asyncio.to_thread(self._answers.disk.clear), then=lambda _: self._cleared(asker.set, count))
        return NO_REPLY

    def _cleared(self, answer: Callable[[int], None], count: int) -> None:
        self._being_written = {}
        self._answers.clear()  # what came in between may be on the disk already
        self._answers.disk_bytes = 0
        answer(count)

    def _opened(self, opened: tuple[Disk, str]) -> None:
        self._answers.disk, warning = opened
        if warning:
            self._report(Report("cache without a disk", worker=self.name, facts={"why": warning}))
        self.own(asyncio.to_thread(self._answers.disk.size_bytes), then=self._measured)

    def _measured(self, size: int) -> None:
        self._answers.disk_bytes = size
        self.after(EVERY_S, Due())

    def _wrote(self, result: tuple[str, int]) -> None:
        trouble, self._answers.disk_bytes = result
        self._being_written = {}
        if trouble and not self._is_failing:
            self._report(Report("cache cannot write", worker=self.name, facts={"why": trouble}))
        elif self._is_failing and not trouble:
            self._report(Report("cache writes again", worker=self.name))
        self._is_failing = bool(trouble)
        self.after(EVERY_S, Due())


def _written(disk: Disk, entries: dict[bytes, tuple[bytes, float]]) -> tuple[str, int]:
    return disk.put(entries), disk.size_bytes()
