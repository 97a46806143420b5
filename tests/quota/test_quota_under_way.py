"""What requests under way hold, and what a bucket that refills is said to hold after a 429."""

from cortex.config.model import Limits, Plan
from cortex.messages import Allowance, Estimate, Failure
from cortex.quota.quota import Quota
from cortex.quota.terms import Now, Used

NOW = Now(1_000.0, 1_700_000_000.0)
PLAN = Plan(scope="model", refills=True, limits={"*": Limits(tokens_per_day=86_400, requests_per_day=86_400)})


def quota(plan=PLAN):
    return Quota("groq/home", plan, {}, Limits())


def after(seconds):
    return Now(NOW.mono + seconds, NOW.wall + seconds)


def test_tokens_that_a_request_under_way_may_give_back_are_waited_for_a_moment_only():
    """It used a tenth of what was reserved for it, as most do; a bucket alone would need an hour."""
    bucket = quota()
    reservation = bucket.reserve("m", Estimate(0, 86_400), NOW)

    waits = bucket.spent("m", Estimate(3_600, 0), NOW)
    bucket.settle(reservation, Used(1, 0, 8_640, 0), NOW)

    assert 0 < waits.until - NOW.mono < 10
    assert bucket.spent("m", Estimate(3_600, 0), NOW) is None


def test_what_was_used_is_not_waited_for_as_if_it_came_back():
    bucket = quota()
    bucket.settle(bucket.reserve("m", Estimate(0, 86_400), NOW), Used(1, 0, 86_400, 0), NOW)

    assert bucket.spent("m", Estimate(3_600, 0), NOW).until - NOW.mono >= 3_600


def test_a_request_under_way_is_counted_however_short_its_answer():
    bucket = quota(Plan(scope="model", limits={"*": Limits(requests_per_day=1)}))
    bucket.reserve("m", Estimate(1, 1), NOW)

    assert bucket.spent("m", Estimate(1, 1), NOW).until - NOW.mono > 10


def test_a_429_of_a_bucket_that_refills_tells_what_it_holds_after_the_rest_too():
    """We had counted nothing; another program had used nearly all. A minute brings 60 tokens back, not a whole bucket."""
    bucket = quota()
    said = Allowance("tokens", "day", limit=86_400, remaining=40, reset_s=60.0)

    bucket.limited("m", Failure("rate_limited", "", retry_after_s=60.0, window="day", allowances=(said,)), NOW)

    assert bucket.spent("m", Estimate(90, 0), after(61.0)) is None
    assert bucket.spent("m", Estimate(1_000, 0), after(61.0)) is not None
