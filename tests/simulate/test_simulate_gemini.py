"""A simulated Gemini, byte by byte: what a stream looks like, what is refused, whose quota is drawn on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulate_client import DAY_S, HOUR_S, KEY, Clock

from cortex.simulate import GEMINI_FREE, Fault, SimulatedGemini, SimulatedModel
from cortex.simulate.gemini_family import family_of
from cortex.simulate.gemini_wire import camel, json_schema

NEW, BUDGETED, OLD, EMBEDDER = "gemini-3.8-flash", "gemini-3.5-flash", "gemini-2.5-flash-lite", "gemini-embedding-001"
HELLO = {"role": "user", "parts": [{"text": "Hello"}]}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PLACEHOLDER = "skip_thought_signature_validator"


def events(body):
    return [json.loads(event.removeprefix(b"data: ")) for event in body.split(b"\r\n\r\n") if event]


def parts_of(chunk):
    return chunk["candidates"][0]["content"].get("parts", [])


def tools(**function):
    return [{"functionDeclarations": [{"name": "get_weather", **function}]}]


def call(name="get_weather", **more):
    return {"functionCall": {"name": name, "args": {}}, **more}


def result(name="get_weather", **more):
    return {"functionResponse": {"name": name, "response": {"result": "rain"}, **more}}


def history(model_parts, user_parts):
    return [HELLO, {"role": "model", "parts": model_parts}, {"role": "user", "parts": user_parts}]


async def asked(client, sim, body, model=NEW, action="generateContent"):
    seen = await client.post(sim, f"/v1beta/models/{model}:{action}", {"contents": [HELLO]} | body)
    return seen.status, json.loads(seen.body)


# Streams


async def test_a_stream_is_sse_without_a_mark_at_its_end(gemini, client):
    seen = await client.ask(gemini, model=NEW)

    assert seen.headers["Content-Type"] == "text/event-stream"
    assert seen.body.startswith(b"data: {")
    assert seen.body.endswith(b"}\r\n\r\n")
    assert b"[DONE]" not in seen.body


async def test_usage_grows_with_every_chunk_and_zeros_are_left_out(gemini, client):
    usages = [chunk["usageMetadata"] for chunk in events((await client.ask(gemini, model=NEW)).body)]
    counts = [usage.get("candidatesTokenCount", 0) for usage in usages]

    assert counts == [*range(1, 33), 32]
    assert all(
        usage["totalTokenCount"]
        == usage["promptTokenCount"] + usage["candidatesTokenCount"] + usage["thoughtsTokenCount"]
        for usage in usages
    )


async def test_thoughts_that_are_shown_come_first_and_are_counted_as_they_come(gemini, client):
    config = {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    chunks = events((await client.ask(gemini, model=NEW, **config)).body)

    assert [bool(parts_of(chunk)[0].get("thought")) for chunk in chunks[:9]] == [True] * 7 + [False] * 2
    assert chunks[2]["usageMetadata"]["thoughtsTokenCount"] == 3
    assert "candidatesTokenCount" not in chunks[2]["usageMetadata"]


async def test_a_new_model_ends_with_a_chunk_of_its_own_that_signs_what_it_thought(gemini, client):
    *chunks, last = events((await client.ask(gemini, model=NEW)).body)

    assert all("finishReason" not in chunk["candidates"][0] for chunk in chunks)
    assert last["candidates"][0]["finishReason"] == "STOP"
    assert (parts_of(last)[0]["text"], bool(parts_of(last)[0]["thoughtSignature"])) == ("", True)


async def test_an_old_model_gives_a_reason_with_every_chunk(gemini, client):
    config = {"generationConfig": {"maxOutputTokens": 9}}
    *chunks, last = events((await client.ask(gemini, model=OLD, **config)).body)

    assert {chunk["candidates"][0]["finishReason"] for chunk in chunks} == {"STOP"}
    assert (last["candidates"][0]["finishReason"], parts_of(last)) == ("MAX_TOKENS", [])


async def test_a_call_comes_whole_before_the_chunk_with_the_reason(gemini, client):
    seen = await client.ask(gemini, model=NEW, text="get_weather", tools=tools(parameters=CITY))
    calling, ending = events(seen.body)
    (part,) = parts_of(calling)

    assert (list(part["functionCall"]), list(part["functionCall"]["args"])) == (["id", "name", "args"], ["city"])
    assert part["thoughtSignature"]
    assert "finishReason" not in calling["candidates"][0]
    assert (ending["candidates"][0]["finishReason"], parts_of(ending)) == ("STOP", [{"text": ""}])


async def test_an_old_model_calls_without_id_and_signature(gemini, client):
    seen = await client.ask(gemini, model=OLD, text="get_weather", tools=tools(parameters=CITY), stream=False)
    (part,) = parts_of(json.loads(seen.body))

    assert (list(part), list(part["functionCall"])) == (["functionCall"], ["name", "args"])


async def test_a_stream_without_sse_is_not_simulated(gemini, client):
    status, body = await asked(client, gemini, {}, action="streamGenerateContent")

    assert (status, body["error"]["status"]) == (501, "UNIMPLEMENTED")


async def test_logprobs_come_from_a_model_that_has_them(gemini, client):
    config = {"generationConfig": {"responseLogprobs": True, "logprobs": 2, "maxOutputTokens": 30}}
    _, body = await asked(client, gemini, config, model=OLD)
    logprobs = body["candidates"][0]["logprobsResult"]

    assert len(logprobs["chosenCandidates"]) == len(logprobs["topCandidates"]) > 0
    assert all(len(top["candidates"]) == 2 for top in logprobs["topCandidates"])


@pytest.mark.parametrize("version", ["v1", "v1beta"])
async def test_both_versions_are_served_and_the_key_is_read_from_its_header_alone(gemini, client, version):
    path = f"/{version}/models/{NEW}:generateContent"
    right = await client.post(gemini, path, {"contents": [HELLO]})
    in_address = await client.post(gemini, f"{path}?key={KEY}", {"contents": [HELLO]}, key="")
    wrong = await client.post(gemini, path, {"contents": [HELLO]}, key="wrong")

    assert [seen.status for seen in (right, in_address, wrong)] == [200, 403, 400]
    assert json.loads(wrong.body)["error"]["details"][0]["reason"] == "API_KEY_INVALID"
    assert b"wrong" not in wrong.body


async def test_names_may_have_underscores_and_what_people_name_stays_as_it_is(gemini, client):
    body = {
        "system_instruction": {"parts": [{"text": "Be brief"}]},
        "generation_config": {"max_output_tokens": 100, "response_mime_type": "application/json"},
    }
    body["generation_config"]["response_json_schema"] = {"type": "object", "properties": {"first_name": {"const": 1}}}
    _, answer = await asked(client, gemini, body)

    assert json.loads(parts_of(answer)[0]["text"]) == {"first_name": 1}


# What is refused

REFUSED = {
    "no contents": ({"contents": []}, "contents is not specified"),
    "no parts": ({"contents": [{"role": "user", "parts": []}]}, "contents.parts must not be empty"),
    "an empty part": ({"contents": [{"role": "user", "parts": [{}]}]}, "required oneof field 'data'"),
    "a part of two kinds": (
        {"contents": [{"parts": [{"text": "a", "functionCall": {"name": "f"}}]}]},
        "required oneof",
    ),
    "another role": ({"contents": [{"role": "assistant", "parts": [{"text": "a"}]}]}, "valid role: user, model"),
    "an unknown field": ({"max_tokens": 3}, 'Unknown name "maxTokens"'),
    "an unknown field inside": ({"generationConfig": {"n": 3}}, "Unknown name \"n\" at 'generationConfig'"),
    "broken base64": (
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "???"}}]}]},
        "Base64 decoding failed",
    ),
    "no signature": ({"contents": history([call()], [result()])}, "missing a thought_signature"),
    "another's signature": (
        {"contents": history([call(thoughtSignature="c29tZSBvdGhlcg==")], [result()])},
        "Corrupted thought signature.",
    ),
    "a placeholder in base64": (
        {"contents": history([call(thoughtSignature="c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=")], [result()])},
        "Corrupted thought signature.",
    ),
    "too few results": (
        {"contents": history([call(thoughtSignature=PLACEHOLDER), call("get_time")], [result()])},
        "number of function response parts is equal",
    ),
    "results of nothing": (
        {"contents": [HELLO, {"role": "user", "parts": [result()]}]},
        "immediately after a function call",
    ),
    "no results": (
        {"contents": history([call(thoughtSignature=PLACEHOLDER)], [{"text": "So?"}])},
        "number of function response parts",
    ),
    "a result of another": (
        {"contents": history([call(thoughtSignature=PLACEHOLDER)], [result("get_time")])},
        "does not match the function call name",
    ),
    "a result with another id": (
        {"contents": history([call(thoughtSignature=PLACEHOLDER)], [result(id="call_7")])},
        "does not match the function call id",
    ),
    "a result without anything": (
        {"contents": history([call(thoughtSignature=PLACEHOLDER)], [{"functionResponse": {"name": "get_weather"}}])},
        "must have a response",
    ),
    "a signature that is no base64": (
        {"contents": history([call(thoughtSignature="???")], [result()])},
        "Base64 decoding failed",
    ),
    "a result that is text": (
        {
            "contents": history(
                [call(thoughtSignature=PLACEHOLDER)],
                [{"functionResponse": {"name": "get_weather", "response": "rain"}}],
            )
        },
        "Expected `object | null`, got `str`",
    ),
    "empty properties": (
        {"tools": tools(parameters={"type": "object", "properties": {}})},
        "properties: should be non-empty for OBJECT type",
    ),
    "const": (
        {"tools": tools(parameters={"type": "object", "properties": {"a": {"const": 1}}})},
        'Unknown name "const"',
    ),
    "a list of types": (
        {"tools": tools(parameters={"type": "object", "properties": {"a": {"type": ["string", "null"]}}})},
        "Proto field is not repeating",
    ),
    "an enum of numbers": (
        {"tools": tools(parameters={"type": "object", "properties": {"a": {"type": "integer", "enum": [1]}}})},
        "enum",
    ),
    "two schemas of a function": (
        {"tools": tools(parameters=CITY, parametersJsonSchema=CITY)},
        "only one of parameters",
    ),
    "a bad name": ({"tools": tools(name="7 days")}, "Invalid function name"),
    "names with AUTO": (
        {"tools": tools(), "toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["get_weather"]}}},
        "allowed_function_names is set",
    ),
    "an unknown name": (
        {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}},
        "was not declared",
    ),
    "an unknown mode": ({"toolConfig": {"functionCallingConfig": {"mode": "SOMETIMES"}}}, "TYPE_ENUM"),
    "six stops": ({"generationConfig": {"stopSequences": list("abcdef")}}, "at most 5"),
    "heat": ({"generationConfig": {"temperature": 2.5}}, "temperature must be in the range"),
    "no tokens": ({"generationConfig": {"maxOutputTokens": 0}}, "max_output_tokens must be positive"),
    "a penalty": ({"generationConfig": {"presencePenalty": 0.5}}, "Penalty is not enabled"),
    "logprobs": ({"generationConfig": {"responseLogprobs": True}}, "Logprobs is not enabled"),
    "a schema without JSON": ({"generationConfig": {"responseSchema": CITY}}, "response_mime_type"),
    "both schemas": (
        {
            "generationConfig": {
                "responseMimeType": "application/json",
                "responseSchema": CITY,
                "responseJsonSchema": CITY,
            }
        },
        "only one of response_schema",
    ),
    "minimal": ({"generationConfig": {"thinkingConfig": {"thinkingLevel": "minimal"}}}, "Thinking level MINIMAL"),
    "level and budget": (
        {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low", "thinkingBudget": 100}}},
        "only one of thinking budget and thinking level",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_wrong_request_is_refused_in_geminis_words(gemini, client, what):
    body, words = REFUSED[what]
    status, answer = await asked(client, gemini, body)

    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert words in answer["error"]["message"]


TAKEN = {
    "a placeholder": (NEW, {"contents": history([call(thoughtSignature=PLACEHOLDER)], [result()])}),
    "an old model's history without signature": (OLD, {"contents": history([call()], [result()])}),
    "a result without id": (NEW, {"contents": history([call(thoughtSignature=PLACEHOLDER)], [result()])}),
    "a function without parameters": (NEW, {"tools": tools()}),
    "any JSON schema": (NEW, {"tools": tools(parametersJsonSchema={"$schema": "x", "oneOf": [{"const": 1}]})}),
    "types in capitals": (
        NEW,
        {"tools": tools(parameters={"type": "OBJECT", "properties": {"a": {"type": "STRING"}}})},
    ),
    "an old model's penalty": (OLD, {"generationConfig": {"presencePenalty": 0.5}}),
    "an old model's budget": (OLD, {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
    "a budget left to the model": (OLD, {"generationConfig": {"thinkingConfig": {"thinkingBudget": -1}}}),
    "xhigh": ("gemini-4-hydrogen", {"generationConfig": {"thinkingConfig": {"thinkingLevel": "xhigh"}}}),
    "a role that is missing": (NEW, {"contents": [{"parts": [{"text": "Hi"}]}]}),
}


@pytest.mark.parametrize("what", TAKEN)
async def test_what_the_real_one_takes_is_taken(gemini, client, what):
    model, body = TAKEN[what]

    assert (await asked(client, gemini, body, model=model))[0] == 200


@pytest.mark.parametrize(
    ("model", "config", "words"),
    [
        (OLD, {"thinkingLevel": "low"}, "Thinking level is not supported"),
        (OLD, {"thinkingBudget": 100}, "The thinking budget 100 is invalid"),
        ("gemini-4-hydrogen", {"thinkingBudget": 1024}, "Thinking budget is not supported"),
        ("gemma-4-31b-it", {"includeThoughts": True}, "only enabled when thinking is enabled"),
        (NEW, {"thinkingLevel": "xhigh"}, "Thinking level XHIGH"),
    ],
)
async def test_how_to_think_depends_on_the_model(gemini, client, model, config, words):
    status, answer = await asked(client, gemini, {"generationConfig": {"thinkingConfig": config}}, model=model)

    assert (status, words in answer["error"]["message"]) == (400, True)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"tools": tools()}, "Function calling is not enabled"),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}]}]},
            "Image input modality is not enabled",
        ),
    ],
    ids=["tools", "images"],
)
async def test_what_a_model_cannot_do_is_refused(start, client, body, words):
    sim = await start(
        SimulatedGemini(models=[SimulatedModel("gemini-3.8-flash", ("completion",))], keys=KEY, instant=True)
    )
    status, answer = await asked(client, sim, body)

    assert (status, words in answer["error"]["message"]) == (400, True)


@pytest.mark.parametrize(("model", "status"), [(NEW, 200), (OLD, 400)])
async def test_several_candidates_are_ignored_by_new_models_and_refused_by_old_ones(gemini, client, model, status):
    given_status, answer = await asked(client, gemini, {"generationConfig": {"candidateCount": 2}}, model=model)

    assert given_status == status
    assert status == 400 or len(answer["candidates"]) == 1


async def test_broken_json_is_refused(gemini, client):
    seen = await client.post(gemini, f"/v1beta/models/{NEW}:generateContent", None, data=b'{"contents":')

    assert (seen.status, b"Invalid JSON payload received" in seen.body) == (400, True)


async def test_a_signature_is_good_only_where_it_was_made(start, client, gemini):
    other = await start(SimulatedGemini(name="other", keys=KEY, instant=True))
    seen = await client.ask(gemini, model=NEW, text="get_weather", tools=tools(parameters=CITY), stream=False)
    calling = json.loads(seen.body)["candidates"][0]["content"]
    answer = {"role": "user", "parts": [result(id=calling["parts"][0]["functionCall"]["id"])]}
    body = {"contents": [HELLO, calling, answer]}

    assert [(await asked(client, sim, body))[0] for sim in (gemini, other)] == [200, 400]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("models/nobody:generateContent", 404),
        (f"models/{EMBEDDER}:generateContent", 404),
        (f"models/{NEW}:embedContent", 404),
        (f"models/{NEW}:sing", 404),
        ("interactions", 404),
    ],
)
async def test_what_a_model_does_not_do_is_not_found(gemini, client, path, status):
    assert (await client.post(gemini, f"/v1beta/{path}", {"contents": [HELLO]})).status == status


@pytest.mark.parametrize(
    "body",
    [
        {"requests": []},
        {"requests": [{"content": {"parts": [{"text": "a"}]}}] * 101},
        {"requests": [{"model": "models/other", "content": {"parts": [{"text": "a"}]}}]},
        {"requests": [{"content": {"parts": []}}]},
        {"requests": [{"content": {"parts": [{"text": "a"}]}, "taskType": "SING"}]},
        {"requests": [{"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 4000}]},
    ],
)
async def test_what_cannot_be_embedded_is_refused(gemini, client, body):
    assert (await client.post(gemini, f"/v1/models/{EMBEDDER}:batchEmbedContents", body)).status == 400


async def test_only_a_whole_vector_is_normalised(gemini, client):
    async def embedded(**more):
        body = {"content": {"parts": [{"text": "one"}]}, **more}
        seen = await client.post(gemini, f"/v1beta/models/{EMBEDDER}:embedContent", body)
        return sum(number**2 for number in json.loads(seen.body)["embedding"]["values"])

    assert await embedded() == pytest.approx(1, abs=1e-5)
    assert await embedded(outputDimensionality=768) < 0.5


async def test_pages_of_models_end_and_a_wrong_page_is_refused(gemini, client):
    first = json.loads((await client.get(gemini, "/v1beta/models?pageSize=5")).body)
    second = json.loads((await client.get(gemini, f"/v1beta/models?pageToken={first['nextPageToken']}")).body)

    assert (len(first["models"]), len(second["models"]), "nextPageToken" in second) == (5, 3, False)
    assert first["models"][0]["supportedGenerationMethods"] == ["generateContent", "countTokens"]
    assert second["models"][-1]["supportedGenerationMethods"] == ["predictLongRunning"]
    assert (await client.get(gemini, "/v1beta/models?pageToken=x")).status == 400


# Quotas


@pytest.fixture
async def project(start):
    """Two keys of one free project, and the clock that its quotas go by."""
    clock = Clock()
    keys = {KEY: "project", "other": "project", "third": "apart"}
    sim = SimulatedGemini(keys=keys, quota=GEMINI_FREE, clock=clock, wall=clock.wall, instant=True)
    return await start(sim), clock


async def statuses(client, sim, count, model=BUDGETED, key=KEY):
    return [(await client.ask(sim, model=model, key=key, stream=False)).status for _ in range(count)]


async def test_keys_of_one_project_have_no_more_than_one_key(project, client):
    sim, _ = project

    assert await statuses(client, sim, 3) + await statuses(client, sim, 3, key="other") == [200] * 5 + [429]
    assert await statuses(client, sim, 1, key="third") == [200]
    assert await statuses(client, sim, 1, model=NEW) == [200]
    assert (sim.quota.of("project", BUDGETED).refused, sim.quota.refused, sim.quota.granted) == (1, 1, 7)


def violations_of(seen):
    details = json.loads(seen.body)["error"]["details"]
    return [violation["quotaId"] for violation in details[1]["violations"]], details[2]["retryDelay"]


async def test_a_spent_minute_is_told_with_its_end_and_without_retry_after(project, client):
    sim, clock = project
    await statuses(client, sim, 5)
    clock.now += 15
    seen = await client.ask(sim, model=BUDGETED)

    assert violations_of(seen) == (["GenerateRequestsPerMinutePerProjectPerModel-FreeTier"], "45s")
    assert b"Please retry in 45s." in seen.body
    assert "Retry-After" not in seen.headers


async def test_a_spent_day_comes_back_at_midnight_in_california(project, client):
    sim, clock = project
    for _ in range(4):
        await statuses(client, sim, 5)
        clock.now += 60
    seen = await client.ask(sim, model=BUDGETED)
    clock.now += 20 * HOUR_S - 240

    assert violations_of(seen)[0] == ["GenerateRequestsPerDayPerProjectPerModel-FreeTier"]
    assert await statuses(client, sim, 1) == [200]


async def test_both_windows_are_told_when_both_are_spent(project, client):
    sim, clock = project
    for _ in range(4):
        clock.now += 60
        await statuses(client, sim, 5)

    assert len(violations_of(await client.ask(sim, model=BUDGETED))[0]) == 2


async def test_a_model_that_the_tier_does_not_have_says_limit_zero(project, client):
    sim, _ = project
    seen = await client.ask(sim, model="gemini-4-hydrogen")

    assert (seen.status, b"limit: 0, model: gemini-4-hydrogen" in seen.body) == (429, True)


async def test_tokens_of_the_prompt_are_counted_by_the_minute(project, client):
    sim, _ = project
    body = {"contents": [{"parts": [{"text": "word " * 15_001}]}]}
    seen = await client.post(sim, "/v1beta/models/gemma-4-31b-it:generateContent", body)

    assert violations_of(seen)[0] == ["GenerateContentInputTokensPerModelPerMinute-FreeTier"]


async def test_a_client_that_keeps_to_the_limits_is_never_refused_in_a_month(project, client):
    sim, clock = project
    for _ in range(30):
        for _ in range(4):
            assert await statuses(client, sim, 5) == [200] * 5
            clock.now += 61
        clock.now += DAY_S - 4 * 61

    assert (sim.quota.granted, sim.quota.refused_share) == (600, 0.0)
    assert clock.wall() > Clock().wall() + 29 * DAY_S
    assert sim.state()["quota"] == {"granted": 600, "refused": 0}


@pytest.mark.parametrize(
    ("flavour", "status", "words"),
    [
        ("day", 429, "PerDay"),
        ("short_day", 429, "35.6s"),
        ("both", 429, "PerMinute"),
        ("tokens", 429, "InputTokens"),
        ("zero", 429, "limit: 0"),
        ("bare", 429, "Resource has been exhausted"),
    ],
)
async def test_every_true_body_of_a_429_can_be_ordered(gemini, client, flavour, status, words):
    gemini.fault(Fault("rate_limited", flavour=flavour))
    seen = await client.ask(gemini, model=NEW)

    assert (seen.status, words.encode() in seen.body) == (status, True)


def test_an_unknown_flavour_is_refused_when_it_is_ordered():
    sim = SimulatedGemini()
    for kind in ("rate_limited", "busy", "unauthorized", "error_status", "empty"):
        with pytest.raises(ValueError, match=f"gemini has no {kind} of flavour 'x'"):
            sim.fault(Fault(kind, flavour="x"))


# Names


@given(st.from_regex(r"[a-z][a-z0-9]{0,5}(_[a-z0-9]{1,5}){0,3}", fullmatch=True))
def test_a_name_in_lower_camel_case_is_left_alone(name):
    assert camel(camel(name)) == camel(name)
    assert camel(name).lower() == name.replace("_", "")


def test_a_schema_of_googles_subset_becomes_json_schema_and_its_properties_keep_their_names():
    schema = {"type": "OBJECT", "properties": {"any_of": {"type": "ARRAY", "min_items": 2, "items": {"any_of": []}}}}

    assert json_schema(schema) == {
        "type": "object",
        "properties": {"any_of": {"type": "array", "minItems": 2, "items": {"anyOf": []}}},
    }


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("gemini-4-neon", (4, 0)),
        ("gemini-3.5-flash-lite", (3, 5)),
        ("gemini-flash-latest", (0, 0)),
        ("gemma-4-31b-it", (0, 0)),
    ],
)
def test_the_version_is_read_from_the_name(name, version):
    assert family_of(name).version == version
