"""Sees a blocked event loop from a thread of its own, and says what blocks it.

An actor on the loop whose handler does not come back blocks everything, its supervisor too; nothing on the loop can
tell. So a daemon thread asks the loop for a sign of life; when none comes within the budget it reports the stack of the
loop's thread, once, and reports again when the loop runs. (A hung thread actor is its supervisor's affair.)
"""

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Stall:
    """The loop has not run for a while."""

    blocked_s: float
    """Seconds, as far as is known when it is reported."""
    stack: str
    """Where the loop's thread is; empty when it runs again."""
    is_over: bool = False


def log_stall(stall: Stall) -> None:
    """Write a stall as one log event."""
    if stall.is_over:
        log.warning("loop.runs_again", blocked_s=round(stall.blocked_s, 3))
    else:
        log.error("loop.blocked", blocked_s=round(stall.blocked_s, 3), stack=stall.stack)


class LoopWatchdog:
    """Watches the loop that runs in the thread that made it.

    `report` is called in the watchdog's thread, with a Stall when the loop has not run for `budget_s` seconds, and with
    another when it does again. Costs one wake-up of the loop each quarter of the budget.
    """

    def __init__(self, budget_s: float = 1.0, report: Callable[[Stall], None] = log_stall) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._budget_s = budget_s
        self._report = report
        self._alive = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop-watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for the thread, at most about a budget."""
        self._stopping.set()
        self._alive.set()
        if self._thread.is_alive():
            self._thread.join(self._budget_s + 1.0)

    def _watch(self) -> None:
        try:
            while not self._stopping.wait(self._budget_s / 4):
                self._ask_for_a_sign()
        except RuntimeError:  # the loop is closed: there is nothing to watch
            return

    def _ask_for_a_sign(self) -> None:
        self._alive.clear()
        asked_at = time.monotonic()
        self._loop.call_soon_threadsafe(self._alive.set)
        if self._alive.wait(self._budget_s):
            return
        self._say(Stall(time.monotonic() - asked_at, self._stack()))
        while not self._alive.wait(self._budget_s):
            if self._loop.is_closed():
                return
        if not self._stopping.is_set():
            self._say(Stall(time.monotonic() - asked_at, "", is_over=True))

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)  # noqa: SLF001  its documented name
        return "".join(traceback.format_stack(frame)) if frame else ""

    def _say(self, stall: Stall) -> None:
        try:
            self._report(stall)
        except Exception:  # a report that fails must not end the watch
            log.exception("loop.report_failed")
