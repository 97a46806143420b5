"""One kept answer: when it is whole, and how it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.cache.answer import Stored, decode, encode, is_worth_keeping, packed
from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage, Vectors
from cortex.endpoint.whole import put_together

CHOICES = st.integers(0, 2)
DELTAS = st.lists(
    st.builds(TextDelta, st.text(max_size=5), CHOICES)
    | st.builds(ReasoningDelta, st.text(max_size=5), CHOICES)
    | st.builds(ToolCall, id=st.just("call_1"), name=st.just("f"), arguments=st.just("{}"), choice=CHOICES)
    | st.builds(Finish, st.sampled_from(["stop", "length", "tool_calls", "content_filter"]), CHOICES)
    | st.builds(Usage, st.integers(0, 9), st.integers(0, 9)),
    max_size=12,
)


def said(deltas):
    choices, usage = put_together(deltas)
    return [(one.index, one.text, one.reasoning, one.calls, one.finish) for one in choices], usage


@given(DELTAS)
def test_packing_changes_nothing_of_what_is_said(deltas):
    assert said(packed(deltas)) == said(deltas)
    assert len(packed(deltas)) <= len(deltas)


def test_neighbouring_texts_become_one():
    text = [TextDelta("a"), TextDelta("b"), Finish("stop")]
    assert packed(text) == (TextDelta("ab"), Finish("stop"))


@given(DELTAS)
def test_what_was_written_is_read_again(deltas):
    answer = Stored("desk", "m", 1.0, 2.0, deltas=tuple(deltas), usage=Usage(3, 4), cost_nano=5)
    assert decode(encode(answer)) == answer


def test_vectors_too():
    answer = Stored("desk", "m", 1.0, 2.0, vectors=Vectors(((0.5, 1.0),)))
    assert decode(encode(answer)) == answer


@given(st.binary())
def test_anything_else_is_no_answer(data):
    assert decode(data) is None


@pytest.mark.parametrize(
    ("deltas", "is_bounded", "is_worth"),
    [
        ([TextDelta("a"), Finish("stop")], False, True),
        ([ToolCall("call_1", "f", "{}"), Finish("tool_calls")], False, True),
        ([TextDelta("a"), Finish("length")], True, True),
        ([TextDelta("a"), Finish("length")], False, False),
        ([TextDelta("a"), Finish("content_filter")], True, False),
        ([TextDelta("a")], True, False),
        ([TextDelta("a"), Finish("stop"), TextDelta("b", 1)], False, False),
        ([Usage(1, 2)], True, False),
        ([], True, False),
    ],
)
def test_only_a_whole_answer_is_worth_keeping(deltas, is_bounded, is_worth):
    assert is_worth_keeping(deltas, is_bounded=is_bounded) is is_worth
