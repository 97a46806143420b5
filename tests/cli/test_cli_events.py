"""`cortex events`."""

import json
import threading

import pytest
from scripted_daemon import refuses, says, snapshot

from cortex.commands import events as module
from cortex.commands.client import Client
from cortex.commands.events import LATEST, Seen, following, read
from cortex.commands.trouble import NotRunning, Refused
from cortex.commands.where import Where

HAPPENED = [
    {"at": 1_700_000_000.0, "level": "info", "event": "progress", "actor": "ledger"},
    {"at": 1_700_000_001.0, "level": "warning", "event": "breaker opened", "worker": "desk"},
    {"at": 1_700_000_002.0, "level": "error", "event": "key retired", "worker": "cloud/1"},
]


def event(number, **facts):
    return {"at": float(number), "level": "info", "event": "x", **facts}


def stream(*happened):
    """A stream that is cut after these."""
    return says(b": the events\n\n: ping\n\n" + b"".join(b"data: %s\n\n" % json.dumps(e).encode() for e in happened))


def test_the_last_are_shown_the_newest_at_the_end(daemon, cortex):
    daemon.answers["GET /cortex/v1/snapshot"] = says(snapshot(events=HAPPENED))

    result = cortex("events")

    assert result.exit_code == 0
    assert [line.split("  ", 1)[1].strip() for line in result.stdout.splitlines()] == [
        "● ledger started",
        "◐ desk breaker opened",
        "▲ cloud/1 key retired",
    ]


@pytest.mark.parametrize(("level", "count"), [("info", 3), ("warning", 2), ("error", 1)])
def test_the_quieter_are_left_out(daemon, cortex, level, count):
    daemon.answers["GET /cortex/v1/snapshot"] = says(snapshot(events=HAPPENED))

    assert len(cortex("events", "--level", level).stdout.splitlines()) == count


def test_json_is_one_object_a_line_as_the_daemon_sent_it(daemon, cortex):
    daemon.answers["GET /cortex/v1/snapshot"] = says(snapshot(events=HAPPENED))

    lines = cortex("events", "--json", "--limit", "2").stdout.splitlines()

    assert [json.loads(line) for line in lines] == HAPPENED[1:]


def test_no_daemon_is_3_with_or_without_follow(cortex):
    for more in ([], ["--follow"]):
        result = cortex("events", "--url", "http://127.0.0.1:1", *more)
        assert (result.exit_code, result.stdout) == (3, "")


def test_a_refusal_ends_following_with_1(daemon, cortex):
    daemon.answers["GET /cortex/v1/events"] = refuses(503, "too many streams of events are open")

    result = cortex("events", "--follow")

    assert (result.exit_code, result.stderr) == (1, "cortex: too many streams of events are open\n")


def test_following_goes_on_over_a_cut_and_shows_nothing_twice(daemon, capsys):
    """The second connection begins with the last events, as a real daemon's does."""
    connections = iter([stream(event(1), event(2)), stream(event(2), event(3))])
    waits = []

    def cut(seconds):
        waits.append(seconds)
        daemon.answers["GET /cortex/v1/events"] = next(connections)

    cut(0)
    happening = following(Client(Where(daemon.url)), sleep=cut)

    assert [next(happening)["at"] for _ in range(3)] == [1.0, 2.0, 3.0]
    assert waits == [0, 0.25]
    said = capsys.readouterr().err
    assert "the stream of events ended; trying again" in said
    assert f"the Córtex at {daemon.url} is there again" in said


def test_a_daemon_that_is_gone_for_long_is_said_once_and_asked_ever_more_seldom(daemon, capsys, monkeypatch):
    daemon.answers["GET /cortex/v1/events"] = stream(event(1))
    client = Client(Where(daemon.url))
    waits = []

    def gone(*_):
        raise NotRunning(daemon.url, "connection refused")

    def sleep(seconds):
        waits.append(seconds)
        monkeypatch.setattr(client, "_connect", gone) if len(waits) < 8 else monkeypatch.undo()
        daemon.answers["GET /cortex/v1/events"] = stream(event(2))

    happening = following(client, sleep)

    assert [next(happening)["at"], next(happening)["at"]] == [1.0, 2.0]
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0, 5.0]
    assert capsys.readouterr().err.count("trying again") == 1


def test_a_key_that_is_not_taken_any_more_ends_following(daemon):
    daemon.answers["GET /cortex/v1/events"] = stream(event(1))

    def change_the_key(_):
        daemon.answers["GET /cortex/v1/events"] = refuses(401, "x")

    happening = following(Client(Where(daemon.url)), change_the_key)
    next(happening)

    with pytest.raises(Refused, match="wants a key"):
        next(happening)


def test_each_event_is_printed_as_it_happens_and_ctrl_c_is_a_good_end(daemon, cortex, monkeypatch):
    def interrupted(lines):
        yield from read(lines)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "read", interrupted)
    request = event(2, event="request", id="r-1", asked="fast", model="qwen3:4b", total_s=0.31, outcome="ok")
    daemon.answers["GET /cortex/v1/events"] = stream(event(1, worker="desk"), request)

    result = cortex("events", "--follow")
    with_requests = cortex("events", "--follow", "--requests")

    assert result.exit_code == 0
    assert [line.split()[-2:] for line in result.stdout.splitlines()] == [["desk", "x"]]
    assert "answered  id r-1 · asked fast · model qwen3:4b · total 310 ms · outcome ok" in with_requests.stdout


def test_an_event_is_given_on_before_the_next_has_happened(daemon):
    shown = threading.Event()

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b'data: {"event": "x"}\n\n')
        shown.wait(20)

    daemon.answers["GET /cortex/v1/events"] = answer
    happening = following(Client(Where(daemon.url)))

    assert next(happening) == {"event": "x"}
    assert not shown.is_set()
    shown.set()
    happening.close()


def test_what_is_no_event_is_passed_over():
    lines = iter([": ping", "", "data: nonsense", "data: [1]", 'data: {"event": "x"}', "event: y"])

    assert list(read(lines)) == [{"event": "x"}]


def test_the_same_event_twice_on_one_connection_is_shown_twice():
    """Only what a new connection repeats was there before; two equal events are two."""
    seen = Seen()

    assert [seen.is_new(event(1)) for _ in range(2)] == [True, True]
    seen.again()
    assert [seen.is_new(event(1)) for _ in range(LATEST + 1)] == [False] * LATEST + [True]


def test_a_request_that_ended_is_never_taken_for_a_repetition():
    seen = Seen()
    seen.is_new(event(1, event="request"))
    seen.again()

    assert seen.is_new(event(1, event="request"))
