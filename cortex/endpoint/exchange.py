"""One request and its answer in the making, and the sweep that bounds them all.

No timer is armed for a request: four times a second one sweep looks at every exchange for a deadline that passed, a client
that does not read, a body that does not come, and a stream that has been silent so long that its client may give up. What
it ends, it ends by cancelling the exchange's task and leaving the reason.
"""

import asyncio
from collections.abc import Iterable
from typing import Literal

from cortex.endpoint.dialect import Dialect
from cortex.endpoint.kept import Kept
from cortex.endpoint.reply import ClientGoneError, Reply, clean, header_lines
from cortex.endpoint.resume import Begun
from cortex.messages import Request
from cortex.telemetry.record import Record

SWEEP_S = 0.25

BODY_TIMEOUT_S = 30.0
"""A request's body must have come within this time; nginx waits 60 s between two reads."""

CLIENT_STALL_S = 60.0
"""How long a client may not read: nginx's `send_timeout`."""

Ended = Literal["", "deadline", "body", "stall", "shutdown"]


class Exchange:
    """See the module's docstring."""

    __slots__ = (
        "_written",
        "begun",
        "commented_s",
        "deadline_s",
        "dialect",
        "ended_by",
        "kept",
        "record",
        "reply",
        "request",
        "task",
    )

    def __init__(self, *, dialect: Dialect, reply: Reply, record: Record, task: "asyncio.Task[object]") -> None:
        self.dialect = dialect
        self.reply = reply
        self.record = record
        self.task = task
        self.request: Request | None = None
        """None while the body is read."""
        self.deadline_s = record.arrived_s + BODY_TIMEOUT_S
        """Of the body first, then of the request; monotonic."""
        self.commented_s = record.arrived_s
        """Since when the client has heard nothing, as far as the sweep saw."""
        self._written = 0
        """How often something was written to it, when the sweep last looked."""
        self.kept: Kept | None = None
        """What the upstream said, where its answer may be stored."""
        self.begun: Begun | None = None
        """What the client has of its streamed answer, where another attempt may go on with it."""
        self.ended_by: Ended = ""
        """Written by the sweep before it cancels the task; empty when it is the client that left."""

    def __repr__(self) -> str:
        return f"<Exchange {self.record!r} {self.reply!r}>"

    @property
    def is_begun(self) -> bool:
        """Whether the client has the beginning of an answer that broke off, with which another may go on."""
        return self.begun is not None and self.begun.is_broken

    def end(self, by: Ended) -> None:
        """Cancel the task, once, and leave the reason."""
        if not self.ended_by:
            self.ended_by = by
            self.task.cancel()

    def head(self) -> str:
        """Return the headers that say who answered and why."""
        record = self.record
        attempt = record.answered_by
        # Written out: this is half of the head of every answer, and header_lines takes three times as long.
        if attempt is None:
            kept = ""
            if record.given is not None:
                worker, model, age_s = record.given
                kept = f"X-Cortex-Worker: {worker}\r\nX-Cortex-Model: {clean(model)}\r\nAge: {int(age_s)}\r\n"
            why = f"X-Cortex-Why: {clean(record.why)}\r\n" if record.why else ""
            return (
                f"X-Cortex-Request: {record.id}\r\n{kept}X-Cortex-Attempts: 0\r\nX-Cortex-Cache: {record.cache}\r\n"
                f"{why}{self.dialect.id_header}: {record.id}\r\n"
            )
        return (
            f"X-Cortex-Request: {record.id}\r\nX-Cortex-Worker: {attempt.worker}\r\n"
            f"X-Cortex-Model: {clean(attempt.model)}\r\nX-Cortex-Attempts: {len(record.attempts)}\r\n"
            f"X-Cortex-Cache: {record.cache}\r\nX-Cortex-Why: {clean(record.why)}\r\n"
            f"{self.dialect.id_header}: {record.id}\r\n"
        )

    def comment(self, now: float, keepalive_s: float) -> None:
        """Tell a streaming client that has heard nothing for so long what is being waited for, where its dialect can."""
        request, reply = self.request, self.reply
        if request is None or not request.stream or reply.is_ended:
            return
        if reply.written != self._written:
            self._written, self.commented_s = reply.written, now
        if now - self.commented_s < keepalive_s:
            return
        self.commented_s = now
        renderer = self.dialect.renderer(request, request.model)
        comment = renderer.comment(self._doing())
        if not comment:
            return
        try:
            if self.reply.status_sent:
                self.reply.write(comment)
            else:
                self.reply.begin(self.dialect.stream_type, header_lines(X_Cortex_Request=self.record.id), comment)
        except ClientGoneError:
            pass  # its task hears of it too

    def _doing(self) -> str:
        attempt = self.record.answered_by
        if attempt is None or attempt.ended_s is not None:
            return "waiting for a free worker"
        return f"waiting for {attempt.worker}, {'loading ' if attempt.cold else ''}{attempt.model}"


def sweep(exchanges: Iterable[Exchange], now: float, keepalive_s: float) -> None:
    """Look at all of them once; see the module's docstring. Clients hear something every `keepalive_s`."""
    for exchange in exchanges:
        paused_at = exchange.reply.paused_at
        if now >= exchange.deadline_s:
            exchange.end("body" if exchange.request is None else "deadline")
        elif paused_at is None:
            exchange.comment(now, keepalive_s)
        elif now - paused_at > CLIENT_STALL_S:
            exchange.end("stall")
