"""What is reported of the tree: every event that logs, the page and `/cortex/v1/events` show. Pure."""

from typing import Any, Literal

from msgspec import Struct, field

Level = Literal["info", "warning", "error"]

LEVELS: dict[str, Level] = {
    "breaker opened": "warning",
    "upstream is down": "warning",
    "key retired": "error",
    "key rests": "warning",
    "pool refused": "error",
    "ledger cannot write": "error",
    "log cannot be written": "error",
    "history cannot be written": "warning",
    "a model's load did not end": "warning",
    "configuration refused": "error",
    "start_error": "error",
    "child_terminated": "error",
    "shutdown_error": "warning",
    "hung": "error",
    "loop blocked": "error",
    "gave up": "error",
}
"""How loud an event is; `info` where it is not listed."""


class Report(Struct, frozen=True):
    """Something that happened to the tree, not to one request."""

    event: str
    worker: str = ""
    """The worker, or other actor, that it is about."""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """How loud it is."""
        return LEVELS.get(self.event, "info")
