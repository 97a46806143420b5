"""What is remembered: the requests that run, the last that ended, the last events of the tree. Bounded; no actor, no I/O.

It outlives the telemetry actor, so a crash there costs no history. Listeners (the event streams of pages and scripts) get
each event through a bounded queue of their own; one that does not read loses the oldest and is told how many.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from cortex.telemetry.events import Report
from cortex.telemetry.record import Record

REQUESTS_KEPT = 1_000
EVENTS_KEPT = 500
LISTENER_LIMIT = 256
LISTENERS_LIMIT = 100
UNTAKEN_AGAIN = 256
"""After so many more that nobody took, it is said again that some are due."""


class Listener:
    """One reader of the stream of events."""

    def __init__(self) -> None:
        self._events: deque[dict[str, Any]] = deque(maxlen=LISTENER_LIMIT)
        self._lost = 0
        self._wake = asyncio.Event()

    def put(self, event: dict[str, Any]) -> None:
        """Give it one more event."""
        if len(self._events) == LISTENER_LIMIT:
            self._lost += 1
        self._events.append(event)
        self._wake.set()

    async def get(self, timeout_s: float) -> dict[str, Any] | None:
        """Return the next event, or None when there was none for so long."""
        if not self._events:
            self._wake.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
            except TimeoutError:
                return None
        if self._lost:
            lost, self._lost = self._lost, 0
            return {"event": "lost", "count": lost}
        return self._events.popleft()


class Journal:
    """See the module's docstring."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.running: dict[str, Record] = {}
        self._ended: OrderedDict[str, Record] = OrderedDict()
        self.events: deque[dict[str, Any]] = deque(maxlen=EVENTS_KEPT)
        self._listeners: set[Listener] = set()
        self._untaken: list[Record] = []

    def __repr__(self) -> str:
        return f"<Journal {len(self.running)} running, {len(self._ended)} ended, {len(self.events)} events>"

    def begun(self, record: Record) -> None:
        """Note a request that has arrived."""
        self.running[record.id] = record

    def ended(self, record: Record) -> bool:
        """Note that it ended; True when it is the first since the last were taken, and at times after: word may be lost."""
        self.running.pop(record.id, None)
        if len(self._ended) >= REQUESTS_KEPT:
            self._ended.popitem(last=False)
        self._ended[record.id] = record
        self._untaken.append(record)
        return len(self._untaken) % UNTAKEN_AGAIN == 1

    def taken(self) -> list[Record]:
        """Return those that ended since the last call, each once, to be counted and logged."""
        untaken, self._untaken = self._untaken, []
        return untaken

    def find(self, request_id: str) -> Record | None:
        """Return a request that runs or ended of late."""
        return self.running.get(request_id) or self._ended.get(request_id)

    def latest(self, count: int) -> list[Record]:
        """Return the newest requests first, those that run before those that ended."""
        ended = list(self._ended.values())[: -count - 1 : -1]
        return [*reversed(self.running.values()), *ended][:count]

    def happened(self, report: Report) -> dict[str, Any]:
        """Note an event of the tree, and return it as people read it."""
        event = {"at": round(self._wall(), 3), "level": report.level, "event": report.event, **report.facts}
        if report.worker:
            event["worker"] = report.worker
        self.events.append(event)
        self.publish(event)
        return event

    def publish(self, event: dict[str, Any]) -> None:
        """Give an event to whoever listens."""
        for listener in self._listeners:
            listener.put(event)

    @property
    def is_listened_to(self) -> bool:
        """Whether publishing reaches anybody."""
        return bool(self._listeners)

    def listen(self) -> Listener | None:
        """Open a stream of events; None when there are too many. `unlisten` ends it."""
        if len(self._listeners) >= LISTENERS_LIMIT:
            return None
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def unlisten(self, listener: Listener) -> None:
        """Close a stream of events."""
        self._listeners.discard(listener)
