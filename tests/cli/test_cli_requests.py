"""`cortex requests`."""

import json

import click
import pytest
from scripted_daemon import refuses, says

from cortex.commands.bars import EMPTY, FULL
from cortex.commands.story import FAILED, LANE, QUEUED, story, table

NOW = 1_700_000_100.0


def line(number, **facts):
    """A request as /cortex/v1/requests lists it."""
    return {
        "id": f"r-{number}",
        "client": "127.0.0.1",
        "dialect": "openai",
        "asked": "fast",
        "worker": "desk",
        "model": "qwen3:4b",
        "cache": "bypass",
        "attempts": 1,
        "why": "local",
        "first_token_s": 0.3,
        "total_s": 2.0,
        "tokens_in": 6,
        "tokens_out": 60,
        "outcome": "ok",
        "status": 200,
        "arrived_at": NOW - 10,
        **facts,
    }


def attempt(worker, **facts):
    about = {"worker": worker, "model": "qwen3:4b", "why": "local", "cold": False, "failure": None}
    return {**about, "began_s": 0.0, "first_token_s": 0.5, "ended_s": 2.0, **facts}


def trace(*attempts, **facts):
    """A request as /cortex/v1/requests/ID has it."""
    more = {
        "operation": "chat",
        "stream": True,
        "queued_s": 0.0,
        "overhead_s": 0.00031,
        "attempts_made": list(attempts),
        "candidates": [],
        "cost_usd": 0.0,
        "saved_usd": 0.0004,
    }
    return {**line(1), "attempts": len(attempts), **more, **facts}


def told(facts):
    return [click.unstyle(each) for each in story(facts, NOW)]


def bar_of(facts, worker):
    row = next(each for each in told(facts) if each.startswith(f"{worker} ") and "▕" in each)
    return row.partition("▕")[2].partition("▏")[0]


def test_a_line_a_request(daemon, cortex):
    running = line(2, outcome="", worker=None, model=None, attempts=0, first_token_s=None, tokens_out=None, status=0)
    daemon.answers["GET /cortex/v1/requests?limit=20"] = says({"requests": [running, line(1, cache="hit")]})

    result = cortex("requests")

    assert result.exit_code == 0
    heading, *rows = [each.split() for each in result.stdout.splitlines()]
    assert heading[:2] == ["arrived", "outcome"]
    assert rows[0][-10:] == ["◉", "running", "fast", "-", "-", "0", "-", "…", "-", "r-2"]
    assert rows[1][-15:-6] == ["●", "ok", "fast", "desk", "qwen3:4b", "1", "300", "ms", "2"]
    assert rows[1][-5:] == ["6", "→", "60", "hit", "r-1"]


def test_the_limit_is_the_daemons_affair(daemon, cortex):
    daemon.answers["GET /cortex/v1/requests?limit=3"] = says({"requests": []})

    assert cortex("requests", "--limit", "3").stdout == "no request has come yet\n"
    assert cortex("requests", "--limit", "1001").exit_code == 2


def test_json_is_the_daemons_object_as_it_is(daemon, cortex):
    body = b'{"requests":  [{"later": 1}]}'
    daemon.answers["GET /cortex/v1/requests?limit=20"] = says({"requests": [line(1)]})
    daemon.answers["GET /cortex/v1/requests?limit=1"] = says(body.replace(b'{"later": 1}', b""))

    assert json.loads(cortex("requests", "--json").stdout) == {"requests": [line(1)]}
    assert cortex("requests", "--json", "--limit", "1").stdout_bytes == b'{"requests":  []}\n'


@pytest.mark.parametrize(("outcome", "code"), [("ok", 0), ("", 0), ("no_capacity", 1), ("client_gone", 1)])
def test_the_exit_code_says_how_that_request_ended(daemon, cortex, outcome, code):
    daemon.answers["GET /cortex/v1/requests/r-1"] = says(trace(attempt("desk"), outcome=outcome))

    assert cortex("requests", "r-1").exit_code == code
    assert cortex("requests", "r-1", "--json").exit_code == code


def test_a_request_that_is_not_remembered_is_wrong_use(daemon, cortex):
    daemon.answers["GET /cortex/v1/requests/a%2Fb"] = refuses(404, "no request 'a/b' among the last")

    result = cortex("requests", "a/b")

    assert (result.exit_code, result.stderr) == (2, "cortex: no request 'a/b' among the last\n")


def test_the_story_says_what_it_took():
    lines = told(trace(attempt("desk"), queued_s=0.25))

    assert lines[0] == "● ok  r-1  local"
    assert [each for each in lines if each.startswith(("waited", "tokens", "cost", "Córtex", "client"))] == [
        "client        127.0.0.1, openai chat, streamed",
        "waited        250 ms",
        "Córtex's own  0.31 ms",
        "tokens        6 in, 60 out",
        "cost          $0.00, $0.0004 saved",
    ]


def test_an_attempt_is_a_bar_of_its_waiting_and_its_answer():
    bar = bar_of(trace(attempt("desk", began_s=0.0, first_token_s=0.5, ended_s=2.0)), "desk")

    assert bar == EMPTY * (LANE // 4) + FULL * (LANE * 3 // 4)


def test_waiting_for_a_slot_comes_before_the_first_attempt():
    bar = bar_of(trace(attempt("desk", began_s=1.0, first_token_s=1.5), queued_s=1.0), "desk")

    assert bar == QUEUED * (LANE // 2) + EMPTY * (LANE // 4) + FULL * (LANE // 4)


def test_a_failed_attempt_says_what_failed_and_who_came_after():
    failed = attempt("rack", first_token_s=None, ended_s=1.0, failure="refused: connection refused")
    facts = trace(failed, attempt("desk", began_s=1.0, first_token_s=1.5))

    assert bar_of(facts, "rack") == FAILED * (LANE // 2) + " " * (LANE // 2)
    assert bar_of(facts, "desk").startswith(" " * (LANE // 2) + EMPTY)
    assert "✕ refused: connection refused" in "\n".join(told(facts))
    assert "2 attempts in 2 s" in told(facts)


def test_a_request_that_runs_has_its_bar_up_to_now():
    running = trace(attempt("desk", first_token_s=None, ended_s=None), outcome="", arrived_at=NOW - 4, overhead_s=None)

    assert bar_of(running, "desk") == EMPTY * LANE
    assert "1 attempt in 4 s" in told(running)


def test_the_candidates_come_in_their_order_with_why():
    candidates = [
        {"worker": "desk", "model": "qwen3:4b", "reason": "local", "place": 1},
        {"worker": "rack", "model": None, "reason": "drains", "place": None},
    ]
    lines = told(trace(attempt("desk"), candidates=candidates))

    assert [each.split() for each in lines[-2:]] == [["1.", "desk", "qwen3:4b", "local"], ["-", "rack", "drains"]]


def test_a_request_that_nobody_tried_has_no_bars():
    lines = told(trace(outcome="no_capacity", detail="all rest", worker=None, model=None, first_token_s=None))

    assert lines[:2] == ["✕ no capacity  r-1  local", "all rest"]
    assert not any("▕" in each for each in lines)


def test_what_a_model_or_an_upstream_said_moves_no_cursor():
    facts = trace(
        attempt("desk", failure="\x1b[2J", first_token_s=None), detail="\x1b[2J", why="\x1b[2J", asked="\x1b[2J"
    )

    assert all("\x1b[2J" not in each for each in [*story(facts, NOW), *table([facts], NOW)])
