"""Tools of Cohere: which schemas bind, and names there and back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.providers.cohere_schema import bindable
from cortex.providers.cohere_tools import inner_name, outer_name

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NAMES = st.one_of(st.text(min_size=1), st.text("_x-2dfaz9.", min_size=1, max_size=12))


@given(name=NAMES)
def test_name_comes_back_as_it_went(name):
    assert inner_name(outer_name(name)) == name


@given(name=NAMES)
def test_every_name_is_one_that_cohere_takes(name):
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", outer_name(name))


@given(name=st.text(min_size=1))
def test_any_name_that_a_model_makes_up_is_read(name):
    inner_name(name).encode()


@pytest.mark.parametrize("name", ["get_weather", "mcp__files__read", "f2", "_xray", "do_x"])
def test_common_name_stays_as_it_is(name):
    assert outer_name(name) == name


@pytest.mark.parametrize("name", ["_xd800_", "_x110000_", "a_xffffff_"])
def test_code_of_no_character_is_left_alone(name):
    assert inner_name(name) == name


def nested(depth):
    schema = CITY
    for _ in range(depth):
        schema = {"type": "object", "properties": {"inner": schema}, "required": ["inner"]}
    return schema


BINDABLE = {
    "plain": CITY,
    "array": {**CITY, "properties": {"city": {"type": "array", "items": {"type": "string", "enum": ["a"]}}}},
    "reference": {**CITY, "properties": {"city": {"$ref": "#/$defs/City"}}, "$defs": {"City": CITY}},
    "format": {**CITY, "properties": {"city": {"type": "string", "format": "date-time"}}},
    "named as a keyword": {**CITY, "properties": {"minimum": {"type": "string"}, "not": {"type": "integer"}}},
    "deep": nested(20),
}
BEYOND = {
    "empty": {},
    "no object at the top": {"type": "array", "items": CITY},
    "nothing required": {"type": "object", "properties": {}},
    "nothing required inside": {**CITY, "properties": {"city": {"type": "object", "properties": {}}}},
    "composition": {**CITY, "properties": {"city": {"anyOf": [{"type": "string"}, {"type": "null"}]}}},
    "range": {**CITY, "properties": {"city": {"type": "integer", "minimum": 1}}},
    "length": {**CITY, "properties": {"city": {"type": "array", "items": {"type": "string", "maxLength": 3}}}},
    "count": {**CITY, "properties": {"city": {"type": "array", "minItems": 1}}},
    "format": {**CITY, "properties": {"city": {"type": "string", "format": "email"}}},
    "open": {**CITY, "additionalProperties": {"type": "string"}},
    "in a definition": {**CITY, "$defs": {"City": {"not": {}}}},
    "odd properties": {**CITY, "properties": [1]},
    "odd items": {**CITY, "properties": {"city": {"type": "array", "items": True}}},
    "too deep": nested(2_000),
}


@pytest.mark.parametrize("name", BINDABLE)
def test_schema_inside_what_cohere_knows_binds_as_it_is(name):
    assert bindable(BINDABLE[name]) == BINDABLE[name]


@pytest.mark.parametrize("name", BEYOND)
def test_schema_beyond_what_cohere_knows_does_not_bind(name):
    assert bindable(BEYOND[name]) is None


def test_closing_an_object_is_left_out_at_every_depth():
    inner = {**CITY, "additionalProperties": False}
    outer = {"type": "object", "properties": {"a": inner}, "required": ["a"], "additionalProperties": False}

    assert bindable(outer) == {"type": "object", "properties": {"a": CITY}, "required": ["a"]}
    assert inner["additionalProperties"] is False
