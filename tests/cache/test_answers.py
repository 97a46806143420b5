"""Memory and disk together: a slow disk, a clearing and a newer answer in between."""

import asyncio
import threading

import pytest

from cortex.cache import answers
from cortex.cache.answer import Stored, encode
from cortex.cache.answers import Answers
from cortex.config.model import Cache

KEY = b"key"


def stored(number=1, until=2_000.0):
    return Stored("desk", f"m{number}", 1_000.0, until)


class HeldDisk:
    """A disk that answers when it is let."""

    def __init__(self, data):
        self.data, self.asked, self.go = data, threading.Semaphore(0), threading.Event()
        self.count = 0

    def get(self, key):
        self.count += 1
        self.asked.release()
        assert self.go.wait(10)
        return self.data


@pytest.fixture
def disk():
    disk = HeldDisk(encode(stored()))
    yield disk
    disk.go.set()


@pytest.fixture
def kept(disk):
    kept = Answers(Cache, wall=lambda: 1_000.0)
    kept.disk, kept.disk_bytes = disk, 1
    yield kept
    disk.go.set()
    kept._threads.shutdown()


async def looking(kept, disk):
    task = asyncio.create_task(kept.later(KEY))
    await asyncio.to_thread(disk.asked.acquire)
    return task


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    monkeypatch.setattr(answers, "LOOKUP_S", 10.0)


async def test_what_the_disk_has_is_in_memory_then(kept, disk):
    disk.go.set()
    assert await kept.later(KEY) == stored()
    assert kept.now(KEY) == stored()


async def test_while_one_lookup_is_late_nobody_waits_for_another(kept, disk, monkeypatch):
    monkeypatch.setattr(answers, "LOOKUP_S", 0.01)
    assert await kept.later(KEY) is None
    assert await kept.later(KEY) is None
    assert disk.count == 1
    disk.go.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*kept._late)
    monkeypatch.setattr(answers, "LOOKUP_S", 10.0)
    assert await kept.later(KEY) == stored()


async def test_what_was_cleared_meanwhile_does_not_come_back(kept, disk):
    task = await looking(kept, disk)
    kept.clear()
    disk.go.set()
    assert await task is None
    assert kept.now(KEY) is None


async def test_a_newer_answer_is_not_replaced_by_the_disks(kept, disk):
    task = await looking(kept, disk)
    kept.keep(KEY, stored(2))
    disk.go.set()
    assert await task == kept.now(KEY) == stored(2)


async def test_the_loops_own_threads_stay_free(kept, disk):
    tasks = [await looking(kept, disk) for _ in range(answers.LOOKUPS)]
    assert await asyncio.to_thread(lambda: threading.current_thread().name.startswith("asyncio"))
    assert {thread.name[:5] for thread in kept._threads._threads} == {"cache"}
    disk.go.set()
    await asyncio.gather(*tasks)


def test_what_is_put_back_is_written_but_where_there_is_something_newer():
    kept = Answers(Cache, wall=lambda: 1_000.0)
    kept.keep(b"a", stored())
    taken = kept.take_waiting()
    kept.keep(b"a", stored(2))
    kept.put_back({**taken, b"b": (b"2", 1.0)})
    again = kept.take_waiting()
    assert again[b"a"][0] == encode(stored(2))
    assert again[b"b"] == (b"2", 1.0)
