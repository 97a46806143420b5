"""The rings behind the charts, and what of them survives a restart."""

from math import isnan

import pytest
from ended import request_record
from hypothesis import given
from hypothesis import strategies as st

from cortex.telemetry.history import LATEST_S, SPANS, WORKERS_KEPT, History, Ring, Sums, bucket, share

START = 1_700_000_000.0 - 1_700_000_000 % 7_200


def run(history, seconds, *, begin=START, each=(), in_flight=0):
    """Let so many seconds pass, with the same requests in each; return the time after."""
    for second in range(seconds):
        for record in each:
            history.finished(record)
        history.tick(begin + second + 1, in_flight)
    return begin + seconds


def known(values):
    return [value for value in values if not isnan(value)]


@given(st.floats(0.001, 400.0))
def test_a_duration_is_told_from_its_bucket_within_five_percent(seconds):
    assert share({bucket(seconds): 1}, 0.5) == pytest.approx(seconds, rel=0.05)


@given(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=50), st.sampled_from([0.5, 0.95]))
def test_a_percentile_of_buckets_is_that_of_the_durations(durations, part):
    times = {}
    for seconds in durations:
        times[bucket(seconds)] = times.get(bucket(seconds), 0) + 1
    exact = sorted(durations)[-(-len(durations) * int(part * 100) // 100) - 1]

    assert share(times, part) == pytest.approx(exact, rel=0.06)


def test_what_ends_within_a_step_is_one_number_of_each_series():
    history = History()
    record = request_record(worker="desk", total_s=2.0, first_token_s=0.5, tokens=(10, 20))
    now = run(history, 10, each=[record], in_flight=3)

    shown = history.span("15m", now)

    assert known(shown["series"]["requests"]) == [5.0, 5.0]
    assert shown["series"]["tokens_out"][-1] == 100.0
    assert shown["series"]["in_flight"][-1] == 3.0
    assert shown["series"]["total_p50_s"][-1] == pytest.approx(2.0, rel=0.05)
    assert shown["series"]["first_token_p95_s"][-1] == pytest.approx(0.5, rel=0.05)
    assert known(shown["workers"]["desk"]["requests"]) == [5.0, 5.0]


@pytest.mark.parametrize("span", SPANS)
def test_a_span_has_all_its_steps_and_ends_before_the_one_that_is_open(span):
    step_s, length = SPANS[span]

    shown = History().span(span, START + 1)

    assert shown["from"] == START - step_s * length
    assert {len(column) for column in shown["series"].values()} == {length}
    assert not known(shown["series"]["requests"])


def test_time_in_which_nobody_recorded_is_unknown_and_quiet_time_is_nothing():
    history = History()
    now = run(history, 12)
    now = run(history, 12, begin=now + 60)

    requests = history.span("15m", now)["series"]["requests"]

    assert known(requests) == [0.0] * 5
    assert isnan(requests[-8])


def test_a_clock_that_goes_back_harms_nothing():
    history = History()
    now = run(history, 30, each=[request_record()])
    run(history, 30, begin=now - 600, each=[request_record()])
    now = run(history, 10, begin=now, each=[request_record()])

    requests = known(history.span("15m", now)["series"]["requests"])

    assert max(requests) <= 40  # what came while the clock was back is in the step that was open
    assert sum(requests) >= 60


@given(steps=st.lists(st.integers(1, 250), min_size=1, max_size=30))
def test_a_ring_has_what_was_written_of_late_and_nothing_else(steps):
    ring, slot, written = Ring(5, 180), 1000, {}
    for number, step in enumerate(steps, 1):
        slot += step
        ring.write(slot, Sums(requests=number))
        written[slot] = number

    series, _ = ring.between(slot - 179, 180)

    for place, value in zip(range(slot - 179, slot + 1), series["requests"], strict=True):
        assert value == written[place] if place in written else isnan(value)


def test_workers_are_forgotten_when_nothing_of_them_is_left_and_bounded_before():
    ring = Ring(5, 4)
    many = Sums()
    for number in range(WORKERS_KEPT + 10):
        many.workers[f"w{number}"] = _one()
    ring.write(1, many)
    assert len(ring.workers) == WORKERS_KEPT

    for slot in range(2, 12):
        ring.write(slot, Sums(workers={"w0": _one()}))

    assert set(ring.workers) == {"w0"}


def test_what_costs_nothing_and_what_fails_over_is_counted():
    history = History()
    history.paid = frozenset({"cloud"})
    broken = request_record(worker="desk", outcome="timeout")
    broken.broke = "timeout"
    for record in (
        broken,
        request_record(worker="desk"),
        request_record(worker="cloud"),
        request_record(worker="cloud", cache="hit"),
        request_record(worker="desk", tried=2),
        request_record(worker="desk", tried=1, outcome="exhausted"),
        request_record(worker="desk", outcome="client_error"),
    ):
        history.finished(record)
    history.tick(START, 0)

    assert (history.answered, history.answered_free) == (4, 3)
    assert (history.failovers, history.failovers_seen) == (3, 1)
    assert history.second.requests == 0


@pytest.mark.parametrize("cache", ["hit", "shared"])
def test_tokens_that_were_spared_are_none(cache):
    history = History()
    record = request_record(tokens=(10, 20), cache=cache)
    record.pays = False
    history.finished(record)

    assert (history.second.tokens_in, history.second.cache_hits, history.second.requests) == (0, 1, 1)


def test_money_is_in_the_step_in_which_it_was_paid():
    history = History()
    run(history, 1)
    history.money(2_000_000_000, 500_000_000)
    now = run(history, 5, begin=START + 1)

    series = history.span("15m", now)["series"]

    assert (sum(known(series["cost_usd"])), sum(known(series["saved_usd"]))) == (2.0, 0.5)


def test_the_last_minute_is_told_by_worker_and_second():
    history = History()
    run(history, 20, each=[request_record(worker="desk")])
    run(history, 4, each=[request_record(worker="rack")])

    sparks = history.sparks()

    assert sparks["desk"] == [0] * 18 + [2] * 10 + [0, 0]
    assert sparks["rack"] == [0] * 28 + [2, 2]
    assert history.per_second(10) == {"": 1.0, "desk": 0.6, "rack": 0.4}


def test_the_live_median_is_of_the_last_requests_and_forgets_them():
    history = History()
    for total_s in (1.0, 2.0, 3.0, 40.0):
        history.finished(request_record(total_s=total_s, arrived_at=START))

    assert history.times(START + 50) == (2.0, 40.0)
    assert history.times(START + 50 + LATEST_S) == (None, None)


def _saved(history):
    return {"open": history.open_state(), **{name: history.state(name) for name in SPANS}}


def test_a_restart_loses_nothing_that_was_written():
    history = History()
    now = run(history, 1_000, each=[request_record(worker="desk")])
    again = History()

    assert again.restore(_saved(history), now) == []

    run(history, 700, begin=now, each=[request_record(worker="desk")])
    now = run(again, 700, begin=now, each=[request_record(worker="desk")])
    for span in SPANS:
        assert repr(again.span(span, now)) == repr(history.span(span, now))


@pytest.mark.parametrize("name", ["open", *SPANS])
@given(damage=st.binary(max_size=60))
def test_what_cannot_be_read_is_named_and_the_rest_is_taken(name, damage):
    history = History()
    now = run(history, 400, each=[request_record()])
    again = History()

    assert again.restore({**_saved(history), name: damage}, now) == [name]

    other = "24h" if name == "15m" else "15m"
    assert again.rings[other].last == history.rings[other].last


def test_what_is_of_a_time_to_come_is_not_taken():
    history = History()
    now = run(history, 400, each=[request_record()])
    again = History()

    assert again.restore(_saved(history), now - 100_000) == []

    assert again.rings["15m"].last is None
    assert not known(again.span("15m", now)["series"]["requests"])


def test_only_rings_with_a_new_step_are_due():
    history = History()
    assert history.take_changed() == []
    run(history, 10)
    assert history.take_changed() == ["15m"]
    assert history.take_changed() == []
    run(history, 310, begin=START + 10)
    assert history.take_changed() == ["15m", "24h"]


def _one():
    sums = Sums()
    history = History()
    history.second = sums
    history.finished(request_record(worker="x"))
    return sums.workers["x"]
