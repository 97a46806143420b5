"""The official SDK as a judge: it knows every field that is written, and reads everything that is recorded."""

import inspect
import json
import typing
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel, TypeAdapter

from cortex.chat import Chat, Embed, Image, JsonSchema, Message, Sampling, Text, Tool, ToolCall
from cortex.providers.cohere import Cohere

cohere = pytest.importorskip("cohere")

DATA = Path(__file__).parent / "data" / "cohere"
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TURNS = (
    Message("system", (Text("Be kind"),)),
    Message("user", (Text("Look"), Image("image/png", "QUJD", detail="low"), Image(url="https://x/y.png"))),
    Message("assistant", (Text("I will."),), reasoning="hm", tool_calls=(ToolCall("1", "get-weather", "{}"),)),
    Message("tool", (Text("rain"),), tool_call_id="1", name="get-weather"),
    Message("assistant", (Text("Rain."),), reasoning="so"),
    Message("user", (Text("Sure?"),)),
)
CHATS = {
    "tools": Chat(
        messages=TURNS,
        tools=(Tool("get-weather", "Tells it", CITY, strict=True),),
        tool_choice="required",
        sampling=Sampling(temperature=2, top_p=1, top_k=5, seed=-1, presence_penalty=2),
        stop=("a",),
        max_tokens=5,
        reasoning="high",
    ),
    "documents": Chat(messages=TURNS, documents=("one", {"id": "2", "data": {"text": "two"}}), reasoning="none"),
    "schema": Chat(messages=TURNS, response_format=JsonSchema(CITY)),
    "json": Chat(messages=TURNS, response_format="json", tools=(Tool("clock"),)),
}


def foreign_keys(value):
    """Yield every key that a model of the SDK has no field for."""
    if isinstance(value, BaseModel):
        yield from value.model_extra or ()
        for name in type(value).model_fields:
            yield from foreign_keys(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from foreign_keys(item)


def judged(method, body):
    """Validate each field of a body as the SDK's parameter of that name; return the keys that it does not know."""
    hints = typing.get_type_hints(method)
    parameters = inspect.signature(method).parameters
    unknown = [name for name in body if name not in parameters]
    for name, value in body.items():
        if name in parameters:
            unknown += foreign_keys(TypeAdapter(hints[name]).validate_python(value))
    return unknown


@pytest.mark.parametrize("model", ["command-a-03-2025", "command-a-reasoning-08-2025"])
@pytest.mark.parametrize("name", CHATS)
def test_chat_is_one_of_the_sdks(name, model, asked):
    body = json.loads(Cohere().encode(asked("openai"), CHATS[name], model).body)

    assert judged(cohere.ClientV2.chat, body) == []


def test_embed_is_one_of_the_sdks(asked):
    embed = Embed(inputs=("a",), dimensions=256, purpose="search_query", truncate=False)
    body = json.loads(Cohere().encode(asked("openai"), embed, "embed-v4.0").body)

    assert judged(cohere.ClientV2.embed, body) == []


@pytest.fixture
def client():
    """Make an SDK client that gets a recorded file for an answer, whatever it asks."""

    def make(name, media_type):
        answer = httpx.Response(200, headers={"content-type": media_type}, content=(DATA / name).read_bytes())
        transport = httpx.MockTransport(lambda _: answer)
        return cohere.ClientV2(api_key="none", httpx_client=httpx.Client(transport=transport))

    return make


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("*.sse")))
def test_recorded_stream_is_one_that_the_sdk_reads(name, client):
    events = list(client(name, "text/event-stream").chat_stream(model="m", messages=[]))

    assert events[0].type == "message-start"
    assert events[-1].type == "message-end"
    assert events[-1].delta.usage.tokens.input_tokens == 71


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("whole*.json")))
def test_recorded_answer_is_one_that_the_sdk_reads(name, client):
    assert client(name, "application/json").chat(model="m", messages=[]).finish_reason in {"COMPLETE", "TOOL_CALL"}


def test_recorded_embeddings_and_models_are_ones_that_the_sdk_reads(client):
    vectors = client("embed.json", "application/json").embed(model="m", input_type="search_query", texts=["a", "b"])
    listed = client("models.json", "application/json").models.list()

    assert vectors.embeddings.float_ == [[0.5, -0.25], [1.0, 0.0]]
    assert listed.models[0].endpoints == ["generate", "chat"]
