"""What is skipped at a prompt's beginning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.routing.courtesy import COURTESIES, OPENERS, without_courtesy


@pytest.mark.parametrize(
    ("folded", "left"),
    [
        ("hi, sort this list", "sort this list"),
        ("hey there! hope you are well. sort this list", "sort this list"),
        ("muy buenas, que tal? ordena esta lista", "ordena esta lista"),
        ("hola ordena esta lista", "ordena esta lista"),
        ("please sort this list, thanks", "sort this list, thanks"),
        ("hi, 0+0", "0+0"),
    ],
)
def test_a_greeting_before_a_request_is_skipped(folded, left):
    assert without_courtesy(folded) == left


@pytest.mark.parametrize("folded", ["", "hello", "hola, que tal?", "good morning. how are you today?", "gracias"])
def test_a_mere_greeting_is_left(folded):
    assert without_courtesy(folded) == folded


@pytest.mark.parametrize(
    "folded", ["sort this list", "you are wrong about this, hello", "0, 0 and 0", "history of rome"]
)
def test_what_does_not_begin_with_one_is_left(folded):
    assert without_courtesy(folded) == folded


@given(st.text("abehilo ,.!?0\n"))
def test_the_end_of_a_text_is_never_lost(folded):
    left = without_courtesy(folded)

    assert folded.endswith(left)
    assert bool(left) == bool(folded)


def test_openers_are_courtesies():
    assert COURTESIES.issuperset(OPENERS)
