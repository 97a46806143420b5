"""The answers kept on disk: bytes by key, least recently stored first out, by bytes. Blocks; for threads.

A cache may be lost at any time, so nothing here is precious: a file that is damaged is set aside and a new one begun, and where
none can be had there is none.
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import diskcache  # type: ignore[import-untyped]  # it has no stubs

from cortex.ledger.store import FOREIGN, SETTINGS, TROUBLE, RawDisk, is_damage, set_aside

WAIT_S = 1.0
"""How long one access waits for another that holds the file."""

Entries = Mapping[bytes, tuple[bytes, float]]
"""What to write by key: bytes, and seconds they are good for."""


class Disk:
    """See the module's docstring. May be used from any thread; never raises."""

    def __init__(self, cache: diskcache.Cache | None) -> None:
        self._cache = cache
        self._writing = threading.Lock()

    @classmethod
    def open(cls, folder: Path, limit_bytes: int) -> tuple[Self, str]:
        """Open or begin the file in `folder`; return it with a warning, empty when all is well."""
        try:
            return cls(_opened(folder, limit_bytes)), ""
        except (*TROUBLE, *FOREIGN) as error:
            if not is_damage(error):
                return cls(None), f"{folder} cannot be used ({error}): answers are kept in memory only"
            damage = error
        try:
            aside = set_aside(folder)
            return cls(_opened(folder, limit_bytes)), f"{folder} is damaged ({damage}): set aside as {aside.name}"
        except TROUBLE as error:
            return cls(None), f"{folder} cannot be used ({error}): answers are kept in memory only"

    def get(self, key: bytes) -> bytes | None:
        """Return what is there under `key`; None also where the disk fails."""
        if self._cache is None:
            return None
        with contextlib.suppress(*TROUBLE, *FOREIGN):
            found: bytes | None = self._cache.get(key.hex(), retry=False)
            return found
        return None

    def put(self, entries: Entries, *, wanted: Callable[[], bool] = lambda: True) -> str:
        """Write entries while they are `wanted`; return why not, empty when it did."""
        if self._cache is None:
            return ""
        with self._writing:
            try:
                for key, (data, for_s) in entries.items():
                    if wanted():
                        self._cache.set(key.hex(), data, expire=for_s)
            except (*TROUBLE, *FOREIGN) as error:
                return str(error) or type(error).__name__
        return ""

    def clear(self) -> None:
        """Delete everything, also what is being written just now, if that is no longer wanted."""
        if self._cache is not None:
            with self._writing, contextlib.suppress(*TROUBLE, *FOREIGN):
                self._cache.clear()

    def size_bytes(self) -> int:
        """Return how much of the disk it takes."""
        if self._cache is not None:
            with contextlib.suppress(*TROUBLE, *FOREIGN):
                return int(self._cache.volume())
        return 0


def _opened(folder: Path, limit_bytes: int) -> diskcache.Cache:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    settings: Mapping[str, Any] = {
        **SETTINGS,
        "eviction_policy": "least-recently-stored",
        "cull_limit": 10,
        "size_limit": limit_bytes,
    }
    cache = diskcache.Cache(str(folder), timeout=WAIT_S, disk=RawDisk, **settings)
    try:
        with cache.transact():  # where nothing can be written, now is the time to know
            cache.set("", b"")
            cache.delete("")
    except BaseException:
        cache.close()
        raise
    return cache
