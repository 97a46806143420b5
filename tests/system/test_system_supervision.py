"""Crashes and edits under load: nothing that a client sees, nothing that stays behind."""

import asyncio
import random

import pytest
from house import until, worker

from cortex.actors.signals import Kill
from cortex.simulate import SimulatedOllama, SimulatedOpenAI
from cortex.simulate.fault import Fault

ACTORS = (
    "telemetry",
    "history",
    "workers",
    "dispatcher",
    "health",
    "roster",
    "config",
    "endpoint",
    "workers/desk",
    "workers/rack",
)


@pytest.mark.parametrize("actor", ACTORS)
async def test_the_death_of_any_actor_is_not_seen_by_a_stream_or_a_new_request(build, desk, rack, actor):
    home = await build(worker(desk, slots=4), worker(rack, slots=4))
    names = home.daemon.names
    async with home.http.post(
        home.url + "/api/chat", json={"model": "qwen3:4b", "messages": [{"role": "user", "content": "Go on"}]}
    ) as answer:
        await answer.content.readline()
        before = names.lookup(actor)
        names.tell(actor, Kill("a test"))
        rest = await answer.content.read()
        seen = await home.chat("Are you there?", model="qwen3:4b")

    assert rest.rstrip().endswith(b"}")
    assert b'"done":true' in rest
    assert seen.status == 200
    await until(lambda: names.lookup(actor) not in {None, before})
    await until(home.is_quiet)


async def test_a_new_incarnation_knows_the_leases_that_are_held(build, start):
    slow = await start(SimulatedOllama(name="slow", tokens_per_s=20, load_s=0, first_token_s=0))
    home = await build(worker(slow, slots=1))
    names = home.daemon.names
    async with home.http.post(
        home.url + "/api/chat", json={"messages": [{"role": "user", "content": "Go on"}]}
    ) as answer:
        await answer.content.readline()
        before = names.lookup("workers/slow")
        names.tell("workers/slow", Kill("a test"))
        await until(lambda: names.lookup("workers/slow") not in {None, before})

        assert home.standing("slow").in_flight == 1
        assert home.standing("slow").obstacle(0.0).kind == "full"
        await answer.read()
    await until(home.is_quiet)


async def test_who_waits_in_the_line_is_answered_though_the_dispatcher_dies(build, start):
    slow = await start(SimulatedOllama(name="slow", tokens_per_s=200, load_s=0, first_token_s=0))
    home = await build(worker(slow, slots=1))
    asked = [asyncio.ensure_future(home.ollama_chat(f"Number {number}")) for number in range(6)]
    await until(lambda: home.board.waiting >= 4)
    home.daemon.names.tell("dispatcher", Kill("a test"))
    answers = await asyncio.gather(*asked)

    assert [seen.status for seen in answers] == [200] * 6
    await until(home.is_quiet)


async def test_past_its_intensity_the_root_gives_up_with_70(build, desk):
    home = await build(worker(desk), base="[server]\nport = 0\n[supervision]\nmax_restarts = 2\nmax_seconds = 60\n")
    names = home.daemon.names
    for _ in range(3):
        before = names.lookup("health")
        names.tell("health", Kill("a test"))
        await until(lambda before=before: names.lookup("health") is not before)
        await until(lambda: names.lookup("health") is not None or home.daemon.ended.done())

    assert await home.daemon.wait() == 70


async def test_an_edit_adds_removes_and_changes_workers_without_losing_an_answer(build, desk, rack, start):
    slow = await start(SimulatedOllama(name="slow", models=("slow:1b",), tokens_per_s=50, load_s=0))
    home = await build(worker(slow), worker(desk))
    untouched = home.daemon.names.lookup("workers/desk")
    running = asyncio.ensure_future(home.ollama_chat("Go on", model="slow:1b", stream=True))
    await until(lambda: home.standing("slow").in_flight == 1)

    await home.edit("[server]\nport = 0\n" + worker(desk) + worker(rack, slots=3))
    await until(lambda: home.board.get("rack") is not None and home.board.get("rack").reachable)

    assert home.daemon.names.lookup("workers/desk") is untouched
    assert home.standing("rack").slots == 3
    assert home.standing("slow").mode == "draining"
    seen = await running
    assert b'"done":true' in seen.body
    await until(lambda: home.board.get("slow") is None)

    await home.edit("[server]\nport = 0\n" + worker(desk) + worker(rack, slots=5))
    await until(lambda: home.standing("rack").slots == 5)


async def test_a_worker_that_is_removed_and_brought_back_works_again(build, desk, rack):
    base = "[server]\nport = 0\n"
    home = await build(worker(desk), worker(rack), base=base)
    for _ in range(5):
        await home.edit(base + worker(desk))
        await home.edit(base + worker(desk) + worker(rack))
    await until(lambda: home.board.get("rack") is not None and home.standing("rack").mode == "running")
    await until(lambda: home.standing("rack").reachable and home.standing("rack").up)
    await home.act("desk", "drain")

    assert (await home.chat(model="qwen3:4b")).worker == "rack"


async def test_a_broken_edit_changes_nothing_and_says_so(build, desk):
    base = "[server]\nport = 0\n"
    home = await build(worker(desk), base=base)
    await home.edit(base + worker(desk) + "[workers.desk2]\nprovidr = 'ollama'\n")
    await until(lambda: home.daemon.current.problems)

    assert (await home.chat(model="qwen3:4b")).status == 200
    assert "provider" in str((await home.get("/cortex/v1/config")).json["problems"])
    assert home.daemon.metrics.reloads.values[("refused",)] == 1
    await home.edit(base + worker(desk))
    await until(lambda: not home.daemon.current.problems)


async def test_shutdown_lets_running_answers_end(build, start):
    slow = await start(SimulatedOllama(name="slow", tokens_per_s=60, load_s=0))
    home = await build(worker(slow))
    running = asyncio.ensure_future(home.ollama_chat("Go on", stream=True))
    await until(lambda: home.board.get("slow").in_flight == 1)
    await home.daemon.drain()

    assert b'"done":true' in (await running).body


async def test_shutdown_cancels_what_does_not_end_within_the_grace(build, desk):
    home = await build(worker(desk), base='[server]\nport = 0\nshutdown_grace = "100ms"\n')
    desk.always(Fault("hang"))
    running = asyncio.ensure_future(home.chat(model="qwen3:4b"))
    await until(lambda: home.standing("desk").in_flight == 1)
    await home.daemon.drain()

    assert (await running).status == 503


def own_tasks() -> int:
    """Count the tasks of Córtex; idle kept-alive connections have one each, in the simulators."""
    return sum(task.get_coro().__qualname__ != "RequestHandler.start" for task in asyncio.all_tasks())


@pytest.mark.timeout(120)
async def test_nothing_is_dropped_in_a_thousand_kills(build, start):
    """Mixed whole and streamed requests go on while actors are killed, files are edited and upstreams go down and up."""
    lots = random.Random(4711)
    sims = [await start(SimulatedOllama(name=name, instant=True, slots=8)) for name in ("desk", "rack", "shed")]
    cloud = await start(SimulatedOpenAI(name="cloud", models=("qwen3:4b",), instant=True))
    base = "[server]\nport = 0\n[supervision]\nmax_restarts = 10000\nmax_seconds = 1\n[health]\ninterval = '100ms'\n"
    tables = "".join(worker(sim, slots=8) for sim in sims)
    keys = [worker(cloud, slots=8, keys=[f"sk-simulated-{number}-0123456789"]) for number in range(3)]
    home = await build(tables, base=base)
    names, answers = home.daemon.names, []
    stopping = asyncio.Event()

    async def client(number: int) -> None:
        while not stopping.is_set():
            ask = home.chat if number % 2 else home.ollama_chat
            seen = await ask(f"From {number}", model="qwen3:4b", stream=number % 3 != 0)
            answers.append(seen)
            assert seen.status == 200, seen
            assert f"You said: From {number}" in seen.text, seen

    def more_than(count: int):
        return lambda: len(answers) > count or any(one.done() for one in clients)

    await until(lambda: home.daemon.names.lookup("config") is not None)
    tasks = own_tasks()
    clients = [asyncio.ensure_future(client(number)) for number in range(12)]
    await until(lambda: len(answers) > 20)
    kills = 0
    while kills < 1000:
        await asyncio.sleep(0)  # an actor that is away comes back only when the loop runs
        running = ["workers/desk", "workers/rack", "workers/shed", *ACTORS[:7]]
        kills += names.tell(lots.choice(running), Kill("soak"))
        if kills % 100 == 50:
            sim = lots.choice(sims)
            sim.always(Fault("refuse"))  # what it is at it ends; a stream that is cut after its first content is told
            await until(more_than(len(answers) + 3))
            sim.clear()
        if kills % 10 == 0:
            extra = worker(sims[0], name=f"extra{kills % 30}") if kills % 20 else ""
            broken = "[workers.broken]\nnonsense = 1\n" if kills % 70 == 0 else ""
            await asyncio.to_thread(home.config.write_text, base + tables + keys[kills // 10 % 3] + extra + broken)
        if kills % 3 == 0:
            await until(more_than(len(answers)))
        assert not any(one.done() for one in clients), [one.exception() for one in clients if one.done()]
    stopping.set()
    await asyncio.gather(*clients)

    assert len(answers) > 300
    await until(home.is_quiet)
    await until(lambda: all(names.lookup(actor) for actor in ACTORS[:7]))
    await until(
        lambda: all(names.lookup(name).waiting == 0 for name in ACTORS[:7])
    )  # a probe's report may be under way
    await asyncio.to_thread(home.config.write_text, base + tables)
    await until(lambda: len(home.board) == 3)
    await until(lambda: own_tasks() <= tasks)
