"""One worker's actor among mailboxes that nobody reads, on a clock that the test moves."""

import pytest
from fleet import Clock, Post, dispatch, settings, settle

from cortex.actors.names import Names
from cortex.config.model import Breaker, Routing
from cortex.messages import Failure, Outcome
from cortex.providers.base import Findings, Model
from cortex.workers.books import Books
from cortex.workers.lease import Lease
from cortex.workers.messages import Grant, Probed
from cortex.workers.standing import Board
from cortex.workers.worker import Worker

MODEL = "llama3.2:3b"


class FakePool:
    """Sends nothing; remembers what it was to send, and answers as told."""

    def __init__(self):
        self.sent = []
        self.answer = None

    async def send(self, origin, head, body, budgets):
        self.sent.append((origin, head, body, budgets))
        return await self.answer()


class Bench:
    """A worker's actor, and what it says to whom."""

    def __init__(self):
        self.clock = Clock()
        self.board = Board()
        self.books = Books(clock=self.clock, wall=self.clock)
        self.names = Names()
        self.pool = FakePool()
        self.posts = {name: Post() for name in ("dispatcher", "health", "roster")}
        for name, post in self.posts.items():
            self.names.register(name, post)
        self.reports = []
        self.idle = []
        self.ref = None

    def start(self, **more):
        made = settings("desk", **more)
        self.ref = Worker.start(
            settings=made,
            routing=Routing(),
            breaker=Breaker(failures=2, open_for_s=10.0),
            board=self.board,
            books=self.books,
            names=self.names,
            pool=self.pool,
            report=self.reports.append,
            on_idle=self.idle.append,
            clock=self.clock,
        )
        self.names._refs["workers/desk"] = self.ref
        return self.ref

    async def ready(self, **more):
        """Start it, and let a probe find its model in memory."""
        self.start(**more)
        await self.tell(Probed(Findings((Model(MODEL, loaded=True), Model("cold:7b", loaded=False))), 0.01))
        self.reports.clear()
        for post in self.posts.values():
            post.letters.clear()
        return self

    @property
    def standing(self):
        return self.board.get("desk")

    async def tell(self, message):
        self.ref.tell(message)
        await settle()

    async def grant(self, model=MODEL, **more) -> Lease:
        return await self.ref.ask(Grant(dispatch(model, **more), model, "local"))

    async def fail(self, word, *, model=MODEL, **more):
        (await self.grant(model)).end(Outcome(failure=Failure(word, "as the upstream said", **more)))
        await settle()

    def events(self):
        return [report.event for report in self.reports]


@pytest.fixture
async def bench():
    made = Bench()
    yield made
    if made.ref is not None and made.ref.is_alive():
        await made.ref.stop()
