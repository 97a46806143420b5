"""Whose word counts for the size of a window."""

from cortex.config.model import Limits, Plan
from cortex.quota.sizes import Size, sizes_of_key, sizes_of_model
from cortex.quota.terms import Key
from cortex.quota.words import lasting, used_of

PLAN = Plan(
    limits={"big-*": Limits(requests_per_day=1), "*": Limits(requests_per_day=9, tokens_per_minute=50)},
    key_limits=Limits(requests_per_month=100),
)
DAY = Key("requests", "day")
MINUTE = Key("tokens", "minute")


def test_the_first_pattern_of_the_plan_that_fits():
    assert sizes_of_model("big-one", PLAN, {}) == {DAY: Size(1, "preset")}
    assert sizes_of_model("other", PLAN, {}) == {DAY: Size(9, "preset"), MINUTE: Size(50, "preset")}


def test_a_line_of_the_file_replaces_the_plans_whole():
    assert sizes_of_model("other", PLAN, {"other": Limits(requests_per_day=3)}) == {DAY: Size(3, "file")}


def test_a_models_own_line_counts_before_the_files_star():
    limits = {"*": Limits(requests_per_day=2), "other": Limits(requests_per_day=3)}

    assert sizes_of_model("other", PLAN, limits)[DAY] == Size(3, "file")
    assert sizes_of_model("another", PLAN, limits)[DAY] == Size(2, "file")


def test_a_line_of_the_file_without_limits_takes_them_all_away():
    assert sizes_of_model("other", PLAN, {"other": Limits()}) == {}


def test_the_keys_own_limits():
    month = Key("requests", "month")

    assert sizes_of_key(PLAN, Limits()) == {month: Size(100, "preset")}
    assert sizes_of_key(PLAN, Limits(requests_per_month=5)) == {month: Size(5, "file")}


def test_people_read_plain_words():
    assert used_of(7_900, 8_000, MINUTE) == "7,900 of 8,000 tokens a minute used"
    assert used_of(1, 2, Key("input_tokens", "hour")) == "1 of 2 input tokens an hour used"
    assert [lasting(seconds) for seconds in (0, 119.2, 120, 7_199, 1e6)] == ["1 s", "120 s", "2 min", "120 min", "12 d"]
