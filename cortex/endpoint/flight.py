"""One upstream call shared by identical requests: the answer runs in a task of its own, and every client follows it.

Theory of operation: the attempt loop writes into a `Tap` as it would into a client's `Reply`. The clients that follow copy what is
there and then what comes, each as fast as it reads; the first is a follower like any, so its leaving ends nothing while another
stays. When the last has left, the call is cancelled. The bytes are those of the first one's dialect and form; whoever asked
in another form waits for the end and is given the answer from what was kept.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from cortex.cache.answer import Stored
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.reply import Reply
from cortex.messages import Request
from cortex.telemetry.record import Record

HELD_BYTES = 8_000_000
"""Of an answer; beyond it the call waits for whoever reads slowest, and nobody may join any more."""


class Tap(Reply):
    """What the attempt loop writes into; it has no client."""

    def __init__(self) -> None:  # its parent's would want a request
        self.status_sent = 0
        self.is_stream = False
        self.is_ended = False
        self.is_cut = False
        """It ended without the loop's word: what there is, is no answer."""
        self.written = 0
        self.paused_at: float | None = None
        self.media_type = ""
        self.head_lines = ""
        self.parts: list[bytes] = []
        self.size = 0
        self.changed = asyncio.Event()
        self.readers: set[Reader] = set()
        self._read = asyncio.Event()

    @property
    def keep_alive(self) -> bool:
        """Nobody's connection hangs on it."""
        return False

    def close_after(self) -> None:
        """Do nothing: each client's own reply knows."""

    def whole(self, status: int, content_type: str, body: bytes, headers: str = "") -> None:
        """Take a whole answer."""
        self.status_sent, self.media_type, self.head_lines = status, content_type, headers
        self.is_ended = True
        self._add(body)

    def begin(self, content_type: str, headers: str, first: bytes = b"") -> None:
        """Take the beginning of a stream."""
        self.status_sent, self.media_type, self.head_lines, self.is_stream = 200, content_type, headers, True
        self._add(first)

    def write(self, data: bytes) -> None:  # type: ignore[override]  # as its parent's
        """Take more of a stream."""
        self._add(data)

    def end(self) -> None:
        """Take the end of a stream."""
        self.is_ended = True
        self._add(b"")

    def abort(self) -> None:
        """End without a whole answer."""
        self.is_ended = self.is_cut = True
        self.status_sent = self.status_sent or 500
        self._add(b"")

    @property
    def is_paused(self) -> bool:
        """Whether whoever reads slowest is too far behind."""
        return self.size > HELD_BYTES and any(reader.at < len(self.parts) for reader in self.readers)

    async def drained(self) -> None:
        """Wait until every reader has what is there."""
        while self.is_paused:
            self._read.clear()
            await self._read.wait()

    def _add(self, data: bytes) -> None:
        if data:
            self.size += len(data)
            self.parts.append(data)
            if self.size > HELD_BYTES and not self.readers:
                self.parts.clear()  # nobody may join any more who would read it
        self.changed.set()
        self.changed = asyncio.Event()

    def took(self) -> None:
        """Say that a reader has read on, or left; past the bound what all have read is let go."""
        self._read.set()
        if self.size > HELD_BYTES and self.readers:
            done = min(reader.at for reader in self.readers)
            del self.parts[:done]
            for reader in self.readers:
                reader.at -= done


class Reader:
    """How far one client has read."""

    __slots__ = ("at",)

    def __init__(self) -> None:
        self.at = 0


class Flight:
    """See the module's docstring."""

    def __init__(self, exchange: Exchange, request: Request, tap: Tap, form: tuple[object, ...]) -> None:
        self.exchange = exchange
        """Of the call itself; its reply is `tap`."""
        self.request = request
        self.tap = tap
        self.form = form
        """Dialect, operation and manner of the bytes."""
        self.followers = 0
        self.is_unclaimed = False
        """Whose request it was has left: the call counts as that of the next who is here at its end."""
        self.bound: asyncio.Timeout | None = None
        """What ends the call if nothing else does; there while it runs."""
        self.answer: Stored | None = None
        """What can be given to those that asked in another form; written when it has ended."""
        self.ended = asyncio.Event()

    @property
    def may_be_joined(self) -> bool:
        """Whether one more can have it from its beginning."""
        return not self.ended.is_set() and self.tap.size <= HELD_BYTES

    def extend(self, deadline_s: float, by_s: float) -> None:
        """Let the call go on until `deadline_s`, where that is later: `by_s` seconds from now at most."""
        if deadline_s > self.request.deadline_s:
            self.request.deadline_s = self.exchange.deadline_s = deadline_s
            if self.bound is not None and not self.bound.expired():
                self.bound.reschedule(asyncio.get_running_loop().time() + by_s)

    def claim(self, record: Record) -> None:
        """Let the call count as that of `record`, where it counts as nobody's."""
        if self.is_unclaimed:
            self.is_unclaimed, record.pays = False, True
            record.attempts = self.exchange.record.attempts

    def start(self, call: Coroutine[Any, Any, None]) -> None:
        """Let the call run."""
        self.exchange.task = asyncio.get_running_loop().create_task(call)
        self.exchange.task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[object]") -> None:
        if not task.cancelled():
            task.exception()  # it was logged, and the followers see an answer that did not come
        if not self.tap.is_ended:
            self.tap.abort()
        self.ended.set()

    async def follow(self, exchange: Exchange) -> bool:
        """Give `exchange` the answer's bytes to its end; False, and nothing was given, where there is none to share.

        That is a call that ended in an error before its first content: only its first follower is told so.
        """
        tap, reply, reader = self.tap, exchange.reply, Reader()
        exchange.record.attempts = self.exchange.record.attempts
        tap.readers.add(reader)
        try:
            while True:
                changed = tap.changed
                if tap.status_sent >= 400:
                    return False
                if tap.is_stream and reader.at < len(tap.parts):
                    self._copy(exchange, b"".join(tap.parts[reader.at :]))
                    reader.at = len(tap.parts)
                    tap.took()
                    if reply.is_paused:
                        await reply.drained()
                    continue
                if tap.is_ended:
                    self._end(exchange)
                    return True
                await changed.wait()
        finally:
            tap.readers.discard(reader)
            tap.took()

    def _copy(self, exchange: Exchange, data: bytes) -> None:
        if exchange.reply.status_sent:
            exchange.reply.write(data)
        else:
            exchange.reply.begin(self.tap.media_type, exchange.head(), data)

    def _end(self, exchange: Exchange) -> None:
        mine, record = exchange.record, self.exchange.record
        self.claim(mine)
        mine.outcome, mine.detail, mine.usage, mine.queued_s = (
            record.outcome,
            record.detail,
            record.usage,
            record.queued_s,
        )
        mine.broke = record.broke
        if self.tap.is_cut:
            mine.outcome = record.outcome or "internal_error"
            exchange.reply.abort()
        elif self.tap.is_stream:
            exchange.reply.end()
        else:
            body = b"".join(self.tap.parts)
            exchange.reply.whole(self.tap.status_sent, self.tap.media_type, body, exchange.head())
