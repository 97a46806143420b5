"""The attempt loop's own decisions; what it does with upstreams is tested through the whole (tests/system)."""

import asyncio
from types import SimpleNamespace
from typing import get_args

import pytest
from fleet import NOW, Clock, dispatch, request, settle, standing

from cortex.actors.actor import NO_REPLY, LoopActor, handles
from cortex.actors.names import Names
from cortex.config.model import Settings
from cortex.config.watcher import Current
from cortex.endpoint.relay import AGAIN_S, DISPATCH_TRIES, NEVER, Relay
from cortex.messages import Failure, Refusal, Word
from cortex.telemetry.record import Attempt, Record
from cortex.transport.http1 import Budgets
from cortex.workers.lease import Lease
from cortex.workers.messages import Dispatch

REFUSED = Refusal("exhausted", "no worker can answer now")


def exchange(*workers):
    record = Record(id="r-1", client="", dialect="openai", arrived_s=NOW, arrived_at=0.0)
    record.attempts += [Attempt(worker, "m", "why", cold=False, began_s=0.0) for worker in workers]
    return SimpleNamespace(record=record, deadline_s=asyncio.get_running_loop().time() + 30.0)


class Script(LoopActor):
    """A dispatcher that crashes, waits or answers, as the list says."""

    def __init__(self, script):
        super().__init__()
        self.script = script

    @handles(Dispatch)
    def dispatch(self, asked):
        step = self.script.pop(0)
        if step == "crash":
            raise RuntimeError("this request kills me")
        if step == "wait":
            self.script.append(self.defer())
            return NO_REPLY
        asked.waited_s = 1.5
        return step


class Bench:
    """A relay and a scripted dispatcher that comes back after each crash."""

    def __init__(self, *script):
        self.names, self.script = Names(), list(script)
        self.relay = Relay(
            names=self.names, pool=None, current=Current(Settings()), clock=asyncio.get_running_loop().time
        )
        self.come_back()

    def come_back(self):
        self.ref = Script.start(self.script)
        self.names.register("dispatcher", self.ref)

    async def lease(self, made):
        """Ask for a lease, with a supervisor's part played."""
        asking = asyncio.ensure_future(self.relay._lease(dispatch(), made))
        for _ in range(20):
            await asyncio.sleep(0)
            if not self.ref.is_alive():
                self.come_back()
        return asking


def lease_of(names, stands):
    return Lease(
        standing=stands,
        names=names,
        link=stands.link,
        model="m",
        why="why",
        budgets=Budgets(1.0, 1.0, 1.0),
        cold=False,
        trial=False,
        request_id="r-1",
        reservation=stands.account.reserve("m", request().tokens),
    )


@pytest.mark.parametrize(
    ("failure", "again_s"),
    [
        (Failure("busy", ""), 2 * AGAIN_S),
        (Failure("busy", "", retry_after_s=9.0), 9.0),
        (Failure("rate_limited", ""), NEVER),
        (Failure("rate_limited", "", retry_after_s=3.0), 3.0),
        *((Failure(word, ""), NEVER) for word in get_args(Word) if word not in {"busy", "rate_limited", "unreachable"}),
    ],
    ids=lambda value: getattr(value, "word", None),
)
async def test_whether_the_same_worker_is_asked_again_for_a_request_is_a_matter_of_the_word(failure, again_s):
    relay = Relay(names=Names(), pool=None, current=Current(Settings()), clock=Clock())

    assert relay._again_at(failure, exchange("desk"), "desk") == NOW + again_s


async def test_a_worker_out_of_reach_is_asked_again_after_twice_the_time_each_time():
    relay = Relay(names=Names(), pool=None, current=Current(Settings()), clock=Clock())
    gone = Failure("unreachable", "")
    waits = [relay._again_at(gone, exchange(*["desk"] * count, "rack"), "desk") - NOW for count in (1, 2, 3)]

    assert waits == [AGAIN_S, 2 * AGAIN_S, 4 * AGAIN_S]


async def test_an_answer_of_the_dispatcher_is_taken_with_the_time_spent_in_the_line():
    bench, made = Bench(REFUSED), exchange()

    assert await (await bench.lease(made)) is REFUSED
    assert made.record.queued_s == 1.5
    await bench.ref.stop()


async def test_a_dispatcher_that_dies_under_others_is_asked_again():
    bench, made = Bench("wait", REFUSED), exchange()
    asking = asyncio.ensure_future(bench.relay._lease(dispatch(), made))
    await settle()
    bench.script[:] = [REFUSED]
    await bench.ref.stop()
    bench.names.unregister("dispatcher", bench.ref)
    bench.come_back()

    assert await asking is REFUSED
    await bench.ref.stop()


async def test_a_request_that_crashes_the_dispatcher_again_and_again_is_given_up():
    bench = Bench(*["crash"] * DISPATCH_TRIES, REFUSED)
    refusal = await (await bench.lease(exchange()))

    assert refusal.kind == "exhausted"
    assert "Córtex failed at this request" in refusal.detail
    assert bench.script == [REFUSED]
    await bench.ref.stop()


async def test_a_lease_that_comes_in_the_instant_its_asker_leaves_is_given_back():
    bench, stands = Bench("wait"), standing()
    asking = asyncio.ensure_future(bench.relay._lease(dispatch(), exchange()))
    await settle()
    bench.script.pop().set(lease_of(bench.names, stands))
    asking.cancel()
    await asyncio.wait([asking])

    assert asking.cancelled()
    assert stands.in_flight == 0
    await bench.ref.stop()
