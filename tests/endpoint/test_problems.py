"""The problems that every client dialect tells in the same words."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.endpoint.dialect import Problem
from cortex.endpoint.problems import ECHO_CHARS, echo, refuse, unknown_model


def test_a_refusal_begins_with_the_field_at_fault():
    assert Problem(400, "n: expected 1", code="invalid_value", param="n") == refuse("expected 1", "n").problem


def test_a_refusal_of_the_whole_body_names_no_field():
    assert (
        Problem(400, "expected an object", code="invalid_json")
        == refuse("expected an object", code="invalid_json").problem
    )


def test_an_unknown_model_is_told_in_ollamas_words_first():
    problem = unknown_model("qwen3", ("qwen3:4b", "qwen3:32b"))

    assert (
        Problem(
            404, "model 'qwen3' not found; the nearest names are 'qwen3:4b', 'qwen3:32b'", "model_not_found", "model"
        )
        == problem
    )


def test_an_unknown_model_may_be_like_no_other():
    assert unknown_model("x").message == "model 'x' not found"


@settings(deadline=None)
@given(text=st.text())
def test_an_echo_is_short_and_true(text):
    repeated = echo(text)

    assert len(repeated) <= ECHO_CHARS
    assert repeated == text or text.startswith(repeated.removesuffix("…"))
