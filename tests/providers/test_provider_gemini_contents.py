"""The turns of a conversation in the order that Gemini checks."""

import base64
import json
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Image, Message, Text, ToolCall
from cortex.providers.gemini import Gemini
from cortex.providers.signatures import Signatures

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own, while it is imported
    from google.genai.types import Content

GEMINI = Gemini(signatures=Signatures())
BLANK = {"text": " "}
NO_RESULT = {"error": "the history holds no result of this call"}


def sent(*messages, model="gemma-4-31b-it"):
    """Return the body of a chat; as a rule to Gemma, whose calls carry no signature."""
    return json.loads(GEMINI.encode(None, Chat(messages=messages), model).body)


def contents(*messages):
    return sent(*messages)["contents"]


def said(role, *texts):
    return Message(role, tuple(map(Text, texts)))


def called(*names):
    return Message("assistant", tool_calls=tuple(ToolCall(f"id-{name}", name, "{}") for name in names))


def result(name, text="ok", images=()):
    return Message("tool", (Text(text), *images), tool_call_id=f"id-{name}", name=name)


def user(*parts):
    return {"role": "user", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


def model(*parts):
    return user(*parts) | {"role": "model"}


def call(name):
    return {"functionCall": {"id": f"id-{name}", "name": name, "args": {}}}


def response(name, **value):
    return {"functionResponse": {"id": f"id-{name}", "name": name, "response": value or {"result": "ok"}}}


def test_system_messages_are_joined_wherever_they_stand():
    body = sent(said("system", "Be brief."), said("user", "Hi"), said("system", "And", "kind."), said("system", ""))

    assert body == {"contents": [user("Hi")], "systemInstruction": {"parts": [{"text": "Be brief.\n\nAnd\nkind."}]}}


def test_image_in_a_system_message_is_shown_by_the_user():
    picture = Message("system", (Text("Look"), Image("image/png", "QUJD")))

    assert sent(picture) == {
        "contents": [user({"inlineData": {"mimeType": "image/png", "data": "QUJD"}})],
        "systemInstruction": {"parts": [{"text": "Look"}]},
    }


def test_turns_of_one_role_are_merged():
    turns = contents(said("user", "a"), said("user", "b", "c"), said("assistant", "d"), said("assistant", "e"))

    assert turns == [user("a", "b", "c"), model("d", "e")]


def test_system_message_does_not_part_two_turns():
    assert contents(said("user", "a"), said("system", "x"), said("user", "b")) == [user("a", "b")]


@pytest.mark.parametrize("messages", [(), (said("system", "x"),), (said("user", ""),), (Message("assistant"),)])
def test_there_is_always_a_turn_of_the_user(messages):
    assert contents(*messages) == [user(BLANK)]


def test_first_turn_is_the_users():
    assert contents(said("assistant", "Hi"), said("user", "a")) == [user(BLANK), model("Hi"), user("a")]


def test_nothing_empty_is_written():
    assert contents(said("user", "", "a"), said("assistant", ""), said("user", "b")) == [user("a", "b")]


def test_image_is_inline():
    picture = Message("user", (Text("Look"), Image("image/jpeg", "QUJD"), Image(data="REVG")))

    assert contents(picture) == [
        user(
            "Look",
            {"inlineData": {"mimeType": "image/jpeg", "data": "QUJD"}},
            {"inlineData": {"mimeType": "image/png", "data": "REVG"}},
        )
    ]


def test_results_stand_together_in_the_order_of_their_calls():
    turns = contents(said("user", "x"), called("a", "b"), result("b"), result("a"))

    assert turns == [user("x"), model(call("a"), call("b")), user(response("a"), response("b"))]


def test_steps_stay_apart():
    turns = contents(said("user", "x"), called("a"), result("a"), called("b"), result("b"))

    assert turns == [user("x"), model(call("a")), user(response("a")), model(call("b")), user(response("b"))]


def test_calls_of_merged_turns_are_answered_together():
    turns = contents(said("user", "x"), called("a"), said("assistant", "and"), called("b"), result("a"), result("b"))

    assert turns[1:] == [model(call("a"), "and", call("b")), user(response("a"), response("b"))]


def test_what_the_user_says_after_results_is_a_turn_of_its_own():
    turns = contents(said("user", "x"), called("a"), result("a"), said("user", "y"), said("user", "z"))

    assert turns[2:] == [user(response("a")), user("y", "z")]


def test_result_behind_a_later_message_is_moved_to_its_call():
    turns = contents(said("user", "x"), called("a", "b"), result("a"), said("user", "wait"), result("b"))

    assert turns[2:] == [user(response("a"), response("b")), user("wait")]


@pytest.mark.parametrize("after", [(), (said("user", "never mind"),), (result("a"),)])
def test_call_without_a_result_gets_a_response_that_says_so(after):
    turns = contents(said("user", "x"), called("a", "b"), *after)
    given_a = response("a") if after and after[0].role == "tool" else response("a", **NO_RESULT)

    assert turns[2] == user(given_a, response("b", **NO_RESULT))


def test_result_without_a_call_becomes_text():
    turns = contents(said("user", "x"), result("a", "12°"), Message("tool", (Text("?"),)))

    assert turns == [user("x", "Result of a:\n12°", "Result of a tool:\n?")]


def test_result_before_its_call_belongs_to_none():
    turns = contents(result("a"), called("a"))

    assert turns == [user("Result of a:\nok"), model(call("a")), user(response("a", **NO_RESULT))]


def test_second_result_of_one_call_becomes_text():
    turns = contents(said("user", "x"), called("a"), result("a", "1"), result("a", "2"))

    assert turns[2:] == [user(response("a", result="1")), user("Result of a:\n2")]


def test_id_that_is_used_again_means_the_latest_call():
    turns = contents(said("user", "x"), called("a"), said("user", "y"), called("a"), result("a", "late"))

    assert [turns[2], turns[5]] == [user(response("a", **NO_RESULT)), user(response("a", result="late"))]


def test_id_that_two_calls_of_one_turn_share_is_answered_in_order():
    turns = contents(said("user", "x"), called("a", "a"), result("a", "1"), result("a", "2"))

    assert turns[2] == user(response("a", result="1"), response("a", result="2"))


def test_response_bears_the_name_and_the_id_of_its_call():
    answer = Message("tool", (Text("ok"),), tool_call_id="id-a", name="renamed")

    assert contents(said("user", "x"), called("a"), answer)[2] == user(response("a"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rain", {"result": "rain"}),
        ("", {"result": ""}),
        ('{"temp": 12.50}', {"temp": 12.5}),
        ("[1, 2]", {"result": [1, 2]}),
        ("12", {"result": "12"}),
        ("null", {"result": "null"}),
        ('"x"', {"result": '"x"'}),
        ('{"temp":', {"result": '{"temp":'}),
        ("[weather]", {"result": "[weather]"}),
        ("{} {}", {"result": "{} {}"}),
    ],
)
def test_result_is_an_object_whatever_the_tool_gave(text, value):
    (part,) = contents(said("user", "x"), called("a"), result("a", text))[2]["parts"]

    assert part["functionResponse"]["response"] == value


def test_image_in_a_result_follows_the_responses():
    picture = result("a", "see", images=[Image("image/png", "QUJD")])
    turns = contents(said("user", "x"), called("a", "b"), picture, result("b"), said("user", "and?"))

    assert turns[2:] == [
        user(response("a", result="see"), response("b")),
        user({"inlineData": {"mimeType": "image/png", "data": "QUJD"}}, "and?"),
    ]


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ("", {}),
        ("{}", {}),
        ("null", {}),
        ('{"a": 1.0}', {"a": 1.0}),
        ("ls -l", {"input": "ls -l"}),
        ("[1]", {"input": "[1]"}),
    ],
)
def test_arguments_are_an_object(arguments, args):
    turn = contents(said("user", "x"), Message("assistant", tool_calls=(ToolCall("i", "f", arguments),)))[1]

    assert turn["parts"][0]["functionCall"]["args"] == args


def test_text_stands_before_the_calls_of_its_turn():
    turn = Message("assistant", (Text("Let me look."),), tool_calls=called("a").tool_calls)

    assert contents(said("user", "x"), turn)[1] == model("Let me look.", call("a"))


# Whatever the history

TEXTS = st.text(max_size=4)
DATA = st.binary(min_size=1, max_size=4).map(lambda data: base64.b64encode(data).decode())
PARTS = st.lists(st.builds(Text, TEXTS) | st.builds(Image, st.just("image/png"), DATA), max_size=3)
IDS = st.sampled_from(["1", "2", "3"])
CALLS = st.builds(ToolCall, IDS, st.sampled_from(["f", "g"]), st.sampled_from(["{}", '{"x":1}', "broken"]))
MESSAGES = st.one_of(
    st.builds(Message, st.sampled_from(["system", "user", "assistant"]), PARTS.map(tuple)),
    st.builds(Message, st.just("assistant"), PARTS.map(tuple), tool_calls=st.lists(CALLS, max_size=3).map(tuple)),
    st.builds(Message, st.just("tool"), PARTS.map(tuple), tool_call_id=IDS, name=st.sampled_from(["f", ""])),
)
HISTORIES = st.lists(MESSAGES, max_size=8)


def parts_of(content, kind):
    return [part[kind] for part in content["parts"] if kind in part]


@given(history=HISTORIES)
def test_order_is_the_one_that_gemini_wants(history):
    turns = contents(*history)

    assert turns[0]["role"] == "user"
    assert all(turn["parts"] and turn["role"] in {"user", "model"} for turn in turns)
    for turn, following in zip(turns, [*turns[1:], {"role": "", "parts": []}], strict=True):
        calls, responses = parts_of(turn, "functionCall"), parts_of(following, "functionResponse")

        assert [(one["id"], one["name"]) for one in calls] == [(one["id"], one["name"]) for one in responses]
        assert not calls or turn["role"] == "model"
        assert not responses or len(following["parts"]) == len(responses)
        assert not turn["role"] == following["role"] == "model"


@given(history=HISTORIES)
def test_nothing_of_a_history_is_lost(history):
    """Each text, image, call and result that a client sent stands somewhere in what is written, and once."""
    body = sent(*history)
    turns = body["contents"]
    instruction = body.get("systemInstruction", {"parts": [{"text": ""}]})["parts"][0]["text"]
    images = [blob["data"] for turn in turns for blob in parts_of(turn, "inlineData")]
    texts = [text for turn in turns for text in parts_of(turn, "text")]

    assert sorted(images) == sorted(p.data for m in history for p in m.parts if isinstance(p, Image))
    for message in history:
        for part in message.parts:
            if isinstance(part, Text) and part.text:
                where = [instruction] if message.role == "system" else texts
                results = [json.dumps(turns)] if message.role == "tool" else []
                assert any(part.text in text or json.dumps(part.text)[1:-1] in text for text in where + results)
    assert sum(len(parts_of(turn, "functionCall")) for turn in turns) == sum(len(m.tool_calls) for m in history)
    said_so = sum(one["response"] == NO_RESULT for turn in turns for one in parts_of(turn, "functionResponse"))
    as_text = sum(text.startswith("Result of ") for text in texts)
    responses = sum(len(parts_of(turn, "functionResponse")) for turn in turns)
    assert responses - said_so + as_text == sum(message.role == "tool" for message in history)


@given(history=HISTORIES)
def test_google_s_own_types_take_it(history):
    for turn in sent(*history, model="gemini-3.8-flash")["contents"]:
        for part in turn["parts"]:
            part.pop("thoughtSignature", None)  # the placeholder is no base64, which the SDK insists on
        Content.model_validate(turn)
