"""The windows in which an upstream counts."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.simulate.window import DAY_S, MINUTE_S, WINDOWS, Bucket, Calendar, Moment, Rolling, day_end, month_end

PACIFIC = ZoneInfo("America/Los_Angeles")
HOUR_S = 3600.0


def wall(*date, zone=UTC):
    return datetime(*date, tzinfo=zone).timestamp()


def moment(at_s):
    """Both clocks go at one pace."""
    return Moment(at_s, wall(2026, 11, 25) + at_s)


def test_a_rolling_window_waits_for_as_many_of_the_oldest_as_are_in_the_way():
    window = Rolling(10, MINUTE_S)
    window.add(4, Moment(0.0))
    window.add(4, Moment(10.0))

    assert [window.wait_s(amount, Moment(20.0)) for amount in (2, 3, 6, 7, 10, 11)] == [0, 40, 40, 50, 50, 60]


def test_a_calendar_window_gives_all_back_at_its_end_and_nothing_before():
    window = Calendar(2, day_end(UTC))
    window.add(2, Moment(0.0, wall(2026, 11, 25, 9)))

    assert window.wait_s(1, Moment(0.0, wall(2026, 11, 25, 23, 59, 59))) == 1
    assert window.left(Moment(0.0, wall(2026, 11, 26))) == 2


def test_a_bucket_gives_back_all_the_time():
    window = Bucket(1000, DAY_S)
    window.add(2, Moment(0.0))

    assert window.reset_s(Moment(0.0)) == pytest.approx(172.8)
    assert [window.left(Moment(at_s)) for at_s in (0.0, 86.3, 86.4, 172.8)] == [998, 998, 999, 1000]


def test_a_full_bucket_has_room_after_what_one_takes_to_come_back():
    window = Bucket(30, MINUTE_S)
    window.add(30, Moment(0.0))

    assert window.wait_s(1, Moment(0.0)) == pytest.approx(2.0)
    assert window.wait_s(1, Moment(2.0)) == 0
    assert window.wait_s(31, Moment(2.0)) == MINUTE_S


@pytest.mark.parametrize(
    ("begins", "hours"),
    [((2026, 11, 25), 24), ((2026, 3, 8), 23), ((2026, 11, 1), 25)],
    ids=["usual", "spring", "autumn"],
)
def test_a_pacific_day_ends_at_midnight_there_however_long_it_is(begins, hours):
    begun_s = wall(*begins, zone=PACIFIC)

    assert day_end(PACIFIC)(begun_s) - begun_s == hours * HOUR_S


@pytest.mark.parametrize(
    ("now", "then"), [((2026, 11, 25, 7), (2026, 12, 1)), ((2026, 12, 31), (2027, 1, 1)), ((2028, 2, 29), (2028, 3, 1))]
)
def test_a_month_ends_when_the_next_one_begins(now, then):
    assert month_end(wall(*now)) == wall(*then)


def test_windows_of_the_calendar_go_by_the_wall_and_the_others_by_the_monotonic_clock():
    late = Moment(0.0, wall(2027, 12, 31))
    gone = {}
    for name, make in WINDOWS.items():
        window = make(1)
        window.add(1, Moment(0.0, wall(2026, 11, 25)))
        gone[name] = window.left(late) == 1

    assert {name for name, is_gone in gone.items() if is_gone} == {"pacific_day", "utc_day", "month"}


steps = st.lists(st.tuples(st.floats(0, 2 * DAY_S), st.integers(1, 5)), max_size=40)


@given(st.sampled_from(sorted(WINDOWS)), st.integers(0, 8), steps)
def test_a_window_never_holds_more_than_its_limit_and_says_zero_wait_only_when_it_has_room(name, limit, asked):
    window, at_s = WINDOWS[name](limit), 0.0
    for pause_s, amount in asked:
        at_s += pause_s
        now = moment(at_s)
        left = window.left(now)
        fits = window.wait_s(amount, now) == 0

        assert 0 <= left <= limit
        assert fits == (amount <= left)
        assert window.reset_s(now) >= 0
        if fits:
            window.add(amount, now)


@given(st.integers(1, 8), steps)
def test_a_bucket_lets_through_no_more_than_its_limit_and_what_came_back(limit, asked):
    window, at_s, taken = Bucket(limit, MINUTE_S), 0.0, 0
    for pause_s, amount in asked:
        at_s += pause_s
        if window.wait_s(amount, moment(at_s)) == 0:
            window.add(amount, moment(at_s))
            taken += amount

        assert taken <= limit + at_s * limit / MINUTE_S + 1e-3
