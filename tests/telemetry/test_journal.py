"""What is remembered, and who listens: bounded, with the number of what was lost."""

import asyncio

import pytest
from house import until
from hypothesis import given
from hypothesis import strategies as st

from cortex.telemetry.events import Report
from cortex.telemetry.history import History
from cortex.telemetry.journal import (
    EVENTS_KEPT,
    LISTENER_LIMIT,
    LISTENERS_LIMIT,
    REQUESTS_KEPT,
    UNTAKEN_AGAIN,
    Journal,
    Listener,
)
from cortex.telemetry.metrics import Metrics
from cortex.telemetry.record import Record
from cortex.telemetry.recorder import Recorder, Take


def record(number, outcome=""):
    made = Record(id=f"r-{number}", client="", dialect="openai", arrived_s=0.0, arrived_at=float(number))
    made.outcome = outcome
    return made


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60), count=st.integers(0, 30))
def test_the_latest_are_those_that_run_then_those_that_ended_the_newest_first(steps, count):
    journal, running, ended = Journal(), {}, []
    for number, (begins, which) in enumerate(steps):
        if begins or not running:
            running[number] = record(number)
            journal.begun(running[number])
        else:
            gone = running.pop(sorted(running)[which % len(running)])
            journal.ended(gone)
            ended.append(gone)

    assert journal.latest(count) == [*reversed(running.values()), *reversed(ended)][:count]
    assert all(journal.find(each.id) is each for each in (*running.values(), *ended))


def test_only_so_many_requests_that_ended_are_remembered_the_oldest_go():
    journal = Journal()
    for number in range(REQUESTS_KEPT + 5):
        journal.begun(record(number))
        journal.ended(record(number))

    assert journal.find("r-4") is None
    assert journal.find("r-5") is not None
    assert len(journal.latest(10 * REQUESTS_KEPT)) == REQUESTS_KEPT
    assert not journal.running


def test_an_event_is_kept_as_people_read_it():
    journal = Journal(wall=lambda: 1_790_000_000.12345)
    event = journal.happened(Report("breaker opened", worker="desk", facts={"seconds": 10.0}))

    assert event == {
        "at": 1_790_000_000.123,
        "level": "warning",
        "event": "breaker opened",
        "worker": "desk",
        "seconds": 10.0,
    }
    assert list(journal.events) == [event]


def test_only_so_many_events_are_remembered():
    journal = Journal()
    for number in range(EVENTS_KEPT + 3):
        journal.happened(Report("progress", facts={"number": number}))

    assert [event["number"] for event in journal.events] == list(range(3, EVENTS_KEPT + 3))


@given(bursts=st.lists(st.integers(0, 2 * LISTENER_LIMIT), min_size=1, max_size=5))
async def test_a_listener_hears_all_in_order_or_how_many_it_missed(bursts):
    listener, number, heard, lost = Listener(), 0, [], 0
    for burst in bursts:
        for _ in range(burst):
            listener.put({"number": number})
            number += 1
        while (event := await listener.get(0.0)) is not None:
            if event.get("event") == "lost":
                lost += event["count"]
            else:
                heard.append(event["number"])

    assert heard == sorted(set(heard))
    assert len(heard) + lost == number
    assert lost == sum(max(0, burst - LISTENER_LIMIT) for burst in bursts)


async def test_a_listener_that_waits_is_woken_by_the_next_event():
    listener = Listener()
    waiting = asyncio.ensure_future(listener.get(30.0))
    await asyncio.sleep(0)
    listener.put({"event": "now"})

    assert await waiting == {"event": "now"}


async def test_who_listens_hears_what_happens_until_it_leaves():
    journal = Journal()
    listener = journal.listen()
    assert journal.is_listened_to
    journal.happened(Report("one"))
    journal.unlisten(listener)
    journal.happened(Report("two"))

    assert (await listener.get(0.0))["event"] == "one"
    assert await listener.get(0.0) is None
    assert not journal.is_listened_to


async def test_only_so_many_listen_at_once():
    journal = Journal()
    listeners = [journal.listen() for _ in range(LISTENERS_LIMIT)]
    assert journal.listen() is None
    journal.unlisten(listeners[0])

    assert journal.listen() is not None


@pytest.mark.parametrize(
    ("event", "level"),
    [("hung", "error"), ("breaker opened", "warning"), ("progress", "info"), ("never heard", "info")],
)
def test_an_event_is_as_loud_as_the_table_says(event, level):
    assert Report(event).level == level


async def test_the_telemetry_actor_counts_what_ended_and_publishes_it_to_who_listens():
    journal, metrics, learned = Journal(), Metrics(), []
    actor = Recorder.start(journal=journal, metrics=metrics, history=History(), learn=learned.append)
    listener = journal.listen()
    ended = record(3, "ok")
    ended.total_s, ended.decision = 1.5, "drawn"
    journal.ended(ended)
    actor.tell(Take())
    actor.tell(Report("worker rests", worker="desk"))
    await actor.stop()
    request, event = await listener.get(0.0), await listener.get(0.0)

    assert metrics.requests.values == {("openai", "", "", "ok"): 1.0}
    assert (request["event"], request["id"], request["at"]) == ("request", "r-3", 4.5)
    assert (event["event"], event["worker"]) == ("worker rests", "desk")
    assert learned == [ended]


async def test_what_ended_last_is_taken_before_the_end():
    journal, learned = Journal(), []
    actor = Recorder.start(journal=journal, metrics=Metrics(), history=History(), learn=learned.append)
    ended = record(1, "ok")
    ended.decision = "drawn"
    journal.ended(ended)
    await actor.stop()

    assert learned == [ended]


@given(counts=st.lists(st.integers(0, 5), max_size=12))
def test_what_ended_is_taken_once_and_in_order(counts):
    journal, taken, number = Journal(), [], 0
    for count in counts:
        for place in range(count):
            assert journal.ended(record(number)) is (place == 0)
            number += 1
        taken += journal.taken()

    assert [each.id for each in taken] == [f"r-{each}" for each in range(number)]


def test_when_nobody_takes_what_ended_it_is_said_again():
    """The word that some are due may be lost in the instant in which the telemetry actor is restarted."""
    journal = Journal()
    said = [number for number in range(600) if journal.ended(record(number))]

    assert said == [0, UNTAKEN_AGAIN, 2 * UNTAKEN_AGAIN]


async def test_what_ended_before_the_new_actors_name_was_known_is_taken_all_the_same(monkeypatch):
    monkeypatch.setattr("cortex.telemetry.recorder.GATHER_S", 0.0)
    journal, metrics, learned = Journal(), Metrics(), []
    actor = Recorder.start(journal=journal, metrics=metrics, history=History(), learn=learned.append)
    await asyncio.sleep(0)
    journal.ended(record(1, "ok"))
    await until(lambda: metrics.requests.values)

    assert metrics.requests.values == {("openai", "", "", "ok"): 1.0}
    await actor.stop()
