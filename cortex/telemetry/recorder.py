"""The telemetry actor: takes every ended request and every report, counts them and writes their log lines.

It is an actor so that no request waits for a log file, and so that whatever goes wrong with logging stays here. Ended
requests are gathered in the journal and taken many at once: code that runs a hundred times in a row costs half of what
it costs between other things. The journal outlives this actor, so a crash here loses none of them.
"""

from collections.abc import Callable
from typing import Any

import structlog
from msgspec import Struct

from cortex.actors.actor import LoopActor, Reason, handles
from cortex.telemetry.events import Report
from cortex.telemetry.history import History
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.record import Record


class Due(Struct, frozen=True):
    """Told when the first request has ended since the last were taken."""


class Take(Struct, frozen=True):
    """Message to itself: enough was gathered."""


GATHER_S = 0.05


class Recorder(LoopActor):
    """See the module's docstring."""

    def __init__(
        self,
        *,
        journal: Journal,
        metrics: Metrics,
        history: History,
        learn: Callable[[Record], None],
        keep: Callable[[Record], None] | None = None,
        trace: Callable[[Record], None] | None = None,
    ) -> None:
        super().__init__()
        self._journal = journal
        self._history = history
        self._metrics = metrics
        self._learn = learn
        self._keep = keep
        self._trace = trace
        self._log: Any = structlog.get_logger().bind()  # not the proxy, which binds anew for each line

    def on_start(self) -> None:
        """Take what ended while nobody was here, and a moment later what ended before its name was known again."""
        self.take(Take())
        self.after(GATHER_S, Take())

    def on_terminate(self, reason: Reason) -> None:
        """Take what ended last; after a crash the next incarnation does."""
        if reason.is_expected:
            self.take(Take())

    @handles(Due)
    def due(self, _: Due) -> None:
        """Gather for a moment."""
        self.after(GATHER_S, Take())

    @handles(Take)
    def take(self, _: Take) -> None:
        """Count every request that has ended, and write its line."""
        for record in self._journal.taken():
            self._finished(record)

    def _finished(self, record: Record) -> None:
        self._metrics.finished(record)
        if record.decision is not None:
            self._learn(record)
            record.decision = None
        self._history.finished(record)
        if self._trace is not None:
            self._trace(record)
        if self._keep is not None:
            self._keep(record)
        line = record.line()
        if record.outcome in {"ok", "client_gone", "client_error"}:
            self._log.info("request", **line)
        else:
            self._log.warning("request", **line)
        if self._journal.is_listened_to:
            self._journal.publish({"at": round(record.arrived_at + record.total_s, 3), "event": "request", **line})

    @handles(Report)
    def report(self, report: Report) -> None:
        """Write what happened to the tree."""
        event = self._journal.happened(report)
        facts = {key: value for key, value in event.items() if key not in {"at", "level", "event"}}
        getattr(self._log, report.level)(report.event, **facts)
