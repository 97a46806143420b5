"""An estimate of tokens by size: never nothing, never less for more."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Chat, Image, JsonSchema, Message, RawPrompt, Text, Tool, ToolCall
from cortex.endpoint.tokens import BYTES_PER_TOKEN, IMAGE_TOKENS, TURN_TOKENS, estimated_tokens

PROSE = "The lighthouse keeper counted the ships that passed in the night, and wrote each of them down. " * 20


def said(*parts, **fields):
    return Chat(messages=(Message("user", parts, **fields),))


def test_nothing_at_all_is_one_token():
    assert estimated_tokens(Chat(messages=())) == 1


def test_prose_is_four_bytes_a_token():
    assert estimated_tokens(said(Text(PROSE))) == len(PROSE) // BYTES_PER_TOKEN + TURN_TOKENS


def test_letters_of_other_scripts_count_by_their_bytes():
    assert estimated_tokens(said(Text("灯台守は" * 100))) == 1200 // BYTES_PER_TOKEN + TURN_TOKENS


def test_an_image_is_a_fixed_number_whatever_its_size():
    small, large = said(Image(data="aa")), said(Image(data="aa" * 100_000))

    assert estimated_tokens(small) == estimated_tokens(large) == IMAGE_TOKENS + TURN_TOKENS


@pytest.mark.parametrize(
    "more",
    [
        {"messages": (Message("user", reasoning=PROSE),)},
        {"messages": (Message("assistant", tool_calls=(ToolCall("c", "f", PROSE),)),)},
        {"messages": (), "tools": (Tool("f", description=PROSE),)},
        {"messages": (), "tools": (Tool("f", parameters={"description": PROSE}),)},
        {"messages": (), "response_format": JsonSchema({"description": PROSE})},
        {"messages": (), "documents": (PROSE,)},
        {"messages": (), "raw_prompt": RawPrompt("", suffix=PROSE)},
        {"messages": (), "raw_prompt": RawPrompt("", context=(1,) * (len(PROSE) // 4))},
    ],
)
def test_all_that_a_model_reads_is_counted(more):
    assert estimated_tokens(Chat(**more)) >= len(PROSE) // BYTES_PER_TOKEN


def test_lone_halves_of_letters_do_no_harm():
    assert estimated_tokens(said(Text("\ud83d"))) == TURN_TOKENS


texts = st.builds(Text, st.text(max_size=50))
messages = st.lists(
    st.builds(Message, st.sampled_from(["user", "assistant"]), st.lists(texts, max_size=3).map(tuple)), max_size=5
)


@given(before=messages, more=messages.filter(bool))
def test_more_to_read_is_never_fewer_tokens(before, more):
    chat = Chat(messages=tuple(before))
    longer = msgspec.structs.replace(chat, messages=(*before, *more))

    assert 1 <= estimated_tokens(chat) < estimated_tokens(longer)
