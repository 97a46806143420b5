"""Requests, cancels, ends, crashes in any order: none is lost or answered twice, and everything comes back to zero.

The dispatcher and the workers are the real actors under a real supervisor, asked as the attempt loop asks them; only the
upstreams are missing, and time is the test's own.
"""

import asyncio
import gc
from random import Random
from types import SimpleNamespace

import hypothesis.strategies as st
from fleet import Clock, StillLoop, board, request, settings
from hypothesis import settings as how
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cortex.actors.names import Names
from cortex.actors.reason import SHUTDOWN
from cortex.actors.signals import Kill
from cortex.actors.spec import ChildSpec
from cortex.actors.supervisor import Supervisor
from cortex.config.model import Breaker, Routing, Settings
from cortex.config.watcher import Current
from cortex.endpoint.relay import Relay
from cortex.messages import Failure, Outcome, Refusal
from cortex.providers.base import Findings, Model
from cortex.routing.dispatcher import TICK_S, Dispatcher
from cortex.workers.books import Books
from cortex.workers.lease import Lease
from cortex.workers.messages import Dispatch, Drain, Probed, Resume
from cortex.workers.worker import Worker

MODELS = ("a:1b", "b:1b")
ENDS = [
    Outcome(total_s=1.0),
    Outcome(cancelled=True),
    Outcome(failure=Failure("timeout", "too slow")),
    Outcome(failure=Failure("busy", "full")),
    Outcome(failure=Failure("rate_limited", "spent", retry_after_s=2.0)),
]


class DispatcherMachine(RuleBasedStateMachine):
    """See the module's docstring."""

    @initialize(slots=st.lists(st.integers(1, 3), min_size=1, max_size=3), queue=st.integers(0, 8))
    def begin(self, slots, queue):
        self.clock = Clock()
        self.loop = StillLoop(self.clock)
        self.names, self.board = Names(), board()
        self.books = Books(clock=self.clock, wall=self.clock)
        routing = Routing(queue=queue)
        self.current = Current(Settings(routing=routing))
        self.requests: dict[asyncio.Task, float] = {}
        """Those that have no answer yet, with their deadlines."""
        self.leases: list[Lease] = []
        self.workers = [f"w{number}" for number in range(len(slots))]
        specs = [
            self.worker_spec(settings(name, slots=count), routing)
            for name, count in zip(self.workers, slots, strict=True)
        ]
        specs.append(ChildSpec("dispatcher", self.start_dispatcher))
        self.root = self.loop.call(
            lambda: Supervisor.start(
                names=self.names,
                specs=specs,
                max_restarts=10**6,
                report=lambda report: None,
                clock=self.clock,
            )
        )
        self.relay = self.loop.call(lambda: Relay(names=self.names, pool=None, current=self.current, clock=self.clock))
        self.probe()

    def start_dispatcher(self):
        return Dispatcher.start(
            board=self.board,
            names=self.names,
            current=self.current,
            random=Random(0),
            on_wait=lambda waited_s: None,
            clock=self.clock,
        )

    def worker_spec(self, made, routing):
        return ChildSpec(
            f"workers/{made.name}",
            lambda: Worker.start(
                settings=made,
                routing=routing,
                breaker=Breaker(failures=2, open_for_s=3.0),
                board=self.board,
                books=self.books,
                names=self.names,
                pool=None,
                report=lambda report: None,
                on_idle=lambda name: None,
                clock=self.clock,
            ),
        )

    def probe(self):
        found = Probed(Findings(tuple(Model(name, loaded=True) for name in MODELS)), 0.0)
        self.loop.call(lambda: [self.names.tell(f"workers/{name}", found) for name in self.workers])

    def collect(self):
        """Take the answers that have come."""
        for task in [task for task in self.requests if task.done()]:
            del self.requests[task]
            if not task.cancelled():
                answer = task.result()
                assert isinstance(answer, Lease | Refusal)
                if isinstance(answer, Lease):
                    self.leases.append(answer)

    @rule(model=st.sampled_from(MODELS), client=st.sampled_from("xyz"), left_s=st.sampled_from([0.5, 5.0, 60.0]))
    def ask(self, model, client, left_s):
        asked = request(model, now=self.clock.now, left_s=left_s, client=client)
        exchange = SimpleNamespace(deadline_s=asked.deadline_s, record=SimpleNamespace(queued_s=0.0))
        task = self.loop.call(
            lambda: self.loop.create_task(self.relay._lease(Dispatch(asked, {}), exchange)),
        )
        self.requests[task] = asked.deadline_s
        self.collect()

    @rule(model=st.sampled_from(MODELS), count=st.integers(2, 6))
    def burst(self, model, count):
        for number in range(count):
            asked = request(model, now=self.clock.now, left_s=60.0, client="xyz"[number % 3])
            exchange = SimpleNamespace(deadline_s=asked.deadline_s, record=SimpleNamespace(queued_s=0.0))
            task = self.loop.create_task(self.relay._lease(Dispatch(asked, {}), exchange))
            self.requests[task] = asked.deadline_s
        self.loop.settle()
        self.collect()

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), turns=st.integers(0, 4))
    def leave(self, data, turns):
        """A client leaves, at any moment of somebody's end."""
        task = data.draw(st.sampled_from(list(self.requests)))
        if self.leases:
            self.leases.pop().end(Outcome(total_s=1.0))
        for _ in range(turns):
            self.loop.run_until_complete(asyncio.sleep(0))
        task.cancel()
        self.loop.settle()
        self.collect()

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), outcome=st.sampled_from(ENDS), twice=st.booleans())
    def end(self, data, outcome, twice):
        lease = self.leases.pop(data.draw(st.integers(0, len(self.leases) - 1)))
        for _ in range(1 + twice):
            self.loop.call(lambda: lease.end(outcome))
        self.collect()

    @rule(data=st.data(), turns=st.integers(0, 4))
    def crash(self, data, turns):
        """An actor dies, at any moment of somebody's end."""
        name = data.draw(st.sampled_from(["dispatcher", *(f"workers/{name}" for name in self.workers)]))
        if self.leases:
            self.leases.pop().end(Outcome(total_s=1.0))
        for _ in range(turns):
            self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.call(lambda: self.names.tell(name, Kill("a test")))
        self.collect()

    @rule(data=st.data(), order=st.sampled_from([Drain(), Resume()]))
    def tell(self, data, order):
        name = data.draw(st.sampled_from(self.workers))
        self.loop.call(lambda: self.names.tell(f"workers/{name}", order))
        self.collect()

    @rule(seconds=st.sampled_from([0.1, 0.5, 3.0, 11.0]))
    def wait(self, seconds):
        self.loop.advance(seconds)
        self.collect()

    @invariant()
    def every_lease_is_held_by_who_asked_and_no_slot_is_used_twice(self):
        held = [lease for stands in self.board for lease in stands.leases.values()]

        assert sorted(lease.id for lease in held) == sorted(lease.id for lease in self.leases)
        assert all(stands.in_flight <= stands.slots for stands in self.board)
        assert all(stands.promised == 0 for stands in self.board)

    @invariant()
    def nobody_is_left_without_an_answer_after_the_deadline(self):
        assert all(self.clock.now <= deadline_s + 2 * TICK_S for deadline_s in self.requests.values())

    @invariant()
    def who_has_no_answer_waits_in_the_line_and_not_while_a_slot_is_free(self):
        if self.requests or self.board.waiting:
            self.loop.advance(TICK_S)
            self.collect()
            self.every_lease_is_held_by_who_asked_and_no_slot_is_used_twice()

            assert self.board.waiting == len(self.requests)
            before_the_last_tick = self.clock.now - 1.5 * TICK_S  # what only time brings is seen with the next tick
            assert not self.requests or all(
                stands.obstacle(before_the_last_tick)
                or any(stands.account.rests(model, before_the_last_tick) for model in MODELS)
                for stands in self.board
            )

    def teardown(self):
        if not hasattr(self, "loop"):
            return
        for name in self.workers:
            self.loop.call(lambda name=name: self.names.tell(f"workers/{name}", Resume()))
        while self.requests or self.leases:
            self.loop.advance(1.0)
            self.collect()
            for lease in self.leases:
                self.loop.call(lambda lease=lease: lease.end(Outcome(total_s=0.1)))
            self.leases.clear()
        self.loop.advance(TICK_S)

        assert all((stands.in_flight, stands.promised) == (0, 0) for stands in self.board)
        assert self.board.waiting == 0
        self.loop.call(lambda: self.root.kill(SHUTDOWN))
        self.loop.close()
        gc.collect()


TestDispatcherMachine = DispatcherMachine.TestCase
TestDispatcherMachine.settings = how(max_examples=60, stateful_step_count=30, deadline=None)
