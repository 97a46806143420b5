"""Embeddings of the simulated Ollama and OpenAI, asked by the official clients and byte by byte."""

import base64
import json
import math
import struct

import ollama
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulate_client import KEY, Clock

from cortex.simulate import Fault, Limit, Quota, SimulatedModel, SimulatedOllama, SimulatedOpenAI
from cortex.simulate.embedding import in_base64, scaled, vector

EMBEDDER = SimulatedModel("nomic-embed-text:latest", ("embedding",), dimensions=768, context_length=8)
SMALL = SimulatedModel("text-embedding-3-small", ("embedding",), dimensions=1536)
texts = st.text(max_size=40)


def length_of(numbers):
    return math.hypot(*numbers)


@given(texts, texts, st.integers(2, 64))
def test_a_text_has_one_vector_of_length_one_and_another_text_has_another(text, other, dimensions):
    numbers = vector(text, dimensions)

    assert numbers == vector(text, dimensions)
    assert (numbers == vector(other, dimensions)) == (text == other)
    assert length_of(numbers) == pytest.approx(1, abs=1e-5)


@given(texts, st.integers(1, 32))
def test_a_shorter_vector_is_the_beginning_of_the_longer(text, dimensions):
    assert vector(text, dimensions, of=32) == vector(text, 32)[:dimensions]


@given(texts)
def test_base64_has_the_same_numbers_as_json(text):
    numbers = vector(text, 16)

    assert (
        list(struct.unpack("<16f", base64.b64decode(in_base64(numbers)))) == numbers == json.loads(json.dumps(numbers))
    )


@given(st.lists(st.floats(-1, 1, width=32).filter(lambda number: abs(number) > 1e-3), min_size=1, max_size=8))
def test_a_vector_is_scaled_to_the_length_that_is_asked_for(numbers):
    assert length_of(scaled(numbers, 5.0)) == pytest.approx(5, abs=1e-4)


# Ollama


@pytest.fixture
async def desk(start):
    return await start(SimulatedOllama(name="desk", models=("llama3.2:latest", EMBEDDER), instant=True))


async def test_ollama_embeds_several_texts_in_order_normalised_and_counted(ollama_sdk):
    answer = await ollama_sdk.embed("nomic-embed-text", ["one", "two three", "one"])
    first, second, third = answer.embeddings

    assert first == third != second
    assert [len(first), length_of(first)] == [768, pytest.approx(1, abs=1e-5)]
    assert (answer.model, answer.prompt_eval_count) == ("nomic-embed-text", 4)


async def test_ollama_embeds_one_text_as_a_list_of_one_and_none_as_an_empty_list(ollama_sdk):
    assert len((await ollama_sdk.embed("nomic-embed-text", "one")).embeddings) == 1
    assert (await ollama_sdk.embed("nomic-embed-text", [])).embeddings == []


async def test_ollama_shortens_a_vector_and_normalises_it_again(ollama_sdk):
    (short,) = (await ollama_sdk.embed("nomic-embed-text", "one", dimensions=64)).embeddings

    assert [len(short), length_of(short)] == [64, pytest.approx(1, abs=1e-5)]


async def test_the_older_way_gives_one_vector_that_is_not_normalised(ollama_sdk):
    old = (await ollama_sdk.embeddings("nomic-embed-text", "one")).embedding
    (new,) = (await ollama_sdk.embed("nomic-embed-text", "one")).embeddings

    assert length_of(old) > 2
    assert scaled(old, 1.0) == pytest.approx(new, abs=1e-6)


async def test_two_models_make_two_vectors_of_one_text(ollama_sdk):
    vectors = [(await ollama_sdk.embed(model, "one")).embeddings[0] for model in ("nomic-embed-text", "llama3.2")]

    assert vectors[0][:8] != vectors[1][:8]


async def test_embedding_loads_the_model_and_keeps_it(desk, ollama_sdk):
    await ollama_sdk.embed("nomic-embed-text", "one", keep_alive="10m")

    assert desk.loaded == {"nomic-embed-text:latest"}


async def test_a_text_that_is_too_long_is_cut_unless_that_is_forbidden(ollama_sdk):
    long = " ".join("word" * 9 for _ in range(9))

    assert (await ollama_sdk.embed("nomic-embed-text", long)).prompt_eval_count == 8
    with pytest.raises(ollama.ResponseError, match="the input length exceeds the context length"):
        await ollama_sdk.embed("nomic-embed-text", long, truncate=False)


@pytest.mark.parametrize("given_input", [7, ["a", 7], {"a": 1}])
async def test_ollama_embeds_nothing_but_texts(desk, client, given_input):
    seen = await client.post(desk, "/api/embed", {"model": "nomic-embed-text", "input": given_input})

    assert (seen.status, json.loads(seen.body)) == (400, {"error": "invalid input type"})


async def test_an_embedder_neither_chats_nor_generates(ollama_sdk):
    with pytest.raises(ollama.ResponseError, match='"nomic-embed-text:latest" does not support chat'):
        await ollama_sdk.chat("nomic-embed-text", [{"role": "user", "content": "Hello"}])
    with pytest.raises(ollama.ResponseError, match="does not support generate"):
        await ollama_sdk.generate("nomic-embed-text", "Hello")


async def test_an_unknown_embedder_is_not_found(ollama_sdk):
    with pytest.raises(ollama.ResponseError) as error:
        await ollama_sdk.embed("nobody", "one")

    assert error.value.status_code == 404


async def test_its_tags_tell_the_length_of_its_vectors(desk, client):
    entries = json.loads((await client.get(desk, "/api/tags")).body)["models"]

    assert entries[1]["details"]["embedding_length"] == 768
    assert entries[1]["capabilities"] == ["embedding"]


# OpenAI


@pytest.fixture
async def cloud(start):
    return await start(SimulatedOpenAI(name="cloud", models=("sim-small", SMALL), api_key=KEY, instant=True))


async def test_the_client_gets_floats_out_of_the_base64_that_it_asks_for(cloud, openai_sdk):
    answer = await openai_sdk.embeddings.create(model=SMALL.name, input=["one", "two three"])
    floats = await openai_sdk.embeddings.create(model=SMALL.name, input="one", encoding_format="float")

    assert cloud.requests[0].json["encoding_format"] == "base64"
    assert answer.data[0].embedding == pytest.approx(floats.data[0].embedding)
    assert [entry.index for entry in answer.data] == [0, 1]
    assert (len(answer.data[0].embedding), answer.usage.prompt_tokens, answer.usage.total_tokens) == (1536, 3, 3)


async def test_a_shorter_vector_is_normalised_too(openai_sdk):
    answer = await openai_sdk.embeddings.create(model=SMALL.name, input="one", dimensions=256)

    assert length_of(answer.data[0].embedding) == pytest.approx(1, abs=1e-5)
    assert len(answer.data[0].embedding) == 256


@pytest.mark.parametrize(("given_input", "count"), [([1, 2, 3], 1), ([[1, 2], [3]], 2)])
async def test_tokens_may_stand_for_texts(openai_sdk, given_input, count):
    answer = await openai_sdk.embeddings.create(model=SMALL.name, input=given_input)

    assert (len(answer.data), answer.usage.prompt_tokens) == (count, 3)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "word " * 8193}, "input"),
        ({"input": "a", "dimensions": 1537}, "dimensions"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
    ],
)
async def test_what_cannot_be_embedded_is_a_bad_request(openai_sdk, asked, param):
    with pytest.raises(openai.BadRequestError) as error:
        await openai_sdk.embeddings.create(model=SMALL.name, **asked)

    assert error.value.param == param


async def test_a_chat_model_does_not_embed_and_an_embedder_does_not_chat(openai_sdk):
    with pytest.raises(openai.PermissionDeniedError):
        await openai_sdk.embeddings.create(model="sim-small", input="one")
    with pytest.raises(openai.NotFoundError, match="not a chat model"):
        await openai_sdk.chat.completions.create(model=SMALL.name, messages=[{"role": "user", "content": "Hello"}])


async def test_embeddings_draw_on_the_quota_by_their_tokens_too(start):
    clock = Clock()
    quota = Quota(limits=(Limit(4, "minute", "tokens"),))
    sim = await start(SimulatedOpenAI(models=(SMALL,), quota=quota, clock=clock, instant=True))
    async with openai.AsyncOpenAI(base_url=sim.url, api_key=KEY, max_retries=0) as sdk:
        await sdk.embeddings.create(model=SMALL.name, input="one two three")
        with pytest.raises(
            openai.RateLimitError, match=r"tokens per min \(TPM\): Limit 4, Used 3, Requested 2"
        ) as error:
            await sdk.embeddings.create(model=SMALL.name, input="one two")

    assert error.value.type == "tokens"
    assert error.value.response.headers["x-ratelimit-remaining-tokens"] == "1"
    assert (sim.quota.granted, sim.quota.refused) == (1, 1)


# Faults, of both


@pytest.mark.parametrize("kind", ["ollama", "openai"])
@pytest.mark.parametrize("fault", ["busy", "rate_limited", "html", "empty", "garbage", "cut", "error_in_stream"])
async def test_embeddings_meet_the_faults_that_generating_meets(desk, cloud, client, kind, fault):
    sim = desk if kind == "ollama" else cloud
    path = "/api/embed" if kind == "ollama" else "/v1/embeddings"
    body = {"model": sim.models[1].name, "input": "one"}
    sim.fault(Fault(fault))
    broken, good = await client.post(sim, path, body), await client.post(sim, path, body)

    assert (sim.requests[0].fault.kind, sim.requests[0].ended) == (fault, "fault")
    assert broken.body != good.body
    assert (good.status, good.error) == (200, None)
