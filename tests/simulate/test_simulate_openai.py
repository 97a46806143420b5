"""A simulated cloud, asked by the official client and byte by byte."""

import asyncio
import json

import openai
import pytest
from simulate_client import KEY, Clock

from cortex.simulate import Fault, Quota, SimulatedOpenAI

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
USE_TOOL = [{"role": "user", "content": "get_weather please"}]
SMALL, LARGE = "sim-small", "sim-large"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


@pytest.fixture
def chat(openai_sdk):
    return openai_sdk.chat.completions.create


def chunks_of(body):
    events = [event.removeprefix(b"data: ") for event in body.split(b"\n\n") if event]
    return [json.loads(event) for event in events if event != b"[DONE]"]


async def test_a_whole_answer_has_text_and_usage(chat):
    answer = await chat(model=SMALL, messages=HELLO)

    assert "You said: Hello" in answer.choices[0].message.content
    assert (answer.choices[0].finish_reason, answer.model, answer.object) == ("stop", SMALL, "chat.completion")
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (5, 32, 37)


async def test_a_stream_puts_together_the_same_answer(chat):
    whole = await chat(model=SMALL, messages=HELLO)
    chunks = [chunk async for chunk in await chat(model=SMALL, messages=HELLO, stream=True)]

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 33 + ["stop"]
    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1


async def test_a_stream_is_sse_that_opens_with_the_role_and_ends_with_done(cloud, client):
    seen = await client.ask(cloud)
    first, *_, last = chunks_of(seen.body)

    assert seen.headers["Content-Type"] == "text/event-stream"
    assert seen.body.endswith(b"\n\ndata: [DONE]\n\n")
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert last["choices"][0]["delta"] == {}


async def test_the_usage_chunk_comes_only_when_it_was_asked_for(cloud, client):
    without = chunks_of((await client.ask(cloud)).body)
    chunks = chunks_of((await client.ask(cloud, stream_options={"include_usage": True})).body)

    assert not any("usage" in chunk for chunk in without)
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 34
    assert (chunks[-1]["choices"], chunks[-1]["usage"]["completion_tokens"]) == ([], 32)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_max_tokens_ends_the_answer_for_its_length(chat, name):
    answer = await chat(model=SMALL, messages=HELLO, **{name: 3})

    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("[simulated by cloud]", "length")
    assert answer.usage.completion_tokens == 3


@pytest.mark.parametrize("stop", ["You said", ["nothing", "You said"]])
async def test_stop_ends_the_answer(chat, stop):
    answer = await chat(model=SMALL, messages=HELLO, stop=stop)

    assert (answer.choices[0].finish_reason, "You said" in answer.choices[0].message.content) == ("stop", False)


async def test_json_mode_and_schema_are_kept(chat):
    schema = {"name": "weather", "schema": WEATHER["function"]["parameters"]}
    loose = await chat(model=SMALL, messages=HELLO, response_format={"type": "json_object"})
    bound = await chat(model=SMALL, messages=HELLO, response_format={"type": "json_schema", "json_schema": schema})

    assert "Hello" in json.loads(loose.choices[0].message.content)["answer"]
    assert list(json.loads(bound.choices[0].message.content)) == ["city"]


async def test_a_tool_is_called_with_arguments_in_a_string(chat):
    answer = await chat(model=SMALL, messages=USE_TOOL, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls

    assert (call.function.name, list(json.loads(call.function.arguments))) == ("get_weather", ["city"])
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (None, "tool_calls")


async def test_the_arguments_of_a_tool_are_streamed_in_fragments(openai_sdk):
    async with openai_sdk.chat.completions.stream(model=SMALL, messages=USE_TOOL, tools=[WEATHER]) as stream:
        deltas = [event async for event in stream if event.type == "tool_calls.function.arguments.delta"]
        final = await stream.get_final_completion()
    (call,) = final.choices[0].message.tool_calls

    assert len(deltas) > 2
    assert (call.function.name, list(json.loads(call.function.arguments))) == ("get_weather", ["city"])


async def test_the_name_and_id_of_a_tool_come_once(cloud, client):
    seen = await client.ask(cloud, text="use tool", tools=[WEATHER])
    fragments = [
        chunk["choices"][0]["delta"]["tool_calls"][0]
        for chunk in chunks_of(seen.body)
        if "tool_calls" in chunk["choices"][0]["delta"]
    ]

    assert [("id" in one, "name" in one["function"]) for one in fragments] == [
        (number == 0, number == 0) for number in range(len(fragments))
    ]
    assert {one["index"] for one in fragments} == {0}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
async def test_a_forced_tool_is_called(chat, choice):
    answer = await chat(model=SMALL, messages=HELLO, tools=[WEATHER], tool_choice=choice)

    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


async def test_tool_choice_none_calls_nothing(chat):
    answer = await chat(model=SMALL, messages=USE_TOOL, tools=[WEATHER], tool_choice="none")

    assert answer.choices[0].finish_reason == "stop"


async def test_the_result_of_a_tool_is_answered_with_text(chat):
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    turns = [
        *USE_TOOL,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "17 degrees"},
    ]
    answer = await chat(model=SMALL, messages=turns, tools=[WEATHER])

    assert "The tool says: 17 degrees" in answer.choices[0].message.content


async def test_reasoning_comes_first_and_is_counted(cloud, client):
    seen = await client.ask(
        cloud, model=LARGE, reasoning_effort="high", stream_options={"include_usage": True}, text="Hello"
    )
    *chunks, usage = chunks_of(seen.body)
    kinds = [
        next(iter(chunk["choices"][0]["delta"]), "") for chunk in chunks if chunk["choices"][0]["finish_reason"] is None
    ]

    assert kinds[0] == "role"
    assert kinds[1:] == sorted(kinds[1:], reverse=True)
    assert usage["usage"]["completion_tokens_details"]["reasoning_tokens"] == kinds.count("reasoning_content") > 0


async def test_a_model_that_cannot_think_ignores_the_effort(chat):
    answer = await chat(model=SMALL, messages=HELLO, reasoning_effort="high")

    assert answer.usage.completion_tokens_details.reasoning_tokens == 0


async def test_images_are_counted_by_a_model_that_sees(chat):
    parts = [{"type": "text", "text": "What?"}, IMAGE, IMAGE]
    answer = await chat(model=LARGE, messages=[{"role": "user", "content": parts}])

    assert "I see 2 images." in answer.choices[0].message.content


async def test_logprobs_come_with_each_token(chat):
    answer = await chat(model=SMALL, messages=HELLO, logprobs=True, top_logprobs=2, max_tokens=3)
    tokens = answer.choices[0].logprobs.content

    assert [token.token for token in tokens] == ["[simulated", " by", " cloud]"]
    assert all(len(token.top_logprobs) == 2 for token in tokens)


async def test_several_choices_are_interleaved_and_differ(chat):
    whole = await chat(model=SMALL, messages=HELLO, n=2)
    said = {0: "", 1: ""}
    order = []
    async for chunk in await chat(model=SMALL, messages=HELLO, n=2, stream=True):
        choice = chunk.choices[0]
        said[choice.index] += choice.delta.content or ""
        order.append(choice.index)

    assert [choice.message.content for choice in whole.choices] == list(said.values())
    assert said[0] != said[1]
    assert order[:6] == [0, 1] * 3


async def test_an_answer_that_was_begun_is_continued(chat):
    whole = (await chat(model=SMALL, messages=HELLO)).choices[0].message.content
    begun = [*HELLO, {"role": "assistant", "content": whole[:20]}]
    rest = (await chat(model=SMALL, messages=begun)).choices[0].message.content

    assert whole[:20] + rest == whole


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": SMALL, "messages": []}, "Invalid 'messages'"),
        ({"model": SMALL}, "messages"),
        ({"model": SMALL, "messages": HELLO, "stream_options": {"include_usage": True}}, "stream_options"),
        ({"model": SMALL, "messages": HELLO, "max_tokens": "many"}, "max_tokens"),
        ({"model": SMALL, "messages": [{"role": "user", "content": [IMAGE]}]}, "image_url is only supported"),
    ],
)
async def test_a_wrong_request_is_a_400_with_all_four_keys(cloud, client, body, words):
    seen = await client.post(cloud, "/v1/chat/completions", body)
    error = json.loads(seen.body)["error"]

    assert (seen.status, error["type"], set(error)) == (
        400,
        "invalid_request_error",
        {"message", "type", "param", "code"},
    )
    assert words in error["message"]


async def test_tools_for_a_model_without_them_are_a_400(start, client):
    sim = await start(SimulatedOpenAI(models=["bare"], instant=True))
    sim._by_name["bare"] = sim.models[0].__class__("bare", ("completion",))
    seen = await client.ask(sim, tools=[WEATHER])

    assert (seen.status, json.loads(seen.body)["error"]["param"]) == (400, "tools")


async def test_broken_json_is_a_400(cloud, client):
    seen = await client.post(cloud, "/v1/chat/completions", None, data=b'{"model":')

    assert (seen.status, b"could not parse" in seen.body) == (400, True)


async def test_an_unknown_model_is_a_not_found_error(chat):
    with pytest.raises(openai.NotFoundError) as error:
        await chat(model="nobody", messages=HELLO)

    assert error.value.code == "model_not_found"


@pytest.mark.parametrize("key", ["sk-wrong", ""])
async def test_a_wrong_or_missing_key_is_an_authentication_error(cloud, client, key):
    async with openai.AsyncOpenAI(base_url=cloud.url, api_key="sk-wrong", max_retries=0) as sdk:
        with pytest.raises(openai.AuthenticationError) as error:
            await sdk.chat.completions.create(
                model=SMALL, messages=HELLO, extra_headers={"Authorization": f"Bearer {key}" if key else openai.Omit()}
            )

    assert error.value.status_code == 401
    assert "sk-wrong" not in str(error.value.body)


async def test_without_a_key_of_its_own_it_asks_for_none(start, client):
    sim = await start(SimulatedOpenAI(instant=True))

    assert (await client.ask(sim)).status == 200


async def test_a_spent_quota_is_a_rate_limit_error_until_it_refills(start):
    clock = Clock()
    sim = await start(SimulatedOpenAI(quota=Quota(requests_per_minute=2), clock=clock, instant=True))
    async with openai.AsyncOpenAI(base_url=sim.url, api_key=KEY, max_retries=0) as sdk:
        for _ in range(2):
            await sdk.chat.completions.create(model=SMALL, messages=HELLO)
        clock.now += 15
        with pytest.raises(openai.RateLimitError, match=r"requests per min \(RPM\): Limit 2, Used 2") as error:
            await sdk.chat.completions.create(model=SMALL, messages=HELLO)
        clock.now += 45
        again = await sdk.chat.completions.create(model=SMALL, messages=HELLO)
    headers = error.value.response.headers

    assert (headers["retry-after"], headers["x-ratelimit-remaining-requests"]) == ("45", "0")
    assert "Please try again in 45s." in error.value.message
    assert again.choices[0].finish_reason == "stop"


async def test_a_spent_day_is_told_as_a_day(start, client):
    sim = await start(SimulatedOpenAI(quota=Quota(requests_per_day=1), clock=Clock(), instant=True))
    await client.ask(sim)
    seen = await client.ask(sim)

    assert (seen.status, seen.headers["Retry-After"]) == (429, "86400")
    assert b"requests per day (RPD)" in seen.body


async def test_a_refused_request_costs_no_quota(start, client):
    sim = await start(SimulatedOpenAI(quota=Quota(requests_per_minute=1), instant=True))
    sim.fault(Fault("busy"))

    assert [(await client.ask(sim)).status for _ in range(3)] == [503, 200, 429]


async def test_every_answer_tells_what_is_left(start, client):
    sim = await start(SimulatedOpenAI(quota=Quota(requests_per_minute=5), clock=Clock(), instant=True))
    left = [
        (await client.ask(sim, stream=stream)).headers["x-ratelimit-remaining-requests"] for stream in (True, False)
    ]

    assert left == ["4", "3"]


async def test_beyond_its_slots_requests_wait(start, client):
    sim = await start(SimulatedOpenAI(slots=1, instant=True))
    sim.fault(Fault("stall", after_tokens=1))
    first = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: bool(sim.requests) and sim.requests[0].tokens_sent == 1)
    second = asyncio.create_task(client.ask(sim))
    await sim.until(lambda: sim.in_flight == 2)

    assert sim.requests[1].tokens_sent == 0

    first.cancel()

    assert (await second).status == 200


async def test_an_error_in_a_stream_is_raised_by_the_client(cloud, chat):
    cloud.fault(Fault("error_in_stream", after_tokens=2, body="engine died"))
    with pytest.raises(openai.APIError, match="engine died"):
        async for _ in await chat(model=SMALL, messages=HELLO, stream=True):
            pass


async def test_a_cut_stream_is_a_connection_error_of_the_client(cloud, chat):
    cloud.fault(Fault("cut", after_tokens=2))
    with pytest.raises(openai.APIConnectionError):
        async for _ in await chat(model=SMALL, messages=HELLO, stream=True):
            pass


async def test_an_overloaded_cloud_is_an_internal_server_error(cloud, chat):
    cloud.fault(Fault("busy"))
    with pytest.raises(openai.InternalServerError) as error:
        await chat(model=SMALL, messages=HELLO)

    assert error.value.status_code == 503


async def test_its_models_are_listed_and_found(openai_sdk):
    listed = [model.id async for model in openai_sdk.models.list()]

    assert listed == [SMALL, LARGE]
    assert (await openai_sdk.models.retrieve(SMALL)).id == SMALL
    with pytest.raises(openai.NotFoundError):
        await openai_sdk.models.retrieve("org/nobody:x")


async def test_a_name_with_a_slash_is_found(start):
    sim = await start(SimulatedOpenAI(models=["org/m:x"], instant=True))
    async with openai.AsyncOpenAI(base_url=sim.url, api_key=KEY) as sdk:
        assert (await sdk.models.retrieve("org/m:x")).id == "org/m:x"


async def test_another_path_is_not_found(cloud, client):
    assert (await client.get(cloud, "/v1/nothing")).status == 404
