"""The roster: whatever edits come in whatever order, the tree ends as the last one says."""

import contextlib
import gc
from typing import ClassVar

import pytest
from fleet import Clock, Post, StillLoop, board, request, settings, settle, standing
from house import until
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cortex.actors.actor import ActorDeadError, LoopActor, handles
from cortex.actors.names import Names
from cortex.actors.reason import SHUTDOWN
from cortex.actors.signals import Kill
from cortex.actors.spec import ChildSpec
from cortex.actors.supervisor import DeleteChild, StartChild, Supervisor, WhichChildren
from cortex.config.diff import diff
from cortex.config.model import Breaker, Routing, Settings
from cortex.config.problem import Problem
from cortex.config.watcher import Current, Edited, Refused
from cortex.messages import Outcome
from cortex.workers import roster as rosters
from cortex.workers.books import Books
from cortex.workers.messages import Dispatch, Grant
from cortex.workers.roster import Idle, Roster
from cortex.workers.worker import Worker

NAMES = ("a", "b", "c")


class Retired:
    """A pool that only hears of origins that are no longer used."""

    def __init__(self):
        self.origins = []

    def retire(self, origin):
        self.origins.append(origin)


def edit_of(current, **slots):
    """Put settings with these workers in force, as the watcher does, and return what it tells the roster."""
    new = Settings(workers={name: settings(name, slots=count) for name, count in slots.items()})
    old, current.settings = current.settings, new
    return Edited(new, diff(old, new))


class RosterMachine(RuleBasedStateMachine):
    """Edits, running answers, and crashes of workers, of their supervisor and of the roster itself."""

    @initialize()
    def begin(self):
        self.clock = Clock()
        self.loop = StillLoop(self.clock)
        self.names, self.board, self.pool = Names(), board(), Retired()
        self.books = Books()
        self.current = Current(Settings())
        self.leases = []
        workers = ChildSpec(
            "workers",
            lambda: Supervisor.start(
                names=self.names,
                specs=lambda: rosters.specs(self.current.settings.workers, self.spec),
                max_restarts=10**6,
                report=lambda report: None,
                clock=self.clock,
            ),
            kind="supervisor",
            shutdown_s=None,
        )
        self.root = self.loop.call(
            lambda: Supervisor.start(
                names=self.names,
                specs=[workers, ChildSpec("roster", self.start_roster)],
                max_restarts=10**6,
                report=lambda report: None,
                clock=self.clock,
            )
        )

    def start_roster(self):
        return Roster.start(
            board=self.board,
            names=self.names,
            pool=self.pool,
            current=self.current,
            spec_of=self.spec,
            report=lambda report: None,
            on_reload=lambda result: None,
        )

    def spec(self, worker):
        def start():
            known = self.board.get(worker.name)
            kept = worker if known is None else known.settings
            return Worker.start(
                settings=self.current.settings.workers.get(worker.name, kept),
                routing=Routing(),
                breaker=Breaker(),
                board=self.board,
                books=self.books,
                names=self.names,
                pool=None,
                report=lambda report: None,
                on_idle=lambda name: self.names.tell("roster", Idle(name)),
                clock=self.clock,
            )

        return ChildSpec(f"workers/{worker.name}", start)

    def few_turns(self, turns):
        for _ in range(turns):
            self.loop.run_until_complete(nothing())

    @rule(slots=st.dictionaries(st.sampled_from(NAMES), st.integers(1, 2)), turns=st.integers(0, 6) | st.just(99))
    def edit(self, slots, turns):
        edited = edit_of(self.current, **slots)
        self.loop.run_until_complete(tell(self.names, "roster", edited))
        self.few_turns(turns)

    @rule(name=st.sampled_from(NAMES))
    def ask(self, name):
        stands = self.board.get(name)
        ref = self.names.lookup(f"workers/{name}")
        if stands is None or ref is None or stands.obstacle(self.clock.now) is not None:
            return
        grant = Grant(Dispatch(request(now=self.clock.now), {}), "m", "why")
        answer = self.loop.call(lambda: ref.ask(grant))
        with contextlib.suppress(ActorDeadError):  # it had been told to drain, and there is no dispatcher here
            self.leases.append(answer.get())

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), turns=st.integers(0, 4))
    def end(self, data, turns):
        lease = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        self.loop.run_until_complete(end(lease))
        self.few_turns(turns)

    @rule(name=st.sampled_from([*(f"workers/{name}" for name in NAMES), "roster"]), turns=st.integers(0, 4))
    def crash(self, name, turns):
        self.loop.run_until_complete(tell(self.names, name, Kill("a test")))
        self.few_turns(turns)

    @invariant()
    def a_slot_is_never_used_twice_and_never_taken_from_who_holds_it(self):
        assert all(lease.held for lease in self.leases)

    @rule()
    def come_to_rest(self):
        self.loop.advance(1.0)
        wanted = self.current.settings.workers
        held = {lease.worker for lease in self.leases}
        there = {stands.name for stands in self.board}

        assert set(wanted) <= there <= set(wanted) | held
        for name, worker in wanted.items():
            stands = self.board.get(name)
            assert (stands.settings, stands.slots) == (worker, worker.slots)
            assert (stands.up, stands.mode, stands.removed) == (True, "running", False)
        for name in there - set(wanted):
            assert self.board.get(name).mode == "draining"
        children = self.loop.call(lambda: self.names.ask("workers", WhichChildren())).get()
        assert {child.name for child in children} == {f"workers/{name}" for name in there}
        assert all(child.state == "running" for child in children)

    def teardown(self):
        if not hasattr(self, "loop"):
            return
        self.come_to_rest()
        for lease in self.leases:
            self.loop.run_until_complete(end(lease))
        self.leases.clear()
        self.come_to_rest()
        self.loop.call(lambda: self.root.kill(SHUTDOWN))
        self.loop.close()
        gc.collect()


async def nothing():
    pass


async def tell(names, name, message):
    names.tell(name, message)


async def end(lease):
    lease.end(Outcome(cancelled=True))


TestRosterMachine = RosterMachine.TestCase
TestRosterMachine.settings = how(max_examples=80, stateful_step_count=25, deadline=None)


# One by one


class Tree(LoopActor):
    """Stands in for the workers' supervisor: remembers its orders, and answers as told."""

    orders: ClassVar[list] = []

    def __init__(self):
        super().__init__()
        Tree.orders = []

    @handles(StartChild)
    @handles(DeleteChild)
    def order(self, order):
        Tree.orders.append(order)

    @handles(WhichChildren)
    def children(self, _):
        return []


@pytest.fixture
async def bench():
    class Bench:
        names, board, pool = Names(), board(standing("desk")), Retired()
        current = Current(Settings(workers={"desk": settings("desk")}))
        reports, reloads = [], []

    bench = Bench()
    bench.names.register("workers", Tree.start())
    bench.ref = Roster.start(
        board=bench.board,
        names=bench.names,
        pool=bench.pool,
        current=bench.current,
        spec_of=lambda worker: ChildSpec(f"workers/{worker.name}", Tree.start),
        report=bench.reports.append,
        on_reload=bench.reloads.append,
    )
    await settle()
    yield bench
    await bench.ref.stop()
    await bench.names.lookup("workers").stop()


async def test_an_edit_is_told_with_what_it_changed(bench):
    bench.ref.tell(edit_of(bench.current, desk=3, rack=1))
    await settle()

    assert bench.reloads == ["applied"]
    assert bench.reports[0].facts | {"sections": []} == {
        "started": ["rack"],
        "stopped": [],
        "changed": ["desk"],
        "sections": [],
        "restart_needed": [],
    }


async def test_a_refused_edit_is_told_and_touches_nobody(bench):
    Tree.orders.clear()
    bench.ref.tell(Refused((Problem("supervision.toml", 3, "slots", "a number", "'x'"),)))
    await settle()

    assert bench.reloads == ["refused"]
    assert bench.reports[0].level == "error"
    assert "slots" in str(bench.reports[0].facts["problems"])
    assert Tree.orders == []


async def test_an_idle_worker_that_an_edit_brought_back_stays(bench):
    Tree.orders.clear()
    bench.ref.tell(Idle("desk"))
    await settle()

    assert Tree.orders == []


async def test_a_removed_workers_connections_are_closed(bench):
    origin = bench.board.get("desk").link.origin
    bench.current.settings = Settings()
    bench.ref.tell(Idle("desk"))
    await settle()

    assert (len(bench.board), bench.pool.origins) == (0, [origin])


async def test_who_could_not_be_told_of_an_edit_is_told_when_it_is_back(bench, monkeypatch):
    monkeypatch.setattr("cortex.workers.roster.AGAIN_S", 0.0)
    post = Post()
    bench.ref.tell(edit_of(bench.current, desk=3))
    await settle()
    bench.names.register("workers/desk", post)
    await until(lambda: post.letters)

    assert post.letters[0].worker.slots == 3
