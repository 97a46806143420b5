"""Names to addresses, remembered for a while.

`getaddrinfo` gives no time to live, blocks a thread, and is asked again for each new connection; so its answers are
kept for half a minute, its failures for a second, and all who ask for one name at once share one look-up. A look-up is
nobody's in particular: it goes on when the one who asked first is cancelled, and its answer serves the next.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import NamedTuple

AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]

KEEP_S = 30.0
KEEP_FAILURE_S = 1.0


class _Answer(NamedTuple):
    until_s: float
    addresses: list[AddressInfo]
    error: OSError | None


class Resolver:
    """Look up hosts through the running loop's `getaddrinfo`, with a cache."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: dict[tuple[str, int], _Answer] = {}
        self._pending: dict[tuple[str, int], asyncio.Task[_Answer]] = {}

    async def resolve(self, host: str, port: int) -> list[AddressInfo]:
        """Return the addresses of `host`, of both families, in the system's order.

        Raises OSError (`socket.gaierror`) when there is none. Has no time-out of its own.
        """
        key = (host, port)
        answer = self._answers.get(key)
        if answer is None or answer.until_s <= self._clock():
            answer = await self._share(self._pending.get(key) or self._start(key))
        if answer.error is not None:
            raise answer.error.with_traceback(None)
        return answer.addresses

    def forget(self, host: str, port: int) -> None:
        """Drop what is known of `host`: nothing answers there, it may have moved."""
        self._answers.pop((host, port), None)

    def close(self) -> None:
        """Give up every look-up that is under way."""
        for task in self._pending.values():
            task.cancel()
        self._answers.clear()

    def _start(self, key: tuple[str, int]) -> asyncio.Task[_Answer]:
        task = asyncio.get_running_loop().create_task(self._look_up(key), name=f"look up {key[0]}")
        self._pending[key] = task
        task.add_done_callback(lambda _: self._pending.pop(key))
        return task

    async def _share(self, task: asyncio.Task[_Answer]) -> _Answer:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            asker = asyncio.current_task()
            if task.cancelled() and asker is not None and not asker.cancelling():
                raise OSError("the look-up was given up") from None  # by `close`: nobody cancelled the asker
            raise

    async def _look_up(self, key: tuple[str, int]) -> _Answer:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(*key, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # a label that is too long is a UnicodeError
            problem = error if isinstance(error, OSError) else OSError(f"{key[0]!r} is not a host name")
            answer = _Answer(self._clock() + KEEP_FAILURE_S, [], problem)
        else:
            answer = _Answer(self._clock() + KEEP_S, list(found), None)
        now = self._clock()
        self._answers = {known: old for known, old in self._answers.items() if old.until_s > now}
        self._answers[key] = answer
        return answer
