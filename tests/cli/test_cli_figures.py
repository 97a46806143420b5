"""Numbers, bars and outcomes as they are said."""

import doctest
import itertools
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.commands import bars, figures, happened, marks

NOW = datetime(2026, 11, 25, 12, 0, 0).timestamp()  # noqa: DTZ001  local, as a terminal shows it
shares = st.floats(0, 1)


@pytest.mark.parametrize("module", [bars, figures, happened, marks])
def test_the_examples_hold(module):
    results = doctest.testmod(module)

    assert results.attempted
    assert not results.failed


@pytest.mark.parametrize("say", [figures.count, figures.rate, figures.percent, figures.usd, figures.seconds])
def test_what_nobody_knows_is_a_dash_and_no_number_is_long(say):
    assert say(None) == "-"
    for power in range(-6, 9):
        assert len(say(10.0**power)) <= 13


@given(st.floats(0, 1e14))
def test_a_count_in_short_is_right_within_a_twentieth(number):
    text = figures.count(number).replace(",", "")
    unit = {"K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(text[-1], 1)

    assert float(text.rstrip("KMBT")) * unit == pytest.approx(number, rel=0.05, abs=0.5)


def test_a_moment_of_another_day_has_its_date():
    assert figures.clock(NOW - 3600, NOW) == "11:00:00"
    assert figures.clock(NOW - 86_400, NOW) == "24 Nov 12:00:00"
    assert figures.clock(None, NOW) == "-"


@given(shares, st.integers(2, 60))
def test_a_meter_is_as_wide_as_it_was_ordered_and_full_only_when_all_is_used(share, width):
    drawn = bars.meter(share, width)

    assert len(drawn) == width
    assert (bars.FULL not in drawn) == (share == 0)
    assert (bars.EMPTY not in drawn) == (share == 1)


def test_a_meter_never_leaves_its_place():
    assert bars.meter(7.0, 4) == "████"
    assert bars.meter(-1.0, 4) == "░░░░"


@given(st.lists(st.floats(0, 100), min_size=2, max_size=6), st.integers(1, 50))
def test_a_lane_is_as_wide_as_it_was_ordered_whatever_happened(moments, width):
    times = sorted(moments)
    parts = [("x", begun, ended) for begun, ended in itertools.pairwise(times)]

    drawn = bars.lane(parts, times[-1], width)

    assert len(drawn) == width
    assert "x" in drawn


@pytest.mark.parametrize(
    ("used", "limit", "tight"), [(85, 100, False), (86, 100, True), (1, 1, True), (0, 0, False), (None, 5, False)]
)
def test_above_85_percent_of_a_limit_is_tight(used, limit, tight):
    assert bars.is_tight(used, limit) is tight


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"event": "progress", "actor": "ledger"}, ("ledger", "started", "")),
        ({"event": "progress", "actor": "ledger", "restarts": 2}, ("ledger", "started again, restart 2", "")),
        (
            {"event": "action", "action": "drain", "worker": "desk", "by": "127.0.0.1"},
            ("desk", "was asked to drain", "by 127.0.0.1"),
        ),
        ({"event": "action", "action": "log level", "level": "debug"}, ("", "log level", "")),
        ({"event": "configuration applied", "started": ["a", "b"], "removed": []}, None),
        ({"event": "lost", "count": 3}, ("", "lost", "count 3")),
        ({"event": "child_terminated", "actor": "x", "reason": {"why": "bug"}}, ("x", "crashed", "why=bug")),
    ],
)
def test_an_event_is_told_as_on_the_page(event, said):
    told = happened.told(event)

    if said is None:
        assert told.more == "started a, b · removed "
    else:
        assert (told.actor, told.text, told.more) == said


def test_an_event_of_a_level_that_nobody_knows_is_quiet():
    assert happened.level_of({"level": "debug"}) == happened.level_of({}) == 0
    assert happened.told({"event": "x", "level": "debug"}).glyph == "●"


def test_an_event_moves_no_cursor():
    line = happened.line({"event": "upstream is down", "at": NOW, "worker": "a\x1b[2J", "why": "b\x1b[H"}, NOW)

    assert "\x1b[2J" not in line
    assert "\x1b[H" not in line
