"""Loads that outlive the client that began them, and what a new incarnation of a worker finds."""

import asyncio

import pytest
from fleet import settle

from cortex.messages import Failure, Outcome
from cortex.transport.failures import TransportError
from cortex.workers.messages import KeepLoading


@pytest.fixture
async def worker(bench):
    return await bench.ready(slots=2)


# Loads


def answered(text=b""):
    class Answered:
        closed = False

        async def read(self, limit):
            return text

        def close(self):
            Answered.closed = True

    return Answered()


async def test_a_load_that_a_client_began_is_taken_over(worker, monkeypatch):
    monkeypatch.setattr("cortex.workers.worker.TAKE_OVER_S", 0.0)
    pending = asyncio.get_running_loop().create_task(asyncio.Event().wait())
    response = answered()

    async def answer():
        return response

    worker.pool.answer = answer
    await worker.tell(KeepLoading("cold:7b", pending))
    await asyncio.wait([pending], timeout=5)

    assert pending.cancelled()
    ((_, head, body, budgets),) = worker.pool.sent
    assert head.startswith(b"POST /api/")
    assert b"cold:7b" in body
    assert budgets.first_byte_s >= 300.0
    assert response.closed


async def test_where_nothing_can_be_loaded_without_a_request_the_first_one_is_only_ended(bench):
    worker = await bench.ready(provider="openai", url="http://127.0.0.1:9/v1")
    pending = asyncio.get_running_loop().create_task(asyncio.Event().wait())
    await worker.tell(KeepLoading("m", pending))
    await asyncio.wait([pending], timeout=5)

    assert pending.cancelled()
    assert worker.pool.sent == []


async def test_an_answer_that_came_meanwhile_is_closed(bench):
    worker = await bench.ready(provider="openai", url="http://127.0.0.1:9/v1")
    response = answered()

    async def come():
        return response

    pending = asyncio.get_running_loop().create_task(come())
    await pending
    await worker.tell(KeepLoading("m", pending))
    await settle()

    assert response.closed


async def test_a_load_that_fails_is_told_and_harms_nobody(worker):
    async def answer():
        raise TransportError(Failure("unreachable", "connection refused"))

    worker.pool.answer = answer
    pending = asyncio.get_running_loop().create_task(asyncio.Event().wait())
    await worker.tell(KeepLoading("cold:7b", pending))
    await settle()

    assert worker.events() == ["a model's load did not end"]
    assert worker.ref.is_alive()
    pending.cancel()


# A new incarnation


async def restart(worker):
    await worker.ref.stop()
    worker.start(slots=2)
    await settle()


async def test_a_new_incarnation_finds_leases_breaker_and_rests_where_they_were(worker):
    lease = await worker.grant()
    await worker.fail("timeout")
    await worker.fail("timeout")
    worker.standing.promised = 7
    before = worker.standing
    await restart(worker)

    assert worker.standing is before
    assert (worker.standing.in_flight, worker.standing.promised) == (1, 0)
    assert worker.standing.breaker.state == "open"
    lease.end(Outcome(total_s=1.0))
    await settle()
    assert worker.standing.answered == 1


@pytest.mark.parametrize("trial_runs_on", [False, True])
async def test_a_trial_whose_end_reached_nobody_is_not_waited_for_for_ever(worker, trial_runs_on):
    await worker.fail("timeout")
    await worker.fail("timeout")
    worker.clock.advance(10.0)
    trial = await worker.grant()
    await worker.ref.stop()
    if not trial_runs_on:
        trial.end(Outcome())
    worker.start(slots=2)
    await settle()

    assert worker.standing.breaker.allows(worker.clock.now) is not trial_runs_on


async def test_a_removed_worker_that_crashed_goes_on_draining_and_leaves(worker):
    lease = await worker.grant()
    worker.standing.removed = True
    await restart(worker)

    assert worker.standing.mode == "draining"
    assert worker.idle == []
    lease.end(Outcome())
    await settle()
    assert worker.idle == ["desk"]
