"""Deltas put together."""

from cortex.chat import Finish, ReasoningDelta, TextDelta, ToolCall, Usage
from cortex.endpoint.whole import put_together


def test_there_is_always_a_first_choice():
    choices, usage = put_together([])

    assert [(c.index, c.text, c.reasoning, c.calls, c.finish) for c in choices] == [(0, "", "", [], "length")]
    assert Usage() == usage


def test_each_kind_goes_where_it_belongs():
    call = ToolCall("call_1", "f", "{}")
    token = {"token": "a", "logprob": -1.0}
    deltas = [
        ReasoningDelta("h"),
        ReasoningDelta("m"),
        TextDelta("a", logprobs=(token,)),
        TextDelta("b"),
        call,
        Finish("stop"),
    ]
    (choice,), _ = put_together(deltas)

    assert ("ab", "hm", [call], [token], "stop") == (
        choice.text,
        choice.reasoning,
        choice.calls,
        choice.logprobs,
        choice.finish,
    )


def test_choices_are_apart_and_in_order():
    choices, _ = put_together(
        [TextDelta("c", choice=2), TextDelta("a"), TextDelta("b", choice=1), TextDelta("c", choice=2)]
    )

    assert [(choice.index, choice.text) for choice in choices] == [(0, "a"), (1, "b"), (2, "cc")]


def test_the_last_usage_holds():
    assert Usage(1, 5) == put_together([Usage(1, 0), TextDelta("a"), Usage(1, 5)])[1]
