"""A simulated Cohere, byte by byte: what it refuses, what its limits are."""

import json

import pytest
from simulate_client import DAY_S, KEY, Clock

from cortex.simulate import COHERE_TRIAL, Fault, SimulatedCohere

COMMAND, EMBEDDER = "command-a-03-2025", "embed-v4.0"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def tools(name="get_weather", parameters=CITY):
    return [{"type": "function", "function": {"name": name, "parameters": parameters}}]


def bound(schema):
    return {"response_format": {"type": "json_object", "json_schema": schema}}


CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}

REFUSED = {
    "heat": ({"temperature": 1.5}, "temperature"),
    "p of one": ({"p": 1}, "p must be"),
    "p of nothing": ({"p": 0}, "p must be"),
    "k": ({"k": 501}, "k must be"),
    "a negative penalty": ({"frequency_penalty": -0.5}, "frequency_penalty"),
    "both penalties": ({"frequency_penalty": 0.5, "presence_penalty": 0.5}, "only one of"),
    "six stops": ({"stop_sequences": list("abcdef")}, "stop_sequences"),
    "no tokens": ({"max_tokens": 0}, "max_tokens"),
    "JSON with tools": ({"tools": tools(), "response_format": {"type": "json_object"}}, "not supported with tools"),
    "JSON with documents": ({"documents": ["a"], "response_format": {"type": "json_object"}}, "or documents"),
    "a schema with anyOf": (bound({"anyOf": [CITY]}), "anyOf is not supported"),
    "a schema with bounds": (bound({**CITY, "properties": {"city": {"minLength": 1}}}), "minLength is not supported"),
    "a schema that requires nothing": (bound({"type": "object", "properties": CITY["properties"]}), "must be required"),
    "OpenAI's word for a schema": ({"response_format": {"type": "json_schema"}}, "Invalid enum value"),
    "a tool's name": ({"tools": tools("get-weather")}, "tool name"),
    "strict tools that require nothing": (
        {"strict_tools": True, "tools": tools(parameters={"properties": {"a": {}}})},
        "must be required",
    ),
    "a choice of nothing": ({"tool_choice": "REQUIRED"}, "only be set with tools"),
    "a named tool": ({"tools": tools(), "tool_choice": "get_weather"}, "Invalid enum value"),
    "an unknown field": ({"n": 2}, "unknown field `n`"),
    "a developer": ({"messages": [{"role": "developer", "content": "a"}]}, "Invalid enum value"),
    "a name": ({"messages": [{"role": "user", "content": "a", "name": "b"}]}, "unknown field `name`"),
    "no messages": ({"messages": []}, "must not be empty"),
    "no content": ({"messages": [{"role": "user"}]}, "content must be provided"),
    "empty content with calls": ({"messages": [{**CALL, "content": ""}]}, "leave it out"),
    "a result of nothing": ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "a"}]}, "was not found"),
    "thinking": ({"thinking": {"type": "enabled"}}, "thinking is not supported"),
    "an embedder": ({"model": EMBEDDER}, "not supported by the chat API"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_wrong_request_is_refused_with_the_field_named(cohere, client, what):
    body, words = REFUSED[what]
    seen = await client.ask(cohere, **body) if "model" not in body else await client.ask(cohere, model=body["model"])

    assert (seen.status, list(json.loads(seen.body))) == (400, ["message"])
    assert words in json.loads(seen.body)["message"]


async def test_tools_are_refused_by_a_model_without_them(cohere, client):
    seen = await client.ask(cohere, model="command-a-vision-07-2025", tools=tools())

    assert (seen.status, b"tools are not supported" in seen.body) == (400, True)


@pytest.mark.parametrize(
    "body",
    [{"temperature": 1}, {"p": 0.99}, {"presence_penalty": 1}, {"messages": [CALL, {"role": "user", "content": "a"}]}],
)
async def test_the_ends_of_each_range_are_taken(cohere, client, body):
    assert (await client.ask(cohere, **body)).status == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"texts": ["a"]}, "input_type"),
        ({"texts": ["a"], "input_type": "singing"}, "input_type"),
        ({"input_type": "search_query"}, "exactly one"),
        ({"input_type": "search_query", "texts": ["a"], "images": ["b"]}, "exactly one"),
        ({"input_type": "search_query", "texts": ["a"] * 97}, "at most 96"),
        ({"input_type": "search_query", "texts": ["a"], "output_dimension": 4000}, "output_dimension"),
        ({"input_type": "search_query", "texts": [[1, 2]]}, "Expected `str`"),
        ({"input_type": "search_query", "texts": ["a"], "model": COMMAND}, "not supported by the embed API"),
    ],
)
async def test_what_cannot_be_embedded_is_refused(cohere, client, body, words):
    seen = await client.post(cohere, "/v2/embed", {"model": EMBEDDER} | body)

    assert (seen.status, words in json.loads(seen.body)["message"]) == (400, True)


async def test_events_have_a_name_and_a_type_and_no_mark_behind_the_last(cohere, client):
    seen = await client.ask(cohere)
    last = seen.body.split(b"\n\n")[-2]

    assert seen.headers["Content-Type"] == "text/event-stream"
    assert seen.body.startswith(b'event: message-start\ndata: {"type":"message-start","id":"')
    assert last.startswith(b"event: message-end\n")
    assert b"[DONE]" not in seen.body


async def test_what_comes_in_lists_whole_comes_in_objects_in_a_stream(cohere, client):
    seen = await client.ask(cohere, text="get_weather", tools=tools())
    events = [json.loads(event.partition(b"\ndata: ")[2]) for event in seen.body.split(b"\n\n") if event]
    deltas = [
        event["delta"]["message"]["tool_calls"]
        for event in events
        if event["type"].startswith("tool-call-") and "delta" in event
    ]

    assert deltas[0]["function"] == {"name": "get_weather", "arguments": ""}
    assert list(json.loads("".join(delta["function"]["arguments"] for delta in deltas))) == ["city"]


async def test_a_missing_key_is_told_apart_from_a_wrong_one(cohere, client):
    missing = await client.ask(cohere, key="")

    assert (missing.status, json.loads(missing.body)) == (401, {"message": "no api key supplied"})


async def test_another_path_is_not_found_and_a_wrong_page_refused(cohere, client):
    assert (await client.get(cohere, "/v1/nothing")).status == 404
    assert (await client.get(cohere, "/v1/models/nobody")).status == 404
    assert (await client.get(cohere, "/v1/models?page_size=x")).status == 400


@pytest.fixture
async def trial(start):
    clock = Clock()
    keys = {KEY: "home", "other": "lab"}
    return await start(
        SimulatedCohere(keys=keys, quota=COHERE_TRIAL, clock=clock, wall=clock.wall, instant=True)
    ), clock


async def test_a_minute_is_for_each_model_and_key(trial, client):
    sim, clock = trial
    first = [(await client.ask(sim, stream=False)).status for _ in range(21)]
    others = [(await client.ask(sim, model="command-r7b-12-2024")).status, (await client.ask(sim, key="other")).status]
    clock.now += 60

    assert (first, others) == ([200] * 20 + [429], [200, 200])
    assert (await client.ask(sim)).status == 200


async def test_the_inputs_of_embeddings_are_counted_by_the_minute(trial, client):
    sim, _ = trial
    body = {"model": EMBEDDER, "input_type": "search_query", "texts": ["a"] * 96}
    seen = [await client.post(sim, "/v2/embed", body) for _ in range(21)]

    assert [answer.status for answer in seen] == [200] * 20 + [429]
    assert b"limited to 2000 inputs / minute" in seen[-1].body


async def test_a_month_is_shared_by_all_models_and_begins_anew_on_its_first(trial, client):
    sim, clock = trial
    for number in range(1000):
        model = sim.models[number % 2].name
        assert (await client.ask(sim, model=model, stream=False)).status == 200
        clock.now += 5
    spent = await client.ask(sim, model="command-r7b-12-2024")
    clock.now += 6 * DAY_S

    assert b"1000 API calls / month" in spent.body
    assert (await client.ask(sim)).status == 200
    assert (sim.quota.of("home").granted, sim.quota.of("home").refused) == (1001, 1)


@pytest.mark.parametrize(
    ("flavour", "words"),
    [
        ("month", "1000 API calls / month"),
        ("tokens", "trial token rate limit exceeded, limit is 100000 tokens per minute"),
        ("production", "past the per minute request limit"),
        ("short", "Please wait and try again later"),
    ],
)
async def test_every_true_text_of_a_429_can_be_ordered(cohere, client, flavour, words):
    cohere.fault(Fault("rate_limited", flavour=flavour))
    seen = await client.ask(cohere)

    assert (seen.status, words in json.loads(seen.body)["message"]) == (429, True)
