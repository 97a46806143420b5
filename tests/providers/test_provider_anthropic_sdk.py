"""The official SDK as a judge: it knows every field that is written, and reads everything that is recorded."""

import json
import typing
from pathlib import Path

import httpx2
import pytest
from pydantic import TypeAdapter

from cortex.chat import Chat, Image, JsonSchema, Message, Sampling, Text, Tool, ToolCall
from cortex.providers.anthropic import Anthropic

anthropic = pytest.importorskip("anthropic")
from anthropic.types import message_create_params as params  # noqa: E402  only where the package is

DATA = Path(__file__).parent / "data" / "anthropic"
BROKEN = {"broken_call.sse", "error_first.sse", "error_late.sse"}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TURNS = (
    Message("system", (Text("Be kind"),)),
    Message("user", (Text("Look"), Image("image/png", "QUJD", detail="low"), Image(url="https://x/y.png"))),
    Message("assistant", (Text("I will."),), reasoning="hm", tool_calls=(ToolCall("1", "weather", "{}"),)),
    Message("tool", (Text("rain"), Image("image/png", "QUJD")), tool_call_id="1", name="weather"),
    Message("assistant", (Text("Rain."),), reasoning="so"),
    Message("user", (Text("Sure?"),)),
)
CHATS = {
    "tools": Chat(
        messages=TURNS,
        tools=(Tool("weather", "Tells it", CITY, strict=True), Tool("clock")),
        tool_choice="required",
        parallel_tool_calls=False,
        sampling=Sampling(temperature=2, top_k=5, seed=-1),
        stop=("a",),
        stream=True,
        max_tokens=5,
    ),
    "thinking": Chat(messages=TURNS, reasoning="high", documents=("one", {"id": "2", "data": {"text": "two"}})),
    "quiet": Chat(messages=TURNS, reasoning="none"),
    "schema": Chat(messages=TURNS, response_format=JsonSchema(CITY)),
}


def known_fields():
    """Return the SDK's types of the fields of a request, in its dialect's older form as well as in the newer."""
    both = {}
    for kind in (params.MessageCreateParamsNonStreaming, params.MessageCreateParamsStreaming):
        both |= typing.get_type_hints(kind)
    return both


FIELDS = known_fields()
SAMPLING = {"temperature", "top_p", "top_k"}
"""Gone from the SDK with the API of 21 Oct 2026; the older version, which is asked for, has them."""


@pytest.mark.parametrize("model", ["claude-sonnet-5-5", "claude-haiku-4-5"])
@pytest.mark.parametrize("name", CHATS)
def test_chat_is_one_of_the_sdks(name, model, asked):
    body = json.loads(Anthropic().encode(asked("openai"), CHATS[name], model).body)

    assert set(body) - SAMPLING <= set(FIELDS)
    for field in set(body) - SAMPLING - {"messages", "tools"}:
        TypeAdapter(FIELDS[field]).validate_python(body[field])
    for message in body["messages"]:
        TypeAdapter(anthropic.types.MessageParam).validate_python(message)
    for tool in body.get("tools", ()):
        TypeAdapter(anthropic.types.ToolParam).validate_python(tool)


@pytest.fixture
def client():
    """Make an SDK client that gets a recorded file for an answer, whatever it asks."""

    def make(name, media_type):
        answer = httpx2.Response(200, headers={"content-type": media_type}, content=(DATA / name).read_bytes())
        transport = httpx2.MockTransport(lambda _: answer)
        return anthropic.Anthropic(api_key="none", max_retries=0, http_client=httpx2.Client(transport=transport))

    return make


ASKED = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize("name", sorted({path.name for path in DATA.glob("*.sse")} - BROKEN))
def test_recorded_stream_is_one_that_the_sdk_reads(name, client):
    with client(name, "text/event-stream") as sdk, sdk.messages.stream(**ASKED) as stream:
        message = stream.get_final_message()

    assert message.stop_reason is not None
    assert message.usage.output_tokens == 4


@pytest.mark.parametrize(
    ("name", "error"), [("error_first.sse", "Overloaded"), ("error_late.sse", "Internal server error")]
)
def test_recorded_error_is_one_that_the_sdk_raises(name, error, client):
    with (
        client(name, "text/event-stream") as sdk,
        pytest.raises(anthropic.APIStatusError, match=error),
        sdk.messages.stream(**ASKED) as stream,
    ):
        stream.get_final_message()


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("whole*.json")))
def test_recorded_answer_is_one_that_the_sdk_reads(name, client):
    with client(name, "application/json") as sdk:
        assert sdk.messages.create(**ASKED).usage.input_tokens == 9


def test_recorded_models_are_ones_that_the_sdk_reads(client):
    with client("models.json", "application/json") as sdk:
        first = sdk.models.list().data[0]

    assert (first.id, first.lifecycle, first.capabilities.image_input.supported) == (
        "claude-sonnet-5-5",
        "active",
        True,
    )
