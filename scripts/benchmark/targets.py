"""What Córtex has to reach, as a table, and whether it does."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from footprint import OPEN_STREAMS, Memory
from load import Load
from machine import BUSY_LIMIT
from rounds import Result

SMALL_1, SMALL_32 = Load("small", 1), Load("small", 32)
BURST, PACED = Load("burst", 32), Load("paced", 128)


class Target(NamedTuple):
    """One figure with its limit."""

    name: str
    bound: Literal["at most", "at least"]
    limit: float
    unit: str
    found: float | None
    note: str = ""
    """Why nothing was found, or what to know of it."""
    failed: bool = False
    """It was tried, and the figure counts for nothing."""
    disturbed: bool = False
    """It rests on runs during which others used the gateway's core: neither reached nor missed. CPU times do not."""

    @property
    def state(self) -> Literal["reached", "missed", "disturbed", "not measured"]:
        """Say how it stands."""
        if self.failed:
            return "missed"
        if self.found is None:
            return "not measured"
        if self.disturbed:
            return "disturbed"
        good = self.found <= self.limit if self.bound == "at most" else self.found >= self.limit
        return "reached" if good else "missed"


class Measured(NamedTuple):
    """All that targets are judged by."""

    results: Mapping[tuple[str, Load], Result]
    memory: Mapping[str, Memory]
    start_s: float | None
    status_s: float | None
    status_trouble: str


def judge(found: Measured) -> Sequence[Target]:
    """Hold what was measured against every target; each limit is the requirement's."""
    memory = found.memory.get("cortex")
    few = memory is not None and memory.streams < OPEN_STREAMS
    status_ms = None if found.status_s is None else found.status_s * 1000
    start_ms = None if found.start_s is None else found.start_s * 1000
    errors = sum(result.errors for (gateway, _), result in found.results.items() if gateway == "cortex")
    said = next(
        (result.said for (gateway, _), result in found.results.items() if gateway == "cortex" and result.said), ""
    )
    return (
        Target("CPU of a small request, 32 connections", "at most", 70, "µs", _cpu(found, SMALL_32)),
        Target(
            "requests/s beside HAProxy's", "at least", 0.20, "of it", _ratio(found, "haproxy"),
            disturbed=_disturbed(found, SMALL_32, "haproxy"),
        ),
        Target(
            "requests/s beside LiteLLM's", "at least", 100, "times", _ratio(found, "litellm"),
            disturbed=_disturbed(found, SMALL_32, "litellm"),
        ),
        Target("CPU of a stream, 32 events at once", "at most", 400, "µs", _cpu(found, BURST)),
        Target("CPU of a stream, an event each 5 ms", "at most", 1100, "µs", _cpu(found, PACED)),
        Target("added p50, one connection", "at most", 0.3, "ms", _added(found), disturbed=_disturbed(found, SMALL_1)),
        Target("memory at idle", "at most", 70, "MB", memory and memory.idle),
        Target(
            "memory with 1,000 open streams", "at most", 150, "MB", memory and memory.streaming,
            note=f"only {memory.streams} of them began" if memory and few else "", failed=few,
        ),
        Target(
            "time of `cortex status`", "at most", 150, "ms", status_ms,
            note=found.status_trouble, failed=bool(found.status_trouble),
        ),
        Target("start to ready", "at most", 1000, "ms", start_ms),
        Target("requests that failed", "at most", 0, "", errors, note=said),
    )  # fmt: skip


def _disturbed(found: Measured, load: Load, *others: str) -> bool:
    rows = (found.results.get((gateway, load)) for gateway in ("cortex", *others))
    return any(row.disturbed > BUSY_LIMIT for row in rows if row is not None)


def _cpu(found: Measured, load: Load) -> float | None:
    result = found.results.get(("cortex", load))
    return result.cpu_us.median if result and result.cpu_us else None


def _ratio(found: Measured, other: str) -> float | None:
    ours, theirs = found.results.get(("cortex", SMALL_32)), found.results.get((other, SMALL_32))
    if not (ours and theirs and ours.per_s and theirs.per_s and theirs.per_s.median):
        return None
    return ours.per_s.median / theirs.per_s.median


def _added(found: Measured) -> float | None:
    result = found.results.get(("cortex", SMALL_1))
    return result.added_p50_ms.median if result and result.added_p50_ms else None
