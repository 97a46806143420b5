"""What a supervisor reports: always the same four keys, whatever happened."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from cortex.actors.reason import Reason, trace_of
from cortex.actors.roster import Child
from cortex.actors.spec import ChildSpec

Context = Literal[
    "progress",  # a child has started; every start is reported
    "start_error",  # a child did not start
    "child_terminated",  # a child ended by itself, other than a forgotten one's expected end
    "shutdown_error",  # a child that was told to end did so otherwise, or raised in on_terminate
    "shutdown",  # the supervisor gives up: past its intensity, or its first children did not start
    "hung",  # a child has not come back from a message; it is replaced
    "messages_lost",  # told messages of a child that is not started again
]


@dataclass(frozen=True, slots=True)
class Offender:
    """The child that a report is about."""

    name: str
    spec: ChildSpec | None
    """None when it is no child any more."""
    urn: str = ""
    """Which incarnation; empty when none was made."""
    restarts: int = 0
    """How often it had been started again."""
    lost: int = 0
    """For `messages_lost`: how many."""


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that happened under a supervisor."""

    supervisor: str
    context: Context
    reason: Reason | None
    """None for `progress`."""
    offender: Offender


log = structlog.get_logger()


def log_report(report: Report) -> None:
    """Write a report as one log event."""
    write = log.debug if report.context == "progress" else log.error
    write(
        f"supervisor.{report.context}",
        supervisor=report.supervisor,
        child=report.offender.name,
        reason=str(report.reason) if report.reason else None,
        restarts=report.offender.restarts,
        lost=report.offender.lost,
        trace=trace_of(report.reason.cause) if report.reason else "",
    )


class Reporter:
    """Sends a supervisor's reports to who listens; what goes wrong there must not bring the tree down."""

    def __init__(self, supervisor: str, listener: Callable[[Report], None]) -> None:
        self._supervisor = supervisor
        self._listener = listener

    def __call__(self, context: Context, reason: Reason | None, offender: Offender) -> None:
        """Report one thing."""
        try:
            self._listener(Report(self._supervisor, context, reason, offender))
        except Exception:
            log.exception("supervisor.report_failed", supervisor=self._supervisor, context=context)


def offender_of(child: Child, lost: int = 0) -> Offender:
    """Describe a child as it is now."""
    return Offender(child.name, child.spec, child.ref.actor_urn if child.ref else "", child.restarts, lost)
