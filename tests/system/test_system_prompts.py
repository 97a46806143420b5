"""The strategies that read the prompt, through a whole Córtex: what is chosen, said, learned, kept and answered from the log."""

import msgspec
from house import NO_CACHE, QUICK, house, until, worker

from cortex.commands.evaluate import read_log
from cortex.simulate import SimulatedOllama
from cortex.simulate.fault import Fault

CODE = "Write a Python function that merges two sorted lists, with type hints and unit tests."
HELLO = "hi there, how are you today?"

BOTH = {"desk/llama3.2:3b", "rack/llama3.2:3b"}

SMART = """
[routing]
strategy = "smart"
[smart]
rules = ["code → qwen3:4b"]
"""

LEARNED = """
[routing]
strategy = "learned"
"""


async def loaded(home, *workers):
    """Have the model in the memory of these workers: one that has to load it is drawn rarely."""
    for name in workers:
        body = {"model": f"{name}:llama3.2:3b", "messages": [{"role": "user", "content": HELLO}]}
        await home.post("/v1/chat/completions", body, headers={"X-Cortex-Strategy": "local_first"})


async def test_the_why_says_kind_difficulty_and_choice_in_every_dialect(build, desk):
    home = await build(SMART, NO_CACHE, worker(desk))
    turns = [{"role": "user", "content": CODE}]
    asks = {
        "/v1/chat/completions": {"model": "auto", "messages": turns},
        "/api/chat": {"model": "auto", "messages": turns, "stream": False},
        "/api/generate": {"model": "auto", "prompt": CODE, "stream": False},
        "/v1/messages": {"model": "auto", "messages": turns, "max_tokens": 50},
        "/v1/responses": {"model": "auto", "input": CODE},
    }
    for path, body in asks.items():
        seen = await home.post(path, body)
        assert (seen.status, seen.headers["X-Cortex-Model"]) == (200, "qwen3:4b"), path
        assert seen.headers["X-Cortex-Why"].startswith("code 0."), path
        assert "rule 'code', qwen3:4b" in seen.headers["X-Cortex-Why"], path


async def test_a_rule_can_be_added_and_taken_away_while_it_runs(build, desk):
    home = await build(SMART, NO_CACHE, worker(desk))
    chat = await home.chat(HELLO, model="auto")
    rules = SMART.replace("code →", 'chat → llama3.2:3b", "code →')
    await home.edit(QUICK + rules + NO_CACHE + worker(desk))
    await until(lambda: len(home.daemon.current.settings.smart.rules) == 2)
    ruled = await home.chat(HELLO, model="auto")

    assert "rule" not in chat.headers["X-Cortex-Why"]
    assert "rule 'chat', llama3.2:3b" in ruled.headers["X-Cortex-Why"]


async def test_without_a_strategy_that_reads_it_no_prompt_is_looked_at(build, desk, monkeypatch):
    monkeypatch.setattr("cortex.endpoint.relay.traits_of", None)
    home = await build(NO_CACHE, worker(desk))

    assert (await home.chat(CODE, model="auto")).status == 200


async def test_one_request_may_ask_to_be_looked_at(build, desk):
    home = await build(NO_CACHE, worker(desk))
    body = {"model": "auto", "messages": [{"role": "user", "content": CODE}]}

    seen = await home.post("/v1/chat/completions", body, headers={"X-Cortex-Strategy": "smart"})

    assert seen.headers["X-Cortex-Why"].startswith("code 0.")


async def test_embeddings_and_what_only_its_own_dialect_can_say_go_on_without_a_kind(build, desk, cloud):
    home = await build(SMART, NO_CACHE, worker(desk), worker(cloud))
    vectors = await home.post("/v1/embeddings", {"model": "llama3.2:3b", "input": "a"})

    assert vectors.status == 200
    assert not vectors.headers["X-Cortex-Why"].startswith("code")


async def test_learned_draws_learns_takes_feedback_and_keeps_all_of_it(tmp_path, desk, rack):
    toml = LEARNED + NO_CACHE + worker(desk) + worker(rack)
    async with house(tmp_path, toml) as home:
        await loaded(home, "desk", "rack")
        seen = [await home.chat(f"{CODE} {number}", model="llama3.2:3b") for number in range(12)]
        await until(lambda: home.daemon.learner.facts().get("code"))
        await home.get("/metrics")  # and the last of them is learned from too
        said = await home.post(f"/cortex/v1/requests/{seen[0].headers['X-Cortex-Request']}/feedback", {"score": 0.0})
        again = await home.post(f"/cortex/v1/requests/{seen[0].headers['X-Cortex-Request']}/feedback", {"score": 7})
        nobody = await home.post("/cortex/v1/requests/none/feedback", {"score": 1})
        believed = (await home.get("/cortex/v1/learned")).json["kinds"]
        before = home.daemon.learner.facts()

    assert all("drawn" in one.headers["X-Cortex-Why"] for one in seen)
    assert (said.status, said.json["learned"]) == (200, True)
    assert (again.status, nobody.status) == (400, 404)
    assert {arm["arm"] for kind in believed for arm in kind["arms"]} <= BOTH

    log = read_log(tmp_path / ".cortex" / "decisions")
    assert len(log.decisions) == 12
    assert [one.feedback for one in log.decisions].count(0.0) == 1
    assert all(abs(sum(choice.share for choice in one.choices) - 1.0) < 1e-6 for one in log.decisions)
    async with house(tmp_path, toml) as home:
        after = home.daemon.learner.facts()
    assert {kind: set(arms) for kind, arms in after.items()} == {kind: set(arms) for kind, arms in before.items()}
    assert all(abs(arms[arm].mean - before[kind][arm].mean) < 0.01 for kind, arms in after.items() for arm in arms)


async def test_a_failure_of_the_drawn_worker_is_its_own_and_not_of_who_answered(build, start, desk):
    broken = await start(SimulatedOllama(name="rack", models=("llama3.2:3b",), instant=True))
    home = await build(LEARNED, NO_CACHE, worker(desk), worker(broken))
    await loaded(home, "desk", "rack")
    broken.always(Fault("error_status", path="/api/chat"))
    for number in range(20):
        assert (await home.chat(f"{CODE} {number}", model="llama3.2:3b")).status == 200
    await until(lambda: "rack/llama3.2:3b" in home.daemon.learner.facts().get("code", {}))

    means = {arm: belief.mean for arm, belief in home.daemon.learner.facts()["code"].items()}
    assert means["rack/llama3.2:3b"] < 0.5 < means["desk/llama3.2:3b"]


async def test_a_request_that_names_its_strategy_is_no_experiment(build, desk, rack):
    home = await build(LEARNED, NO_CACHE, worker(desk), worker(rack))
    body = {"model": "llama3.2:3b", "messages": [{"role": "user", "content": CODE}]}
    for strategy in ("learned", "local_first"):
        seen = await home.post("/v1/chat/completions", body, headers={"X-Cortex-Strategy": strategy})
        assert "drawn" not in seen.headers["X-Cortex-Why"]
    await until(home.is_quiet)

    assert home.daemon.learner.take_lines() == []


async def test_what_is_on_the_disk_of_what_was_learned_may_be_damaged(tmp_path, desk):
    toml = LEARNED + NO_CACHE + worker(desk)
    async with house(tmp_path, toml) as home:
        home.daemon._store.write(
            {"learned/code": b"{", "learned/chat": msgspec.json.encode({"desk/m": [2.0, 1.0, 1.8e9]})}
        )
    async with house(tmp_path, toml) as home:
        assert (await home.chat(CODE, model="auto")).status == 200
