import asyncio
import queue
import threading

import pytest

from cortex.actors.watchdog import LoopWatchdog, Stall, log_stall


@pytest.fixture
async def stalls():
    """A watchdog with a budget of 50 ms, and what it reports."""
    reports = queue.Queue()
    watchdog = LoopWatchdog(0.05, reports.put)
    watchdog.start()
    yield reports
    watchdog.stop()
    assert not watchdog._thread.is_alive()


async def test_a_blocked_loop_is_reported_once_with_its_stack_and_once_when_it_is_over(stalls):
    def blocking_call():
        return stalls.get(timeout=10)  # blocks the loop until the watchdog speaks

    blocked = blocking_call()
    over = await asyncio.to_thread(stalls.get, timeout=10)

    assert "blocking_call" in blocked.stack
    assert not blocked.is_over
    assert over.is_over
    assert over.blocked_s >= blocked.blocked_s >= 0.05
    assert stalls.empty()


async def test_a_loop_that_runs_is_not_reported(stalls):
    heartbeats = 0

    async def run():
        nonlocal heartbeats
        while heartbeats < 20:
            await asyncio.to_thread(threading.Event().wait, 0.01)
            heartbeats += 1

    await run()

    assert stalls.empty()


async def test_a_report_that_fails_does_not_end_the_watch():
    spoken = queue.Queue()

    def report(stall):
        spoken.put(stall)
        raise OSError("full")

    watchdog = LoopWatchdog(0.05, report)
    watchdog.start()
    spoken.get(timeout=10)
    over = await asyncio.to_thread(spoken.get, timeout=10)
    spoken.get(timeout=10)
    watchdog.stop()

    assert over.is_over


def test_a_watchdog_ends_with_its_loop():
    async def make():
        watchdog = LoopWatchdog(0.02, lambda _: None)
        watchdog.start()
        return watchdog

    watchdog = asyncio.run(make())
    watchdog._thread.join(10)

    assert not watchdog._thread.is_alive()


@pytest.mark.parametrize("stall", [Stall(1.5, "File x"), Stall(2.5, "", is_over=True)])
def test_a_stall_is_logged(stall, capsys):
    log_stall(stall)

    assert f"{stall.blocked_s}" in capsys.readouterr().out
