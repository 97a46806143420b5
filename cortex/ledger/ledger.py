"""The actor that keeps on disk what must survive a restart.

Those that own counts (quotas, usage) only mark what changed; every `EVERY_S` this actor collects it and has it written, in a
thread, as one transaction. So no request waits for a disk, a hundred changes cost one write, and a crash costs at most
the last moment. What could not be written is tried again with the next; newer values take the place of older ones.
"""

import asyncio
from collections.abc import Callable, Mapping

from msgspec import Struct

from cortex.actors.actor import LoopActor, Reason, handles
from cortex.ledger.store import Store, StoreError
from cortex.telemetry.events import Report
from cortex.telemetry.trouble import Trouble

EVERY_S = 0.4
"""Between two writes."""

Entries = Mapping[str, bytes | None]
"""What to write by name; None deletes."""


class Save(Struct, frozen=True):
    """Told by who has something to keep that `collect` does not know of."""

    entries: Entries


class Due(Struct, frozen=True):
    """Message to itself: collect, and write."""


class Ledger(LoopActor):
    """See the module's docstring. The store outlives it; who opened it closes it."""

    def __init__(self, *, store: Store, collect: Callable[[], Entries], report: Callable[[Report], None]) -> None:
        super().__init__()
        self._store = store
        self._collect = collect
        self._waiting: dict[str, bytes | None] = {}
        self._being_written: dict[str, bytes | None] = {}
        self._trouble = Trouble(report, began="ledger cannot write", over="ledger writes again")

    def on_start(self) -> None:
        """Begin to write."""
        self.after(EVERY_S, Due())

    def on_terminate(self, reason: Reason) -> None:
        """Write what is left before the end; what a thread may still be writing is written again."""
        self._waiting = {**self._being_written, **self._waiting, **self._collect()}
        if self._waiting:
            self._trouble.note(self._written(self._waiting, self._store.turn()), worker=self.name)

    @handles(Save)
    def save(self, save: Save) -> None:
        """Keep these until the next write."""
        self._waiting.update(save.entries)

    @handles(Due)
    def due(self, _: Due) -> None:
        """Write what has changed, if anything has."""
        self._waiting.update(self._collect())
        if not self._waiting:
            self.after(EVERY_S, Due())
            return
        self._being_written, self._waiting = self._waiting, {}
        self.own(asyncio.to_thread(self._written, self._being_written, self._store.turn()), then=self._after_write)

    def _written(self, entries: Entries, turn: int) -> str:
        """Write; return why it failed, empty when it did not."""
        try:
            self._store.write(entries, turn)
        except StoreError as error:
            return str(error) or "unknown"
        return ""

    def _after_write(self, trouble: str) -> None:
        if trouble:
            self._waiting = {**self._being_written, **self._waiting}
        self._being_written = {}
        self._trouble.note(trouble, worker=self.name)
        self.after(EVERY_S, Due())
