"""OpenTelemetry spans of requests that have ended: one for each, and one below it for each attempt. Needs `cortex[otel]`.

Theory of operation: spans are made from the finished record, with the times it holds, so a request pays nothing while it
runs, and what is not traced pays nothing at all: this module is imported only where `telemetry.traces` says where to send
them. The SDK gathers them and sends them as OTLP over HTTP from a thread of its own; what the collector does not take it drops,
and says so in the log. `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_BSP_…` hold as everywhere.

Names are those of the GenAI semantic conventions (github.com/open-telemetry/semantic-conventions-genai, in development) as
the package opentelemetry-semantic-conventions 0.66b2 of November 2026 has them, beside the general ones of 1.44.0. What they
have no name for begins with `cortex.`. No prompt, no answer, and no text of an upstream, which may quote either.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from cortex import __version__
from cortex.chat import Usage
from cortex.telemetry.record import Attempt, Record

PATH = "/v1/traces"
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
EXPORT_TIMEOUT_S = 3.0
"""Of one batch, its repetitions included; also how long the end of the daemon waits."""

OPERATIONS = {
    "generate": "text_completion",
    "complete": "text_completion",
    "embed": "embeddings",
    "embed_one": "embeddings",
}
"""Where it is not `chat`."""

PROVIDERS = {"gemini": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai"}
"""Where the conventions have another name than the settings."""

NOT_OURS = frozenset({"ok", "client_gone", "client_error"})
"""Outcomes that are no error of a server."""


class Upstream(NamedTuple):
    """What a worker asks."""

    provider: str
    host: str
    port: int


class Spans:
    """See the module's docstring."""

    def __init__(self, processor: SpanProcessor, upstream: Callable[[str], tuple[str, str, int] | None]) -> None:
        """Make spans for `processor`; `upstream` says of a worker its provider, host and port."""
        self._upstream = upstream
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "cortex", "service.version": __version__}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("cortex", __version__, schema_url=SCHEMA)
        self._propagator = TraceContextTextMapPropagator()

    def finished(self, record: Record) -> None:
        """Make the spans of a request that ended, and note its trace's id in its record."""
        parent = Context()  # not this task's: it has nothing to do with the request
        if record.traceparent:
            parent = self._propagator.extract({"traceparent": record.traceparent}, parent)
        operation = OPERATIONS.get(record.operation, "chat")
        span = self._tracer.start_span(
            f"{operation} {record.model}".rstrip(),
            parent,
            SpanKind.SERVER,
            attributes=_told(self._of_request(record, operation)),
            start_time=_ns(record, 0.0),
        )
        if span.is_recording():
            record.trace_id = trace.format_trace_id(span.get_span_context().trace_id)
            below = trace.set_span_in_context(span, parent)
            for attempt in record.attempts:
                self._attempt(record, attempt, operation, below)
        if record.outcome not in NOT_OURS:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_ns(record, record.total_s))

    def close(self) -> None:
        """Send what is left, for `EXPORT_TIMEOUT_S` at most."""
        self._provider.shutdown()

    def _attempt(self, record: Record, attempt: Attempt, operation: str, below: Context) -> None:
        upstream = self._of(attempt.worker)
        failure, is_last = attempt.failure, attempt is record.attempts[-1]
        attributes: dict[str, AttributeValue | None] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": upstream.provider,
            "gen_ai.request.model": attempt.model,
            "gen_ai.request.stream": record.stream or None,
            "gen_ai.response.time_to_first_chunk": _since(attempt.first_token_s, attempt.began_s),
            "server.address": upstream.host,
            "server.port": upstream.port,
            "error.type": failure.word if failure else None,
            "cortex.worker": attempt.worker,
            "cortex.why": attempt.why,
            "cortex.cold": attempt.cold or None,
            "cortex.resumed": attempt.resumed,
            **(_of_usage(record.usage) if is_last and record.pays else {}),
        }
        if failure is None and record.outcome == "ok":
            attributes["gen_ai.response.model"] = attempt.model
        span = self._tracer.start_span(
            f"{operation} {attempt.model}",
            below,
            SpanKind.CLIENT,
            attributes=_told(attributes),
            start_time=_ns(record, attempt.began_s),
        )
        if failure is not None:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_ns(record, record.total_s if attempt.ended_s is None else attempt.ended_s))

    def _of_request(self, record: Record, operation: str) -> dict[str, AttributeValue | None]:
        last = record.answered_by
        worker, model = (last.worker, last.model) if last else (record.given or ("", "", 0.0))[:2]
        return {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": self._of(worker).provider,
            "gen_ai.request.model": record.model,
            "gen_ai.request.stream": record.stream or None,
            "gen_ai.response.model": model if record.outcome == "ok" else None,
            "gen_ai.response.time_to_first_chunk": record.first_token_s,
            "error.type": None if record.outcome == "ok" else record.outcome,
            "http.response.status_code": record.status,
            "cortex.request.id": record.id,
            "cortex.dialect": record.dialect,
            "cortex.worker": worker,
            "cortex.attempts": len(record.attempts),
            "cortex.cache": record.cache,
            "cortex.queued": record.queued_s or None,
            **_of_usage(record.usage),
        }

    def _of(self, worker: str) -> Upstream:
        provider, host, port = self._upstream(worker) or ("", "", 0)
        return Upstream(PROVIDERS.get(provider, provider), host, port)


def sent_to(url: str, upstream: Callable[[str], tuple[str, str, int] | None]) -> Spans:
    """Make spans that go to the collector at `url`: OTLP over HTTP, whose own path is added where `url` has none."""
    endpoint = url if url.endswith(PATH) else url.rstrip("/") + PATH
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_TIMEOUT_S)
    return Spans(BatchSpanProcessor(exporter), upstream)


def _of_usage(usage: Usage | None) -> Mapping[str, AttributeValue | None]:
    if usage is None:
        return {}
    return {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
    }


def _told(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    """Leave out what is not known."""
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def _since(at_s: float | None, began_s: float) -> float | None:
    return None if at_s is None else at_s - began_s


def _ns(record: Record, after_s: float) -> int:
    return int((record.arrived_at + after_s) * 1e9)
