"""What one strategy reached, in figures, and the table of all of them."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil
from typing import NamedTuple

from .job import End
from .trace import BEGINS_S, DAY_S
from .world import World

SHARES = (50, 95, 99)


class Figures(NamedTuple):
    """One row. Times are seconds; of requests that were answered."""

    strategy: str
    requests: int
    answered: int
    refused: Mapping[str, int]
    """Requests without an answer, by why."""
    first_s: tuple[float, ...]
    """p50, p95, p99 to the first token, the line included."""
    total_s: tuple[float, ...]
    usd: float
    free: float
    """Share of the answers that cost nothing."""
    loads: int
    quota_429: int
    waited: float
    """Share of the requests that stood in the line."""
    cached: float
    """Share of all tokens of prompts that did not have to be read again."""
    quality: float
    """Mean worth of all requests; one without an answer is worth nothing."""
    reward: float
    """Mean of what `learned` goes by, from the second day on; of a shorter trace, of its second half."""
    decision_us: float
    """CPU of one decision, on the mean."""


def figures(strategy: str, world: World) -> Figures:
    """Sum up a run that has ended."""
    ends = world.ends
    good = [end for end in ends if end.is_good]
    later = [end for end in ends if end.ask.at_s >= BEGINS_S + DAY_S] or ends[len(ends) // 2 :]
    tokens = sum(end.ask.input_tokens for end in good)
    return Figures(
        strategy=strategy,
        requests=len(ends),
        answered=len(good),
        refused=dict(sorted(Counter(end.why for end in ends if end.why).items())),
        first_s=_percentiles([end.first_s for end in good]),
        total_s=_percentiles([end.total_s for end in good]),
        usd=round(sum(end.usd for end in ends), 6),
        free=_share(sum(end.usd == 0.0 for end in good), len(good)),
        loads=sum(machine.loads for machine in world.fleet.machines.values()),
        quota_429=sum(cloud.refused for cloud in world.fleet.clouds.values()),
        waited=_share(sum(end.waited for end in ends), len(ends)),
        cached=_share(sum(end.cached_tokens for end in good), tokens),
        quality=_share(sum(end.quality for end in ends), len(ends)),
        reward=_share(sum(end.reward for end in later), len(later)),
        decision_us=world.deciding_ns / 1e3 / max(1, world.decisions),
    )


def by_worker(ends: Sequence[End]) -> Mapping[str, int]:
    """Return how many requests each worker answered."""
    return Counter(end.worker for end in ends if end.is_good)


HEADS = (
    "strategy",
    "first token p50/95/99 s",
    "end p50/95/99 s",
    "USD",
    "free",
    "loads",
    "429",
    "no answer",
    "in line",
    "cached",
    "quality",
    "reward",
    "µs",
)


def table(rows: Sequence[Figures]) -> str:
    """Write the rows for people."""
    cells = [HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    )


def as_json(rows: Sequence[Figures]) -> str:
    """Write the rows for programs, one object a line."""
    return "\n".join(json.dumps(row._asdict()) for row in rows)


def _cells(row: Figures) -> tuple[str, ...]:
    return (
        row.strategy,
        " / ".join(f"{value:.2f}" for value in row.first_s),
        " / ".join(f"{value:.1f}" for value in row.total_s),
        f"{row.usd:.2f}",
        f"{row.free:.1%}",
        str(row.loads),
        str(row.quota_429),
        str(row.requests - row.answered),
        f"{row.waited:.1%}",
        f"{row.cached:.1%}",
        f"{row.quality:.4f}",
        f"{row.reward:.4f}",
        f"{row.decision_us:.0f}",
    )


def _percentiles(values: list[float]) -> tuple[float, ...]:
    ordered = sorted(values)
    return tuple(ordered[max(0, ceil(len(ordered) * share / 100) - 1)] if ordered else 0.0 for share in SHARES)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
