"""The turns of a conversation as Anthropic takes them."""

import json
import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Image, Message, Text, ToolCall
from cortex.providers.anthropic_messages import messages_of, system_of

USER = Message("user", (Text("Hi"),))
CALLS = (ToolCall("a", "weather", '{"city":"Köln"}'), ToolCall("b", "clock", ""))
NO_RESULT = "(no result: this call was never answered)"


def turns_of(*messages):
    return json.loads(msgspec.json.encode(messages_of(messages, ())))


def said(text):
    return {"type": "text", "text": text}


def turn(role, *blocks):
    return {"role": role, "content": list(blocks)}


def use(call_id, name, given):
    return {"type": "tool_use", "id": call_id, "name": name, "input": given}


def result(call_id, *blocks):
    return {"type": "tool_result", "tool_use_id": call_id, "content": list(blocks)}


def tool(call_id, *parts):
    return Message("tool", tuple(Text(part) if isinstance(part, str) else part for part in parts), tool_call_id=call_id)


ANSWERED = [
    turn("user", said("Hi")),
    turn("assistant", said("I look"), use("a", "weather", {"city": "Köln"}), use("b", "clock", {})),
    turn("user", result("a", said("rain")), result("b", said("noon"))),
]
ASKS = Message("assistant", (Text("I look"),), reasoning="hm", tool_calls=CALLS)


def test_calls_and_their_results_stand_behind_each_other():
    assert turns_of(USER, ASKS, tool("a", "rain"), tool("b", "noon")) == ANSWERED


def test_results_are_written_in_the_order_of_their_calls_wherever_they_stood():
    turns = turns_of(USER, ASKS, tool("b", "noon"), Message("user", (Text("And?"),)), tool("a", "rain"))

    assert turns == [*ANSWERED[:2], turn("user", *ANSWERED[2]["content"], said("And?"))]


def test_call_without_a_result_gets_one_that_says_so():
    assert turns_of(USER, ASKS, tool("b", "noon"))[-1] == turn(
        "user", result("a", said(NO_RESULT)), result("b", said("noon"))
    )


def test_result_without_a_call_becomes_text():
    assert turns_of(USER, tool("x", "rain")) == [turn("user", said("Hi"), said("Result of x:"), said("rain"))]


def test_result_may_be_empty_and_may_be_an_image():
    last = turns_of(USER, ASKS, tool("a"), tool("b", Image("image/png", "QUJD")))[-1]

    assert last["content"][0] == {"type": "tool_result", "tool_use_id": "a"}
    assert last["content"][1]["content"][0]["type"] == "image"


def test_id_that_does_not_fit_or_is_there_already_is_made_anew_for_call_and_result():
    odd = Message("assistant", tool_calls=(ToolCall("functions.f:0", "f", "{}"),))
    turns = turns_of(USER, odd, tool("functions.f:0", "1"), odd, tool("functions.f:0", "2"))
    uses = [turns[1]["content"][0]["id"], turns[3]["content"][0]["id"]]
    results = [turns[2]["content"][0]["tool_use_id"], turns[4]["content"][0]["tool_use_id"]]

    assert uses == results
    assert len(set(uses)) == 2


def test_thoughts_of_earlier_turns_are_left_out():
    assert turns_of(USER, Message("assistant", (Text("Yes"),), reasoning="hm"), USER)[1] == turn(
        "assistant", said("Yes")
    )


def test_turns_of_one_side_become_one_and_blank_ones_none():
    blank = Message("user", (Text(" \n"),))

    assert turns_of(USER, blank, USER) == [turn("user", said("Hi"), said("Hi"))]


def test_arguments_that_are_no_object_are_put_into_one():
    asks = Message("assistant", tool_calls=(ToolCall("a", "f", "[1"),))

    assert turns_of(USER, asks)[1]["content"][0]["input"] == {"input": "[1"}


def test_there_is_a_turn_of_the_user_at_the_beginning():
    assert turns_of() == [turn("user", said("…"))]
    assert turns_of(Message("assistant", (Text("Yes"),)), USER)[0] == turn("user", said("…"))


def test_beginning_of_the_answer_does_not_end_with_a_space():
    assert turns_of(USER, Message("assistant", (Text("Yes, \n"),)))[-1] == turn("assistant", said("Yes,"))


def test_system_messages_are_joined_and_their_images_are_the_users():
    system = Message("system", (Text("Be kind"), Image("image/png", "QUJD")))
    messages = (system, USER, Message("system"), Message("system", (Text("and short"),)))

    assert system_of(messages) == "Be kind\n\nand short"
    assert [block["type"] for block in turns_of(*messages)[0]["content"]] == ["image", "text"]


PARTS = st.lists(st.sampled_from([Text("a"), Text(""), Text(" "), Image("image/png", "QUJD")]), max_size=3).map(tuple)
IDS = st.sampled_from(["a", "b", "functions.f:0", ""])
CALL = st.builds(ToolCall, IDS, st.just("f"), st.sampled_from(["", "{}", '{"a":1}', "[", "null"]))
MESSAGES = st.one_of(
    st.builds(Message, st.sampled_from(["system", "user"]), PARTS),
    st.builds(
        lambda parts, calls: Message("assistant", parts, tool_calls=tuple(calls)), PARTS, st.lists(CALL, max_size=3)
    ),
    st.builds(lambda call_id, parts: Message("tool", parts, tool_call_id=call_id), IDS, PARTS),
)


@given(st.lists(MESSAGES, max_size=10))
def test_whatever_the_history_the_order_is_one_that_anthropic_takes(messages):
    turns = turns_of(*messages)
    ids = [block["id"] for turn in turns for block in turn["content"] if block["type"] == "tool_use"]

    assert [turn["role"] for turn in turns] == [("user", "assistant")[at % 2] for at in range(len(turns))]
    assert all(turn["content"] for turn in turns)
    assert len(set(ids)) == len(ids) == sum(len(message.tool_calls) for message in messages)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", call_id) for call_id in ids)
    for before, after in zip(turns, [*turns[1:], turn("user")], strict=True):
        called = [block["id"] for block in before["content"] if block["type"] == "tool_use"]
        assert [block.get("tool_use_id") for block in after["content"][: len(called)]] == called
        assert all(block["type"] != "tool_result" for block in after["content"][len(called) :])


@given(st.lists(MESSAGES, max_size=10))
def test_nothing_that_was_said_is_lost(messages):
    told = json.dumps(turns_of(*messages)) + system_of(messages)
    texts = [part.text for message in messages for part in message.parts if isinstance(part, Text)]
    images = [part for message in messages for part in message.parts if isinstance(part, Image)]

    assert told.count('"QUJD"') == len(images)
    assert told.count('"text": "a"') + system_of(messages).count("a") == texts.count("a")
