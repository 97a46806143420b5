"""`scripts/simulate-routing`: the simulation is whole, and what it shows of the strategies."""

import json
from collections import Counter
from functools import cache
from math import inf
from random import Random

import pytest

from cortex.routing.registry import OWN
from cortex.simulate.quota import Limit, Quota, Quotas
from cortex.workers.books import Account
from scripts.routing_simulation.cloud import Cloud, Service
from scripts.routing_simulation.decision import decision_us
from scripts.routing_simulation.figures import as_json, figures, table
from scripts.routing_simulation.fleet import WEIGHTS
from scripts.routing_simulation.machine import Machine, Make
from scripts.routing_simulation.trace import trace
from scripts.routing_simulation.world import World

REQUESTS, SEED = 3_000, 1
MAKE = Make(memory_gb=24.0, gb_per_s=600.0, disk_gb_per_s=2.0, slots=2)

BUSY = 1.0
"""Times 20,000 a day: 3,000 requests are a morning from 8 o'clock, of which machines are full for some minutes."""

BENCH_US = 1_500.0
"""Ten times the target of 150 µs: a bound that a busy machine keeps; `--decision` tells the true figures."""

LEARNED_BY = 0.005

every = pytest.mark.parametrize("strategy", OWN)


@cache
def asks():
    return trace(REQUESTS, SEED, BUSY)


@cache
def world(strategy, **more):
    made = World(OWN[strategy], seed=SEED, **more)
    made.run(asks())
    return made


@cache
def row(strategy, **more):
    return figures(strategy, world(strategy, **more))


@every
def test_every_request_ends_once_and_nothing_stays_in_flight(strategy):
    ran = world(strategy)

    assert Counter(end.ask for end in ran.ends) == Counter(asks())
    assert all(standing.in_flight == 0 == standing.promised for standing in ran.fleet.board)
    assert all(machine.running == 0 for machine in ran.fleet.machines.values())
    assert ran.fleet.board.waiting == 0


@every
def test_a_first_token_is_never_before_its_request_nor_after_its_answer(strategy):
    assert all(0.0 < end.first_s <= end.total_s <= 300.0 + 1e-6 for end in world(strategy).ends if end.is_good)
    assert all(end.why and end.first_s == inf and end.quality == 0.0 for end in world(strategy).ends if not end.is_good)


@every
def test_no_more_was_running_anywhere_than_there_are_slots(strategy):
    ran = world(strategy)
    slots = {standing.name: standing.slots for standing in ran.fleet.board}
    steps = sorted(
        step
        for end in ran.ends
        if end.is_good
        for step in ((end.ask.at_s + end.total_s, -1, end.worker), (end.ask.at_s + end.first_s, 1, end.worker))
    )
    running = Counter()
    for _, step, worker in steps:
        running[worker] += step
        assert running[worker] <= slots[worker]


def test_the_same_seed_gives_the_same_ends():
    again = World(OWN["least_loaded"], seed=SEED)

    assert again.run(trace(REQUESTS, SEED, BUSY)) == world("least_loaded").ends


def test_another_seed_gives_another_trace():
    assert trace(100, 1) != trace(100, 2)


@every
def test_no_quota_is_overdrawn(strategy):
    """No key was asked for more than its own windows, which know nothing of the accounts in Córtex, have left."""
    assert row(strategy).quota_429 == 0


def test_without_the_accounts_the_same_trace_overdraws_them(monkeypatch):
    monkeypatch.setattr(Account, "spent", lambda self, model, estimate, mono: None)
    ran = World(OWN["round_robin"], seed=SEED)
    ran.run(asks())

    assert figures("round_robin", ran).quota_429 > 20


@every
def test_a_free_key_costs_nothing_and_no_answer_costs_less(strategy):
    ran = world(strategy)
    costs = {end.worker for end in ran.ends if end.usd > 0.0}

    assert costs <= {"openai", "anthropic"}
    assert all(end.usd > 0.0 for end in ran.ends if end.worker in {"openai", "anthropic"})


def test_least_loaded_beats_round_robin_on_p95_where_machines_are_busy():
    """At the load of a working morning (`BUSY`); by more than a tenth, so that it is no accident of the seed."""
    assert row("least_loaded").total_s[1] < 0.9 * row("round_robin").total_s[1]
    assert row("least_loaded").first_s[1] < 0.9 * row("round_robin").first_s[1]


def test_strategies_that_prefer_what_is_loaded_load_less_often():
    assert row("local_first").loads < row("round_robin").loads / 3
    assert row("least_loaded").loads < row("round_robin").loads / 2


def test_knowing_what_is_in_memory_spares_loads():
    assert row("local_first").loads < row("local_first", tells_warmth=False).loads / 2


@pytest.mark.parametrize("strategy", ["local_first", "least_loaded"])
def test_affinity_has_more_of_the_prompts_in_caches(strategy):
    assert row(strategy).cached > 1.2 * row(strategy, has_affinity=False).cached


def test_smart_is_better_than_local_first_where_nothing_costs():
    """Without keys that cost both spend nothing, so quality is compared at equal cost."""
    smart, local = row("smart", has_paid=False), row("local_first", has_paid=False)

    assert smart.usd == local.usd == 0.0
    assert smart.quality > local.quality + 0.01


def test_learned_beats_local_first_and_smart_on_its_reward_after_a_day():
    """By `LEARNED_BY`; two other seeds gave at least 0.008 (docs/smart.md has five days)."""
    days = trace(30_000, SEED, BUSY)
    rewards = {}
    for name in ("learned", "smart", "local_first"):
        ran = World(OWN[name], seed=SEED)
        ran.run(days)
        rewards[name] = figures(name, ran).reward

    assert rewards["learned"] > max(rewards["smart"], rewards["local_first"]) + LEARNED_BY


def test_the_table_has_a_line_for_each_strategy_and_json_an_object():
    rows = [row("local_first"), row("round_robin")]

    assert [line.split()[0] for line in table(rows).splitlines()] == ["strategy", "local_first", "round_robin"]
    assert [json.loads(line)["requests"] for line in as_json(rows).splitlines()] == [REQUESTS, REQUESTS]


@every
def test_a_decision_among_500_workers_does_not_get_out_of_hand(strategy):
    assert decision_us(OWN[strategy]) < BENCH_US


# The keys


def key(limit, **service):
    quota = Quota(limits=(Limit(limit, "minute", "tokens"),))
    return Cloud("key", Service(0.5, 100.0, **service), Quotas(quota), Random(1), 0.0)


def test_a_spent_window_refuses_and_says_for_how_long():
    cloud = key(1_000)
    cloud.begin("m", 1, 800, 10, None, 0.0)
    failure = cloud.begin("m", 1, 800, 10, None, 20.0).failure

    assert (failure.word, failure.window, failure.retry_after_s, cloud.refused) == ("rate_limited", "minute", 40.0, 1)


def test_an_answer_without_a_bound_counts_when_it_has_come_and_one_with_a_bound_at_once():
    open_end, bound = key(1_000, counts_answers=True), key(1_000, counts_answers=True)
    open_end.begin("m", 1, 100, 850, None, 0.0)
    assert open_end.begin("m", 1, 100, 10, None, 1.0).failure is None
    open_end.end("m", 850, None, 10.0)
    assert open_end.begin("m", 1, 100, 10, None, 11.0).failure is not None

    bound.begin("m", 1, 100, 10, 850, 0.0)
    assert bound.begin("m", 1, 100, 10, None, 1.0).failure is not None


def test_a_key_that_keeps_prompts_reads_a_long_one_only_once():
    cloud = key(10**9, keeps_prompts=True)

    assert [cloud.begin("m", 7, 3_000, 10, None, at_s).cached_tokens for at_s in (0.0, 60.0, 1_000.0)] == [0, 3_000, 0]


# The machines


def machine(*models):
    return Machine(MAKE, {model: WEIGHTS[model] for model in models})


def test_a_model_is_loaded_once_and_the_next_answer_does_not_wait_for_it():
    desk = machine("qwen3:8b")
    cold, later = desk.begin("qwen3:8b", 1, 100, 100, 0.0), desk.begin("qwen3:8b", 2, 100, 100, 60.0)

    assert cold.load_s == 1.0 + 5.2 / 2.0
    assert (later.load_s, desk.loads) == (0.0, 1)


def test_the_idle_model_that_was_used_longest_ago_goes_first():
    desk = machine("qwen3:8b", "llama3.1:8b", "qwen3:32b", "gemma3:12b")
    for at_s, model in enumerate(("qwen3:8b", "llama3.1:8b", "gemma3:12b")):
        desk.end(desk.begin(model, 1, 10, 10, 100.0 * at_s), model, 1, 20)
    desk.begin("qwen3:32b", 1, 10, 10, 400.0)

    assert set(desk.residents) == {"qwen3:32b"}
    desk.begin("qwen3:8b", 1, 10, 10, 900.0)
    assert set(desk.residents) == {"qwen3:8b"}


def test_a_load_waits_for_the_answer_whose_model_has_to_go():
    desk = machine("qwen3:32b", "qwen3-coder:30b")
    running = desk.begin("qwen3:32b", 1, 100, 1_000, 0.0)
    next_one = desk.begin("qwen3-coder:30b", 2, 100, 10, 20.0)

    assert next_one.load_s == pytest.approx(running.total_s - 20.0 + 1.0 + 18.6 / 2.0)


def test_a_conversation_that_comes_back_is_not_read_again():
    desk = machine("qwen3:8b")
    first = desk.begin("qwen3:8b", 7, 5_000, 100, 0.0)
    desk.end(first, "qwen3:8b", 7, 5_100)
    back, stranger = desk.begin("qwen3:8b", 7, 5_200, 100, 30.0), desk.begin("qwen3:8b", 8, 5_200, 100, 30.0)

    assert (back.cached_tokens, stranger.cached_tokens) == (5_100, 0)
    assert back.first_s < stranger.first_s / 5


def test_only_as_many_conversations_stay_as_there_are_slots():
    desk = machine("qwen3:8b")
    for conversation in (1, 2, 3):
        desk.end(desk.begin("qwen3:8b", conversation, 100, 10, 0.0), "qwen3:8b", conversation, 110)

    assert [held for _, held in desk.prompts] == [2, 3]


def test_a_probe_tells_only_what_is_new_and_idle_models_go_after_five_minutes():
    desk = machine("qwen3:8b")
    assert [model.loaded for model in desk.listing(0.0)] == [False]
    answer = desk.begin("qwen3:8b", 1, 10, 10, 0.0)
    assert [model.loaded for model in desk.listing(1.0)] == [True]
    desk.end(answer, "qwen3:8b", 1, 20)
    assert desk.listing(200.0) is None
    assert [model.loaded for model in desk.listing(1_000.0)] == [False]
