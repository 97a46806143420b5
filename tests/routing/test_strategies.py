"""The strategies: orders of candidates, each with a few words of why."""

from collections import Counter
from random import Random

import pytest
from fleet import NOW, hold, request, standing
from hypothesis import assume, given
from hypothesis import strategies as st

from cortex.config.model import Price
from cortex.config.secret import Secret
from cortex.providers.base import Model
from cortex.routing.entry import Entry
from cortex.routing.registry import OWN
from cortex.routing.strategies import (
    ASSUMED_LOAD_S,
    NEAR,
    State,
    cost_optimized,
    expected_usd,
    least_loaded,
    load,
    local_first,
    order_of,
    round_robin,
    worth_waiting,
)
from cortex.workers.books import Books

MODEL = "llama3.2:3b"


def entry(name="desk", *, loaded=True, in_flight=0, rank=0, total_s=None, load_s=None, failures=0, **more):
    stands = standing(name, models=[Model(MODEL, loaded=loaded)], **more)
    hold(stands, in_flight)
    if total_s is not None:
        stands.pace.answered(MODEL, first_token_s=total_s / 4, total_s=total_s, load_s=0.0)
    if load_s is not None:
        stands.pace.answered(MODEL, first_token_s=None, total_s=0.0, load_s=load_s)
    for _ in range(failures):
        stands.pace.failed(NOW)
    return Entry(stands, MODEL, rank)


def named(ranked):
    return [each.entry.standing.name for each in ranked]


def state(seed=0):
    return State(Random(seed))


@st.composite
def fleets(draw, least=1):
    names = draw(st.lists(st.sampled_from("abcdefgh"), min_size=least, max_size=6, unique=True))
    return [
        entry(
            name,
            local=draw(st.booleans()),
            free=draw(st.booleans()),
            loaded=draw(st.sampled_from([True, False, None])),
            slots=draw(st.integers(1, 4)),
            weight=draw(st.sampled_from([0, 1, 2.5])),
            in_flight=draw(st.integers(0, 3)),
            failures=draw(st.integers(0, 2)),
            total_s=draw(st.none() | st.floats(0.0, 100.0)),
            rank=draw(st.integers(0, 2)),
        )
        for name in names
    ]


@pytest.mark.parametrize("strategy", [known.order for known in OWN.values()], ids=OWN.keys())
@given(fleet=fleets(), seed=st.integers(0, 99))
def test_every_strategy_orders_exactly_what_it_was_given_and_says_why(strategy, fleet, seed):
    for ranked in (
        strategy(request(), fleet, state(seed), NOW),
        order_of(strategy, request(), fleet, state(seed), NOW),
    ):
        assert sorted(named(ranked)) == sorted(each.standing.name for each in fleet)
        assert all(each.why for each in ranked)


@pytest.mark.parametrize("strategy", [known.order for known in OWN.values()], ids=OWN.keys())
@given(fleet=fleets())
def test_the_rank_in_an_alias_comes_before_any_strategy(strategy, fleet):
    ranks = [each.entry.rank for each in order_of(strategy, request(), fleet, state(), NOW)]

    assert ranks == sorted(ranks)


@given(fleet=fleets())
def test_local_first_is_own_hardware_then_free_then_paid(fleet):
    def tier(ranked):
        stands = ranked.entry.standing
        return 0 if stands.local else 1 if stands.settings.free else 2

    tiers = [tier(ranked) for ranked in local_first(request(), fleet, state(), NOW)]

    assert tiers == sorted(tiers)


def test_local_first_prefers_the_loaded_model_then_the_idler_machine_then_the_faster():
    fleet = [
        entry("cold", loaded=False),
        entry("busy", in_flight=1, slots=2),
        entry("slow", total_s=0.0),
        entry("fast"),
    ]
    fleet[2].standing.pace.answered(MODEL, first_token_s=5.0, total_s=0.0, load_s=0.0)

    assert named(local_first(request(), fleet, state(), NOW)) == ["fast", "slow", "busy", "cold"]


def test_local_first_takes_the_shorter_of_two_loads():
    fleet = [entry("long", loaded=False, load_s=40.0), entry("short", loaded=False, load_s=5.0)]

    assert named(local_first(request(), fleet, state(), NOW)) == ["short", "long"]


@given(weights=st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_round_robin_gives_each_its_exact_share_of_a_cycle_and_begins_the_same_again(weights):
    fleet = [entry(str(number), weight=weight) for number, weight in enumerate(weights)]
    remembered = state()
    cycle = sum(weights)
    turns = [named(round_robin(request(), fleet, remembered, NOW))[0] for _ in range(2 * cycle)]

    assert Counter(turns[:cycle]) == {str(number): weight for number, weight in enumerate(weights)}
    assert turns[:cycle] == turns[cycle:]


@given(weights=st.lists(st.integers(1, 6), min_size=2, max_size=5))
def test_round_robin_is_never_a_whole_round_away_from_the_ideal_share(weights):
    """Smooth weighted round robin keeps each count within `count of workers - 1` turns of its share at any moment."""
    fleet = [entry(str(number), weight=weight) for number, weight in enumerate(weights)]
    remembered, counts = state(), Counter()
    for turn in range(1, 2 * sum(weights) + 1):
        counts[named(round_robin(request(), fleet, remembered, NOW))[0]] += 1
        for number, weight in enumerate(weights):
            assert abs(counts[str(number)] - turn * weight / sum(weights)) <= len(weights) - 1


def test_round_robin_spreads_a_heavy_worker_as_nginx_does():
    fleet = [entry("a", weight=5), entry("b", weight=1), entry("c", weight=1)]
    remembered = state()

    assert "".join(named(round_robin(request(), fleet, remembered, NOW))[0] for _ in range(7)) == "aabacaa"


@given(fleet=fleets(), seed=st.integers(0, 99))
def test_least_loaded_prefers_nobody_who_is_busier_by_more_than_the_tie_band(fleet, seed):
    first = least_loaded(request(), fleet, state(seed), NOW)[0].entry

    assert load(first, NOW) <= min(load(each, NOW) for each in fleet) + NEAR


@given(fleet=fleets(least=3), seed=st.integers(0, 99))
def test_least_loaded_orders_those_that_stand_behind_by_their_load(fleet, seed):
    loads = [load(ranked.entry, NOW) for ranked in least_loaded(request(), fleet, state(seed), NOW)]

    assert loads[1:] == sorted(loads[1:])


def test_least_loaded_draws_lots_among_equals_so_that_a_burst_is_spread():
    fleet = [entry(name) for name in "abcd"]
    remembered = state(1)
    firsts = Counter(named(least_loaded(request(), fleet, remembered, NOW))[0] for _ in range(400))

    assert min(firsts[name] for name in "abcd") > 50


@given(fleet=fleets(least=2))
def test_a_weight_of_nothing_means_only_when_no_other_is_left(fleet):
    assume(len({each.standing.settings.weight > 0 for each in fleet}) == 2)

    assert least_loaded(request(), fleet, state(), NOW)[0].entry.standing.settings.weight > 0


def test_failures_of_late_count_as_load():
    assert load(entry(failures=2), NOW) > load(entry(), NOW)


# Whether to wait for a busy worker rather than load on a free one


def test_a_loaded_worker_that_is_soon_free_is_worth_waiting_for():
    busy, free = entry("busy", total_s=2.0), entry("free", loaded=False, load_s=30.0)

    assert worth_waiting(busy, free, ahead=0)
    assert worth_waiting(busy, free, ahead=13)
    assert not worth_waiting(busy, free, ahead=14)


@given(
    total_s=st.none() | st.floats(0.0, 100.0),
    load_s=st.none() | st.floats(1.1, 100.0),
    ahead=st.integers(0, 20),
    slots=st.integers(1, 4),
    busy_loaded=st.booleans(),
    free_loaded=st.booleans(),
)
def test_waiting_is_right_only_for_a_warm_worker_before_a_longer_load(
    total_s, load_s, ahead, slots, busy_loaded, free_loaded
):
    busy = entry("busy", total_s=total_s, slots=slots, loaded=busy_loaded)
    free = entry("free", loaded=free_loaded, load_s=load_s)
    is_shorter = total_s is not None and total_s * (1 + ahead) / slots < (load_s or ASSUMED_LOAD_S)

    assert worth_waiting(busy, free, ahead=ahead) is (busy_loaded and not free_loaded and is_shorter)


def cloud(name, **more):
    key = Secret(f"sk-{name}-0123456789")
    return Entry(standing(name, local=False, models=("m",), key=key, **more), "m", 0)


def priced(name, usd, **more):
    """Return a paid key whose model costs so much for a million tokens of either kind."""
    entry = cloud(name, **more)
    books = Books(prices=lambda: {"m": Price(input=usd, output=usd)})
    entry.standing.account = books.account(entry.standing.settings)
    return entry


class TestCostOptimized:
    def test_what_costs_nothing_comes_before_the_cheap_and_the_cheap_before_the_dear(self):
        fleet = [priced("dear", 10.0), cloud("free", free=True), priced("cheap", 0.1), cloud("unknown")]

        assert named(cost_optimized(request(), fleet, state(), NOW)) == ["free", "cheap", "dear", "unknown"]

    def test_a_machine_of_ones_own_costs_its_hour(self):
        own = Entry(standing("own", models=("m",), cost_per_hour=3.6), "m", 0)
        own.standing.pace.answered("m", first_token_s=None, total_s=10.0, load_s=0.0)

        assert expected_usd(request(), own) == pytest.approx(0.01)
        assert named(cost_optimized(request(), [own, cloud("free", free=True)], state(), NOW)) == ["free", "own"]

    def test_an_answer_is_expected_as_long_as_usual_and_never_longer_than_the_client_wants(self):
        asked = request(max_tokens=200)
        entry = priced("a", 1.0)
        before = expected_usd(asked, entry)
        entry.standing.pace.answered("m", first_token_s=None, total_s=1.0, load_s=0.0, output_tokens=50)
        learned = expected_usd(asked, entry)
        entry.standing.pace.answered("m", first_token_s=None, total_s=1.0, load_s=0.0, output_tokens=100_000)

        assert before - learned == pytest.approx(150 / 1e6)
        assert expected_usd(asked, entry) == before

    def test_among_equals_the_faster(self):
        slow, fast = cloud("slow", free=True), cloud("fast", free=True)
        slow.standing.pace.answered("m", first_token_s=None, total_s=9.0, load_s=0.0)
        fast.standing.pace.answered("m", first_token_s=None, total_s=2.0, load_s=0.0)

        assert named(cost_optimized(request(), [slow, fast], state(), NOW)) == ["fast", "slow"]

    def test_the_why_says_what_it_costs(self):
        fleet = [cloud("free", free=True), priced("cheap", 1.0), cloud("unknown")]
        whys = [ranked.why for ranked in cost_optimized(request(max_tokens=1_000), fleet, state(), NOW)]

        assert whys == ["costs nothing, free", "about $0.001, paid", "price unknown, paid"]
