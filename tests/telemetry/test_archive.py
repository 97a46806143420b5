"""The actor that keeps the history on disk."""

import stat

import pytest
from ended import request_record
from fleet import Clock
from house import until

from cortex.actors.actor import SHUTDOWN, Stop
from cortex.telemetry import archive
from cortex.telemetry.archive import Archive, restore
from cortex.telemetry.history import SPANS, History

START = 1_700_000_000.0 - 1_700_000_000 % 7_200


@pytest.fixture
async def rig(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "SECOND_S", 0.002)

    class Rig:
        def __init__(self):
            self.folder = tmp_path / "history"
            self.history = History()
            self.reports = []
            self.clock = Clock(START)
            self.ref = Archive.start(
                history=self.history,
                folder=self.folder,
                in_flight=lambda: 7,
                paid=lambda: frozenset({"cloud"}),
                report=self.reports.append,
                wall=self.passing,
            )

        def passing(self):
            self.clock.advance(1.0)
            return self.clock()

        async def stop(self):
            self.ref.tell(Stop(SHUTDOWN))
            await until(lambda: not self.ref.is_alive())

    made = Rig()
    yield made
    if made.ref.is_alive():
        await made.stop()


async def test_each_second_ends_with_what_was_seen_in_it(rig):
    await until(lambda: rig.history.rings["15m"].last is not None)

    assert rig.history.paid == {"cloud"}
    assert 7.0 in rig.history.span("15m", rig.clock())["series"]["in_flight"]


async def test_all_is_on_the_disk_in_the_end_for_its_owner_alone(rig):
    rig.history.finished(request_record(worker="desk"))
    await until(lambda: rig.clock() > START + 400)
    await rig.stop()

    assert {path.name for path in rig.folder.iterdir()} == {"open", "15m", "24h"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in rig.folder.iterdir()} == {0o600}
    assert stat.S_IMODE(rig.folder.stat().st_mode) == 0o700

    again = History()
    assert not restore(again, rig.folder, rig.clock())
    assert repr(again.span("15m", rig.clock())) == repr(rig.history.span("15m", rig.clock()))


async def test_it_is_written_while_all_goes_on(rig, monkeypatch):
    monkeypatch.setattr(archive, "WRITE_EVERY", 10)
    await until((rig.folder / "15m").exists)

    assert rig.ref.is_alive()


async def test_a_disk_that_fails_is_told_once_and_that_it_works_again_too(rig, monkeypatch):
    monkeypatch.setattr(archive, "WRITE_EVERY", 5)
    rig.folder.write_text("in the way")
    await until(lambda: rig.clock() > START + 200)
    await until(lambda: rig.reports)
    assert [report.event for report in rig.reports] == ["history cannot be written"]

    rig.folder.unlink()
    await until(lambda: len(rig.reports) > 1)
    assert [report.event for report in rig.reports] == ["history cannot be written", "history is written again"]
    assert (rig.folder / "15m").exists(), "what was not written before is due again"


def test_where_nothing_is_there_is_nothing_to_take(tmp_path):
    assert not restore(History(), tmp_path, START)


def test_a_damaged_file_is_set_aside_and_said(tmp_path):
    (tmp_path / "24h").write_bytes(b"\xff damaged")

    assert restore(History(), tmp_path, START) == "24h is damaged and was set aside"
    assert (tmp_path / "24h.damaged").exists()
    assert not (tmp_path / "24h").exists()


def test_a_file_that_cannot_be_opened_is_said(tmp_path):
    (tmp_path / next(iter(SPANS))).mkdir()

    assert "15m: Is a directory" in restore(History(), tmp_path, START)
