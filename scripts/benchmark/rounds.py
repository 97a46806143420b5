"""The measurement: every load on every gateway, round after round, then the middle of what came.

Theory of operation: a machine drifts, by a factor of two in minutes where it is shared. So nothing is measured once and
at length: in each round each load goes to one gateway after the other, and what is added by a gateway is its latency
minus that of the direct way in the same round. Reported are the median over the rounds and how far apart they lay. A
first, short round is thrown away: it fills caches and opens connections.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from gateways import Gateway
from load import Load, Run, measure
from machine import Cores, cpu_s
from tools import Tools

LOADS = (
    *(Load(model, connections) for model in ("small", "burst") for connections in (1, 32, 256)),
    Load("paced", 128),
)
"""Paced streams at 128: enough for a steady figure, few enough that no gateway's core is full, where events lump."""

SLOW_ROUNDS = 2
SLOW_FACTOR = 3

SETTLE_S = 30.0
LOOK_S = 0.2
QUIET = 0.06
"""Share of a core; the CPU clock's tick is 5 % of `LOOK_S`."""


class Plan(NamedTuple):
    """How often and how long."""

    rounds: int
    seconds: float

    def takes_part(self, gateway: Gateway, number: int) -> bool:
        """Whether `gateway` is measured in round `number`."""
        return not gateway.is_slow or number < SLOW_ROUNDS

    def seconds_of(self, gateway: Gateway) -> float:
        """Return how long one run on it takes."""
        return self.seconds * SLOW_FACTOR if gateway.is_slow else self.seconds


FULL, QUICK = Plan(rounds=5, seconds=4.0), Plan(rounds=2, seconds=2.0)


class Figure(NamedTuple):
    """One quantity over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Figure | None":
        """Make it of what was measured; None when nothing was."""
        there = [value for value in values if value is not None]
        return cls(median(there), min(there), max(there)) if there else None


class Result(NamedTuple):
    """One load on one gateway, all rounds together."""

    gateway: str
    load: Load
    rounds: int
    answers: int
    errors: int
    said: str
    per_s: Figure | None
    p50_ms: Figure | None
    p99_ms: Figure | None
    added_p50_ms: Figure | None
    added_p99_ms: Figure | None
    cpu_us: Figure | None
    gateway_busy: float
    load_busy: float
    reads: float | None
    disturbed: float
    """The worst round's, as `steal`."""
    steal: float


Runs = Mapping[tuple[str, Load], Sequence[Run]]


def run_all(gateways: Sequence[Gateway], plan: Plan, cores: Cores, folder: Path, tools: Tools) -> list[Result]:
    """Measure all loads on all gateways."""
    runs: dict[tuple[str, Load], list[Run]] = defaultdict(list)
    for number in range(-1, plan.rounds):
        for load in LOADS:
            for gateway in gateways:
                if not plan.takes_part(gateway, number):
                    continue
                _say(
                    f"round {number + 1} of {plan.rounds}: {load} → {gateway.name}"
                    if number >= 0
                    else f"warming up {gateway.name}"
                )
                seconds = 1.0 if number < 0 else plan.seconds_of(gateway)
                run = measure(load, gateway, seconds, cores, folder, tools)
                _settle(gateway)
                if number >= 0:
                    runs[gateway.name, load].append(run)
    _say("")
    return [_result(gateway.name, load, runs) for load in LOADS for gateway in gateways]


def _result(name: str, load: Load, all_runs: Runs) -> Result:
    runs, direct = all_runs[name, load], all_runs.get(("direct", load), ())
    return Result(
        gateway=name,
        load=load,
        rounds=len(runs),
        answers=sum(run.answers for run in runs),
        errors=sum(run.errors for run in runs),
        said=next((run.said for run in runs if run.said), ""),
        per_s=Figure.of([run.per_s for run in runs]),
        p50_ms=Figure.of([run.p50_ms for run in runs]),
        p99_ms=Figure.of([run.p99_ms for run in runs]),
        added_p50_ms=_added([run.p50_ms for run in runs], [run.p50_ms for run in direct]),
        added_p99_ms=_added([run.p99_ms for run in runs], [run.p99_ms for run in direct]),
        cpu_us=Figure.of([run.cpu_us for run in runs]),
        gateway_busy=median(run.gateway_busy for run in runs),
        load_busy=median(run.load_busy for run in runs),
        reads=median([run.reads for run in runs if run.reads is not None] or [0.0]) or None,
        disturbed=max(run.disturbed for run in runs),
        steal=max(run.steal for run in runs),
    )


def _added(own: Sequence[float | None], direct: Sequence[float | None]) -> Figure | None:
    pairs = zip(own, direct, strict=False)  # a slow gateway has fewer rounds
    return Figure.of([mine - plain for mine, plain in pairs if mine is not None and plain is not None])


def _settle(gateway: Gateway) -> None:
    """Wait, within bounds, until a gateway is done with what its clients left behind: the next one needs the core."""
    give_up = time.monotonic() + SETTLE_S
    while gateway.pid and time.monotonic() < give_up:
        before_s = cpu_s(gateway.pid)
        time.sleep(LOOK_S)
        if cpu_s(gateway.pid) - before_s < QUIET * LOOK_S:
            return


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what}", end="", file=sys.stderr, flush=True)
