"""The kept answers as the endpoint sees them: memory in front, the disk behind, and what they have spared.

Theory of operation: everything but the disk happens on the event loop and at once. What is new is held for the `Keeper`, which has
it written by a thread, a few times a second; a lookup that memory cannot answer asks the disk in a thread and is content with
nothing after `LOOKUP_S`, while another is later than that, or while `LOOKUPS` are out. Their threads are their own: names are
resolved and counts are written in the loop's. So a disk that is slow, full or gone costs hits, and never a request. Like the
settings and the journal this outlives every actor.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cortex.cache.answer import LARGEST_BYTES, Stored, decode, encode
from cortex.cache.disk import Disk, Entries
from cortex.cache.memory import Memory
from cortex.config.model import Cache as Settings

LOOKUP_S = 0.05
LOOKUPS = 4
WAITING_BYTES = 16_000_000
"""Answers on their way to the disk; what comes above it stays in memory only."""

RESULTS = ("hit", "miss", "shared", "bypass")


class Answers:
    """See the module's docstring."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        *,
        wall: Callable[[], float] = time.time,
        on_saved: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`on_saved` is told what an answer that was given again would have cost, in nano-dollars."""
        self._settings = settings
        self._wall = wall
        self._on_saved = on_saved
        self.memory = Memory(settings().memory_bytes)
        self.disk = Disk(None)
        self._waiting: dict[bytes, tuple[bytes, float]] = {}
        self._waiting_bytes = 0
        self._threads = ThreadPoolExecutor(LOOKUPS, "cache")
        self._looking: set[asyncio.Future[bytes | None]] = set()
        self._late: set[asyncio.Future[bytes | None]] = set()
        self.epoch = 0
        """Grows when all is cleared: what a thread was at before is neither taken in nor written after."""
        self.disk_bytes = 0
        """As it was when something was last written."""
        self.counts = dict.fromkeys(RESULTS, 0)
        self.saved_nano = 0

    def now(self, key: bytes) -> Stored | None:
        """Return what memory has, at once."""
        return self.memory.get(key, self._wall())

    async def later(self, key: bytes) -> Stored | None:
        """Return what the disk has, if it says so in time."""
        if self.disk_bytes == 0 or self._late or len(self._looking) >= LOOKUPS:
            return None
        epoch = self.epoch
        looking = asyncio.get_running_loop().run_in_executor(self._threads, self.disk.get, key)
        self._looking.add(looking)
        looking.add_done_callback(self._looked)
        try:
            data = await asyncio.wait_for(asyncio.shield(looking), LOOKUP_S)
        except TimeoutError:
            if not looking.done():
                self._late.add(looking)
            return None
        answer = None if data is None else decode(data)
        newer = self.now(key)
        if newer is not None or answer is None or self._wall() >= answer.until or epoch != self.epoch:
            return newer
        self.memory.put(key, answer, len(data or b""))
        return answer

    def _looked(self, looking: "asyncio.Future[bytes | None]") -> None:
        self._looking.discard(looking)
        self._late.discard(looking)

    def age_s(self, answer: Stored) -> float:
        """Return how old it is, in seconds."""
        return max(0.0, self._wall() - answer.stored_at)

    def keep(self, key: bytes, answer: Stored) -> None:
        """Keep an answer, unless it is too large."""
        data = encode(answer)
        if len(data) > LARGEST_BYTES:
            return
        self.memory.shrink(self._settings().memory_bytes)
        self.memory.put(key, answer, len(data))
        if self._waiting_bytes + len(data) <= WAITING_BYTES:
            before = self._waiting.get(key)
            self._waiting_bytes += len(data) - (len(before[0]) if before else 0)
            self._waiting[key] = (data, answer.until - self._wall())

    def ttl_s(self, asked: str, model: str, max_age_s: float | None) -> float:
        """Return how long an answer of `model` to a request for `asked` may be kept."""
        settings = self._settings()
        ttl_s = settings.ttls_s.get(asked, settings.ttls_s.get(model, settings.ttl_s))
        return ttl_s if max_age_s is None else min(ttl_s, max_age_s)

    @property
    def oldest_s(self) -> float | None:
        """Age of the oldest answer in memory, in seconds; None where there is none."""
        oldest = self.memory.oldest()
        return None if oldest is None else self._wall() - oldest

    def counted(self, result: str, answer: Stored | None = None) -> None:
        """Count how a request fared, and what its answer spared."""
        self.counts[result] += 1
        if answer is not None:
            self.saved_nano += answer.cost_nano
            self._on_saved(answer.cost_nano)

    def take_waiting(self) -> Entries:
        """Return what is to be written, once."""
        taken, self._waiting, self._waiting_bytes = self._waiting, {}, 0
        return taken

    def put_back(self, entries: Entries) -> None:
        """Have these written after all, but where there is something newer."""
        self._waiting = {**entries, **self._waiting}
        self._waiting_bytes = sum(len(data) for data, _ in self._waiting.values())

    def clear(self) -> int:
        """Forget everything in memory and what was on its way to the disk; return how many there were."""
        self.epoch += 1
        self.take_waiting()
        return self.memory.clear()

    def facts(self) -> dict[str, Any]:
        """Return what people ask: counts, ratio, bytes, age, savings."""
        asked = self.counts["hit"] + self.counts["shared"] + self.counts["miss"]
        settings = self._settings()
        return {
            "enabled": settings.enabled,
            "when": settings.when,
            "ttl_s": settings.ttl_s,
            "requests": dict(self.counts),
            "hit_ratio": round((self.counts["hit"] + self.counts["shared"]) / asked, 4) if asked else None,
            "answers_in_memory": len(self.memory),
            "bytes": {"memory": self.memory.bytes, "disk": self.disk_bytes},
            "limit_bytes": {"memory": settings.memory_bytes, "disk": settings.disk_bytes},
            "oldest_s": None if self.oldest_s is None else round(self.oldest_s, 1),
            "saved_usd": round(self.saved_nano / 1e9, 6),
        }
