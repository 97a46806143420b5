"""Where two halves of an answer meet: what the client gets is one text, or the seam says that it is none."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.endpoint.seam import LEAST, LEAST_OVERLAP, Seam

TOLD = "The capital of France is Paris, which lies on the Sei"
REST = "ne. It has two million inhabitants."

cuts = st.lists(st.integers(0, 200), max_size=8)


def joined(told, said, at=(), *, is_trusted=False):
    """Feed `said` in pieces; return the seam and what came out."""
    seam = Seam(told, is_trusted=is_trusted)
    edges = [0, *sorted(edge for edge in at if edge < len(said)), len(said)]
    out = "".join(seam.feed(said[start:end]) for start, end in pairwise(edges))
    return seam, out + ("" if seam.flaw else seam.finish())


@given(at=cuts)
def test_what_goes_on_reaches_the_client_as_it_is(at):
    seam, out = joined(TOLD, REST, at)

    assert (seam.joined, seam.flaw, out) == ("continued", "", REST)


@given(at=cuts)
def test_last_words_said_once_more_are_cut_off(at):
    seam, out = joined(TOLD, TOLD[-LEAST_OVERLAP - 4 :] + REST, at)

    assert (seam.joined, out) == ("overlapped", REST)


@given(at=cuts, space=st.sampled_from(["", " ", "\n"]))
def test_an_answer_that_begins_anew_is_skipped_as_far_as_the_client_has_it(at, space):
    seam, out = joined(TOLD, space + TOLD + REST, at)

    assert (seam.joined, out) == ("restarted", REST)


@given(at=cuts)
def test_one_that_begins_anew_in_other_words_is_no_continuation(at):
    seam, out = joined(TOLD, TOLD[: LEAST + 3] + "Spain is Madrid.", at)

    assert out == ""
    assert "anew" in seam.flaw


def test_one_that_begins_anew_and_ends_too_soon_is_no_continuation():
    seam, out = joined(TOLD, TOLD[:-5])

    assert out == ""
    assert "short" in seam.flaw


@pytest.mark.parametrize(
    ("told", "flaw"), [("The capital of", True), ("That is all.", False), ("```\ncode\n```\n", False)]
)
def test_nothing_more_is_an_end_only_behind_what_looks_like_one(told, flaw):
    seam, out = joined(told, "")

    assert out == ""
    assert bool(seam.flaw) is flaw


def test_a_new_sentence_in_the_middle_of_one_is_no_continuation():
    seam, out = joined(TOLD, "Sure! Here is the rest.")

    assert out == ""
    assert "middle" in seam.flaw


@given(at=cuts)
def test_a_list_whose_lines_begin_alike_goes_on(at):
    told, rest = "- apples are red\n- apples are green\n", "- apples are sweet\n"
    seam, out = joined(told, rest, at)

    assert (seam.joined, out) == ("continued", rest)


def test_a_refrain_is_not_cut():
    told = "Row, row, row your boat,\n" * 2
    _, out = joined(told, "Row, row, row your boat,\nGently down the stream.")

    assert out == "Row, row, row your boat,\nGently down the stream."


@given(told=st.text(min_size=1).map(str.rstrip), said=st.text(), at=cuts)
def test_a_trusted_model_is_never_held_back_or_cut(told, said, at):
    seam, out = joined(told, said, at, is_trusted=True)

    assert (seam.flaw, out) == ("", said)


@pytest.mark.parametrize("is_trusted", [False, True])
@pytest.mark.parametrize(
    ("gap", "said", "new"),
    [
        (" ", " lies", "lies"),
        (" ", "lies", "lies"),
        ("\n    ", "\n    return 1", "return 1"),
        ("\n    ", "\n  return 1", "return 1"),
        ("\n", "\n\n- more", "\n- more"),
        ("\n\n", "\n- more", "- more"),
    ],
)
@given(at=cuts)
def test_white_space_that_the_client_has_does_not_come_again(gap, said, new, is_trusted, at):
    seam, out = joined("It is the town that" + gap, said, at, is_trusted=is_trusted)

    assert (seam.flaw, out) == ("", new)


def test_white_space_comes_again_behind_a_repetition_too():
    seam, out = joined(TOLD + " \n", TOLD + " \nand more", [3])

    assert (seam.joined, out) == ("restarted", "and more")


@given(told=st.text("ab .", max_size=60), said=st.text("ab .", max_size=60), at=cuts, other=cuts)
def test_the_way_it_is_cut_does_not_matter(told, said, at, other):
    first, one = joined(told, said, at)
    second, two = joined(told, said, other)

    assert (first.joined, first.flaw) == (second.joined, second.flaw)
    if not first.flaw:
        assert one == two


@given(told=st.text("ab .", min_size=1, max_size=60), said=st.text("ab .", max_size=60))
def test_what_goes_out_is_always_the_end_of_what_came(told, said):
    seam, out = joined(told, said)

    assert said.endswith(out)
    assert not (seam.flaw and out)
