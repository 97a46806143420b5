"""Images that tools answered are shown by the user, behind all results of the turn."""

from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Image, Message, Text, ToolCall
from cortex.providers.tool_images import images_apart

PICTURE = Image("image/png", "aGk=")
CALLED = Message("assistant", tool_calls=(ToolCall("1", "look", "{}"), ToolCall("2", "find", "{}")))
ASKED = Message("user", (Text("Look"), PICTURE))


def result(call_id, *parts, name="look"):
    return Message("tool", parts, tool_call_id=call_id, name=name)


def test_the_images_of_several_results_stand_behind_the_last():
    turns = [
        ASKED,
        CALLED,
        result("1", Text("a"), PICTURE),
        result("2", PICTURE, name=""),
        Message("user", (Text("So"),)),
    ]

    assert list(images_apart(turns)) == [
        ASKED,
        CALLED,
        result("1", Text("a")),
        result("2", name=""),
        Message("user", (Text("In the result of look:"), PICTURE, Text("In the result of a tool:"), PICTURE)),
        Message("user", (Text("So"),)),
    ]


def test_they_are_shown_where_nothing_follows():
    assert list(images_apart([result("1", PICTURE)]))[-1] == Message("user", (Text("In the result of look:"), PICTURE))


part = st.sampled_from([Text("a"), Text("b"), PICTURE, Image(url="https://x/y.png")])
turn = st.builds(
    Message, st.sampled_from(["system", "user", "assistant", "tool"]), st.lists(part, max_size=3).map(tuple)
)


@given(st.lists(turn, max_size=8))
def test_no_result_holds_an_image_and_none_is_lost(turns):
    apart = list(images_apart(turns))
    images = [[part for turn in some for part in turn.parts if isinstance(part, Image)] for some in (turns, apart)]

    assert images[0] == images[1]
    assert all(isinstance(part, Text) for turn in apart if turn.role == "tool" for part in turn.parts)


@given(st.lists(turn.filter(lambda turn: turn.role != "tool" or PICTURE not in turn.parts), max_size=8))
def test_turns_whose_results_are_text_stay_as_they_are(turns):
    turns = [turn for turn in turns if turn.role != "tool" or all(isinstance(part, Text) for part in turn.parts)]

    assert list(images_apart(turns)) == turns
