"""The official `google-genai` package as a client of the simulated Gemini."""

import pytest
from google import genai
from google.genai import errors, types
from pydantic import BaseModel
from simulate_client import KEY, Clock

from cortex.simulate import GEMINI_FREE, Fault, SimulatedGemini

# The package derives a class from aiohttp's session, which aiohttp discourages; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

FLASH, OLD, EMBEDDER = "gemini-3.8-flash", "gemini-2.5-flash-lite", "gemini-embedding-001"
CITY = types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"])
WEATHER = types.Tool(function_declarations=[types.FunctionDeclaration(name="get_weather", parameters=CITY)])
TIME = types.FunctionDeclaration(name="get_time", parameters_json_schema={"type": "object", "properties": {}})
BOTH = types.Tool(function_declarations=[*WEATHER.function_declarations, TIME])


class Person(BaseModel):
    """What an answer is bound to."""

    name: str
    age: int


@pytest.fixture
async def models(gemini):
    async with client_of(gemini) as client:
        yield client.models


def client_of(sim, key=KEY):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=sim.origin)).aio


def config(**settings):
    return types.GenerateContentConfig(**settings)


async def gather(stream):
    return [chunk async for chunk in await stream]


async def test_a_whole_answer_has_text_and_usage(models):
    answer = await models.generate_content(model=FLASH, contents="Hello")
    usage = answer.usage_metadata

    assert "You said: Hello" in answer.text
    assert (answer.candidates[0].finish_reason, answer.model_version) == (types.FinishReason.STOP, FLASH)
    assert (
        usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count + usage.thoughts_token_count
    )


@pytest.mark.parametrize("model", [FLASH, OLD])
async def test_a_stream_puts_together_the_same_text_and_usage(models, model):
    whole = await models.generate_content(model=model, contents="Hello")
    chunks = await gather(models.generate_content_stream(model=model, contents="Hello"))

    assert "".join(chunk.text or "" for chunk in chunks) == whole.text
    assert chunks[-1].usage_metadata == whole.usage_metadata
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP


async def test_instructions_and_turns_are_read(gemini, models):
    turns = [
        types.UserContent("One"),
        types.ModelContent("Yes"),
        types.UserContent("Two"),
    ]
    answer = await models.generate_content(model=FLASH, contents=turns, config=config(system_instruction="Be brief"))

    assert "You said: Two" in answer.text
    assert gemini.requests[-1].json["systemInstruction"]["parts"] == [{"text": "Be brief"}]


async def test_thoughts_come_apart_from_the_text_when_they_are_asked_for(models):
    thinking = types.ThinkingConfig(include_thoughts=True, thinking_level="low")
    answer = await models.generate_content(model=FLASH, contents="Hello", config=config(thinking_config=thinking))
    thoughts = [part for part in answer.candidates[0].content.parts if part.thought]

    assert [part.text.startswith("The user wants") for part in thoughts] == [True]
    assert "The user wants" not in answer.text
    assert answer.usage_metadata.thoughts_token_count == 7


async def test_max_tokens_spent_on_thinking_leave_no_text(models):
    answer = await models.generate_content(model=FLASH, contents="Hello", config=config(max_output_tokens=3))

    assert answer.text is None
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


async def test_a_call_has_a_signature_and_its_result_goes_back_with_it(models):
    asked = types.UserContent("get_weather please")
    answer = await models.generate_content(model=FLASH, contents=[asked], config=config(tools=[WEATHER]))
    (call,) = answer.function_calls
    result = types.FunctionResponse(id=call.id, name=call.name, response={"result": "17 degrees"})
    turns = [asked, answer.candidates[0].content, types.UserContent(types.Part(function_response=result))]
    final = await models.generate_content(model=FLASH, contents=turns, config=config(tools=[WEATHER]))

    assert (call.name, list(call.args)) == ("get_weather", ["city"])
    assert answer.candidates[0].content.parts[0].thought_signature
    assert "The tool says: 17 degrees" in final.text


async def test_the_packages_own_calling_of_functions_works(models):
    def get_weather(city: str) -> str:
        """Tell the weather of a city."""
        return f"rain in {city}"

    answer = await models.generate_content(
        model=FLASH, contents="get_weather please", config=config(tools=[get_weather])
    )

    assert "The tool says: rain in" in answer.text


async def test_several_calls_come_in_one_turn_and_only_the_first_is_signed(models):
    chunks = await gather(
        models.generate_content_stream(model=FLASH, contents="use tools", config=config(tools=[BOTH]))
    )
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts if part.function_call]

    assert [part.function_call.name for part in parts] == ["get_weather", "get_time"]
    assert [part.thought_signature is not None for part in parts] == [True, False]


async def test_a_forced_function_is_called_and_a_forbidden_one_is_not(models):
    def calling(**settings):
        choice = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(**settings))
        return models.generate_content(model=FLASH, contents="Hello", config=config(tools=[BOTH], tool_config=choice))

    forced = await calling(mode="ANY", allowed_function_names=["get_time"])

    assert [call.name for call in forced.function_calls] == ["get_time"]
    assert (await calling(mode="NONE")).function_calls is None


async def test_parse_gives_the_model_that_the_answer_is_bound_to(models):
    bound = config(response_mime_type="application/json", response_schema=Person)
    answer = await models.generate_content(model=FLASH, contents="Who?", config=bound)

    assert isinstance(answer.parsed, Person)


async def test_json_schema_is_taken_as_it_is(models):
    schema = {"$schema": "x", "type": "object", "properties": {"n": {"const": 3}}, "additionalProperties": False}
    bound = config(response_mime_type="application/json", response_json_schema=schema)

    assert (await models.generate_content(model=FLASH, contents="Which?", config=bound)).parsed == {"n": 3}


async def test_an_image_is_seen(models):
    picture = types.Part.from_bytes(data=b"picture", mime_type="image/png")

    assert "I see 1 image." in (await models.generate_content(model=FLASH, contents=["What?", picture])).text


async def test_tokens_are_counted(models):
    assert (await models.count_tokens(model=FLASH, contents="one two three")).total_tokens == 7


async def test_texts_are_embedded_one_vector_each(models):
    both = await models.embed_content(model=EMBEDDER, contents=["one", "two"])
    short = await models.embed_content(
        model=EMBEDDER,
        contents="one",
        config=types.EmbedContentConfig(output_dimensionality=768, task_type="RETRIEVAL_QUERY"),
    )

    assert [len(embedding.values) for embedding in both.embeddings] == [3072, 3072]
    assert both.embeddings[0].values[:768] == short.embeddings[0].values


async def test_models_are_listed_page_by_page_and_found(gemini, models):
    listed = [model.name async for model in await models.list(config={"page_size": 3})]
    found = await models.get(model=FLASH)

    assert listed == [f"models/{model.name}" for model in gemini.models]
    assert len([request for request in gemini.requests if request.path.endswith("/models")]) == 3
    assert found.supported_actions == ["generateContent", "countTokens"]


@pytest.mark.parametrize(
    ("fault", "kind", "code", "status"),
    [
        (Fault("rate_limited"), errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
        (Fault("rate_limited", flavour="list"), errors.ClientError, 429, "RESOURCE_EXHAUSTED"),
        (Fault("unauthorized"), errors.ClientError, 400, "INVALID_ARGUMENT"),
        (Fault("unauthorized", flavour="leaked"), errors.ClientError, 403, "PERMISSION_DENIED"),
        (Fault("model_missing"), errors.ClientError, 404, "NOT_FOUND"),
        (Fault("busy"), errors.ServerError, 503, "UNAVAILABLE"),
        (Fault("error_status", status=500), errors.ServerError, 500, "INTERNAL"),
        (Fault("error_status", flavour="list"), errors.ServerError, 500, "INTERNAL"),
    ],
)
async def test_each_error_is_the_packages_own_exception(gemini, models, fault, kind, code, status):
    gemini.fault(fault)
    with pytest.raises(kind) as error:
        await models.generate_content(model=FLASH, contents="Hello")

    assert (error.value.code, error.value.status) == (code, status)


async def test_an_error_in_a_stream_is_raised(gemini, models):
    gemini.fault(Fault("error_in_stream", after_tokens=2, body="engine died"))
    with pytest.raises(errors.APIError, match="engine died"):
        await gather(models.generate_content_stream(model=FLASH, contents="Hello"))


async def test_a_blocked_prompt_has_a_reason_and_no_candidates(gemini, models):
    gemini.fault(Fault("empty", flavour="PROHIBITED_CONTENT"), times=2)
    whole = await models.generate_content(model=FLASH, contents="Hello")
    (chunk,) = await gather(models.generate_content_stream(model=FLASH, contents="Hello"))

    for answer in (whole, chunk):
        assert answer.candidates is None
        assert answer.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT


async def test_a_wrong_key_is_a_client_error(gemini):
    async with client_of(gemini, key="wrong") as client:
        with pytest.raises(errors.ClientError, match="API key not valid") as error:
            await client.models.generate_content(model=FLASH, contents="Hello")

    assert error.value.code == 400


async def test_a_spent_day_says_when_it_ends(start):
    clock = Clock()
    sim = await start(SimulatedGemini(keys=KEY, quota=GEMINI_FREE, clock=clock, wall=clock.wall, instant=True))
    async with client_of(sim) as client:
        for _ in range(20):
            await client.models.generate_content(model="gemini-3.5-flash", contents="Hello")
            clock.now += 20
        with pytest.raises(errors.ClientError) as error:
            await client.models.generate_content(model="gemini-3.5-flash", contents="Hello")

    assert "limit: 20, model: gemini-3.5-flash" in error.value.message
    assert error.value.details["error"]["details"][-1]["retryDelay"] == "71600s"
