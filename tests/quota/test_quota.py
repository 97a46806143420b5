"""What a bucket of quota lets through, and what it says when it does not."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.config.model import Limits, Plan
from cortex.messages import Estimate
from cortex.quota.quota import Quota
from cortex.quota.scopes import MODELS_KEPT
from cortex.quota.terms import Now, Used

ONE = Estimate(10, 10)


def bucket(key_limits=None, *, plan=None, **limits) -> Quota:
    return Quota("test", plan or Plan(), {"*": Limits(**limits)} if limits else {}, key_limits or Limits())


def use(quota: Quota, model: str, now: Now, estimate: Estimate = ONE, times: int = 1) -> None:
    for _ in range(times):
        assert quota.spent(model, estimate, now) is None
        quota.settle(
            quota.reserve(model, estimate, now), Used(1, estimate.input_tokens, estimate.output_tokens, 0), now
        )


def test_without_limits_everything_goes(now):
    quota = bucket()
    use(quota, "any", now, times=50)

    assert quota.share_left("any", now) == 1.0
    assert quota.windows(now) == []


def test_the_last_one_of_a_minute_is_taken_once(now):
    quota = bucket(requests_per_minute=2)
    use(quota, "m", now)
    quota.reserve("m", ONE, now)

    assert quota.spent("m", ONE, now).why == "2 of 2 requests a minute used, back in 60 s"


def test_what_will_be_several_requests_takes_as_many_places(now):
    quota = bucket(requests_per_minute=5)
    three = Estimate(10, 10, requests=3)
    reservation = quota.reserve("m", three, now)

    assert quota.spent("m", Estimate(10, 10, requests=2), now) is None
    assert quota.spent("m", three, now) is not None
    quota.settle(reservation, Used(2, 10, 10, 0), now)
    assert quota.spent("m", three, now) is None


def test_a_released_request_gives_its_place_back(now):
    quota = bucket(requests_per_minute=1)
    quota.release(quota.reserve("m", ONE, now), now)

    assert quota.spent("m", ONE, now) is None


def test_a_reservation_ends_once(now):
    quota = bucket(requests_per_minute=2, tokens_per_minute=1_000)
    reservation = quota.reserve("m", ONE, now)
    quota.settle(reservation, Used(1, 5, 5, 0), now)
    quota.settle(reservation, Used(1, 5, 5, 0), now)
    quota.release(reservation, now)

    assert [(window.used, window.reserved) for window in quota.windows(now)] == [(1, 0), (10, 0)]


def test_what_it_used_is_not_known_so_the_estimate_counts(now):
    quota = bucket(tokens_per_minute=1_000)
    quota.settle(quota.reserve("m", Estimate(300, 200), now), None, now)

    assert quota.windows(now)[0].used == 500


def test_more_than_was_estimated_counts_too(now):
    quota = bucket(tokens_per_minute=100)
    quota.settle(quota.reserve("m", ONE, now), Used(1, 100, 50, 0), now)
    window = quota.windows(now)[0]

    assert (window.used, window.left) == (150, 0)
    assert quota.spent("m", Estimate(0, 1), now) is not None


def test_a_rolling_minute_dates_a_request_by_the_first_byte_of_its_answer(now, later):
    quota = bucket(requests_per_minute=1)
    reservation = quota.reserve("m", ONE, now)
    quota.settle(reservation, Used(1, 1, 1, 0), later(50), began=now.mono + 10)

    assert quota.spent("m", ONE, later(69)) is not None
    assert quota.spent("m", ONE, later(70.1)) is None


def test_a_request_that_goes_over_midnight_counts_in_both_days(now, later):
    quota = bucket(requests_per_day=1)
    reservation = quota.reserve("m", ONE, later(12 * 3_600 - 5))
    quota.settle(reservation, Used(1, 1, 1, 0), later(12 * 3_600 + 5))

    assert quota.spent("m", ONE, later(12 * 3_600 - 1)) is not None
    assert quota.spent("m", ONE, later(12 * 3_600 + 6)) is not None
    assert quota.spent("m", ONE, later(36 * 3_600 + 6)) is None


@pytest.mark.parametrize(("zone", "hours"), [("UTC", 12), ("America/Los_Angeles", 20)])
def test_a_day_ends_at_midnight_of_the_provider(zone, hours, now, later):
    quota = bucket(plan=Plan(zone=zone), requests_per_day=1)
    use(quota, "m", now)
    spent = quota.spent("m", ONE, now)

    assert spent.until == pytest.approx(now.mono + hours * 3_600, abs=0.01)
    assert spent.why == f"1 of 1 requests a day used, back in {hours} h"
    assert quota.spent("m", ONE, Now(spent.until, now.wall + spent.until - now.mono)) is None


def test_a_month_ends_on_its_first(now):
    quota = bucket(requests_per_month=1)
    use(quota, "m", now)

    assert quota.spent("m", ONE, now).until == pytest.approx(now.mono + 5.5 * 86_400, abs=0.01)


def test_a_clock_that_jumps_ahead_and_back_finds_its_day_again(now):
    quota = bucket(requests_per_day=2)
    use(quota, "m", now, times=2)
    ahead = Now(now.mono + 1, now.wall + 40 * 86_400)
    use(quota, "m", ahead)

    assert quota.spent("m", ONE, Now(now.mono + 2, now.wall + 2)) is not None
    assert quota.windows(ahead)[0].used == 1


def test_a_bucket_refills_all_the_time(now, later):
    quota = bucket(plan=Plan(refills=True), tokens_per_minute=6_000)
    use(quota, "m", now, Estimate(3_000, 3_000))

    assert quota.spent("m", Estimate(50, 50), later(0.9)) is not None
    assert quota.spent("m", Estimate(50, 50), later(1.01)) is None
    assert quota.spent("m", Estimate(3_000, 3_000), later(59)) is not None


def test_each_model_that_the_star_covers_has_windows_of_its_own(now):
    quota = bucket(requests_per_minute=1)
    use(quota, "a", now)

    assert quota.spent("a", ONE, now) is not None
    assert quota.spent("b", ONE, now) is None


def test_limits_of_the_key_are_for_all_models_together(now):
    quota = bucket(Limits(requests_per_minute=2), requests_per_minute=2)
    use(quota, "a", now)
    use(quota, "b", now)

    assert quota.spent("c", ONE, now).why == "2 of 2 requests a minute used, back in 60 s"


def test_another_models_reservation_is_seen_though_the_room_was_remembered(now):
    quota = bucket(Limits(requests_per_minute=1))
    assert quota.spent("a", ONE, now) is None
    assert quota.spent("b", ONE, now) is None
    quota.reserve("a", ONE, now)

    assert quota.spent("b", ONE, now) is not None


def test_a_limit_of_zero_is_never_worth_waiting_for(preset, now):
    spent = preset("gemini").spent("gemini-3.1-pro-preview", ONE, now)

    assert spent == ("no free quota for this model", inf, "day")


def test_a_request_larger_than_a_window_is_never_worth_waiting_for(preset, now):
    spent = preset("groq").spent("openai/gpt-oss-20b", Estimate(10_000, 2_000), now)

    assert spent == ("needs about 12,000 tokens, the window has 8,000 a minute", inf, "minute")


def test_of_several_windows_the_one_that_lasts_longest_is_named(now):
    quota = bucket(requests_per_minute=1, requests_per_day=1)
    use(quota, "m", now)

    assert quota.spent("m", ONE, now).window == "day"


def test_input_tokens_alone_count_where_the_plan_says_so(now):
    quota = bucket(plan=Plan(counts="input"), tokens_per_minute=100)
    use(quota, "m", now, Estimate(60, 5_000))

    assert [(window.counts, window.used) for window in quota.windows(now)] == [("input_tokens", 60)]


@pytest.mark.parametrize(("counts_cached", "used"), [(True, 100), (False, 30)])
def test_cached_tokens_count_where_the_plan_says_so(counts_cached, used, now):
    quota = bucket(plan=Plan(counts_cached=counts_cached), tokens_per_minute=1_000)
    quota.settle(quota.reserve("m", Estimate(90, 10), now), Used(1, 90, 10, 70), now)

    assert quota.windows(now)[0].used == used


class TestEdits:
    """New settings, with what was used before them."""

    def test_what_is_used_stays(self, now):
        quota = bucket(requests_per_day=5)
        use(quota, "m", now, times=3)
        quota.configure(Plan(), {"*": Limits(requests_per_day=3)}, Limits())

        assert quota.spent("m", ONE, now).why.startswith("3 of 3 requests a day used")

    def test_a_limit_that_was_away_for_a_while_has_counted_on(self, now):
        quota = bucket(requests_per_day=3)
        use(quota, "m", now)
        quota.configure(Plan(), {}, Limits())
        use(quota, "m", now)
        quota.configure(Plan(), {"m": Limits(requests_per_day=3)}, Limits())

        assert quota.windows(now)[0].used == 2

    def test_a_new_limit_sees_what_is_under_way(self, now):
        quota = bucket()
        reservation = quota.reserve("m", ONE, now)
        quota.configure(Plan(), {"*": Limits(requests_per_day=1)}, Limits())

        assert quota.spent("m", ONE, now) is not None
        quota.settle(reservation, Used(1, 1, 1, 0), now)
        assert quota.spent("m", ONE, now) is not None

    @pytest.mark.parametrize("plan", [Plan(refills=True), Plan(zone="Asia/Tokyo"), Plan(zone="America/Los_Angeles")])
    def test_another_way_to_count_begins_with_what_was_used(self, plan, now):
        quota = bucket(requests_per_day=4, requests_per_minute=4)
        use(quota, "m", now, times=3)
        quota.configure(plan, {"*": Limits(requests_per_day=4, requests_per_minute=4)}, Limits())

        assert [window.used for window in quota.windows(now)] == [3, 3]

    def test_a_bucket_of_another_size_keeps_what_was_taken_out(self, now, later):
        quota = bucket(plan=Plan(refills=True), tokens_per_minute=600)
        use(quota, "m", now, Estimate(300, 300))
        quota.configure(Plan(refills=True), {"*": Limits(tokens_per_minute=6_000)}, Limits())

        assert quota.windows(now)[0].used == 600
        assert quota.windows(later(3))[0].used == 300


class TestRanking:
    """Which of several keys is to be used first."""

    def test_the_one_with_more_left(self, now):
        fresh, used = bucket(requests_per_day=10), bucket(requests_per_day=10)
        use(used, "m", now, times=4)

        assert fresh.share_left("m", now) > used.share_left("m", now)

    def test_of_two_with_as_much_left_the_one_that_is_whole_again_sooner(self, now):
        soon = bucket(plan=Plan(zone="UTC"), requests_per_day=10)
        late = bucket(plan=Plan(zone="America/Los_Angeles"), requests_per_day=10)
        use(soon, "m", now, times=5)
        use(late, "m", now, times=5)

        assert soon.share_left("m", now) > late.share_left("m", now)

    def test_a_spent_one_and_a_forbidden_one_are_nothing(self, now, preset):
        spent = bucket(requests_per_minute=1)
        use(spent, "m", now)

        assert spent.share_left("m", now) == 0.0
        assert preset("gemini").share_left("gemini-4-neon", now) == 0.0

    def test_it_is_seen_at_once_that_one_was_used(self, now):
        quota = bucket(requests_per_minute=4)
        use(quota, "m", now)
        before = quota.share_left("m", now)
        quota.spent("m", ONE, now)
        quota.reserve("m", ONE, now)

        assert quota.share_left("m", now) < before

    @given(used=st.integers(0, 10), minutes=st.integers(0, 2_000))
    def test_a_share_is_between_nothing_and_everything(self, used, minutes):
        quota = bucket(requests_per_day=10, requests_per_hour=10)
        use(quota, "m", Now(0.0, 1e9), times=used)

        assert 0.0 <= quota.share_left("m", Now(minutes * 60.0, 1e9 + minutes * 60.0)) <= 1.0


class TestBounds:
    """A client may ask for any number of models."""

    def test_models_with_nothing_counted_make_place(self, now):
        quota = bucket()
        for number in range(2 * MODELS_KEPT):
            use(quota, f"m{number}", now)

        assert len(list(quota._scopes)) <= MODELS_KEPT + 1

    def test_when_all_count_no_other_is_asked_until_one_is_empty(self, now, later):
        quota = bucket(requests_per_minute=1)
        for number in range(MODELS_KEPT):
            use(quota, f"m{number}", now)

        assert quota.spent("one more", ONE, now).why == f"more than {MODELS_KEPT} models in use"
        assert quota.spent("one more", ONE, later(61)) is None

    def test_a_model_that_was_not_used_for_two_periods_is_forgotten(self, now, later):
        quota = bucket(requests_per_minute=5)
        use(quota, "old", now)
        use(quota, "new", later(121))

        assert [window.model for window in quota.windows(later(121))] == ["new"]

    def test_one_that_counts_for_a_month_is_not(self, now, later):
        quota = bucket(requests_per_minute=5, requests_per_month=5)
        use(quota, "old", now)
        use(quota, "new", later(3_000))

        assert {window.model for window in quota.windows(later(3_000))} == {"old", "new"}


def test_changes_are_marked(now):
    quota = bucket(requests_per_minute=5)
    quota.spent("m", ONE, now)
    assert not quota.changed
    reservation = quota.reserve("m", ONE, now)
    assert quota.changed
    quota.changed = False
    quota.settle(reservation, None, now)
    assert quota.changed


def test_it_says_what_it_is(now):
    quota = bucket(requests_per_minute=5)
    reservation = quota.reserve("m", ONE, now)

    assert repr(reservation) == "<Reservation 'm' 20 tokens, under way>"

    assert (
        repr(quota) == "<Quota test [<Scope 'key' no limits, 1 under way>, <Scope 'm' requests/minute 5, 1 under way>]>"
    )
