"""An answer read line by line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_daemon import delta, usage

from cortex.commands.answer import Answer, Piece


def data(event):
    return f"data: {json.dumps(event)}"


def test_text_and_thoughts_are_told_apart():
    answer = Answer(0.0)

    assert answer.line(data(delta(thought="Hm.")), 1.0) == [Piece("thought", "Hm.")]
    assert answer.line(data(delta("Yes")), 1.0) == [Piece("text", "Yes")]
    assert answer.text == "Yes"


@given(st.lists(st.text()))
def test_the_text_is_all_pieces_in_order(texts):
    answer = Answer(0.0)
    pieces = [piece for text in texts for piece in answer.line(data(delta(text)), 0.0)]

    assert "".join(piece.text for piece in pieces) == answer.text == "".join(texts)


@given(st.text(st.characters(exclude_characters="\r\n")))
def test_no_line_is_a_stack_trace(line):
    Answer(0.0).line(line, 0.0)


@pytest.mark.parametrize("line", ["", "data: [DONE]", "data: {", "data: 3", "event: x", "id: 1", "data"])
def test_what_shows_nothing_shows_nothing(line):
    assert Answer(0.0).line(line, 0.0) == []


def test_a_comment_is_passed_on():
    assert Answer(0.0).line(": waiting for desk", 0.0) == [Piece("comment", "waiting for desk")]


def test_a_refusal_is_text():
    event = {"choices": [{"delta": {"content": None, "refusal": "I will not."}}]}

    assert Answer(0.0).line(data(event), 0.0) == [Piece("text", "I will not.")]


@pytest.mark.parametrize(("finish", "whole"), [(None, False), ("stop", True), ("length", True)])
def test_only_an_answer_that_says_that_it_ended_is_whole(finish, whole):
    answer = Answer(0.0)
    answer.line(data(delta("x", finish=finish)), 1.0)
    answer.line("data: [DONE]", 1.0)

    assert answer.is_whole == whole


@pytest.mark.parametrize("error", [{"message": "it broke off"}, "it broke off"])
def test_an_error_in_the_stream_is_the_problem(error):
    answer = Answer(0.0)
    answer.line(data(delta("x", finish="stop")), 1.0)
    answer.line(data({"error": error}), 1.0)

    assert (answer.problem, answer.is_whole) == ("it broke off", False)


def test_the_pace_is_the_first_token_and_the_rest_by_time():
    answer = Answer(10.0)
    answer.line(": waiting", 10.1)
    answer.line(data(delta("a")), 10.25)
    answer.line(data(delta("b", finish="stop")), 12.25)
    answer.line(data(usage(101)), 30.0)

    assert answer.pace() == "first token 0.25 s, 50 tokens/s"


@pytest.mark.parametrize("tokens", [None, 1])
def test_a_pace_that_cannot_be_known_is_not_made_up(tokens):
    answer = Answer(0.0)
    answer.line(data(delta("a")), 0.5)
    answer.line(data(delta("b")), 1.0)
    if tokens is not None:
        answer.line(data(usage(tokens)), 1.0)

    assert answer.pace() == "first token 0.50 s"


def test_an_answer_without_content_has_no_pace():
    assert Answer(0.0).pace() == ""
