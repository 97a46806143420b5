"""Counts and times, and their Prometheus text. Pure but for the text format, which is prometheus_client's.

Theory of operation: prometheus_client's own counters take a lock and a label look-up for each increment, some 10 µs a request
for what is counted here. So counting is one addition in a dict by label values, on the event loop's thread only, and the
library is asked when somebody scrapes. Label values come from the configuration or from what the workers have, never
from a client, and each label keeps `VALUES_KEPT` of them at most; the rest is `other`.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cortex.chat import Usage
from cortex.telemetry.record import Attempt, Record

VALUES_KEPT = 200
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
OVERHEAD_SECONDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)

Labels: TypeAlias = tuple[str, ...]


class Counter:
    """A count by label values."""

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

    def metric(self) -> Metric:
        """Return it in the library's form."""
        family = CounterMetricFamily(self.name, self.about, labels=self.labels)
        for labels, value in self.values.items():
            family.add_metric(labels, value)
        return family


class Histogram:
    """How often a value fell below each bound, by label values."""

    def __init__(self, name: str, about: str, labels: Labels, bounds: tuple[float, ...] = SECONDS) -> None:
        self.name, self.about, self.labels, self.bounds = name, about, labels, bounds
        self.values: dict[Labels, tuple[list[int], list[float]]] = {}

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

    def metric(self) -> Metric:
        """Return it in the library's form."""
        family = HistogramMetricFamily(self.name, self.about, labels=self.labels)
        for labels, (counts, total) in self.values.items():
            below, buckets = 0, []
            for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                below += count
                buckets.append((bound, float(below)))
            family.add_metric(labels, buckets, sum_value=total[0])
        return family


class Gauge:
    """What holds at the moment of the scrape: (label values, value) pairs, computed then."""

    def __init__(
        self, name: str, about: str, labels: Labels, read: Callable[[], Iterable[tuple[Labels, float]]]
    ) -> None:
        self.name, self.about, self.labels, self.read = name, about, labels, read

    def metric(self) -> Metric:
        """Return it in the library's form."""
        family = GaugeMetricFamily(self.name, self.about, labels=self.labels)
        for labels, value in self.read():
            family.add_metric(labels, value)
        return family


class _Row(NamedTuple):
    """The cells in which an ordinary request of one dialect, worker and model is counted."""

    requests: list[float]
    attempts: list[float]
    input: list[float]
    output: list[float]
    seconds: tuple[list[int], list[float]]
    first_token: tuple[list[int], list[float]]


class Metrics(Collector):
    """All of them; `contract § 5` names what is promised."""

    def __init__(self) -> None:
        self.requests = Counter("cortex_requests", "Requests ended.", ("dialect", "worker", "model", "outcome"))
        self.request_seconds = Histogram(
            "cortex_request_seconds", "From arrival to the last byte.", ("dialect", "worker")
        )
        self.first_token_seconds = Histogram(
            "cortex_first_token_seconds", "From sending to the first content.", ("worker", "model")
        )
        self.overhead_seconds = Histogram(
            "cortex_overhead_seconds", "Own time of a request: no waiting, no upstream.", (), OVERHEAD_SECONDS
        )
        self.tokens = Counter("cortex_tokens", "Tokens, as upstreams counted them.", ("worker", "model", "direction"))
        self.failovers = Counter("cortex_failovers", "Attempts given up for another worker.", ("worker", "word"))
        self.failovers_seen = Counter(
            "cortex_failovers_seen", "Answers that broke off before their clients' eyes.", ("worker", "word")
        )
        self.resumes = Counter("cortex_resumes", "Attempts to go on with a begun answer.", ("worker", "outcome"))
        self.attempts = Counter("cortex_attempts", "Attempts ended.", ("worker", "outcome"))
        self.queue_seconds = Histogram("cortex_queue_seconds", "Time in the line of those that waited.", ())
        self.restarts = Counter("cortex_actor_restarts", "Actors started again by their supervisor.", ("actor",))
        self.reloads = Counter("cortex_config_reloads", "Edits of the configuration.", ("result",))
        self.probe_seconds = Histogram("cortex_probe_seconds", "A round of probes.", ("worker",))
        self.client_gone = Counter("cortex_client_gone", "Clients that left before the end.", ())
        self.cost_usd = Counter("cortex_cost_usd", "What a worker's tokens were to be paid with.", ("worker",))
        self.saved_usd = Counter(
            "cortex_saved_usd", "What free tokens, and answers given again, would have cost on the paid plans.", ()
        )
        self.cache_requests = Counter("cortex_cache_requests", "Requests, by the cache's part in them.", ("result",))
        self.gauges: list[Gauge] = []
        self._models: set[str] = set()
        self._rows: dict[Labels, _Row] = {}
        for counter in (self.client_gone, self.saved_usd):
            counter.add((), 0.0)
        for result in ("applied", "refused"):
            self.reloads.add((result,), 0.0)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def cost(self, worker: str, paid_nano: int, saved_nano: int) -> None:
        """Count money, in nano-dollars."""
        self.cost_usd.add((worker,), paid_nano / 1e9)
        self.saved_usd.add((), saved_nano / 1e9)

    def saved(self, nano: int) -> None:
        """Count what was not paid, in nano-dollars."""
        self.saved_usd.add((), nano / 1e9)

    def finished(self, record: Record) -> None:
        """Count a request that ended."""
        attempts = record.attempts
        self.cache_requests.add((record.cache,))
        if not record.pays:
            self._spared(record)
        elif len(attempts) == 1 and record.outcome == "ok" and record.usage is not None:
            self._ordinary(record, attempts[0], record.usage)
        else:
            self._any(record)

    def _spared(self, record: Record) -> None:
        """Count a request that no worker had to answer by itself."""
        worker, model = "", ""
        if record.given is not None:
            worker, model = record.given[0], self._model(record.given[1])
        elif record.answered_by is not None:
            worker, model = record.answered_by.worker, self._model(record.answered_by.model)
        self.requests.add((record.dialect, worker, model, record.outcome))
        self.request_seconds.add((record.dialect, worker), record.total_s)
        if record.outcome == "client_gone":
            self.client_gone.add(())

    def _ordinary(self, record: Record, attempt: Attempt, usage: Usage) -> None:
        """Count what nearly every request is: answered whole by the first that was asked. Its cells are kept at hand."""
        key = (record.dialect, attempt.worker, attempt.model)
        row = self._rows.get(key) or self._row(*key)
        row.requests[0] += 1.0
        row.attempts[0] += 1.0
        row.input[0] += usage.input_tokens
        row.output[0] += usage.output_tokens
        row.seconds[0][bisect_left(SECONDS, record.total_s)] += 1
        row.seconds[1][0] += record.total_s
        first_token_s = (attempt.first_token_s or attempt.began_s) - attempt.began_s
        row.first_token[0][bisect_left(SECONDS, first_token_s)] += 1
        row.first_token[1][0] += first_token_s
        self.overhead_seconds.add((), record.overhead_s)

    def _row(self, dialect: str, worker: str, model: str) -> "_Row":
        labelled = self._model(model)
        row = _Row(
            requests=self.requests.cell((dialect, worker, labelled, "ok")),
            attempts=self.attempts.cell((worker, "ok")),
            input=self.tokens.cell((worker, labelled, "input")),
            output=self.tokens.cell((worker, labelled, "output")),
            seconds=self.request_seconds.cell((dialect, worker)),
            first_token=self.first_token_seconds.cell((worker, labelled)),
        )
        if len(self._rows) < VALUES_KEPT:
            self._rows[dialect, worker, model] = row
        return row

    def _any(self, record: Record) -> None:
        attempt, attempts = record.answered_by, record.attempts
        worker = attempt.worker if attempt else ""
        model = self._model(attempt.model) if attempt else ""
        self.requests.add((record.dialect, worker, model, record.outcome))
        self.request_seconds.add((record.dialect, worker), record.total_s)
        self.overhead_seconds.add((), record.overhead_s)
        if record.outcome == "client_gone":
            self.client_gone.add(())
        for number, tried in enumerate(attempts, 1):
            word = tried.failure.word if tried.failure else ("ok" if record.outcome == "ok" else record.outcome)
            self.attempts.add((tried.worker, word))
            if tried.failure and number < len(attempts):
                self.failovers.add((tried.worker, word))
            if tried.resumed:
                self.resumes.add((tried.worker, tried.resumed))
        if record.broke:
            broken = next((tried.worker for tried in attempts if tried.told), worker)
            self.failovers_seen.add((broken, record.broke))
        if attempt and attempt.first_token_s is not None:
            self.first_token_seconds.add((worker, model), attempt.first_token_s - attempt.began_s)
        if record.usage is not None:
            self.tokens.add((worker, model, "input"), record.usage.input_tokens)
            self.tokens.add((worker, model, "output"), record.usage.output_tokens)

    def _model(self, name: str) -> str:
        if name not in self._models:
            if len(self._models) >= VALUES_KEPT:
                return "other"
            self._models.add(name)
        return name

    def collect(self) -> Iterator[Metric]:
        """Give the library everything; called at each scrape."""
        for held in vars(self).values():
            if isinstance(held, Counter | Histogram):
                yield held.metric()
        for gauge in self.gauges:
            yield gauge.metric()

    def text(self) -> bytes:
        """Return the Prometheus text format."""
        return generate_latest(self._registry)
