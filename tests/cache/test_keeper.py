"""The actor behind the answers: what it has in hand is neither lost by a crash nor brought back by a clearing."""

import threading

import pytest
from house import until

from cortex.actors.actor import SHUTDOWN, Reason
from cortex.cache import keeper
from cortex.cache.answer import Stored
from cortex.cache.answers import Answers
from cortex.cache.disk import Disk
from cortex.cache.keeper import Clear, Keeper
from cortex.config.model import Cache


class HeldDisk(Disk):
    """A disk in memory; its first write waits until it may go on."""

    def __init__(self):
        super().__init__(None)
        self.kept, self.reached, self.go = {}, threading.Event(), threading.Event()

    def put(self, entries, *, wanted=lambda: True):
        self.reached.set()
        with self._writing:
            assert self.go.wait(10)
            self.kept.update({key: data for key, (data, _) in entries.items() if wanted()})
        return ""

    def clear(self):
        with self._writing:
            self.kept.clear()

    def size_bytes(self):
        return len(self.kept)


@pytest.fixture
def disk(monkeypatch):
    disk = HeldDisk()
    monkeypatch.setattr(keeper.Disk, "open", lambda folder, limit: (disk, ""))
    monkeypatch.setattr(keeper, "EVERY_S", 0.01)
    yield disk
    disk.go.set()


@pytest.fixture
def answers():
    answers = Answers(Cache, wall=lambda: 1_000.0)
    answers.keep(b"a", Stored("desk", "m", 1_000.0, 2_000.0))
    return answers


def start(answers, tmp_path):
    return Keeper.start(answers=answers, folder=tmp_path, limit_bytes=1, report=lambda _: None)


async def ended(ref, reason):
    ref.stop(reason=reason) if reason.is_expected else ref.kill(reason)
    await until(lambda: not ref.is_alive())


async def test_what_is_cleared_while_it_is_written_is_not_there_after(disk, answers, tmp_path):
    ref = start(answers, tmp_path)
    await until(disk.reached.is_set)
    clearing = ref.ask(Clear())
    await until(lambda: answers.epoch > 0)
    disk.go.set()
    assert await clearing == 1
    assert answers.now(b"a") is None
    await ended(ref, SHUTDOWN)
    assert disk.kept == {}


async def test_what_a_crash_finds_in_hand_is_written_by_the_next_incarnation(disk, answers, tmp_path):
    ref = start(answers, tmp_path)
    await until(disk.reached.is_set)
    await ended(ref, Reason("crashed"))
    assert list(answers._waiting) == [b"a"]
    disk.go.set()
    again = start(answers, tmp_path)
    await until(lambda: not answers._waiting and disk.kept)
    await ended(again, SHUTDOWN)


async def test_the_end_does_not_wait_long_for_a_disk_that_hangs(disk, answers, tmp_path, monkeypatch):
    monkeypatch.setattr(keeper, "LAST_WRITE_S", 0.01)
    ref = start(answers, tmp_path)
    await until(disk.reached.is_set)
    await ended(ref, SHUTDOWN)
    assert disk.kept == {}
    disk.go.set()


async def test_what_is_left_is_written_at_the_end(disk, answers, tmp_path):
    disk.go.set()
    ref = start(answers, tmp_path)
    await until(lambda: disk.kept)
    answers.keep(b"b", Stored("desk", "m", 1_000.0, 2_000.0))
    await ended(ref, SHUTDOWN)
    assert disk.kept.keys() == {b"a", b"b"}
