"""The actor that appends lines to a file a day, for what is written once and read later by a person or a command.

As the ledger it collects what others hold, every `EVERY_S`, and writes in a thread; a crash costs at most the last moment.
Files are named by their UTC day and deleted after `KEPT_DAYS`, unless `write` does it another way. Where the disk will not take
them the lines are given up, with one event when that begins and one when it ends: they are evidence, not state.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import Struct

from cortex.actors.actor import LoopActor, Reason, handles
from cortex.telemetry.events import Report
from cortex.telemetry.trouble import Trouble

EVERY_S = 1.0
KEPT_DAYS = 30

DAY_BYTES = 100_000_000
"""Of one day's file; what comes after is given up."""


class Due(Struct, frozen=True):
    """Message to itself: collect, and write."""


class DailyLog(LoopActor):
    """See the module's docstring."""

    def __init__(
        self,
        *,
        folder: Path,
        collect: Callable[[], list[bytes]],
        report: Callable[[Report], None],
        wall: Callable[[], float],
        write: Callable[[list[bytes]], None] | None = None,
    ) -> None:
        super().__init__()
        self._folder = folder
        self._collect = collect
        self._wall = wall
        self._write = write
        self._trouble = Trouble(report, began="log cannot be written", over="log is written again")

    def on_start(self) -> None:
        """Begin to write."""
        self.after(EVERY_S, Due())

    def on_terminate(self, reason: Reason) -> None:
        """Write what is left before the end."""
        lines = self._collect()
        if lines:
            self._ended(self._written(lines))

    @handles(Due)
    def due(self, _: Due) -> None:
        """Write what there is."""
        lines = self._collect()
        if lines:
            self.own(asyncio.to_thread(self._written, lines), then=self._after_write)
        else:
            self.after(EVERY_S, Due())

    def _after_write(self, trouble: str) -> None:
        self._ended(trouble)
        self.after(EVERY_S, Due())

    def _written(self, lines: list[bytes]) -> str:
        """Append; return why not, empty when it did."""
        try:
            if self._write is not None:
                self._write(lines)
            else:
                append(self._folder, lines, datetime.fromtimestamp(self._wall(), UTC))
        except OSError as error:
            return error.strerror or type(error).__name__
        return ""

    def _ended(self, trouble: str) -> None:
        self._trouble.note(trouble, worker=self.name, folder=str(self._folder))


def append(folder: Path, lines: list[bytes], moment: datetime) -> None:
    """Append to the file of that day, whose first line removes the files that are too old. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{moment:%Y-%m-%d}.jsonl"
    if not path.exists():
        path.touch(mode=0o600)
        oldest = f"{moment - timedelta(days=KEPT_DAYS):%Y-%m-%d}.jsonl"
        for old in folder.glob("????-??-??.jsonl"):
            if old.name < oldest:
                old.unlink(missing_ok=True)
    with path.open("ab") as file:
        if file.tell() < DAY_BYTES:
            file.write(b"".join(lines))
