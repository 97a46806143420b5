"""Whatever comes in whatever order, nobody is given what an uncached run could not have given."""

import asyncio
import json
from concurrent.futures import Executor, Future

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from cortex.cache.answers import Answers
from cortex.cache.policy import SAYS_NOTHING, Control
from cortex.config.model import Cache, Settings
from cortex.config.watcher import Current
from cortex.endpoint.cached import Cached
from cortex.endpoint.dialect import Problem
from cortex.endpoint.exchange import Exchange
from cortex.endpoint.openai import OpenAI
from cortex.endpoint.relay import Relay
from cortex.endpoint.reply import Reply
from cortex.providers.openai import OpenAI as Upstream
from cortex.telemetry.record import Attempt, Record

PIECES = 3
TTL_S = 100.0


class FakeReply(Reply):
    """What one client got."""

    def __init__(self):
        self.status_sent, self.is_stream, self.is_ended, self.paused_at = 0, False, False, None
        self.is_cut, self.written = False, b""

    is_paused = False

    def whole(self, status, content_type, body, headers=""):
        assert not self.status_sent
        self.status_sent, self.is_ended, self.written = status, True, body

    def begin(self, content_type, headers, first=b""):
        assert not self.status_sent
        self.status_sent, self.is_stream, self.written = 200, True, first

    def write(self, data):
        assert self.is_stream
        assert not self.is_ended
        self.written += data

    def end(self):
        self.is_ended = True

    def abort(self):
        self.is_ended = self.is_cut = True


class FakeDisk:
    """Bytes by key, and ways to fail; it outlives restarts."""

    def __init__(self):
        self.kept, self.fault = {}, ""

    def get(self, key):
        data = self.kept.get(key)
        if self.fault == "fails":
            return None
        return data[:-3] if self.fault == "damaged" and data else data

    def put(self, entries):
        if self.fault != "fails":
            self.kept.update({key: data for key, (data, _) in entries.items()})


class Inline(Executor):
    """Threads that are done at once."""

    def submit(self, call, /, *given):
        done = Future()
        done.set_result(call(*given))
        return done


class Call:
    """One upstream call, and what it has said so far."""

    def __init__(self, number, prompt):
        self.text = [f"{prompt}-{number}-{piece} " for piece in range(PIECES)]
        self.prompt = prompt
        self.steps = asyncio.Queue()
        self.is_open, self.whole_at, self.was_cleared = True, None, False
        self.finish = ""


class FakeRelay(Relay):
    """Answers as it is told, step by step."""

    def __init__(self, world):
        self.world = world

    async def answer(self, exchange, request, *, or_else=""):
        call = Call(len(self.world.calls), request.parsed.messages[-1].content)
        self.world.calls.append(call)
        exchange.record.attempts.append(Attempt("desk", "m", "its turn", cold=False, began_s=0.0))
        try:
            await self.attempt(call, exchange, request)
        finally:
            call.is_open = False
        return True

    async def attempt(self, call, exchange, request):
        kept, reply = exchange.kept, exchange.reply
        if kept is not None:
            kept.begin(Upstream())

        def say(data):
            if kept is not None:
                kept.add(data)
            reply.write(data) if reply.status_sent else reply.begin("text/event-stream", exchange.head(), data)

        for piece in call.text:
            step = await call.steps.get()
            if step == "fail":
                self.tell(exchange, Problem(502, "it broke", code="broken"), outcome="server_error")
                return
            if request.stream:
                say(sse({"delta": {"content": piece}, "index": 0, "finish_reason": None}))
        finish = call.finish = "length" if step == "long" else "stop"
        call.whole_at = self.world.wall
        exchange.record.outcome = "ok"
        if request.stream:
            say(sse({"delta": {}, "index": 0, "finish_reason": finish}) + b"data: [DONE]\n\n")
            reply.end()
            return
        choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": "".join(call.text)}}
        body = json.dumps({"choices": [choice]}).encode()
        if kept is not None:
            kept.add(body)
        reply.whole(200, "application/json", body, exchange.head())


def sse(choice):
    return (
        b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"
    )


class Client:
    """One request, and the task that answers it."""

    def __init__(self, world, prompt, stream, control):
        body = {"model": "m", "temperature": 0, "stream": stream, "messages": [{"role": "user", "content": prompt}]}
        self.prompt, self.control, self.came_at = prompt, control, world.wall
        self.calls_before = len(world.calls)
        self.calls_cleared = {call for call in world.calls if call.was_cleared}
        request = world.dialect.read("chat", json.dumps(body).encode())
        request.deadline_s = 1e9
        record = Record(id="r", client="", dialect="openai", arrived_s=0.0, arrived_at=0.0)
        self.exchange = Exchange(dialect=world.dialect, reply=FakeReply(), record=record, task=None)
        self.exchange.request, self.exchange.deadline_s = request, 1e9
        self.task = asyncio.create_task(world.cached.answer(self.exchange, request, control, b""))

    def text(self):
        """Return what it was told, whole or not."""
        reply = self.exchange.reply
        if not reply.is_stream:
            return json.loads(reply.written)["choices"][0]["message"]["content"]
        events = [line[6:] for line in reply.written.decode().splitlines() if line.startswith("data: {")]
        choices = [choice for one in events for choice in json.loads(one).get("choices", ())]
        return "".join(choice["delta"].get("content") or "" for choice in choices)


class World:
    """Everything, and the rules that must hold."""

    def __init__(self):
        self.wall = 1_000.0
        self.calls, self.clients = [], []
        self.disk = FakeDisk()
        self.dialect = OpenAI(lambda: self.wall)
        self.settings = Settings(cache=Cache(ttl_s=TTL_S, memory_bytes=20_000))
        self.begin()

    def begin(self):
        """Start a daemon in front of the same disk."""
        self.answers = Answers(lambda: self.settings.cache, wall=lambda: self.wall)
        self.answers._threads, self.answers.disk, self.answers.disk_bytes = Inline(), self.disk, 1
        self.cached = Cached(
            answers=self.answers,
            relay=FakeRelay(self),
            current=Current(self.settings),
            cost=lambda *_: 7,
            clock=lambda: 0.0,
            wall=lambda: self.wall,
        )

    async def settle(self):
        for _ in range(30):
            await asyncio.sleep(0)

    async def do(self, what, *given):
        getattr(self, what)(*given)
        await self.settle()
        waiting = sum(not client.task.done() for client in self.clients)
        assert sum(call.is_open for call in self.calls) <= waiting, "a call runs on for nobody"

    def ask(self, prompt, stream, control):
        self.clients.append(Client(self, prompt, stream, control))

    def step(self, which, word):
        still_open = [call for call in self.calls if call.is_open]
        if still_open:
            still_open[which % len(still_open)].steps.put_nowait(word)

    def finish(self, word):
        for call in self.calls:
            for _ in range(PIECES):
                call.steps.put_nowait(word)

    def leave(self, which):
        if self.clients:
            self.clients[which % len(self.clients)].task.cancel()

    def wait(self, seconds):
        self.wall += seconds

    def write(self):
        self.disk.put(self.answers.take_waiting())

    def break_disk(self, fault):
        self.disk.fault = fault

    def evict(self):
        self.answers.memory.shrink(0)

    def clear(self):
        self.answers.clear()
        self.disk.kept.clear()
        for call in self.calls:
            call.was_cleared = call.whole_at is not None

    def restart(self):
        for client in self.clients:
            client.task.cancel()
        self.begin()

    async def end(self):
        for _ in range(4):
            await self.do("finish", "go")
        for client in self.clients:
            assert client.task.done(), "somebody waits for nothing"
            if not client.task.cancelled():
                client.task.result()
            self.check(client)
        assert not self.cached._flights

    def check(self, client):
        reply = client.exchange.reply
        if reply.status_sent != 200:
            assert reply.status_sent in {0, 502}
            assert client.exchange.record.cache != "shared" or client.task.cancelled()
            assert reply.status_sent or client.task.cancelled()
            return
        event(f"cache {client.exchange.record.cache}, whole {reply.is_ended and not client.task.cancelled()}")
        text = client.text()
        mine = [call for call in self.calls if call.prompt == client.prompt and "".join(call.text).startswith(text)]
        assert mine, f"nobody said {text!r} to {client.prompt}"
        if client.task.cancelled() or client.exchange.record.outcome != "ok" or not text:
            return
        (call,) = mine
        assert text == "".join(call.text)
        if client.exchange.record.cache == "hit":
            assert call.whole_at is not None
            assert call.finish == "stop", "no bound was set, so it was cut"
            assert client.came_at < call.whole_at + TTL_S
            max_age_s = client.control.max_age_s
            assert max_age_s is None or client.came_at - call.whole_at <= max_age_s
            assert not client.control.no_cache
            assert not client.control.no_store
            assert call not in client.calls_cleared
        if client.control.no_store:
            assert self.calls.index(call) >= client.calls_before


CONTROLS = st.sampled_from(
    [SAYS_NOTHING] * 5 + [Control(no_store=True), Control(no_cache=True), Control(max_age_s=30.0)]
)
OPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(["one", "two"]), st.booleans(), CONTROLS),
    st.tuples(st.just("step"), st.integers(0, 3), st.sampled_from(["go", "go", "go", "fail", "long"])),
    st.tuples(st.just("step"), st.integers(0, 3), st.just("go")),
    st.tuples(st.just("finish"), st.sampled_from(["go", "go", "go", "fail", "long"])),
    st.tuples(st.just("leave"), st.integers(0, 5)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 20.0, 60.0, 200.0])),
    st.tuples(st.sampled_from(["write", "evict", "clear", "restart"])),
    st.tuples(st.just("break_disk"), st.sampled_from(["", "fails", "damaged"])),
)


@example(ops=[("ask", "one", True, SAYS_NOTHING)] * 3 + [("finish", "fail"), ("finish", "go")])
@given(ops=st.lists(OPS, min_size=15, max_size=50))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nobody_is_given_what_an_uncached_run_could_not_have_given(ops):
    async def run():
        world = World()
        for op in ops:
            await world.do(*op)
        await world.end()

    asyncio.run(run())


async def test_after_a_call_that_failed_those_who_had_joined_share_one_more():
    world = World()
    for _ in range(4):
        await world.do("ask", "one", True, SAYS_NOTHING)
    await world.do("finish", "fail")
    await world.do("finish", "go")
    assert len(world.calls) == 2
    assert [client.exchange.reply.status_sent for client in world.clients] == [502, 200, 200, 200]
    assert [client.exchange.record.cache for client in world.clients] == ["miss", "miss", "shared", "shared"]
    assert world.answers.counts == {"hit": 0, "miss": 2, "shared": 2, "bypass": 0}
    assert not world.cached._flights
