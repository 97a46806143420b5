"""Every count and time, and their Prometheus text. Pure but for the text format, which is prometheus_client's.

What the labels may be says `labels`; how counting works, `series`. The contract's § 5 and docs/telemetry.md name each metric.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cortex.chat import Usage
from cortex.telemetry import labels
from cortex.telemetry.labels import Told
from cortex.telemetry.record import Attempt, Record
from cortex.telemetry.series import OVERHEAD_SECONDS, SECONDS, Counter, Gauge, Histogram, Labels

__all__ = ["SECONDS", "Counter", "Gauge", "Histogram", "Labels", "Metrics"]

ROWS_KEPT = 200
"""Of cells kept at hand for ordinary requests; made anew after each scrape, since label values may have left."""


class _Row(NamedTuple):
    """The cells in which an ordinary request of one dialect, worker and model is counted."""

    requests: list[float]
    attempts: list[float]
    input: list[float]
    output: list[float]
    seconds: tuple[list[int], list[float]]
    first_token: tuple[list[int], list[float]]


class Metrics:
    """All of them."""

    def __init__(
        self,
        *,
        workers: Callable[[], Iterable[str]] | None = None,
        has: Callable[[str, str], bool] | None = None,
    ) -> None:
        """Take who says which workers there are, and whether a worker (or, of "", the configuration) has a model."""
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
        self.told = Told(workers=workers, has=has)
        self._rows: dict[Labels, _Row] = {}
        self._cached = {result: self.cache_requests.cell((result,)) for result in labels.CACHE_RESULTS}
        self._overhead = self.overhead_seconds.cell(())
        self._begin_at_zero()
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)  # CPU, memory and open files, from /proc

    def _begin_at_zero(self) -> None:
        """Show what never happened as zero: `increase` does not see a series' first value, and alerts live on it."""
        self.client_gone.add((), 0.0)
        self.saved_usd.add((), 0.0)
        self.queue_seconds.cell(())
        for result in labels.RELOADS:
            self.reloads.add((result,), 0.0)
        for actor in labels.ACTORS:
            self.restarts.add((actor,), 0.0)
        for worker in self.told.present:
            self.restarts.add((self.told.actor(worker),), 0.0)
            self.cost_usd.add((worker,), 0.0)

    def cost(self, worker: str, paid_nano: int, saved_nano: int) -> None:
        """Count money, in nano-dollars."""
        self.cost_usd.add((self.told.worker(worker),), paid_nano / 1e9)
        self.saved_usd.add((), saved_nano / 1e9)

    def saved(self, nano: int) -> None:
        """Count what was not paid, in nano-dollars."""
        self.saved_usd.add((), nano / 1e9)

    def restarted(self, actor: str) -> None:
        """Count an actor that was started again."""
        self.restarts.add((self.told.actor(actor),))

    def probed(self, worker: str, took_s: float) -> None:
        """Count a round of probes."""
        self.probe_seconds.add((self.told.worker(worker),), took_s)

    def finished(self, record: Record) -> None:
        """Count a request that ended."""
        attempts = record.attempts
        cached = self._cached.get(record.cache)
        if cached is None:
            cached = self.cache_requests.cell((labels.OTHER,))
        cached[0] += 1.0
        if not record.pays:
            self._spared(record)
        elif len(attempts) == 1 and record.outcome == "ok" and record.usage is not None:
            self._ordinary(record, attempts[0], record.usage)
        else:
            self._any(record)

    def _spared(self, record: Record) -> None:
        """Count a request that no worker had to answer by itself."""
        if record.given is not None:
            worker, model = self._pair(record.given[0], record.given[1])
        else:
            worker, model = self._answered(record)
        self._ended(record, worker, model)

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
        counts, total = self._overhead
        overhead_s = record.overhead_s
        counts[bisect_left(OVERHEAD_SECONDS, overhead_s)] += 1
        total[0] += overhead_s

    def _row(self, dialect: str, worker: str, model: str) -> "_Row":
        key = (dialect, worker, model)
        dialect = labels.dialect(dialect)
        worker, model = self._pair(worker, model)
        row = _Row(
            requests=self.requests.cell((dialect, worker, model, "ok")),
            attempts=self.attempts.cell((worker, "ok")),
            input=self.tokens.cell((worker, model, "input")),
            output=self.tokens.cell((worker, model, "output")),
            seconds=self.request_seconds.cell((dialect, worker)),
            first_token=self.first_token_seconds.cell((worker, model)),
        )
        if len(self._rows) < ROWS_KEPT:
            self._rows[key] = row
        return row

    def _any(self, record: Record) -> None:
        worker, model = self._answered(record)
        self._ended(record, worker, model)
        self.overhead_seconds.add((), record.overhead_s)
        for number, tried in enumerate(record.attempts, 1):
            outcome = tried.failure.word if tried.failure else record.outcome
            self.attempts.add((self.told.worker(tried.worker), labels.outcome(outcome)))
            if tried.failure and number < len(record.attempts):
                self.failovers.add((self.told.worker(tried.worker), labels.word(tried.failure.word)))
            if tried.resumed:
                self.resumes.add((self.told.worker(tried.worker), tried.resumed))
        if record.broke:
            broken = next((tried.worker for tried in record.attempts if tried.told), worker)
            self.failovers_seen.add((self.told.worker(broken), labels.word(record.broke)))
        attempt = record.answered_by
        if attempt and attempt.first_token_s is not None:
            self.first_token_seconds.add((worker, model), attempt.first_token_s - attempt.began_s)
        if record.usage is not None:
            self.tokens.add((worker, model, "input"), record.usage.input_tokens)
            self.tokens.add((worker, model, "output"), record.usage.output_tokens)

    def _ended(self, record: Record, worker: str, model: str) -> None:
        dialect, outcome = labels.dialect(record.dialect), labels.outcome(record.outcome)
        self.requests.add((dialect, worker, model, outcome))
        self.request_seconds.add((dialect, worker), record.total_s)
        if outcome == "client_gone":
            self.client_gone.add(())

    def _answered(self, record: Record) -> tuple[str, str]:
        """Return the labels of who answered last; of a request that reached nobody, those of the model it asked for."""
        attempt = record.answered_by
        if attempt is not None:
            return self._pair(attempt.worker, attempt.model)
        return "", self.told.model("", "" if record.model == "auto" else record.model)

    def _pair(self, worker: str, model: str) -> tuple[str, str]:
        worker = self.told.worker(worker)
        return worker, self.told.model(worker, model)

    def taken(self) -> Callable[[], bytes]:
        """Take everything as it is now, and return what writes it as Prometheus text; that may run in a thread."""
        self._forget()
        self._begin_at_zero()
        held = [each for each in vars(self).values() if isinstance(each, Counter | Histogram)]
        makers = [each.taken() for each in (*held, *self.gauges)]
        return lambda: generate_latest(_Taken(makers)) + generate_latest(self._process)

    def text(self) -> bytes:
        """Return everything as Prometheus text."""
        return self.taken()()

    def _forget(self) -> None:
        """Drop the series of workers that have left long ago."""
        self._rows.clear()
        forgotten = self.told.forgotten()
        if not forgotten:
            return
        for held in vars(self).values():
            if isinstance(held, Counter | Histogram):
                held.forget(forgotten)


class _Taken(Collector):
    """What the library writes as text."""

    def __init__(self, makers: list[Callable[[], Metric]]) -> None:
        self._makers = makers

    def collect(self) -> Iterator[Metric]:
        """Make each in the library's form."""
        return (make() for make in self._makers)
