"""The three ways to count, and days and months, one by one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.quota.counters import MAX_ENTRIES, MAX_SPANS, Calendar, Entry, Refill, Rolling, absorb
from cortex.quota.dates import Dates
from cortex.quota.terms import Now

ZONES = st.sampled_from(
    ["UTC", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "America/Havana", "Africa/Cairo", "Pacific/Apia"]
)


def at(mono):
    return Now(mono, 1e9 + mono)


class TestRolling:
    """What was used in the last minute."""

    @given(steps=st.lists(st.tuples(st.floats(0, 20), st.integers(1, 50)), max_size=MAX_ENTRIES))
    def test_it_is_exact_while_uses_are_few(self, steps):
        counter, log, mono = Rolling(60.0), [], 0.0
        for wait_s, amount in steps:
            mono += wait_s
            counter.add(amount, at(mono), at(mono))
            log.append((mono, amount))

            assert counter.used(at(mono)) == sum(amount for when, amount in log if when > mono - 60.0)

    @given(gap_s=st.floats(0.001, 0.4), count=st.integers(200, 600))
    def test_when_they_are_many_it_forgets_at_most_a_60th_of_its_length_late(self, gap_s, count):
        counter, log = Rolling(60.0), []
        for number in range(count):
            moment = number * gap_s
            counter.add(1, at(moment), at(moment))
            log.append(moment)
            exact = sum(1 for when in log if when > moment - 60.0)
            late = sum(1 for when in log if when > moment - 61.0 - 1e-9)

            assert exact <= counter.used(at(moment)) <= late
            assert len(counter._entries) <= MAX_ENTRIES

    def test_a_use_that_is_told_of_late_is_put_in_its_place(self):
        counter = Rolling(60.0)
        counter.add(1, at(50), at(50))
        counter.add(2, at(10), at(10))

        assert counter.used(at(69)) == 3
        assert counter.used(at(71)) == 1

    @given(uses=st.lists(st.tuples(st.floats(1, 60), st.integers(1, 9)), min_size=1, max_size=20), data=st.data())
    def test_it_says_when_so_much_is_free(self, uses, data):
        counter = Rolling(60.0)
        for moment, amount in uses:
            counter.add(amount, at(moment), at(moment))
        before, whole_at = counter.used(at(60)), counter.whole_at(at(60))
        amount = data.draw(st.integers(1, before))
        free_at = counter.free_at(amount, at(60)) + 0.001

        assert counter.used(at(free_at)) <= before - amount
        assert free_at <= whole_at + 0.001


class TestRefill:
    """A bucket."""

    @given(steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 40)), max_size=30))
    def test_it_never_holds_less_than_an_obvious_one(self, steps):
        counter, level, mono = Refill(60, 60.0), 0.0, 0.0
        for wait_s, amount in steps:
            mono += wait_s
            level = max(0.0, level - wait_s) + amount
            counter.add(amount, at(mono), at(mono))

            assert counter.used(at(mono)) == pytest.approx(level)

    def test_it_says_when_so_much_is_free_and_when_it_is_full(self):
        counter = Refill(60, 60.0)
        counter.add(30, at(0), at(0))

        assert counter.free_at(10, at(5)) == 15.0
        assert counter.whole_at(at(5)) == 30.0


class TestCalendar:
    """Days."""

    def test_the_days_last_used_are_remembered(self):
        counter = Calendar(Dates("UTC", "day"))
        days = [Now(0.0, 1e9 + day * 86_400.0) for day in range(MAX_SPANS + 1)]
        for day in days:
            counter.add(1, day, day)

        assert [counter.used(day) for day in days] == [0] + [1] * MAX_SPANS

    def test_it_is_steady_while_the_day_lasts(self):
        dates = Dates("UTC", "day")

        assert Calendar(dates).steady(at(0)) == dates.at(1e9)


@given(zone=ZONES, wall=st.floats(0, 4e9), period=st.sampled_from(["day", "month"]))
def test_each_moment_is_in_the_day_or_month_that_the_zone_shows(zone, wall, period):
    dates = Dates(zone, period)
    span = dates.at(wall)
    shown = [datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone)) for moment in (wall, span.start, span.end)]
    labels = [moment.strftime("%Y-%m-%d" if period == "day" else "%Y-%m") for moment in shown]

    if wall >= 86_400:
        assert span.start <= wall < span.end
        assert labels[0] == labels[1] != labels[2]
    assert dates.at(span.end).start == span.end


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-11-01", 25), ("2027-03-14", 23), ("2026-11-25", 24)], ids=["autumn", "spring", "winter"]
)
def test_days_are_longer_and_shorter_where_clocks_change(day, hours):
    noon = datetime.fromisoformat(day).replace(hour=12, tzinfo=ZoneInfo("America/Los_Angeles")).timestamp()
    span = Dates("America/Los_Angeles", "day").at(noon)

    assert span.end - span.start == hours * 3_600


@pytest.mark.parametrize("wall", [-1e18, -1.0, 0.0, 1e18, float("inf")])
def test_a_clock_that_shows_nonsense_is_survived(wall):
    assert Dates("America/Los_Angeles", "month").at(wall).end > 0


def test_dates_for_people_are_the_zones():
    wall = datetime(2026, 12, 1, 2, tzinfo=UTC).timestamp()

    assert (Dates("UTC", "day").text(wall), Dates("America/Los_Angeles", "day").text(wall)) == ("1 Dec", "30 Nov")


def test_what_another_clock_saw_in_the_future_counts_as_of_now():
    counter = Rolling(60.0)
    absorb(counter, [Entry(1e9 + 500, 3), Entry(1e9 - 30, 4)], at(0))

    assert [counter.used(at(moment)) for moment in (0, 31, 61)] == [7, 3, 0]


def test_unknown_zones_are_an_error():
    with pytest.raises(KeyError):
        Dates("Europe/Atlantis", "day")


def test_a_day_is_a_day_whatever_the_length_of_the_year():
    end = datetime(9999, 1, 1, tzinfo=UTC) - timedelta(days=1)

    assert Dates("UTC", "day").at(end.timestamp()).end > 0
