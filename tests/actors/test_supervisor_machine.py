"""Any order of starts, crashes, stops, edits, failing and silent starts, slow stops and messages; the tree stays true.

The clock is the machine's own. Some truths hold after every step; the rest when the tree has come to rest.
"""

import gc
from collections import Counter

import pykka
from actor_bench import Bench, Crash, End, FakeClockLoop, Note, living
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cortex.actors.actor import ActorDeadError, Kill
from cortex.actors.errors import StartFailed
from cortex.actors.reason import NORMAL, SHUTDOWN
from cortex.actors.supervisor import DeleteChild, RestartChild, StartChild, TerminateChild

NAMES = st.sampled_from("abcdef")
RESTARTS = st.sampled_from(["permanent", "permanent", "transient", "temporary"])
MODES = st.sampled_from(["good", "good", "bad start", "silent start", "deaf"])
MESSAGES = st.sampled_from(["note", "ask", "crash", "normal", "shutdown", "kill"])
SHUTDOWNS = st.sampled_from([0, 1.0, 5.0])
STRATEGIES = st.sampled_from(["one_for_one", "one_for_all", "rest_for_one"])
is_alive = precondition(lambda self: self.bench.ref.is_alive())


class Tree(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.loop = FakeClockLoop()
        self.bench = Bench(self.loop)
        self.serial = 0
        self.told = 0
        self.asked = {}
        self.adding = {}
        self.model: dict[str, str] = {}
        """Name → running, stopped or unknown, as the last order wants it."""
        self.terminations = []

    @initialize(strategy=STRATEGIES, restarts=st.lists(RESTARTS, max_size=4), max_restarts=st.integers(0, 6))
    def begin(self, strategy, restarts, max_restarts):
        specs = [self.bench.spec(name, restart=restart) for name, restart in zip("abcd", restarts, strict=False)]
        self.max_restarts = max_restarts
        self.bench.begin(*specs, strategy=strategy, max_restarts=max_restarts, report=self.listen)
        self.restart_of = {spec.name: spec.restart for spec in specs}
        self.model = dict.fromkeys(self.restart_of, "running")

    def listen(self, report):
        self.bench.reports.append(report)
        if report.context in {"child_terminated", "start_error"}:
            self.terminations.append((self.loop.time(), report.context, report.offender.spec.restart))

    @rule(name=NAMES, mode=MODES)
    def fate(self, name, mode):
        """Decide how the next start, or stop, of a child goes."""
        self.bench.script[name] = mode

    @is_alive
    @rule(messages=st.lists(st.tuples(NAMES, MESSAGES), min_size=1, max_size=6))
    def send(self, messages):
        """Send several messages at once, so that some are left in dead actors' mailboxes."""
        self.loop.call(lambda: [self.send_one(name, kind) for name, kind in messages])

    def send_one(self, name, kind):
        self.serial += 1
        note = Note(str(self.serial))
        if kind == "ask":
            self.asked[note.text] = self.bench.names.ask(name, note)
        elif kind == "kill":
            ref = self.bench.names.lookup(name)
            if ref is not None and ref.is_alive():
                ref.signal(Kill("chaos"))
        else:
            messages = {"note": note, "crash": Crash(RuntimeError()), "normal": End(NORMAL), "shutdown": End(SHUTDOWN)}
            self.told += self.bench.names.tell(name, messages[kind])
        if kind in {"normal", "shutdown"} and self.restart_of.get(name) == "transient":
            self.model[name] = "unknown"

    @is_alive
    @rule(name=NAMES, restart=RESTARTS, shutdown_s=SHUTDOWNS)
    def add(self, name, restart, shutdown_s):
        is_new = name not in self.bench.states()
        answer = self.bench.order(StartChild(self.bench.spec(name, restart=restart, shutdown_s=shutdown_s)))
        if is_new:
            self.restart_of[name], self.model[name], self.adding[name] = restart, "running", answer

    @is_alive
    @rule(name=NAMES, order=st.sampled_from([TerminateChild, DeleteChild, RestartChild]))
    def edit(self, name, order):
        state = self.bench.states().get(name)
        self.bench.order(order(name))
        if order is DeleteChild:
            self.model.pop(name, None)
        elif state is not None:
            wanted = "running" if order is RestartChild else "stopped"
            is_certain = state == "running" and self.model.get(name) == "running"
            self.model[name] = wanted if is_certain else "unknown"

    @is_alive
    @rule(name=NAMES, restart=RESTARTS)
    def replace(self, name, restart):
        """As a change of the configuration does it."""
        if name in self.bench.states() and self.bench.order(DeleteChild(name)).settled:
            self.model.pop(name, None)
            self.add(name, restart, 1.0)
        else:
            self.model[name] = "unknown"

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, 6.0]))
    def pass_time(self, seconds):
        self.loop.advance(seconds)

    @is_alive
    @rule()
    def stop(self):
        self.loop.call(self.bench.ref.stop)
        self.come_to_rest()
        assert not self.bench.ref.is_alive()

    @is_alive
    @rule()
    def kill(self):
        self.loop.call(lambda: self.bench.ref.signal(Kill("chaos")))
        assert not self.bench.ref.is_alive()

    @rule()
    def come_to_rest(self):
        self.bench.script.clear()
        self.loop.advance(30)
        self.check_tree()
        self.check_messages()

    @invariant()
    def nobody_lives_twice_or_alone(self):
        alive = Counter(living())
        assert set(alive.values()) <= {1}
        if not self.bench.ref.is_alive():
            assert not alive
            assert len(self.bench.names) == 0
            assert len(self.bench.ends) == 1
        else:
            active = {child.name for child in self.bench.children() if child.ref is not None}
            assert set(alive) == active | {"supervisor"}

    @invariant()
    def the_intensity_is_not_exceeded_without_an_end(self):
        for at, _, _ in self.terminations:
            within = [entry for entry in self.terminations if at <= entry[0] <= at + 5.0]
            restarted = [entry for entry in within if entry[1] == "child_terminated" and entry[2] != "temporary"]
            assert len(restarted) <= self.max_restarts or not self.bench.ref.is_alive() or self.is_stopping()
        gave_up = [report.reason for report in self.bench.reports if report.context == "shutdown"]
        assert len(gave_up) <= 1
        if gave_up and gave_up[0].kind == "shutdown":
            last = self.terminations[-1][0]
            assert any(
                sum(at - 5.0 <= other <= at for other, _, _ in self.terminations) > self.max_restarts
                for at, _, _ in self.terminations
                if at <= last
            )

    def is_stopping(self):
        return self.bench.ref.actor_inbox.actor._phase == "stopping"

    def check_tree(self):
        if not self.bench.ref.is_alive():
            return
        states = self.bench.states()
        for name, answer in self.adding.items():
            if answer.settled and isinstance(answer._inner.exception(), StartFailed | ActorDeadError):
                self.model.pop(name, None) if name not in states else self.model.update({name: "unknown"})
        self.adding.clear()
        assert set(states.values()) <= {"running", "stopped"}
        for name, state in states.items():
            assert name in self.model or self.restart_of[name] == "temporary"
            assert (self.bench.names.lookup(name) is not None) == (state == "running")
        for name, wanted in self.model.items():
            if wanted != "unknown" and self.restart_of[name] != "temporary":
                assert states[name] == wanted

    def check_messages(self):
        noted = Counter(entry[2] for entry in self.bench.journal if entry[0] == "note")
        assert set(noted.values()) <= {1}
        for text, answer in self.asked.items():
            assert answer.settled
            if answer._inner.exception() is None:
                assert noted[text] == 1
            else:
                assert isinstance(answer._inner.exception(), ActorDeadError)
                assert noted[text] == 0
        handled = sum(entry[0] in {"note", "crash", "ordered end"} for entry in self.bench.journal)
        handled -= sum(text in noted for text in self.asked)
        lost = sum(report.offender.lost for report in self.bench.reports)
        assert self.told == handled + lost

    def teardown(self):
        if self.bench.ref is not None:
            self.come_to_rest()
            self.bench.close()
            self.loop.settle()
            assert pykka.ActorRegistry.get_all() == []
            self.check_messages()
        self.loop.close()
        gc.collect()


TestTree = Tree.TestCase
TestTree.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
