"""When an edit is over."""

from hypothesis import given
from hypothesis import strategies as st

from cortex.config.settled import Settled


def test_nothing_is_waited_for_before_something_happened():
    assert Settled(0.2, 3.0).wait_s(100.0) is None


def test_the_wait_begins_anew_with_each_change():
    settled = Settled(2.0, 30.0)
    settled.changed(10.0)
    settled.changed(11.0)

    assert [settled.wait_s(now) for now in (11.0, 12.0, 13.0, 14.0)] == [2.0, 1.0, 0.0, 0.0]


@given(st.lists(st.floats(0.01, 1.9), min_size=1, max_size=50))
def test_endless_changes_are_cut_off(gaps):
    settled = Settled(2.0, 10.0)
    now = 0.0
    settled.changed(now)
    for gap in gaps:
        now += gap
        wait_s = settled.wait_s(now)
        settled.changed(now)

        assert (wait_s == 0) == (now >= 10.0)
