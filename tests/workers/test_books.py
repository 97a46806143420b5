"""What leases leave in the books: quotas, usage, money, and what is written behind."""

from types import SimpleNamespace

import pytest
from fleet import NOW, settings
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Usage
from cortex.config.model import Limits, Plan, Price
from cortex.config.secret import Secret
from cortex.messages import Estimate, Failure, Outcome
from cortex.workers.books import NOTHING_GENERATED, Books, bucket_of

MODEL = "m"
WALL = 1_800_000_000.0
ONE = Estimate(10, 20)
LIMITED = {"*": Limits(requests_per_day=2)}


def key(text):
    return Secret(f"sk-{text}-0123456789")


def books(**more):
    return Books(clock=lambda: NOW, wall=lambda: WALL, **more)


def cloud(name="cloud/1", **more):
    return settings(name, local=False, **{"key": key(name), **more})


def lease(account, *, sent=True, estimate=ONE, asked=1, allowed=0):
    """Return the part of a lease that the books look at."""
    return SimpleNamespace(
        model=MODEL,
        reservation=account.reserve(MODEL, estimate),
        sent=sent,
        asked=asked,
        began_s=NOW,
        allowances=(),
        allowed_tokens=allowed,
    )


def used(account):
    (window,) = account.windows()
    return window.used, window.reserved


def totals(made, worker="cloud/1"):
    (tally,) = [row.tally for row in made.rows() if row.worker == worker and row.length_s == 86_400]
    return tally


def test_two_workers_of_one_key_or_of_one_shared_bucket_draw_on_one_quota():
    made = books()
    same = key("same")
    one, other = (made.account(cloud(name, key=same, limits=LIMITED)) for name in ("a/1", "b/1"))
    shared = [made.account(cloud(f"g/{n}", pool="g", bucket="shared", limits=LIMITED)) for n in (1, 2)]

    assert one.quota is other.quota
    assert shared[0].quota is shared[1].quota
    assert one.quota is not shared[0].quota


def test_a_bucket_is_named_by_the_key_and_never_shows_it():
    first, renamed, swapped = cloud("a"), cloud("b", key=key("a")), cloud("a", key=key("other"))

    assert bucket_of(first) == bucket_of(renamed) != bucket_of(swapped)
    assert "sk-" not in bucket_of(first)
    assert bucket_of(settings("desk")) == "ollama/desk"


def test_a_whole_answer_counts_what_it_used():
    made = books()
    account = made.account(cloud(limits={"*": Limits(tokens_per_day=1_000)}))
    account.settle(lease(account), Outcome(usage=Usage(input_tokens=100, output_tokens=7, cached_tokens=60)))

    assert used(account) == (107, 0)
    assert (totals(made).input_tokens, totals(made).output_tokens, totals(made).cached_tokens) == (100, 7, 60)


@pytest.mark.parametrize("word", sorted(NOTHING_GENERATED - {"rate_limited"}))
def test_a_refusal_counts_as_a_request_and_no_tokens(word):
    made = books()
    account = made.account(cloud(limits={"*": Limits(requests_per_day=9, tokens_per_day=1_000)}))
    account.settle(lease(account), Outcome(failure=Failure(word, "no")))

    assert {(window.counts, window.used) for window in account.windows()} == {("requests", 1), ("tokens", 0)}
    assert totals(made).errors == {word: 1}


@pytest.mark.parametrize(
    "outcome",
    [Outcome(cancelled=True), Outcome(failure=Failure("timeout", "")), Outcome(failure=Failure("malformed", ""))],
)
def test_where_nobody_knows_what_was_used_the_estimate_counts(outcome):
    account = books().account(cloud(limits={"*": Limits(tokens_per_day=1_000)}))
    account.settle(lease(account), outcome)

    assert used(account) == (30, 0)


@pytest.mark.parametrize(("allowed", "counted"), [(0, 107), (5, 107), (500, 600)])
def test_what_a_client_allowed_counts_where_the_provider_counts_so(allowed, counted):
    plan = Plan(counts_allowed=True)
    account = books().account(cloud(plan=plan, limits={"*": Limits(tokens_per_day=1_000)}))
    account.settle(lease(account, allowed=allowed), Outcome(usage=Usage(input_tokens=100, output_tokens=7)))

    assert used(account) == (counted, 0)


def test_what_never_reached_the_upstream_costs_nothing():
    made = books()
    account = made.account(cloud(limits=LIMITED))
    account.settle(lease(account, sent=False), Outcome(failure=Failure("unreachable", "refused")))
    account.settle(lease(account, sent=False), Outcome(cancelled=True))

    assert used(account) == (0, 0)
    assert totals(made).errors == {"unreachable": 1}


def test_texts_that_were_asked_in_parts_are_as_many_requests():
    account = books().account(cloud(limits=LIMITED))
    account.settle(lease(account, estimate=Estimate(10, 0, 2), asked=2), Outcome(usage=Usage(input_tokens=9)))

    assert used(account) == (2, 0)
    assert account.spent(MODEL, ONE, NOW).window == "day"


def test_a_429_rests_the_key_and_says_until_when():
    account = books().account(cloud())
    rest = account.settle(lease(account), Outcome(failure=Failure("rate_limited", "", retry_after_s=30.0)))

    assert rest.until == NOW + 30.0
    assert account.spent(MODEL, ONE, NOW).until == NOW + 30.0
    assert account.rests(MODEL, NOW)
    assert not account.rests(MODEL, NOW + 31.0)


def test_paid_tokens_cost_and_free_ones_would_have():
    heard = []
    prices = {MODEL: Price(input=1.0, output=2.0)}
    made = books(prices=lambda: prices, on_cost=lambda *cost: heard.append(cost))
    usage = Usage(input_tokens=1_000, output_tokens=500)
    for account in (made.account(cloud("paid")), made.account(cloud("free", free=True))):
        account.settle(lease(account), Outcome(usage=usage))

    assert heard == [("paid", 2_000_000, 0), ("free", 0, 2_000_000)]
    assert (totals(made, "paid").cost_nano, totals(made, "paid").would_cost_nano) == (2_000_000, 2_000_000)
    assert (totals(made, "free").cost_nano, totals(made, "free").would_cost_nano) == (0, 2_000_000)


@pytest.mark.parametrize(
    ("reference", "saved"),
    [("dear", 10_000_000), ("cheap", 0), ("gpt-6-astra", 35_000_000), ("unknown", 0)],
)
def test_savings_are_measured_against_the_model_of_comparison_whoever_answered(reference, saved):
    heard = []
    prices = {"dear": Price(input=5.0, output=10.0), "cheap": Price(input=0.0, output=0.0)}
    made = books(prices=lambda: prices, reference=lambda: reference, on_cost=lambda *cost: heard.append(cost))
    account = made.account(cloud("own", free=True))
    account.settle(lease(account), Outcome(usage=Usage(input_tokens=1_000, output_tokens=500)))
    assert heard == ([("own", 0, saved)] if saved else [])


def test_what_was_paid_is_not_saved():
    heard = []
    prices = {MODEL: Price(input=4.0, output=4.0), "dear": Price(input=5.0, output=5.0)}
    made = books(prices=lambda: prices, reference=lambda: "dear", on_cost=lambda *cost: heard.append(cost))
    account = made.account(cloud("paid"))
    account.settle(lease(account), Outcome(usage=Usage(input_tokens=1_000)))
    assert heard == [("paid", 4_000_000, 1_000_000)]


def test_an_edit_of_a_price_counts_from_the_next_answer_on():
    prices = [{MODEL: Price(input=1.0, output=1.0)}]
    made = books(prices=lambda: prices[-1])
    account = made.account(cloud())
    account.settle(lease(account), Outcome(usage=Usage(input_tokens=1)))
    prices.append({MODEL: Price(input=5.0, output=1.0)})
    account.settle(lease(account), Outcome(usage=Usage(input_tokens=1)))

    assert totals(made).cost_nano == 1_000 + 5_000


def test_only_what_changed_is_collected_and_only_once():
    made = books()
    account = made.account(cloud(limits=LIMITED))
    made.account(cloud("idle", limits=LIMITED))
    account.settle(lease(account), Outcome(usage=Usage(input_tokens=1)))
    collected = made.collect()

    assert {name.partition("/")[0] for name in collected} == {"quota", "usage"}
    assert len(collected) == 2
    assert made.collect() == {}


@given(count=st.integers(1, 2))
def test_books_that_are_opened_again_count_on(count):
    before = books()
    account = before.account(cloud(limits=LIMITED))
    for _ in range(count):
        account.settle(lease(account), Outcome(usage=Usage(input_tokens=1)))
    after = books()
    unread = after.restore({name: value for name, value in before.collect().items() if value is not None})
    again = after.account(cloud(limits=LIMITED))

    assert unread == 0
    assert used(again) == (count, 0)
    assert (again.spent(MODEL, ONE, NOW) is None) is (count < 2)
    assert after.rows() == before.rows()


def test_an_edit_of_limits_keeps_what_was_used():
    made = books()
    account = made.account(cloud(limits=LIMITED))
    account.settle(lease(account), Outcome(usage=Usage(input_tokens=1)))
    edited = made.account(cloud(limits={"*": Limits(requests_per_day=1)}))

    assert edited.quota is account.quota
    assert edited.spent(MODEL, ONE, NOW) is not None
