"""Names and bytes on disk, several written at once or not at all.

Theory of operation: diskcache (SQLite) is the file. Its own `Disk` pickles, and whoever can write the file could then run
code here; `RawDisk` knows bytes alone, and a row of any other kind reads as nothing. A daemon must start whatever it finds:
a file that is damaged is set aside, never deleted, and where nothing can be written all is kept in memory. Both are said.
"""

import contextlib
import itertools
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import diskcache  # type: ignore[import-untyped]  # it has no stubs
from diskcache.core import MODE_RAW  # type: ignore[import-untyped]  # as above

TIMEOUT_S = 5.0
"""How long a write waits for another process that holds the file."""

TROUBLE = (OSError, sqlite3.Error, diskcache.Timeout, OverflowError, UnicodeError)
"""What a disk, its rights or another process may raise."""

FOREIGN = (TypeError, ValueError, KeyError, AttributeError)
"""What diskcache raises when the settings that stand in the file are not its own."""

SETTINGS: Mapping[str, Any] = {
    "eviction_policy": "none",
    "cull_limit": 0,
    "statistics": 0,
    "sqlite_journal_mode": "wal",
    "sqlite_synchronous": 1,  # NORMAL: a power cut may cost the last writes and never the file
    "sqlite_mmap_size": 0,
    "disk_min_file_size": 2**31,  # every value stands in the one file
}


class StoreError(Exception):
    """The disk would not take it; says why."""


class RawDisk(diskcache.Disk):  # type: ignore[misc]  # untyped, as above
    """Bytes by text; nothing is ever unpickled."""

    def put(self, key: str) -> tuple[str, bool]:
        """Return the key as it stands in the file."""
        return key, True

    def get(self, key: Any, raw: Any) -> str | None:
        """Return a key, or None for one that is no text."""
        return key if isinstance(key, str) and raw else None

    def store(self, value: bytes, read: bool, key: Any = None) -> tuple[int, int, None, sqlite3.Binary]:  # noqa: FBT001  diskcache's signature
        """Return the value as it stands in the file."""
        return 0, MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: int, filename: Any, value: Any, read: bool) -> bytes | None:  # noqa: FBT001  diskcache's signature
        """Return a value, or None for one that is not bytes in the file itself."""
        return bytes(value) if mode == MODE_RAW and filename is None and isinstance(value, bytes | memoryview) else None


class Store:
    """See the module's docstring. May be used from any thread."""

    def __init__(self, cache: diskcache.Cache | None) -> None:
        self._cache = cache
        self._memory: dict[str, bytes] = {}
        """Where there is no file."""
        self._lock = threading.Lock()
        self._turns = itertools.count(1)
        self._last_turn = 0

    def __repr__(self) -> str:
        return f"<Store {self._cache.directory if self._cache is not None else 'in memory'}>"

    @property
    def is_on_disk(self) -> bool:
        """Whether what is written outlives the process."""
        return self._cache is not None

    @classmethod
    def open(cls, folder: Path) -> tuple[Self, str]:
        """Open or begin the file in `folder`, and return it with a warning, empty when all is well. Raises nothing."""
        try:
            return cls(_opened(folder)), ""
        except (*TROUBLE, *FOREIGN) as error:
            return cls._begun_anew(folder, error) if is_damage(error) else (cls(None), _in_memory(folder, error))

    @classmethod
    def _begun_anew(cls, folder: Path, damage: Exception) -> tuple[Self, str]:
        try:
            aside = set_aside(folder)
            return cls(_opened(folder)), f"{folder} is damaged ({damage}): set aside as {aside.name}, a new one begun"
        except TROUBLE as error:
            return cls(None), _in_memory(folder, error)

    def read_all(self) -> dict[str, bytes]:
        """Return everything that can be read. Raises StoreError when the file cannot."""
        if self._cache is None:
            return dict(self._memory)
        try:
            return _read(self._cache)
        except TROUBLE as error:
            raise StoreError(str(error)) from error

    def turn(self) -> int:
        """Return a number for a write whose entries were collected now; each is larger than the last."""
        return next(self._turns)

    def write(self, entries: Mapping[str, bytes | None], turn: int | None = None) -> None:
        """Write all or none; None deletes. Blocks. Raises StoreError.

        Where a later turn was written already, nothing is done: a thread that was held up must not bring old values back.
        """
        if not self._lock.acquire(timeout=2 * TIMEOUT_S):
            raise StoreError("another write does not end")
        try:
            if turn is None or turn >= self._last_turn:
                self._apply(entries)
                self._last_turn = turn or self._last_turn
        except TROUBLE as error:
            raise StoreError(str(error)) from error
        finally:
            self._lock.release()

    def _apply(self, entries: Mapping[str, bytes | None]) -> None:
        if self._cache is None:
            kept = {key: value for key, value in {**self._memory, **entries}.items() if value is not None}
            self._memory = kept
            return
        with self._cache.transact():
            for key, value in entries.items():
                if value is None:
                    self._cache.delete(key)
                else:
                    self._cache.set(key, value)

    def close(self) -> None:
        """Let go of the file."""
        if self._cache is not None:
            with contextlib.suppress(*TROUBLE):
                self._cache.close()


def _opened(folder: Path) -> diskcache.Cache:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    cache = diskcache.Cache(str(folder), timeout=TIMEOUT_S, disk=RawDisk, **SETTINGS)
    try:
        _read(cache)
        with cache.transact():  # where nothing can be written, now is the time to know
            cache.set("", b"")
            cache.delete("")
    except BaseException:
        cache.close()
        raise
    return cache


def _read(cache: diskcache.Cache) -> dict[str, bytes]:
    found = {key: cache.get(key) for key in cache.iterkeys() if key is not None}
    return {key: value for key, value in found.items() if value is not None}


def is_damage(error: Exception) -> bool:
    """Whether the file is at fault, and not its disk, its rights or another process."""
    if isinstance(error, sqlite3.DatabaseError):
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
    return isinstance(error, FOREIGN)


def set_aside(folder: Path) -> Path:
    """Rename a folder out of the way; return its new path. Raises OSError."""
    number = 1
    while (aside := folder.with_name(f"{folder.name}.damaged-{number}")).exists():
        number += 1
    return folder.rename(aside)


def _in_memory(folder: Path, error: Exception) -> str:
    return f"{folder} cannot be used ({error}): usage is kept in memory and lost at the next restart"
