"""What is sent to an OpenAI-like server."""

import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Image, JsonSchema, Message, RawPrompt, Sampling, Text, Tool, ToolCall, needs_of
from cortex.providers.openai import OpenAI
from cortex.providers.openai_switches import Switches, nine

USER = Message("user", (Text("Hi"),))
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


@pytest.fixture(scope="session")
def sent(asked):
    """Return what a chat, or a client's own body, becomes on the wire."""

    def encode(given, switches=None, **request):
        provider = OpenAI(switches=switches or Switches())
        if isinstance(given, Chat):
            wire = provider.encode(asked("ollama", stream=given.stream), given, "up/m")
        else:
            body = given if isinstance(given, bytes) else json.dumps(given, separators=(",", ":")).encode()
            wire = provider.encode(asked("openai", body, **({"stream": False} | request)), None, "up/m")
        return json.loads(wire.body)

    return encode


def chat(*messages, **given):
    return Chat(messages=messages or (USER,), **given)


def test_plain_chat_is_written_in_the_fewest_words(sent):
    assert sent(chat()) == {"model": "up/m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("prefill", "last", "beside"),
    [
        ("plain", {}, {}),
        ("prefix", {"prefix": True}, {}),
        ("continue_final_message", {}, {"continue_final_message": True, "add_generation_prompt": False}),
    ],
)
def test_a_begun_answer_is_given_as_the_server_wants_it(sent, prefill, last, beside):
    begun = Message("assistant", (Text("Hel"),))
    body = sent(chat(USER, begun), Switches(prefill=prefill))

    assert body["messages"][-1] == {"role": "assistant", "content": "Hel", **last}
    assert {name: body[name] for name in body if name not in {"model", "messages"}} == beside


def test_an_answer_that_was_not_begun_is_marked_nowhere(sent):
    called = Message("assistant", (), tool_calls=(ToolCall("c", "weather", "{}"),))

    assert "prefix" not in sent(chat(USER, called), Switches(prefill="prefix"))["messages"][-1]


def test_every_part_of_a_chat_is_written(sent):
    full = chat(
        stream=True,
        tools=(Tool("weather", "Tells it", SCHEMA, strict=True), Tool("clock")),
        tool_choice="=weather",
        parallel_tool_calls=False,
        max_tokens=5,
        sampling=Sampling(0.0, 0.9, 40, 0.1, 7, 0.2, 0.3, 1.1),
        stop=("a", "b"),
        response_format=JsonSchema(SCHEMA, "city", "A city", strict=True),
        reasoning="high",
        n=2,
        logprobs=True,
        top_logprobs=3,
        logit_bias={"5": -100.0},
        options={"typical_p": 0.5, "num_ctx": 9},
    )

    assert sent(full) == {
        "model": "up/m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {
                "type": "function",
                "function": {"name": "weather", "description": "Tells it", "parameters": SCHEMA, "strict": True},
            },
            {"type": "function", "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "max_tokens": 5,
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 40,
        "min_p": 0.1,
        "seed": 7,
        "presence_penalty": 0.2,
        "frequency_penalty": 0.3,
        "repeat_penalty": 1.1,
        "stop": ["a", "b"],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "city", "schema": SCHEMA, "description": "A city", "strict": True},
        },
        "reasoning_effort": "high",
        "n": 2,
        "logprobs": True,
        "top_logprobs": 3,
        "logit_bias": {"5": -100.0},
        "typical_p": 0.5,
    }


def test_messages_of_a_tool_turn_are_written(sent):
    turns = chat(
        Message("system", (Text("Be kind"),)),
        Message("user", (Text("Look"), Image("image/jpeg", "QUJD", detail="low"), Image(url="https://x/y.png"))),
        Message("assistant", reasoning="hm", tool_calls=(ToolCall("call_1", "weather", '{"city":"Köln"}'),)),
        Message("tool", (Text("rain"),), tool_call_id="call_1", name="weather"),
        Message("assistant", (Text("Wet"),)),
    )

    assert sent(turns)["messages"] == [
        {"role": "system", "content": "Be kind"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look"},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Köln"}'}}
            ],
        },
        {"role": "tool", "content": "rain", "tool_call_id": "call_1"},
        {"role": "assistant", "content": "Wet"},
    ]


@pytest.mark.parametrize(
    ("given_chat", "field", "value"),
    [
        (chat(response_format="json"), "response_format", {"type": "json_object"}),
        (chat(tools=(Tool("t"),), tool_choice="required"), "tool_choice", "required"),
        (chat(tools=(Tool("t"),), tool_choice="none"), "tool_choice", "none"),
        (chat(tools=(Tool("t"),)), "tool_choice", None),
        (chat(reasoning="on"), "reasoning_effort", "medium"),
        (chat(reasoning="none"), "reasoning_effort", "none"),
        (chat(), "stream_options", None),
    ],
)
def test_field_is_written_for(given_chat, field, value, sent):
    assert sent(given_chat).get(field) == value


def test_options_beyond_the_standard_are_left_out_where_they_are_refused(sent):
    provider = OpenAI(switches=Switches(extra_sampling=False))
    fields = sent(chat(sampling=Sampling(top_k=4)), Switches(extra_sampling=False))

    assert "top_k" not in fields
    assert "top_k" in provider.lacks


def test_what_a_provider_lacks_is_data():
    assert "tools" not in OpenAI().lacks
    assert OpenAI(switches=Switches(lacks=("tools",))).lacks == OpenAI().lacks | {"tools"}
    assert needs_of(chat(raw_prompt=RawPrompt("x"))) <= OpenAI().only_passes


def test_path_is_that_of_the_operation(asked):
    body = b'{"model":"m","prompt":"x"}'

    assert OpenAI().encode(asked("openai", body, operation="complete"), None, "m").path == "/completions"
    assert OpenAI().encode(asked("ollama"), chat(), "m").path == "/chat/completions"


def test_own_dialect_goes_on_byte_for_byte(asked):
    body = b'{ "messages": [ {"role":"user", "content":"H\\u0069"} ], "temperature": 0.10, "x": {"b":1}, "model": "m" }'

    assert OpenAI().encode(asked("openai", body, stream=False), None, "m").body is body


def test_own_dialect_changes_only_the_name_of_the_model(asked):
    body = b'{"model":"fast","messages":[ {"role":"user", "content":"H\\u0069"} ],"temperature":0.10}'

    assert OpenAI().encode(asked("openai", body, stream=False, model="fast"), None, "m").body == body.replace(
        b"fast", b"m"
    )


def test_absent_model_is_written(sent):
    assert sent({"messages": []})["model"] == "up/m"


@pytest.mark.parametrize(
    ("given_options", "options"),
    [
        (None, {"include_usage": True}),
        ({"include_usage": False}, {"include_usage": True}),
        ({"include_obfuscation": False}, {"include_obfuscation": False, "include_usage": True}),
    ],
)
def test_stream_is_always_asked_for_its_usage(given_options, options, sent):
    body = {"stream": True, "stream_options": given_options}

    assert sent(body, stream=True)["stream_options"] == options


def test_server_that_knows_no_stream_options_gets_none(sent):
    switches = Switches(supports_stream_options=False)

    assert "stream_options" not in sent({"stream": True, "stream_options": {}}, switches, stream=True)
    assert "stream_options" not in sent(chat(stream=True), switches)


@pytest.mark.parametrize(
    ("field", "body", "bound"),
    [
        (None, {"max_tokens": 1}, {"max_tokens": 1}),
        (None, {"max_completion_tokens": 1}, {"max_completion_tokens": 1}),
        ("max_tokens", {"max_completion_tokens": 1}, {"max_tokens": 1}),
        ("max_tokens", {"max_completion_tokens": 1, "max_tokens": 2}, {"max_tokens": 1}),
        ("max_tokens", {"max_completion_tokens": None, "max_tokens": 2}, {"max_tokens": 2}),
        ("max_completion_tokens", {"max_tokens": 2}, {"max_completion_tokens": 2}),
        ("max_completion_tokens", {}, {}),
    ],
)
def test_bound_of_the_answer_has_the_name_that_the_server_knows(field, body, bound, sent):
    fields = sent({**body, "messages": []}, Switches(max_tokens_field=field))

    assert {name: value for name, value in fields.items() if "max" in name} == bound


MISTRAL = Switches(
    tool_id_pattern="alnum9",
    tool_choice_required_value="any",
    seed_field="random_seed",
    drop_fields=("store",),
    strip_message_keys=("annotations",),
    strip_message_nulls=True,
    reasoning_field="reasoning",
    repeat_penalty_field="repetition_penalty",
)


def test_switches_bend_a_clients_own_request(sent):
    body = {
        "seed": 1,
        "store": True,
        "tool_choice": "required",
        "messages": [
            {"role": "developer", "content": "x", "annotations": []},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "call_abc", "function": {"name": "f"}}]},
            {"role": "tool", "tool_call_id": "call_abc", "content": "y", "name": None},
        ],
    }

    fields = sent(body, MISTRAL)

    short = fields["messages"][1]["tool_calls"][0]["id"]
    assert re.fullmatch("[A-Za-z0-9]{9}", short)
    assert fields == {
        "random_seed": 1,
        "tool_choice": "any",
        "messages": [
            {"role": "system", "content": "x"},
            {"role": "assistant", "tool_calls": [{"id": short, "function": {"name": "f"}}]},
            {"role": "tool", "tool_call_id": short, "content": "y"},
        ],
        "model": "up/m",
    }


def test_switches_bend_a_translated_request_alike(sent):
    turns = chat(
        Message("assistant", reasoning="hm", tool_calls=(ToolCall("call_1", "t", "{}"),)),
        Message("tool", (Text("y"),), tool_call_id="call_1"),
        tools=(Tool("t"),),
        tool_choice="required",
        sampling=Sampling(seed=1, repeat_penalty=1.5),
    )

    fields = sent(turns, MISTRAL)

    call = fields["messages"][0]["tool_calls"][0]
    assert (fields["random_seed"], fields["tool_choice"], fields["repetition_penalty"]) == (1, "any", 1.5)
    assert fields["messages"][0]["reasoning"] == "hm"
    assert call["id"] == fields["messages"][1]["tool_call_id"] == nine("call_1")


def test_role_developer_can_be_kept(sent):
    body = {"messages": [{"role": "developer", "content": "x"}]}

    assert sent(body, Switches(developer_to_system=False))["messages"] == body["messages"]


def test_the_word_developer_in_a_text_is_no_role(sent):
    body = {"messages": [{"role": "user", "content": "developer"}]}

    assert sent(body)["messages"] == body["messages"]


@given(st.text(max_size=40))
def test_short_id_is_nine_letters_and_digits_and_stays_itself(tool_id):
    short = nine(tool_id)

    assert re.fullmatch("[A-Za-z0-9]{9}", short)
    assert nine(short) == short


@given(st.sets(st.text(max_size=20), max_size=30))
def test_different_ids_stay_different(ids):
    assert len({nine(each) for each in ids}) == len(ids)


def test_switches_are_read_from_settings():
    """The table of a worker's settings becomes the struct, and a mistake names its place."""
    assert msgspec.convert({"tool_id_pattern": "alnum9", "lacks": ["n"]}, Switches).lacks == ("n",)
    with pytest.raises(msgspec.ValidationError, match="max_tokens_field"):
        msgspec.convert({"max_tokens_field": "x"}, Switches)
