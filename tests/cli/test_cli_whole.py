"""The command line against the real daemon, with the simulated upstreams of its demonstration."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cortex.commands.tree import actors

BOUND_S = 30
TREE_KEYS = {"cache", "status", "version", "uptime_s", "in_flight", "queue", "problems", "tree"}
ACTOR_KEYS = {"name", "kind", "state", "restarts", "mailbox"}
WORKER_KEYS = {"why", "provider", "slots", "in_flight", "breaker", "models", "loaded", "answered", "failed"}
WHOLE_KEYS = {
    "url",
    "key",
    "local",
    "version",
    "weight",
    "pace",
    "probed_s_ago",
    "last_failures",
    "quota",
    "requests",
    "usage",
}


@pytest.fixture
def real(demo, cortex, monkeypatch):
    """The demonstration with every worker ready, whatever the test before has ordered."""
    monkeypatch.setenv("CORTEX_URL", demo)
    end = time.monotonic() + BOUND_S
    while cortex("status").exit_code:
        assert time.monotonic() < end, cortex("status").stdout


def test_the_keys_of_the_tree_are_what_scripts_rely_on(real, cortex):
    whole = json.loads(cortex("status", "--json").stdout)

    assert set(whole) == TREE_KEYS
    assert set(whole["tree"]) == {"name", "kind", "children"}
    workers = next(actor for actor in whole["tree"]["children"] if actor["name"] == "workers")
    assert set(workers) == ACTOR_KEYS | {"children"}
    assert [worker["name"] for worker in workers["children"]] == ["desk", "rack", "cloud/1"]
    for worker in workers["children"]:
        assert set(worker) == ACTOR_KEYS | WORKER_KEYS


def test_the_keys_of_a_worker_are_what_scripts_rely_on(real, cortex):
    whole = json.loads(cortex("status", "cloud/1", "--json").stdout)

    assert set(whole) == (WORKER_KEYS | WHOLE_KEYS | {"name", "state", "mailbox"})


def test_the_tree_of_the_real_daemon_is_drawn(real, cortex):
    lines = cortex("status").stdout.splitlines()

    assert lines[0].startswith("● healthy  Córtex ")
    assert any(line.startswith("│  └─ cloud/1") for line in lines)


def test_a_worker_drains_and_resumes(real, cortex):
    drained = cortex("drain", "rack")
    while_drained = cortex("status")
    resumed = cortex("resume", "rack")

    assert (drained.exit_code, drained.stdout) == (0, "rack  ◐ draining\n")
    assert while_drained.exit_code == 1
    assert "drains" in while_drained.stdout
    assert (resumed.exit_code, resumed.stdout) == (0, "rack  ● ready\n")


def test_a_key_rests_for_a_while(real, cortex):
    rested = cortex("rest", "cloud/1", "--for", "2h")
    sheet = cortex("status", "cloud/1")
    cortex("resume", "cloud/1")

    assert rested.stdout == "cloud/1  ◐ resting\n"
    assert "why        rests 7" in sheet.stdout


def test_any_actor_is_restarted_and_counted(real, cortex):
    assert cortex("restart", "telemetry").exit_code == 0

    tree = json.loads(cortex("status", "telemetry", "--json").stdout)
    assert (tree["state"], tree["restarts"]) == ("running", 1)


def test_names_that_nobody_has_are_wrong_use(real, cortex):
    assert cortex("status", "dsk").exit_code == 2
    assert cortex("drain", "dsk").exit_code == 2
    assert cortex("restart", "dsk").exit_code == 2


def test_a_question_is_answered_by_a_simulated_worker(real, cortex):
    result = cortex("chat", "sim-cloud-70b", input="Hello")

    assert result.exit_code == 0
    assert result.stdout.startswith("[simulated by cloud]")
    assert "cloud/1, sim-cloud-70b (" in result.stderr
    assert " tokens/s" in result.stderr


def test_a_model_that_nobody_has_is_told_with_the_nearest(real, cortex):
    result = cortex("chat", "qwen3:40b", input="Hello")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "cortex: model 'qwen3:40b' not found" in result.stderr


def test_completion_asks_the_real_daemon(real, cortex):
    variables = {"_CORTEX_COMPLETE": "bash_complete", "COMP_WORDS": "cortex probe ", "COMP_CWORD": "2"}

    assert cortex(env=variables).stdout.split() == ["plain,desk", "plain,rack", "plain,cloud/1"]


def test_the_demonstration_says_that_a_settings_file_is_not_read(tmp_path):
    """The port is taken, so that it ends at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [sys.executable, "-m", "cortex", "run", "--demo", "--config", "mine.toml"],
            env={**os.environ, "CORTEX_PORT": str(taken.getsockname()[1])},
            capture_output=True,
            timeout=BOUND_S,
            check=False,
            cwd=Path(tmp_path),
        )

    assert done.returncode == 1
    assert b"--demo has settings of its own; mine.toml is not read" in done.stderr


def test_the_last_requests_the_keys_the_models_and_the_events_of_the_real_daemon_are_told(real, cortex):
    cortex("chat", "sim-cloud-70b", input="Hello")

    newest = json.loads(cortex("requests", "--json").stdout)["requests"][0]
    story = cortex("requests", newest["id"])

    assert (story.exit_code, newest["worker"]) == (0, "cloud/1")
    assert "1 attempt in " in story.stdout
    assert "1.  cloud/1  sim-cloud-70b" in story.stdout
    assert any(line.startswith("cloud/1  ● ready") for line in cortex("keys").stdout.splitlines())
    assert "requests per minute" in cortex("keys").stdout
    assert any(line.startswith("sim-cloud-70b  cloud/1") for line in cortex("models").stdout.splitlines())
    assert "● endpoint started" in cortex("events", "--limit", "200").stdout


def test_the_picture_of_top_has_the_actors_of_status(real, cortex):
    picture = json.loads(cortex("top", "--json").stdout)

    assert set(picture) == {"version", "pid", "started_at", "at", "summary", "rows", "order", "events"}
    assert picture["rows"]["telemetry"]["mailbox_limit"] == 10_000
    tree = json.loads(cortex("status", "--json").stdout)["tree"]
    assert set(picture["order"]) == {"root", *(actor["name"] for actor in actors(tree))}
    drawn = cortex("top")
    assert drawn.exit_code == 0
    assert all(name in drawn.stdout for name in picture["order"])
