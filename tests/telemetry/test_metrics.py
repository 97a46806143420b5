"""Counts and times: bounded whatever comes, and in a text that Prometheus reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from cortex.chat import Usage
from cortex.messages import Failure
from cortex.telemetry.labels import OTHER, PAIRS_KEPT
from cortex.telemetry.metrics import SECONDS, Counter, Gauge, Histogram, Metrics
from cortex.telemetry.record import Attempt, Record


def record(*attempts, outcome="ok", total_s=1.0, usage=None, queued_s=0.0):
    made = Record(id="r", client="10.0.0.1", dialect="openai", arrived_s=0.0, arrived_at=0.0)
    made.attempts += attempts
    made.outcome, made.total_s, made.usage, made.queued_s = outcome, total_s, usage, queued_s
    return made


def attempt(worker="desk", model="m", *, failure=None, began_s=0.1, first_token_s=None, ended_s=0.9):
    return Attempt(
        worker,
        model,
        "local",
        cold=False,
        began_s=began_s,
        first_token_s=first_token_s,
        ended_s=ended_s,
        failure=failure,
    )


def parsed(metrics):
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_so_many_models_are_told_by_their_names_and_the_rest_are_other():
    metrics = Metrics()
    for number in range(PAIRS_KEPT + 50):
        metrics.finished(record(attempt(model=f"m{number}", first_token_s=0.2), usage=Usage()))
    told = {labels[2] for labels in metrics.requests.values}

    assert len(told) == PAIRS_KEPT + 1
    assert metrics.requests.values["openai", "desk", OTHER, "ok"] == 50.0
    assert sum(metrics.requests.values.values()) == PAIRS_KEPT + 50
    assert len(metrics.first_token_seconds.values) == PAIRS_KEPT + 1


def test_a_model_that_nobody_configured_and_no_worker_has_is_other():
    metrics = Metrics(workers=lambda: ["desk"], has=lambda worker, model: (worker, model) == ("desk", "mine"))
    metrics.finished(record(attempt(model="mine"), usage=Usage()))
    metrics.finished(record(attempt(model="anything"), usage=Usage()))
    refused = record(outcome="unknown_model")
    refused.model = "made-up"
    metrics.finished(refused)

    assert set(metrics.requests.values) == {
        ("openai", "desk", "mine", "ok"),
        ("openai", "desk", OTHER, "ok"),
        ("openai", "", OTHER, "unknown_model"),
    }


@pytest.mark.parametrize("asked", ["", "auto"])
def test_a_request_that_left_the_choice_and_reached_nobody_has_no_model(asked):
    metrics = Metrics()
    refused = record(outcome="no_workers")
    refused.model = asked
    metrics.finished(refused)

    assert set(metrics.requests.values) == {("openai", "", "", "no_workers")}


def test_an_answer_of_a_worker_that_is_long_gone_is_others():
    """The cache on disk outlives workers."""
    metrics = Metrics(workers=lambda: ["desk"])
    kept = record()
    kept.pays, kept.given = False, ("sold last year", "m", 9.0)
    metrics.finished(kept)

    assert set(metrics.requests.values) == {("openai", OTHER, "m", "ok")}


@given(model=st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_name_of_a_model_comes_through_the_text_as_it_is(model):
    metrics = Metrics()
    metrics.finished(record(attempt(model=model)))
    labels = {"dialect": "openai", "worker": "desk", "model": model, "outcome": "ok"}

    assert parsed(metrics)["cortex_requests_total", tuple(sorted(labels.items()))] == 1.0


@given(values=st.lists(st.floats(0.0, 1000.0), max_size=50))
def test_a_histogram_counts_each_value_once_and_below_every_bound_that_holds_it(values):
    histogram = Histogram("h", "A test.", ("worker",))
    for value in values:
        histogram.add(("desk",), value)
    samples = {(sample.name, sample.labels.get("le")): sample.value for sample in histogram.taken()().samples}

    if values:
        assert samples["h_count", None] == len(values)
        assert samples["h_sum", None] == pytest.approx(sum(values))
        for bound in SECONDS:
            assert samples["h_bucket", str(bound)] == sum(value <= bound for value in values)
    else:
        assert samples == {}


@given(amounts=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9))))
def test_a_counter_is_the_sum_of_what_it_was_given(amounts):
    counter = Counter("c", "A test.", ("x",))
    for label, amount in amounts:
        counter.add((label,), amount)

    assert counter.values == {
        (label,): sum(amount for each, amount in amounts if each == label) for label in {label for label, _ in amounts}
    }


def test_a_gauge_is_read_at_the_scrape():
    metrics, now = Metrics(), [3.0]
    metrics.gauges.append(Gauge("cortex_in_flight", "A test.", ("worker",), lambda: [(("desk",), now[0])]))
    assert parsed(metrics)["cortex_in_flight", (("worker", "desk"),)] == 3.0
    now[0] = 5.0

    assert parsed(metrics)["cortex_in_flight", (("worker", "desk"),)] == 5.0


def test_what_never_happened_is_there_with_zero_where_alerts_need_it():
    seen = parsed(Metrics())

    assert seen["cortex_client_gone_total", ()] == 0.0
    assert seen["cortex_config_reloads_total", (("result", "refused"),)] == 0.0


def test_every_actor_and_worker_is_there_before_its_first_restart():
    """Prometheus' `increase` does not see a counter that begins at 1."""
    metrics = Metrics(workers=lambda: ["desk"])
    metrics.restarted("desk")

    assert parsed(metrics)["cortex_actor_restarts_total", (("actor", "desk"),)] == 1.0
    assert parsed(metrics)["cortex_actor_restarts_total", (("actor", "dispatcher"),)] == 0.0
    assert parsed(metrics)["cortex_cost_usd_total", (("worker", "desk"),)] == 0.0


def test_of_two_gauges_with_the_same_labels_one_is_told():
    metrics = Metrics()
    metrics.gauges.append(Gauge("g", "A test.", ("a",), lambda: [(("x",), 1.0), (("x",), 2.0)]))

    assert metrics.text().count(b'g{a="x"}') == 1


def test_buckets_reach_from_a_millisecond_to_ten_minutes():
    assert (SECONDS[0], SECONDS[-1]) == (0.001, 600.0)
    assert list(SECONDS) == sorted(set(SECONDS))


def test_a_request_is_counted_for_who_answered_it_and_each_attempt_for_who_made_it():
    metrics = Metrics()
    failed = attempt("desk", failure=Failure("timeout", "slow"), ended_s=0.5)
    metrics.finished(
        record(failed, attempt("rack", began_s=0.5, first_token_s=0.7), usage=Usage(input_tokens=7, output_tokens=3))
    )

    assert metrics.requests.values == {("openai", "rack", "m", "ok"): 1.0}
    assert metrics.attempts.values == {("desk", "timeout"): 1.0, ("rack", "ok"): 1.0}
    assert metrics.failovers.values == {("desk", "timeout"): 1.0}
    assert metrics.tokens.values == {("rack", "m", "input"): 7.0, ("rack", "m", "output"): 3.0}
    assert metrics.first_token_seconds.values["rack", "m"][1] == [pytest.approx(0.2)]


def test_the_last_attempt_that_failed_is_no_failover():
    metrics = Metrics()
    metrics.finished(record(attempt(failure=Failure("timeout", "slow")), outcome="exhausted"))

    assert metrics.failovers.values == {}
    assert metrics.attempts.values == {("desk", "timeout"): 1.0}


def test_a_client_that_left_is_counted_as_such():
    metrics = Metrics()
    metrics.finished(record(outcome="client_gone"))

    assert metrics.client_gone.values == {(): 1.0}
    assert metrics.requests.values == {("openai", "", "", "client_gone"): 1.0}


def test_an_answer_that_was_gone_on_with_is_counted_for_who_did():
    metrics = Metrics()
    broke = attempt("desk", failure=Failure("timeout", "silence"), first_token_s=0.2)
    broke.told = True
    failed, went_on = attempt("rack", failure=Failure("unsupported", "no")), attempt("cloud", first_token_s=0.5)
    failed.resumed, went_on.resumed, went_on.told = "failed", "continued", True
    made = record(broke, failed, went_on, usage=Usage(3, 4))
    metrics.finished(made)

    assert metrics.resumes.values == {("rack", "failed"): 1, ("cloud", "continued"): 1}
    assert metrics.failovers_seen.values == {}
    assert made.line()["resumed"] == "continued"
    assert made.first_token_s == 0.2


def test_a_break_that_the_client_was_told_of_is_counted_for_who_broke_off():
    metrics = Metrics()
    broke, failed = attempt("desk", first_token_s=0.2), attempt("rack", failure=Failure("busy", "full"))
    broke.told, failed.resumed = True, "failed"
    broke.failure = Failure("timeout", "silence")
    made = record(broke, failed, outcome="timeout")
    made.broke = "timeout"
    metrics.finished(made)

    assert metrics.failovers_seen.values == {("desk", "timeout"): 1}
    assert parsed(metrics)["cortex_failovers_seen_total", (("word", "timeout"), ("worker", "desk"))] == 1


def test_what_was_taken_is_written_as_it_was_then_whatever_is_counted_meanwhile():
    metrics = Metrics()
    metrics.finished(record(attempt(first_token_s=0.2), usage=Usage(1, 1)))
    write, then = metrics.taken(), parsed(metrics)
    metrics.finished(record(attempt(first_token_s=0.2), usage=Usage(1, 1)))
    written = write().decode()

    assert 'model="m",outcome="ok",worker="desk"} 1.0' in written
    assert 'cortex_request_seconds_count{dialect="openai",worker="desk"} 1.0' in written
    assert then["cortex_overhead_seconds_count", ()] == 1.0
