"""The official `openai` package as a client of the whole, in front of each kind of upstream."""

import json

import openai
import pytest
from house import worker
from pydantic import BaseModel
from upstream_kinds import PARIS, PICTURE, ROME, SCHEMA, Upstream, tool

from cortex.simulate import SimulatedOpenAI
from cortex.simulate.fault import Fault
from cortex.simulate.model import SimulatedModel


class Person(BaseModel):
    """What an answer is bound to."""

    name: str
    age: int


@pytest.fixture(params=["ollama", "openai"])
def upstream(request, desk, cloud):
    return Upstream(desk, "qwen3:4b") if request.param == "ollama" else Upstream(cloud, "cloud-70b")


@pytest.fixture
async def home(build, desk, cloud):
    return await build(worker(desk), worker(cloud), '[routing]\ndeadline = "5s"\n')


@pytest.fixture
async def client(home):
    async with openai.AsyncOpenAI(base_url=f"{home.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def said(text):
    return [{"role": "user", "content": text}]


async def chunks_of(stream):
    return [chunk async for chunk in stream]


async def gather(stream, into):
    """Take all of a stream into a list, which keeps what came before an error."""
    async for chunk in stream:
        into.append(chunk)


def text_of(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


# Text, usage, why it ended


async def test_a_whole_answer_is_read(client, upstream):
    answer = await client.chat.completions.create(model=upstream.model, messages=said("Hello"))

    assert "You said: Hello" in answer.choices[0].message.content
    assert (answer.object, answer.model, answer.choices[0].finish_reason) == ("chat.completion", upstream.model, "stop")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


async def test_a_stream_gives_the_same_text_as_a_whole_answer(client, upstream):
    whole = await client.chat.completions.create(model=upstream.model, messages=said("Hello"), reasoning_effort="none")
    chunks = await chunks_of(
        await client.chat.completions.create(
            model=upstream.model, messages=said("Hello"), reasoning_effort="none", stream=True
        )
    )

    assert text_of(chunks) == whole.choices[0].message.content
    assert [choice.finish_reason for choice in chunks[-1].choices] == ["stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert [chunk.choices[0].delta.role for chunk in chunks if chunk.choices[0].delta.role] == ["assistant"]


async def test_usage_comes_as_the_last_chunk_when_it_is_asked_for(client, upstream):
    stream = await client.chat.completions.create(
        model=upstream.model, messages=said("Hello"), stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = await chunks_of(stream)

    assert last.choices == []
    assert last.usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks)


async def test_usage_does_not_come_when_it_is_not_asked_for(client, upstream, home):
    stream = await client.chat.completions.create(model=upstream.model, messages=said("Hello"), stream=True)
    chunks = await chunks_of(stream)

    assert all(chunk.usage is None and chunk.choices for chunk in chunks)
    assert home.daemon.journal.latest(1)[0].usage.output_tokens > 0


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_an_answer_that_reaches_its_bound_says_so(client, upstream, field):
    answer = await client.chat.completions.create(
        model=upstream.model, messages=said("Hello"), reasoning_effort="none", **{field: 3}
    )

    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3


async def test_an_answer_ends_before_a_stop_word(client, upstream):
    answer = await client.chat.completions.create(model=upstream.model, messages=said("Hello"), stop=["said"])

    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content.endswith("You ")


async def test_instructions_and_the_turns_before_reach_the_upstream_in_order(client, upstream):
    messages = [
        {"role": "developer", "content": "Be brief"},
        {"role": "user", "content": [{"type": "text", "text": "One"}, {"type": "text", "text": "Two"}]},
        {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": "Three"},
    ]
    await client.chat.completions.create(model=upstream.model, messages=messages)

    sent = upstream.sent()["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "user"]
    assert "One" in str(sent[1]["content"])
    assert "Two" in str(sent[1]["content"])


# Tools


async def test_a_tool_call_comes_whole_and_its_result_is_answered(client, upstream):
    asked = said("Use tool weather for Paris")
    answer = await client.chat.completions.create(model=upstream.model, messages=asked, tools=[tool()])
    message = answer.choices[0].message
    (call,) = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "It rains"}
    final = await client.chat.completions.create(
        model=upstream.model, messages=[*asked, message, result], tools=[tool()]
    )

    assert answer.choices[0].finish_reason == "tool_calls"
    assert (message.content, call.type, call.function.name) == (None, "function", "weather")
    assert set(json.loads(call.function.arguments)) == {"city"}
    assert "The tool says: It rains" in final.choices[0].message.content


async def test_a_tools_definition_and_its_result_reach_the_upstream_in_its_own_words(client, upstream):
    called = {
        "id": "call_12345678",
        "type": "function",
        "function": {"name": "weather", "arguments": json.dumps(PARIS)},
    }
    messages = [
        *said("Weather?"),
        {"role": "assistant", "content": None, "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "call_12345678", "content": "It rains"},
    ]
    await client.chat.completions.create(model=upstream.model, messages=messages, tools=[tool()])
    _, assistant, result = upstream.sent()["messages"]

    assert upstream.sent()["tools"] == [tool()]
    assert result["tool_call_id"] == assistant["tool_calls"][0]["id"] == "call_12345678"
    if upstream.is_ollama:
        assert assistant["tool_calls"][0]["function"]["arguments"] == PARIS
        assert result["tool_name"] == "weather"
    else:
        assert assistant["tool_calls"][0]["function"]["arguments"] == json.dumps(PARIS)


async def test_several_calls_in_one_answer_keep_their_order(client, upstream):
    upstream.calls_two(stream=False)
    answer = await client.chat.completions.create(model=upstream.model, messages=said("Both"), tools=[tool()])
    calls = answer.choices[0].message.tool_calls

    assert [json.loads(call.function.arguments) for call in calls] == [PARIS, ROME]
    assert len({call.id for call in calls}) == 2
    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("count", [1, 2])
async def test_the_packages_accumulating_stream_takes_one_call_or_several(client, upstream, count):
    if count == 2:
        upstream.calls_two(stream=True)
    strict = tool()
    strict["function"] |= {"strict": True}
    stream = client.chat.completions.stream(
        model=upstream.model,
        messages=said("Use tool weather"),
        tools=[strict],
        stream_options={"include_usage": True},
    )
    async with stream as events:
        kinds = {event.type async for event in events}
        final = await events.get_final_completion()

    calls = final.choices[0].message.tool_calls
    assert "tool_calls.function.arguments.done" in kinds
    assert [call.function.name for call in calls] == ["weather"] * count
    assert all(set(call.function.parsed_arguments) == {"city"} for call in calls)
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.usage.total_tokens > 0


async def test_the_packages_accumulating_stream_takes_text(client, upstream):
    stream = client.chat.completions.stream(model=upstream.model, messages=said("Hello"), reasoning_effort="none")
    async with stream as events:
        final = await events.get_final_completion()

    assert "You said: Hello" in final.choices[0].message.content


async def test_a_tool_that_is_forced_is_called_by_a_worker_that_can_force_it(client, cloud):
    forced = {"type": "function", "function": {"name": "weather"}}
    answer = await client.chat.completions.create(
        model="cloud-70b", messages=said("Hi"), tools=[tool()], tool_choice=forced
    )

    assert answer.choices[0].message.tool_calls[0].function.name == "weather"


async def test_tools_that_must_not_be_called_are_not(client, upstream):
    answer = await client.chat.completions.create(
        model=upstream.model, messages=said("Use tool weather"), tools=[tool()], tool_choice="none"
    )

    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].finish_reason == "stop"


# Images, forms, reasoning

PICTURED = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}


async def test_an_image_reaches_a_model_that_sees(client, upstream):
    content = [{"type": "text", "text": "What is it?"}, PICTURED]
    answer = await client.chat.completions.create(model=upstream.model, messages=[{"role": "user", "content": content}])

    assert "I see 1 image." in answer.choices[0].message.content
    assert PICTURE in str(upstream.sent()["messages"])


async def test_an_image_for_a_model_that_sees_nothing_is_refused(client, desk):

    with pytest.raises(openai.BadRequestError, match="vision"):
        await client.chat.completions.create(model="llama3.2:3b", messages=[{"role": "user", "content": [PICTURED]}])


@pytest.mark.parametrize(
    "asked",
    [{"messages": [{"role": "user", "content": [PICTURED]}]}, {"messages": said("Hello"), "tools": [tool()]}],
    ids=["images", "tools"],
)
async def test_what_one_upstream_cannot_do_is_asked_of_the_next(build, desk, start, asked):
    plain = SimulatedModel("text-1", ("completion",))
    simple = await start(SimulatedOpenAI(name="simple", models=(plain,), instant=True))
    home = await build(worker(simple), worker(desk), '[models]\nany = ["simple:text-1", "desk:qwen3:4b"]\n')
    async with openai.AsyncOpenAI(base_url=f"{home.url}/v1", api_key="any", max_retries=0) as client:
        await client.chat.completions.create(model="any", **asked)

    assert [attempt.worker for attempt in home.daemon.journal.latest(1)[0].attempts] == ["simple", "desk"]


async def test_json_mode_gives_json(client, upstream):
    answer = await client.chat.completions.create(
        model=upstream.model, messages=said("In JSON, please"), response_format={"type": "json_object"}
    )

    assert "In JSON, please" in json.loads(answer.choices[0].message.content)["answer"]


async def test_parse_gives_the_model_that_the_answer_is_bound_to(client, upstream):
    answer = await client.chat.completions.parse(
        model=upstream.model, messages=said("Who?"), response_format=Person, reasoning_effort="none"
    )

    assert isinstance(answer.choices[0].message.parsed, Person)


async def test_the_packages_accumulating_stream_parses_what_is_bound(client, upstream):
    stream = client.chat.completions.stream(
        model=upstream.model, messages=said("Who?"), response_format=Person, reasoning_effort="none"
    )
    async with stream as events:
        final = await events.get_final_completion()

    assert isinstance(final.choices[0].message.parsed, Person)


async def test_a_schema_reaches_the_upstream_in_its_own_words(client, upstream):
    bound = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    stream = await client.chat.completions.create(
        model=upstream.model, messages=said("Who?"), response_format=bound, reasoning_effort="none", stream=True
    )
    text = text_of(await chunks_of(stream))

    assert Person.model_validate_json(text)
    sent = upstream.sent()
    assert (sent["format"] if upstream.is_ollama else sent["response_format"]["json_schema"]["schema"]) == SCHEMA


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_what_a_model_thinks_comes_apart_from_what_it_says(client, upstream, stream):
    answer = await client.chat.completions.create(
        model=upstream.model, messages=said("Hello"), reasoning_effort="low", stream=stream
    )
    messages = [c.choices[0].delta for c in await chunks_of(answer)] if stream else [answer.choices[0].message]
    thoughts = "".join(getattr(message, "reasoning_content", None) or "" for message in messages)
    text = "".join(message.content or "" for message in messages)

    assert thoughts.startswith("The user wants")
    assert "The user wants" not in text
    assert "You said: Hello" in text


async def test_what_a_model_thought_can_be_sent_back_to_it(client, upstream):
    before = {"role": "assistant", "content": "Yes", "reasoning_content": "It is so."}
    await client.chat.completions.create(
        model=upstream.model, messages=[*said("Is it?"), before, *said("Why?")], reasoning_effort="none"
    )
    sent = upstream.sent()["messages"][1]

    assert sent["thinking" if upstream.is_ollama else "reasoning_content"] == "It is so."


@pytest.mark.parametrize(("effort", "think"), [("low", "low"), ("none", False), ("xhigh", "max")])
async def test_the_effort_to_think_reaches_the_upstream_in_its_own_words(client, upstream, effort, think):
    await client.chat.completions.create(model=upstream.model, messages=said("Hello"), reasoning_effort=effort)
    sent = upstream.sent()

    assert (sent["think"] if upstream.is_ollama else sent["reasoning_effort"]) == (
        think if upstream.is_ollama else effort
    )


# Options


OPTIONS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "seed": 7,
    "presence_penalty": 0.25,
    "frequency_penalty": -0.5,
    "stop": ["END"],
}
LOCAL_OPTIONS = {"top_k": 40, "min_p": 0.05, "repeat_penalty": 1.1}


async def test_options_of_sampling_reach_the_upstream_under_its_own_names(client, upstream):
    await client.chat.completions.create(
        model=upstream.model, messages=said("Hello"), max_tokens=50, **OPTIONS, extra_body=LOCAL_OPTIONS
    )
    expected = {**OPTIONS, **LOCAL_OPTIONS, "num_predict" if upstream.is_ollama else "max_tokens": 50}

    assert {name: upstream.options().get(name) for name in expected} == expected


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_logprobs_come_token_by_token(client, upstream, stream):
    answer = await client.chat.completions.create(
        model=upstream.model,
        messages=said("Hello"),
        logprobs=True,
        top_logprobs=2,
        reasoning_effort="none",
        stream=stream,
    )
    choices = [chunk.choices[0] for chunk in await chunks_of(answer)] if stream else answer.choices
    tokens = [token for choice in choices if choice.logprobs for token in choice.logprobs.content]
    text = "".join((choice.delta if stream else choice.message).content or "" for choice in choices)

    assert "".join(token.token for token in tokens) == text
    assert all(len(token.top_logprobs) == 2 for token in tokens)


async def test_two_choices_come_from_a_worker_that_can_give_them(client):
    answer = await client.chat.completions.create(model="cloud-70b", messages=said("Hello"), n=2)

    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].message.content != answer.choices[1].message.content


async def test_two_choices_are_left_to_the_only_candidate_that_can_give_them(build, desk, cloud):
    alias = '[models]\nany = ["desk:qwen3:4b", "cloud:cloud-70b"]\n'
    home = await build(worker(desk), worker(cloud), alias)
    async with openai.AsyncOpenAI(base_url=f"{home.url}/v1", api_key="any", max_retries=0) as client:
        stream = await client.chat.completions.create(model="any", messages=said("Hello"), n=2, stream=True)
        chunks = await chunks_of(stream)

    assert {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1}
    assert sum(choice.finish_reason == "stop" for chunk in chunks for choice in chunk.choices) == 2
    assert home.daemon.journal.latest(1)[0].answered_by.worker == "cloud"


IMAGE_BY_ADDRESS = {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
FILE = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}}


@pytest.mark.parametrize(
    ("need", "asked"),
    [
        ("n", {"n": 2}),
        ("logit_bias", {"logit_bias": {"50256": -100}}),
        ("tool_choice", {"tools": [tool()], "tool_choice": "required"}),
        ("image_urls", {"messages": [{"role": "user", "content": [IMAGE_BY_ADDRESS]}]}),
        ("audio", {"messages": [{"role": "user", "content": [SOUND]}]}),
        ("files", {"messages": [{"role": "user", "content": [FILE]}]}),
        ("custom_tools", {"tools": [{"type": "custom", "custom": {"name": "shell"}}]}),
    ],
)
async def test_what_an_ollama_cannot_express_is_refused_and_not_dropped(client, desk, need, asked):
    with pytest.raises(openai.BadRequestError, match=rf"can do: {need}\b") as caught:
        await client.chat.completions.create(**{"model": "qwen3:4b", "messages": said("Hello")} | asked)

    assert caught.value.code == "unsupported_parameter"
    assert not any(received.path in desk.generating for received in desk.requests)


# Models


async def test_models_are_listed_and_found_whatever_is_in_their_names(build, start):
    names = ("org/model-7b", "hf.co/team/thing:Q4_K_M", "plain")
    odd = await start(SimulatedOpenAI(name="odd", models=tuple(map(SimulatedModel, names)), instant=True))
    home = await build(worker(odd))
    async with openai.AsyncOpenAI(base_url=f"{home.url}/v1", api_key="any", max_retries=0) as client:
        listed = [model.id async for model in client.models.list()]
        found = [(await client.models.retrieve(name)).id for name in listed]

    assert listed == [*names, "auto"]
    assert found == listed


@pytest.mark.parametrize("name", ["desk:llama3.2:3b", "LLAMA3.2:3B", "best"])
async def test_every_name_that_can_be_asked_can_be_retrieved(build, desk, name):
    home = await build(worker(desk), '[models]\nbest = ["llama3.2:3b"]\n')
    async with openai.AsyncOpenAI(base_url=f"{home.url}/v1", api_key="any", max_retries=0) as client:
        await client.chat.completions.create(model=name, messages=said("Hello"))

        assert (await client.models.retrieve(name)).id == name


# Errors


async def test_a_model_that_nobody_has_is_not_found(client):
    with pytest.raises(openai.NotFoundError, match="not found") as caught:
        await client.chat.completions.create(model="nobody", messages=said("Hello"))
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nobody")

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


async def test_a_wrong_field_is_a_bad_request_that_names_it(client, upstream):
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model=upstream.model, messages=said("Hello"), temperature=9)

    assert (caught.value.param, caught.value.type) == ("temperature", "invalid_request_error")


async def test_what_an_upstream_finds_wrong_is_a_bad_request_in_its_words(client, upstream):
    body = '{"error":"invalid options: x"}' if upstream.is_ollama else '{"error":{"message":"invalid options: x"}}'
    upstream.sim.fault(Fault("error_status", status=400, body=body))

    with pytest.raises(openai.BadRequestError, match="invalid options: x"):
        await client.chat.completions.create(model=upstream.model, messages=said("Hello"))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_when_nobody_can_answer_it_is_an_internal_server_error_with_a_time_to_come_back(client, upstream, stream):
    upstream.sim.always(Fault("error_status", status=500))

    with pytest.raises(openai.InternalServerError) as caught:
        await client.chat.completions.create(model=upstream.model, messages=said("Hello"), stream=stream)

    assert caught.value.status_code == 503
    assert int(caught.value.response.headers["retry-after"]) >= 1
    assert caught.value.type == "overloaded_error"


async def test_a_spent_quota_is_a_rate_limit_error_with_its_end(client, cloud):
    cloud.always(Fault("rate_limited", retry_after=120))
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model="cloud-70b", messages=said("Hello"))
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(model="cloud-70b", messages=said("Hello"))

    assert 100 <= int(caught.value.response.headers["retry-after"]) <= 120
    assert caught.value.code == "rate_limit_exceeded"


async def test_a_stream_that_breaks_raises_after_the_text_it_gave(client, upstream):
    upstream.sim.fault(Fault("cut", after_tokens=6))
    stream = await client.chat.completions.create(
        model=upstream.model, messages=said("Hello"), reasoning_effort="none", stream=True
    )
    chunks = []
    with pytest.raises(openai.APIError, match="broke off"):
        await gather(stream, chunks)

    assert text_of(chunks).startswith("[simulated by")
