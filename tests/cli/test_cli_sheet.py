"""One actor as lines."""

import click
from scripted_daemon import actor, worker

from cortex.commands.sheet import sheet


def lines(facts):
    return [click.unstyle(line) for line in sheet(facts)]


def whole_worker(**facts):
    """A worker as /cortex/v1/workers/NAME has it."""
    more = {
        "url": "http://rack:11434",
        "key": None,
        "version": "0.33.0",
        "models": [],
        "pace": {},
        "probed_s_ago": 4.4,
        "last_failures": [],
        "requests": [],
        "mailbox": 0,
    }
    return {**worker("rack"), **more, **facts}


def test_a_worker_is_told_in_blocks():
    models = [
        {"name": "qwen3:4b", "loaded": True, "context_length": 32768, "digest": ""},
        {"name": "m", "loaded": None, "context_length": None, "digest": ""},
    ]
    facts = whole_worker(
        models=models,
        pace={"qwen3:4b": {"first_token_s": 0.3, "total_s": 2.125, "load_s": 1.5}},
        requests=["r-1", "r-2"],
        answered=12,
        in_flight=1,
    )

    assert lines(facts) == [
        "● ready  rack  ollama 0.33.0 at http://rack:11434",
        "",
        "in flight  1 of 1 slots",
        "mailbox    0",
        "breaker    closed",
        "requests   12 answered, 0 failed",
        "probed     4s ago",
        "models     qwen3:4b  loaded  context 32768  first token 0.30 s, answer 2.12 s, load 1.50 s",
        "           m",
        "running    r-1",
        "           r-2",
    ]


def test_a_worker_that_is_not_ready_says_why_first():
    facts = whole_worker(state="unreachable", why="was unreachable at the last probe")

    assert lines(facts)[2] == "why        was unreachable at the last probe"


def test_failures_are_told_newest_first():
    failures = [
        {"s_ago": 90.2, "word": "busy", "detail": "busy: full"},
        {"s_ago": 3.0, "word": "timeout", "detail": ""},
    ]

    assert lines(whole_worker(last_failures=failures))[-2:] == [
        "failures   3s ago     timeout",
        "           1m30s ago  busy: full",
    ]


def test_a_key_is_shown_by_its_mask():
    assert "key        ***demo" in lines(whole_worker(key="***demo"))


def test_a_worker_nobody_looked_at_says_so():
    assert "probed     not yet" in lines(whole_worker(probed_s_ago=None))


def test_any_other_actor_has_its_mailbox_and_restarts():
    assert lines(actor("dispatcher", restarts=2)) == [
        "● running  dispatcher  worker",
        "",
        "mailbox    0",
        "restarts   2",
    ]


def test_what_an_upstream_said_cannot_move_the_cursor():
    failures = [{"s_ago": 1.0, "word": "server_error", "detail": "\x1b[2Jgone\nline"}]

    assert "\x1b[2J" not in "".join(sheet(whole_worker(last_failures=failures)))


def window(**facts):
    """A window of a quota as /cortex/v1/workers/NAME has it."""
    whole = {
        "model": "m",
        "window": "requests_per_day",
        "limit": 20,
        "used": 3,
        "reserved": 0,
        "left": 17,
        "reset_at": None,
        "rests_until": None,
        "learned_from": "preset",
    }
    return {**whole, **facts}


def test_each_window_of_a_quota_has_a_line():
    windows = [
        window(),
        window(model=None, window="tokens_per_minute", reserved=2, learned_from="file"),
        window(left=0, used=20, learned_from="error"),
        window(learned_from="headers"),
    ]

    assert [" ".join(line.split()) for line in lines(whole_worker(quota=windows)) if "used" in line] == [
        "quota m requests per day 3 of 20 used 17 left from the built-in data",
        "all models tokens per minute 3 of 20 used, 2 under way 17 left from the settings",
        "m requests per day 20 of 20 used 0 left from the text of a 429",
        "m requests per day 3 of 20 used 17 left from the upstream's headers",
    ]


def test_a_window_says_until_when_it_rests_before_it_says_when_it_resets():
    windows = [window(reset_at=0.0 + 86_400), window(reset_at=86_400, rests_until=3_600)]
    found = [line for line in lines(whole_worker(quota=windows)) if "used" in line]

    assert "reset " in found[0]
    assert "rests until " in found[1]


def test_what_a_key_was_used_for_is_told_where_there_was_something():
    sums = {
        "requests": 3,
        "tokens_in": 10,
        "tokens_out": 20,
        "tokens_cached": 4,
        "cost_usd": 0.0,
        "would_have_cost_usd": 0.00125,
        "errors": {"rate_limited": 1},
    }
    nothing = {**sums, "requests": 0}
    found = [line for line in lines(whole_worker(usage={"today": nothing, "week": sums})) if "tokens in" in line]

    assert [" ".join(line.split()) for line in found] == [
        "usage week 3 requests 10 tokens in (4 cached), 20 out $0.0000 of $0.0013 1 rate limited"
    ]
