"""What a metric is made of: counters, histograms, and what is read when somebody scrapes. Pure.

prometheus_client's own counters take a lock and a label look-up for each increment, some 10 µs a request for what is
counted here. So counting is one addition in a list found by label values, on the event loop's thread only, and the library is asked
for its text format when somebody scrapes. With 500 workers that text takes a quarter of a second, so what is counted is
first taken, on the loop and soon done, and the text made of it in a thread.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import accumulate
from typing import Literal, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0),
)
OVERHEAD_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)

Labels: TypeAlias = tuple[str, ...]


class Counter:
    """A count by label values."""

    kind = "counter"

    def __init__(self, name: str, about: str, labels: Labels) -> None:
        self.name, self.about, self.labels = name, about, labels
        self._cells: dict[Labels, list[float]] = {}

    @property
    def values(self) -> dict[Labels, float]:
        """What was counted, by label values."""
        return {labels: cell[0] for labels, cell in self._cells.items()}

    def cell(self, labels: Labels) -> list[float]:
        """Return where these label values are counted: a list of one number, to add to."""
        cell = self._cells.get(labels)
        if cell is None:
            cell = self._cells[labels] = [0.0]
        return cell

    def add(self, labels: Labels, amount: float = 1.0) -> None:
        """Count `amount` more."""
        self.cell(labels)[0] += amount

    def forget(self, names: set[str]) -> None:
        """Drop what was counted for these workers."""
        for labels in _of(names, self.labels, self._cells):
            del self._cells[labels]

    def taken(self) -> Callable[[], Metric]:
        """Take what is counted now, and return what makes the library's form of it."""
        return partial(_filled, CounterMetricFamily(self.name, self.about, labels=self.labels), self.values)


class Histogram:
    """How often a value fell below each bound, by label values."""

    kind = "histogram"

    def __init__(self, name: str, about: str, labels: Labels, bounds: tuple[float, ...] = SECONDS) -> None:
        self.name, self.about, self.labels, self.bounds = name, about, labels, bounds
        self.values: dict[Labels, tuple[list[int], list[float]]] = {}
        self._shown = (*map(str, bounds), "+Inf")

    def cell(self, labels: Labels) -> tuple[list[int], list[float]]:
        """Return where these label values are counted: how many fell below each bound, and their sum."""
        cell = self.values.get(labels)
        if cell is None:
            cell = self.values[labels] = ([0] * (len(self.bounds) + 1), [0.0])
        return cell

    def add(self, labels: Labels, value: float) -> None:
        """Count one value."""
        counts, total = self.cell(labels)
        counts[bisect_left(self.bounds, value)] += 1
        total[0] += value

    def forget(self, names: set[str]) -> None:
        """Drop what was counted for these workers."""
        for labels in _of(names, self.labels, self.values):
            del self.values[labels]

    def taken(self) -> Callable[[], Metric]:
        """Take what is counted now, and return what makes the library's form of it."""
        return partial(
            self._metric, [(labels, tuple(counts), total[0]) for labels, (counts, total) in self.values.items()]
        )

    def _metric(self, values: list[tuple[Labels, tuple[int, ...], float]]) -> Metric:
        family = HistogramMetricFamily(self.name, self.about, labels=self.labels)
        for labels, counts, total in values:
            buckets = [(bound, float(below)) for bound, below in zip(self._shown, accumulate(counts), strict=True)]
            family.add_metric(labels, buckets, sum_value=total)
        return family


class Gauge:
    """What holds at the moment of the scrape: (label values, value) pairs, computed then.

    `kind="counter"` for a count that somebody else keeps. The last of two equal label values counts: Prometheus refuses both.
    """

    def __init__(
        self,
        name: str,
        about: str,
        labels: Labels,
        read: Callable[[], Iterable[tuple[Labels, float]]],
        kind: Literal["gauge", "counter"] = "gauge",
    ) -> None:
        self.name, self.about, self.labels, self.read, self.kind = name, about, labels, read, kind

    def taken(self) -> Callable[[], Metric]:
        """Read it now, and return what makes the library's form of it."""
        make = GaugeMetricFamily if self.kind == "gauge" else CounterMetricFamily
        return partial(_filled, make(self.name, self.about, labels=self.labels), dict(self.read()))


def _filled(family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[Labels, float]) -> Metric:
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _of(names: set[str], labels: Labels, there: Iterable[Labels]) -> list[Labels]:
    """Return the label values that are about one of these workers."""
    place = next((place for place, label in enumerate(labels) if label in {"worker", "actor"}), None)
    return [] if place is None else [values for values in there if values[place] in names]
