from hypothesis import given
from hypothesis import strategies as st

from cortex.actors.hangs import HangWatch, next_look_s


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.1, 6)), max_size=50))
def test_a_thread_is_hung_when_it_shows_one_odd_turn_for_its_budget(looks):
    watch, now, history = HangWatch(), 0.0, []
    for turn, gap in looks:
        now += gap
        history.append((turn, now))
        since = now
        for seen_turn, seen_at in reversed(history):
            if seen_turn != turn:
                break
            since = seen_at

        assert watch.is_hung("a", turn, 10.0, now) == (turn % 2 == 1 and now - since >= 10.0)


def test_an_idle_thread_is_never_hung():
    watch = HangWatch()

    assert not any(watch.is_hung("a", 2, 10.0, now) for now in (0.0, 1e6))


def test_a_thread_that_is_gone_is_forgotten():
    watch = HangWatch()
    watch.is_hung("a", 1, 10.0, 0.0)
    watch.keep(set())

    assert not watch.is_hung("a", 1, 10.0, 100.0)


def test_looks_come_at_a_quarter_of_the_smallest_budget():
    assert next_look_s([10.0, 4.0]) == 1.0
