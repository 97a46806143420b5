"""The actor that appends lines to a file a day."""

import asyncio
import stat
from datetime import UTC, datetime

import pytest
from fleet import Clock
from house import until

from cortex.actors.actor import SHUTDOWN, Stop
from cortex.ledger import daily
from cortex.ledger.daily import KEPT_DAYS, DailyLog, append

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
async def rig(tmp_path, monkeypatch):
    monkeypatch.setattr(daily, "EVERY_S", 0.005)

    class Rig:
        def __init__(self):
            self.folder = tmp_path / "decisions"
            self.lines = []
            self.reports = asyncio.Queue()
            self.clock = Clock(NOON.timestamp())
            self.ref = DailyLog.start(
                folder=self.folder, collect=self.collect, report=self.reports.put_nowait, wall=self.clock
            )

        def collect(self):
            taken, self.lines = self.lines, []
            return taken

        async def report(self):
            async with asyncio.timeout(5):
                return await self.reports.get()

        async def stop(self):
            self.ref.tell(Stop(SHUTDOWN))
            await until(lambda: not self.ref.is_alive())

    made = Rig()
    yield made
    if made.ref.is_alive():
        await made.stop()


def text(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


async def test_what_is_left_is_written_before_the_end(rig):
    rig.lines = [b"one\n", b"two\n"]
    await rig.stop()
    assert text(rig.folder) == {"2026-11-25.jsonl": "one\ntwo\n"}


async def test_only_its_owner_may_read_it(rig):
    rig.lines = [b"one\n"]
    await rig.stop()
    assert stat.S_IMODE(rig.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((rig.folder / "2026-11-25.jsonl").stat().st_mode) == 0o600


async def test_a_disk_that_fails_is_told_once(rig):
    rig.folder.write_text("in the way")
    for _ in range(3):
        rig.lines = [b"lost\n"]
        await until(lambda: not rig.lines)
    await rig.stop()
    assert rig.reports.qsize() == 1
    assert (await rig.report()).event == "log cannot be written"


async def test_when_it_is_written_again_that_is_told_too(rig):
    rig.folder.write_text("in the way")
    rig.lines = [b"lost\n"]
    assert (await rig.report()).event == "log cannot be written"
    rig.folder.unlink()
    rig.lines = [b"kept\n"]
    assert (await rig.report()).event == "log is written again"
    assert text(rig.folder) == {"2026-11-25.jsonl": "kept\n"}


def test_a_new_day_begins_a_file_and_removes_the_oldest(tmp_path):
    for name in ("2026-10-01.jsonl", "2026-10-26.jsonl", "notes.jsonl"):
        (tmp_path / name).write_text("old\n")
    append(tmp_path, [b"new\n"], NOON)
    assert KEPT_DAYS == 30
    assert set(text(tmp_path)) == {"2026-10-26.jsonl", "2026-11-25.jsonl", "notes.jsonl"}


def test_a_day_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(daily, "DAY_BYTES", 8)
    for _ in range(9):
        append(tmp_path, [b"12345\n"], NOON)
    assert text(tmp_path) == {"2026-11-25.jsonl": "12345\n12345\n"}
