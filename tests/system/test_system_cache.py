"""The same request is answered once: from memory, from the disk, or by one call that several share."""

import asyncio
import json

import pytest
from house import QUICK, until, worker

from cortex.cache import answers
from cortex.simulate import SimulatedOllama
from cortex.simulate.fault import Fault

MODEL = "llama3.2:3b"


def asked(upstream):
    """Return how many chats the upstream was asked for."""
    return sum(one.path in {"/api/chat", "/v1/chat/completions", "/api/embed"} for one in upstream.requests)


async def chat(home, text="Why?", *, control="", **more):
    body = {"model": MODEL, "temperature": 0, "messages": [{"role": "user", "content": text}], **more}
    return await home.post("/v1/chat/completions", body, headers={"Cache-Control": control} if control else None)


@pytest.mark.parametrize("first_streams", [True, False])
@pytest.mark.parametrize("then_streams", [True, False])
@pytest.mark.parametrize("model", [MODEL, "cloud-70b"])
async def test_the_second_is_a_hit_whole_or_as_a_stream(build, desk, cloud, model, first_streams, then_streams):
    home = await build(worker(desk), worker(cloud))
    first = await chat(home, model=model, stream=first_streams)
    second = await chat(home, model=model, stream=then_streams)

    assert (first.headers["X-Cortex-Cache"], second.headers["X-Cortex-Cache"]) == ("miss", "hit")
    assert second.text == first.text
    assert second.worker == first.worker
    assert second.headers["X-Cortex-Model"] == first.headers["X-Cortex-Model"]
    assert second.headers["Age"] == "0"
    assert asked(desk) + asked(cloud) == 1
    await until(home.is_quiet)


async def test_tool_calls_and_usage_are_replayed(build, cloud):
    home = await build(worker(cloud))
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
    more = {"model": "cloud-70b", "tools": tools, "tool_choice": "required"}
    first, second = await chat(home, **more), await chat(home, **more)
    assert second.headers["X-Cortex-Cache"] == "hit"
    assert first.json["choices"][0]["message"]["tool_calls"]
    assert second.json["choices"][0]["message"]["tool_calls"] == first.json["choices"][0]["message"]["tool_calls"]
    assert second.json["usage"]["total_tokens"] == first.json["usage"]["total_tokens"]


async def test_ollama_anthropic_and_embeddings_have_it_too(build, desk):
    home = await build(worker(desk))
    turns = [{"role": "user", "content": "Why?"}]
    asks = {
        "/api/chat": {"model": MODEL, "messages": turns, "options": {"seed": 1}, "stream": False},
        "/v1/messages": {"model": MODEL, "messages": turns, "temperature": 0, "max_tokens": 50},
        "/v1/embeddings": {"model": MODEL, "input": ["a", "b"]},
        "/api/embed": {"model": MODEL, "input": ["a", "b"]},
    }
    for path, body in asks.items():
        first, second = await home.post(path, body), await home.post(path, body)
        assert (first.status, second.status) == (200, 200), path
        assert second.headers["X-Cortex-Cache"] == "hit", path
        (said,) = {"message", "content", "data", "embeddings"} & first.json.keys()
        assert second.json[said] == first.json[said], path


async def test_what_one_dialects_client_was_told_another_dialects_client_is_told_too(build, desk, cloud):
    home = await build(worker(desk), worker(cloud))
    turns = [{"role": "user", "content": "Why?"}]
    for model in (MODEL, "cloud-70b"):
        first = await home.post(
            "/v1/chat/completions", {"model": model, "messages": turns, "temperature": 0, "max_tokens": 50}
        )
        more = {"temperature": 0, "num_predict": 50}
        second = await home.post("/api/chat", {"model": model, "messages": turns, "options": more, "stream": False})
        body = {"model": model, "messages": turns, "temperature": 0, "max_tokens": 50, "stream": True}
        third = await home.post("/v1/messages", body)

        cached = [seen.headers["X-Cortex-Cache"] for seen in (first, second, third)]
        assert cached == ["miss", "hit", "hit"]
        said = first.json["choices"][0]["message"]["content"]
        assert second.json["message"]["content"] == said
        deltas = [json.loads(line[6:]) for line in third.body.decode().splitlines() if line.startswith("data: ")]
        assert (
            "".join(each["delta"].get("text", "") for each in deltas if each["type"] == "content_block_delta") == said
        )


async def test_a_hit_is_counted_among_what_was_saved(build, cloud):
    home = await build('[telemetry]\nsaved_against = "gpt-5.6-luna"\n', worker(cloud, free=True))
    await chat(home, model="cloud-70b")
    once = sum(home.daemon.metrics.saved_usd.values.values())
    await chat(home, model="cloud-70b")

    assert once > 0
    assert sum(home.daemon.metrics.saved_usd.values.values()) == pytest.approx(2 * once)


async def test_a_request_left_to_chance_is_asked_each_time(build, desk):
    home = await build(worker(desk))
    for _ in range(2):
        seen = await chat(home, temperature=0.7)
        assert seen.headers["X-Cortex-Cache"] == "bypass"
    assert asked(desk) == 2


async def test_cache_control_is_followed(build, desk):
    home = await build(worker(desk))
    nothing = await chat(home, control="only-if-cached")
    assert nothing.status == 504
    assert "only-if-cached" in nothing.text_of_error
    results = [
        (await chat(home, control=control)).headers["X-Cortex-Cache"]
        for control in ("no-store", "", "only-if-cached", "no-cache", "no-store", "max-age=60", "max-age=60")
    ]
    assert results == ["bypass", "miss", "hit", "miss", "bypass", "hit", "hit"]


async def test_max_age_bounds_how_long_it_is_kept(build, desk):
    home = await build(worker(desk))
    await chat(home, control="max-age=0")
    assert (await chat(home)).headers["X-Cortex-Cache"] == "miss"


@pytest.mark.parametrize("fault", ["cut", "cut_clean", "error_status", "error_in_stream", "garbage"])
@pytest.mark.parametrize("stream", [True, False])
async def test_an_error_or_a_cut_answer_is_never_kept(build, desk, fault, stream):
    home = await build(worker(desk), "[routing]\nmax_attempts = 1\n")
    desk.always(Fault(fault, after_tokens=3, status=500))
    await chat(home, stream=stream)
    desk.clear()
    seen = await chat(home, stream=stream)
    assert seen.status == 200
    assert seen.headers["X-Cortex-Cache"] == "miss"
    assert (await chat(home, stream=stream)).headers["X-Cortex-Cache"] == "hit"


async def test_a_stopgaps_answer_is_not_kept_for_an_alias(build, desk, cloud):
    home = await build(worker(desk), worker(cloud), f'[models]\nbest = ["cloud-70b", "{MODEL}"]\n')
    await home.act("cloud", "drain")
    assert (await chat(home, model="best")).worker == "desk"
    await home.act("cloud", "resume")
    seen = await chat(home, model="best")
    assert (seen.worker, seen.headers["X-Cortex-Cache"]) == ("cloud", "miss")
    assert (await chat(home, model="best")).headers["X-Cortex-Cache"] == "hit"


async def test_after_an_edit_an_alias_means_what_it_says_now(build, desk, cloud):
    tables = worker(desk) + worker(cloud)
    home = await build(tables, f'[models]\nbest = ["{MODEL}"]\n')
    assert (await chat(home, model="best")).worker == "desk"
    await home.edit(tables + '[models]\nbest = ["cloud-70b"]\n')
    seen = await chat(home, model="best")
    assert (seen.worker, seen.headers["X-Cortex-Cache"]) == ("cloud", "miss")


async def test_what_one_client_wrote_beside_its_question_is_not_told_to_another(build, desk):
    home = await build(worker(desk))
    body = {"model": MODEL, "input": "Why?", "temperature": 0}
    asks = [home.post("/v1/responses", body | {"metadata": {"of": name}}) for name in ("ana", "ben", "eva")]
    seen = await asyncio.gather(*asks)
    assert [one.json["metadata"]["of"] for one in seen] == ["ana", "ben", "eva"]
    assert asked(desk) == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_identical_requests_at_once_share_one_call(build, desk, stream):
    home = await build(worker(desk))
    seen = await asyncio.gather(*[chat(home, stream=stream) for _ in range(8)])
    assert {one.status for one in seen} == {200}
    assert len({one.text for one in seen}) == 1
    assert asked(desk) == 1
    results = [one.headers["X-Cortex-Cache"] for one in seen]
    assert results.count("miss") == 1
    assert set(results) <= {"miss", "shared", "hit"}
    await until(home.is_quiet)


async def test_whoever_waited_for_the_disk_looks_in_memory_once_more(build, desk, monkeypatch):
    home = await build(worker(desk))
    slow, waits = asyncio.Event(), []

    async def later(self, key):
        waits.append(key)
        await slow.wait()

    monkeypatch.setattr(answers.Answers, "later", later)
    late = asyncio.create_task(chat(home))
    await until(lambda: waits)
    assert (await chat(home, control="no-cache")).headers["X-Cortex-Cache"] == "miss"
    slow.set()
    assert (await late).headers["X-Cortex-Cache"] == "hit"


async def test_a_joiner_survives_the_first_clients_leaving(build, start):
    desk = await start(SimulatedOllama(name="desk", models=(MODEL,), first_token_s=0.3, tokens_per_s=500))
    home = await build(worker(desk))
    first = asyncio.create_task(chat(home, stream=True))
    await until(lambda: asked(desk) == 1)
    second = asyncio.create_task(chat(home, stream=True))
    await until(lambda: len(home.daemon.front.exchanges) == 2)
    first.cancel()
    seen = await second
    assert seen.status == 200
    assert seen.headers["X-Cortex-Cache"] == "shared"
    assert b"[DONE]" in seen.body
    assert asked(desk) == 1
    await until(home.is_quiet)
    metrics = home.daemon.metrics
    await until(lambda: metrics.tokens.values.get(("desk", MODEL, "output")))
    assert sum(metrics.attempts.values.values()) == 1
    assert metrics.requests.values == {
        ("openai", "desk", MODEL, "ok"): 1.0,
        ("openai", "desk", MODEL, "client_gone"): 1.0,
    }


async def test_a_joiner_with_more_time_is_not_ended_by_the_firsts_deadline(build, start):
    desk = await start(SimulatedOllama(name="desk", models=(MODEL,), first_token_s=0.05, tokens_per_s=25))
    home = await build(worker(desk))
    body = {"model": MODEL, "temperature": 0, "stream": True, "messages": [{"role": "user", "content": "Why?"}]}
    await home.post("/v1/chat/completions", body | {"seed": 1, "max_tokens": 1})  # the model is loaded then
    first = asyncio.create_task(home.post("/v1/chat/completions", body, headers={"X-Cortex-Deadline": "300ms"}))
    await until(lambda: asked(desk) == 2)
    second = await chat(home, stream=True)
    assert b"deadline" in (await first).body
    assert second.headers["X-Cortex-Cache"] == "shared"
    assert b"[DONE]" in second.body
    assert asked(desk) == 2


async def test_when_all_have_left_the_call_is_cancelled(build, desk):
    home = await build(worker(desk))
    desk.always(Fault("hang", path="/api/chat"))
    tasks = [asyncio.create_task(chat(home)) for _ in range(2)]
    await until(lambda: asked(desk) == 1)
    for task in tasks:
        task.cancel()
    await until(lambda: home.standing("desk").in_flight == 0)
    await until(home.is_quiet)


async def test_it_is_there_after_a_restart(build, desk, monkeypatch):
    monkeypatch.setattr(answers, "LOOKUP_S", 10.0)  # a busy machine may take longer than a request should wait
    home = await build(worker(desk))
    first = await chat(home)
    await until(lambda: home.daemon.answers.disk.size_bytes() > 0 and not home.daemon.answers._waiting)
    await home.daemon.stop()
    again = await build(worker(desk))
    await until(lambda: again.daemon.answers.disk_bytes > 0)
    second = await chat(again)
    assert second.headers["X-Cortex-Cache"] == "hit"
    assert second.text == first.text


async def test_a_disk_that_cannot_be_had_costs_nothing_but_its_hits(build, desk, tmp_path):
    (tmp_path / ".cortex").mkdir()
    (tmp_path / ".cortex" / "cache").write_text("in the way")
    home = await build(worker(desk))
    assert (await chat(home)).headers["X-Cortex-Cache"] == "miss"
    assert (await chat(home)).headers["X-Cortex-Cache"] == "hit"


async def test_the_numbers_are_told_and_a_person_may_clear(build, desk):
    home = await build(worker(desk), '[telemetry]\nsaved_against = "gpt-6-astra"\n')
    for _ in range(3):
        await chat(home)
    facts = (await home.get("/cortex/v1/cache")).json
    await chat(home, temperature=1)
    counted = (await home.get("/cortex/v1/cache")).json["requests"]
    assert facts["saved_usd"] > 0
    assert counted == {"hit": 2, "miss": 1, "shared": 0, "bypass": 1}
    assert facts["hit_ratio"] == pytest.approx(2 / 3, abs=1e-3)
    metrics = (await home.get("/metrics")).body.decode()
    assert 'cortex_cache_requests_total{result="hit"} 2.0' in metrics
    assert (await home.post("/cortex/v1/cache/clear")).status == 403
    cleared = await home.post("/cortex/v1/cache/clear", headers={"X-Cortex": "1"})
    assert cleared.json == {"cleared": 1}
    assert (await chat(home)).headers["X-Cortex-Cache"] == "miss"


async def test_one_clients_answer_is_not_given_to_another(build, desk):
    keys = 'port = 0\napi_keys = ["key-of-ana-0123", "key-of-ben-0123"]'
    home = await build(worker(desk), base=QUICK.replace("port = 0", keys))
    body = {"model": MODEL, "temperature": 0, "messages": [{"role": "user", "content": "Why?"}]}
    results = []
    for key in ("key-of-ana-0123", "key-of-ben-0123", "key-of-ana-0123"):
        seen = await home.post("/v1/chat/completions", body, headers={"Authorization": f"Bearer {key}"})
        results.append(seen.headers["X-Cortex-Cache"])
    assert results == ["miss", "miss", "hit"]
