"""Every client dialect reaches every worker, whole and streamed, and says who answered."""

import pytest
from house import until, worker


@pytest.fixture
async def home(build, desk, cloud):
    return await build(worker(desk), worker(cloud))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("model", ["llama3.2:3b", "cloud-70b"], ids=["ollama", "openai"])
@pytest.mark.parametrize("dialect", ["openai", "ollama"])
async def test_each_dialect_is_answered_by_each_kind_of_worker(home, dialect, model, stream):
    ask = home.chat if dialect == "openai" else home.ollama_chat
    seen = await ask("What is up?", model=model, stream=stream)

    assert seen.status == 200
    assert "You said: What is up?" in seen.text
    assert seen.worker == {"llama3.2:3b": "desk", "cloud-70b": "cloud"}[model]
    assert seen.headers["X-Cortex-Model"] == model
    assert seen.headers["X-Cortex-Attempts"] == "1"
    assert seen.headers["X-Cortex-Request"]
    assert seen.headers["X-Cortex-Why"]
    await until(home.is_quiet)


async def test_same_dialect_passes_byte_for_byte_but_the_models_name(home, cloud):
    body = b'{"model": "cloud:cloud-70b",\n "messages":[{"role":"user","content":"h\\u00ef"}], "x":  1.50}'
    seen = await home.post("/v1/chat/completions", data=body)

    assert seen.status == 200
    sent = cloud.requests[-1].body
    assert b'"cloud-70b"' in sent
    assert b'[{"role":"user","content":"h\\u00ef"}]' in sent
    assert b"1.50" in sent


async def test_a_model_that_nobody_has_is_not_found_and_the_nearest_is_named(home):
    seen = await home.chat(model="lama3.2:3b")

    assert seen.status == 404
    assert seen.json["error"]["code"] == "model_not_found"
    assert "llama3.2:3b" in seen.json["error"]["message"]


async def test_ollama_hears_of_an_unknown_model_in_its_own_words(home):
    seen = await home.ollama_chat(model="nothing-like-it")

    assert seen.status == 404
    assert seen.json["error"].startswith("model 'nothing-like-it' not found")


async def test_auto_and_no_model_leave_the_choice_to_the_strategy(home):
    for model in ("auto", ""):
        seen = await home.chat(model=model)

        assert seen.status == 200
        assert seen.worker in {"desk", "cloud"}


async def test_an_alias_leads_to_its_best_choice_that_can_answer(build, desk, cloud):
    home = await build(worker(desk), worker(cloud), '[models]\nbest = ["cloud:cloud-70b", "llama3.2:3b"]\n')

    assert (await home.chat(model="best")).worker == "cloud"
    await home.act("cloud", "drain")
    assert (await home.chat(model="best")).worker == "desk"


async def test_one_record_tells_log_page_and_headers_the_same(home):
    seen = await home.chat(model="llama3.2:3b")
    trace = (await home.get(f"/cortex/v1/requests/{seen.headers['X-Cortex-Request']}")).json

    assert trace["worker"] == seen.worker == "desk"
    assert trace["why"] == seen.headers["X-Cortex-Why"]
    assert trace["outcome"] == "ok"
    assert trace["tokens_out"] == seen.json["usage"]["completion_tokens"] > 0
    assert "You said" not in str(trace)


async def test_metrics_count_the_request(home):
    await home.chat(model="llama3.2:3b")
    await until(lambda: home.daemon.metrics.requests.values)
    text = (await home.get("/metrics")).body.decode()

    assert 'cortex_requests_total{dialect="openai",model="llama3.2:3b",outcome="ok",worker="desk"} 1.0' in text
    assert 'cortex_slots{worker="desk"} 1.0' in text
    assert 'cortex_worker_state{state="ready",worker="desk"} 1.0' in text
