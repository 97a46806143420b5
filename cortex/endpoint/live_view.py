"""What the live page shows, and what of it has changed since the last look. Pure.

Theory of operation: twice a second the facts are gathered anew from where they stand (board, journal, history, log) and compared
with those of the last look; what differs is the delta, the same for everyone who looks. A worker's row is built of a dict that
is kept for it, in which only what moves is written again; so that 500 of them cost a few milliseconds.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from msgspec import Struct

from cortex.cache.answers import Answers
from cortex.config.model import Settings
from cortex.config.watcher import Current
from cortex.endpoint.shown import health_of
from cortex.telemetry.history import History
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.record import Record
from cortex.telemetry.tail import Tail
from cortex.workers.standing import Board, Standing

REQUESTS_SHOWN = 200
"""In a whole picture; of what is new at one look, the newest `NEW_SHOWN`."""
NEW_SHOWN = 100
EVENTS_SHOWN = 200
LOGS_SHOWN = 200

Facts = dict[str, Any]
SECTIONS = ("rows", "requests", "events", "logs")
NOTHING_SPARK = [0] * 30

_ALWAYS_NEW = frozenset({"uptime_s"})
"""Of the summary, what moves by itself: it is in whole pictures only."""


class Node(Struct):
    """One actor, as its supervisor knows it."""

    name: str
    parent: str
    kind: str
    state: str
    restarts: int
    depth: int
    mailbox: int | None
    mailbox_limit: int | None = None


class Sources(Struct, frozen=True):
    """Where everything is read."""

    board: Board
    current: Current
    journal: Journal
    history: History
    metrics: Metrics
    answers: Answers
    tail: Tail


class LiveView:
    """See the module's docstring. `look` gathers anew; `full` and what `look` returns are what goes out."""

    def __init__(self, sources: Sources, *, started_at: float) -> None:
        self._from = sources
        self._started_at = started_at
        self.summary: Facts = {}
        self.rows: dict[str, Facts] = {}
        self.order: list[str] = []
        self._lines: dict[str, Facts] = {}
        """Of requests as they were shown last, the newest first."""
        self._last_event: Facts | None = None
        self._lines_seen = sources.tail.count
        self._slow: dict[str, tuple[int, Facts]] = {}
        self._sparks: tuple[int, Mapping[str, list[int]]] = (-1, {})

    def look(self, nodes: Iterable[Node], now: float, wall: float) -> Facts:
        """Gather everything, and return what has changed, by section."""
        delta: Facts = {}
        rows, order = self._rows(nodes, now)
        if changed := _changed_rows(self.rows, rows):
            delta["rows"] = changed
        if order != self.order:
            delta["order"] = order
        self.rows, self.order = rows, order
        states = [row["state"] for row in rows.values() if "slots" in row]
        summary = self.summarised(wall, states)
        moved = {key: value for key, value in summary.items() if key not in _ALWAYS_NEW}
        if moved := {key: value for key, value in moved.items() if self.summary.get(key, ...) != value}:
            delta["summary"] = moved
        self.summary = summary
        if lines := self._new_requests():
            delta["requests"] = lines
        if events := self._new_events():
            delta["events"] = events
        if logs := self._new_logs():
            delta["logs"] = logs
        return delta

    def full(self, wanted: Container[str]) -> Facts:
        """Return the whole of those sections, as of the last look."""
        whole: Facts = {"summary": self.summary}
        if "rows" in wanted:
            whole |= {"rows": self.rows, "order": self.order}
        if "requests" in wanted:
            whole["requests"] = [*self._lines.values()]
        if "events" in wanted:
            whole["events"] = [*self._from.journal.events][-EVENTS_SHOWN:]
        if "logs" in wanted:
            whole["logs"] = self._logs(self._from.tail.since(0, LOGS_SHOWN))
        return whole

    def glance(self, now: float, wall: float) -> Facts:
        """Return the summary of this moment, without a look at everything else."""
        return self.summarised(wall, [standing.shown(now) for standing in self._from.board])

    def summarised(self, wall: float, states: list[str]) -> Facts:
        """Return the figures above everything else; `states` are the workers'."""
        held, settings = self._from, self._from.current.settings
        board, history, counts = held.board, held.history, held.answers.counts
        p50_s, p95_s = history.times(wall)
        asked = counts["hit"] + counts["shared"] + counts["miss"]
        return {
            "status": health_of(states),
            "uptime_s": round(wall - self._started_at, 1),
            "requests_per_s": round(history.per_second().get("", 0.0), 2),
            "p50_s": _rounded(p50_s),
            "p95_s": _rounded(p95_s),
            "free_share": round(history.answered_free / history.answered, 4) if history.answered else None,
            "saved_usd": round(sum(held.metrics.saved_usd.values.values()), 6),
            "cost_usd": round(sum(held.metrics.cost_usd.values.values()), 6),
            "in_flight": sum(standing.in_flight for standing in board),
            "slots": sum(standing.slots for standing in board),
            "queue": board.waiting,
            "failovers": history.failovers,
            "failovers_seen": history.failovers_seen,
            **self._restarts(settings, wall),
            "cache_ratio": round((counts["hit"] + counts["shared"]) / asked, 4) if asked else None,
            "clients": len(held.journal.running),
            "problems": [str(problem) for problem in held.current.problems],
        }

    def _restarts(self, settings: Settings, wall: float) -> Facts:
        """Return the restarts of the supervisor that has used most of its intensity, and the intensity."""
        supervision = settings.supervision
        used: dict[str, int] = {}
        for event in reversed(self._from.journal.events):
            if event["at"] < wall - supervision.max_seconds:
                break
            if event["event"] == "progress" and event.get("restarts"):
                supervisor = str(event.get("supervisor"))
                used[supervisor] = used.get(supervisor, 0) + 1
        return {
            "restarts": max(used.values(), default=0),
            "max_restarts": supervision.max_restarts,
            "max_seconds": supervision.max_seconds,
        }

    def _rows(self, nodes: Iterable[Node], now: float) -> tuple[dict[str, Facts], list[str]]:
        board = self._from.board
        per_second, sparks = self._from.history.per_second(), self._minute()
        rows: dict[str, Facts] = {}
        for node in nodes:
            row: Facts = {
                "name": node.name,
                "parent": node.parent,
                "kind": node.kind,
                "state": node.state,
                "mailbox": node.mailbox,
                "mailbox_limit": node.mailbox_limit,
                "restarts": node.restarts,
                "depth": node.depth,
            }
            standing = board.get(node.name) if node.parent == "workers" else None
            if standing is not None:
                row |= self._row(standing, now)
                row["per_s"] = per_second.get(node.name, 0.0)
                row["spark"] = sparks.get(node.name, NOTHING_SPARK)
            rows[node.name] = row
        for name in self._slow.keys() - rows.keys():
            del self._slow[name]
        return rows, list(rows)

    def _row(self, standing: Standing, now: float) -> Facts:
        """Return one worker in short (see `shown.short`); what only a change of the board changes is kept."""
        version = self._from.board.version
        known = self._slow.get(standing.name)
        if known is None or known[0] != version:
            models = (standing.models or {}).values()
            facts = {
                "provider": standing.settings.provider,
                "models": len(models),
                "loaded": [model.name for model in models if model.loaded],
            }
            known = self._slow[standing.name] = (version, facts)
        obstacle = standing.obstacle(now)
        return {
            **known[1],
            "state": standing.shown(now),
            "why": obstacle.why if obstacle else standing.quota_rest(now),
            "slots": standing.slots,
            "in_flight": len(standing.leases),
            "breaker": standing.breaker.state,
            "answered": standing.answered,
            "failed": standing.failed,
            "first_token_s": _rounded(standing.pace.usual_first_token_s()),
        }

    def _minute(self) -> Mapping[str, list[int]]:
        history = self._from.history
        if self._sparks[0] != history.now // 2:
            self._sparks = (history.now // 2, history.sparks())
        return self._sparks[1]

    def _new_requests(self) -> list[Facts]:
        """Return the lines of requests that are new or have changed, the oldest first."""
        before, lines, new = self._lines, {}, []
        for record in self._from.journal.latest(REQUESTS_SHOWN):
            known = before.get(record.id)
            if known is None or not known["outcome"]:
                line = request_line(record)
                if line != known:
                    new.append(line)
                    known = line
            lines[record.id] = known
        self._lines = lines
        return new[NEW_SHOWN - 1 :: -1] if len(new) > NEW_SHOWN else new[::-1]

    def _new_events(self) -> list[Facts]:
        new: list[Facts] = []
        for event in reversed(self._from.journal.events):
            if event is self._last_event:
                break
            new.append(event)
        if new:
            self._last_event = new[0]
        return new[::-1]

    def _new_logs(self) -> list[Facts]:
        tail = self._from.tail
        count = tail.count - self._lines_seen
        lines = self._logs(tail.since(self._lines_seen, NEW_SHOWN))
        self._lines_seen = tail.count
        if count > len(lines):
            lines.insert(0, {"at": lines[0]["at"], "level": "info", "event": "left out", "count": count - len(lines)})
        return lines

    def _logs(self, lines: Iterable[Facts]) -> list[Facts]:
        return [log_line(line) for line in lines]


def request_line(record: Record) -> Facts:
    """Return a request as lists show it."""
    return {**record.line(), "arrived_at": record.arrived_at}


def log_line(line: Facts) -> Facts:
    """Return a line of the log as pages show it: when, how loud, what, and its facts."""
    facts = {key: value for key, value in line.items() if key not in {"timestamp", "level", "event"}}
    return {
        "at": round(line["timestamp"].timestamp(), 3),
        "level": line.get("level", "info"),
        "event": str(line.get("event", "")),
        **facts,
    }


def _changed_rows(before: Mapping[str, Facts], now: Mapping[str, Facts]) -> dict[str, Facts | None]:
    changed: dict[str, Facts | None] = {}
    for name, row in now.items():
        known = before.get(name)
        if known is None:
            changed[name] = row
        elif known != row:
            changed[name] = {key: value for key, value in row.items() if known.get(key, ...) != value}
    for name in before.keys() - now.keys():
        changed[name] = None
    return changed


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
