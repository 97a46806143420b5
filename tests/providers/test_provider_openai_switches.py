"""Bending a request by patterns of models, and by words that stand for fields."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.providers.openai_switches import Switches, bent, is_plain
from cortex.providers.rewrite import raw


def bend(fields, switches, *, stream=False):
    before = {name: raw(value) for name, value in fields.items()}
    return {name: msgspec.json.decode(value) for name, value in bent(before, switches, stream=stream).items()}


EFFORTS = {"a*": {"none": "off", "*": "on"}, "b": {"none": {"think": False, "budget": 0}}, "*": {"max": "high"}}


@pytest.mark.parametrize(
    ("model", "word", "fields"),
    [
        ("a1", "none", {"reasoning_effort": "off"}),
        ("a1", "max", {"reasoning_effort": "on"}),
        ("b", "none", {"think": False, "budget": 0}),
        ("b", "max", {"reasoning_effort": "max"}),
        ("c", "max", {"reasoning_effort": "high"}),
        ("c", "low", {"reasoning_effort": "low"}),
        ("A1", "none", {"reasoning_effort": "none"}),
        ("a1", None, {"reasoning_effort": None}),
        ("a1", 5, {"reasoning_effort": "on"}),
    ],
)
def test_first_pattern_that_fits_says_what_an_effort_becomes(model, word, fields):
    assert bend({"model": model, "reasoning_effort": word}, Switches(efforts=EFFORTS)) == {"model": model} | fields


def test_field_that_the_client_sent_itself_stays():
    said = bend({"model": "b", "reasoning_effort": "none", "budget": 9}, Switches(efforts=EFFORTS))

    assert said == {"model": "b", "think": False, "budget": 9}


EXTRA = Switches(extra_fields={"a*": {"x": 1}, "b": {"y": {"z": [True]}}})


@pytest.mark.parametrize(
    ("fields", "added"),
    [
        ({"model": "a1", "messages": []}, {"x": 1}),
        ({"model": "b", "messages": []}, {"y": {"z": [True]}}),
        ({"model": "c", "messages": []}, {}),
        ({"model": "a1", "messages": [], "y": 2}, {}),
        ({"model": "a1", "input": "of an embedding"}, {}),
    ],
)
def test_field_is_added_to_chats_unless_the_client_sent_one_of_that_kind(fields, added):
    assert bend(fields, EXTRA) == fields | added


@given(
    fields=st.dictionaries(
        st.sampled_from(["reasoning_effort", "service_tier", "x", "temperature", "seed", "stream_options"]),
        st.none() | st.text(max_size=4) | st.integers() | st.dictionaries(st.text(max_size=2), st.booleans()),
    ),
    model=st.text(max_size=3),
)
def test_bending_changes_only_what_a_switch_names(fields, model):
    """Whatever the values are, also those that no server takes, nothing else is touched and nothing is raised."""
    switches = Switches(efforts=EFFORTS, service_tiers={"default": "d"}, extra_fields={"*": {"x": 1}})
    before = {"model": model, "messages": []} | fields

    after = bend(before, switches)

    untouched = before.keys() - {"reasoning_effort", "service_tier"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    assert "x" in after


@pytest.mark.parametrize(
    ("field", "value", "plain"),
    [
        ("lacks", ("n",), True),
        ("limits_style", "groq", True),
        ("completions", False, True),
        ("skip_models", ("x",), True),
        ("extra_sampling", False, True),
        ("drop_fields", ("user",), False),
        ("reasoning_field", "reasoning", False),
        ("efforts", {"*": {"max": "high"}}, False),
        ("extra_fields", {"*": {"x": 1}}, False),
        ("service_tiers", {"default": "d"}, False),
        ("max_tokens_field", "max_tokens", False),
    ],
)
def test_bytes_go_on_as_they_came_where_no_switch_is_about_requests(field, value, plain):
    assert is_plain(msgspec.structs.replace(Switches(), **{field: value})) is plain
