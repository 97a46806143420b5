"""What was measured, as tables for people and as one JSON object."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from answers import EVENTS
from footprint import Memory
from machine import BUSY_LIMIT, STEAL_LIMIT
from rounds import Figure, Result
from sampling import Profile
from targets import Measured, Target


class Report(NamedTuple):
    """Everything."""

    machine: dict[str, str | int]
    versions: dict[str, str]
    began_at: str
    marks: list[str]
    """What takes from its worth: a busy machine, stolen time."""
    skipped: dict[str, str]
    measured: Measured
    targets: Sequence[Target]
    profiles: Sequence[Profile]


def marks_of(results: Sequence[Result]) -> list[str]:
    """Say which runs were disturbed."""
    marks = []
    for result in results:
        where = f"{result.load} → {result.gateway}"
        if result.steal > STEAL_LIMIT:
            marks.append(f"{where}: the hypervisor took {result.steal:.0%} of the time")
        if result.disturbed > BUSY_LIMIT and result.cpu_us:  # the direct way does not use that core
            marks.append(f"{where}: others used {result.disturbed:.0%} of the gateway's core")
    return marks


def as_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON takes it; figures over the rounds are {median, low, high}."""
    return {
        "machine": report.machine,
        "versions": report.versions,
        "began_at": report.began_at,
        "marks": report.marks,
        "skipped": report.skipped,
        "runs": [_run(result) for result in report.measured.results.values()],
        "memory_mb": {name: memory._asdict() for name, memory in report.measured.memory.items()},
        "start_to_ready_s": report.measured.start_s,
        "status_s": report.measured.status_s,
        "targets": [target._asdict() | {"state": target.state} for target in report.targets],
        "profiles": [profile._asdict() | {"load": str(profile.load)} for profile in report.profiles],
    }


def _run(result: Result) -> dict[str, Any]:
    fields = {name: value._asdict() if isinstance(value, Figure) else value for name, value in result._asdict().items()}
    cpu = result.cpu_us
    per_event = {"cpu_us_an_event": cpu.median / EVENTS} if cpu and result.load.model != "small" else {}
    return fields | {"load": result.load.model, "connections": result.load.connections} | per_event


def as_text(report: Report) -> Iterator[str]:
    """Yield the lines of the tables."""
    yield "  ".join(f"{name} {value}" for name, value in {**report.machine, **report.versions}.items())
    yield from (f"MARKED: {mark}" for mark in report.marks)
    yield from (f"skipped: {name}: {why}" for name, why in report.skipped.items())
    yield ""
    yield from _runs(list(report.measured.results.values()))
    yield ""
    yield from _memory(report.measured.memory)
    for profile in report.profiles:
        yield ""
        yield from _profile(profile)
    yield ""
    yield from _targets(report.targets)


def _runs(results: Sequence[Result]) -> Iterator[str]:
    heads = (
        "",
        "per second",
        "±",
        "p50 ms",
        "p99 ms",
        "added p50",
        "added p99",
        "CPU µs",
        "±",
        "an event",
        "busy",
        "errors",
    )
    rows = [heads]
    load = None
    for result in results:
        if result.load != load:
            load = result.load
            rows.append((str(load), *[""] * (len(heads) - 1)))
        event = result.cpu_us.median / EVENTS if result.cpu_us and load.model != "small" else None
        rows.append((
            f"  {result.gateway}", _number(result.per_s, 0), _spread(result.per_s), _number(result.p50_ms, 3),
            _number(result.p99_ms, 3), _number(result.added_p50_ms, 3), _number(result.added_p99_ms, 3),
            _number(result.cpu_us, 1), _spread(result.cpu_us), "" if event is None else f"{event:.1f}",
            f"{result.gateway_busy:.0%}" if result.cpu_us else "", str(result.errors or ""),
        ))  # fmt: skip
    return _table(rows)


def _memory(memory: dict[str, Memory]) -> Iterator[str]:
    rows = [("memory, MB", "idle", "after load", "streams open", "with them")]
    rows += [
        (f"  {name}", f"{it.idle:.0f}", f"{it.loaded:.0f}", str(it.streams), f"{it.streaming:.0f}")
        for name, it in memory.items()
    ]
    return _table(rows)


def _targets(targets: Sequence[Target]) -> Iterator[str]:
    rows = [("target", "limit", "found", "")]
    for target in targets:
        found = "" if target.found is None else f"{target.found:,.4g} {target.unit}"
        state = f"{target.state}: {target.note}" if target.note and target.state != "reached" else target.state
        rows.append((f"  {target.name}", f"{target.bound} {target.limit:,g} {target.unit}", found, state))
    return _table(rows, left=(0, 1, 3))


def _profile(profile: Profile) -> Iterator[str]:
    yield f"profile: {profile.load}, {profile.cpu_us:.0f} µs of CPU each"
    rows = [("  µs in itself", "", "µs with what it calls", "")]
    for (own, own_us), (total, total_us) in zip(profile.own, profile.total, strict=False):
        rows.append((f"{own_us:.1f}", own, f"{total_us:.1f}", total))
    yield from _table(rows, left=(1, 3))


def _table(rows: Sequence[Sequence[str]], left: tuple[int, ...] = (0,)) -> Iterator[str]:
    """Align the columns: those in `left` to the left."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (
            text.ljust(width) if column in left else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _number(figure: Figure | None, digits: int) -> str:
    return "" if figure is None else f"{figure.median:,.{digits}f}"


def _spread(figure: Figure | None) -> str:
    return f"{(figure.high - figure.low) / 2 / figure.median:.0%}" if figure and figure.median else ""
