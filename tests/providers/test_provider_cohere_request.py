"""What is sent to Cohere for a chat."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Image, JsonSchema, Message, Sampling, Text, Tool, ToolCall, needs_of
from cortex.providers.cohere import Cohere
from cortex.providers.cohere_json import is_spoken

USER = Message("user", (Text("Hi"),))
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NO_PARAMETERS = {"type": "object", "properties": {}}
CLOSED = {**CITY, "additionalProperties": False}
OPTIONAL = {**CITY, "properties": {"city": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}
WEATHER = Tool("get-weather", "Tells it", CITY)
CLOCK = Tool("clock")
THINKER = "command-a-reasoning-08-2025"


@pytest.fixture(scope="session")
def sent(asked):
    """Return the body that a chat becomes on the wire."""

    def encode(chat, model="command-a-03-2025"):
        wire = Cohere().encode(asked("openai", stream=chat.stream), chat, model)
        assert (wire.path, wire.method, wire.more) == ("/v2/chat", "POST", ())
        return json.loads(wire.body)

    return encode


def chat(*messages, **given):
    return Chat(messages=messages or (USER,), **given)


def written_tool(name, parameters, **more):
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def test_plain_chat_is_written_in_the_fewest_words(sent):
    assert sent(chat()) == {"model": "command-a-03-2025", "messages": [{"role": "user", "content": "Hi"}]}


def test_every_part_of_a_chat_is_written(sent):
    full = chat(
        stream=True,
        tools=(WEATHER, CLOCK),
        tool_choice="required",
        max_tokens=5,
        sampling=Sampling(temperature=0.0, top_p=0.9, top_k=40, seed=7, frequency_penalty=0.3),
        stop=("a",),
        reasoning="low",
        documents=("one", {"id": "2", "data": {"text": "two"}}),
    )

    assert sent(full, THINKER) == {
        "model": THINKER,
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "tools": [
            written_tool("get_x2d_weather", CITY, description="Tells it"),
            written_tool("clock", NO_PARAMETERS),
        ],
        "tool_choice": "REQUIRED",
        "temperature": 0.0,
        "p": 0.9,
        "k": 40,
        "seed": 7,
        "frequency_penalty": 0.3,
        "documents": ["one", {"id": "2", "data": {"text": "two"}}],
        "max_tokens": 5,
        "stop_sequences": ["a"],
        "thinking": {"type": "enabled", "token_budget": 1024},
    }


CALLS = (ToolCall("1", "get-weather", '{"city":"Köln"}'), ToolCall("2", "clock", ""))
WRITTEN_CALLS = [
    {"id": "1", "type": "function", "function": {"name": "get_x2d_weather", "arguments": '{"city":"Köln"}'}},
    {"id": "2", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
]


@pytest.mark.parametrize(
    ("message", "turn"),
    [
        (Message("system", (Text("Be kind"),)), {"role": "system", "content": "Be kind"}),
        (
            Message("system", (Text("Be kind"), Text("and short"))),
            {"role": "system", "content": [{"type": "text", "text": "Be kind"}, {"type": "text", "text": "and short"}]},
        ),
        (Message("user"), {"role": "user", "content": ""}),
        (
            Message("user", (Text("Look"), Image("image/jpeg", "QUJD", detail="low"))),
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QUJD", "detail": "low"}},
                ],
            },
        ),
        (
            Message("user", (Image(url="https://x/y.png"),)),
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
        ),
        (Message("assistant", (Text("Yes"),), reasoning="hm"), {"role": "assistant", "content": "Yes"}),
        (Message("assistant", tool_calls=CALLS), {"role": "assistant", "tool_calls": WRITTEN_CALLS}),
        (
            Message("assistant", (Text("I will look."),), reasoning="hm", tool_calls=CALLS),
            {"role": "assistant", "tool_plan": "I will look.", "tool_calls": WRITTEN_CALLS},
        ),
        (
            Message("assistant", reasoning="I will look.", tool_calls=CALLS),
            {"role": "assistant", "tool_plan": "I will look.", "tool_calls": WRITTEN_CALLS},
        ),
        (
            Message("tool", (Text("rain"),), tool_call_id="1", name="get-weather"),
            {"role": "tool", "content": "rain", "tool_call_id": "1"},
        ),
        (Message("tool", tool_call_id="1"), {"role": "tool", "content": "", "tool_call_id": "1"}),
    ],
)
def test_message_is_written(message, turn, sent):
    assert sent(chat(message))["messages"] == [turn]


@pytest.mark.parametrize("message", [Message("system"), Message("assistant"), Message("assistant", reasoning="hm")])
def test_message_that_says_nothing_is_left_out(message, sent):
    """Cohere answers 400 to an empty one (litellm #5382)."""
    assert sent(chat(message, USER))["messages"] == [{"role": "user", "content": "Hi"}]


def test_thinking_goes_back_to_a_model_that_thinks(sent):
    turns = chat(
        Message("assistant", (Text("Yes"),), reasoning="hm"),
        Message("assistant", (Text("Now."),), reasoning="so", tool_calls=CALLS),
        Message("assistant", reasoning="so", tool_calls=CALLS),
    )

    assert sent(turns, THINKER)["messages"] == [
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes"}],
        },
        {
            "role": "assistant",
            "tool_plan": "Now.",
            "tool_calls": WRITTEN_CALLS,
            "content": [{"type": "thinking", "thinking": "so"}],
        },
        {"role": "assistant", "tool_calls": WRITTEN_CALLS, "content": [{"type": "thinking", "thinking": "so"}]},
    ]


@pytest.mark.parametrize(
    ("effort", "thinking"),
    [
        ("none", {"type": "disabled"}),
        ("on", {"type": "enabled"}),
        ("minimal", {"type": "enabled", "token_budget": 256}),
        ("low", {"type": "enabled", "token_budget": 1024}),
        ("medium", {"type": "enabled", "token_budget": 4096}),
        ("high", {"type": "enabled", "token_budget": 16384}),
        ("xhigh", {"type": "enabled"}),
        ("max", {"type": "enabled"}),
    ],
)
def test_effort_becomes_a_budget_where_the_model_thinks(effort, thinking, sent):
    assert sent(chat(reasoning=effort), "command-a-plus-05-2026")["thinking"] == thinking
    assert "thinking" not in sent(chat(reasoning=effort))


def test_thinking_is_left_to_the_model_where_the_client_did_not_say(sent):
    assert "thinking" not in sent(chat(), THINKER)


@pytest.mark.parametrize(
    ("choice", "word", "names"),
    [
        ("auto", None, ["get_x2d_weather", "clock"]),
        ("none", "NONE", ["get_x2d_weather", "clock"]),
        ("required", "REQUIRED", ["get_x2d_weather", "clock"]),
        ("=get-weather", "REQUIRED", ["get_x2d_weather"]),
    ],
)
def test_choice_of_a_tool_is_written(choice, word, names, sent):
    body = sent(chat(tools=(WEATHER, CLOCK), tool_choice=choice))

    assert body.get("tool_choice") == word
    assert [tool["function"]["name"] for tool in body["tools"]] == names


@pytest.mark.parametrize(
    ("documents", "mode"), [((), {"mode": "OFF"}), (("one",), None)], ids=["without documents", "with documents"]
)
def test_answers_of_tools_are_not_cited_unless_there_are_documents(documents, mode, sent):
    assert sent(chat(tools=(CLOCK,), documents=documents)).get("citation_options") == mode


def test_tools_that_are_all_strict_bind_their_arguments(sent):
    body = sent(chat(tools=(Tool("a", "", CLOSED, strict=True), Tool("b", "", CITY, strict=True))))

    assert body["strict_tools"] is True
    assert [tool["function"]["parameters"] for tool in body["tools"]] == [CITY, CITY]


@pytest.mark.parametrize("other", [Tool("b", "", CITY), Tool("b", strict=True), Tool("b", "", OPTIONAL, strict=True)])
def test_tools_of_which_one_is_not_or_cannot_be_strict_stay_as_they_are(other, sent):
    body = sent(chat(tools=(Tool("a", "", CLOSED, strict=True), other)))

    assert "strict_tools" not in body
    assert body["tools"][0] == written_tool("a", CLOSED)


@pytest.mark.parametrize(
    ("given_sampling", "written"),
    [
        ({"temperature": 2.0}, {"temperature": 1.0}),
        ({"top_p": 1.0}, {"p": 0.99}),
        ({"top_p": 0.0}, {"p": 0.01}),
        ({"top_k": -1}, {"k": 0}),
        ({"top_k": 1_000}, {"k": 500}),
        ({"seed": -1}, {"seed": 2**64 - 1}),
        ({"frequency_penalty": -1.0}, {}),
        ({"frequency_penalty": 0.0, "presence_penalty": 0.0}, {}),
        ({"frequency_penalty": 2.0, "presence_penalty": 0.0}, {"frequency_penalty": 1.0}),
        ({"frequency_penalty": -2.0, "presence_penalty": 0.1}, {"presence_penalty": 0.1}),
        ({"frequency_penalty": 0.2, "presence_penalty": 0.3}, {"presence_penalty": 0.3}),
        ({"frequency_penalty": 0.2, "presence_penalty": 0.2}, {"frequency_penalty": 0.2}),
    ],
)
def test_value_outside_of_what_cohere_takes_becomes_the_nearest_inside(given_sampling, written, sent):
    plain = sent(chat())

    assert sent(chat(sampling=Sampling(**given_sampling))) == {**plain, **written}


NUMBERS = st.none() | st.floats(-2, 2)


@given(
    temperature=st.none() | st.floats(0, 2),
    top_p=st.none() | st.floats(0, 1),
    top_k=st.none() | st.integers(-10, 10_000),
    seed=st.none() | st.integers(-(2**63), 2**64 - 1),
    presence=NUMBERS,
    frequency=NUMBERS,
    stop=st.lists(st.text(min_size=1), max_size=5),
)
def test_nothing_is_sent_that_is_out_of_range(temperature, top_p, top_k, seed, presence, frequency, stop, sent):
    """Whatever numbers a client may ask of OpenAI for, Cohere is never asked for what it answers with 400."""
    drawn = Sampling(temperature, top_p, top_k, None, seed, presence, frequency)
    body = sent(chat(sampling=drawn, stop=tuple(stop)))

    assert 0 <= body.get("temperature", 0) <= 1
    assert 0.01 <= body.get("p", 0.5) <= 0.99
    assert 0 <= body.get("k", 0) <= 500
    assert 0 <= body.get("seed", 0) < 2**64
    assert body.get("stop_sequences", []) == stop
    penalties = [body[name] for name in ("presence_penalty", "frequency_penalty") if name in body]
    assert all(0 < penalty <= 1 for penalty in penalties)
    assert len(penalties) == any((penalty or 0) > 0 for penalty in (presence, frequency))


def test_schema_that_binds_is_bound(sent):
    body = sent(chat(response_format=JsonSchema(CLOSED, description="A town")))

    assert body["response_format"] == {"type": "json_object", "json_schema": {"description": "A town", **CITY}}
    assert len(body["messages"]) == 1


def test_schema_that_does_not_bind_is_asked_for_in_words_under_the_plain_mode(sent):
    body = sent(chat(Message("system", (Text("Be kind"),)), USER, response_format=JsonSchema(OPTIONAL)))
    first, words, last = body["messages"]

    assert body["response_format"] == {"type": "json_object"}
    assert (first["content"], words["role"], last["content"]) == ("Be kind", "system", "Hi")
    assert json.dumps(OPTIONAL, separators=(",", ":")) in words["content"]


def test_json_that_nobody_mentions_is_mentioned(sent):
    silent = sent(chat(response_format="json"))
    said = sent(chat(Message("user", (Text("As JSON, please"),)), response_format="json"))

    assert silent["response_format"] == said["response_format"] == {"type": "json_object"}
    assert [turn["role"] for turn in silent["messages"]] == ["system", "user"]
    assert [turn["role"] for turn in said["messages"]] == ["user"]


@pytest.mark.parametrize("beside", [{"tools": (CLOCK,)}, {"documents": ("one",)}])
@pytest.mark.parametrize("form", ["json", JsonSchema(CITY)])
def test_json_beside_tools_or_documents_is_asked_for_in_words(form, beside, sent):
    asked_for = chat(response_format=form, **beside)
    body = sent(asked_for)

    assert "response_format" not in body
    assert beside.keys() <= body.keys()
    assert "JSON object" in body["messages"][0]["content"]
    assert (form == "json") or json.dumps(CITY, separators=(",", ":")) in body["messages"][0]["content"]
    assert is_spoken(needs_of(asked_for))


def test_tools_that_may_not_be_called_make_room_for_json(sent):
    asked_for = chat(tools=(CLOCK,), tool_choice="none", response_format=JsonSchema(CITY))
    body = sent(asked_for)

    assert body["response_format"] == {"type": "json_object", "json_schema": CITY}
    assert not {"tools", "tool_choice"} & body.keys()
    assert not is_spoken(needs_of(asked_for))


@given(
    form=st.sampled_from(["text", "json", JsonSchema(CITY), JsonSchema(OPTIONAL)]),
    tools=st.sampled_from([(), (CLOCK,)]),
    choice=st.sampled_from(["auto", "none", "required", "=clock"]),
    documents=st.sampled_from([(), ("one",)]),
)
def test_what_is_checked_is_what_was_not_bound(form, tools, choice, documents, sent):
    """Whoever asks for JSON gets it: from Cohere's own binding, or from the check of what words were to bring about."""
    asked_for = chat(tools=tools, tool_choice=choice, documents=documents, response_format=form)
    body = sent(asked_for)

    is_bound = "response_format" in body
    assert is_bound + is_spoken(needs_of(asked_for)) == (form != "text")
    assert not (is_bound and {"tools", "documents"} & body.keys())
