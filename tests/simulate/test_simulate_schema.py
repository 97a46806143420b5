"""Values that fit a schema."""

import json
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from cortex.simulate.schema import MAX_DEPTH, fitting

SALTS = st.integers(0, 50)
LEAVES = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(
        lambda low, span: {"type": "integer", "minimum": low, "maximum": low + span},
        st.integers(-50, 50),
        st.integers(0, 50),
    ),
    st.builds(lambda low: {"type": "number", "exclusiveMinimum": low}, st.integers(-50, 50)),
    st.builds(lambda longest: {"type": "string", "maxLength": longest}, st.integers(0, 9)),
    st.builds(lambda shortest: {"type": "string", "minLength": shortest}, st.integers(0, 30)),
    st.builds(lambda values: {"enum": values}, st.lists(st.integers() | st.text(), min_size=1, max_size=4)),
    st.builds(lambda value: {"const": value}, st.text()),
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(
            lambda properties: {"type": "object", "properties": properties, "required": list(properties)},
            st.dictionaries(st.text(max_size=5), inner, max_size=3),
        ),
        st.builds(lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)),
        st.builds(lambda one, other: {"anyOf": [one, other]}, inner, inner),
    ),
    max_leaves=4,
)
TYPES = {"boolean": bool, "null": type(None), "integer": int, "number": (int, float), "string": str}
CHECKS = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "minLength": lambda value, bound: len(value) >= bound,
    "maxLength": lambda value, bound: len(value) <= bound,
    "minItems": lambda value, bound: len(value) >= bound,
    "enum": lambda value, allowed: value in allowed,
    "const": lambda value, wanted: value == wanted,
    "type": lambda value, kind: isinstance(value, TYPES.get(kind, object)),
    "anyOf": lambda value, schemas: any(fits(value, schema) for schema in schemas),
    "properties": lambda value, inner: all(name in value and fits(value[name], inner[name]) for name in inner),
    "items": lambda value, inner: all(fits(item, inner) for item in value),
}


def fits(value, schema):
    """A validator of the same small subset, written the other way round."""
    return all(CHECKS[word](value, bound) for word, bound in schema.items() if word in CHECKS)


@given(SCHEMAS, SALTS)
def test_the_value_fits_its_schema(schema, salt):
    assert fits(fitting(schema, salt), schema)


@given(SCHEMAS, SALTS)
def test_the_value_is_json_and_the_same_each_time(schema, salt):
    write = partial(json.dumps, allow_nan=False)

    assert write(fitting(schema, salt)) == write(fitting(schema, salt))


def test_a_reference_is_followed():
    schema = {"properties": {"at": {"$ref": "#/$defs/Place"}}, "$defs": {"Place": {"const": "north"}}}

    assert fitting(schema) == {"at": "north"}


def test_a_recursive_schema_comes_to_an_end():
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}}

    assert json.dumps(fitting(tree)).count("children") <= MAX_DEPTH


def test_of_several_types_the_first_that_is_not_null_is_taken():
    assert fitting({"type": ["null", "integer"], "minimum": 4}) == 4
