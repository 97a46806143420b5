"""The daemon: settings in, the supervision tree out; signals; exit codes. The one place that knows every part.

    root            one_for_one; when it gives up the process ends with 70
    ├── ledger      what each key has used, and what was learned, on disk
    ├── decisions   the log of what `learned` decided
    ├── history     what charts are drawn of, on disk
    ├── stories     what became of each request, on disk for a day
    ├── telemetry   counts, logs, the journal of requests and events; ends before those that write down what it took
    ├── cache       kept answers, on disk
    ├── workers     supervisor, one child per Ollama instance or key
    ├── dispatcher  the strategy over the workers' mailboxes, and the line
    ├── health      free probes
    ├── roster      turns an edit into workers started, drained and changed
    ├── config      watches supervision.toml and .env
    └── endpoint    the door for clients

What must outlive an actor's crash is made here and handed to each incarnation: the board, the journal, the settings in
force, the connections to upstreams, the listening sockets and whatever is inside the door.
"""

import asyncio
import contextlib
import gc
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import structlog

from cortex import __version__
from cortex.actors import report as actor_report
from cortex.actors.actor import ActorDeadError
from cortex.actors.names import Names
from cortex.actors.reason import Reason
from cortex.actors.ref import Ref
from cortex.actors.spec import ChildSpec
from cortex.actors.supervisor import Supervisor
from cortex.actors.watchdog import LoopWatchdog, Stall
from cortex.cache.answers import Answers
from cortex.cache.keeper import Keeper
from cortex.chat import Usage
from cortex.config import sources
from cortex.config.model import OWN_PLAN, Settings, Worker
from cortex.config.sources import Sources
from cortex.config.watcher import ConfigWatcher, Current, Reread
from cortex.endpoint.cache_pages import CachePages
from cortex.endpoint.cached import Cached
from cortex.endpoint.config_pages import ConfigPages
from cortex.endpoint.control import Control
from cortex.endpoint.dashboard_files import DashboardFiles
from cortex.endpoint.dashboard_pages import DashboardPages
from cortex.endpoint.front import Front
from cortex.endpoint.gauges import gauges
from cortex.endpoint.learned_pages import LearnedPages
from cortex.endpoint.live import Live
from cortex.endpoint.live_view import LiveView
from cortex.endpoint.live_view import Sources as Shown
from cortex.endpoint.pages import Pages
from cortex.endpoint.relay import Relay
from cortex.endpoint.server import Door, Endpoint, Server, StopAccepting, listen
from cortex.endpoint.story import looked_at
from cortex.ledger.daily import DailyLog
from cortex.ledger.ledger import Ledger
from cortex.ledger.prices import cost
from cortex.ledger.store import Store, StoreError
from cortex.routing.dispatcher import Dispatcher
from cortex.routing.learner import Learner
from cortex.routing.strategies import spent_usd
from cortex.telemetry import archive
from cortex.telemetry import log as logs
from cortex.telemetry.events import Report
from cortex.telemetry.history import History
from cortex.telemetry.intensity import COUNTED, Intensity
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.record import NOBODY, Record
from cortex.telemetry.recorder import Due, Recorder
from cortex.telemetry.stories import Bounds, Stories
from cortex.telemetry.tail import TAIL
from cortex.transport.connect import client_context
from cortex.transport.pool import Pool
from cortex.workers import roster as rosters
from cortex.workers.books import Books
from cortex.workers.continues import Continues
from cortex.workers.health import Health
from cortex.workers.messages import ProbeNow
from cortex.workers.roster import Idle, Roster
from cortex.workers.standing import Board
from cortex.workers.worker import Worker as WorkerActor

if TYPE_CHECKING:
    from cortex.telemetry.spans import Spans

EXIT_GOOD, EXIT_NOT, EXIT_WRONG_USE, EXIT_GAVE_UP = 0, 1, 2, 70

CONNECTIONS_PER_ORIGIN = 20_000
"""No bound of its own: a worker's slots bound what it sends, and several workers may share one origin."""

DECISIONS = Path(".cortex/decisions")
HISTORY = Path(".cortex/history")
STORIES = Path(".cortex/stories")
"""Below where Córtex is started."""

READY_TIMEOUT_S = 10.0

log: Any = structlog.get_logger()


class Daemon:
    """One running Córtex. `start`, then `wait`; `stop` ends it from outside."""

    def __init__(
        self,
        settings: Settings,
        files: Sources,
        *,
        texts: sources.Texts | None = None,
        home: Path = Path(),
        seed: int | None = None,
    ) -> None:
        """Make one from settings and the files they came from; what it keeps on disk is below `home`."""
        self.current = Current(settings, digest=texts.digest if texts else "", texts=texts)
        self.files = files
        self.names = Names()
        self.board = Board()
        self.journal = Journal()
        self.metrics = Metrics(workers=lambda: [standing.name for standing in self.board], has=self._has)
        self.history = History()
        self.books = Books(
            prices=lambda: self.current.settings.prices,
            reference=lambda: self.current.settings.telemetry.saved_against,
            on_cost=self._count_money,
        )
        self.learner = Learner(wall=time.time, spent=self._spent_usd)
        self.continues = Continues(wall=time.time)
        self._home = home
        self.stories = Stories(home / STORIES, self._kept_stories, time.time)
        self._store: Store | None = None
        self._spans: Spans | None = None
        self.pool = Pool(
            max_per_origin=CONNECTIONS_PER_ORIGIN, tls=client_context(settings.tls.ca) if settings.tls.ca else None
        )
        self.ended: asyncio.Future[Reason] = asyncio.get_running_loop().create_future()
        self._random = Random(seed)  # noqa: S311  it breaks ties
        self._root: Ref[Supervisor] | None = None
        self._watchdog = LoopWatchdog(report=self._stalled)
        self.answers = Answers(lambda: self.current.settings.cache, on_saved=self._count_saved)
        relay = Relay(names=self.names, pool=self.pool, current=self.current, continues=self.continues)
        self.front = Front(
            current=self.current,
            relay=relay,
            cached=Cached(answers=self.answers, relay=relay, current=self.current, cost=self._nano_of),
            journal=self.journal,
            due=lambda: self.names.tell("telemetry", Due()),
            pages=lambda method, path: self._pages.find(method, path),  # noqa: PLW0108  made further down
        )
        control = Control(
            names=self.names,
            board=self.board,
            current=self.current,
            journal=self.journal,
            metrics=self.metrics,
            is_closing=lambda: self.front.is_closing,
            books=self.books,
            cache=self.answers.facts,
            report=self.report,
        )
        files_of_page = DashboardFiles()
        shown = Shown(self.board, self.current, self.journal, self.history, self.metrics, self.answers, TAIL)
        self.live = Live(
            view=LiveView(shown, started_at=time.time()), names=self.names, assets=files_of_page.hash, pid=os.getpid()
        )
        self._pages = Pages(
            control=control,
            cache=CachePages(answers=self.answers, names=self.names, report=self.report),
            learned=LearnedPages(learner=self.learner, journal=self.journal),
            dashboard=DashboardPages(
                board=self.board,
                books=self.books,
                history=self.history,
                journal=self.journal,
                tail=TAIL,
                nano=self._nano_of,
                told=self.stories.find,
                report=self.report,
            ),
            config=ConfigPages(files=self.files, current=self.current, report=self.report),
            files=files_of_page,
            live=self.live,
            board=self.board,
            current=self.current,
        )
        self.door = Door(Server(self.front.handle, handler_cancellation=True))
        self._is_stopping = False
        self.intensity = Intensity(time.monotonic)
        self.metrics.gauges += gauges(
            board=self.board,
            names=self.names,
            current=self.current,
            answers=self.answers,
            intensity=self.intensity,
            stories=self.stories,
            told=self.metrics.told,
        )

    async def start(self) -> None:
        """Open the port and start the tree; returns when requests are welcome. Raises OSError when the port cannot be had."""
        settings = self.current.settings
        self.door.sockets = listen(settings.server.host, settings.server.port)
        self._store = self._opened_ledger(self._home / settings.ledger.path)
        if trouble := archive.restore(self.history, self._home / HISTORY, time.time()):
            log.warning("history", why=trouble)
        self._spans = self._opened_spans(settings.telemetry.traces)
        self._watchdog.start()
        supervision = settings.supervision
        self._root = Supervisor.start(
            names=self.names,
            name="root",
            specs=self._specs(),
            strategy=supervision.strategy,
            max_restarts=supervision.max_restarts,
            max_seconds=supervision.max_seconds,
            report=self._supervised,
            on_end=self._root_ended,
        )
        self.names.register("root", self._root)
        async with asyncio.timeout(READY_TIMEOUT_S):
            while self.names.lookup("endpoint") is None and not self.ended.done():  # noqa: ASYNC110  once, at the start
                await asyncio.sleep(0.005)
            await self._first_probes()

    def _opened_spans(self, url: str) -> "Spans | None":
        """Make what traces requests, where there is somewhere to send them, and what it needs is installed."""
        if not url:
            return None
        try:
            from cortex.telemetry.spans import sent_to  # noqa: PLC0415  an extra, which takes 0.1 s to import
        except ImportError as missing:
            log.warning("traces are off", why=f"{missing}: install the extra, as in pip install 'cortex[otel]'")
            return None
        return sent_to(url, self._upstream_of)

    def _upstream_of(self, worker: str) -> tuple[str, str, int] | None:
        """Return provider, host and port of what a worker asks."""
        standing = self.board.get(worker)
        if standing is None:
            return None
        origin = standing.link.origin
        return standing.settings.provider, origin.host, origin.port

    def _opened_ledger(self, folder: Path) -> Store:
        """Open the ledger and take what it holds; whatever is wrong with it is said, and Córtex starts all the same."""
        store, warning = Store.open(folder)
        try:
            kept = store.read_all()
            unread = sum(each.restore(kept) for each in (self.books, self.learner, self.continues))
        except StoreError as error:
            warning, unread = warning or str(error), 0
        if warning or unread:
            log.warning("ledger", why=warning or f"{unread} entries could not be read and are left out")
        return store

    def _count_money(self, worker: str, paid_nano: int, saved_nano: int) -> None:
        self.metrics.cost(worker, paid_nano, saved_nano)
        self.history.money(paid_nano, saved_nano)

    def _count_saved(self, nano: int) -> None:
        self.metrics.saved(nano)
        self.history.money(0, nano)

    def _nano_of(self, worker: str, model: str, usage: Usage) -> int:
        """Return what `usage` would cost, at the price that savings are measured by, in nano-dollars; 0 where nobody knows."""
        standing, reference = self.board.get(worker), self.current.settings.telemetry.saved_against
        if reference != OWN_PLAN:
            rate = self.books.rate("", reference)
        else:
            rate = None if standing is None else standing.account.rate(model)
        return 0 if rate is None else cost(rate, usage)

    def _kept_stories(self) -> Bounds:
        telemetry = self.current.settings.telemetry
        return Bounds(telemetry.stories_s, telemetry.stories_bytes)

    def _has(self, worker: str, model: str) -> bool:
        """Whether the configuration names a model, or the worker says that it has it: then metrics tell it by its name."""
        settings, standing = self.current.settings, self.board.get(worker)
        named = (settings.models, settings.prices) if standing is None else (settings.prices, standing.settings.limits)
        if any(model in names for names in named):
            return True
        if standing is not None and (model in standing.settings.models or standing.model_named(model) == model):
            return True
        targets = [target for targets in settings.models.values() for target in targets]
        return any(target == model or target.endswith(f":{model}") for target in targets)

    def _spent_usd(self, worker: str, model: str, usage: Usage | None, took_s: float) -> float:
        """Return what an attempt cost."""
        standing = self.board.get(worker)
        return 0.0 if standing is None else spent_usd(standing, model, usage, took_s)

    def _collect(self) -> dict[str, bytes | None]:
        """Return what the ledger is to write."""
        return {**self.books.collect(), **self.learner.collect(), **self.continues.collect()}

    def _keep_story(self, record: Record) -> None:
        """Have a request's story kept: what refers to workers as they are now is told in words."""
        record.candidates, record.looked_at, record.refused_by = looked_at(record), NOBODY, ()
        self.stories.add(record)

    async def _first_probes(self) -> None:
        """Let every worker be looked at once, or not answer in time, before the first request is welcome."""
        probes = [self.names.ask("health", ProbeNow(name)) for name in self.current.settings.workers]
        if probes:
            with contextlib.suppress(TimeoutError, ActorDeadError):
                async with asyncio.timeout(min(0.5, self.current.settings.health.timeout_s)):
                    for probe in probes:
                        await probe

    @property
    def port(self) -> int:
        """The port that was opened."""
        return int(self.door.sockets[0].getsockname()[1])

    async def wait(self) -> int:
        """Wait for the end of the root supervisor; return the exit code."""
        await self.ended
        return EXIT_GOOD if self._is_stopping else EXIT_GAVE_UP

    async def drain(self) -> None:
        """Stop accepting, let running answers end within the grace, then cancel them."""
        self.names.tell("endpoint", StopAccepting())
        self.front.is_closing = True
        grace_s = self.current.settings.server.shutdown_grace_s
        deadline = time.monotonic() + grace_s
        while self.front.exchanges and time.monotonic() < deadline:  # noqa: ASYNC110  once, at the end
            await asyncio.sleep(0.02)
        for exchange in tuple(self.front.exchanges):
            exchange.end("shutdown")
        while self.front.exchanges and time.monotonic() < deadline + 2.0:  # noqa: ASYNC110  once, at the end
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End the tree, the connections and the port."""
        self._is_stopping = True
        if self._root is not None and not self.ended.done():
            self._root.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(30.0):
                    await asyncio.shield(self.ended)
        await self.live.close()
        await self.door.clear()
        await self.pool.close()
        self._watchdog.stop()
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close)
        if self._store is not None:
            self._store.close()

    def _root_ended(self, reason: Reason) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)

    def _specs(self) -> list[ChildSpec]:
        supervision = self.current.settings.supervision
        return [
            ChildSpec(
                "ledger",
                lambda: Ledger.start(store=self._store, collect=self._collect, report=self.report),
            ),
            ChildSpec(
                "decisions",
                lambda: DailyLog.start(
                    folder=self._home / DECISIONS,
                    collect=self.learner.take_lines,
                    report=self.report,
                    wall=time.time,
                ),
            ),
            ChildSpec(
                "history",
                lambda: archive.Archive.start(
                    history=self.history,
                    folder=self._home / HISTORY,
                    in_flight=lambda: sum(standing.in_flight for standing in self.board),
                    paid=lambda: frozenset(standing.name for standing in self.board if not standing.settings.free),
                    report=self.report,
                ),
            ),
            ChildSpec(
                "stories",
                lambda: DailyLog.start(
                    folder=self._home / STORIES,
                    collect=self.stories.take_lines,
                    report=self.report,
                    wall=time.time,
                    write=self.stories.append,
                ),
            ),
            ChildSpec(
                "telemetry",
                lambda: Recorder.start(
                    journal=self.journal,
                    metrics=self.metrics,
                    history=self.history,
                    learn=self.learner.finished,
                    keep=self._keep_story,
                    trace=self._spans.finished if self._spans is not None else None,
                ),
            ),
            ChildSpec(
                "cache",
                lambda: Keeper.start(
                    answers=self.answers,
                    folder=self._home / self.current.settings.cache.path,
                    limit_bytes=self.current.settings.cache.disk_bytes,
                    report=self.report,
                ),
            ),
            ChildSpec(
                "workers",
                lambda: Supervisor.start(
                    names=self.names,
                    specs=lambda: rosters.specs(self.current.settings.workers, self._worker_spec),
                    max_restarts=supervision.max_restarts,
                    max_seconds=supervision.max_seconds,
                    report=self._supervised,
                ),
                kind="supervisor",
                shutdown_s=None,
                start_timeout_s=30.0,
            ),
            ChildSpec(
                "dispatcher",
                lambda: Dispatcher.start(
                    board=self.board,
                    names=self.names,
                    current=self.current,
                    random=self._random,
                    learner=self.learner,
                    on_wait=lambda waited_s: self.metrics.queue_seconds.add((), waited_s),
                ),
            ),
            ChildSpec(
                "health",
                lambda: Health.start(
                    board=self.board,
                    names=self.names,
                    pool=self.pool,
                    current=self.current,
                    on_probe=self.metrics.probed,
                ),
            ),
            ChildSpec(
                "roster",
                lambda: Roster.start(
                    board=self.board,
                    names=self.names,
                    pool=self.pool,
                    current=self.current,
                    spec_of=self._worker_spec,
                    report=self.report,
                    on_reload=lambda result: self.metrics.reloads.add((result,)),
                ),
            ),
            ChildSpec(
                "config",
                lambda: ConfigWatcher.start(files=self.files, current=self.current, names=self.names, target="roster"),
            ),
            ChildSpec(
                "endpoint",
                lambda: Endpoint.start(front=self.front, door=self.door),
            ),
        ]

    def _worker_spec(self, worker: Worker) -> ChildSpec:
        """Make the spec of one worker; each incarnation takes the settings that are in force when it starts."""
        name = worker.name

        def start() -> Ref[WorkerActor]:
            settings = self.current.settings
            standing = self.board.get(name)
            kept = standing.settings if standing is not None else worker
            return WorkerActor.start(
                settings=settings.workers.get(name, kept),
                routing=settings.timed,
                breaker=settings.breaker,
                board=self.board,
                books=self.books,
                names=self.names,
                pool=self.pool,
                report=self.report,
                on_idle=lambda idle: self.names.tell("roster", Idle(idle)),
                continues=lambda: self.continues if self.current.settings.streams.resume else None,
            )

        return ChildSpec(f"workers/{name}", start)

    def report(self, report: Report) -> None:
        """Have something that happened to the tree logged and remembered."""
        if not self.names.tell("telemetry", report):  # it is being restarted: an event must not be lost with it
            self.journal.happened(report)

    def _supervised(self, report: actor_report.Report) -> None:
        """Take a supervisor's report: the four keys, as one event."""
        offender = report.offender
        child = offender.name.removeprefix("workers/")
        if report.context == "progress":
            if offender.restarts:
                self.metrics.restarted(child)
            self.report(
                Report("progress", worker=child, facts={"supervisor": report.supervisor, "restarts": offender.restarts})
            )
            return
        if report.context in COUNTED:
            supervision = self.current.settings.supervision
            self.intensity.ended(report.supervisor, supervision.max_restarts, supervision.max_seconds)
        facts = {"supervisor": report.supervisor, "reason": str(report.reason), "restarts": offender.restarts}
        if offender.lost:
            facts["lost"] = offender.lost
        self.report(Report(report.context, worker=child, facts=facts))

    def _stalled(self, stall: Stall) -> None:
        """Say that the loop is blocked, from the watchdog's thread and at once: the telemetry actor is on that loop."""
        event = "loop runs again" if stall.is_over else "loop blocked"
        log.error(event, blocked_s=round(stall.blocked_s, 3), stack=stall.stack or None)


async def run(files: Sources, *, demo: bool = False, home: Path = Path()) -> int:
    """Run until the end; return the exit code."""
    if demo:
        return await _demonstrate(files)
    texts = sources.read(files)
    if isinstance(texts, list):
        return _complain(texts)
    settings = sources.settings(texts, files)
    if isinstance(settings, list):
        return _complain(settings)
    logs.configure(settings.telemetry.log)
    return await _serve(Daemon(settings, files, texts=texts, home=home))


async def _demonstrate(files: Sources) -> int:
    """Run with simulated upstreams, from a settings file of their own that can be edited while it runs."""
    from cortex.simulate.demo import start_demo  # noqa: PLC0415  only --demo needs it

    demo = await start_demo()
    kept = {
        name: value
        for name, value in files.environ.items()
        if name in {"CORTEX_HOST", "CORTEX_PORT", "CORTEX_STRATEGY"}
    }
    with tempfile.TemporaryDirectory(prefix="cortex-demo-") as folder:
        config = Path(folder) / "supervision.toml"
        config.write_text(f"# The settings of this demonstration; edit them while it runs.\n\n{demo.workers}")
        print(f"cortex: simulated upstreams; the settings are in {config}", file=sys.stderr)  # noqa: T201
        try:
            sources_of_demo = Sources(config, Path(folder) / ".env", {**kept, **demo.environment})
            return await run(sources_of_demo, home=Path(folder))
        finally:
            await demo.stop()


async def _serve(daemon: Daemon) -> int:
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    settings = daemon.current.settings
    try:
        await daemon.start()
    except OSError as error:
        server = settings.server
        print(f"cortex: cannot listen on {server.host} port {server.port}: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        await daemon.stop()
        return EXIT_NOT
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: daemon.names.tell("config", Reread()))
    _welcome(daemon)
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # what a request makes has no cycles to speak of; a collection costs as much as it
    stopping = loop.create_task(asked.wait())
    ending = loop.create_task(daemon.wait())
    await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
    if ending.done():
        stopping.cancel()
        log.error("the root supervisor gave up; Córtex ends", code=ending.result())
        await daemon.stop()
        return ending.result()
    log.info("shutting down", running=len(daemon.front.exchanges), grace_s=settings.server.shutdown_grace_s)
    await daemon.drain()
    await daemon.stop()
    ending.cancel()
    return EXIT_GOOD


def _welcome(daemon: Daemon) -> None:
    settings = daemon.current.settings
    log.info(
        "ready", url=f"http://{settings.server.host}:{daemon.port}", workers=list(settings.workers), version=__version__
    )
    for notice in settings.notices:
        log.warning(notice)


def _complain(problems: Iterable[object]) -> int:
    for problem in problems:
        print(problem, file=sys.stderr)  # noqa: T201
    print("cortex: not started; 'cortex check' reads the file again", file=sys.stderr)  # noqa: T201
    return EXIT_WRONG_USE


def main(config: str, env_file: str, *, demo: bool) -> int:
    """Run the daemon with uvloop where there is one."""
    files = Sources(Path(config), Path(env_file), dict(os.environ))
    try:
        import uvloop  # noqa: PLC0415  not on Windows

        factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:
        factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(run(files, demo=demo))
