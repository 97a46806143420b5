"""The simulated Anthropic as a judge: it refuses nothing that is written for it, whatever was asked for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.chat import Chat, Image, JsonSchema, Message, Sampling, Text, Tool, ToolCall
from cortex.messages import Failure
from cortex.providers.anthropic import Anthropic
from cortex.simulate.anthropic import MODELS
from cortex.simulate.anthropic_check import check
from cortex.simulate.anthropic_wire import MessagesBody, read
from cortex.simulate.refusal import Refused

ANTHROPIC = Anthropic()
VERSION = "2023-06-01"
USER = Message("user", (Text("Hi"),))
CITY = {"type": "object", "properties": {"city": {"type": "object", "properties": {}}}, "required": ["city"]}
PARTS = st.lists(
    st.sampled_from([Text("a"), Text(""), Text(" "), Image("image/png", "QUJD"), Image(url="https://x/y.png")]),
    max_size=3,
).map(tuple)
IDS = st.sampled_from(["a", "b", "functions.f:0"])
CALL = st.builds(ToolCall, IDS, st.just("f"), st.sampled_from(["", "{}", '{"a":1}', "["]))
TURN = st.one_of(
    st.builds(Message, st.sampled_from(["system", "user"]), PARTS),
    st.builds(
        lambda parts, calls: Message("assistant", parts, reasoning="hm", tool_calls=tuple(calls)),
        PARTS,
        st.lists(CALL, max_size=2),
    ),
    st.builds(lambda call_id, parts: Message("tool", parts, tool_call_id=call_id), IDS, PARTS),
)
NUMBERS = st.none() | st.floats(0, 2)
TOOLS = st.sampled_from(
    [(), (Tool("f"),), (Tool("f", "Does it", CITY, strict=True), Tool("g", parameters={"type": "object"}))]
)
CHATS = st.builds(
    Chat,
    messages=st.lists(TURN, max_size=6).map(lambda turns: (*turns, USER)),
    stream=st.booleans(),
    tools=TOOLS,
    tool_choice=st.sampled_from(["auto", "none", "required", "=f"]),
    parallel_tool_calls=st.none() | st.booleans(),
    max_tokens=st.none() | st.integers(1, 1_000_000),
    sampling=st.builds(
        Sampling, temperature=NUMBERS, top_p=NUMBERS, top_k=st.none() | st.integers(0, 500), seed=st.just(1)
    ),
    stop=st.sampled_from([(), ("a", "b")]),
    response_format=st.sampled_from(["text", JsonSchema(CITY)]),
    reasoning=st.sampled_from([None, "none", "minimal", "low", "medium", "high", "xhigh", "max", "on"]),
    documents=st.sampled_from([(), ("one", {"id": "2", "data": {"text": "two"}})]),
)


@settings(max_examples=300)
@given(chat=CHATS, model=st.sampled_from(MODELS))
def test_nothing_that_is_written_is_refused(chat, model, asked):
    wire = ANTHROPIC.encode(asked("openai", stream=chat.stream), chat, model.name)

    check(read(wire.body, MessagesBody), model, VERSION)


PREFILL = Chat(messages=(USER, Message("assistant", (Text("He"),))))


@pytest.mark.parametrize(
    "chat",
    [
        PREFILL,
        Chat(messages=(USER,), stop=("\n",)),
        Chat(messages=(USER,), response_format=JsonSchema({"type": "number", "minimum": 1})),
        Chat(messages=(USER,), response_format=JsonSchema({"type": "object", "additionalProperties": True})),
    ],
)
def test_what_must_not_be_left_out_is_refused_as_something_that_another_may_take(chat, asked):
    """The next candidate is asked, and nothing runs on without its bound."""
    body = ANTHROPIC.encode(asked("openai"), chat, "claude-sonnet-5-5").body
    with pytest.raises(Refused) as refused:
        check(read(body, MessagesBody), MODELS[0], VERSION)

    failure = ANTHROPIC.classify(refused.value.status, {}, refused.value.body)

    assert isinstance(failure, Failure)
    assert failure.word == "unsupported"


def test_beginning_of_an_answer_is_continued_by_a_model_that_can(asked):
    body = ANTHROPIC.encode(asked("openai"), PREFILL, "claude-haiku-4-5").body
    haiku = next(model for model in MODELS if model.name.startswith("claude-haiku-4-5"))

    check(read(body, MessagesBody), haiku, VERSION)
