"""The answers on disk: what a person cleared stays gone, and what goes wrong costs answers only."""

import stat

import pytest

from cortex.cache.disk import Disk


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "cache"


def opened(folder, limit=10_000_000):
    disk, warning = Disk.open(folder, limit)
    return disk, warning


def closed(disk):
    disk._cache.close()


def test_what_was_put_is_there_after_a_restart_and_only_for_its_owner(folder):
    disk, warning = opened(folder)
    assert (warning, disk.put({b"a": (b"1", 60.0)}), stat.S_IMODE(folder.stat().st_mode)) == ("", "", 0o700)
    closed(disk)
    again, _ = opened(folder)
    assert (again.get(b"a"), again.get(b"b")) == (b"1", None)
    closed(again)


def test_what_is_no_longer_wanted_is_not_written(folder):
    disk, _ = opened(folder)
    left = [True, False]
    disk.put({b"a": (b"1", 60.0), b"b": (b"2", 60.0)}, wanted=lambda: left.pop(0))
    assert (disk.get(b"a"), disk.get(b"b")) == (b"1", None)
    disk.clear()
    assert disk.get(b"a") is None
    closed(disk)


def test_a_damaged_file_is_set_aside(folder):
    folder.mkdir(parents=True)
    (folder / "cache.db").write_bytes(b"no database" * 500)
    disk, warning = opened(folder)
    assert "damaged" in warning
    assert (folder.parent / "cache.damaged-1").is_dir()
    assert disk.put({b"a": (b"1", 60.0)}) == ""
    closed(disk)


def test_where_there_can_be_none_nothing_fails(folder):
    folder.parent.mkdir()
    folder.write_text("in the way")
    disk, warning = opened(folder)
    assert "in memory only" in warning
    assert (disk.put({b"a": (b"1", 60.0)}), disk.get(b"a"), disk.size_bytes()) == ("", None, 0)
    disk.clear()


def test_the_oldest_make_room(folder):
    disk, _ = opened(folder, limit=200_000)
    for number in range(60):
        disk.put({bytes([number]): (bytes(20_000), 60.0)})
    assert disk.get(bytes([0])) is None
    assert disk.get(bytes([59])) is not None
    closed(disk)
