"""The telemetry actor: takes every ended request and every report, counts them and writes their log lines.

It is an actor so that no request waits for a log file, and so that whatever goes wrong with logging stays here.
"""

from typing import Any

import structlog
from msgspec import Struct

from cortex.actors.actor import LoopActor, handles
from cortex.telemetry.events import Report
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.record import Record


class Finished(Struct, frozen=True):
    """Told by the endpoint: this request has ended."""

    record: Record


class Recorder(LoopActor):
    """See the module's docstring."""

    def __init__(self, *, journal: Journal, metrics: Metrics) -> None:
        super().__init__()
        self._journal = journal
        self._metrics = metrics
        self._log: Any = structlog.get_logger()

    @handles(Finished)
    def finished(self, finished: Finished) -> None:
        """Count a request and write its line."""
        record = finished.record
        self._metrics.finished(record)
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
