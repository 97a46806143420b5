"""The actor that opens the answers' disk, writes behind, and clears."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from cortex.actors.actor import NO_REPLY, LoopActor, Reason, handles
from cortex.cache.answers import Answers
from cortex.cache.disk import Disk, Entries
from cortex.telemetry.events import Report
from cortex.telemetry.trouble import Trouble

EVERY_S = 0.4
"""Between two writes."""

LAST_WRITE_S = 2.0
"""How long the end waits for the disk; a cache is not worth more."""


class Due(Struct, frozen=True):
    """Message to itself: write what there is."""


class Clear(Struct, frozen=True):
    """Asked by a person: forget every answer; answered with how many were in memory."""


class Keeper(LoopActor):
    """See the module's docstring. The answers outlive it, those that wait to be written too."""

    def __init__(self, *, answers: Answers, folder: Path, limit_bytes: int, report: Callable[[Report], None]) -> None:
        super().__init__()
        self._answers = answers
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._report = report
        self._trouble = Trouble(report, began="cache cannot write", over="cache writes again")
        self._being_written: Entries = {}
        self._epoch = answers.epoch

    def on_start(self) -> None:
        """Open the disk."""
        self.own(asyncio.to_thread(Disk.open, self._folder, self._limit_bytes), then=self._opened)

    def on_terminate(self, reason: Reason) -> None:
        """Write what is left, as far as the disk does it in time; after a crash the next incarnation does.

        What a thread may still be writing is written again.
        """
        disk, self._answers.disk = self._answers.disk, Disk(None)
        self._answers.put_back(self._being_written)
        if reason.is_expected:
            last = threading.Thread(target=disk.put, args=(self._answers.take_waiting(),), daemon=True)
            last.start()
            last.join(LAST_WRITE_S)

    @handles(Due)
    def due(self, _: Due) -> None:
        """Write what there is."""
        entries = self._being_written = self._answers.take_waiting()
        if entries:
            epoch = self._answers.epoch
            writing = asyncio.to_thread(_written, self._answers.disk, entries, lambda: self._answers.epoch == epoch)
            self.own(writing, then=self._wrote)
        else:
            self.after(EVERY_S, Due())

    @handles(Clear)
    def clear(self, _: Clear) -> object:
        """Forget every answer."""
        count = self._answers.clear()
        self._being_written = {}
        asker = self.defer()
        self.own(asyncio.to_thread(self._answers.disk.clear), then=lambda _: self._cleared(asker.set, count))
        return NO_REPLY

    def _cleared(self, answer: Callable[[int], None], count: int) -> None:
        self._answers.clear()  # what came in between may be on the disk already
        self._answers.disk_bytes = 0
        answer(count)

    def _opened(self, opened: tuple[Disk, str]) -> None:
        self._answers.disk, warning = opened
        if warning:
            self._report(Report("cache without a disk", worker=self.name, facts={"why": warning}))
        is_stale = self._answers.epoch != self._epoch  # somebody cleared while it was opened
        self.own(asyncio.to_thread(_measure, self._answers.disk, is_stale=is_stale), then=self._measured)

    def _measured(self, size: int) -> None:
        self._answers.disk_bytes = size
        self.after(EVERY_S, Due())

    def _wrote(self, result: tuple[str, int]) -> None:
        trouble, self._answers.disk_bytes = result
        self._being_written = {}
        self._trouble.note(trouble, worker=self.name)
        self.after(EVERY_S, Due())


def _measure(disk: Disk, *, is_stale: bool) -> int:
    if is_stale:
        disk.clear()
    return disk.size_bytes()


def _written(disk: Disk, entries: Entries, wanted: Callable[[], bool]) -> tuple[str, int]:
    return disk.put(entries, wanted=wanted), disk.size_bytes()
