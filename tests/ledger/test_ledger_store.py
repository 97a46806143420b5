"""Names and bytes on disk, whatever is found there."""

import os
import pickle
import sqlite3
import stat

import diskcache
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.ledger.store import SETTINGS, RawDisk, Store, StoreError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "deep" / "ledger"


@pytest.fixture
def store(folder):
    store, warning = Store.open(folder)
    assert warning == ""
    yield store
    store.close()


def reopened(folder):
    store, warning = Store.open(folder)
    try:
        return store.read_all(), warning
    finally:
        store.close()


def test_what_was_written_is_there_after_a_restart(store, folder):
    store.write({"a": b"1", "b": b"", "c": b"3"})
    store.write({"a": b"2", "c": None, "never there": None})
    store.close()

    assert reopened(folder) == ({"a": b"2", "b": b""}, "")


def test_only_its_owner_may_look(store, folder):
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert store.is_on_disk


def test_it_is_set_to_lose_nothing_by_itself_and_never_the_file(store):
    cache = store._cache

    assert cache._sql("PRAGMA journal_mode").fetchone() == ("wal",)
    assert cache._sql("PRAGMA synchronous").fetchone() == (1,)
    assert (cache.eviction_policy, cache.cull_limit) == ("none", 0)


def test_a_large_value_stands_in_the_one_file(store, folder):
    store.write({"large": os.urandom(300_000)})

    assert {path.suffix for path in folder.rglob("*") if path.is_file()} <= {".db", ".db-wal", ".db-shm"}
    assert len(store.read_all()["large"]) == 300_000


class Bomb:
    """Whoever unpickles it has run code."""

    def __reduce__(self):
        return (pytest.fail, ("it was unpickled",))


@pytest.mark.parametrize(("mode", "raw"), [(4, 1), (1, 0), (2, 1), (3, 1)], ids=["value", "key", "file", "text file"])
def test_a_row_that_is_not_plain_bytes_reads_as_nothing(mode, raw, store, folder):
    store.write({"good": b"1"})
    key = "bad" if raw else pickle.dumps(Bomb())
    filename = "../../etc/passwd" if mode in {2, 3} else None
    store._cache._sql(
        "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, filename, value) VALUES (?, ?, 0, 0, 0, ?, ?, ?)",
        (key, raw, mode, filename, pickle.dumps(Bomb())),
    )
    store.close()

    assert reopened(folder) == ({"good": b"1"}, "")


@pytest.mark.parametrize("value", ["text", 7, 1.5, None])
def test_a_value_of_another_type_reads_as_nothing(value, store):
    store.write({"good": b"1"})
    store._cache._sql(
        "INSERT INTO Cache (key, raw, store_time, access_time, size, mode, value) VALUES ('bad', 1, 0, 0, 0, 1, ?)",
        (value,),
    )

    assert store.read_all() == {"good": b"1"}


@pytest.mark.parametrize(
    "content", [b"not a database at all, whatever its name is", b"SQLite format 3\0" + b"\xff" * 4_000]
)
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(content, folder):
    for number in (1, 2):
        folder.mkdir(parents=True)
        (folder / "cache.db").write_bytes(content)
        store, warning = Store.open(folder)
        store.write({"a": b"1"})
        store.close()

        assert f"set aside as ledger.damaged-{number}" in warning
        assert (folder.with_name(f"ledger.damaged-{number}") / "cache.db").read_bytes() == content
        assert reopened(folder) == ({"a": b"1"}, "")
        folder.rename(folder.with_name(f"used-{number}"))


def test_a_file_of_something_else_is_set_aside(folder):
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "cache.db") as connection:
        connection.execute("CREATE TABLE Settings (key TEXT NOT NULL UNIQUE, value)")
        connection.execute("INSERT INTO Settings VALUES ('disk_bomb', 1)")
    connection.close()

    assert "set aside" in Store.open(folder)[1]


@settings(max_examples=25, deadline=None)
@given(place=st.floats(0, 1), garbage=st.binary(min_size=1, max_size=600))
def test_whatever_is_scribbled_into_the_file_it_opens(place, garbage, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scribbled") / "ledger"
    store, _ = Store.open(folder)
    store.write({f"key {number}": b"x" * 500 for number in range(40)})
    store.close()
    path = folder / "cache.db"
    content = bytearray(path.read_bytes())
    start = int(place * len(content))
    content[start : start + len(garbage)] = garbage
    path.write_bytes(content)
    store, _ = Store.open(folder)
    try:
        store.write({"new": b"1"})
        assert store.read_all()["new"] == b"1"
    except StoreError:
        pass  # damage that shows only later is said, and crashes nobody
    finally:
        store.close()


def test_a_folder_that_cannot_be_is_replaced_by_memory(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store, warning = Store.open(tmp_path / "file" / "ledger")
    store.write({"a": b"1", "b": None})

    assert "kept in memory" in warning
    assert not store.is_on_disk
    assert store.read_all() == {"a": b"1"}
    assert repr(store) == "<Store in memory>"


def test_a_file_that_cannot_be_written_is_no_damage(folder, monkeypatch):
    def refuse(*_args, **_kwargs):
        error = sqlite3.OperationalError("attempt to write a readonly database")
        error.sqlite_errorcode = sqlite3.SQLITE_READONLY
        raise error

    monkeypatch.setattr(diskcache.Cache, "set", refuse)
    _, warning = Store.open(folder)

    assert "readonly database" in warning
    assert "kept in memory" in warning
    assert folder.exists()


def test_all_is_written_or_nothing(store):
    store.write({"a": b"1"})
    with pytest.raises(StoreError):
        store.write({"a": b"2", "\ud800": b"no text that a file can hold"})

    assert store.read_all() == {"a": b"1"}


def test_a_write_that_was_held_up_brings_no_old_values_back(store):
    early, late = store.turn(), store.turn()
    store.write({"a": b"new"}, late)
    store.write({"a": b"old"}, early)

    assert store.read_all() == {"a": b"new"}


def test_a_disk_that_fails_is_said(store, monkeypatch):
    monkeypatch.setattr(
        store._cache, "set", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("disk I/O error"))
    )
    with pytest.raises(StoreError, match="disk I/O error"):
        store.write({"a": b"1"})


def test_nothing_but_text_and_bytes_goes_in_or_out():
    disk = RawDisk("nowhere")

    assert disk.put("key") == ("key", True)
    assert disk.get(b"key", 1) is None
    assert disk.fetch(4, None, pickle.dumps(Bomb()), read=False) is None
    assert SETTINGS["disk_min_file_size"] > 10**9
