"""Tool calls from fragments."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import ToolCall
from cortex.messages import Failure
from cortex.providers.calls import Assembler, CallPart, CustomPart, FunctionPart, made_id, object_text


def part(index=None, name=None, arguments=None, **given):
    return CallPart(index=index, function=FunctionPart(name=name, arguments=arguments), **given)


def assembled(*parts, cut=False):
    calls = Assembler("seed")
    given = [call for each in parts for call in calls.add(0, each)]
    return given + calls.close(0, cut=cut)


def pairs(calls):
    return [(call.name, call.arguments) for call in calls]


NAMES = st.sampled_from(["weather", "clock"])
ARGUMENTS = st.dictionaries(st.text(max_size=3), st.text(max_size=6) | st.integers(), max_size=3).map(json.dumps)


@given(st.lists(st.tuples(NAMES, ARGUMENTS, st.integers(1, 5)), min_size=1, max_size=4))
def test_arguments_cut_anywhere_come_back_whole(calls):
    """However the arguments are cut into fragments, each call is given once, whole and in order."""
    parts = []
    for index, (name, arguments, size) in enumerate(calls):
        parts.append(part(index, name, "", id=f"call_{index}"))
        parts += [part(index, None, arguments[at : at + size]) for at in range(0, len(arguments), size)]

    given_calls = assembled(*parts)

    assert pairs(given_calls) == [(name, arguments) for name, arguments, _ in calls]
    assert [call.id for call in given_calls] == [f"call_{index}" for index in range(len(calls))]


def test_call_is_given_when_the_next_index_begins():
    calls = Assembler("seed")
    calls.add(0, part(0, "weather", '{"a":1}', id="x"))

    assert calls.add(0, part(1, "clock", "")) == [ToolCall("x", "weather", '{"a":1}')]
    assert calls.is_open


def test_call_whose_json_is_not_closed_waits_although_another_began():
    calls = assembled(part(0, "weather", '{"a":'), part(1, "clock", "{}"), part(0, None, "1}"))

    assert pairs(calls) == [("weather", '{"a":1}'), ("clock", "{}")]


@pytest.mark.parametrize("nothing", [None, "", "{}", {}, "null"])
def test_call_without_arguments_ends_as_an_empty_object(nothing):
    assert pairs(assembled(part(0, "clock", nothing))) == [("clock", "{}")]


def test_arguments_as_an_object_become_text():
    assert pairs(assembled(part(0, "weather", {"city": "Köln"}))) == [("weather", '{"city":"Köln"}')]


def test_name_that_is_repeated_is_taken_once():
    assert pairs(assembled(part(0, "clock", ""), part(0, "clock", '{"a"'), part(0, "clock", ":1}"))) == [
        ("clock", '{"a":1}')
    ]


def test_calls_without_index_are_told_apart_by_id():
    calls = assembled(part(None, "clock", "{}", id="a"), part(None, "clock", "{}", id="b"))

    assert [call.id for call in calls] == ["a", "b"]


def test_calls_without_index_or_id_are_told_apart_by_name_and_whole_arguments():
    calls = assembled(part(None, "clock", "{}"), part(None, "clock", '{"a":1}'), part(None, "weather", "{}"))

    assert pairs(calls) == [("clock", "{}"), ("clock", '{"a":1}'), ("weather", "{}")]
    assert len({call.id for call in calls}) == 3


def test_calls_that_all_say_index_0_are_told_apart_by_id():
    calls = assembled(part(0, "clock", "{}", id="a"), part(0, "weather", "{}", id="b"))

    assert pairs(calls) == [("clock", "{}"), ("weather", "{}")]


def test_fragment_without_index_goes_on_with_the_last_call():
    assert pairs(assembled(part(None, "clock", '{"a"'), part(None, None, ":1}"))) == [("clock", '{"a":1}')]


@pytest.mark.parametrize("text", ['{"a":', "[1]", '"x"', "1", "{}{}", "\ud800"])
def test_arguments_that_are_no_object_are_a_failure(text):
    assert [call.word for call in assembled(part(0, "clock", text))] == ["malformed"]


def test_call_cut_by_the_length_is_left_out():
    assert assembled(part(0, "clock", '{"a":'), cut=True) == []


def test_call_without_a_name_is_a_failure():
    assert [call.word for call in assembled(part(0, None, "{}"))] == ["malformed"]


def test_arguments_that_go_on_after_they_were_whole_are_a_failure():
    calls = Assembler("seed")
    calls.add(0, part(0, "clock", "{}"))
    calls.add(0, part(1, "weather", ""))

    assert isinstance(calls.add(0, part(0, None, "x"))[0], Failure)


def test_empty_fragment_after_a_call_was_given_is_ignored():
    calls = Assembler("seed")
    calls.add(0, part(0, "clock", "{}"))
    calls.add(0, part(1, "weather", ""))

    assert calls.add(0, part(0, None, "")) == []


def test_input_of_a_custom_tool_is_kept_as_text():
    call = CallPart(index=0, id="x", custom=CustomPart("shell", "ls "))

    assert assembled(call, CallPart(index=0, custom=CustomPart(None, "-l"))) == [
        ToolCall("x", "shell", '{"input":"ls -l"}')
    ]


def test_choices_have_calls_of_their_own():
    calls = Assembler("seed")
    calls.add(0, part(0, "clock", "{}"))
    calls.add(1, part(0, "weather", "{}"))

    assert [(call.choice, call.name) for call in calls.close(1)] == [(1, "weather")]
    assert calls.is_open


def test_made_up_id_is_the_same_for_the_same_place_only():
    ids = {made_id("seed", choice, position) for choice in range(3) for position in range(3)}

    assert len(ids) == 9
    assert made_id("seed", 0, 0) in ids
    assert all(each.startswith("call_") and len(each) >= 13 for each in ids)


@given(st.text())
def test_text_of_an_object_is_an_object_or_none(text):
    found = object_text(text)

    assert found is None or isinstance(msgspec.json.decode(found), dict)
