"""Glyphs, words and colours; and what may reach a terminal."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.commands import marks
from cortex.commands.marks import harmless, is_good, mark
from cortex.endpoint.shown import health_of
from cortex.workers.standing import Shown

STATES = get_args(Shown)
FAMILIES = {marks.OK, marks.BUSY, marks.WARN, marks.BAD, marks.IDLE}


@pytest.mark.parametrize("state", [*STATES, "healthy", "degraded", "unhealthy", "no_workers", "running", "stopped"])
def test_every_state_has_a_glyph_its_word_and_one_of_five_colours(state):
    glyph, word = mark(state).text.split(" ", 1)

    assert (len(glyph), word) == (1, state.replace("_", "-"))
    assert mark(state).colour in FAMILIES
    assert state in marks._MARKS


def test_states_of_one_worker_differ_without_colour():
    assert len({mark(state).text for state in STATES}) == len(STATES)


def test_a_state_of_a_newer_daemon_is_shown_as_it_is_called():
    assert mark("pondering") == ("○ pondering", marks.IDLE)


@pytest.mark.parametrize("state", STATES)
def test_what_is_good_here_is_healthy_for_the_daemon(state):
    assert is_good(state) == (health_of([state]) == "healthy")


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text):
    left = harmless(text)

    assert not any(ord(c) < 0x20 and c not in "\n\t" for c in left)
    assert not any(0x7F <= ord(c) < 0xA0 for c in left)


@given(st.text(st.characters(exclude_categories=["C"])))
def test_text_for_people_stays_as_it_is(text):
    assert harmless(f"{text}\n\t{text}") == f"{text}\n\t{text}"
