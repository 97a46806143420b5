"""One span a request and one an attempt, by the conventions, and nothing in them that anybody said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes
from opentelemetry.trace import SpanKind, StatusCode

from cortex.chat import Usage
from cortex.messages import Failure
from cortex.telemetry.labels import OUTCOMES, WORDS
from cortex.telemetry.record import Attempt, Record
from cortex.telemetry.spans import NOT_OURS, OPERATIONS, PROVIDERS, Spans

AT = 1_790_000_000.0
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
UPSTREAMS = {"desk": ("ollama", "10.0.0.9", 11434), "gemini/1": ("gemini", "generativelanguage.googleapis.com", 443)}


class Collected:
    """Spans that stay in memory."""

    def __init__(self):
        self.exporter = InMemorySpanExporter()
        self.spans = Spans(SimpleSpanProcessor(self.exporter), UPSTREAMS.get)

    def of(self, record):
        """Return the request's span and those of its attempts."""
        self.exporter.clear()
        self.spans.finished(record)
        made = self.exporter.get_finished_spans()
        return made[-1], made[:-1]


@pytest.fixture(scope="module")
def collected():
    return Collected()


def record(*attempts, outcome="ok", **more):
    made = Record(id="0a-1", client="10.0.0.1", dialect="openai", arrived_s=5.0, arrived_at=AT)
    made.operation, made.model, made.attempts = "chat", "fast", list(attempts)
    made.outcome, made.status, made.total_s = outcome, 200, 2.0
    for name, value in more.items():
        setattr(made, name, value)
    return made


def attempt(worker="desk", model="qwen3:4b", **more):
    return Attempt(worker, model, "local", **{"cold": False, "began_s": 0.25, **more})


def ns(after_s):
    return int((AT + after_s) * 1e9)


def test_a_request_is_a_span_with_its_true_times_and_an_attempt_one_below_it(collected):
    made = record(
        attempt(first_token_s=0.75, ended_s=1.5), usage=Usage(7, 9, cached_tokens=3), stream=True, queued_s=0.1
    )
    request, (tried,) = collected.of(made)

    assert (request.name, request.kind) == ("chat fast", SpanKind.SERVER)
    assert (request.start_time, request.end_time) == (ns(0.0), ns(2.0))
    assert dict(request.attributes) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "fast",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "qwen3:4b",
        "gen_ai.response.time_to_first_chunk": 0.75,
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 3,
        "http.response.status_code": 200,
        "cortex.request.id": "0a-1",
        "cortex.dialect": "openai",
        "cortex.worker": "desk",
        "cortex.attempts": 1,
        "cortex.cache": "bypass",
        "cortex.queued": 0.1,
    }
    assert (tried.name, tried.kind) == ("chat qwen3:4b", SpanKind.CLIENT)
    assert (tried.start_time, tried.end_time) == (ns(0.25), ns(1.5))
    assert tried.parent.span_id == request.context.span_id
    assert tried.attributes["server.address"] == "10.0.0.9"
    assert tried.attributes["server.port"] == 11434
    assert tried.attributes["gen_ai.response.time_to_first_chunk"] == 0.5
    assert {request.status.status_code, tried.status.status_code} == {StatusCode.UNSET}


def test_an_attempt_that_failed_has_the_failures_word_and_the_request_that_went_on_is_no_error(collected):
    failed = attempt("gemini/1", "flash", failure=Failure("rate_limited", "quota"), ended_s=0.3)
    request, (first, second) = collected.of(record(failed, attempt(ended_s=1.0)))

    assert first.attributes["error.type"] == "rate_limited"
    assert first.attributes["gen_ai.provider.name"] == "gcp.gemini"
    assert first.status.status_code is StatusCode.ERROR
    assert "error.type" not in second.attributes
    assert "error.type" not in request.attributes
    assert request.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_request_that_was_not_answered_says_why_and_is_an_error_where_it_is_not_the_clients_doing(collected, outcome):
    request, _ = collected.of(record(outcome=outcome))

    assert request.attributes.get("error.type", "ok") == outcome
    assert (request.status.status_code is StatusCode.ERROR) is (outcome not in NOT_OURS)


def test_the_trace_of_the_client_goes_on_and_is_noted_in_the_record(collected):
    made = record(attempt(), traceparent=f"00-{TRACE}-{PARENT}-01")
    request, (tried,) = collected.of(made)

    assert {f"{span.context.trace_id:032x}" for span in (request, tried)} == {TRACE}
    assert f"{request.parent.span_id:016x}" == PARENT
    assert made.trace()["trace_id"] == TRACE


@given(
    header=st.text(max_size=60) | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True)
)
def test_whatever_stands_in_the_header_the_request_is_traced_or_left_out_as_it_asks(header):
    collected = Collected()
    collected.spans.finished(record(attempt(), traceparent=header))

    assert len(collected.exporter.get_finished_spans()) in {0, 2}


def test_what_the_client_does_not_want_sampled_is_not(collected):
    made = record(attempt(), traceparent=f"00-{TRACE}-{PARENT}-00")
    collected.exporter.clear()
    collected.spans.finished(made)

    assert collected.exporter.get_finished_spans() == ()
    assert "trace_id" not in made.trace()


SAID = "words that somebody said"


@settings(max_examples=50)
@given(
    word=st.sampled_from(WORDS),
    outcome=st.sampled_from(OUTCOMES),
    operation=st.sampled_from(["chat", "respond", *OPERATIONS]),
    given_by=st.none() | st.just(("desk", "m", 1.0)),
)
def test_no_text_of_anybody_is_in_a_span(word, outcome, operation, given_by):
    collected = Collected()
    tried = attempt("gone", failure=Failure(word, SAID, param=SAID, code=SAID))
    made = record(tried, outcome=outcome, detail=SAID, operation=operation, given=given_by)
    request, attempts = collected.of(made)

    assert SAID not in "".join(span.to_json() for span in (request, *attempts))


def test_a_kept_answer_is_told_by_who_gave_it_and_has_no_attempt(collected):
    request, attempts = collected.of(record(given=("gemini/1", "flash", 3.0), cache="hit", pays=False))

    assert attempts == ()
    assert (request.attributes["cortex.worker"], request.attributes["gen_ai.response.model"]) == ("gemini/1", "flash")
    assert request.attributes["cortex.cache"] == "hit"


def test_an_attempt_that_was_cut_short_ends_with_its_request(collected):
    _, (tried,) = collected.of(record(attempt(), outcome="client_gone"))

    assert tried.end_time == ns(2.0)


@pytest.mark.parametrize(
    ("operation", "name"), [*OPERATIONS.items(), ("chat", "chat"), ("respond", "chat"), ("", "chat")]
)
def test_what_is_done_has_the_conventions_name(collected, operation, name):
    request, _ = collected.of(record(operation=operation, model=""))
    known = {each.value for each in gen_ai_attributes.GenAiOperationNameValues}

    assert request.name == request.attributes["gen_ai.operation.name"] == name
    assert name in known


def test_every_attribute_is_of_the_conventions_or_our_own(collected):
    modules = (gen_ai_attributes, error_attributes, http_attributes, server_attributes)
    known = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    failed = attempt(failure=Failure("timeout", ""), cold=True, resumed="anew", first_token_s=0.4)
    made = record(failed, attempt(), usage=Usage(1, 2, 3, 4), stream=True, queued_s=1.0, outcome="exhausted")
    request, attempts = collected.of(made)
    names = {name for span in (request, *attempts) for name in span.attributes}

    assert {name for name in names - known if not name.startswith("cortex.")} == set()


def test_providers_that_the_conventions_name_have_their_names():
    assert set(PROVIDERS.values()) <= {each.value for each in gen_ai_attributes.GenAiProviderNameValues}
