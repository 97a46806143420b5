"""One record tells log, trace and headers the same."""

import pytest
from fleet import request
from hypothesis import given
from hypothesis import strategies as st

from cortex.chat import Usage
from cortex.messages import Failure
from cortex.telemetry.record import Attempt, Record


def record():
    return Record(id="r-7", client="10.0.0.1", dialect="ollama", arrived_s=50.0, arrived_at=1_790_000_000.0)


def attempt(worker="desk", **more):
    return Attempt(worker, "m", f"why {worker}", **{"cold": False, "began_s": 0.1, **more})


def test_why_is_the_last_choice_and_what_came_before_it():
    made = record()
    assert made.why == ""
    made.attempts.append(attempt("desk", failure=Failure("server_error", "boom")))
    assert made.why == "why desk"
    made.attempts.append(attempt("rack"))

    assert made.why == "why rack; before: desk server error"


def test_without_any_attempt_why_is_what_the_client_was_told():
    made = record()
    made.detail = "no worker is configured"

    assert made.why == "no worker is configured"


def test_the_line_and_the_trace_agree():
    made = record()
    made.describe(request("asked", stream=True))
    made.attempts.append(attempt("desk", failure=Failure("timeout", "slow", phase="stall"), ended_s=0.4))
    made.attempts.append(attempt("rack", began_s=0.4, first_token_s=0.61239, ended_s=0.9, cold=True))
    made.usage = Usage(input_tokens=5, output_tokens=9)
    made.outcome, made.status, made.total_s = "ok", 200, 1.0
    line, trace = made.line(), made.trace()

    assert {key: trace[key] for key in line} == line
    assert (line["asked"], line["worker"], line["attempts"], line["first_token_s"]) == ("asked", "rack", 2, 0.6124)
    assert (line["tokens_in"], line["tokens_out"]) == (5, 9)
    assert [made["failure"] for made in trace["attempts_made"]] == ["timeout (stall): slow", None]
    assert trace["stream"] is True


def test_a_request_that_no_worker_saw_has_no_worker_in_its_line():
    line = record().line()

    assert (line["worker"], line["model"], line["attempts"], line["asked"]) == (None, None, 0, "auto")
    assert record().trace()["overhead_s"] is None


@pytest.mark.parametrize(("detail", "shown"), [("the answer broke off", True), ("", False)])
def test_a_detail_stands_in_the_line_beside_the_attempts_it_is_about(detail, shown):
    made = record()
    made.attempts.append(attempt())
    made.detail = detail

    assert ("detail" in made.line()) is shown


times = st.floats(0.0, 100.0)


@given(total_s=times, queued_s=times, spans=st.lists(st.tuples(times, st.none() | times), max_size=4))
def test_own_time_is_what_is_neither_waiting_nor_upstream_and_never_less_than_nothing(total_s, queued_s, spans):
    made = record()
    made.total_s, made.queued_s = total_s, queued_s
    for began_s, lasted_s in spans:
        made.attempts.append(attempt(began_s=began_s, ended_s=None if lasted_s is None else began_s + lasted_s))
    upstream_s = sum((total_s if lasted_s is None else began_s + lasted_s) - began_s for began_s, lasted_s in spans)

    assert made.overhead_s >= 0.0
    assert made.overhead_s == pytest.approx(max(0.0, total_s - queued_s - upstream_s), abs=1e-6)


def test_what_is_printed_of_it_says_how_it_stands():
    made = record()
    made.attempts.append(attempt())

    assert repr(made) == "<Record r-7 running ['desk']>"
