"""Córtex's own actors in front of the simulated clouds, on clocks that run as fast as the test can: a month in seconds.

True are: the settings (from TOML), the books and their file on disk, the dispatcher, the workers and their supervisor, the
attempt loop with the OpenAI dialect, each provider's translation, and all of the simulators (their checks of a body, quota
windows, pace, 429s) up to the bytes of an answer. Three things are not there. Sockets: a kernel's time cannot be moved, so
`Wire` stands in the transport's place and hands heads and bodies over. The HTTP server: `Heard` stands in a reply's place. The
ledger's actor, which looks at the books each 0.4 s, of which a month has six million: the test has them written itself.
"""

import asyncio
import re
import selectors
from collections import Counter
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from aiohttp import HttpVersion11, web

from cortex.actors.names import Names
from cortex.actors.reason import SHUTDOWN
from cortex.actors.spec import ChildSpec
from cortex.actors.supervisor import Supervisor
from cortex.config.load import load
from cortex.config.model import Settings, Worker
from cortex.config.watcher import Current
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.openai import OpenAI
from cortex.endpoint.relay import Relay
from cortex.ledger.store import Store
from cortex.messages import Request
from cortex.providers.base import Findings, Model
from cortex.routing.dispatcher import Dispatcher
from cortex.simulate.cloud import SimulatedCloud
from cortex.simulate.delivery import Received
from cortex.simulate.quota import Quotas, Spent
from cortex.simulate.window import PACIFIC, Moment
from cortex.telemetry.record import Record
from cortex.workers.books import Books
from cortex.workers.messages import Probed
from cortex.workers.standing import Board
from cortex.workers.worker import Worker as WorkerActor


class Clock:
    """Monotonic seconds since the month began, and the wall's; both pass only when the loop has nothing else to do."""

    def __init__(self, begins: datetime) -> None:
        self.now = 0.0
        self.began = begins.timestamp()

    def __call__(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.began + self.now


class _Skip(selectors.DefaultSelector):
    """Waits by moving the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "everybody waits for something that no time brings"
        self._clock.now += max(0.0, timeout)
        return super().select(0)


class SkippingLoop(asyncio.SelectorEventLoop):
    """An event loop that skips the time in which nothing happens."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(_Skip(clock))
        self.time = clock


class Call:
    """One request to an upstream: what its client's request was estimated to use, and what the upstream took for it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.account = self.model = ""
        self.taken = 0


ASKED: ContextVar[Request] = ContextVar("ASKED")
CALL: ContextVar[Call] = ContextVar("CALL")


class Watched(Quotas):
    """The simulated upstream's own windows, with a tally of what they granted and why they refused.

    Beside them stand the same windows as they may be at worst, for all that anybody can know from outside: what an answer
    that broke off has used nobody is told, so there it is as much as was allowed.
    """

    def __init__(self, plan: Any, *, gives_back: bool = False) -> None:
        """`gives_back`: tokens that were allowed for an answer and not used are given back when it has come."""
        super().__init__(plan)
        self._gives_back = gives_back
        self._worst = Quotas(plan)
        self.amounts: Counter[tuple[str, str, str]] = Counter()
        """By account, by `requests` or `tokens`, by Pacific day; the day `""` is all of them."""
        self.refusals: Counter[tuple[str, str, str]] = Counter()
        """By account, by `requests` or `tokens`, by window."""

    def ask(self, account: str, model: str, now: Moment, *, tokens: int = 0, inputs: int = 1) -> tuple[Spent, ...]:
        spent = super().ask(account, model, now, tokens=tokens, inputs=inputs)
        if spent:
            self.refusals[account, spent[0].what, spent[0].window] += 1
            return spent
        call = CALL.get()
        call.account, call.model, call.taken = account, model, tokens
        for limit, window in self._worst.meter(account, model)._windows:
            window.add({"requests": 1, "tokens": tokens}[limit.what], now)
        for day in ("", day_of(now.wall_s)):
            self.amounts[account, "requests", day] += 1
            self.amounts[account, "tokens", day] += tokens
        return spent

    def came(self, call: Call, total: int, now: Moment) -> None:
        """Give back what a whole answer of `total` tokens did not need."""
        if self._gives_back and call.taken:
            for meter in (self.meter(call.account, call.model), self._worst.meter(call.account, call.model)):
                for limit, window in meter._windows:
                    if limit.what == "tokens":
                        window.add(total - call.taken, now)
            for day in ("", day_of(now.wall_s)):
                self.amounts[call.account, "tokens", day] += total - call.taken

    def broke_off(self, call: Call, now: Moment) -> None:
        """Count as much as may have been used for an answer that did not come to its end."""
        for limit, window in self._worst.meter(call.account, call.model)._windows:
            if limit.what == "tokens":
                window.add(max(0, sum(call.request.tokens[:2]) - call.taken), now)

    def has_room(self, account: str, model: str, now: Moment, tokens: int) -> bool:
        """Whether a request would be granted, at worst; asking counts nothing."""
        amounts = {"requests": 1, "tokens": tokens}
        windows = self._worst.meter(account, model)._windows
        return all(window.wait_s(amounts[limit.what], now) == 0 for limit, window in windows)


def day_of(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, PACIFIC).date().isoformat()


class Heard:
    """What one client heard, in a reply's place."""

    is_paused = is_stream = False
    status_sent = 0

    def __init__(self) -> None:
        self.body = b""
        self.is_ended = False

    def whole(self, status: int, content_type: str, body: bytes, headers: str = "") -> None:
        self.status_sent, self.body, self.is_ended = status, body, True

    def begin(self, content_type: str, headers: str, first: bytes = b"") -> None:
        self.status_sent, self.is_stream, self.body = 200, True, first

    def write(self, data: bytes) -> None:
        self.body += data

    def end(self) -> None:
        self.is_ended = True


TOTAL = re.compile(rb'"total_tokens":(\d+)')


class _Answer:
    """An upstream's answer on its way, in a connection's place: the simulator writes it, the attempt loop reads it."""

    length: int | None = None
    output_size = 0

    def __init__(self) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.handler: asyncio.Task[None] | None = None
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self._last = b""

    def total_tokens(self) -> int:
        """Return what an answer of the OpenAI dialect says it used; 0 where it says nothing."""
        said = TOTAL.findall(self._last)
        return int(said[-1]) if said else 0

    # As the simulator writes

    def enable_chunking(self) -> None:
        pass

    def send_headers(self) -> None:
        pass

    async def write_headers(self, status_line: str, headers: Mapping[str, str]) -> None:
        self.begin(int(status_line.split(" ", 2)[1]), headers)

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.begun.set_result(None)

    async def write(self, data: bytes) -> None:
        self._pieces.put_nowait(data)
        self._last = data or self._last

    async def write_eof(self, data: bytes = b"") -> None:
        if data:
            await self.write(data)
        self._pieces.put_nowait(b"")

    # As the attempt loop reads

    async def chunk(self) -> bytes:
        return await self._pieces.get()

    async def read(self, limit: int = 0) -> bytes:
        whole = b""
        while piece := await self.chunk():
            whole += piece
        return whole

    def close(self) -> None:
        if self.handler is not None:
            self.handler.cancel()


class _Asked:
    """What a simulator sees of an HTTP request when it prepares an answer, in aiohttp's place."""

    version = HttpVersion11
    keep_alive = True
    transport = None

    def __init__(self, method: str, writer: _Answer) -> None:
        self.method = method
        self._payload_writer = writer

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        pass


class Wire:
    """Hands requests to simulators by the host they are for, in the place of the pool of connections.

    One in `fails_one_in` fails with a 500 after its upstream has taken it in and counted it, which is the worst case: a
    failure that cost nothing upstream would only leave some quota unused.
    """

    def __init__(self, sims: Mapping[str, SimulatedCloud], random: Random, fails_one_in: int) -> None:
        self._sims = sims
        self._random = random
        self._fails_one_in = fails_one_in
        self._handlers: set[asyncio.Task[None]] = set()
        self.failed = 0
        self.errors: list[BaseException | None] = []
        """What went wrong in a simulator, which is nobody's plan."""

    async def send(self, origin: Any, head: bytes, body: bytes, budgets: Any) -> _Answer:
        answer = _Answer()
        answer.handler = asyncio.get_running_loop().create_task(
            self._handle(self._sims[origin.host], head, body, answer)
        )
        self._handlers.add(answer.handler)
        answer.handler.add_done_callback(self._handled)
        try:
            await answer.begun
        except asyncio.CancelledError:
            answer.close()
            raise
        return answer

    def _handled(self, handler: "asyncio.Task[None]") -> None:
        self._handlers.discard(handler)
        if not handler.cancelled() and handler.exception() is not None:
            self.errors.append(handler.exception())

    async def _handle(self, sim: SimulatedCloud, head: bytes, body: bytes, answer: _Answer) -> None:
        line, *lines = head.decode().rstrip("\r\n").split("\r\n")
        method, target, _ = line.split(" ")
        path, _, query = target.partition("?")
        headers = dict(field.split(": ", 1) for field in lines)
        json = msgspec.json.decode(body)
        received = Received(
            method,
            path,
            dict(pair.split("=") for pair in query.split("&") if pair),
            {name.lower(): value for name, value in headers.items()},
            body,
            json,
            sim.asked_model(path, json),
        )
        call = Call(ASKED.get())
        CALL.set(call)
        request: Any = _Asked(method, answer)
        is_whole = False
        try:
            is_whole = await self._respond(sim, request, received, answer, call)
        finally:
            if is_whole:
                sim.quota.came(call, answer.total_tokens(), sim.now)
            elif call.taken:
                sim.quota.broke_off(call, sim.now)

    async def _respond(self, sim: Any, request: Any, received: Received, answer: _Answer, call: Call) -> bool:
        """Answer; False where it failed after it was counted."""
        response = await sim._answered(request, received)
        if answer.begun.done():
            return True  # a stream; all of it was written
        fails = bool(call.taken) and not self._random.randrange(self._fails_one_in)
        if fails:
            self.failed += 1
            no = sim.failed(500, "an internal error has occurred")
            response = web.Response(status=no.status, body=no.body, content_type=no.content_type)
        assert isinstance(response, web.Response)
        answer.begin(response.status, response.headers)
        await answer.write_eof(response.body)
        return not fails


class Cortex:
    """One incarnation of the daemon's deciding parts, from its settings and what the ledger's file holds."""

    def __init__(self, toml: str, *, clock: Clock, wire: Wire, folder: Path) -> None:
        settings = load(toml, {})
        assert isinstance(settings, Settings), settings
        booted_at = clock.now
        self._wall = clock.wall
        self.clock: Callable[[], float] = lambda: 1000.0 + clock.now - booted_at
        """Monotonic clocks begin anew with the machine; only the wall's goes on."""
        self.settings = settings
        self.names, self.board = Names(), Board()
        self.books = Books(clock=self.clock, wall=clock.wall)
        self.store, warning = Store.open(folder)
        assert not warning
        assert not self.books.restore(self.store.read_all())
        self._current = Current(settings)
        self._wire: Any = wire
        self._relay = Relay(names=self.names, pool=self._wire, current=self._current, clock=self.clock)
        self._dialect = OpenAI(clock.wall)
        self._requests = 0
        specs = [self._worker(worker) for worker in settings.workers.values()]
        self._root = Supervisor.start(
            names=self.names, specs=[*specs, ChildSpec("dispatcher", self._dispatcher)], report=lambda report: None
        )

    def _dispatcher(self) -> Any:
        return Dispatcher.start(
            board=self.board,
            names=self.names,
            current=self._current,
            random=Random(0),
            on_wait=lambda waited_s: None,
            clock=self.clock,
        )

    def _worker(self, worker: Worker) -> ChildSpec:
        def start() -> Any:
            ref = WorkerActor.start(
                settings=worker,
                routing=self.settings.routing,
                breaker=self.settings.breaker,
                board=self.board,
                books=self.books,
                names=self.names,
                pool=self._wire,
                report=lambda report: None,
                on_idle=lambda name: None,
                clock=self.clock,
            )
            ref.tell(Probed(Findings(tuple(Model(name) for name in worker.models)), 0.0))
            return ref

        return ChildSpec(f"workers/{worker.name}", start)

    def begin(self, body: bytes) -> tuple[Request, Heard, "asyncio.Task[Any]"]:
        """Begin to answer a chat, as the endpoint does."""
        self._requests += 1
        record = Record(
            id=f"r-{self._requests}",
            client="10.0.0.1",
            dialect="openai",
            arrived_s=self.clock(),
            arrived_at=self._wall(),
        )
        request = self._dialect.read("chat", body)
        record.describe(request)
        request.id, request.client, request.arrived_s = record.id, record.client, record.arrived_s
        request.deadline_s = record.arrived_s + self.settings.routing.deadline_s
        heard = Heard()
        return request, heard, asyncio.get_running_loop().create_task(self._answer(request, record, heard))

    async def _answer(self, request: Request, record: Record, reply: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        exchange = Exchange(dialect=self._dialect, reply=reply, record=record, task=task)
        exchange.request, exchange.deadline_s = request, request.deadline_s
        ASKED.set(request)
        await self._relay.answer(exchange, request)

    def save(self) -> None:
        """Have what changed written, as the ledger does a few times a second."""
        self.store.write(self.books.collect())

    def end(self) -> None:
        """Die without another word; whatever `save` did not write is lost."""
        self._root.kill(SHUTDOWN)
        self.store.close()


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)
