"""The two ends of a question: an awaitable for askers on an event loop, a blocking future for askers in a thread.

Which of the two an `ask` gives depends on the asker alone, not on the kind of actor that is asked. Both can be answered
from any thread. A `LoopFuture` leans on one `asyncio.Future` of the asker's loop, and is only ever settled in that
loop's thread, so it needs no lock; an answer from another thread is carried over first.

Whoever answers can see that nobody waits any more (`abandoned`) before it grants something. The opposite gap is the
asker's: it may be cancelled after the answer came and before it took it. Then `settled` is true and `abandoned` is not,
and what was granted is the asker's to give back (`Names.ask_until` has `unclaimed` for it).
"""

import queue
import threading

# Documented as low-level, and the only way to ask without an exception where there is no loop.
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Generator
from typing import Any, NoReturn

import pykka

from cortex.actors.errors import AlreadyAnswered


class LoopFuture(pykka.Future[Any]):
    """An answer that is awaited on the event loop it was asked from."""

    _get_hook = None
    _is_closed = False
    """Whether a late answer is to be let fall without complaint."""
    _is_expired = False

    def __init__(self, loop: AbstractEventLoop | None = None) -> None:
        # Not super().__init__(): it costs 0.2 µs for hooks that have no place here (see set_get_hook).
        loop = loop or _get_running_loop()
        if loop is None:
            raise RuntimeError("a LoopFuture belongs to a running event loop, and there is none in this thread")
        self._loop = loop
        self._inner = loop.create_future()

    def __await__(self) -> Generator[Any, None, Any]:
        return self._inner.__await__()

    __iter__ = __await__

    @property
    def abandoned(self) -> bool:
        """Whether the asker has given up, so that an answer would reach nobody."""
        return self._is_expired or self._inner.cancelled()

    @property
    def settled(self) -> bool:
        """Whether it has been answered, failed or abandoned."""
        return self._inner.done()

    def set(self, value: Any = None) -> None:
        """Answer with `value`, from any thread. Let fall when abandoned; AlreadyAnswered on a second answer."""
        if _get_running_loop() is not self._loop:
            self._carry(self.set, value)
        elif self._inner.done():
            self._settle_again()
        else:
            self._inner.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Answer with an exception, from any thread; as `set` otherwise."""
        if _get_running_loop() is not self._loop:
            self._carry(self.fail, error)
        elif self._inner.done():
            self._settle_again()
        else:
            self._raise_in_asker(error)

    def close(self, error: BaseException) -> None:
        """Fail it if it is still open; no later answer counts. For whoever ends in debt."""
        if _get_running_loop() is not self._loop:
            self._carry(self.close, error)
        elif not self._inner.done():
            self._is_closed = True
            self._raise_in_asker(error)

    def cancel(self) -> None:
        """Give the question up. Only from the loop's own thread; waiting for it then raises CancelledError."""
        self._inner.cancel()

    def expire(self) -> None:
        """Give the question up with TimeoutError. Only from the loop's own thread."""
        if not self._inner.done():
            self._is_expired = True
            self._raise_in_asker(TimeoutError("no answer in time"))

    def get(self, *, timeout: float | None = None) -> Any:
        """Return the answer, waiting for it from another thread; pykka.Timeout after `timeout` seconds.

        In the loop's own thread there is no waiting: RuntimeError unless it is settled.
        """
        if not self._inner.done():
            self._wait(timeout)
        return self._inner.result()

    def set_exception(self, exc_info: Any = None) -> None:
        """Fail with an `exc_info` triple, as pykka does."""
        self.fail(exc_info[1] if exc_info and exc_info[1] else RuntimeError("failed without an exception"))

    def set_get_hook(self, func: Any) -> NoReturn:
        """Refuse: pykka's map, filter, join and reduce block; `await` the future instead."""
        raise NotImplementedError(f"await the future instead of {func}")

    def __repr__(self) -> str:
        state = "abandoned" if self.abandoned else "settled" if self.settled else "open"
        return f"<LoopFuture {state}>"

    def _raise_in_asker(self, error: BaseException) -> None:
        self._inner.set_exception(error)
        # Nobody may ever look: the supervisor has the report, and asyncio's own complaint at collection says less.
        self._inner.exception()

    def _settle_again(self) -> None:
        if not (self._is_closed or self.abandoned):
            raise AlreadyAnswered

    def _carry(self, settle: Any, value: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(settle, value)
        except RuntimeError:  # the loop is closed, and the asker gone with it
            self._is_closed = True

    def _wait(self, timeout: float | None) -> None:
        if _get_running_loop() is self._loop:
            raise RuntimeError("would block the event loop for ever: await the future instead")
        done = threading.Event()
        self._loop.call_soon_threadsafe(self._inner.add_done_callback, lambda _: done.set())
        if not done.wait(timeout):
            raise pykka.Timeout(f"{timeout} seconds")


class ThreadFuture(pykka.ThreadingFuture[Any]):
    """An answer that a thread without an event loop blocks for."""

    _is_closed = False
    _is_abandoned = False

    @property
    def abandoned(self) -> bool:
        """Whether the asker has given up."""
        return self._is_abandoned

    @property
    def settled(self) -> bool:
        """Whether it has been answered, failed or abandoned."""
        return self._result is not None or self._is_abandoned

    def set(self, value: Any = None) -> None:
        """Answer with `value`; as LoopFuture.set."""
        try:
            super().set(value)
        except queue.Full:
            self._settle_again()

    def fail(self, error: BaseException) -> None:
        """Answer with an exception; as LoopFuture.fail."""
        try:
            super().set_exception((type(error), error, error.__traceback__))
        except queue.Full:
            self._settle_again()

    def close(self, error: BaseException) -> None:
        """Fail it if it is still open; no later answer counts."""
        self._is_closed = True
        self.fail(error)

    def cancel(self) -> None:
        """Give the question up."""
        self._is_abandoned = True

    expire = cancel

    def __await__(self) -> NoReturn:
        raise RuntimeError("asked outside an event loop: use get()")

    __iter__ = __await__

    def _settle_again(self) -> None:
        if not (self._is_closed or self._is_abandoned):
            raise AlreadyAnswered from None


Answer = LoopFuture | ThreadFuture
"""What `defer` hands out and `ask` gives."""


def new_future() -> Answer:
    """Make the future that suits the caller: awaitable inside an event loop, blocking elsewhere."""
    loop = _get_running_loop()
    return ThreadFuture() if loop is None else LoopFuture(loop)
