"""The arguments of a tool call in the one form that every dialect can carry."""

import doctest
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.endpoint import arguments
from cortex.endpoint.arguments import object_text


def test_its_examples_hold():
    assert doctest.testmod(arguments).failed == 0


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_nothing_is_an_empty_object(blank):
    assert object_text(blank) == "{}"


@pytest.mark.parametrize("written", ["[1]", '"x"', "null", '{"a":', "Graz", '{"a":1e999}', "[" * 50_000])
def test_what_is_no_object_is_kept_inside_one(written):
    assert {"arguments": written} == json.loads(object_text(written))


def test_a_number_keeps_its_digits():
    assert (
        object_text('{"a": 1.50, "b": 123456789012345678901234567890}')
        == '{"a":1.50,"b":123456789012345678901234567890}'
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@settings(deadline=None)
@given(fields=st.dictionaries(st.text(), values), indent=st.none() | st.integers(0, 3))
def test_an_object_stays_the_same_on_one_line(fields, indent):
    text = object_text(json.dumps(fields, indent=indent))

    assert fields == json.loads(text)
    assert "\n" not in text
