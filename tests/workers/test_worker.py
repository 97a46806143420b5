"""The actor of one upstream: what it grants, and what it learns from how leases end."""

import pytest
from fleet import NOW, Post, dispatch, request, settle, standing

from cortex.actors.actor import ActorDeadError
from cortex.chat import Usage
from cortex.config.model import Breaker, Limits, Routing
from cortex.messages import STRIKES, Failure, Outcome
from cortex.workers.lease import Lease
from cortex.workers.messages import (
    Configure,
    Dispatch,
    Grant,
    ProbeNow,
    RefusedTogether,
    Rest,
    SlotFree,
    WorkersChanged,
)
from cortex.workers.standing import RETRIED_AFTER_S

MODEL, COLD = "llama3.2:3b", "cold:7b"


@pytest.fixture
async def worker(bench):
    return await bench.ready(slots=2)


async def test_a_grant_is_a_lease_with_all_that_its_holder_needs(worker):
    lease = await worker.grant()

    assert (lease.worker, lease.model, lease.why, lease.request_id) == ("desk", MODEL, "local", "r-1")
    assert (lease.cold, lease.trial, lease.held) == (False, False, True)
    assert lease.link is worker.standing.link
    assert worker.standing.in_flight == 1
    assert repr(lease).endswith(f"desk {MODEL} for r-1>")


async def test_a_grant_takes_its_promise_back(worker):
    worker.standing.promised = 2
    await worker.grant()

    assert worker.standing.promised == 1


@pytest.mark.parametrize(
    ("settings", "asked", "first_byte_s"),
    [
        ({}, {"stream": True}, 20.0),
        ({"first_token_timeout_s": 90.0}, {"stream": True}, 90.0),
        ({}, {"stream": True, "model": COLD}, 320.0),
        ({}, {"stream": False, "left_s": 120.0}, 120.0),
        ({}, {"stream": False, "left_s": 400.0, "model": COLD}, 400.0),
    ],
    ids=["stream", "slow machine", "cold stream", "whole", "cold whole"],
)
async def test_the_first_byte_may_take_as_long_as_the_answer_needs(bench, settings, asked, first_byte_s):
    lease = await (await bench.ready(**settings)).grant(**asked)

    assert lease.budgets.first_byte_s == first_byte_s
    assert (lease.budgets.connect_s, lease.budgets.stall_s) == (2.0, 30.0)


async def test_a_cold_model_gets_twice_its_learned_load_time_on_top(worker):
    worker.standing.pace.answered(COLD, first_token_s=None, total_s=0.0, load_s=12.0)
    lease = await worker.grant(COLD, stream=True)

    assert lease.cold
    assert lease.budgets.first_byte_s == 20.0 + 24.0
    assert worker.standing.loading == {COLD}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("left_s", [-1.0, 0.001, 5.0])
async def test_a_client_in_a_hurry_is_no_reason_for_a_strike(worker, stream, left_s):
    """The endpoint ends a request at its deadline; a budget that ran out before would be the upstream's failure."""
    lease = await worker.grant(stream=stream, left_s=left_s)

    assert lease.budgets.first_byte_s == 20.0


# Refusing


async def test_a_worker_that_cannot_hands_the_request_back_with_the_why(worker):
    await worker.grant()
    await worker.grant()
    asked = dispatch()
    answer = worker.ref.ask(Grant(asked, MODEL, "local"))
    await settle()

    assert worker.posts["dispatcher"].take(Dispatch) == [asked]
    assert asked.declined == {"desk": "2 of 2 slots busy"}
    assert not answer.settled
    assert worker.posts["dispatcher"].askers[-1] is answer


async def test_without_a_dispatcher_the_asker_is_told_to_ask_again(worker):
    worker.names.unregister("dispatcher", worker.posts["dispatcher"])
    worker.standing.mode = "draining"

    with pytest.raises(ActorDeadError):
        await worker.grant()


async def test_nothing_is_granted_to_an_asker_that_has_left(worker):
    worker.standing.promised = 1
    answer = worker.ref.ask(Grant(dispatch(), MODEL, "local"))
    answer.cancel()
    await settle()

    assert (worker.standing.in_flight, worker.standing.promised) == (0, 0)


# Ends


async def test_a_lease_ends_once_and_its_slot_is_free_at_that_moment(worker):
    lease = await worker.grant()
    lease.end(Outcome(total_s=1.0))
    lease.end(Outcome(failure=Failure("timeout", "too late")))

    assert (worker.standing.in_flight, lease.held) == (0, False)
    await settle()
    assert (worker.standing.answered, worker.standing.failed) == (1, 0)


async def test_leaving_the_block_gives_the_lease_back_without_a_verdict(worker):
    with pytest.raises(KeyError), await worker.grant():
        raise KeyError
    await settle()

    assert worker.standing.in_flight == 0
    assert (worker.standing.answered, worker.standing.failed) == (0, 0)


@pytest.mark.parametrize(("waiting", "told"), [(0, []), (3, [SlotFree("desk")])])
async def test_a_free_slot_is_told_only_where_somebody_waits(worker, waiting, told):
    worker.board.waiting = waiting
    (await worker.grant()).end(Outcome())
    await settle()

    assert worker.posts["dispatcher"].take(SlotFree) == told


async def test_a_whole_answer_is_learned_from(worker):
    worker.standing.reachable = None
    (await worker.grant()).end(Outcome(first_token_s=0.2, total_s=2.0))
    await settle()

    assert worker.standing.pace.figures() == {MODEL: {"first_token_s": 0.2, "total_s": 2.0}}
    assert worker.standing.reachable is True


async def test_a_cold_model_that_answered_is_loaded(worker):
    version = worker.board.version
    (await worker.grant(COLD)).end(Outcome(usage=Usage(load_s=9.0), total_s=12.0))
    await settle()

    assert not worker.standing.is_cold(COLD)
    assert worker.standing.pace.load_s(COLD) == 9.0
    assert worker.board.version > version


@pytest.mark.parametrize(
    "word",
    [
        "unreachable",
        "timeout",
        "server_error",
        "busy",
        "rate_limited",
        "unauthorized",
        "model_missing",
        "bad_request",
        "malformed",
        "unsupported",
    ],
)
async def test_exactly_the_striking_words_open_the_breaker(worker, word):
    for _ in range(2):
        worker.standing.busy_until = 0.0
        worker.standing.account.quota.resume()
        worker.standing.retired_why = ""
        await worker.fail(word)

    assert (worker.standing.breaker.state == "open") is (word in STRIKES)
    assert ("breaker opened" in worker.events()) is (word in STRIKES)
    assert (worker.standing.pace.error_penalty(NOW) > 0) is (word in STRIKES)
    assert worker.standing.failed == len(worker.standing.failures) == 2


@pytest.mark.parametrize(("word", "looked_at"), [("unreachable", True), ("timeout", True), ("server_error", False)])
async def test_who_cannot_be_reached_is_looked_at_at_once(worker, word, looked_at):
    await worker.fail(word)

    assert (ProbeNow("desk") in worker.posts["health"].letters) is looked_at


@pytest.mark.parametrize(("retry_after_s", "until"), [(None, NOW + 1.0), (7.0, NOW + 7.0)])
async def test_a_busy_upstream_counts_as_full_for_a_moment(worker, retry_after_s, until):
    await worker.fail("busy", retry_after_s=retry_after_s)
    obstacle = worker.standing.obstacle(NOW)

    assert (obstacle.kind, obstacle.until) == ("full", until)


@pytest.mark.parametrize(
    ("given", "rest_s"),
    [({"retry_after_s": 12.0}, 12.0), ({"window": "minute"}, 60.0), ({"window": "hour"}, 3600.0), ({}, 5.0)],
)
async def test_a_spent_key_rests_as_long_as_is_known(worker, given, rest_s):
    await worker.fail("rate_limited", **given)
    obstacle = worker.standing.model_obstacle(MODEL, request(), NOW)

    assert (obstacle.kind, obstacle.until) == ("quota", NOW + rest_s)
    assert worker.standing.shown(NOW) == "resting"
    assert worker.events() == ["key rests"]
    assert worker.reports[-1].facts["seconds"] == rest_s


async def test_a_shorter_rest_does_not_end_a_longer_one(worker):
    first, second = await worker.grant(), await worker.grant()
    first.end(Outcome(failure=Failure("rate_limited", "", retry_after_s=100.0)))
    second.end(Outcome(failure=Failure("rate_limited", "", retry_after_s=5.0)))
    await settle()

    assert worker.standing.model_obstacle(MODEL, request(), NOW).until == NOW + 100.0


async def test_a_key_that_is_not_valid_is_retired_and_said_so_once(worker):
    first, second = await worker.grant(), await worker.grant()
    for lease in (first, second):
        lease.end(Outcome(failure=Failure("unauthorized", "no such key")))
    await settle()

    assert worker.standing.obstacle(NOW).kind == "retired"
    assert worker.events().count("key retired") == 1


async def test_a_missing_model_leaves_the_list(worker):
    version = worker.board.version
    await worker.fail("model_missing")

    assert worker.standing.model_named(MODEL) is None
    assert worker.board.version > version


@pytest.mark.parametrize(
    "outcome",
    [Outcome(cancelled=True), Outcome(failure=Failure("busy", "")), Outcome(failure=Failure("bad_request", ""))],
    ids=["client left", "busy", "bad request"],
)
async def test_a_trial_without_a_verdict_lets_the_next_one_be_it(worker, outcome):
    await worker.fail("timeout")
    await worker.fail("timeout")
    worker.clock.advance(10.0)
    lease = await worker.grant()

    assert lease.trial
    lease.end(outcome)
    await settle()
    worker.clock.advance(1.0)
    assert (await worker.grant()).trial


async def test_only_one_request_is_the_trial(worker):
    await worker.fail("timeout")
    await worker.fail("timeout")
    worker.clock.advance(10.0)
    await worker.grant()
    asked = dispatch()
    worker.ref.ask(Grant(asked, MODEL, "local"))
    await settle()

    assert asked.declined == {"desk": "breaker half-open, its trial runs"}


async def test_a_rest_is_asked_for_with_or_without_an_end(worker):
    assert await worker.ref.ask(Rest(30.0)) is True
    assert (worker.standing.obstacle(NOW).kind, worker.standing.rest_until) == ("resting", NOW + 30.0)
    assert await worker.ref.ask(Rest()) is True
    assert worker.standing.mode == "resting"


async def test_a_start_is_told_to_who_has_to_know(bench):
    bench.start()
    await settle()

    assert bench.posts["health"].letters == [ProbeNow("desk")]
    assert bench.posts["dispatcher"].letters == [WorkersChanged()]
    assert bench.standing.up
    await bench.ref.stop()
    assert not bench.standing.up


async def test_of_many_that_ask_at_once_as_many_get_a_lease_as_there_are_slots(worker):
    answers = [worker.ref.ask(Grant(dispatch(), MODEL, "local")) for _ in range(5)]
    await settle()
    granted = [answer.get() for answer in answers if answer.settled]

    assert [type(lease) for lease in granted] == [Lease, Lease]
    assert worker.standing.in_flight == 2
    assert len(worker.posts["dispatcher"].take(Dispatch)) == 3


async def test_a_retired_key_is_tried_again_a_day_later(worker):
    await worker.fail("unauthorized")

    assert worker.standing.obstacle(NOW + RETRIED_AFTER_S - 1).kind == "retired"
    assert worker.standing.shown(NOW + RETRIED_AFTER_S - 1) == "retired"
    assert worker.standing.obstacle(NOW + RETRIED_AFTER_S) is None


async def test_an_edit_of_the_settings_gives_a_retired_key_another_chance(worker):
    await worker.fail("unauthorized")
    await worker.tell(Configure(worker.standing.settings, Routing(), Breaker()))

    assert worker.standing.obstacle(NOW) is None


async def test_one_busy_model_keeps_the_others_going(worker):
    await worker.fail("busy", scope="model", retry_after_s=9.0)

    assert worker.standing.obstacle(NOW) is None
    assert worker.standing.model_obstacle(MODEL, request(), NOW).until == NOW + 9.0
    assert worker.standing.model_obstacle("cold:7b", request(), NOW) is None
    assert worker.standing.model_obstacle(MODEL, request(), NOW + 9.0) is None


async def test_keys_that_are_all_refused_at_once_rest_and_are_not_retired(worker):
    """It is the provider, or the way to it: a proxy, a blocked network."""
    sibling = standing("desk/2", pool="desk")
    sibling.retired_why, sibling.retired_at = "unauthorized: blocked", NOW - 1
    worker.board.add(sibling)
    post = Post()
    worker.names.register("workers/desk/2", post)
    await worker.fail("unauthorized")
    await settle()

    assert worker.standing.retired_why == ""
    assert worker.standing.obstacle(NOW).kind == "resting"
    assert [type(letter) for letter in post.letters] == [RefusedTogether]
    assert worker.events()[-1] == "pool refused"


async def test_keys_that_are_refused_together_again_are_retired(worker):
    worker.standing.refused_together_at = NOW - 120.0
    worker.standing.retired_why, worker.standing.retired_at = "unauthorized: no such key", NOW
    await worker.tell(RefusedTogether("no such key"))

    assert worker.standing.obstacle(NOW).kind == "retired"


async def test_a_grant_that_the_quota_no_longer_allows_goes_back(bench):
    await bench.ready(limits={"*": Limits(requests_per_day=1)}, slots=4)
    asked = dispatch(MODEL)
    first = await bench.ref.ask(Grant(dispatch(MODEL), MODEL, "local"))
    bench.ref.ask(Grant(asked, MODEL, "local"))
    await settle()

    assert isinstance(first, Lease)
    assert "1 of 1" in asked.declined["desk"]
    assert bench.standing.in_flight == 1
