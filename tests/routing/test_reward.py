"""What an answer was worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.routing.reward import (
    FEEDBACK_WEIGHT,
    HALF_OF_BUDGET,
    HALF_OF_COST_USD,
    USUAL_TOKENS,
    WEIGHTS,
    Result,
    reward,
)

FINE = Result(True, 0.3, 2.0, 120, 300.0, 0.0, retried=False, feedback=None)

seconds = st.floats(0.0, 1e6)
results = st.builds(
    Result,
    st.booleans(),
    st.none() | seconds,
    seconds,
    st.integers(0, 10**6),
    st.floats(-1.0, 1e4),
    st.floats(0.0, 1e4) | st.just(float("inf")),
    st.booleans(),
    st.none() | st.floats(-2.0, 3.0),
)


@given(results)
def test_a_reward_is_from_0_to_1(result):
    assert 0.0 <= reward(result) <= 1.0


@given(results)
def test_a_failure_is_worth_nothing_whatever_else(result):
    assert reward(result._replace(success=False)) == 0.0


def test_the_weights_sum_to_1():
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def test_an_instant_answer_for_nothing_is_worth_all():
    assert reward(FINE._replace(first_token_s=0.0, total_s=0.0)) == pytest.approx(1.0)


@given(results, seconds)
def test_slower_is_never_worth_more(result, more_s):
    assert reward(result._replace(total_s=result.total_s + more_s)) <= reward(result)


@given(results, st.floats(0.0, 100.0))
def test_dearer_is_never_worth_more(result, more_usd):
    assert reward(result._replace(usd=result.usd + more_usd)) <= reward(result)


def test_a_twentieth_of_the_budget_has_half_the_speed():
    slow = FINE._replace(first_token_s=None, total_s=HALF_OF_BUDGET * 300.0)
    assert reward(slow) == pytest.approx(1.0 - WEIGHTS["speed"] / 2)


def test_a_cent_has_half_the_thrift():
    instant = FINE._replace(first_token_s=0.0, total_s=0.0, usd=HALF_OF_COST_USD)
    assert reward(instant) == pytest.approx(1.0 - WEIGHTS["cost"] / 2)


def test_an_answer_that_was_asked_for_again_loses_the_part_of_use():
    assert reward(FINE) - reward(FINE._replace(retried=True)) == pytest.approx(WEIGHTS["used"])


def test_a_long_answer_is_not_slow_for_its_length():
    usual = FINE._replace(first_token_s=1.0, total_s=11.0, output_tokens=USUAL_TOKENS)
    long = usual._replace(total_s=101.0, output_tokens=10 * USUAL_TOKENS)
    assert reward(long) == pytest.approx(reward(usual))


def test_a_wait_for_the_first_token_counts_whatever_the_length():
    long = FINE._replace(first_token_s=1.0, total_s=101.0, output_tokens=10 * USUAL_TOKENS)
    assert reward(long._replace(first_token_s=20.0, total_s=120.0)) < reward(long)


def test_a_clients_word_counts_more_than_all_that_is_measured():
    worst = Result(True, None, 1e9, 0, 300.0, float("inf"), retried=True, feedback=1.0)
    best = Result(True, 0.0, 0.0, 0, 300.0, 0.0, retried=False, feedback=0.0)
    assert FEEDBACK_WEIGHT > 0.5
    assert reward(worst) > reward(best)


def test_without_any_budget_there_is_no_speed():
    assert reward(FINE._replace(budget_s=0.0)) == pytest.approx(1.0 - WEIGHTS["speed"])
