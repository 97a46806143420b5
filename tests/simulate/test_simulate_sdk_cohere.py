"""The official `cohere` package as a client of the simulated Cohere."""

import json

import cohere as package
import pytest
from cohere.core.api_error import ApiError
from simulate_client import KEY, Clock

from cortex.simulate import COHERE_TRIAL, Fault, SimulatedCohere

COMMAND, THINKER, VISION, EMBEDDER = (
    "command-a-03-2025",
    "command-a-reasoning-08-2025",
    "command-a-vision-07-2025",
    "embed-v4.0",
)
HELLO = [{"role": "user", "content": "Hello"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
NOW = {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}


def client_of(sim, key=KEY):
    return package.AsyncClientV2(api_key=key, base_url=sim.url, max_retries=0)


@pytest.fixture
async def sdk(cohere):
    async with client_of(cohere) as client:
        yield client


async def gather(stream):
    return [event async for event in stream]


def text_of(events):
    deltas = [event.delta.message.content for event in events if event.type == "content-delta"]
    return "".join(content.text or "" for content in deltas)


async def test_a_whole_answer_has_text_and_both_kinds_of_usage(sdk):
    answer = await sdk.chat(model=COMMAND, messages=HELLO)
    (content,) = answer.message.content

    assert "You said: Hello" in content.text
    assert (answer.finish_reason, content.type) == ("COMPLETE", "text")
    assert (answer.usage.billed_units.input_tokens, answer.usage.tokens.input_tokens) == (5.0, 71.0)


async def test_a_stream_puts_together_the_same_text_in_typed_events(sdk):
    whole = await sdk.chat(model=COMMAND, messages=HELLO)
    events = await gather(sdk.chat_stream(model=COMMAND, messages=HELLO))
    kinds = [event.type for event in events]

    assert text_of(events) == whole.message.content[0].text
    assert kinds == ["message-start", "content-start", *["content-delta"] * 32, "content-end", "message-end"]
    assert events[-1].delta.usage == whole.usage
    assert events[-1].delta.finish_reason == "COMPLETE"


async def test_a_reasoning_model_thinks_first_unless_it_is_told_not_to(sdk):
    answer = await sdk.chat(model=THINKER, messages=HELLO)
    quiet = await sdk.chat(model=THINKER, messages=HELLO, thinking={"type": "disabled"})
    events = await gather(sdk.chat_stream(model=THINKER, messages=HELLO))

    assert [content.type for content in answer.message.content] == ["thinking", "text"]
    assert [content.type for content in quiet.message.content] == ["text"]
    assert [event.index for event in events if event.type == "content-start"] == [0, 1]


async def test_a_call_comes_with_a_plan_and_its_result_is_answered(sdk):
    asked = [{"role": "user", "content": "get_weather please"}]
    answer = await sdk.chat(model=COMMAND, messages=asked, tools=[WEATHER])
    (call,) = answer.message.tool_calls
    turns = [
        *asked,
        {"role": "assistant", "tool_calls": [call], "tool_plan": answer.message.tool_plan},
        {
            "role": "tool",
            "tool_call_id": call.id,
            "content": [{"type": "document", "document": {"data": "17 degrees"}}],
        },
    ]
    final = await sdk.chat(model=COMMAND, messages=turns, tools=[WEATHER])

    assert (answer.finish_reason, answer.message.content) == ("TOOL_CALL", None)
    assert answer.message.tool_plan == "I will use get_weather."
    assert list(json.loads(call.function.arguments)) == ["city"]
    assert "The tool says: 17 degrees" in final.message.content[0].text


async def test_several_calls_are_streamed_one_after_the_other_and_one_without_arguments_has_no_delta(sdk):
    asked = [{"role": "user", "content": "use tools"}]
    events = await gather(sdk.chat_stream(model=COMMAND, messages=asked, tools=[WEATHER, NOW]))
    calls = [(event.type, event.index) for event in events if event.type.startswith("tool-call")]

    assert calls[0] == ("tool-call-start", 0)
    assert calls[-3:] == [("tool-call-end", 0), ("tool-call-start", 1), ("tool-call-end", 1)]
    assert "".join(event.delta.message.tool_plan for event in events if event.type == "tool-plan-delta")


@pytest.mark.parametrize(("choice", "finish"), [("REQUIRED", "TOOL_CALL"), ("NONE", "COMPLETE")])
async def test_a_tool_can_be_forced_and_forbidden(sdk, choice, finish):
    text = "Hello" if choice == "REQUIRED" else "get_weather"
    answer = await sdk.chat(
        model=COMMAND, messages=[{"role": "user", "content": text}], tools=[WEATHER], tool_choice=choice
    )

    assert answer.finish_reason == finish


async def test_json_is_given_with_a_schema_and_without(sdk):
    loose = await sdk.chat(model=COMMAND, messages=HELLO, response_format={"type": "json_object"})
    bound = await sdk.chat(model=COMMAND, messages=HELLO, response_format={"type": "json_object", "json_schema": CITY})

    assert "Hello" in json.loads(loose.message.content[0].text)["answer"]
    assert list(json.loads(bound.message.content[0].text)) == ["city"]


async def test_documents_are_cited_unless_citations_are_off(sdk):
    documents = [{"id": "a", "data": {"title": "A"}}, "Another"]
    whole = await sdk.chat(model=COMMAND, messages=HELLO, documents=documents)
    events = await gather(sdk.chat_stream(model=COMMAND, messages=HELLO, documents=documents))
    without = await sdk.chat(model=COMMAND, messages=HELLO, documents=documents, citation_options={"mode": "OFF"})
    (citation,) = whole.message.citations

    assert citation.text == whole.message.content[0].text[citation.start : citation.end]
    assert citation.sources[0].id == "a"
    assert [event.delta.message.citations for event in events if event.type == "citation-start"] == [citation]
    assert without.message.citations is None


async def test_an_image_is_seen_by_the_model_that_sees(sdk):
    content = [
        {"type": "text", "text": "What?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    ]
    answer = await sdk.chat(model=VISION, messages=[{"role": "user", "content": content}])

    assert "I see 1 image." in answer.message.content[0].text
    with pytest.raises(package.BadRequestError, match="does not support image"):
        await sdk.chat(model=COMMAND, messages=[{"role": "user", "content": content}])


async def test_max_tokens_and_stop_sequences_end_it(sdk):
    short = await sdk.chat(model=COMMAND, messages=HELLO, max_tokens=3)
    stopped = await sdk.chat(model=COMMAND, messages=HELLO, stop_sequences=["You said"])

    assert short.finish_reason == "MAX_TOKENS"
    assert "You said" not in stopped.message.content[0].text


async def test_texts_are_embedded_in_every_type_that_is_asked_for(sdk):
    types = ["float", "int8", "uint8", "binary", "ubinary", "base64"]
    answer = await sdk.embed(model=EMBEDDER, input_type="search_query", texts=["one", "two"], embedding_types=types)
    vectors = answer.embeddings

    assert [len(of_type) for of_type in (vectors.float_, vectors.int8, vectors.base64)] == [2, 2, 2]
    assert [len(one[0]) for one in (vectors.float_, vectors.binary, vectors.ubinary)] == [1536, 192, 192]
    assert [signed + 128 for signed in vectors.binary[0]] == vectors.ubinary[0]
    assert all(-128 <= number <= 127 for number in vectors.int8[0])
    assert answer.meta.billed_units.input_tokens == 2.0


@pytest.mark.parametrize("given", ["images", "inputs"])
async def test_images_and_mixed_inputs_are_embedded_too(sdk, given):
    url = "data:image/png;base64,aGk="
    items = {"images": [url], "inputs": [{"content": [{"type": "text", "text": "one"}]}]}[given]
    answer = await sdk.embed(model=EMBEDDER, input_type="image", output_dimension=256, **{given: items})

    assert len(answer.embeddings.float_[0]) == 256


async def test_models_are_listed_by_what_they_do_and_found(sdk):
    chats = (await sdk.models.list(endpoint="chat", page_size=1000)).models
    first = await sdk.models.list(page_size=2)
    rest = await sdk.models.list(page_size=10, page_token=first.next_page_token)

    assert [model.name for model in chats] == [COMMAND, THINKER, VISION, "command-r7b-12-2024"]
    assert (len(first.models), len(rest.models), rest.next_page_token) == (2, 3, None)
    assert (await sdk.models.get(EMBEDDER)).endpoints == ["embed"]


@pytest.mark.parametrize(
    ("fault", "kind", "status"),
    [
        (Fault("rate_limited"), package.TooManyRequestsError, 429),
        (Fault("unauthorized"), package.UnauthorizedError, 401),
        (Fault("unauthorized", flavour="billing"), ApiError, 402),
        (Fault("unauthorized", flavour="forbidden"), package.ForbiddenError, 403),
        (Fault("model_missing"), package.NotFoundError, 404),
        (Fault("error_status", flavour="unprocessable"), package.UnprocessableEntityError, 422),
        (Fault("error_status", flavour="blocked"), ApiError, 498),
        (Fault("error_status", flavour="plain"), ApiError, 500),
        (Fault("error_status", status=500), package.InternalServerError, 500),
        (Fault("busy"), package.ServiceUnavailableError, 503),
    ],
)
async def test_each_error_is_the_packages_own_exception(cohere, sdk, fault, kind, status):
    cohere.fault(fault)
    with pytest.raises(kind) as error:
        await sdk.chat(model=COMMAND, messages=HELLO)

    assert error.value.status_code == status


async def test_a_wrong_key_is_unauthorized(cohere):
    async with client_of(cohere, key="wrong") as sdk:
        with pytest.raises(package.UnauthorizedError, match="invalid api token"):
            await sdk.chat(model=COMMAND, messages=HELLO)


async def test_an_error_in_a_stream_is_an_end_that_says_so(cohere, sdk):
    cohere.fault(Fault("error_in_stream", after_tokens=2, body="engine died"))
    last = (await gather(sdk.chat_stream(model=COMMAND, messages=HELLO)))[-1]

    assert (last.type, last.delta.finish_reason, last.delta.error) == ("message-end", "ERROR", "engine died")


async def test_a_spent_month_is_told_in_its_text_alone(start):
    clock = Clock()
    sim = await start(SimulatedCohere(keys=KEY, quota=COHERE_TRIAL, clock=clock, wall=clock.wall, instant=True))
    async with client_of(sim) as sdk:
        await sdk.embed(model=EMBEDDER, input_type="search_query", texts=["one"])
        for _ in range(999):
            sim.quota.ask(KEY, EMBEDDER, sim.now)
            clock.now += 4
        with pytest.raises(package.TooManyRequestsError) as error:
            await sdk.chat(model=COMMAND, messages=HELLO)

    assert "limited to 1000 API calls / month" in error.value.body["message"]
    assert "retry-after" not in {name.lower() for name in error.value.headers}
