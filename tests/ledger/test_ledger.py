"""The actor that writes what changed: all at once, in a thread, again when the disk failed, and once more at its end."""

import asyncio
import threading

import pytest
from house import until

from cortex.actors.actor import SHUTDOWN, Stop
from cortex.ledger import ledger as module
from cortex.ledger.ledger import Ledger, Save
from cortex.ledger.store import Store, StoreError


class Disk(Store):
    """A store in memory that can be told to fail or to hang, and says what was written."""

    def __init__(self):
        super().__init__(None)
        self.writes = []
        self.fails = False
        self.free = threading.Event()
        self.free.set()
        self.begun = asyncio.Event()
        self.loop = asyncio.get_running_loop()
        self.written = asyncio.Queue()

    def write(self, entries, turn=None):
        self.loop.call_soon_threadsafe(self.begun.set)
        self.free.wait(5)
        if self.fails:
            self.loop.call_soon_threadsafe(self.written.put_nowait, None)
            raise StoreError("no space left")
        super().write(entries, turn)
        self.writes.append(dict(entries))
        self.loop.call_soon_threadsafe(self.written.put_nowait, dict(entries))


@pytest.fixture
async def rig(monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 0.005)

    class Rig:
        def __init__(self):
            self.disk = Disk()
            self.changed = {}
            self.reports = asyncio.Queue()

        def collect(self):
            taken, self.changed = self.changed, {}
            return taken

        def start(self):
            return Ledger.start(store=self.disk, collect=self.collect, report=self.reports.put_nowait)

        async def write(self):
            async with asyncio.timeout(5):
                return await self.disk.written.get()

        async def report(self):
            async with asyncio.timeout(5):
                return await self.reports.get()

    rig = Rig()
    yield rig
    rig.disk.free.set()


async def end(ref):
    ref.tell(Stop(SHUTDOWN))
    await until(lambda: not ref.is_alive())


async def test_what_changed_is_written_together(rig):
    rig.changed = {"a": b"1", "b": None}
    ref = rig.start()
    ref.tell(Save({"c": b"3"}))

    assert await rig.write() == {"a": b"1", "b": None, "c": b"3"}
    await end(ref)


async def test_later_changes_are_written_later_and_alone(rig):
    ref = rig.start()
    for value in (b"1", b"2"):
        rig.changed = {"a": value}
        await rig.write()
    await end(ref)

    assert rig.disk.writes[:2] == [{"a": b"1"}, {"a": b"2"}]


async def test_what_is_left_is_written_at_the_end(rig):
    ref = rig.start()
    ref.tell(Save({"b": b"2"}))
    rig.changed = {"a": b"1"}
    await end(ref)

    assert rig.disk.read_all() == {"a": b"1", "b": b"2"}


async def test_a_write_that_hangs_keeps_nobody_from_telling_more(rig):
    rig.disk.free.clear()
    rig.changed = {"a": b"1"}
    ref = rig.start()
    await until(rig.disk.begun.is_set)
    for number in range(100):
        ref.tell(Save({"a": str(number).encode()}))
        await asyncio.sleep(0)
    rig.disk.free.set()
    await rig.write()
    await rig.write()
    await end(ref)

    assert rig.disk.read_all() == {"a": b"99"}


async def test_a_disk_that_fails_is_said_once_and_tried_again(rig):
    rig.disk.fails = True
    rig.changed = {"a": b"1", "b": b"1"}
    ref = rig.start()
    for _ in range(3):
        await rig.write()
    ref.tell(Save({"a": b"2"}))
    await rig.write()
    rig.disk.fails = False
    while await rig.write() is None:
        pass
    said = [await rig.report(), await rig.report()]
    await end(ref)

    assert [report.event for report in said] == ["ledger cannot write", "ledger writes again"]
    assert said[0].facts == {"why": "no space left"}
    assert rig.disk.read_all() == {"a": b"2", "b": b"1"}
    assert rig.reports.empty()


async def test_an_end_in_the_middle_of_a_write_keeps_the_newest(rig):
    rig.changed = {"a": b"old", "b": b"1"}
    ref = rig.start()
    await rig.write()
    rig.disk.fails = True
    rig.changed = {"a": b"newer"}
    await rig.write()
    rig.disk.fails = False
    rig.changed = {"a": b"newest"}
    await end(ref)

    assert rig.disk.read_all() == {"a": b"newest", "b": b"1"}
