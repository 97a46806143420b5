"""Córtex's own paths: what `status`, the page, Kubernetes and Prometheus read, and the actions on workers."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from cortex import __version__
from cortex.actors.actor import ActorDeadError, HandlerCrashed, MailboxFull
from cortex.actors.errors import ChildError
from cortex.actors.names import Names
from cortex.actors.supervisor import ChildInfo, RestartChild, WhichChildren
from cortex.config.units import seconds
from cortex.config.watcher import Current
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.reply import ClientGoneError, Reply
from cortex.endpoint.shown import DAY_S, full, health_of, short, sums, used
from cortex.endpoint.visitors import visitor
from cortex.telemetry.events import Report
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.recorder import Take
from cortex.workers.books import Books
from cortex.workers.messages import Drain, ProbeNow, Rest, Resume, Retire
from cortex.workers.standing import Board, Standing

ASK_TIMEOUT_S = 5.0
REQUESTS_SHOWN = 100
PING_S = 15.0
"""Between two signs of life on the stream of events."""

_encoder = msgspec.json.Encoder(enc_hook=str, order="deterministic")


class Control:
    """Reads the tree and acts on it. Every method that ends in `_page` answers one path."""

    def __init__(  # noqa: PLR0913  all that its pages read
        self,
        *,
        names: Names,
        board: Board,
        current: Current,
        journal: Journal,
        metrics: Metrics,
        is_closing: Callable[[], bool],
        books: Books,
        cache: Callable[[], dict[str, Any]],
        report: Callable[[Report], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._names = names
        self._board = board
        self._current = current
        self._journal = journal
        self._metrics = metrics
        self._is_closing = is_closing
        self._books = books
        self._cache = cache
        self._report = report
        self._clock = clock
        self._wall = wall
        self._started_s = clock()

    async def livez(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer: the loop runs."""
        reply.whole(200, "text/plain; charset=utf-8", b"ok\n")

    async def readyz(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer whether requests are welcome: the tree is up, and Córtex is not shutting down."""
        if self._is_closing():
            reply.whole(503, "text/plain; charset=utf-8", b"shutting down\n")
        elif self._names.lookup("dispatcher") is None:
            reply.whole(503, "text/plain; charset=utf-8", b"the dispatcher is being started\n")
        else:
            reply.whole(200, "text/plain; charset=utf-8", b"ready\n")

    async def health(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer how the workers are, in one word and one word each."""
        states = self._states()
        status = health_of(list(states.values()))
        code = 200 if status in {"healthy", "degraded"} else 503
        _json(reply, {"status": status, "workers": states, "version": __version__}, status=code)

    async def metrics(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer Prometheus."""
        await self._ask("telemetry", Take())  # what has ended just now is counted too
        text = await asyncio.to_thread(self._metrics.taken())
        reply.whole(200, "text/plain; version=0.0.4; charset=utf-8", text)

    async def tree(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer the supervision tree with what each actor is doing."""
        states = self._states()
        _json(
            reply,
            {
                "status": health_of(list(states.values())),
                "version": __version__,
                "uptime_s": round(self._clock() - self._started_s, 1),
                "in_flight": sum(standing.in_flight for standing in self._board),
                "queue": self._board.waiting,
                "cache": self._cache(),
                "problems": [str(problem) for problem in self._current.problems],
                "tree": {"name": "root", "kind": "supervisor", "children": await self._children("root")},
            },
        )

    async def workers(self, _: web.BaseRequest, reply: Reply) -> None:
        """Answer every worker, in short."""
        now = self._clock()
        _json(reply, {"workers": [short(standing, now) for standing in self._board]})

    async def worker(self, _: web.BaseRequest, reply: Reply, name: str) -> None:
        """Answer one worker, whole."""
        standing = self._find(name)
        ref = self._names.lookup(standing.actor)
        whole = full(standing, self._clock())
        whole["mailbox"] = ref.waiting if ref else None
        whole["usage"] = self._usage_of(name)
        _json(reply, whole)

    async def usage(self, http: web.BaseRequest, reply: Reply) -> None:
        """Answer what each key was used for: by hour for a week, by day for a year; `?worker=` for one of them."""
        wanted = http.query.get("worker")
        rows = self._books.rows()
        _json(reply, {"usage": [used(row) for row in rows if wanted in {None, row.worker}]})

    async def requests(self, http: web.BaseRequest, reply: Reply) -> None:
        """Answer the latest requests, the newest first; `?limit=` up to 1,000."""
        try:
            limit = min(1000, max(1, int(http.query.get("limit", str(REQUESTS_SHOWN)))))
        except ValueError:
            raise BadRequest(
                Problem(400, "limit: expected a number from 1 to 1000", "invalid_value", "limit")
            ) from None
        latest = self._journal.latest(limit)
        _json(reply, {"requests": [{**record.line(), "arrived_at": record.arrived_at} for record in latest]})

    async def events(self, _: web.BaseRequest, reply: Reply) -> None:
        """Stream what happens as server-sent events, the last events first; ends when the client goes or Córtex does."""
        listener = self._journal.listen()
        if listener is None:
            raise BadRequest(Problem(503, "too many streams of events are open", "overloaded", retry_after_s=10.0))
        try:
            reply.begin("text/event-stream; charset=utf-8", "", b": the events of this Cortex\n\n")
            for event in list(self._journal.events)[-20:]:
                reply.write(_sse(event))
            while not self._is_closing():
                next_event = await listener.get(PING_S if not self._is_closing() else 0.0)
                reply.write(b": ping\n\n" if next_event is None else _sse(next_event))
                await reply.taken_in()
            reply.end()
        except ClientGoneError:
            pass
        finally:
            self._journal.unlisten(listener)

    async def act(self, http: web.BaseRequest, reply: Reply, name: str, action: str) -> None:
        """Do something to a worker (or restart any actor): drain, resume, rest, retire, probe, restart."""
        only_for_tools(http)
        if action == "restart":
            await self._restart(name)
        else:
            standing = self._find(name)
            await self._ask(*self._order(standing, action, http))
        self._report(Report("action", worker=name, facts={"action": action, "by": visitor(http)}))
        standing_now = self._board.get(name)
        state = standing_now.shown(self._clock()) if standing_now else "restarted"
        _json(reply, {"name": name, "action": action, "state": state})

    def _order(self, standing: Standing, action: str, http: web.BaseRequest) -> tuple[str, Any]:
        match action:
            case "drain":
                return standing.actor, Drain()
            case "resume":
                return standing.actor, Resume()
            case "retire":
                return standing.actor, Retire()
            case "probe":
                return "health", ProbeNow(standing.name)
            case _:
                wanted = http.query.get("for")
                try:
                    return standing.actor, Rest(None if wanted is None else seconds(wanted))
                except ValueError:
                    found = (
                        f"expected a duration such as 90s or 2h, found {wanted[:40]!r}"
                        if wanted
                        else "expected a duration"
                    )
                    raise BadRequest(Problem(400, f"for: {found}", "invalid_value", "for")) from None

    async def _restart(self, name: str) -> None:
        standing = self._board.get(name)
        supervisor, actor = ("workers", standing.actor) if standing else ("root", name)
        await self._ask(supervisor, RestartChild(actor))

    async def _ask(self, name: str, message: Any) -> Any:
        """Ask an actor; what goes wrong is told to the client."""
        try:
            return await self._names.ask_until(name, message, ASK_TIMEOUT_S)
        except ChildError as error:
            raise _not_found(str(error)) from None
        except (TimeoutError, ActorDeadError, MailboxFull, HandlerCrashed) as error:
            raise BadRequest(
                Problem(503, f"{name} did not answer: {error}", "unavailable", retry_after_s=1.0)
            ) from None

    async def _children(self, supervisor: str) -> list[dict[str, Any]]:
        children: list[ChildInfo] = await self._ask(supervisor, WhichChildren())
        shown = []
        for child in children:
            facts: dict[str, Any] = {
                "name": child.name.removeprefix("workers/"),
                "kind": child.kind,
                "state": child.state,
                "restarts": child.restarts,
                "mailbox": child.ref.waiting if child.ref else None,
            }
            standing = self._board.get(facts["name"]) if supervisor == "workers" else None
            if standing is not None:
                facts |= short(standing, self._clock())
            if child.kind == "supervisor" and child.ref is not None:
                facts["children"] = await self._children(child.name)
            shown.append(facts)
        return shown

    def _usage_of(self, worker: str) -> dict[str, Any]:
        """Return what a worker was used for today (UTC), in the last seven days, and in all that is remembered."""
        now = self._wall()
        days = [row for row in self._books.rows() if row.worker == worker and row.length_s == DAY_S]
        today = now - now % DAY_S
        spans = {"today": today, "week": today - 6 * DAY_S, "year": float("-inf")}
        return {name: sums([row.tally for row in days if row.start >= since]) for name, since in spans.items()}

    def _find(self, name: str) -> Standing:
        standing = self._board.get(name)
        if standing is None:
            there = ", ".join(each.name for each in self._board) or "none"
            raise _not_found(f"no worker '{name[:60]}'; there are: {there}")
        return standing

    def _states(self) -> dict[str, str]:
        now = self._clock()
        return {standing.name: standing.shown(now) for standing in self._board}


def only_for_tools(http: web.BaseRequest) -> None:
    """Refuse what a web page in somebody's browser could send too. Raises BadRequest."""
    if http.headers.get("X-Cortex") != "1":
        raise BadRequest(
            Problem(403, "actions need the header 'X-Cortex: 1', so that no web page can send them", "forbidden")
        )


def _json(reply: Reply, value: Any, *, status: int = 200) -> None:
    reply.whole(status, "application/json", _encoder.encode(value) + b"\n")


def _sse(event: dict[str, Any]) -> bytes:
    return b"data: " + _encoder.encode(event) + b"\n\n"


def _not_found(message: str) -> BadRequest:
    return BadRequest(Problem(404, message, "not_found"))
