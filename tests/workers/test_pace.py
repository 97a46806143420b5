"""What a worker learns of its own speed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.workers.pace import ERROR_HALF_LIFE_S, MODELS_KEPT, Mean, Pace

times = st.floats(0.0, 1000.0)


@given(values=st.lists(times, min_size=1))
def test_a_mean_stays_between_the_least_and_the_most_it_has_seen(values):
    mean = Mean()
    for value in values:
        mean.add(value)

    assert min(values) - 1e-9 <= mean.value <= max(values) + 1e-9


@given(first=times, then=times)
def test_a_mean_comes_to_what_is_seen_for_long(first, then):
    mean = Mean()
    mean.add(first)
    for _ in range(60):
        mean.add(then)

    assert mean.value == pytest.approx(then, abs=1e-4)


def test_nothing_is_known_before_the_first_answer():
    pace = Pace()

    assert (pace.first_token_s("m"), pace.total_s("m"), pace.load_s("m")) == (None, None, None)
    assert pace.figures() == {}


def test_an_answer_that_waited_for_a_load_tells_only_how_long_a_load_takes():
    pace = Pace()
    pace.answered("m", first_token_s=12.0, total_s=20.0, load_s=11.5)

    assert pace.figures() == {"m": {"load_s": 11.5}}


def test_each_model_is_learned_by_itself():
    pace = Pace()
    pace.answered("small", first_token_s=0.1, total_s=1.0, load_s=0.0)
    pace.answered("large", first_token_s=2.0, total_s=60.0, load_s=0.0)

    assert (pace.total_s("small"), pace.total_s("large")) == (1.0, 60.0)


@given(names=st.lists(st.text(max_size=4), max_size=300))
def test_the_number_of_models_is_bounded_and_the_newest_are_known(names):
    pace = Pace()
    for name in names:
        pace.answered(name, first_token_s=0.1, total_s=1.0, load_s=0.0)

    assert len(pace.figures()) <= MODELS_KEPT
    assert all(pace.total_s(name) == 1.0 for name in names[-1:])


@given(failures=st.integers(1, 20), later_s=st.floats(0.0, 10_000.0))
def test_failures_weigh_one_each_and_half_after_the_half_life(failures, later_s):
    pace = Pace()
    for _ in range(failures):
        pace.failed(1000.0)

    assert pace.error_penalty(1000.0) == pytest.approx(failures)
    assert pace.error_penalty(1000.0 + later_s) == pytest.approx(failures * 0.5 ** (later_s / ERROR_HALF_LIFE_S))


def test_a_worker_that_never_failed_has_no_penalty():
    assert Pace().error_penalty(1e9) == 0.0
