"""Loading, slots and keep-alive of a simulated machine, without a socket."""

import asyncio
import contextlib

import pytest
from simulate_client import Clock, Gate

from cortex.simulate.model import SimulatedModel
from cortex.simulate.runner import KEEP_ALIVE_S, QueueFull, Runner

LOAD_S = 8.0
ONE = SimulatedModel("one:latest")
TWO = SimulatedModel("two:latest")
CTX = 4096


class Machine:
    """A runner whose loads last until they are let end, and requests that stay until they are told to leave."""

    def __init__(self, **options):
        self.clock = Clock()
        self.gate = Gate(LOAD_S)
        self.runner = Runner(
            slots=options.pop("slots", 1),
            load_s=LOAD_S,
            clock=self.clock,
            sleep=self.gate,
            changed=self.changed,
            **options,
        )
        self.running = []
        self.loaded = asyncio.Event()
        self.leave = asyncio.Event()

    def changed(self):
        if self.runner.loads.finished:
            self.loaded.set()

    def ask(self, model=ONE, num_ctx=CTX, keep_alive_s=KEEP_ALIVE_S, *, stays=True):
        async def use():
            async with self.runner.use(model, num_ctx, keep_alive_s):
                self.running.append(model.name)
                if stays:
                    await self.leave.wait()

        return asyncio.create_task(use())


async def settle():
    """Let everything that can happen happen."""
    for _ in range(20):
        await asyncio.sleep(0)


async def gone(*tasks):
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_requests_for_a_loading_model_wait_for_the_one_load():
    machine = Machine(slots=2)
    asked = [machine.ask(), machine.ask()]
    await settle()

    assert (machine.runner.loads.started, machine.running) == (1, [])

    machine.gate.open()
    await settle()

    assert machine.running == ["one:latest", "one:latest"]
    assert repr(machine.runner.loads) == "<Loads started=1 finished=1 aborted=0 reloads=0>"
    await gone(*asked)


async def test_only_one_model_loads_at_a_time():
    machine = Machine()
    asked = [machine.ask(ONE), machine.ask(TWO)]
    await settle()

    assert machine.gate.held == machine.runner.loads.started == 1
    assert machine.runner.loading() == [("one:latest", CTX), ("two:latest", CTX)]
    await gone(*asked)


async def test_a_load_is_given_up_when_the_last_who_waits_for_it_leaves():
    machine = Machine()
    first, second = machine.ask(), machine.ask()
    await settle()
    await gone(first)
    await settle()

    assert machine.runner.loads.aborted == 0

    await gone(second)
    await settle()

    assert machine.runner.loads.aborted == 1
    assert machine.runner.residents() == machine.runner.loading() == []


async def test_a_load_that_was_given_up_can_begin_again():
    machine = Machine()
    first = machine.ask()
    await settle()
    first.cancel()
    second = machine.ask()
    await settle()
    machine.gate.open()
    await settle()

    assert machine.running == ["one:latest"]
    await gone(first, second)


async def test_a_client_that_leaves_in_the_moment_a_load_ends_does_not_keep_the_model_in_use():
    machine = Machine()
    asked = machine.ask()
    await settle()
    machine.gate.open()
    await machine.loaded.wait()
    await gone(asked)

    assert machine.running == []
    assert [one.users for one in machine.runner.residents()] == [0]


async def test_beyond_its_slots_requests_wait_in_order():
    machine = Machine(slots=1)
    machine.gate.open()
    first = machine.ask()
    await settle()
    second = machine.ask()
    await settle()

    assert machine.running == ["one:latest"]

    await gone(first)
    await settle()

    assert machine.running == ["one:latest", "one:latest"]
    await gone(second)


async def test_who_leaves_while_waiting_for_a_slot_takes_none():
    machine = Machine(slots=1)
    machine.gate.open()
    first = machine.ask()
    await settle()
    second, third = machine.ask(), machine.ask()
    await settle()
    await gone(second)
    await gone(first)
    await settle()

    assert len(machine.running) == 2
    await gone(third)

    assert machine.runner.residents()[0].users == 0


async def test_another_context_size_reloads_once_the_running_answer_ended():
    machine = Machine()
    machine.gate.open()
    first = machine.ask(num_ctx=4096)
    await settle()
    second = machine.ask(num_ctx=8192)
    await settle()

    assert (machine.runner.loads.finished, len(machine.running)) == (1, 1)

    await gone(first)
    await settle()

    assert (machine.runner.loads.reloads, len(machine.running)) == (1, 2)
    assert [one.num_ctx for one in machine.runner.residents()] == [8192]
    await gone(second)


async def test_requests_of_two_context_sizes_are_all_served():
    machine = Machine()
    machine.gate.open()
    async with asyncio.timeout(5):
        await asyncio.gather(*(machine.ask(num_ctx=ctx, stays=False) for ctx in (4096, 8192) * 4))

    assert len(machine.running) == 8
    assert [one.users for one in machine.runner.residents()] == [0]


async def test_a_model_is_dropped_when_its_keep_alive_has_passed():
    machine = Machine()
    machine.gate.open()
    await machine.ask(keep_alive_s=60, stays=False)
    machine.clock.now += 59

    assert len(machine.runner.residents()) == 1

    machine.clock.now += 1

    assert machine.runner.residents() == []


async def test_a_negative_keep_alive_is_for_ever():
    machine = Machine()
    machine.gate.open()
    await machine.ask(keep_alive_s=-1, stays=False)
    machine.clock.now += 1e9

    assert len(machine.runner.residents()) == 1


async def test_a_model_in_use_is_not_dropped():
    machine = Machine()
    machine.gate.open()
    asked = machine.ask()
    await settle()
    machine.clock.now += 1e6

    assert len(machine.runner.residents()) == 1
    await gone(asked)


async def test_a_full_machine_makes_room_by_dropping_the_idle_model_that_expires_first():
    machine = Machine(max_loaded=2)
    machine.gate.open()
    await machine.ask(ONE, keep_alive_s=60, stays=False)
    await machine.ask(TWO, keep_alive_s=90, stays=False)
    await machine.ask(SimulatedModel("three:latest"), stays=False)

    assert {one.model.name for one in machine.runner.residents()} == {"two:latest", "three:latest"}


async def test_a_machine_full_of_busy_models_waits_for_one():
    machine = Machine(max_loaded=1)
    machine.gate.open()
    first = machine.ask(ONE)
    await settle()
    second = machine.ask(TWO)
    await settle()

    assert machine.running == ["one:latest"]

    await gone(first)
    await settle()

    assert machine.running == ["one:latest", "two:latest"]
    await gone(second)


async def test_too_many_waiting_for_loads_are_turned_away():
    machine = Machine(max_queue=1)
    first = machine.ask(ONE)
    await settle()
    with pytest.raises(QueueFull):
        await machine.ask(TWO)
    await gone(first)


async def test_a_machine_that_goes_off_forgets_what_was_in_memory():
    machine = Machine()
    machine.gate.open()
    await machine.ask(stays=False)
    machine.runner.forget()

    assert machine.runner.residents() == []
