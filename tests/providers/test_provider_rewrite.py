"""Changing a few values of a body."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.providers.rewrite import opened, raw, sealed

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 10)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text("abcé_", max_size=4), VALUES, max_size=5)
SPACING = st.sampled_from([(",", ":"), (", ", ": ")])


@given(OBJECTS, SPACING, st.sampled_from([None, 2]))
def test_untouched_body_is_the_very_same_bytes(value, separators, indent):
    body = json.dumps(value, separators=separators, indent=indent, ensure_ascii=False).encode()
    before = opened(body)

    assert sealed(dict(before), before, body) == body


@given(OBJECTS, SPACING)
def test_changed_value_is_the_only_thing_that_differs(value, separators):
    """The other values keep their bytes, the changed one is the new one."""
    body = json.dumps(value, separators=separators, ensure_ascii=False).encode()
    before = opened(body)
    fields = {**before, "model": raw("new")}

    after = opened(sealed(fields, before, body))

    assert msgspec.json.decode(after.pop("model")) == "new"
    assert {key: bytes(text) for key, text in after.items()} == {
        key: bytes(text) for key, text in before.items() if key != "model"
    }


def test_number_keeps_its_digits():
    body = b'{"temperature":0.10,"seed":12345678901234567890123,"model":"a"}'
    before = opened(body)

    assert sealed({**before, "model": raw("b")}, before, body) == body.replace(b'"a"', b'"b"')


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","x":1,"model":"b"}',
        b'{"model":"a", "x":1, "model": "b"}',
        b'{ "model" : "a" , "x" : 1 , "model" : "b" }',
    ],
)
def test_key_that_stands_twice_goes_on_once_with_the_last_value(body):
    before = opened(body)

    assert msgspec.json.decode(sealed(dict(before), before, body)) == {"model": "b", "x": 1}
    assert sealed(dict(before), before, body).count(b'"model"') == 1


@pytest.mark.parametrize("body", [b"[]", b"1", b"{", b""])
def test_what_is_no_object_cannot_be_opened(body):
    with pytest.raises(msgspec.DecodeError):
        opened(body)
