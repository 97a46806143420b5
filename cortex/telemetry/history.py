"""What happened over time, in rings of fixed size: for charts of 15 minutes, 24 hours and 30 days. Pure.

Theory of operation: an ended request is added to the sums of the second that is open; that is all it costs. A second that
ends is added to the open step of each ring, and a step that ends becomes one number a series. Times are kept as counts by
bucket while a step is open, since medians cannot be added, and as one median afterwards. A ring is an array of floats a
series, so its size does not depend on the traffic; `nan` stands where nobody recorded.
"""

from array import array
from collections import deque
from collections.abc import Iterable, Mapping
from math import ceil, exp, log, nan
from typing import Any

import msgspec
from msgspec import Struct, field

from cortex.telemetry.record import Record

SPANS: Mapping[str, tuple[int, int]] = {"15m": (5, 180), "24h": (300, 288), "30d": (7_200, 360)}
"""Seconds of a step, and how many are kept."""

SECONDS_KEPT = 60
"""Of requests by worker, second by second, for the lists that are live."""

WORKERS_KEPT = 1_000
"""With series of their own; a name is forgotten when nothing of it is left in a ring."""

LATEST_KEPT = 100
LATEST_S = 300.0
"""The last requests that the live median is taken of: so many, none older than that."""

SERIES = (
    "requests",
    "failed",
    "first_token_p50_s",
    "first_token_p95_s",
    "total_p50_s",
    "tokens_in",
    "tokens_out",
    "saved_usd",
    "cost_usd",
    "cache_hits",
    "in_flight",
)
WORKER_SERIES = ("requests", "total_p50_s")

_SHORTEST_S = 0.0005
_PER_DOUBLING = 8
_FACTOR = _PER_DOUBLING / log(2)
_BUCKETS = 200

Times = dict[int, int]
"""How many took about so long, by bucket: eight buckets to a doubling, so a median is right within 5 %."""


def bucket(seconds: float) -> int:
    """Return the bucket of a duration."""
    return 0 if seconds <= _SHORTEST_S else min(_BUCKETS, int(log(seconds / _SHORTEST_S) * _FACTOR) + 1)


def share(times: Times, part: float) -> float:
    """Return the duration that `part` of them do not exceed; `nan` where there are none.

    >>> share({}, 0.5), round(share({bucket(0.2): 9, bucket(3.0): 1}, 0.5), 1)
    (nan, 0.2)
    """
    left = ceil(sum(times.values()) * part)
    for place in sorted(times):
        left -= times[place]
        if left <= 0:
            return _SHORTEST_S * exp((place - 0.5) / _FACTOR) if place else _SHORTEST_S
    return nan


class OfWorker(Struct):
    """One worker's part of an open step."""

    requests: int = 0
    total: Times = field(default_factory=dict)


class Sums(Struct):
    """What an open step has so far."""

    requests: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    saved_nano: int = 0
    cost_nano: int = 0
    cache_hits: int = 0
    in_flight: int = 0
    """The most at once, of what was seen each second."""
    first_token: Times = field(default_factory=dict)
    total: Times = field(default_factory=dict)
    workers: dict[str, OfWorker] = field(default_factory=dict)

    def add(self, other: "Sums") -> None:
        """Add a step that lies within this one."""
        self.requests += other.requests
        self.failed += other.failed
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.saved_nano += other.saved_nano
        self.cost_nano += other.cost_nano
        self.cache_hits += other.cache_hits
        self.in_flight = max(self.in_flight, other.in_flight)
        _add_times(self.first_token, other.first_token)
        _add_times(self.total, other.total)
        for name, theirs in other.workers.items():
            mine = self.workers.setdefault(name, OfWorker())
            mine.requests += theirs.requests
            _add_times(mine.total, theirs.total)

    def figures(self) -> dict[str, float]:
        """Return the one number a series."""
        return {
            "requests": self.requests,
            "failed": self.failed,
            "first_token_p50_s": share(self.first_token, 0.5),
            "first_token_p95_s": share(self.first_token, 0.95),
            "total_p50_s": share(self.total, 0.5),
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "saved_usd": self.saved_nano / 1e9,
            "cost_usd": self.cost_nano / 1e9,
            "cache_hits": self.cache_hits,
            "in_flight": self.in_flight,
        }


class _Kept(Struct):
    """A ring as it stands on the disk."""

    last: int
    series: dict[str, bytes]
    workers: dict[str, dict[str, bytes]]


class _Open(Struct):
    """The open steps as they stand on the disk."""

    slots: list[int]
    sums: list[Sums]


class Ring:
    """The steps of one span that have ended. Steps are numbered by the wall clock: seconds since 1970 by the step."""

    def __init__(self, step_s: int, length: int) -> None:
        self.step_s = step_s
        self.length = length
        self.last: int | None = None
        """The newest step that was written."""
        self.series = {name: self._nothing() for name in SERIES}
        self.workers: dict[str, dict[str, array[float]]] = {}

    def __repr__(self) -> str:
        return f"<Ring {self.length} of {self.step_s} s to {self.last}>"

    def write(self, slot: int, sums: Sums) -> None:
        """Enter one step; those that were skipped have nothing. A step that is older than the newest is let go."""
        if self.last is not None and slot <= self.last:
            return
        self._skip(self.length if self.last is None else slot - self.last)
        self.last = slot
        place = slot % self.length
        for name, value in sums.figures().items():
            self.series[name][place] = value
        for columns in self.workers.values():
            columns["requests"][place] = 0.0
        for name, of_worker in sums.workers.items():
            own = self.workers.get(name) or self._begin(name)
            if own is not None:
                own["requests"][place] = of_worker.requests
                own["total_p50_s"][place] = share(of_worker.total, 0.5)

    def between(self, first: int, count: int) -> tuple[dict[str, list[float]], dict[str, dict[str, list[float]]]]:
        """Return the series, and those by worker, of `count` steps from `first`."""
        places = [slot % self.length if self._has(slot) else -1 for slot in range(first, first + count)]

        def read(column: "array[float]") -> list[float]:
            return [nan if place < 0 else column[place] for place in places]

        by_worker = {
            worker: {name: read(column) for name, column in columns.items()} for worker, columns in self.workers.items()
        }
        return {name: read(column) for name, column in self.series.items()}, by_worker

    def state(self) -> bytes:
        """Return it for the disk."""
        return msgspec.msgpack.encode(
            _Kept(
                last=-1 if self.last is None else self.last,
                series={name: column.tobytes() for name, column in self.series.items()},
                workers={
                    worker: {name: column.tobytes() for name, column in columns.items()}
                    for worker, columns in self.workers.items()
                },
            )
        )

    def restore(self, state: bytes, newest: int) -> None:
        """Take what the disk has, unless it is of a time to come. Raises ValueError for what is none of this."""
        kept = msgspec.msgpack.decode(state, type=_Kept)
        if not 0 <= kept.last <= newest:
            return
        series = {name: self._column(kept.series[name]) for name in SERIES if name in kept.series}
        workers = {
            worker: {name: self._column(columns[name]) for name in WORKER_SERIES}
            for worker, columns in list(kept.workers.items())[:WORKERS_KEPT]
            if columns.keys() >= set(WORKER_SERIES)
        }
        self.last = kept.last
        self.series |= series
        self.workers = workers

    def _has(self, slot: int) -> bool:
        return self.last is not None and self.last - self.length < slot <= self.last

    def _skip(self, steps: int) -> None:
        """Wipe the places of the steps up to the next that is written, and forget workers of whom nothing is left."""
        places = range(self.length)
        if self.last is not None and steps < self.length:
            places = range(self.last + 1, self.last + steps + 1)
        for columns in (self.series, *self.workers.values()):
            for column in columns.values():
                for place in places:
                    column[place % self.length] = nan
        if self.last is None or (self.last + steps) % self.length < steps:  # once a round
            gone = [name for name, own in self.workers.items() if not any(value > 0 for value in own["requests"])]
            for name in gone:
                del self.workers[name]

    def _begin(self, worker: str) -> "dict[str, array[float]] | None":
        if len(self.workers) >= WORKERS_KEPT:
            return None
        columns = self.workers[worker] = {name: self._nothing() for name in WORKER_SERIES}
        return columns

    def _nothing(self) -> "array[float]":
        return array("f", [nan]) * self.length

    def _column(self, written: bytes) -> "array[float]":
        column = array("f")
        column.frombytes(written)
        if len(column) != self.length:
            raise ValueError(f"expected {self.length} numbers, found {len(column)}")
        return column


class History:
    """See the module's docstring. `finished` is told of each request, `tick` is called each second."""

    def __init__(self) -> None:
        self.rings = {name: Ring(step_s, length) for name, (step_s, length) in SPANS.items()}
        self.second = Sums()
        """The second that is open."""
        self._open = [Sums() for _ in SPANS]
        self._slots: list[int | None] = [None for _ in SPANS]
        self.seconds: deque[dict[str, int]] = deque(maxlen=SECONDS_KEPT)
        """Requests by worker, of the last whole seconds; under `""` all of them."""
        self.now = 0
        """The second that is open."""
        self.latest: deque[tuple[float, float]] = deque(maxlen=LATEST_KEPT)
        """When they ended, and how long they took."""
        self.paid: frozenset[str] = frozenset()
        """Workers whose answers cost something."""
        self.written: dict[str, int | None] = {}
        """The newest step of each ring that is on the disk."""
        self.answered = self.answered_free = self.failovers = self.failovers_seen = 0
        """Since the start: answers; of them at no cost; attempts given up for another worker; answers that broke
        off before their clients' eyes."""

    def finished(self, record: Record) -> None:
        """Add a request that ended."""
        second = self.second
        second.requests += 1
        worker, first_token_s, attempts = "", None, record.attempts
        if attempts:
            last = attempts[-1]
            worker, first_token_s = last.worker, record.first_token_s
            self.failovers += len(attempts) - 1
        if record.broke:
            self.failovers_seen += 1
        is_spared = record.cache in {"hit", "shared"}
        second.cache_hits += is_spared
        if record.outcome == "ok":
            self.answered += 1
            self.answered_free += is_spared or worker not in self.paid
        elif record.outcome not in {"client_gone", "client_error"}:
            second.failed += 1
        took = bucket(record.total_s)
        second.total[took] = second.total.get(took, 0) + 1
        if first_token_s is not None:
            place = bucket(first_token_s)
            second.first_token[place] = second.first_token.get(place, 0) + 1
        if record.usage is not None and record.pays:
            second.tokens_in += record.usage.input_tokens
            second.tokens_out += record.usage.output_tokens
        self.latest.append((record.arrived_at + record.total_s, record.total_s))
        if worker:
            of_worker = second.workers.get(worker)
            if of_worker is None:
                of_worker = second.workers[worker] = OfWorker()
            of_worker.requests += 1
            of_worker.total[took] = of_worker.total.get(took, 0) + 1

    def money(self, cost_nano: int, saved_nano: int) -> None:
        """Add what an answer cost and saved."""
        self.second.cost_nano += cost_nano
        self.second.saved_nano += saved_nano

    def tick(self, wall: float, in_flight: int) -> None:
        """End the second that is open, and each step that ended with it."""
        ended, self.second = self.second, Sums()
        ended.in_flight = in_flight
        self.seconds.append({"": ended.requests, **{name: of.requests for name, of in ended.workers.items()}})
        for level, ring in enumerate(self.rings.values()):
            slot = int(wall) // ring.step_s
            before = self._slots[level]
            self._open[level].add(ended)
            if before is None:
                self._slots[level] = slot
            elif slot > before:
                ring.write(before, self._open[level])
                self._slots[level], self._open[level] = slot, Sums()
        self.now = int(wall)

    def per_second(self, seconds: int = 10) -> dict[str, float]:
        """Return requests a second by worker, over the last whole seconds; under `""` all of them."""
        return {name: count / seconds for name, count in _sum(list(self.seconds)[-seconds:]).items()}

    def sparks(self, step: int = 2) -> dict[str, list[int]]:
        """Return the requests of the last minute by worker, `step` seconds together, the oldest first."""
        length = SECONDS_KEPT // step
        sparks: dict[str, list[int]] = {}
        offset = SECONDS_KEPT - len(self.seconds)
        for place, counts in enumerate(self.seconds, offset):
            for name, count in counts.items():
                spark = sparks.get(name)
                if spark is None:
                    spark = sparks[name] = [0] * length
                spark[place // step] += count
        return sparks

    def times(self, wall: float) -> tuple[float | None, float | None]:
        """Return the median and the 95th percentile of the last requests, None where there were none of late."""
        took = sorted(total_s for ended_at, total_s in self.latest if wall - ended_at < LATEST_S)
        if not took:
            return None, None
        return took[(len(took) - 1) // 2], took[ceil(len(took) * 0.95) - 1]

    def span(self, name: str, wall: float) -> dict[str, Any]:
        """Return one span's series up to the step that is open, which is left out."""
        ring = self.rings[name]
        first = int(wall) // ring.step_s - ring.length
        series, workers = ring.between(first, ring.length)
        return {"span": name, "step_s": ring.step_s, "from": first * ring.step_s, "series": series, "workers": workers}

    def take_changed(self) -> list[str]:
        """Return the rings that have a new step since the last call."""
        changed = [name for name, ring in self.rings.items() if ring.last != self.written.get(name)]
        self.written |= {name: self.rings[name].last for name in changed}
        return changed

    def state(self, name: str) -> bytes:
        """Return a ring for the disk."""
        return self.rings[name].state()

    def open_state(self) -> bytes:
        """Return the open steps for the disk."""
        slots = [-1 if slot is None else slot for slot in self._slots]
        return msgspec.msgpack.encode(_Open(slots, self._open))

    def restore(self, states: Mapping[str, bytes], wall: float) -> list[str]:
        """Take what the disk has: rings by name, and under `open` the open steps; return what could not be read."""
        unread = []
        for name, state in states.items():
            try:
                if name == "open":
                    self._restore_open(state, wall)
                elif name in self.rings:
                    self.rings[name].restore(state, int(wall) // self.rings[name].step_s)
            except (ValueError, KeyError):  # msgspec's errors are ValueErrors
                unread.append(name)
        return unread

    def _restore_open(self, state: bytes, wall: float) -> None:
        kept = msgspec.msgpack.decode(state, type=_Open)
        for level, (ring, slot, sums) in enumerate(zip(self.rings.values(), kept.slots, kept.sums, strict=True)):
            if 0 <= slot <= int(wall) // ring.step_s:
                self._slots[level], self._open[level] = slot, sums


def _add_times(mine: Times, theirs: Times) -> None:
    for place, count in theirs.items():
        mine[place] = mine.get(place, 0) + count


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    whole: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            whole[name] = whole.get(name, 0) + count
    return whole
