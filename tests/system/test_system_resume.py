"""An answer that breaks off after its first content is gone on with by another worker, and its client sees one answer."""

import json

import pytest
from house import NO_CACHE, until, worker
from upstream_kinds import SCHEMA, tool

from cortex.simulate import SimulatedOllama, SimulatedOpenAI
from cortex.simulate.fault import Fault
from cortex.simulate.model import SimulatedModel

IMPATIENT = """
[routing]
first_token_timeout = "300ms"
stall_timeout = "300ms"
connect_timeout = "500ms"
deadline = "10s"
"""
ORDER = '[models]\nany = ["desk:llama3.2:3b", "cloud:cloud-70b", "rack:llama3.2:3b"]\n'
THINKERS = '[models]\nany = ["desk:qwen3:4b", "rack:qwen3:4b", "cloud:cloud-70b"]\n'
BREAKS = ["cut", "cut_clean", "stall", "garbage", "error_in_stream"]
TOKENS = 32


def events(seen):
    """Return the events of an OpenAI stream, `[DONE]` left out."""
    lines = [line[5:].strip() for line in seen.body.decode().split("\n") if line.startswith("data:")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def is_one_answer(seen):
    """Whether it has as many words as a simulated answer that nothing cut, and one end."""
    is_ended = seen.body.count(b"[DONE]") + seen.body.count(b'"done":true') == 1
    return is_ended and len(seen.text.split()) == TOKENS and seen.text.count("[simulated by") == 1


async def warm(home, *names, model="llama3.2:3b"):
    """Have every machine load its model: a cold one is given all the time it needs."""
    for name in names:
        assert (await home.chat(model=f"{name}:{model}")).status == 200


def trace(home):
    return home.daemon.journal.latest(1)[0].trace()


def tries(home):
    return [(one["worker"], one["resumed"]) for one in trace(home)["attempts_made"]]


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
@pytest.mark.parametrize("kind", BREAKS)
async def test_the_same_model_on_another_machine_goes_on_first(build, desk, rack, cloud, kind, dialect):
    home = await build(worker(desk), worker(cloud), worker(rack), IMPATIENT, ORDER)
    await warm(home, "desk", "rack")
    desk.fault(Fault(kind, after_tokens=8))

    ask = home.chat if dialect == "openai" else home.ollama_chat
    seen = await ask("Go on", model="any", stream=True)

    assert is_one_answer(seen)
    assert seen.worker == "desk"
    assert tries(home) == [("desk", None), ("rack", "continued")]
    assert home.standing("desk").failed == 1
    await until(home.is_quiet)
    assert trace(home)["outcome"] == "ok"
    await until(lambda: home.daemon.metrics.resumes.values == {("rack", "continued"): 1})
    assert not home.daemon.metrics.failovers_seen.values


async def test_another_model_goes_on_where_no_other_has_the_same(build, desk, cloud):
    order = '[models]\nany = ["desk:llama3.2:3b", "cloud:cloud-70b"]\n'
    home = await build(worker(desk), worker(cloud), IMPATIENT, order)
    await warm(home, "desk")
    desk.fault(Fault("cut", after_tokens=8))

    seen = await home.chat("Go on", model="any", stream=True, stream_options={"include_usage": True})

    assert is_one_answer(seen)
    assert {event["model"] for event in events(seen)} == {"llama3.2:3b"}
    assert len({event["id"] for event in events(seen)}) == 1
    assert sum(bool(c["delta"].get("role")) for event in events(seen) for c in event["choices"]) == 1
    assert cloud.requests[-1].json["messages"][-1]["role"] == "assistant"
    usage = events(seen)[-1]["usage"]
    assert usage["completion_tokens"] >= TOKENS
    assert usage["prompt_tokens"] < 15


@pytest.mark.parametrize("second", ["llama3.2:3b", "cloud-70b"])
async def test_what_passed_through_is_gone_on_with_as_whoever_began_it_wrote(build, desk, cloud, start, second):
    other = await start(SimulatedOpenAI(name="other", models=("cloud-70b",), instant=True))
    home = await build(
        worker(cloud), worker(other), worker(desk), IMPATIENT, f'[models]\nany = ["cloud:cloud-70b", "{second}"]\n'
    )
    await warm(home, "desk")
    for _ in range(2):
        cloud.fault(Fault("cut", after_tokens=5))

    seen = await home.chat("Go on", model="any", stream=True)

    assert is_one_answer(seen)
    assert len({(event["id"], event["model"], event["created"]) for event in events(seen)}) == 1


async def test_it_is_gone_on_with_as_often_as_it_breaks(build, desk, rack, cloud):
    home = await build(worker(desk), worker(cloud), worker(rack), IMPATIENT, ORDER)
    await warm(home, "desk", "rack")
    desk.fault(Fault("cut", after_tokens=8))
    rack.fault(Fault("stall", after_tokens=8))

    seen = await home.chat("Go on", model="any", stream=True)

    assert is_one_answer(seen)
    assert tries(home) == [("desk", None), ("rack", "continued"), ("cloud", "continued")]


async def test_a_model_that_begins_anew_is_left_for_the_next_and_remembered(build, desk, start, cloud):
    again = await start(
        SimulatedOllama(name="rack", models=(SimulatedModel("llama3.2:3b", restarts=True),), instant=True)
    )
    home = await build(worker(desk), worker(cloud), worker(again), IMPATIENT, ORDER)
    await warm(home, "desk", "rack")
    for expected in ([("rack", "failed"), ("cloud", "continued")], [("cloud", "continued")]):
        desk.fault(Fault("cut", after_tokens=8))

        seen = await home.chat("Go on", model="any", stream=True)

        assert is_one_answer(seen)
        assert tries(home)[1:] == expected
    assert home.standing("rack").breaker.state == "closed"


async def test_where_nobody_goes_on_the_first_cause_is_told(build, desk, start):
    again = await start(
        SimulatedOllama(name="rack", models=(SimulatedModel("llama3.2:3b", restarts=True),), instant=True)
    )
    home = await build(worker(desk), worker(again), IMPATIENT, ORDER)
    await warm(home, "desk", "rack")
    desk.fault(Fault("stall", after_tokens=8))

    seen = await home.chat("Go on", model="any", stream=True)

    assert b"[DONE]" not in seen.body
    error = events(seen)[-1]["error"]
    assert "desk: timeout" in error["message"]
    assert len(seen.text.split()) == 8
    await until(lambda: home.daemon.metrics.failovers_seen.values == {("desk", "timeout"): 1})
    assert home.daemon.metrics.resumes.values == {("rack", "failed"): 1}


@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ("[streams]\nresume = false\n", {}),
        ('[streams]\nmax_held = "1KB"\n', {}),
        ("", {"logprobs": True}),
        ("[streams]\nhold_tools = false\n", {"response_format": {"type": "json_object"}}),
    ],
)
async def test_what_cannot_be_gone_on_with_ends_as_an_error(build, desk, rack, settings, more):
    home = await build(worker(desk), worker(rack), IMPATIENT, ORDER, settings)
    await warm(home, "desk", "rack")
    desk.fault(Fault("cut", after_tokens=8))

    seen = await home.chat("Go on", model="any", stream=True, **more)

    assert "broke off" in events(seen)[-1]["error"]["message"]
    assert tries(home) == [("desk", None)]


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
@pytest.mark.parametrize("kind", ["cut", "stall", "error_in_stream"])
async def test_an_answer_bound_to_a_schema_is_asked_anew(build, desk, rack, kind, dialect):
    home = await build(worker(desk), worker(rack), IMPATIENT, ORDER)
    await warm(home, "desk", "rack")
    desk.fault(Fault(kind, after_tokens=2))
    bound = {"format": SCHEMA}
    if dialect == "openai":
        bound = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}}

    ask = home.chat if dialect == "openai" else home.ollama_chat
    seen = await ask("Who?", model="any", stream=True, **bound)

    assert set(json.loads(seen.text)) == {"name", "age"}
    assert seen.worker == "rack"
    assert b"error" not in seen.body


@pytest.mark.parametrize("model", ["desk:llama3.2:3b", "cloud:cloud-70b"])
async def test_a_call_that_is_not_the_end_is_asked_anew(build, desk, rack, cloud, model):
    """The call itself came whole, its end did not: the client has heard of neither."""
    home = await build(
        worker(desk), worker(rack), worker(cloud), IMPATIENT, f'[models]\nany = ["{model}", "rack:llama3.2:3b"]\n'
    )
    await warm(home, "desk", "rack")
    for sim in (desk, cloud):
        sim.fault(Fault("cut", after_tokens=1))

    seen = await home.chat("use tool weather", model="any", stream=True, tools=[tool()])

    calls = [call for event in events(seen) for c in event["choices"] for call in c["delta"].get("tool_calls") or ()]
    assert [call["function"]["name"] for call in calls] == ["weather"]
    assert seen.worker == "rack"
    assert seen.body.count(b"[DONE]") == 1


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
async def test_thoughts_that_break_off_are_thought_again_unseen(build, desk, rack, dialect):
    home = await build(worker(desk), worker(rack), IMPATIENT, THINKERS)
    await warm(home, "desk", "rack", model="qwen3:4b")
    desk.fault(Fault("cut", after_tokens=3))
    more = {"reasoning_effort": "high"} if dialect == "openai" else {"think": True}

    ask = home.chat if dialect == "openai" else home.ollama_chat
    seen = await ask("Go on", model="any", stream=True, **more)

    assert tries(home) == [("desk", None), ("rack", "anew")]
    assert is_one_answer(seen)
    key = b'"reasoning_content":"' if dialect == "openai" else b'"thinking":"'
    assert seen.body.count(key) == 3


async def test_text_behind_thoughts_is_gone_on_with_and_nothing_thought_twice(build, desk, rack):
    home = await build(worker(desk), worker(rack), IMPATIENT, THINKERS)
    await warm(home, "desk", "rack", model="qwen3:4b")
    whole = await home.chat("Go on", model="desk:qwen3:4b", stream=True, reasoning_effort="high")
    thoughts = whole.body.count(b'"reasoning_content":"')
    desk.fault(Fault("cut", after_tokens=thoughts + 4))

    seen = await home.chat("Go on", model="any", stream=True, reasoning_effort="high")

    assert is_one_answer(seen)
    assert seen.body.count(b'"reasoning_content":"') == thoughts


async def test_a_clients_own_beginning_of_the_answer_stays_before_it(build, desk, rack):
    home = await build(worker(desk), worker(rack), IMPATIENT, ORDER)
    await warm(home, "desk", "rack")
    desk.fault(Fault("cut", after_tokens=3))
    messages = [{"role": "user", "content": "Go"}, {"role": "assistant", "content": "Well, then"}]

    seen = await home.chat(model="any", stream=True, messages=messages)

    *_, begun = rack.requests[-1].json["messages"]
    assert begun["content"].startswith("Well, then")
    assert len(begun["content"]) > len("Well, then")
    assert seen.body.count(b"[DONE]") == 1


async def test_an_answer_of_two_authors_is_not_kept(build, desk, rack):
    home = await build(worker(desk), worker(rack), IMPATIENT, ORDER)
    await warm(home, "desk", "rack")
    desk.fault(Fault("cut", after_tokens=8))
    first = await home.chat("Go on", model="any", stream=True, temperature=0)

    second = await home.chat("Go on", model="any", stream=True, temperature=0)

    assert is_one_answer(first)
    assert second.headers["X-Cortex-Cache"] == "miss"


async def test_what_was_measured_survives_a_restart(build, tmp_path, desk, rack):
    home = await build(worker(desk), worker(rack), IMPATIENT, ORDER, NO_CACHE)
    await warm(home, "desk", "rack")
    desk.fault(Fault("cut", after_tokens=8))
    await home.chat("Go on", model="any", stream=True)
    known = home.daemon.continues
    assert known.verdict(home.standing("rack"), "llama3.2:3b") == "continues"
    await home.daemon.stop()

    again = await build(worker(desk), worker(rack), IMPATIENT, ORDER)

    await until(lambda: again.standing("rack").models)
    assert again.daemon.continues.verdict(again.standing("rack"), "llama3.2:3b") == "continues"


@pytest.mark.parametrize("restarts", [False, True])
async def test_an_idle_machine_is_asked_once_whether_its_model_goes_on(build, start, monkeypatch, restarts):
    monkeypatch.setattr("cortex.workers.worker.IDLE_S", 0.0)
    model = SimulatedModel("llama3.2:3b", restarts=restarts)
    sim = await start(SimulatedOllama(name="desk", models=(model, "other:1b"), instant=True))
    home = await build(worker(sim))
    asked = [received for received in sim.requests if received.path == "/api/chat"]
    assert not asked, "what is not in memory is not loaded"
    await warm(home, "desk")

    verdict = home.daemon.continues.verdict
    await until(lambda: verdict(home.standing("desk"), "llama3.2:3b"))

    assert verdict(home.standing("desk"), "llama3.2:3b") == ("restarts" if restarts else "continues")
    for _ in range(2):
        probed = home.standing("desk").probed_at
        await until(lambda probed=probed: home.standing("desk").probed_at > probed)
    assert sum(received.path == "/api/chat" for received in sim.requests) == 2
    assert sim.loads.started == 1


@pytest.mark.parametrize("dialect", ["openai", "ollama"])
@pytest.mark.parametrize("first", ["desk:llama3.2:3b", "cloud:cloud-70b"])
@pytest.mark.parametrize("kind", ["cut", "cut_clean"])
async def test_a_connection_may_end_after_any_byte(build, desk, cloud, rack, first, kind, dialect):
    home = await build(
        worker(desk), worker(cloud), worker(rack), NO_CACHE, f'[models]\nany = ["{first}", "rack:llama3.2:3b"]\n'
    )
    await warm(home, "desk", "rack")
    ask = home.chat if dialect == "openai" else home.ollama_chat
    for count in range(0, 6000, 211):
        for sim in (desk, cloud):
            sim.clear()
            sim.fault(Fault(kind, after_bytes=count))

        seen = await ask("Go on", model="any", stream=True)

        assert is_one_answer(seen), count
