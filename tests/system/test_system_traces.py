"""Spans reach a collector as OTLP over HTTP, and without somewhere to send them nothing of it is there."""

import contextlib
import subprocess
import sys

import pytest
from aiohttp import web
from house import NO_CACHE, house, worker
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from structlog.testing import capture_logs

from cortex.simulate.fault import Fault

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector:
    """A tiny OTLP receiver."""

    def __init__(self):
        self.url = ""
        self.status = 200
        self.spans = []
        self.resources = []

    async def take(self, http):
        assert (http.path, http.content_type) == ("/v1/traces", "application/x-protobuf")
        request = ExportTraceServiceRequest.FromString(await http.read())
        for resource in request.resource_spans:
            self.resources.append(plain(resource.resource.attributes))
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        body = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf", status=self.status)


def plain(attributes):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@pytest.fixture
async def collector():
    collector = Collector()
    runner = web.ServerRunner(web.Server(collector.take))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    collector.url = f"http://127.0.0.1:{port}"
    yield collector
    await runner.cleanup()


def traced(collector):
    return f'[telemetry]\ntraces = "{collector.url}"\n'


async def test_a_request_that_failed_over_is_one_trace_of_three_spans_in_the_collector(desk, rack, collector, tmp_path):
    desk.fault(Fault("error_status", status=500))
    async with house(tmp_path, worker(desk) + worker(rack) + NO_CACHE + traced(collector)) as home:
        body = {"model": "llama3.2:3b", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        answer = await home.post("/v1/chat/completions", body, headers=headers)
        await home.get("/metrics")  # what has ended just now is taken at once
        told = (await home.get(f"/cortex/v1/requests/{answer.headers['X-Cortex-Request']}")).json
    by_kind = {kind: [span for span in collector.spans if span.kind == kind] for kind in (2, 3)}
    (request,), attempts = by_kind[Span.SPAN_KIND_SERVER], by_kind[Span.SPAN_KIND_CLIENT]

    assert answer.status == 200
    assert {span.trace_id.hex() for span in collector.spans} == {TRACE} == {told["trace_id"]}
    assert request.parent_span_id.hex() == PARENT
    assert {span.parent_span_id for span in attempts} == {request.span_id}
    failed, answered = (plain(span.attributes) for span in sorted(attempts, key=lambda span: span.start_time_unix_nano))
    assert (failed["cortex.worker"], failed["error.type"]) == ("desk", "server_error")
    assert (answered["cortex.worker"], answered["server.port"]) == ("rack", int(rack.url.rpartition(":")[2]))
    assert plain(request.attributes)["gen_ai.usage.output_tokens"] == told["tokens_out"]
    assert collector.resources[0]["service.name"] == "cortex"


async def test_a_collector_that_is_away_costs_no_answer_and_not_much_of_the_end(desk, collector, tmp_path):
    collector.status = 503
    async with contextlib.AsyncExitStack() as stack:
        home = await stack.enter_async_context(house(tmp_path, worker(desk) + traced(collector)))

        assert (await home.chat(model="llama3.2:3b")).status == 200


async def test_without_the_extra_it_is_said_and_everything_else_works(desk, collector, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cortex.telemetry.spans", None)
    with capture_logs() as lines:
        async with house(tmp_path, worker(desk) + traced(collector)) as home:
            assert (await home.chat(model="llama3.2:3b")).status == 200
    (said,) = [line for line in lines if line["event"] == "traces are off"]

    assert "cortex[otel]" in said["why"]
    assert collector.spans == []


def test_nothing_of_opentelemetry_is_imported_where_it_is_not_asked_for():
    code = "import sys, cortex.daemon; print([name for name in sys.modules if 'opentelemetry' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50)

    assert done.stdout.strip() == "[]"
