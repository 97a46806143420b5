"""The answers kept in memory: least recently used first out, by bytes. Pure; the clock is an argument."""

from collections import OrderedDict
from typing import NamedTuple

from cortex.cache.answer import Stored

OVERHEAD_BYTES = 1_500
"""What an entry takes beside its text, about: structs, keys, the dictionary's own slots."""


class Held(NamedTuple):
    """An answer and what it counts."""

    answer: Stored
    size: int


class Memory:
    """See the module's docstring."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.bytes = 0
        self._held: OrderedDict[bytes, Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: bytes, wall: float) -> Stored | None:
        """Return what is kept under `key` and still good."""
        held = self._held.get(key)
        if held is None:
            return None
        if wall >= held.answer.until:
            self.drop(key)
            return None
        self._held.move_to_end(key)
        return held.answer

    def put(self, key: bytes, answer: Stored, size: int) -> None:
        """Keep an answer of `size` encoded bytes; whoever was not asked for longest makes room."""
        self.drop(key)
        size += OVERHEAD_BYTES
        if size > self.limit_bytes:
            return
        self._held[key] = Held(answer, size)
        self.bytes += size
        self.shrink(self.limit_bytes)

    def shrink(self, limit_bytes: int) -> None:
        """Take a new limit."""
        self.limit_bytes = limit_bytes
        while self.bytes > limit_bytes:
            _, held = self._held.popitem(last=False)
            self.bytes -= held.size

    def drop(self, key: bytes) -> None:
        """Forget one, if it is there."""
        held = self._held.pop(key, None)
        if held is not None:
            self.bytes -= held.size

    def clear(self) -> int:
        """Forget all; return how many there were."""
        count = len(self._held)
        self._held.clear()
        self.bytes = 0
        return count

    def oldest(self) -> float | None:
        """Return when the oldest of them was stored, wall clock."""
        return min((held.answer.stored_at for held in self._held.values()), default=None)
