"""The sweep: what it ends, what it leaves, and what it tells those that wait long."""

import asyncio
import json

import pytest
from fleet import NOW
from hypothesis import given
from hypothesis import strategies as st

from cortex.endpoint.exchange import BODY_TIMEOUT_S, CLIENT_STALL_S, Exchange
from cortex.endpoint.exchange import sweep as swept
from cortex.endpoint.ollama import Ollama
from cortex.endpoint.openai import OpenAI
from cortex.endpoint.reply import ClientGoneError
from cortex.telemetry.record import Attempt, Record

COMMENT_AFTER_S = 5.0


def sweep(exchanges, now):
    swept(exchanges, now, COMMENT_AFTER_S)


class FakeReply:
    """Remembers what was written."""

    def __init__(self):
        self.status_sent, self.paused_at, self.events, self.gone, self.is_ended = 0, None, [], False, False

    @property
    def written(self):
        return len(self.events)

    def begin(self, content_type, headers, first=b""):
        if self.gone:
            raise ClientGoneError
        self.status_sent = 200
        self.head = (content_type, headers)
        self.events.append(first)

    def write(self, data):
        if self.gone:
            raise ClientGoneError
        self.events.append(data)


class FakeTask:
    """Counts how often it was cancelled."""

    cancelled = 0

    def cancel(self):
        self.cancelled += 1


def exchange(*, dialect=None, asked=True, stream=True, left_s=300.0):
    record = Record(id="r-1", client="", dialect="openai", arrived_s=NOW, arrived_at=0.0)
    made = Exchange(dialect=dialect or OpenAI(lambda: 0.0), reply=FakeReply(), record=record, task=FakeTask())
    if asked:
        body = {"model": "qwen3:32b", "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        made.request = made.dialect.read("chat", json.dumps(body).encode())
        made.deadline_s = NOW + left_s
    return made


def attempt(**more):
    return Attempt("desk", "qwen3:32b", "local", **{"cold": True, "began_s": 0.0, **more})


def test_a_body_that_does_not_come_is_not_waited_for_for_ever():
    made = exchange(asked=False)
    sweep([made], NOW + BODY_TIMEOUT_S - 0.01)
    assert made.ended_by == ""
    sweep([made], NOW + BODY_TIMEOUT_S)

    assert (made.ended_by, made.task.cancelled) == ("body", 1)


@given(left_s=st.floats(0.1, 600.0), at_s=st.floats(0.0, 700.0))
def test_a_request_is_ended_at_its_deadline_and_not_before(left_s, at_s):
    made = exchange(left_s=left_s)
    sweep([made], NOW + at_s)

    assert (made.ended_by == "deadline") is (NOW + at_s >= made.deadline_s)


def test_a_client_that_does_not_read_is_ended_after_a_while():
    made = exchange()
    made.reply.paused_at = NOW
    sweep([made], NOW + CLIENT_STALL_S)
    assert made.ended_by == ""
    sweep([made], NOW + CLIENT_STALL_S + 0.01)

    assert made.ended_by == "stall"


def test_what_is_ended_is_ended_once_and_the_first_reason_stays():
    made = exchange(left_s=1.0)
    for _ in range(3):
        sweep([made], NOW + 2.0)
    made.end("shutdown")

    assert (made.ended_by, made.task.cancelled) == ("deadline", 1)


def test_one_sweep_looks_at_all():
    many = [exchange(left_s=seconds) for seconds in (1.0, 5.0, 2.0)]
    sweep(many, NOW + 3.0)

    assert [each.ended_by for each in many] == ["deadline", "", "deadline"]


@pytest.mark.parametrize(
    ("attempts", "doing"),
    [
        ([], b": waiting for a free worker"),
        ([attempt(ended_s=0.5)], b": waiting for a free worker"),
        ([attempt()], b": waiting for desk, loading qwen3:32b"),
        ([attempt(cold=False)], b": waiting for desk, qwen3:32b"),
    ],
)
def test_a_stream_that_is_silent_for_long_is_opened_with_what_is_waited_for(attempts, doing):
    made = exchange()
    made.record.attempts += attempts
    sweep([made], NOW + COMMENT_AFTER_S - 0.01)
    assert made.reply.events == []
    sweep([made], NOW + COMMENT_AFTER_S)

    assert made.reply.events[0].startswith(doing)
    assert made.reply.head[0].startswith("text/event-stream")
    assert "X-Cortex-Request: r-1" in made.reply.head[1]


def test_comments_come_once_in_each_such_time():
    made = exchange()
    for tenths in range(int(40 * COMMENT_AFTER_S)):
        sweep([made], NOW + tenths / 10)

    assert len(made.reply.events) == 3


@pytest.mark.parametrize(
    "made",
    [exchange(stream=False), exchange(dialect=Ollama(lambda: 0.0)), exchange(asked=False)],
    ids=["whole answer", "dialect without comments", "no request yet"],
)
def test_where_a_comment_would_be_wrong_there_is_none(made):
    sweep([made], NOW + COMMENT_AFTER_S + 1)

    assert (made.reply.events, made.reply.status_sent) == ([], 0)


def test_a_stream_that_flows_needs_no_comments_and_one_that_falls_silent_does():
    made = exchange()
    made.record.attempts.append(attempt(first_token_s=0.5))
    for second in range(30):
        made.reply.write(b"data: {}\n\n")
        sweep([made], NOW + second)
    assert set(made.reply.events) == {b"data: {}\n\n"}
    sweep([made], NOW + 29 + COMMENT_AFTER_S)

    assert made.reply.events[-1].startswith(b": waiting for desk")


@pytest.mark.parametrize("state", [{"is_ended": True}, {"paused_at": NOW}])
def test_a_client_whose_answer_has_ended_or_that_does_not_read_is_sent_no_comment(state):
    made = exchange()
    for name, value in state.items():
        setattr(made.reply, name, value)
    sweep([made], NOW + COMMENT_AFTER_S)

    assert made.reply.events == []


def test_a_client_that_left_does_not_hurt_the_sweep():
    gone, other = exchange(), exchange()
    gone.reply.gone = True
    sweep([gone, other], NOW + COMMENT_AFTER_S)

    assert other.reply.events


def test_headers_say_who_answered_and_why():
    made = exchange()
    assert made.head().split("\r\n") == [
        "X-Cortex-Request: r-1",
        "X-Cortex-Attempts: 0",
        "X-Cortex-Cache: bypass",
        "x-request-id: r-1",
        "",
    ]
    made.record.attempts.append(attempt())

    assert made.head().split("\r\n") == [
        "X-Cortex-Request: r-1",
        "X-Cortex-Worker: desk",
        "X-Cortex-Model: qwen3:32b",
        "X-Cortex-Attempts: 1",
        "X-Cortex-Cache: bypass",
        "X-Cortex-Why: local",
        "x-request-id: r-1",
        "",
    ]


@given(model=st.text(max_size=60), why=st.text(max_size=60))
def test_no_model_and_no_why_can_write_a_header_of_its_own(model, why):
    made = exchange()
    made.record.attempts.append(Attempt("desk", model, why, cold=False, began_s=0.0))

    assert made.head().count("\r\n") == 7
    assert made.head().replace("\r\n", "").isprintable()


async def test_a_real_task_is_ended_by_it():
    made = exchange(left_s=1.0)
    made.task = asyncio.ensure_future(asyncio.Event().wait())
    sweep([made], NOW + 1.0)
    await asyncio.wait([made.task])

    assert made.task.cancelled()
