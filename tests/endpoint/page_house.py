"""Córtex's own pages over a board, without a server in front."""

import json
from pathlib import Path
from types import SimpleNamespace

from fleet import Clock, board, settings

from cortex.actors.names import Names
from cortex.cache.answers import Answers
from cortex.config.model import Settings
from cortex.config.secret import Secret
from cortex.config.sources import Sources
from cortex.config.watcher import Current
from cortex.endpoint.cache_pages import CachePages
from cortex.endpoint.config_pages import ConfigPages
from cortex.endpoint.control import Control
from cortex.endpoint.dashboard_files import DashboardFiles
from cortex.endpoint.dashboard_pages import DashboardPages
from cortex.endpoint.dialect import BadRequest, Problem
from cortex.endpoint.learned_pages import LearnedPages
from cortex.endpoint.live import Live
from cortex.endpoint.live_view import LiveView
from cortex.endpoint.live_view import Sources as Shown
from cortex.endpoint.pages import Pages
from cortex.routing.learner import Learner
from cortex.telemetry.history import History
from cortex.telemetry.journal import Journal
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.tail import Tail
from cortex.workers.books import Books


class House:
    """See the module's docstring."""

    def __init__(self, *standings, models=None):
        self.clock = Clock()
        self.names, self.journal, self.metrics = Names(), Journal(), Metrics()
        self.board = board(*standings)
        key = Secret("sk-very-secret-0123456789")
        workers = {"desk": settings("desk", key=key)}
        self.current = Current(Settings(workers=workers, models=models or {}))
        self.is_closing = False
        self.books = Books(clock=self.clock)
        self.answers = Answers(lambda: self.current.settings.cache, wall=self.clock)
        self.reports = []
        control = Control(
            names=self.names,
            board=self.board,
            current=self.current,
            journal=self.journal,
            metrics=self.metrics,
            is_closing=lambda: self.is_closing,
            books=self.books,
            cache=self.answers.facts,
            report=self.reports.append,
            clock=self.clock,
        )
        learned = LearnedPages(learner=Learner(wall=lambda: 0.0), journal=self.journal)
        cache = CachePages(answers=self.answers, names=self.names, report=self.reports.append)
        self.history, self.tail = History(), Tail()
        shown = Shown(self.board, self.current, self.journal, self.history, self.metrics, self.answers, self.tail)
        self.view = LiveView(shown, started_at=self.clock())
        self.live = Live(view=self.view, names=self.names, assets="", pid=1, clock=self.clock, wall=self.clock)
        self.pages = Pages(
            control=control,
            cache=cache,
            learned=learned,
            dashboard=DashboardPages(
                board=self.board,
                books=self.books,
                history=self.history,
                journal=self.journal,
                tail=self.tail,
                nano=lambda worker, model, usage: 1000,
                report=self.reports.append,
                clock=self.clock,
                wall=self.clock,
            ),
            config=ConfigPages(
                files=Sources(Path("supervision.toml"), Path(".env"), {}),
                current=self.current,
                report=self.reports.append,
            ),
            files=DashboardFiles(),
            live=self.live,
            board=self.board,
            current=self.current,
        )

    async def get(self, path, *, method="GET", query=None, headers=None):
        """Return what a client gets: (status, value)."""
        page = self.pages.find(method, path)
        assert not isinstance(page, Problem), page
        seen = []

        def whole(status, content_type, body, headers=""):
            seen.append((status, json.loads(body) if "json" in content_type else body))

        http = SimpleNamespace(query=query or {}, headers=headers or {}, method=method, remote="127.0.0.1")
        try:
            await page(http, SimpleNamespace(whole=whole))
        except BadRequest as bad:
            return bad.problem.status, bad.problem.message
        return seen[0]

    async def act(self, worker, action, **query):
        path = f"/cortex/v1/workers/{worker}/{action}"
        return await self.get(path, method="POST", query=query, headers={"X-Cortex": "1"})
