"""The whole wall, run side by side, and each trial bounded."""

import asyncio
from collections.abc import AsyncIterator

from cortex.gameday.arena import SandboxError, Tables, arena
from cortex.gameday.before import BEFORE
from cortex.gameday.limits import LIMITS
from cortex.gameday.midway import MIDWAY
from cortex.gameday.trial import Outcome, Result, Trial, result_of

WALL: tuple[Trial, ...] = (*BEFORE, *MIDWAY, *LIMITS)

AT_ONCE = 6
"""Trials beside each other: most of them wait."""

BOUND_S = 900.0
"""Of one trial."""


async def run(tables: Tables, trials: tuple[Trial, ...] = WALL) -> AsyncIterator[Result]:
    """Run the trials with these sections of the settings; yield each result as it is there, in the order of the wall."""
    slots = asyncio.Semaphore(AT_ONCE)
    loop = asyncio.get_running_loop()
    running = [loop.create_task(_one(trial, tables, slots)) for trial in trials]
    try:
        for task in running:
            yield await task
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _one(trial: Trial, tables: Tables, slots: asyncio.Semaphore) -> Result:
    async with slots:
        try:
            async with asyncio.timeout(BOUND_S), arena(tables) as sandbox:
                outcome = await trial.run(sandbox)
        except (SandboxError, OSError, TimeoutError) as error:
            outcome = Outcome(saw=f"nothing: the trial could not be run ({error or type(error).__name__})")
            outcome.expect("a trial that ends", holds=False)
    return result_of(trial, outcome)
