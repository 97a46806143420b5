"""Reading into typed structs: what the dialects' own tests do not show."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.endpoint.dialect import BadRequest
from cortex.endpoint.reading import Object, read_as, thaw


class Body(msgspec.Struct):
    number: int
    inner: dict[str, list[int]] = {}


class Point(msgspec.Struct):
    x: float
    y: str = ""


class Points(msgspec.Struct):
    points: list[Point]


POINTS = msgspec.json.Decoder(Points)
DECODER = msgspec.json.Decoder(Body)


def problem_of(body, expected=None, decoder=DECODER):
    with pytest.raises(BadRequest) as caught:
        read_as(decoder, body, expected or {})
    return caught.value.problem


def test_a_good_body_is_its_struct():
    assert Body(1) == read_as(DECODER, b'{"number":1}', {})


def test_a_mistake_inside_a_map_shows_the_map():
    problem = problem_of(b'{"number":1,"inner":{"a":["x"]}}')

    assert problem.param.startswith("inner")
    assert 'found {"a":["x"]}' in problem.message


def test_the_words_for_a_place_win_over_msgspecs():
    assert problem_of(b'{"number":true}', {"number": "a nice one"}).message == "number: expected a nice one, found true"


def test_what_was_found_keeps_its_letters():
    assert 'found "grün"' in problem_of('{"number":"grün"}'.encode()).message


def test_a_mistake_at_a_key_that_comes_twice_is_told_without_what_was_found():
    body = b'{"number":1,"inner":{"a":["x"]},"inner":5}'

    assert problem_of(b'{"number":true,"number":1}').message == "number: expected integer, found 1"
    assert problem_of(body).param == "inner"
    assert problem_of(b'{"points":[{"x":"1"}],"points":5}', decoder=POINTS).message.endswith("found something else")


def test_a_number_beyond_all_bounds_is_refused_in_words():
    problem = problem_of(b'{"points":[{"x":1e999}]}', decoder=POINTS)

    assert problem.message == "points[0].x: expected a smaller number, found something else"


@settings(deadline=None)
@given(fields=st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text())))
def test_an_object_passed_over_thaws_to_what_it_was(fields):
    raw = msgspec.json.decode(msgspec.json.encode(fields), type=Object)

    assert fields == thaw(raw, "x")


def test_an_object_that_cannot_be_read_is_refused_with_its_place():
    raw = msgspec.json.decode(b'{"a":1e999}', type=Object)

    with pytest.raises(BadRequest) as caught:
        thaw(raw, "tools[3].parameters")
    assert caught.value.problem.param == "tools[3].parameters"
