"""`cortex status`."""

import json

import click
import pytest
from scripted_daemon import actor, refuses, says, tree, worker

UNKNOWN = refuses(404, "no worker 'x'; there are: desk")


def serve(daemon, *workers, **facts):
    daemon.answers["GET /cortex/v1/tree"] = says(tree(*workers, **facts))


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({}, 0),
        ({"status": "degraded"}, 1),
        ({"status": "unhealthy"}, 1),
        ({"status": "no_workers"}, 1),
        ({"problems": ["supervision.toml:3: server.port: expected a number, found a string"]}, 1),
    ],
)
def test_the_exit_code_says_whether_all_is_well(daemon, cortex, facts, code):
    serve(daemon, worker("desk"), **facts)

    assert cortex("status").exit_code == code
    assert cortex("status", "--json").exit_code == code


def test_the_summary_comes_first_and_problems_last(daemon, cortex):
    serve(daemon, worker("desk"), problems=["supervision.toml:3: mistake"])

    lines = cortex("status").stdout.splitlines()

    assert lines[0].startswith("● healthy")
    assert lines[-1] == "  supervision.toml:3: mistake"


def test_json_is_the_daemons_object_as_it_is(daemon, cortex):
    body = b'{"status": "healthy",  "problems": [], "tree": {"name": "root"}, "later": "\xc3\xb6"}'
    daemon.answers["GET /cortex/v1/tree"] = says(body)

    result = cortex("status", "--json")

    assert (result.stdout_bytes, result.stderr) == (body + b"\n", "")


def test_one_worker_is_shown_whole(daemon, cortex):
    daemon.answers["GET /cortex/v1/workers/cloud/1"] = says(
        worker("cloud/1", models=[], url="http://x", key="***demo", mailbox=3)
    )

    result = cortex("status", "cloud/1")

    assert result.exit_code == 0
    assert "mailbox    3" in result.stdout.splitlines()


def test_a_worker_that_is_not_ready_ends_with_1(daemon, cortex):
    daemon.answers["GET /cortex/v1/workers/desk"] = says(worker("desk", models=[], state="open", why="breaker open"))

    assert cortex("status", "desk").exit_code == 1


def test_another_actor_is_found_in_the_tree(daemon, cortex):
    serve(daemon, worker("desk"))
    daemon.answers["GET /cortex/v1/workers/dispatcher"] = UNKNOWN

    result = cortex("status", "dispatcher", "--json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, actor("dispatcher"))


def test_a_name_that_nobody_has_is_wrong_use_and_told_those_there_are(daemon, cortex):
    serve(daemon, worker("desk"), worker("rack"))
    daemon.answers["GET /cortex/v1/workers/dsk"] = UNKNOWN

    result = cortex("status", "dsk")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "no actor 'dsk' (did you mean desk?); there are: telemetry, workers, desk, rack" in result.stderr


def test_a_daemon_in_trouble_is_told_with_1(daemon, cortex):
    daemon.answers["GET /cortex/v1/tree"] = refuses(503, "workers did not answer: TimeoutError")

    result = cortex("status")

    assert (result.exit_code, result.stderr) == (1, "cortex: workers did not answer: TimeoutError\n")


def test_no_daemon_is_one_line_that_helps_and_3(cortex):
    result = cortex("status", "--url", "http://127.0.0.1:1")

    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.count("\n") == 1
    assert "no Córtex at http://127.0.0.1:1" in result.stderr


@pytest.mark.parametrize("arguments", [["--nothing"], ["a", "b"], ["--url", "ftp://x"]])
def test_wrong_use_is_2(cortex, arguments):
    assert cortex("status", *arguments).exit_code == 2


def test_colour_is_for_terminals(daemon, cortex):
    serve(daemon, worker("desk"))

    assert "\x1b" not in cortex("status").stdout
    assert "\x1b" in cortex("status", color=True).stdout


def test_colour_is_never_under_no_color(daemon, cortex, monkeypatch):
    serve(daemon, worker("desk"), problems=["a"])
    coloured = cortex("status", color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")

    assert cortex("status", color=True).stdout == click.unstyle(coloured)


def test_an_empty_no_color_means_nothing(daemon, cortex, monkeypatch):
    serve(daemon, worker("desk"))
    monkeypatch.setenv("NO_COLOR", "")

    assert "\x1b" in cortex("status", color=True).stdout


def test_the_key_of_the_environment_is_sent(daemon, cortex, monkeypatch):
    serve(daemon, worker("desk"))
    monkeypatch.setenv("CORTEX_API_KEY", "secret-of-a-key")

    cortex("status")

    assert daemon.asked[0].headers["Authorization"] == "Bearer secret-of-a-key"


def test_a_wanted_key_is_explained(daemon, cortex):
    daemon.answers["GET /cortex/v1/tree"] = refuses(401, "x")

    result = cortex("status")

    assert result.exit_code == 1
    assert "set CORTEX_API_KEY" in result.stderr
