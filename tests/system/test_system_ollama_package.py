"""The official `ollama` package as a client of the whole, in front of each kind of upstream."""

import json

import ollama
import pytest
from house import until, worker
from upstream_kinds import PARIS, PICTURE, ROME, SCHEMA, Upstream, tool

from cortex.simulate import SimulatedOllama
from cortex.simulate.fault import Fault
from cortex.simulate.model import SimulatedModel


@pytest.fixture(params=["ollama", "openai"])
def upstream(request, desk, cloud):
    return Upstream(desk, "qwen3:4b") if request.param == "ollama" else Upstream(cloud, "cloud-70b")


@pytest.fixture
async def home(build, desk, cloud):
    return await build(worker(desk), worker(cloud), '[routing]\ndeadline = "5s"\n')


@pytest.fixture
async def client(home):
    async with ollama.AsyncClient(host=home.url) as client:
        yield client


def said(text, **more):
    return [{"role": "user", "content": text, **more}]


async def parts_of(stream):
    return [part async for part in stream]


async def gather(stream, into):
    """Take all of a stream into a list, which keeps what came before an error."""
    async for part in stream:
        into.append(part)


async def ask(client, model, *, stream):
    """Ask, and wait for the end."""
    answer = await client.chat(model, said("Hello"), stream=stream)
    return await parts_of(answer) if stream else [answer]


def text_of(parts):
    return "".join(part.message.content or "" for part in parts)


# Text, counts, why it ended


async def test_a_whole_chat_is_read(client, upstream):
    answer = await client.chat(upstream.model, said("Hello"))

    assert "You said: Hello" in answer.message.content
    assert (answer.model, answer.done, answer.done_reason, answer.message.role) == (
        upstream.model,
        True,
        "stop",
        "assistant",
    )
    assert answer.eval_count > 0
    assert answer.prompt_eval_count > 0
    assert answer.total_duration >= 0


async def test_a_streamed_chat_gives_the_same_text_as_a_whole_one(client, upstream):
    whole = await client.chat(upstream.model, said("Hello"), think=False)
    *parts, last = await parts_of(await client.chat(upstream.model, said("Hello"), think=False, stream=True))

    assert text_of([*parts, last]) == whole.message.content
    assert not any(part.done for part in parts)
    assert (last.done, last.done_reason) == (True, "stop")
    assert (last.eval_count, last.prompt_eval_count) == (whole.eval_count, whole.prompt_eval_count)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_generate_is_answered_by_either_kind(client, upstream, stream):
    answer = await client.generate(upstream.model, "Hello", system="Be brief", think=False, stream=stream)
    parts = await parts_of(answer) if stream else [answer]

    assert "You said: Hello" in "".join(part.response for part in parts)
    assert parts[-1].done_reason == "stop"
    assert "Be brief" in str(upstream.sent())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_answer_that_reaches_its_bound_says_so(client, upstream, stream):
    answer = await client.chat(upstream.model, said("Hello"), think=False, options={"num_predict": 3}, stream=stream)
    last = (await parts_of(answer))[-1] if stream else answer

    assert (last.done_reason, last.eval_count) == ("length", 3)


# Tools


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_tool_call_comes_whole_and_its_result_is_answered(client, upstream, stream):
    asked = said("Use tool weather")
    answer = await client.chat(upstream.model, asked, tools=[tool()], think=False, stream=stream)
    messages = [part.message for part in await parts_of(answer)] if stream else [answer.message]
    message = next(message for message in messages if message.tool_calls)
    (call,) = message.tool_calls
    result = {"role": "tool", "tool_name": call.function.name, "content": "It rains"}
    final = await client.chat(upstream.model, [*asked, message, result], tools=[tool()])

    assert (call.function.name, set(call.function.arguments)) == ("weather", {"city"})
    assert "The tool says: It rains" in final.message.content
    sent_call, sent_result = upstream.sent()["messages"][-2]["tool_calls"][0], upstream.sent()["messages"][-1]
    if not upstream.is_ollama:
        assert sent_result["tool_call_id"] == sent_call["id"]
        assert json.loads(sent_call["function"]["arguments"]) == call.function.arguments


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_several_calls_in_one_answer_keep_their_order(client, upstream, stream):
    upstream.calls_two(stream=stream)
    answer = await client.chat(upstream.model, said("Both"), tools=[tool()], stream=stream)
    parts = await parts_of(answer) if stream else [answer]
    calls = [call for part in parts for call in part.message.tool_calls or ()]

    assert [call.function.arguments for call in calls] == [PARIS, ROME]
    assert parts[-1].eval_count == 12


async def test_a_function_of_python_is_a_tool(client, upstream):
    def weather(city: str) -> str:
        """Tell the weather.

        Args:
            city: where
        """

    answer = await client.chat(upstream.model, said("Use tool weather"), tools=[weather])

    assert answer.message.tool_calls[0].function.name == "weather"
    assert upstream.sent()["tools"][0]["function"]["parameters"]["required"] == ["city"]


# Images, forms, thinking


async def test_an_image_reaches_a_model_that_sees(client, upstream):
    answer = await client.chat(upstream.model, said("What is it?", images=[PICTURE]))

    assert "I see 1 image." in answer.message.content
    assert PICTURE in str(upstream.sent()["messages"])


async def test_an_image_in_a_generate_reaches_a_model_that_sees(client, upstream):
    answer = await client.generate(upstream.model, "What is it?", images=[PICTURE])

    assert "I see 1 image." in answer.response


async def test_json_mode_gives_json(client, upstream):
    answer = await client.chat(upstream.model, said("In JSON"), format="json", think=False)

    assert "In JSON" in json.loads(answer.message.content)["answer"]


@pytest.mark.parametrize("operation", ["chat", "generate"])
async def test_an_answer_is_bound_to_a_schema(client, upstream, operation):
    if operation == "chat":
        text = (await client.chat(upstream.model, said("Who?"), format=SCHEMA, think=False)).message.content
    else:
        text = (await client.generate(upstream.model, "Who?", format=SCHEMA, think=False)).response
    sent = upstream.sent()

    assert set(json.loads(text)) == {"name", "age"}
    assert (sent["format"] if upstream.is_ollama else sent["response_format"]["json_schema"]["schema"]) == SCHEMA


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_what_a_model_thinks_comes_apart_from_what_it_says(client, upstream, stream):
    answer = await client.chat(upstream.model, said("Hello"), think="low", stream=stream)
    parts = await parts_of(answer) if stream else [answer]

    assert "".join(part.message.thinking or "" for part in parts).startswith("The user wants")
    assert "The user wants" not in text_of(parts)
    assert "You said: Hello" in text_of(parts)


async def test_what_a_model_thinks_in_a_generate_comes_apart_from_what_it_says(client, upstream):
    answer = await client.generate(upstream.model, "Hello", think="low")

    assert answer.thinking.startswith("The user wants")
    assert "You said: Hello" in answer.response


@pytest.mark.parametrize(("think", "effort"), [(False, "none"), ("high", "high"), ("max", "max")])
async def test_how_much_to_think_reaches_the_upstream_in_its_own_words(client, upstream, think, effort):
    await client.chat(upstream.model, said("Hello"), think=think)
    sent = upstream.sent()

    assert (sent["think"] if upstream.is_ollama else sent["reasoning_effort"]) == (
        think if upstream.is_ollama else effort
    )


# Options

OPTIONS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.05,
    "seed": 7,
    "presence_penalty": 0.25,
    "frequency_penalty": -0.5,
    "repeat_penalty": 1.1,
    "stop": ["END"],
    "typical_p": 0.7,
}


async def test_options_of_sampling_reach_the_upstream_under_its_own_names(client, upstream):
    await client.chat(upstream.model, said("Hello"), options={**OPTIONS, "num_predict": 50})
    expected = {**OPTIONS, "num_predict" if upstream.is_ollama else "max_tokens": 50}

    assert {name: upstream.options().get(name) for name in expected} == expected


async def test_a_workers_context_size_wins_over_a_clients(build, desk):
    home = await build(worker(desk, num_ctx=8192))
    async with ollama.AsyncClient(host=home.url) as client:
        await client.chat("qwen3:4b", said("Hello"), options={"num_ctx": 2048, "seed": 7})

    assert Upstream(desk, "").options() == {"num_ctx": 8192, "seed": 7}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_logprobs_come_token_by_token(client, upstream, stream):
    answer = await client.chat(upstream.model, said("Hello"), think=False, logprobs=True, top_logprobs=2, stream=stream)
    parts = await parts_of(answer) if stream else [answer]
    tokens = [token for part in parts for token in part.logprobs or ()]

    assert "".join(token.token for token in tokens) == text_of(parts)
    assert all(len(token.top_logprobs) == 2 for token in tokens)


# What only an Ollama can


async def test_a_bare_prompt_goes_to_an_ollama_as_it_is(client, desk):
    answer = await client.generate("qwen3:4b", "<|im_start|>user\nHello<|im_end|>\n", raw=True, think=False)

    assert "You said: Hello" in answer.response
    assert Upstream(desk, "").sent()["raw"] is True


async def test_the_middle_is_filled_by_an_ollama(build, start):
    coder = SimulatedModel("coder:1b", ("completion", "insert"))
    desk = await start(SimulatedOllama(name="desk", models=(coder,), instant=True))
    home = await build(worker(desk))
    async with ollama.AsyncClient(host=home.url) as client:
        answer = await client.generate("coder:1b", "def f(", suffix="return 1")

    assert answer.done
    assert Upstream(desk, "").sent()["suffix"] == "return 1"


@pytest.mark.parametrize("bare", [{"raw": True}, {"suffix": "x"}, {"template": "{{ .Prompt }}"}, {"context": [1, 2]}])
async def test_what_only_an_ollama_can_is_refused_where_no_ollama_has_the_model(client, cloud, bare):
    with pytest.raises(ollama.ResponseError, match="raw_prompt") as caught:
        await client.generate("cloud-70b", "Hello", **bare)

    assert caught.value.status_code == 400
    assert not any(received.path in cloud.generating for received in cloud.requests)


async def test_an_empty_chat_loads_the_model(client, desk):
    answer = await client.chat("qwen3:4b", keep_alive="10m")

    assert (answer.done, answer.done_reason, answer.message.content) == (True, "load", "")
    assert desk.loaded == {"qwen3:4b"}
    assert Upstream(desk, "").sent()["keep_alive"] == "10m"


async def test_an_empty_generate_loads_the_model(client, desk):
    assert (await client.generate("qwen3:4b")).done_reason == "load"
    assert desk.loaded == {"qwen3:4b"}


async def test_a_model_that_is_nobodys_to_load_is_said_to_be_there(client):
    assert (await client.generate("cloud-70b")).done_reason == "load"


async def test_a_model_that_nobody_has_cannot_be_loaded(client):
    with pytest.raises(ollama.ResponseError, match="not found") as caught:
        await client.generate("nobody")

    assert caught.value.status_code == 404


@pytest.mark.parametrize("keep_alive", [0, "0s"])
async def test_a_client_does_not_unload_what_others_use(client, desk, keep_alive):
    await client.generate("qwen3:4b")
    answer = await client.generate("qwen3:4b", keep_alive=keep_alive)
    await client.chat("qwen3:4b", said("Hello"), keep_alive=keep_alive)

    assert answer.done_reason == "unload"
    assert desk.loaded == {"qwen3:4b"}


# Models


async def test_all_models_are_listed_with_what_they_can_do(client):
    listed = {model.model: model for model in (await client.list()).models}

    assert {"llama3.2:3b", "qwen3:4b", "cloud-70b", "auto"} <= set(listed)
    assert listed["qwen3:4b"].details.family == "qwen3"
    assert listed["qwen3:4b"].size > 0
    assert len(listed["cloud-70b"].digest) == 64


async def test_what_is_in_memory_is_listed(client, desk, home):
    assert not (await client.ps()).models
    await client.generate("qwen3:4b")
    await until(lambda: home.standing("desk").models["qwen3:4b"].vram_bytes)
    (running,) = (await client.ps()).models

    assert (running.model, running.context_length) == ("qwen3:4b", 4096)
    assert running.size_vram > 0


@pytest.mark.parametrize("name", ["qwen3:4b", "QWEN3:4B", "desk:qwen3:4b", "cloud-70b", "auto"])
async def test_every_name_that_can_be_asked_can_be_shown(client, name):
    shown = await client.show(name)

    assert "completion" in shown.capabilities
    assert any(key.endswith(".context_length") for key in shown.modelinfo)


async def test_what_is_unknown_cannot_be_shown(client):
    with pytest.raises(ollama.ResponseError, match="not found") as caught:
        await client.show("nobody")

    assert caught.value.status_code == 404


async def test_the_version_is_one_that_clients_take_for_able(home):
    version = (await home.get("/api/version")).json["version"]

    assert tuple(map(int, version.split("."))) >= (0, 6, 0)


async def test_managing_models_is_refused_with_where_to_do_it(client):
    with pytest.raises(ollama.ResponseError, match="manages no models") as caught:
        await client.pull("qwen3:4b")

    assert caught.value.status_code == 501


# Errors


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_a_model_that_nobody_has_is_not_found(client, stream):
    with pytest.raises(ollama.ResponseError, match="model 'nobody' not found") as caught:
        await ask(client, "nobody", stream=stream)

    assert caught.value.status_code == 404


async def test_a_wrong_option_is_a_bad_request_that_names_it(client, home):
    body = {"model": "qwen3:4b", "messages": said("Hello"), "options": {"temperature": "hot"}}
    seen = await home.post("/api/chat", body)

    assert seen.status == 400
    assert "options.temperature" in seen.json["error"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_when_nobody_can_answer_it_is_a_503(client, upstream, stream):
    upstream.sim.always(Fault("error_status", status=500))

    with pytest.raises(ollama.ResponseError, match="no worker can answer now") as caught:
        await ask(client, upstream.model, stream=stream)

    assert caught.value.status_code == 503


async def test_a_spent_quota_is_a_429(client, cloud):
    cloud.always(Fault("rate_limited", retry_after=120))

    with pytest.raises(ollama.ResponseError) as caught:
        await client.chat("cloud-70b", said("Hello"))

    assert caught.value.status_code == 429


async def test_thinking_of_a_model_that_cannot_is_refused_in_its_upstreams_words(client):
    with pytest.raises(ollama.ResponseError, match="does not support thinking") as caught:
        await client.chat("llama3.2:3b", said("Hello"), think=True)

    assert caught.value.status_code == 400


async def test_a_stream_that_breaks_raises_after_the_text_it_gave(client, upstream):
    upstream.sim.fault(Fault("cut", after_tokens=6))
    stream = await client.chat(upstream.model, said("Hello"), think=False, stream=True)
    parts = []
    with pytest.raises(ollama.ResponseError, match="broke off"):
        await gather(stream, parts)

    assert text_of(parts).startswith("[simulated by")
