"""The answers in memory, against a model that looks at everything."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cortex.cache.answer import Stored
from cortex.cache.memory import OVERHEAD_BYTES, Memory

KEYS = st.sampled_from([b"a", b"b", b"c", b"d"])


class MemoryMachine(RuleBasedStateMachine):
    """Every answer given was put under that key, is the newest, and is still good; the least recently used go first."""

    @initialize(limit=st.integers(0, 4 * OVERHEAD_BYTES))
    def begin(self, limit):
        self.memory, self.limit, self.now, self.number = Memory(limit), limit, 0.0, 0
        self.kept = {}  # key → (answer, size), the least recently used first

    @rule(key=KEYS, size=st.integers(0, 3_000), ttl=st.floats(0, 10))
    def put(self, key, size, ttl):
        self.number += 1
        answer = Stored("desk", str(self.number), self.now, self.now + ttl)
        self.memory.put(key, answer, size)
        self.kept.pop(key, None)
        if size + OVERHEAD_BYTES <= self.limit:
            self.kept[key] = (answer, size + OVERHEAD_BYTES)
        self.make_room()

    @rule(key=KEYS)
    def get(self, key):
        got = self.memory.get(key, self.now)
        answer, _ = self.kept.get(key, (None, 0))
        if answer is not None and self.now >= answer.until:
            answer = None
            del self.kept[key]
        if answer is not None:
            self.kept[key] = self.kept.pop(key)
        assert got is answer

    @rule(seconds=st.floats(0, 6))
    def time_passes(self, seconds):
        self.now += seconds

    @rule(limit=st.integers(0, 4 * OVERHEAD_BYTES))
    def take_another_limit(self, limit):
        self.limit = limit
        self.memory.shrink(limit)
        self.make_room()

    @rule()
    def clear(self):
        assert self.memory.clear() == len(self.kept)
        self.kept.clear()

    def make_room(self):
        while sum(size for _, size in self.kept.values()) > self.limit:
            del self.kept[next(iter(self.kept))]

    @invariant()
    def it_holds_what_the_model_holds(self):
        assert len(self.memory) == len(self.kept)
        assert self.memory.bytes == sum(size for _, size in self.kept.values()) <= self.limit
        assert self.memory.oldest() == min((answer.stored_at for answer, _ in self.kept.values()), default=None)


MemoryMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestMemory = MemoryMachine.TestCase
