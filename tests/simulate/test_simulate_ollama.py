"""A simulated Ollama, asked by the official client and byte by byte."""

import asyncio
import json
from datetime import UTC, datetime

import ollama
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulate_client import Clock, Gate

from cortex.simulate import Fault, SimulatedModel, SimulatedOllama
from cortex.simulate.ollama_wire import keep_alive_s, stamp
from cortex.simulate.refusal import Refused

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
LLAMA, QWEN = "llama3.2:latest", "qwen3:4b"


def lines(body):
    return [json.loads(line) for line in body.splitlines()]


async def test_a_whole_answer_has_text_and_counts(ollama_sdk):
    answer = await ollama_sdk.chat(LLAMA, HELLO)

    assert "You said: Hello" in answer.message.content
    assert (answer.done, answer.done_reason, answer.eval_count) == (True, "stop", 32)
    assert answer.prompt_eval_count == 5
    assert answer.eval_duration == 32 * 20_000_000


async def test_a_stream_puts_together_the_same_answer(ollama_sdk):
    whole = await ollama_sdk.chat(LLAMA, HELLO)
    parts = [part async for part in await ollama_sdk.chat(LLAMA, HELLO, stream=True)]

    assert "".join(part.message.content for part in parts) == whole.message.content
    assert [part.done for part in parts] == [False] * 32 + [True]
    assert parts[-1].eval_count == 32


async def test_a_stream_is_ndjson_with_one_object_a_line(desk, client):
    seen = await client.post(desk, "/api/chat", {"model": "llama3.2", "messages": HELLO})
    first, *_, last = lines(seen.body)

    assert seen.headers["Content-Type"] == "application/x-ndjson"
    assert seen.body.endswith(b"}\n")
    assert b"\n\n" not in seen.body
    assert (first["model"], first["message"], first["done"]) == (
        "llama3.2",
        {"role": "assistant", "content": "[simulated"},
        False,
    )
    assert (last["message"], last["done_reason"]) == ({"role": "assistant", "content": ""}, "stop")


async def test_counts_that_are_zero_are_left_out(start, client):
    sim = await start(SimulatedOllama(first_token_s=0, instant=True, clock=Clock()))
    seen = await client.ask(sim, stream=False)

    assert not {"load_duration", "prompt_eval_duration"} & json.loads(seen.body).keys()


async def test_num_predict_ends_the_answer_for_its_length(ollama_sdk):
    answer = await ollama_sdk.chat(LLAMA, HELLO, options={"num_predict": 3})

    assert (answer.message.content, answer.done_reason, answer.eval_count) == ("[simulated by desk]", "length", 3)


async def test_stop_ends_the_answer(ollama_sdk):
    answer = await ollama_sdk.chat(LLAMA, HELLO, options={"stop": ["You said"]})

    assert answer.message.content.endswith(" ")
    assert (answer.done_reason, "You said" in answer.message.content) == ("stop", False)


async def test_json_mode_and_schema_are_kept(ollama_sdk):
    loose = await ollama_sdk.chat(LLAMA, HELLO, format="json")
    bound = await ollama_sdk.chat(LLAMA, HELLO, format=WEATHER["function"]["parameters"])

    assert "Hello" in json.loads(loose.message.content)["answer"]
    assert list(json.loads(bound.message.content)) == ["city"]


async def test_a_tool_is_called_whole_with_an_object_of_arguments(ollama_sdk):
    ask = [{"role": "user", "content": "get_weather please"}]
    whole = await ollama_sdk.chat(LLAMA, ask, tools=[WEATHER])
    parts = [part async for part in await ollama_sdk.chat(LLAMA, ask, tools=[WEATHER], stream=True)]
    (call,) = whole.message.tool_calls

    assert (call.function.name, list(call.function.arguments)) == ("get_weather", ["city"])
    assert [bool(part.message.tool_calls) for part in parts] == [True, False]
    assert parts[0].message.tool_calls == whole.message.tool_calls
    assert parts[-1].done_reason == "stop"


async def test_the_result_of_a_tool_is_answered_with_text(ollama_sdk):
    turns = [
        {"role": "user", "content": "use tool"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Lima"}}}],
        },
        {"role": "tool", "content": "17 degrees", "tool_name": "get_weather"},
    ]
    answer = await ollama_sdk.chat(LLAMA, turns, tools=[WEATHER])

    assert "The tool says: 17 degrees" in answer.message.content


async def test_a_model_that_can_think_does_unless_it_is_told_not_to(ollama_sdk):
    thinking = await ollama_sdk.chat(QWEN, HELLO)
    level = await ollama_sdk.chat(QWEN, HELLO, think="high")
    silent = await ollama_sdk.chat(QWEN, HELLO, think=False)

    assert thinking.message.thinking == level.message.thinking != ""
    assert silent.message.thinking is None


async def test_thinking_is_streamed_before_the_text(ollama_sdk):
    parts = [part async for part in await ollama_sdk.chat(QWEN, HELLO, stream=True)]
    kinds = ["thinking" if part.message.thinking else "text" for part in parts[:-1]]

    assert kinds == sorted(kinds, reverse=True)
    assert {"thinking", "text"} == set(kinds)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"think": True}, '"plain" does not support thinking'),
        ({"tools": [WEATHER]}, '"plain" does not support tools'),
        ({"messages": [{"role": "user", "content": "?", "images": ["aGk="]}]}, '"plain" does not support vision'),
        ({"format": "xml"}, "invalid format"),
        ({"keep_alive": "300"}, "missing unit in duration"),
        ({"model": ""}, "model is required"),
        ({"options": {"num_predict": "many"}}, "num_predict"),
    ],
)
async def test_what_it_cannot_do_is_a_400(start, client, asked, words):
    sim = await start(SimulatedOllama(models=[SimulatedModel("plain", ("completion",))], instant=True))
    seen = await client.post(sim, "/api/chat", {"model": "plain", "messages": HELLO} | asked)

    assert seen.status == 400
    assert words in json.loads(seen.body)["error"]


async def test_images_are_counted_by_a_model_that_sees(start):
    sim = await start(SimulatedOllama(models=[SimulatedModel("eyes", ("completion", "vision"))], instant=True))
    async with ollama.AsyncClient(host=sim.url) as sdk:
        answer = await sdk.chat("eyes", [{"role": "user", "content": "What?", "images": [b"\x89PNG", b"\x89PNG"]}])

    assert "I see 2 images." in answer.message.content


async def test_logprobs_come_with_each_token(ollama_sdk):
    parts = [part async for part in await ollama_sdk.chat(LLAMA, HELLO, stream=True, logprobs=True, top_logprobs=2)]

    assert all(len(part.logprobs) == 1 and len(part.logprobs[0].top_logprobs) == 2 for part in parts[:-1])


async def test_an_unknown_model_is_a_404(ollama_sdk):
    with pytest.raises(ollama.ResponseError, match="model 'nobody' not found") as error:
        await ollama_sdk.chat("nobody", HELLO)

    assert error.value.status_code == 404


async def test_an_error_in_a_stream_is_raised_by_the_client(desk, ollama_sdk):
    desk.fault(Fault("error_in_stream", after_tokens=2, body="llama runner process has terminated"))
    parts = await ollama_sdk.chat(LLAMA, HELLO, stream=True)
    said = [(await anext(parts)).message.content for _ in range(2)]
    with pytest.raises(ollama.ResponseError, match="has terminated") as error:
        await anext(parts)

    assert (said, error.value.status_code) == (["[simulated", " by"], -1)


async def test_busy_is_a_503_for_the_client(desk, ollama_sdk):
    desk.fault(Fault("busy"))
    with pytest.raises(ollama.ResponseError, match="maximum pending requests exceeded") as error:
        await ollama_sdk.chat(LLAMA, HELLO)

    assert error.value.status_code == 503


async def test_generate_answers_a_prompt(ollama_sdk):
    whole = await ollama_sdk.generate(LLAMA, "Hello", system="Be brief")
    parts = [part async for part in await ollama_sdk.generate(LLAMA, "Hello", system="Be brief", stream=True)]

    assert "".join(part.response for part in parts) == whole.response
    assert (whole.context, whole.done_reason) == ([1, 2, 3], "stop")


async def test_a_raw_prompt_in_the_models_template_is_continued(ollama_sdk):
    whole = (await ollama_sdk.chat(LLAMA, HELLO)).message.content
    prompt = f"<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n{whole[:17]}"
    rest = await ollama_sdk.generate(LLAMA, prompt, raw=True)

    assert whole[:17] + rest.response == whole
    assert rest.context is None


@pytest.mark.parametrize("asked", [{"raw": True, "system": "x"}, {"suffix": "x"}])
async def test_generate_refuses_what_does_not_go_together(desk, client, asked):
    seen = await client.post(desk, "/api/generate", {"model": LLAMA, "prompt": "Hello"} | asked)

    assert seen.status == 400


@pytest.mark.parametrize(("path", "key"), [("/api/chat", "message"), ("/api/generate", "response")])
async def test_without_a_prompt_it_only_loads_and_answers_with_one_object(desk, client, path, key):
    seen = await client.post(desk, path, {"model": LLAMA})
    (answer,) = lines(seen.body)

    assert (answer["done"], answer["done_reason"], key in answer) == (True, "load", True)
    assert (desk.loaded, desk.requests[-1].tokens_sent) == ({LLAMA}, 0)


async def test_keep_alive_zero_without_a_prompt_unloads(desk, client):
    await client.post(desk, "/api/generate", {"model": LLAMA})
    seen = await client.post(desk, "/api/generate", {"model": LLAMA, "keep_alive": 0})

    assert (json.loads(seen.body)["done_reason"], desk.loaded) == ("unload", set())
    assert desk.loads.started == 1


async def test_what_is_loaded_and_until_when_is_listed(desk, ollama_sdk):
    before = await ollama_sdk.ps()
    await ollama_sdk.chat(LLAMA, HELLO, options={"num_ctx": 8192}, keep_alive="1h")
    (entry,) = (await ollama_sdk.ps()).models

    assert before.models == []
    assert (entry.name, entry.context_length, entry.size_vram) == (LLAMA, 8192, entry.size)
    assert 3500 < (entry.expires_at - datetime.now(UTC)).total_seconds() <= 3600


async def test_a_model_that_is_loading_is_listed_but_not_loaded(start, client):
    gate = Gate(8.0)
    sim = await start(SimulatedOllama(load_s=8.0, sleep=gate))
    asking = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: sim.loads.started == 1)
    listed = json.loads((await client.get(sim, "/api/ps")).body)["models"]

    assert ([entry["name"] for entry in listed], sim.loaded, sim.loading) == ([LLAMA], set(), {LLAMA})

    gate.open()

    assert (await asking).status == 200
    assert sim.loaded == {LLAMA}


async def test_a_client_that_leaves_during_the_load_aborts_it(start, client):
    gate = Gate(8.0)
    sim = await start(SimulatedOllama(load_s=8.0, sleep=gate))
    asking = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: sim.loads.started == 1)
    asking.cancel()
    await sim.until(lambda: sim.loads.aborted == 1)

    assert (sim.cancelled, sim.loaded, sim.loading) == (1, set(), set())


async def test_a_client_that_leaves_frees_its_slot_for_the_next(start, client):
    sim = await start(SimulatedOllama(slots=1, instant=True))
    sim.fault(Fault("stall", after_tokens=2))
    first = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: bool(sim.requests) and sim.requests[0].tokens_sent == 2)
    second = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: sim.in_flight == 2)

    assert sim.requests[1].tokens_sent == 0

    first.cancel()

    assert (await second).status == 200
    assert (sim.cancelled, sim.in_flight) == (1, 0)


async def test_another_num_ctx_reloads(desk, ollama_sdk):
    for num_ctx in (8192, 8192, 4096, None):
        await ollama_sdk.chat(LLAMA, HELLO, options={"num_ctx": num_ctx} if num_ctx else {})

    assert (desk.loads.started, desk.loads.reloads) == (2, 1)


async def test_too_many_cold_models_at_once_are_turned_away(start, client):
    gate = Gate(8.0)
    sim = await start(SimulatedOllama(load_s=8.0, max_queue=1, sleep=gate))
    asking = asyncio.create_task(client.ask(sim, model=LLAMA))
    await sim.until(lambda: sim.loads.started == 1)
    seen = await client.ask(sim, model=QWEN)

    assert (seen.status, b"server busy" in seen.body) == (503, True)
    asking.cancel()


async def test_a_machine_that_was_off_has_nothing_in_memory(desk, ollama_sdk):
    await ollama_sdk.chat(LLAMA, HELLO)
    await desk.stop()
    await desk.start()

    assert desk.loaded == set()


async def test_its_models_are_listed(ollama_sdk):
    models = (await ollama_sdk.list()).models

    assert [model.model for model in models] == [LLAMA, QWEN]
    assert len(models[0].digest) == 64


async def test_show_tells_abilities_and_context(ollama_sdk):
    shown = await ollama_sdk.show(QWEN)

    assert shown.capabilities == ["completion", "tools", "thinking"]
    assert shown.modelinfo["qwen3.context_length"] == 32_768
    assert ".Messages" in shown.template


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/", 200, b"Ollama is running"),
        ("HEAD", "/", 200, b""),
        ("GET", "/api/version", 200, b'{"version":"0.33.0"}'),
        ("HEAD", "/api/tags", 200, b""),
        ("HEAD", "/api/ps", 405, b""),
        ("GET", "/api/chat", 405, b"405 method not allowed"),
        ("GET", "/api/nothing", 404, b"404 page not found"),
    ],
)
async def test_paths_and_methods(desk, client, method, path, status, body):
    async with client.http.request(method, desk.url + path) as answer:
        assert (answer.status, await answer.read()) == (status, body)


async def test_an_empty_body_is_told(desk, client):
    seen = await client.post(desk, "/api/chat", None, data=b"")

    assert (seen.status, seen.body) == (400, b'{"error":"missing request body"}')


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_of_go_is_read(hours, minutes, seconds):
    assert keep_alive_s(f"{hours}h{minutes}m{seconds}s", 0) == hours * 3600 + minutes * 60 + seconds


@given(st.text(alphabet="0123456789.- x", max_size=9))
def test_a_duration_without_a_unit_is_refused(text):
    with pytest.raises(Refused) as no:
        keep_alive_s(text, 0)

    assert no.value.status == 400


@given(st.integers(0, 4_000_000_000_000_000_000))
def test_a_stamp_can_be_read_back(wall_ns):
    read = datetime.fromisoformat(stamp(wall_ns))

    assert int(read.timestamp()) == wall_ns // 1_000_000_000
