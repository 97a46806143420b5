"""What a client is told when there is no answer: the right status, and every candidate with its why."""

from typing import get_args, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex.endpoint import refusals
from cortex.messages import Candidate, Failure, Refusal
from cortex.telemetry.record import Attempt, Record

KINDS = get_args(get_type_hints(Refusal)["kind"])


def record(*attempts):
    made = Record(id="r", client="", dialect="openai", arrived_s=0.0, arrived_at=0.0)
    made.attempts += attempts
    return made


def attempt(worker="desk", failure=None):
    return Attempt(worker, "m", "why", cold=False, began_s=0.0, failure=failure)


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after_s"),
    [
        ("no_workers", 503, "no_workers", 5.0),
        ("unknown_model", 404, "model_not_found", None),
        ("unsupported", 400, "unsupported_parameter", None),
        ("exhausted", 503, "overloaded", 5.0),
        ("quota", 429, "rate_limit_exceeded", None),
        ("queue_full", 503, "overloaded", 5.0),
        ("deadline", 503, "overloaded", 5.0),
    ],
)
def test_each_kind_of_refusal_has_its_status(kind, status, code, retry_after_s):
    problem = refusals.of_refusal(Refusal(kind, "why"), record())

    assert (problem.status, problem.code, problem.retry_after_s) == (status, code, retry_after_s)


def test_no_kind_of_refusal_is_without_a_status():
    assert set(refusals.STATUS) == set(refusals.CODE) == set(KINDS)


@given(
    kind=st.sampled_from(KINDS),
    names=st.lists(st.sampled_from("abcdef"), max_size=5, unique=True),
    retry_after_s=st.none() | st.floats(1.0, 1e6),
)
def test_every_candidate_is_named_and_a_known_time_is_passed_on(kind, names, retry_after_s):
    candidates = tuple(Candidate(f"worker-{name}", f"because {name}") for name in names)
    problem = refusals.of_refusal(Refusal(kind, "nobody can", candidates, retry_after_s), record())

    assert problem.message.startswith("nobody can")
    if kind != "unknown_model":
        assert all(f"worker-{name}: because {name}" in problem.message for name in names)
    if retry_after_s is not None:
        assert problem.retry_after_s == retry_after_s


def test_a_worker_that_was_tried_is_told_with_what_went_wrong_there():
    tried = attempt("desk", Failure("timeout", "slow", phase="stall"))
    candidates = (Candidate("desk", "tried: timeout"), Candidate("rack", "drains"))
    problem = refusals.of_refusal(Refusal("exhausted", "no worker", candidates), record(tried))

    assert problem.message == "no worker - desk: timeout (stall): slow; rack: drains"


def test_the_names_that_are_near_are_offered():
    problem = refusals.of_refusal(Refusal("unknown_model", "model 'x' not found", nearest=("a", "b")), record())

    assert problem.message == "model 'x' not found - did you mean 'a' or 'b'?"
    assert problem.param == "model"


@given(status=st.integers(0, 599))
def test_a_bad_request_keeps_its_own_4xx_and_nothing_else_poses_as_one(status):
    problem = refusals.of_failure(Failure("bad_request", "wrong", status=status, param="n"), attempt())

    assert problem.status == (status if 400 <= status < 500 else 502)
    assert (problem.message, problem.param, problem.code) == ("wrong (desk)", "n", "bad_request")


def test_an_answer_that_broke_off_says_where():
    problem = refusals.of_break(Failure("timeout", "silence", phase="stall"), attempt("rack"))

    assert (problem.status, problem.code) == (502, "upstream_timeout")
    assert problem.message == "the answer broke off: rack: timeout (stall): silence"


def test_a_deadline_says_what_each_attempt_was_at():
    tried = [attempt("desk", Failure("server_error", "boom")), attempt("rack")]
    problem = refusals.of_deadline(record(*tried), 30.0)

    assert problem.status == 504
    assert "30 s" in problem.message
    assert problem.message.endswith("desk: server_error: boom; rack: had not answered yet")
    assert refusals.of_deadline(record(), 0.5).message == "no whole answer within the deadline of 0.5 s"
