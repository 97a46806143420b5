"""What a worker is told: probes, new settings, drains, rests."""

import pytest
from fleet import NOW, dispatch, settings, settle

from cortex.config.model import Breaker, Routing
from cortex.config.secret import Secret
from cortex.messages import Failure, Outcome
from cortex.providers.base import Findings, Model
from cortex.workers.messages import (
    Configure,
    Dispatch,
    Drain,
    Grant,
    Probed,
    ProbeNow,
    Rest,
    Resume,
    Retire,
    WorkersChanged,
)

MODEL = "llama3.2:3b"
GOOD = Probed(Findings((Model(MODEL, loaded=True), Model("cold:7b", loaded=False))), 0.01)


def bad(word="unreachable"):
    return Probed(Failure(word, "as the probe saw it"), 0.01)


@pytest.fixture
async def worker(bench):
    return await bench.ready(slots=2)


# Probes


async def test_a_failed_probe_takes_the_worker_out_and_a_good_one_brings_it_back(worker):
    await worker.tell(bad())
    assert worker.standing.obstacle(NOW).kind == "unreachable"
    await worker.tell(bad())
    await worker.tell(GOOD)

    assert worker.standing.obstacle(NOW) is None
    assert worker.events() == ["upstream is down", "upstream is back"]
    assert worker.posts["dispatcher"].letters == [WorkersChanged(), WorkersChanged()]


async def test_a_probe_that_says_nothing_new_wakes_nobody(worker):
    await worker.tell(GOOD)

    assert worker.posts["dispatcher"].letters == []
    assert worker.standing.probed_at == NOW


async def test_an_upstream_that_is_back_ends_an_open_breakers_rest(worker):
    await worker.fail("unreachable")
    await worker.fail("unreachable")
    await worker.tell(bad())
    await worker.tell(GOOD)

    assert worker.standing.breaker.state == "half_open"


async def test_an_upstream_that_answers_probes_all_along_does_not_end_the_rest(worker):
    await worker.fail("server_error")
    await worker.fail("server_error")
    await worker.tell(GOOD)

    assert worker.standing.breaker.state == "open"


async def test_a_key_that_a_probe_found_invalid_comes_back_with_the_next_good_probe(worker):
    await worker.tell(bad("unauthorized"))
    version = worker.board.version
    assert worker.standing.obstacle(NOW).kind == "retired"
    await worker.tell(GOOD)

    assert worker.standing.obstacle(NOW) is None
    assert worker.board.version > version


@pytest.mark.parametrize("probed_between", [False, True])
async def test_a_key_that_a_request_found_invalid_stays_retired_whatever_probes_say(worker, probed_between):
    await worker.fail("unauthorized")
    if probed_between:
        await worker.tell(bad("unauthorized"))
    await worker.tell(GOOD)

    assert worker.standing.obstacle(NOW).kind == "retired"


async def test_a_model_that_was_missing_and_is_listed_again_is_news(worker):
    await worker.fail("model_missing")
    version = worker.board.version
    await worker.tell(GOOD)

    assert worker.board.version > version
    assert WorkersChanged() in worker.posts["dispatcher"].letters


# Settings


def configure(breaker=None, **more):
    return Configure(settings("desk", **more), Routing(first_token_timeout_s=7.0), breaker or Breaker())


async def test_new_settings_hold_for_the_next_lease_and_running_ones_go_on(worker):
    lease = await worker.grant(stream=True)
    link = lease.link
    await worker.tell(configure(slots=5, num_ctx=4096))

    assert worker.standing.slots == 5
    assert lease.held
    assert lease.link is link
    assert (await worker.grant(stream=True)).budgets.first_byte_s == 7.0
    assert worker.standing.link is not link
    assert ProbeNow("desk") in worker.posts["health"].letters


async def test_settings_that_did_not_change_touch_nothing(worker):
    link, models = worker.standing.link, worker.standing.models
    await worker.tell(configure(slots=2))

    assert worker.standing.link is link
    assert worker.standing.models is models
    assert worker.posts["health"].letters == []


@pytest.mark.parametrize("change", [{"url": "http://127.0.0.1:9"}, {"key": Secret("sk-another-0123456789")}])
async def test_another_address_or_key_is_another_upstream_of_which_nothing_is_known(worker, change):
    await worker.fail("rate_limited", retry_after_s=500.0)
    await worker.tell(configure(slots=2, **change))

    assert (worker.standing.models, worker.standing.reachable) == (None, None)
    assert worker.standing.obstacle(NOW) is None


async def test_an_edit_gives_a_retired_key_another_chance(worker):
    await worker.fail("unauthorized")
    await worker.tell(configure(slots=3))

    assert worker.standing.obstacle(NOW) is None


async def test_an_edit_does_not_end_a_drain_that_somebody_asked_for(worker):
    await worker.ref.ask(Drain())
    await worker.tell(configure(slots=3))

    assert worker.standing.mode == "draining"


async def test_an_edit_brings_a_removed_worker_back(worker):
    await worker.grant()
    await worker.ref.ask(Drain(stop_when_idle=True))
    await worker.tell(configure(slots=2))

    assert (worker.standing.mode, worker.standing.removed) == ("running", False)
    assert worker.idle == []


async def test_new_bounds_of_the_breaker_hold_at_once(worker):
    await worker.tell(configure(breaker=Breaker(failures=1), slots=2))
    await worker.fail("timeout")

    assert worker.standing.breaker.state == "open"


# Drain, rest, resume


async def test_a_drained_worker_takes_nothing_new_and_its_answers_end(worker):
    lease = await worker.grant()
    assert await worker.ref.ask(Drain()) is True
    worker.ref.ask(Grant(dispatch(), MODEL, "local"))
    await settle()

    assert worker.posts["dispatcher"].take(Dispatch)[0].declined == {"desk": "drains"}
    lease.end(Outcome())
    await settle()
    assert worker.standing.answered == 1
    assert worker.idle == []


@pytest.mark.parametrize("held", [0, 2])
async def test_a_removed_worker_says_so_once_when_its_last_answer_has_ended(worker, held):
    leases = [await worker.grant() for _ in range(held)]
    await worker.ref.ask(Drain(stop_when_idle=True))
    assert bool(worker.idle) is (held == 0)
    for lease in leases:
        lease.end(Outcome(cancelled=True))
    await settle()

    assert worker.idle == ["desk"]


@pytest.mark.parametrize("word", ["rate_limited", "unauthorized", "busy"])
async def test_resuming_ends_whatever_keeps_a_worker(worker, word):
    await worker.fail(word)
    await worker.ref.ask(Rest())
    await worker.ref.ask(Resume())

    assert worker.standing.obstacle(NOW) is None
    assert ProbeNow("desk") in worker.posts["health"].letters
    assert WorkersChanged() in worker.posts["dispatcher"].letters


async def test_resuming_lets_an_open_breaker_try(worker):
    await worker.fail("timeout")
    await worker.fail("timeout")
    await worker.ref.ask(Resume())

    assert (await worker.grant()).trial


# Retirement


async def test_a_worker_retired_by_hand_takes_nothing_whatever_a_probe_says_until_it_is_resumed(worker):
    await worker.tell(Retire())
    await worker.tell(GOOD)
    assert worker.standing.obstacle(NOW + 10 * 86_400).kind == "retired"
    assert worker.standing.shown(NOW) == "retired"
    assert worker.events() == ["key retired"]

    await worker.tell(Resume())

    assert worker.standing.obstacle(NOW) is None


async def test_an_edit_takes_a_retired_worker_back(worker):
    await worker.tell(Retire())

    await worker.tell(Configure(worker.standing.settings, Routing(), Breaker()))

    assert worker.standing.obstacle(NOW) is None
