"""The actor that keeps the history on disk: it ends each second, and has what is new written each minute, in a thread.

What a ring has is one file, and what its open step has is in another, so a restart costs a chart at most a minute. Files take
the place of older ones whole. Where one cannot be read it is set aside, and where none can be written that is said once:
history is for looking at, and nothing waits for it.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from cortex.actors.actor import LoopActor, Reason, handles
from cortex.telemetry.events import Report
from cortex.telemetry.history import SPANS, History
from cortex.telemetry.trouble import Trouble

SECOND_S = 1.0
WRITE_EVERY = 60
"""Seconds."""

LARGEST_BYTES = 50_000_000
"""Of a file that is read; the rings of a thousand workers are a quarter of that."""

OPEN = "open"

TURN_S = 5.0
"""How long a write waits for one that an earlier incarnation has begun."""

_turn = threading.Lock()


class Second(Struct, frozen=True):
    """Message to itself: a second has ended."""


class Archive(LoopActor):
    """See the module's docstring. The history outlives it."""

    def __init__(
        self,
        *,
        history: History,
        folder: Path,
        in_flight: Callable[[], int],
        paid: Callable[[], frozenset[str]],
        report: Callable[[Report], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        self._history = history
        self._folder = folder
        self._in_flight = in_flight
        self._paid = paid
        self._wall = wall
        self._left = WRITE_EVERY
        self._trouble = Trouble(report, began="history cannot be written", over="history is written again")

    def on_start(self) -> None:
        """Begin to count seconds."""
        self.after(SECOND_S, Second())

    def on_terminate(self, reason: Reason) -> None:
        """Write what there is before the end."""
        self._after_write(write(self._folder, self._due()))

    @handles(Second)
    def second(self, _: Second) -> None:
        """End the second that is open; each minute, have what is new written."""
        self.after(SECOND_S, Second())
        self._history.paid = self._paid()
        self._history.tick(self._wall(), self._in_flight())
        self._left -= 1
        if self._left <= 0:
            self._left = WRITE_EVERY
            self.own(asyncio.to_thread(write, self._folder, self._due()), then=self._after_write)

    def _due(self) -> dict[str, bytes]:
        """Return the open steps, and the rings that have a new step since they were written."""
        history = self._history
        return {OPEN: history.open_state(), **{name: history.state(name) for name in history.take_changed()}}

    def _after_write(self, trouble: str) -> None:
        if trouble:
            self._history.written = {}  # all of it is due again
        self._trouble.note(trouble, folder=str(self._folder))


def write(folder: Path, states: Mapping[str, bytes]) -> str:
    """Put each of them in the place of its file; return why not, empty when all went well. Blocks."""
    if not _turn.acquire(timeout=TURN_S):
        return "another write does not end"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, state in states.items():
            new = folder / f"{name}.new"
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123  with a mode
                file.write(state)
            new.replace(folder / name)
    except OSError as error:
        return error.strerror or type(error).__name__
    finally:
        _turn.release()
    return ""


def restore(history: History, folder: Path, wall: float) -> str:
    """Take what is there, before the first tick; return what is wrong with it, empty when nothing is. Blocks."""
    states, troubles = {}, []
    for name in (*SPANS, OPEN):
        try:
            with (folder / name).open("rb") as file:
                states[name] = file.read(LARGEST_BYTES)
        except FileNotFoundError:
            continue
        except OSError as error:
            troubles.append(f"{name}: {error.strerror or type(error).__name__}")
    for name in history.restore(states, wall):
        troubles.append(f"{name} is damaged and was set aside")
        try:
            (folder / name).replace(folder / f"{name}.damaged")
        except OSError as error:
            troubles[-1] = f"{name} is damaged: {error.strerror}"
    return "; ".join(troubles)
