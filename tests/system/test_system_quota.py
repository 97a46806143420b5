"""Pools of keys with quotas, through the whole: rotation, retirement, what survives a restart, what people see."""

import json
import time

import pytest
from house import house, until, worker

from cortex.simulate import GROQ_FREE, Limit, Quota, SimulatedCohere, SimulatedGemini, SimulatedGroq, SimulatedOllama
from cortex.simulate.fault import Fault

FLASH = "gemini-3.5-flash"
KEYS = {"a": "AIza-simulated-a-0123456789", "b": "AIza-simulated-b-0123456789"}
PER_DAY = 3


@pytest.fixture
async def gemini(start):
    quota = Quota(requests_per_day=PER_DAY)
    return await start(SimulatedGemini(name="gemini", keys=list(KEYS.values()), quota=quota, instant=True))


def pool(sim, **more):
    """Return the table of two keys that have PER_DAY requests a day each."""
    limits = {"*": {"requests_per_day": PER_DAY}}
    return worker(sim, keys=list(KEYS.values()), models=[FLASH], **more) + _limits(sim.name, limits)


def _limits(name, limits):
    rows = [
        f"{json.dumps(model)} = {{ {', '.join(f'{k} = {v}' for k, v in row.items())} }}"
        for model, row in limits.items()
    ]
    return f"[workers.{name}.limits]\n" + "\n".join(rows) + "\n\n"


async def ask(home, model=FLASH, **more):
    return await home.chat("Hello", model=model, **more)


async def test_keys_take_turns_and_none_is_asked_beyond_its_quota(build, gemini):
    home = await build(pool(gemini))
    workers = [(await ask(home)).worker for _ in range(2 * PER_DAY)]
    refused = await ask(home)

    assert sorted(workers) == ["gemini/1"] * PER_DAY + ["gemini/2"] * PER_DAY
    assert refused.status == 429
    assert int(refused.headers["Retry-After"]) > 60
    assert refused.headers["x-should-retry"] == "false"
    assert "requests a day" in refused.text_of_error
    assert gemini.quota.refused == 0


async def test_a_spent_pool_gives_way_to_the_next_in_the_alias(build, gemini, desk):
    home = await build(pool(gemini), worker(desk), f'[models]\nbest = ["gemini:{FLASH}", "qwen3:4b"]\n')
    workers = [(await ask(home, "best")).worker for _ in range(2 * PER_DAY + 2)]

    assert workers[-2:] == ["desk", "desk"]
    assert "desk" not in workers[:-2]


async def test_another_model_of_the_same_key_has_a_quota_of_its_own(build, start):
    lite = "gemini-3.5-flash-lite"
    quota = Quota(limits=(Limit(PER_DAY, "pacific_day"),))
    gemini = await start(SimulatedGemini(name="gemini", keys=[KEYS["a"]], quota=quota, instant=True))
    limits = _limits("gemini", {"*": {"requests_per_day": PER_DAY}})
    alias = f'[models]\nbest = ["{FLASH}", "{lite}"]\n'
    home = await build(worker(gemini, keys=[KEYS["a"]], models=[FLASH, lite]), limits, alias)
    seen = [await ask(home, "best") for _ in range(2 * PER_DAY + 1)]

    assert [each.headers.get("X-Cortex-Model") for each in seen[:-1]] == [FLASH] * PER_DAY + [lite] * PER_DAY
    assert seen[-1].status == 429
    assert "3 of 3 requests a day used" in seen[-1].text_of_error
    assert gemini.quota.refused == 0


async def test_an_upstream_that_knows_better_rests_the_key_and_the_client_does_not_see_it(build, start, desk):
    """Another program has used the key: our own count knows nothing of it."""
    sim = await start(SimulatedGemini(name="gemini", keys=[KEYS["a"]], quota=Quota(requests_per_day=0), instant=True))
    home = await build(
        worker(sim, keys=[KEYS["a"]], models=[FLASH]), worker(desk), f'[models]\nbest = ["{FLASH}", "qwen3:4b"]\n'
    )
    seen = [await ask(home, "best") for _ in range(3)]

    assert [each.worker for each in seen] == ["desk"] * 3
    assert [each.headers["X-Cortex-Attempts"] for each in seen] == ["2", "1", "1"]
    assert sim.quota.refused == 1


async def test_a_key_that_gemini_calls_invalid_with_400_is_retired_and_the_next_one_answers(build, start):
    sim = await start(SimulatedGemini(name="gemini", keys=[KEYS["b"]], instant=True))
    home = await build(worker(sim, keys=list(KEYS.values()), models=[FLASH]))
    seen = [await ask(home) for _ in range(3)]

    assert [each.worker for each in seen] == ["gemini/2"] * 3
    assert home.standing("gemini/1").shown(time.monotonic()) == "retired"
    assert (await home.get("/health")).json["workers"] == {"gemini/1": "retired", "gemini/2": "ready"}


async def test_what_a_day_has_used_survives_a_restart(tmp_path, gemini):
    async with house(tmp_path, pool(gemini)) as before:
        for _ in range(2 * PER_DAY - 1):
            assert (await ask(before)).status == 200
    async with house(tmp_path, pool(gemini)) as after:
        seen = [(await ask(after)).status for _ in range(2)]

    assert seen == [200, 429]
    assert gemini.quota.refused == 0


async def test_what_was_used_is_on_disk_within_a_second(build, tmp_path, gemini):
    home = await build(pool(gemini))
    await ask(home)
    asked_at = time.monotonic()
    await until(lambda: any(name.startswith("quota/") for name in home.daemon._store.read_all()))

    assert time.monotonic() - asked_at < 1.0


async def test_a_damaged_ledger_is_set_aside_and_cortex_starts(tmp_path, gemini):
    async with house(tmp_path, pool(gemini)) as before:
        await ask(before)
    folder = tmp_path / ".cortex" / "ledger"
    for file in folder.iterdir():
        file.write_bytes(b"no database at all" * 100)
    async with house(tmp_path, pool(gemini)) as after:
        assert (await ask(after)).status == 200

    assert (folder.stat().st_mode & 0o777) == 0o700
    assert [path.name for path in folder.parent.iterdir() if "damaged" in path.name]


async def test_keys_of_one_project_share_one_quota(build, start):
    keys = dict.fromkeys(KEYS.values(), "one project")
    quota = Quota(requests_per_day=PER_DAY)
    sim = await start(SimulatedGemini(name="gemini", keys=keys, quota=quota, instant=True))
    home = await build(pool(sim, bucket="shared"))
    seen = [(await ask(home)).status for _ in range(PER_DAY + 1)]

    assert seen == [200] * PER_DAY + [429]
    assert sim.quota.refused == 0


async def test_a_worker_page_shows_each_window_with_where_its_limit_was_learned(build, gemini):
    home = await build(pool(gemini))
    await ask(home)
    await until(home.is_quiet)
    name = "gemini/1" if home.standing("gemini/1").answered else "gemini/2"
    (window,) = (await home.get(f"/cortex/v1/workers/{name}")).json["quota"]

    assert (window["model"], window["window"]) == (FLASH, "requests_per_day")
    assert (window["limit"], window["used"], window["left"]) == (PER_DAY, 1, PER_DAY - 1)
    assert window["learned_from"] == "file"
    assert window["reset_at"] > time.time()


async def test_built_in_sizes_hold_for_free_keys_only(build, start):
    sim = await start(SimulatedGemini(name="gemini", instant=True))
    home = await build(
        worker(sim, name="free", key=KEYS["a"], models=[FLASH]),
        worker(sim, name="paid", key=KEYS["b"], models=[FLASH], free=False),
    )
    for name in ("free", "paid"):
        assert (await ask(home, f"{name}:{FLASH}")).status == 200
    windows = {name: (await home.get(f"/cortex/v1/workers/{name}")).json["quota"] for name in ("free", "paid")}

    assert {(w["window"], w["limit"], w["learned_from"]) for w in windows["free"]} == {
        ("requests_per_minute", 5, "preset"),
        ("input_tokens_per_minute", 250_000, "preset"),
        ("requests_per_day", 20, "preset"),
    }
    assert windows["paid"] == []


async def test_groqs_headers_teach_what_nobody_said(build, start):
    sim = await start(SimulatedGroq(name="groq", keys=["gsk_simulated_0123456789"], quota=GROQ_FREE, instant=True))
    home = await build(worker(sim, key="gsk_simulated_0123456789", free=False))
    assert (await ask(home, "openai/gpt-oss-20b")).status == 200
    await until(home.is_quiet)
    windows = (await home.get("/cortex/v1/workers/groq")).json["quota"]

    assert {(w["window"], w["limit"], w["learned_from"]) for w in windows} == {
        ("requests_per_day", 1_000, "headers"),
        ("tokens_per_minute", 8_000, "headers"),
    }


async def test_a_request_larger_than_the_window_is_too_large_for_that_key_and_not_for_others(build, start, desk):
    sim = await start(SimulatedGroq(name="groq", keys=["gsk_simulated_0123456789"], instant=True))
    table = worker(sim, key="gsk_simulated_0123456789", models=["openai/gpt-oss-20b"])
    home = await build(table, worker(desk), '[models]\nany = ["openai/gpt-oss-20b", "qwen3:4b"]\n')
    alone = await ask(home, "openai/gpt-oss-20b", max_tokens=9_000)
    either = await ask(home, "any", max_tokens=9_000)

    assert alone.status == 413
    assert "8,000" in alone.text_of_error
    assert either.worker == "desk"
    assert not [received for received in sim.requests if received.path in sim.generating]


async def test_coheres_month_is_one_for_all_models(build, start):
    sim = await start(SimulatedCohere(name="cohere", keys=["co-simulated-0123456789"], instant=True))
    home = await build(
        worker(sim, key="co-simulated-0123456789"), "[workers.cohere.key_limits]\nrequests_per_month = 2\n"
    )
    models = ["command-a-03-2025", "command-r7b-12-2024", "command-a-03-2025"]
    seen = [(await ask(home, model)).status for model in models]

    assert seen == [200, 200, 429]
    assert sim.quota.refused == 0


async def test_embeddings_stay_with_one_model_whoever_is_away(build, start):
    own = await start(SimulatedOllama(name="own", models=("nomic-embed-text",), instant=True))
    sim = await start(SimulatedGemini(name="gemini", keys=[KEYS["a"]], instant=True))
    alias = '[models]\nvectors = ["nomic-embed-text", "gemini-embedding-001"]\n'
    home = await build(worker(own), worker(sim, key=KEYS["a"]), alias)
    good = await home.post("/v1/embeddings", {"model": "vectors", "input": "Hello"})
    own.always(Fault("refuse"))
    away = await home.post(
        "/v1/embeddings", {"model": "vectors", "input": "Who is there?"}, headers={"X-Cortex-Deadline": "1s"}
    )
    by_name = await home.post("/v1/embeddings", {"model": "gemini-embedding-001", "input": "Hello"})

    assert (good.status, good.worker) == (200, "own")
    assert away.status in {503, 504}
    assert (by_name.status, by_name.worker) == (200, "gemini")


async def test_what_each_key_was_used_for_is_told_by_hour_and_day(build, gemini):
    home = await build(pool(gemini))
    for _ in range(2):
        await ask(home)
    await until(home.is_quiet)
    rows = (await home.get("/cortex/v1/usage")).json["usage"]
    one = (await home.get("/cortex/v1/usage?worker=gemini/1")).json["usage"]
    page = (await home.get("/cortex/v1/workers/gemini/1")).json["usage"]

    assert {(row["worker"], row["span"]) for row in rows} == {
        (f"gemini/{n}", s) for n in (1, 2) for s in ("hour", "day")
    }
    assert {row["worker"] for row in one} == {"gemini/1"}
    assert page["today"] == page["year"]
    assert page["today"]["requests"] == 1
    assert page["today"]["cost_usd"] == 0
    assert page["today"]["would_have_cost_usd"] > 0
